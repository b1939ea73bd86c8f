"""Analytic responses, event sampling, DL3 writer."""
