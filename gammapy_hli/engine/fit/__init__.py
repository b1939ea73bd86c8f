"""Compiled likelihoods and their minimisation."""
