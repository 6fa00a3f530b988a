"""Files for the label software of carriers, one module per carrier. Pure: a label and our contract become a row, or its faults."""
