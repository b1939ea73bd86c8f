"""The tool kit: traits, components, tools, and the resolver of options. Knows nothing of gamma rays."""
