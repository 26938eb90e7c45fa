"""One module a noun: what may be done, by whom, in one transaction."""
