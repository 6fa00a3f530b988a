"""What a channel's own numbers are compared with: how each of its orders stands here, and which SKUs it sold."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from erp.orders.models import Order

_CHUNK = 5_000


@dataclass(frozen=True, slots=True)
class Standing:
    """``total`` is what the channel said it charges, None while it did not know."""

    external_id: str
    order_id: int
    number: str
    revision: int
    total: Decimal | None
    is_cancelled: bool


def standings(*, channel_id: int, external_ids: Iterable[str]) -> dict[str, Standing]:
    """How these orders of a channel stand, by their external id; those that are not known are missing."""
    found = Order.objects.filter(channel_id=channel_id, external_id__in=list(external_ids))
    rows = found.values_list("external_id", "pk", "number", "revision", "stated_total", "cancelled_at")
    return {row[0]: Standing(*row[:5], is_cancelled=row[5] is not None) for row in rows}


def orders_placed_since(*, channel_id: int, since: dt.datetime, until: dt.datetime) -> Iterator[Standing]:
    """Every order of a channel that was placed in this time, page by page."""
    placed = Order.objects.filter(channel_id=channel_id, ordered_at__gte=since, ordered_at__lt=until).order_by("pk")
    after = 0
    while page := list(
        placed.filter(pk__gt=after).values_list(
            "external_id", "pk", "number", "revision", "stated_total", "cancelled_at"
        )[:_CHUNK]
    ):
        for row in page:
            yield Standing(*row[:5], is_cancelled=row[5] is not None)
        after = page[-1][1]
