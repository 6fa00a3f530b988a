"""What stands behind the figures of balances: whose the claimed pieces are, and what moved last."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import F, Q, QuerySet, Sum

from erp.core import documents, rows
from erp.inventory.models import ExpectedReceipt, HoldLine, Reservation, StockMovement

Key = tuple[int, int]
"""(SKU, location)"""


@dataclass(frozen=True, slots=True)
class Claims:
    """Open claims on balances: documents by importance and age, holds that run out soonest first. Only the first of many are listed; ``reserved``
    and ``held`` are the pieces of all. Together they are what is allocated: ``expired`` is the part of ``held`` that nobody has swept yet."""

    # With the number of its document as ``document_number``.
    reservations: Sequence[Any]
    holds: Sequence[HoldLine]
    reserved: int
    held: int
    expired: int

    @property
    def allocated(self) -> int:
        return self.reserved + self.held

    @property
    def reserved_elsewhere(self) -> int:
        """Pieces of documents that are not listed."""
        listed: int = sum(row.quantity for row in self.reservations)
        return self.reserved - listed

    @property
    def held_elsewhere(self) -> int:
        return self.held - sum(row.quantity for row in self.holds)


def claims_on_balances(keys: Collection[Key], *, at: dt.datetime, limit: int) -> Claims:
    """As many questions for all balances of a style as for one."""
    if not keys:
        return Claims((), (), 0, 0, 0)
    reserved = _of(Reservation.objects.filter(quantity__gt=0), keys)
    held = _of(HoldLine.objects.filter(released_at__isnull=True), keys)
    listed = reserved.select_related("sku", "location").annotate(document_number=documents.number_of())
    running_out = held.select_related("hold__channel", "sku", "location").order_by("expires_at", "id")
    pieces = held.aggregate(
        all=Sum("quantity", default=0), expired=Sum("quantity", filter=Q(expires_at__lte=at), default=0)
    )
    return Claims(
        list(listed.order_by("priority", "id")[:limit]),
        list(running_out[:limit]),
        reserved.aggregate(all=Sum("quantity", default=0))["all"],
        pieces["all"],
        pieces["expired"],
    )


# The newest of each balance by its own numbers, which are its index; then the newest of them all.
_LAST = """
SELECT m.id FROM unnest(%s::bigint[], %s::bigint[]) AS n (sku_id, location_id)
CROSS JOIN LATERAL (
    SELECT x.id, x.occurred_at FROM inventory_stockmovement x
    WHERE x.sku_id = n.sku_id AND x.location_id = n.location_id ORDER BY x.balance_seq DESC LIMIT %s
) m ORDER BY m.occurred_at DESC, m.id DESC LIMIT %s
"""


def last_movements(keys: Collection[Key], *, limit: int) -> list[StockMovement]:
    """What moved last on these balances, the newest first."""
    ids = [key for (key,) in rows.ask(_LAST, [*_columns(keys), limit, limit]).all()] if keys else []
    found = StockMovement.objects.filter(pk__in=ids).select_related("document", "sku", "location", "reason", "channel")
    by_id = {row.pk: row for row in found}
    return [by_id[key] for key in ids]


def still_to_come(keys: Collection[Key], *, limit: int) -> list[ExpectedReceipt]:
    """What is expected on these balances and has not come yet, soonest first; ``left`` pieces of each."""
    if not keys:
        return []
    open_ones = ExpectedReceipt.objects.filter(cancelled_at__isnull=True, received_quantity__lt=F("quantity"))
    found = _of(open_ones, keys).annotate(left=F("quantity") - F("received_quantity"))
    return list(found.select_related("sku", "location").order_by("expected_date", "id")[:limit])


def _of(found: QuerySet[Any], keys: Collection[Key]) -> QuerySet[Any]:
    """Those of exactly these balances."""
    of_each: dict[int, list[int]] = {}
    for sku_id, location_id in keys:
        of_each.setdefault(location_id, []).append(sku_id)
    mine = Q()
    for location_id, sku_ids in of_each.items():
        mine |= Q(location=location_id, sku__in=sku_ids)
    return found.filter(mine)


def _columns(keys: Collection[Key]) -> list[list[int]]:
    return [[sku for sku, _place in keys], [place for _sku, place in keys]]
