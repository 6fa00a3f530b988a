"""Masters from files and into files: declared by the rooms that own them (``masters``), checked and written by a worker, undone as a whole."""
