"""The ground: errors, strict YAML, suggestions, atomic files, summaries."""
