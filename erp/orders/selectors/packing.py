"""検品: what must be in a parcel, and whether what was scanned is that. Reads only."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q, QuerySet, Sum

from catalog.models import Sku
from catalog.selectors import scanned_codes
from erp.core.models import StaffTask
from erp.orders.models import CANCEL_WHILE_PICKING, OrderLineComponent, Shipment, ShipmentLine


@dataclass(slots=True)
class PackItem:
    """Pieces of one SKU in a parcel. ``codes`` are what a scanner may read on them, and the SKU itself."""

    sku: str
    name: str
    codes: tuple[str, ...]
    needed: int
    counted: int = 0

    @property
    def is_complete(self) -> bool:
        return self.counted == self.needed


@dataclass(frozen=True, slots=True)
class Refused:
    """A scan that does not belong: a code of no item here (``item`` is None), or one piece too many."""

    code: str
    item: PackItem | None


@dataclass(frozen=True, slots=True)
class WaitingParcel:
    """A parcel that is to be packed. ``news`` are kinds of open tasks that may stop it."""

    parcel: Shipment
    pieces: int
    news: frozenset[str]

    @property
    def is_asked_back(self) -> bool:
        return CANCEL_WHILE_PICKING in self.news


# Beyond this nobody reads the number.
MOST_COUNTED = 999


def waiting_parcels(seen: QuerySet[Shipment], *, limit: int) -> tuple[int, list[WaitingParcel]]:
    """How many of ``seen`` are to be packed (to ``MOST_COUNTED`` and one), and the first of them in the order in which they were instructed."""
    waiting = seen.filter(state=Shipment.State.INSTRUCTED).order_by("id")
    count = waiting.values("pk")[: MOST_COUNTED + 1].count()
    first = list(waiting.select_related("order", "delivery")[:limit])
    lines = ShipmentLine.objects.filter(shipment__in=first).values("shipment").annotate(pieces=Sum("quantity"))
    pieces = dict(lines.order_by().values_list("shipment", "pieces"))
    news: dict[int, set[str]] = {}
    for order_id, kind in _open_news([each.order_id for each in first]).values_list("subject_id", "kind"):
        news.setdefault(order_id, set()).add(kind)
    return count, [
        WaitingParcel(each, pieces.get(each.pk, 0), frozenset(news.get(each.order_id, ()))) for each in first
    ]


def parcels_to_send() -> QuerySet[Shipment]:
    """What is being picked and may leave: no cancellation waits for the order desk."""
    asked_back = StaffTask.objects.filter(kind=CANCEL_WHILE_PICKING, subject_type="ORDER", closed_at__isnull=True)
    return Shipment.objects.filter(state=Shipment.State.INSTRUCTED).exclude(order__in=asked_back.values("subject_id"))


def parcels_scanned(code: str) -> list[Shipment]:
    """The parcels that a scanned number means: a shipment's, a tracking number, else those of an order that are not called back."""
    found = Shipment.objects.select_related("order__channel", "delivery").order_by("pk")
    exact = list(found.filter(Q(number=code) | Q(tracking_number=code)).exclude(state="CANCELLED")[:20])
    if exact:
        return exact
    called_back = list(found.filter(number=code)[:1])
    named = Q(order__number=code) | Q(order__external_id=code)
    return called_back or list(found.filter(named).exclude(state="CANCELLED")[:20])


def items_of(parcel: Shipment, *, on: dt.date) -> list[PackItem]:
    """What must be in it, SKU by SKU; a kit as its components."""
    needed: dict[int, int] = {}
    lines = list(ShipmentLine.objects.filter(shipment=parcel).values_list("order_line_id", "quantity"))
    parts = OrderLineComponent.objects.filter(line__in=[line for line, _units in lines]).order_by("pk")
    per_unit: dict[int, list[tuple[int, int]]] = {}
    for line_id, sku_id, count in parts.values_list("line_id", "sku_id", "quantity_per_unit"):
        per_unit.setdefault(line_id, []).append((sku_id, count))
    for line_id, units in lines:
        for sku_id, count in per_unit.get(line_id, ()):
            needed[sku_id] = needed.get(sku_id, 0) + units * count
    codes = scanned_codes(needed, on=on)
    skus = Sku.objects.filter(pk__in=needed).select_related("product", "color", "size").order_by("code")
    return [
        PackItem(
            sku.code,
            " ".join(
                filter(None, (sku.product.name, sku.color.name if sku.color else "", sku.size.name if sku.size else ""))
            ),
            (*codes.get(sku.pk, ()), sku.code),
            needed[sku.pk],
        )
        for sku in skus
    ]


def count(items: Sequence[PackItem], scans: Sequence[str]) -> list[Refused]:
    """Count scans on the items, one after the other. Returns those that do not belong; they are not counted."""
    refused = []
    for code in scans:
        mine = [item for item in items if code in item.codes]
        waiting = next((item for item in mine if item.counted < item.needed), None)
        if waiting is None:
            refused.append(Refused(code, mine[0] if mine else None))
        else:
            waiting.counted += 1
    return refused


def news_of(parcel: Shipment) -> set[str]:
    """Kinds of open tasks that came while the parcel was being picked: it may not be wanted any more."""
    return set(_open_news([parcel.order_id]).values_list("kind", flat=True))


def _open_news(order_ids: Sequence[int]) -> QuerySet[StaffTask]:
    kinds = (CANCEL_WHILE_PICKING, "AMEND_AFTER_RELEASE")
    return StaffTask.objects.filter(
        kind__in=kinds, subject_type="ORDER", subject_id__in=order_ids, closed_at__isnull=True
    )
