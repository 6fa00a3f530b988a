"""Orders of the data set "Online Retail" (UCI): reading and judging its rows, booking them through the services, proving the sum.

Source: Chen, D. (2015), https://doi.org/10.24432/C5BW33, CC BY 4.0. What its rows mean is in ``meaning``; the file beside this package's
command is one month of it.
"""
