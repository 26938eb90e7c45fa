"""One module for each competitor; each function in the registry takes one sample."""
