"""Who is promised what of the goods that are expected (入荷予定引当). Reads only; how they are dealt out is decided here, and nowhere else.

First by priority, then by age, each demand gets the goods that come first and that its channel may sell, as far as they go.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db import connection
from django.db.models import F, Q

from erp.core import rows
from erp.inventory.models import NOT_FOR_SALE, ChannelLocation, ExpectedReceipt, Location, Promise


@dataclass(frozen=True, slots=True)
class WantedPieces:
    """Pieces that a document's line lacks. ``since`` is when it began to wait; a smaller ``priority`` is served first."""

    document_type: str
    document_id: int
    document_line: int
    sku_id: int
    channel_id: int
    quantity: int
    priority: int
    since: dt.datetime


@dataclass(frozen=True, slots=True)
class PromisedPart:
    """Pieces that a line gets from one expected receipt, and when."""

    document_id: int
    document_line: int
    sku_id: int
    expected_receipt_id: int
    quantity: int
    promised_date: dt.date
    purchase: str


PromiseKey = tuple[str, int, int, int, int]
"""(document type, document, line, SKU, expected receipt)"""


@dataclass(frozen=True, slots=True)
class Due:
    """What a line should be promised of one receipt."""

    quantity: int
    promised_date: dt.date
    priority: int
    channel_id: int | None


@dataclass(frozen=True, slots=True)
class Coming:
    """What an expected receipt still brings."""

    id: int
    sku_id: int
    location_id: int
    quantity: int
    expected_date: dt.date


def promised(document_type: str, document_ids: Sequence[int]) -> list[PromisedPart]:
    """What documents are promised and has not come, soonest first."""
    found = Promise.objects.filter(document_type=document_type, document_id__in=list(document_ids), quantity__gt=0)
    names = (
        "document_id", "document_line", "sku_id", "expected_receipt_id", "quantity", "promised_date",
        "expected_receipt__external_id",
    )  # fmt: skip
    return [PromisedPart(*row) for row in found.order_by("promised_date", "pk").values_list(*names)]


def promised_documents(document_type: str) -> list[int]:
    return list(
        Promise.objects.filter(document_type=document_type, quantity__gt=0)
        .order_by("document_id")
        .values_list("document_id", flat=True)
        .distinct()
    )


def arrived_documents(document_type: str, *, limit: int) -> list[int]:
    """Documents whose promised pieces came and are reserved for them, and that were not told so."""
    found = Promise.objects.filter(document_type=document_type, arrived__gt=0).order_by("document_id")
    return list(found.values_list("document_id", flat=True).distinct()[:limit])


def promisable_skus() -> list[int]:
    """SKUs of which something is expected, or promised."""
    coming = ExpectedReceipt.objects.filter(cancelled_at__isnull=True, received_quantity__lt=F("quantity"))
    owed = Promise.objects.filter(quantity__gt=0)
    return sorted({*coming.values_list("sku_id", flat=True), *owed.values_list("sku_id", flat=True)})


# Customer orders (客注) wait with the orders.
_WAITING_HOLDS = """
SELECT h.id, (want ->> 0)::bigint, h.channel_id, (want ->> 1)::int - coalesce(kept.pieces, 0)::int, h.priority, h.created_at
FROM inventory_hold h CROSS JOIN LATERAL jsonb_array_elements(h.wanted) AS want
LEFT JOIN LATERAL (
    SELECT sum(line.quantity) AS pieces FROM inventory_holdline line
    WHERE line.hold_id = h.id AND line.sku_id = (want ->> 0)::bigint AND line.released_at IS NULL
) kept ON true
WHERE h.kind = 'CUSTOMER_ORDER' AND h.closed_at IS NULL AND h.expires_at > %s AND (%s::bigint[] IS NULL OR (want ->> 0)::bigint = ANY(%s))
  AND (want ->> 1)::int > coalesce(kept.pieces, 0)
ORDER BY h.priority, h.id
"""


