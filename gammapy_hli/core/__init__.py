"""The tool kit: traits, components, tools, resolver; knows nothing of gamma rays."""
