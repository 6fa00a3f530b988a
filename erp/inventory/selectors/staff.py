"""Which part of the company's stock a member of staff works with."""

from __future__ import annotations

from typing import Any

from erp.core.models import Channel
from erp.inventory.models import ChannelLocation, ShopStaff

ALL_LOCATIONS = "inventory.all_locations"


def places_of(user: Any) -> list[int] | None:
    """The ids of the locations that a user works with; None for all of them. Who is bound and works nowhere works with none."""
    if user.has_perm(ALL_LOCATIONS):
        return None
    return list(ShopStaff.objects.filter(user=user.pk).order_by("location_id").values_list("location_id", flat=True))


def shop_channels_of(user: Any) -> list[int] | None:
    """The ids of the channels whose sales a user sees: the shops that sell from the user's places. None for all channels."""
    places = places_of(user)
    if places is None:
        return None
    found = ChannelLocation.objects.filter(location__in=places, channel__kind=Channel.Kind.SHOP)
    return list(found.order_by("channel_id").values_list("channel_id", flat=True).distinct())
