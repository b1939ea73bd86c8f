"""The page that shows an analysis."""
