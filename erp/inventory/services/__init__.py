"""Every write to stock, by subject. Other rooms import from here."""

from erp.inventory.services.issues import (
    Issue,
    Issued,
    PutBack,
    TransitIssue,
    issue_from_transit,
    issue_reserved,
    put_back,
)
from erp.inventory.services.reservations import Demand, Granted, release, reserve

__all__ = [
    "Demand",
    "Granted",
    "Issue",
    "Issued",
    "PutBack",
    "TransitIssue",
    "issue_from_transit",
    "issue_reserved",
    "put_back",
    "release",
    "reserve",
]
