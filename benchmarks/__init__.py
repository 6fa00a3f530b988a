"""Every benchmark of `make bench`, each printed as a ratio to the raw limit of the same machine."""
