"""What can be distributed, what lies at its destinations, and how fast it sells there. Reads only."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

from django.db import connection
from django.db.models import F, Sum

from erp.inventory.models import ExpectedReceipt, StockBalance, TransferOrder, TransferOrderLine
from erp.inventory.selectors import sold_at

Key = tuple[int, int]
"""(SKU, location)"""


def distributable(
    *, source_id: int, sku_ids: Iterable[int], purchase: str = "", with_expected: bool = True
) -> dict[int, int]:
    """SKU id → pieces that nobody has claimed at a place. Under a purchase: what came of it and is free, and what still comes of it, unless
    only what is there can be had."""
    free = dict(
        StockBalance.objects.filter(location=source_id, sku__in=set(sku_ids)).values_list("sku_id", "unclaimed")
    )
    if not purchase:
        return {sku_id: free.get(sku_id, 0) for sku_id in sku_ids}
    found = ExpectedReceipt.objects.filter(external_id=purchase, sku__in=set(sku_ids), location=source_id)
    came: dict[int, int] = {}
    comes: dict[int, int] = {}
    for sku_id, quantity, received, cancelled in found.values_list(
        "sku_id", "quantity", "received_quantity", "cancelled_at"
    ):
        came[sku_id] = came.get(sku_id, 0) + received
        comes[sku_id] = comes.get(sku_id, 0) + (quantity - received if cancelled is None and with_expected else 0)
    return {sku_id: comes.get(sku_id, 0) + max(min(came.get(sku_id, 0), free.get(sku_id, 0)), 0) for sku_id in sku_ids}


def skus_of_purchase(purchase: str, source_id: int) -> list[int]:
    found = ExpectedReceipt.objects.filter(external_id=purchase, location=source_id)
    return list(found.order_by("line_no").values_list("sku_id", flat=True).distinct())


def lying_and_coming(sku_ids: Iterable[int], location_ids: Iterable[int]) -> dict[Key, int]:
    """(SKU, location) → pieces that are there, or on their way there by a transfer."""
    skus, places = list(set(sku_ids)), list(set(location_ids))
    there = {
        (sku_id, place): pieces
        for sku_id, place, pieces in StockBalance.objects.filter(sku__in=skus, location__in=places).values_list(
            "sku_id", "location_id", "on_hand"
        )
    }
    asked, road = TransferOrder.State.REQUESTED, TransferOrder.State.SHIPPED
    lines = TransferOrderLine.objects.filter(sku__in=skus, order__to_location__in=places)
    for state, pieces in ((asked, F("quantity")), (road, F("shipped") - F("received") - F("lost"))):
        for sku_id, place, count in (
            lines.filter(order__state=state).values_list("sku_id", "order__to_location").annotate(pieces=Sum(pieces))
        ):
            there[sku_id, place] = there.get((sku_id, place), 0) + (count or 0)
    return there


_SOLD = f"""
SELECT m.sku_id, m.location_id, -sum(m.quantity)::int
FROM inventory_stockmovement m JOIN inventory_stockdocument d ON d.id = m.document_id
WHERE m.sku_id = ANY(%s) AND m.location_id = ANY(%s) AND m.occurred_at > %s AND m.occurred_at <= %s AND {sold_at.LEFT}
GROUP BY 1, 2
"""  # noqa: S608 - made of our own constants only


def sold(sku_ids: Sequence[int], location_ids: Sequence[int], *, days: int, at: dt.datetime) -> dict[Key, int]:
    """(SKU, location) → pieces that left it for customers in the last days."""
    with connection.cursor() as cursor:
        cursor.execute(_SOLD, [list(sku_ids), list(location_ids), at - dt.timedelta(days=days), at])
        return {(sku_id, place): pieces for sku_id, place, pieces in cursor.fetchall()}
