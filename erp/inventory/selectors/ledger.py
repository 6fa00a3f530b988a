"""What the stock ledger says: claims of documents, and values that were issued."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Max, Min, Sum

from erp.core import rows
from erp.inventory.models import HoldLine, Reservation, StockDocument, StockMovement


@dataclass(frozen=True, slots=True)
class ReservedPart:
    document_id: int
    document_line: int
    sku_id: int
    location_id: int
    quantity: int


def reserved(document_type: str, document_ids: Sequence[int]) -> list[ReservedPart]:
    """The open claims of documents, oldest first."""
    return ask_reserved(document_type, document_ids)()


_RESERVED = """
SELECT document_id, document_line, sku_id, location_id, quantity FROM inventory_reservation
WHERE document_type = %s AND document_id = ANY(%s::bigint[]) AND quantity > 0 ORDER BY document_id, document_line, id
"""


def ask_reserved(document_type: str, document_ids: Sequence[int]) -> Callable[[], list[ReservedPart]]:
    """The same as a question: call the result when its pipeline has been left."""
    answer = rows.ask(_RESERVED, [document_type, list(document_ids)])
    return lambda: [ReservedPart(*row) for row in answer.all()]


_RESERVING = """
SELECT DISTINCT document_id FROM inventory_reservation
WHERE document_type = %s AND location_id = %s AND sku_id = ANY(%s::bigint[]) AND quantity > 0 ORDER BY 1
"""


def documents_reserving(document_type: str, *, location_id: int, sku_ids: Collection[int]) -> list[int]:
    """Documents that claim pieces of any of these SKUs at a location."""
    return [key for (key,) in rows.ask(_RESERVING, [document_type, location_id, list(sku_ids)]).all()]


def holders_of(*, document_type: str, sku_id: int, but: int, limit: int) -> dict[int, int]:
    """Pieces of a SKU that other documents have reserved, the least important and newest first."""
    found = Reservation.objects.filter(document_type=document_type, sku=sku_id, quantity__gt=0).exclude(document_id=but)
    sums = found.values("document_id").annotate(pieces=Sum("quantity"), rank=Max("priority"))
    return {row["document_id"]: row["pieces"] for row in sums.order_by("-rank", "-document_id")[:limit]}


def claims_on(
    sku_ids: Sequence[int], *, limit: int | None = None, only: Collection[tuple[str, int]] | None = None
) -> dict[tuple[str, int], int]:
    """Pieces of these SKUs that documents and holds claim, by type and id: the least important and newest first, who would lose them first.

    ``only`` asks how much some of them have, instead of who has any.
    """
    kept = HoldLine.objects.filter(sku__in=sku_ids, released_at__isnull=True)
    held = Reservation.objects.filter(sku__in=sku_ids, quantity__gt=0)
    if only is not None:
        kept = kept.filter(hold__in=[key for kind, key in only if kind == "HOLD"])
        held = held.filter(document_id__in={key for _kind, key in only})
    holds = kept.values_list("hold").annotate(pieces=Sum("quantity")).order_by("-hold")
    documents = held.values_list("document_type", "document_id").annotate(pieces=Sum("quantity"), rank=Max("priority"))
    found = {("HOLD", key): pieces for key, pieces in holds[:limit]}
    found |= {(kind, key): pieces for kind, key, pieces, _rank in documents.order_by("-rank", "-document_id")[:limit]}
    return found if only is None else {key: pieces for key, pieces in found.items() if key in only}


@dataclass(frozen=True, slots=True)
class IssuedPart:
    """Pieces that left a location, and what they were worth."""

    sku_id: int
    location_id: int
    quantity: int
    value: Decimal


# Arrays, not lists of parameters: PostgreSQL takes 65,535 of those and compares them one by one.
_ISSUED = """
SELECT m.document_line, m.sku_id, m.location_id, -m.quantity, -m.value
FROM inventory_stockdocument d JOIN inventory_stockmovement m ON m.document_id = d.id
JOIN inventory_location place ON place.id = m.location_id
WHERE d.source_type = %s AND d.source_id = ANY(%s::bigint[]) AND d.kind IN ('ISSUE', 'TRANSFER') AND m.quantity < 0
  AND m.document_line = ANY(%s::bigint[]) AND place.kind NOT IN ('IN_TRANSIT', 'CONSIGNED')
ORDER BY m.id
"""


def issued_values(
    source_type: str, source_lines: Iterable[int], *, source_ids: Iterable[int]
) -> dict[int, list[IssuedPart]]:
    """What each line of these sources (a shipment's lines) took out of stock, in the order it was taken. Lines that took nothing are left out.

    ``source_ids`` are the sources (the shipments): through them the movements are found by index, however long the ledger is.

    For pieces that went through transit this is what left the warehouse.
    """
    parts: dict[int, list[IssuedPart]] = defaultdict(list)
    for line, *part in rows.ask(_ISSUED, [source_type, list(source_ids), list(source_lines)]).all():
        parts[line].append(IssuedPart(*part))
    return dict(parts)


def stock_documents_of(source_type: str, source_id: int) -> list[StockDocument]:
    """What a document of another room moved, the earliest first."""
    return list(StockDocument.objects.filter(source_type=source_type, source_id=source_id).order_by("pk"))


def put_back(source_type: str, source_id: int) -> dict[str, int]:
    """Pieces that a document of another room (a return) brought, by the name of the place."""
    found = StockMovement.objects.filter(
        document__source_type=source_type, document__source_id=source_id, quantity__gt=0
    )
    arrived = found.values_list("location__name").annotate(pieces=Sum("quantity"), first=Min("pk")).order_by("first")
    return {place: pieces for place, pieces, _first in arrived}


@dataclass(frozen=True, slots=True)
class IssuedSince:
    """Pieces of a SKU that one source has taken from a location."""

    source_id: int
    sku_id: int
    quantity: int


_ISSUED_SINCE = """
SELECT d.source_id, m.sku_id, -sum(m.quantity)::int
FROM unnest(%s::bigint[], %s::timestamptz[]) AS n (sku_id, moment)
JOIN inventory_stockmovement m ON m.sku_id = n.sku_id AND m.location_id = %s AND m.occurred_at > n.moment AND m.quantity < 0
JOIN inventory_stockdocument d ON d.id = m.document_id AND d.source_type = %s
GROUP BY 1, 2
"""


def issued_since(location_id: int, moments: Mapping[int, dt.datetime], *, source_type: str) -> list[IssuedSince]:
    """What sources of a type took from a location, of each SKU after its own moment."""
    asked = [list(moments), list(moments.values()), location_id, source_type]
    return [IssuedSince(*row) for row in rows.ask(_ISSUED_SINCE, asked).all()]
