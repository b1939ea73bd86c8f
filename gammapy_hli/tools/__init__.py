"""One step, one Tool, one file, one executable."""