def waiting_customer_orders(*, sku_ids: Sequence[int] | None = None, at: dt.datetime) -> list[WantedPieces]:
    """What open customer orders lack of these SKUs (of all)."""
    skus = None if sku_ids is None else list(sku_ids)
    found = rows.ask(_WAITING_HOLDS, [at, skus, skus]).all()
    return [
        WantedPieces("HOLD", hold_id, 1, sku_id, channel_id, lacking, priority, since)
        for hold_id, sku_id, channel_id, lacking, priority, since in found
    ]


_COMING = """
SELECT id, sku_id, location_id, quantity - received_quantity, expected_date FROM inventory_expectedreceipt
WHERE sku_id = ANY(%s::bigint[]) AND cancelled_at IS NULL AND received_quantity < quantity ORDER BY expected_date, id
"""


def deal_out(
    *, sku_ids: Sequence[int], demands: Iterable[WantedPieces], taken: Mapping[int, int], at: dt.datetime
) -> dict[PromiseKey, Due]:
    """What each line should be promised of these SKUs; customer orders are added here. ``taken`` of a receipt is not to be dealt with."""
    wanted = [*demands, *waiting_customer_orders(sku_ids=sku_ids, at=at)]
    supplies: dict[int, list[Coming]] = defaultdict(list)
    left: dict[int, int] = {}
    for row in rows.ask(_COMING, [list(sku_ids)]).all():
        coming = Coming(*row)
        supplies[coming.sku_id].append(coming)
        left[coming.id] = coming.quantity - taken.get(coming.id, 0)
    sells = places_of_channels({demand.channel_id for demand in wanted})
    due: dict[PromiseKey, Due] = {}
    for demand in sorted(wanted, key=lambda d: (d.priority, d.since, d.document_type, d.document_id, d.document_line)):
        lacking = demand.quantity
        for coming in supplies.get(demand.sku_id, ()):
            pieces = min(lacking, left[coming.id])
            if pieces > 0 and coming.location_id in sells.get(demand.channel_id, ()):
                key = (demand.document_type, demand.document_id, demand.document_line, demand.sku_id, coming.id)
                due[key] = Due(pieces, coming.expected_date, demand.priority, demand.channel_id)
                left[coming.id] -= pieces
                lacking -= pieces
    return due


def differs(*, sku_ids: Sequence[int], demands: Iterable[WantedPieces], at: dt.datetime) -> bool:
    """Whether dealing out anew would promise anything else."""
    stands = {
        (row[0], row[1], row[2], row[3], row[4]): Due(*row[5:])
        for row in Promise.objects.filter(sku_id__in=list(sku_ids), quantity__gt=0).values_list(
            "document_type", "document_id", "document_line", "sku_id", "expected_receipt_id",
            "quantity", "promised_date", "priority", "channel_id",
        )
    }  # fmt: skip
    return stands != deal_out(sku_ids=sku_ids, demands=demands, taken={}, at=at)


def places_of_channels(channel_ids: Iterable[int]) -> dict[int, set[int]]:
    """Where each channel sells from."""
    found = ChannelLocation.objects.filter(channel_id__in=list(channel_ids), location__is_active=True)
    found = found.exclude(location__kind__in=NOT_FOR_SALE).filter(
        ~Q(location__kind=Location.Kind.MALL_HELD) | Q(location__holder_channel=F("channel"))
    )
    places: dict[int, set[int]] = defaultdict(set)
    for channel_id, location_id in found.values_list("channel_id", "location_id"):
        places[channel_id].add(location_id)
    return places


_BEYOND = """
SELECT r.id, r.external_id, sku.code, inventory_still_to_come(r), sum(p.quantity)::int
FROM inventory_promise p JOIN inventory_expectedreceipt r ON r.id = p.expected_receipt_id JOIN catalog_sku sku ON sku.id = r.sku_id
GROUP BY r.id, sku.code HAVING sum(p.quantity) > inventory_still_to_come(r)
"""


def promised_beyond() -> list[tuple[int, str, str, int, int]]:
    """Receipts that are promised beyond what they bring: (receipt, purchase, SKU, still to come, promised). There should be none."""
    with connection.cursor() as cursor:
        cursor.execute(_BEYOND)
        return list(cursor.fetchall())
