"""One module per subject of DESIGN §6."""
