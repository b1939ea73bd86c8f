"""Reduced data: spectra with and without off counts, stacking, files."""
