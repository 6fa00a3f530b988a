"""How pages call carriers and hours, which stand in the tables as codes."""

from __future__ import annotations

from django import template

from erp.orders.selectors import carriers
from erp.orders.selectors.delivery_notes import slot_in_words

register = template.Library()
register.filter("carrier_name", carriers.carrier_name)
register.filter("in_words", slot_in_words)


@register.filter
def tracking_url(number: str, carrier: str) -> str:
    """Where the carrier says how far a parcel is; empty where nobody can say."""
    return carriers.tracking_url(carrier, number)
