"""Which location is meant, by code or by kind."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from erp.core.errors import NotFound
from erp.inventory.models import Location


def transit_location_id() -> int:
    """Where goods are between the warehouse and the customer (積送品). Raises NotFound when the company switched it off."""
    return _first(Location.objects.filter(kind=Location.Kind.IN_TRANSIT, is_active=True), "IN_TRANSIT")


def location_id_of(code: str) -> int:
    """Raises NotFound for a code that names no location."""
    return _first(Location.objects.filter(code=code), code)


def _first(found: QuerySet[Location], named: str) -> int:
    key = found.order_by("pk").values_list("pk", flat=True).first()
    if key is None:
        raise NotFound(_("There is no location “%(code)s”.") % {"code": named})
    return key
