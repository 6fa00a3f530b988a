"""What a channel's own numbers are compared with: how each of its orders stands here, and which SKUs it sold."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import OuterRef, Subquery
from django.db.models.functions import Coalesce, Greatest

from erp.orders.models import LateRevision, Order

_CHUNK = 5_000


@dataclass(frozen=True, slots=True)
class Standing:
    """``total`` is what the channel said it charges, None while it did not know. ``newest_revision`` is the recorded one, or one that came too
    late to amend the order."""

    external_id: str
    order_id: int
    number: str
    newest_revision: int
    total: Decimal | None
    is_cancelled: bool


_COLUMNS = ("external_id", "pk", "number", "newest", "stated_total", "cancelled_at")
_LATE = LateRevision.objects.filter(order=OuterRef("pk")).order_by("-revision").values("revision")[:1]
_NEWEST = Greatest("revision", Coalesce(Subquery(_LATE), 0))


def _standing(row: tuple[str, int, str, int, Decimal | None, dt.datetime | None]) -> Standing:
    external_id, order_id, number, newest, total, cancelled_at = row
    return Standing(external_id, order_id, number, newest, total, cancelled_at is not None)


def standings(*, channel_id: int, external_ids: Iterable[str]) -> dict[str, Standing]:
    """How these orders of a channel stand, by their external id; those that are not known are missing."""
    found = Order.objects.filter(channel_id=channel_id, external_id__in=list(external_ids))
    rows = found.annotate(newest=_NEWEST).values_list(*_COLUMNS)
    return {row[0]: _standing(row) for row in rows}


def orders_placed_since(*, channel_id: int, since: dt.datetime, until: dt.datetime) -> Iterator[Standing]:
    """Every order of a channel that was placed in this time, page by page."""
    placed = Order.objects.filter(channel_id=channel_id, ordered_at__gte=since, ordered_at__lt=until).order_by("pk")
    after = 0
    while page := list(placed.filter(pk__gt=after).annotate(newest=_NEWEST).values_list(*_COLUMNS)[:_CHUNK]):
        for row in page:
            yield _standing(row)
        after = page[-1][1]
