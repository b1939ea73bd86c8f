"""Parameters, spectral and sky models, their table and their YAML."""
