"""Spectral models: one family a file."""
