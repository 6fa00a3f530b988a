"""Deliveries that are expected, as the people at the gate look at them. Reads only."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import F, QuerySet

from catalog.selectors import scanned_codes, skus_scanned
from erp.inventory.models import ExpectedReceipt, Location
from erp.inventory.selectors.goods import goods_name


@dataclass(slots=True)
class ExpectedDelivery:
    """What is still to come of one purchase."""

    purchase: str
    supplier: str
    location: str
    expected_date: dt.date
    lines: int = 0
    pieces: int = 0


@dataclass(frozen=True, slots=True)
class ExpectedGoods:
    """One line of it. ``codes`` are what a scanner may read, the SKU among them."""

    expected_receipt_id: int
    sku: str
    name: str
    codes: tuple[str, ...]
    left: int
    location: str


def open_expectations() -> QuerySet[ExpectedReceipt]:
    return ExpectedReceipt.objects.filter(cancelled_at__isnull=True, received_quantity__lt=F("quantity"))


def expected_deliveries(rows: QuerySet[ExpectedReceipt], *, limit: int) -> list[ExpectedDelivery]:
    """Purchases of which something is open among ``rows``, the one that is due first first."""
    found: dict[str, ExpectedDelivery] = {}
    for row in rows.select_related("supplier", "location").order_by("expected_date", "external_id", "line_no")[
        : limit * 20
    ]:
        delivery = found.get(row.external_id)
        if delivery is None:
            if len(found) == limit:
                continue
            supplier = row.supplier.name if row.supplier else ""
            delivery = found[row.external_id] = ExpectedDelivery(
                row.external_id, supplier, row.location.name, row.expected_date
            )
        delivery.lines += 1
        delivery.pieces += row.quantity - row.received_quantity
    return list(found.values())


def expected_goods(rows: QuerySet[ExpectedReceipt], *, on: dt.date, limit: int) -> list[ExpectedGoods]:
    """The lines of ``rows`` with what is left of each; fulfilled ones stand there with nothing left, so that a surplus can be counted."""
    lines = list(
        rows.select_related("sku__product", "sku__color", "sku__size", "location").order_by("line_no", "pk")[:limit]
    )
    codes = scanned_codes([row.sku_id for row in lines], on=on)
    return [
        ExpectedGoods(
            row.pk,
            row.sku.code,
            goods_name(row.sku),
            (*codes.get(row.sku_id, ()), row.sku.code),
            row.quantity - row.received_quantity,
            row.location.name,
        )
        for row in lines
    ]


def purchases_scanned(rows: QuerySet[ExpectedReceipt], code: str, *, on: dt.date) -> list[str]:
    """The purchases that a scan means: their number, else those of which these goods are still expected."""
    named = list(rows.filter(external_id=code).values_list("external_id", flat=True)[:1])
    sku_ids: Iterable[int] = skus_scanned([code], on=on).values()
    goods = rows.filter(sku__in=list(sku_ids)).order_by("expected_date").values_list("external_id", flat=True)
    return named or list(dict.fromkeys(goods[:50]))


def places_for_inspection() -> set[str]:
    """Kinds of places that exist for pieces that are not fit for sale."""
    kinds = [Location.Kind.DEFECT.value, Location.Kind.INSPECTION.value]
    return set(Location.objects.filter(kind__in=kinds, is_active=True).values_list("kind", flat=True))
