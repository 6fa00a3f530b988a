"""Questions to stock. Answers are dataclasses; nothing here locks or writes."""

from erp.inventory.selectors.availability import Availability, Term, TermKind, available_to_promise, buffers
from erp.inventory.selectors.holds import HeldSku, HoldView, hold
from erp.inventory.selectors.ledger import (
    IssuedPart,
    ReservedPart,
    StockThen,
    issued_values,
    reserved,
    stock_as_of,
)
from erp.inventory.selectors.places import location_id_of, transit_location_id

__all__ = [
    "Availability",
    "HeldSku",
    "HoldView",
    "IssuedPart",
    "ReservedPart",
    "StockThen",
    "Term",
    "TermKind",
    "available_to_promise",
    "buffers",
    "hold",
    "issued_values",
    "location_id_of",
    "reserved",
    "stock_as_of",
    "transit_location_id",
]
