"""DL3 data stores: index files, events, good time intervals, observations."""
