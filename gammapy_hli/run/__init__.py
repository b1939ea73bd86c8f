"""One run of a chain: manifests, keys, plan, lock, provenance, processes, logs."""
