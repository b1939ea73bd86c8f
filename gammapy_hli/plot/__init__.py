"""Figures made from products."""
