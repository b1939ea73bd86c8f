"""Folding of models with datasets: predicted counts."""
