"""Every write to stock, by subject. Other rooms import from here."""

from erp.inventory.services.holds import HoldDemand, extend_hold, place_hold, release_hold, sweep_expired_holds
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
    "HoldDemand",
    "Issue",
    "Issued",
    "PutBack",
    "TransitIssue",
    "extend_hold",
    "issue_from_transit",
    "issue_reserved",
    "place_hold",
    "put_back",
    "release",
    "release_hold",
    "reserve",
    "sweep_expired_holds",
]
