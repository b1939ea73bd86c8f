"""Configurable pieces that several tools share."""
