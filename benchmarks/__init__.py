"""``make bench``: every speed promise as a ratio measured in one run on one machine."""
