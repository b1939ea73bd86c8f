"""From one observation to one dataset."""
