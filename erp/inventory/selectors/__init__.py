"""Questions to stock. Answers are dataclasses; nothing here locks or writes."""

from erp.inventory.selectors.ledger import (
    IssuedPart,
    ReservedPart,
    StockThen,
    issued_values,
    reserved,
    stock_as_of,
)

__all__ = [
    "IssuedPart",
    "ReservedPart",
    "StockThen",
    "issued_values",
    "reserved",
    "stock_as_of",
]
