"""Which location is meant, by code or by kind."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from erp.core.errors import NotFound
from erp.inventory.models import NOT_FOR_SALE, ChannelLocation, Location, Shelf


def transit_location_id() -> int:
    """Where goods are between the warehouse and the customer (積送品). Raises NotFound when the company switched it off."""
    return _first(Location.objects.filter(kind=Location.Kind.IN_TRANSIT, is_active=True), "IN_TRANSIT")


def first_location_id(kind: Location.Kind) -> int:
    """The first open place of a kind that was opened. Raises NotFound where there is none."""
    key = Location.objects.filter(kind=kind, is_active=True).order_by("pk").values_list("pk", flat=True).first()
    if key is None:
        raise NotFound(_("There is no location of this kind: %(kind)s") % {"kind": kind.label})
    return key


def consigned_location_ids(account_ids: Iterable[int]) -> dict[int, int]:
    """Where goods are that accounts hold and have not reported sold (委託先在庫), by account. Accounts without such a place are left out."""
    found = Location.objects.filter(kind=Location.Kind.CONSIGNED, holder_account_id__in=set(account_ids))
    # Of several, the first that was opened.
    return {
        row[0]: row[1] for row in found.order_by("-pk").values_list("holder_account_id", "pk") if row[0] is not None
    }


def shop_location_ids() -> list[int]:
    """The company's shops that are open, in the order of their codes."""
    found = Location.objects.filter(kind=Location.Kind.SHOP, is_active=True)
    return list(found.order_by("code").values_list("pk", flat=True))


def location_id_of(code: str) -> int:
    """Raises NotFound for a code that names no location."""
    return _first(Location.objects.filter(code=code), code)


def counter_location_id(channel_id: int) -> int:
    """Where a shop hands goods over its counter: the place its channel sells from first. Raises NotFound for a channel that has none."""
    found = ChannelLocation.objects.filter(channel=channel_id, location__is_active=True)
    usable = found.exclude(location__kind__in=NOT_FOR_SALE).order_by("rank", "location")
    key = usable.values_list("location", flat=True).first()
    if key is None:
        raise NotFound(_("The sales channel has no place to sell from."))
    return key


def shelves(*, location_ids: Iterable[int], sku_ids: Iterable[int]) -> dict[tuple[int, int], str]:
    """(location, SKU) → shelf. What has no shelf is missing in the answer."""
    found = Shelf.objects.filter(location_id__in=set(location_ids), sku_id__in=set(sku_ids))
    return {(place, sku): code for place, sku, code in found.values_list("location_id", "sku_id", "code")}


def place_names(location_ids: Iterable[int]) -> dict[int, str]:
    """What people call these locations."""
    return dict(Location.objects.filter(pk__in=set(location_ids)).values_list("pk", "name"))


def _first(found: QuerySet[Location], named: str) -> int:
    key = found.order_by("pk").values_list("pk", flat=True).first()
    if key is None:
        raise NotFound(_("There is no location “%(code)s”.") % {"code": named})
    return key
