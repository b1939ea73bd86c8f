"""Flux points and other estimates that follow a fit."""
