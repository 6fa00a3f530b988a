"""Transfers as people at both ends look at them: what waits to be shipped, what is on the road and since when. Reads only."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db.models import F, OuterRef, Q, QuerySet, Subquery, Sum
from django.utils import timezone

from catalog.selectors import scanned_codes
from erp.core.clock import business_date
from erp.inventory.models import Reservation, TransferOrder, TransferOrderLine
from erp.inventory.selectors.goods import OF_GOODS, goods_name
from erp.inventory.selectors.staff import places_of

State = TransferOrder.State
# After so many days goods on the road are asked after.
LATE_AFTER = dt.timedelta(days=7)


def of_places(rows: QuerySet[TransferOrder], places: list[int]) -> QuerySet[TransferOrder]:
    """A transfer concerns both its ends."""
    return rows.filter(Q(from_location__in=places) | Q(to_location__in=places))


def _seen_by(rows: QuerySet[TransferOrder], viewer: Any) -> QuerySet[TransferOrder]:
    places = None if viewer is None else places_of(viewer)
    return rows if places is None else of_places(rows, places)


def to_ship(viewer: Any = None) -> QuerySet[TransferOrder]:
    found = TransferOrder.objects.filter(state=State.REQUESTED)
    places = None if viewer is None else places_of(viewer)
    return found if places is None else found.filter(from_location__in=places)


def on_the_road(viewer: Any = None) -> QuerySet[TransferOrder]:
    return _seen_by(TransferOrder.objects.filter(state=State.SHIPPED), viewer)


def losses_to_approve(viewer: Any = None) -> QuerySet[TransferOrder]:
    return _seen_by(TransferOrder.objects.filter(state=State.SHIPPED).exclude(reported_by=""), viewer)


def with_pieces(rows: QuerySet[TransferOrder]) -> QuerySet[TransferOrder]:
    """Summed up for the rows that are shown only: a join would group all transfers before a page of them is cut."""
    lines = TransferOrderLine.objects.filter(order=OuterRef("pk")).order_by().values("order")
    asked = lines.annotate(pieces=Sum("quantity"))
    on_road = lines.annotate(pieces=Sum(F("shipped") - F("received") - F("lost")))
    return rows.annotate(asked_pieces=Subquery(asked.values("pieces")), road_pieces=Subquery(on_road.values("pieces")))


@dataclass(frozen=True, slots=True)
class TransferGoods:
    """One line, with what a scanner may read on its pieces, and how many are claimed for it while it waits."""

    line: TransferOrderLine
    name: str
    codes: tuple[str, ...]
    claimed: int

    @property
    def is_short(self) -> bool:
        return self.claimed < self.line.quantity

    @property
    def left(self) -> int:
        return self.line.shipped - self.line.received - self.line.lost


def goods_of(order: TransferOrder) -> list[TransferGoods]:
    lines = list(order.lines.select_related(*OF_GOODS).order_by("sku__code"))
    codes = scanned_codes([line.sku_id for line in lines], on=business_date(timezone.now()))
    claimed = claimed_pieces(order.pk)
    return [
        TransferGoods(line, goods_name(line.sku), (*codes.get(line.sku_id, ()), line.sku.code), claimed.get(line.pk, 0))
        for line in lines
    ]


def claimed_pieces(order_id: int) -> dict[int, int]:
    """By line, the pieces that are claimed for a transfer that waits: fewer than asked for where a shop sale or a count took some."""
    claims = Reservation.objects.filter(document_type="TRANSFER_ORDER", document_id=order_id, quantity__gt=0)
    return dict(claims.values_list("document_line", "quantity"))
