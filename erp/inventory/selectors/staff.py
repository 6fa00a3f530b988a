"""Which part of the company's stock a member of staff works with."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from erp.core.models import Channel
from erp.inventory.models import ChannelLocation, Hold, HoldLine, Location, ShopStaff

ALL_LOCATIONS = "inventory.all_locations"


def places_of(user: Any) -> list[int] | None:
    """The ids of the locations that a user works with; None for all of them. Who is bound and works nowhere works with none."""
    if user.has_perm(ALL_LOCATIONS):
        return None
    return list(ShopStaff.objects.filter(user=user.pk).order_by("location_id").values_list("location_id", flat=True))


def place_names_of(user: Any) -> list[str] | None:
    """Where a user works, for people; None for everywhere."""
    places = places_of(user)
    if places is None:
        return None
    return list(Location.objects.filter(pk__in=places).order_by("code").values_list("name", flat=True))


def shop_channels_of(user: Any) -> list[int] | None:
    """The ids of the channels whose sales a user sees: the shops that sell from the user's places. None for all channels."""
    places = places_of(user)
    if places is None:
        return None
    found = ChannelLocation.objects.filter(location__in=places, channel__kind=Channel.Kind.SHOP)
    return list(found.order_by("channel_id").values_list("channel_id", flat=True).distinct())


def holds_at(rows: QuerySet[Hold], places: Collection[int]) -> QuerySet[Hold]:
    """Those that keep pieces at these places, and customer orders (客注) that wait for goods at their shops."""
    mine = Exists(HoldLine.objects.filter(hold=OuterRef("pk"), location__in=places))
    tills = ChannelLocation.objects.filter(location__in=places, channel__kind=Channel.Kind.SHOP).values("channel")
    return rows.filter(mine | Q(kind=Hold.Kind.CUSTOMER_ORDER, channel__in=tills))


def shops(*, besides: int | None = None) -> QuerySet[Location]:
    """Places where somebody may work as shop staff (店舗担当): shops, and wherever a till sells from. ``besides`` is one more that is offered."""
    sells = ChannelLocation.objects.filter(channel__kind=Channel.Kind.SHOP).values("location_id")
    is_open_shop = Q(is_active=True) & (Q(kind=Location.Kind.SHOP) | Q(pk__in=sells))
    return Location.objects.filter(is_open_shop | Q(pk=besides))


def transfers_from(user: Any) -> QuerySet[Location]:
    """Places whose goods a user may ask a transfer of: own ones, and warehouses, which serve every shop. What another shop has, it gives itself."""
    return _open_places(user, Location.Kind.WAREHOUSE)


def transfers_to(user: Any) -> QuerySet[Location]:
    """Places that a user may send goods to: own ones, warehouses and shops. To what others hold for us goods go from whoever works everywhere."""
    return _open_places(user, Location.Kind.WAREHOUSE, Location.Kind.SHOP)


def _open_places(user: Any, *kinds: str) -> QuerySet[Location]:
    found = Location.objects.filter(is_active=True).exclude(kind=Location.Kind.IN_TRANSIT)
    places = places_of(user)
    return found if places is None else found.filter(Q(pk__in=places) | Q(kind__in=kinds))
