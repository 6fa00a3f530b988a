"""The back office's pages of stock. Masters are edited in forms, everything else is looked at; stock moves through services only."""

from erp.inventory.admin import (
    claims,
    costing,
    distributions,
    holds,
    masters,
    policies,
    snapshots,
    stock,
    stocktakes,
    transfer_orders,
)

__all__ = [
    "claims",
    "costing",
    "distributions",
    "holds",
    "masters",
    "policies",
    "snapshots",
    "stock",
    "stocktakes",
    "transfer_orders",
]
