"""Likelihoods and counting statistics on plain arrays."""
