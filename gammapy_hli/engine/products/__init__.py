"""Frozen results of the steps and their files."""
