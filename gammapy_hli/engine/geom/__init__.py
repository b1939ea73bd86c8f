"""Axes, regions, tangent planes and masks."""
