"""Numbers by which returns are known outside of the house, and those that its own pages made so that the same press of a button is the same
return. Nobody outside knows the latter: pages do not show them."""

from __future__ import annotations

# A parcel at the table for returns, a parcel that nobody took, and a line of a shipment at a desk.
SCANNED, REFUSED, AT_A_DESK = "scan:", "refused:", "desk:"
HOUSE_MADE = (SCANNED, REFUSED, AT_A_DESK)


def number_from_outside(external_id: str) -> str:
    """The number that a channel or a person gave a return; empty where the house made one for itself."""
    return "" if external_id.startswith(HOUSE_MADE) else external_id
