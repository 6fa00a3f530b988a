"""The demo company: an invented apparel firm with three months of trade, made through the services that every other way in uses.

Everything follows from a seed and a date: what is sold, to whom, what becomes of it. The plan (``trade``, ``cast``, ``supply``) is made without the
database; ``days`` carries it out day by day, and each finished day is marked, so that a load which was cut off goes on where it stood.
Nobody and nothing in it is real, see ``docs/demo.md``.
"""
