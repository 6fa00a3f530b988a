"""The public proof that no unit is sold twice: ``manage.py prove_no_oversell``.

Many processes work the same few SKUs through the services of the house and are killed with -9, and so is PostgreSQL; afterwards what they were
told, what the orders say and what the ledger says must be one story.
"""
