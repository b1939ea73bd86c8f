"""Instrument response functions and their GADF files."""
