"""Documents that stock itself owns, found by the id under which they were sent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, Sum

from erp.inventory.models import StockDocument, StockMovement


@dataclass(frozen=True, slots=True)
class DocumentSum:
    """A document with the movements of its lines: how many, pieces and value, signed."""

    id: int
    lines: int
    pieces: int
    value: Decimal


def stock_documents(*, source_type: str, external_ids: Iterable[str]) -> dict[str, DocumentSum]:
    """By external id. Ids nobody sent are missing in the answer."""
    found = StockDocument.objects.filter(source_type=source_type, external_id__in=list(external_ids)).annotate(
        lines=Count("movements"), pieces=Sum("movements__quantity"), worth=Sum("movements__value")
    )
    rows = found.values_list("external_id", "pk", "lines", "pieces", "worth")
    return {
        external_id: DocumentSum(pk, lines, pieces or 0, worth or Decimal(0))
        for external_id, pk, lines, pieces, worth in rows
    }


@dataclass(frozen=True, slots=True)
class DocumentLine:
    """What one line of a document moved at one place: pieces and value, signed alike."""

    line_no: int
    sku_id: int
    location_id: int
    quantity: int
    value: Decimal


def lines_of_document(document_id: int) -> list[DocumentLine]:
    """In the order in which they were booked; a transfer has two for each of its lines."""
    found = StockMovement.objects.filter(document_id=document_id).order_by("pk")
    rows = found.values_list("document_line", "sku_id", "location_id", "quantity", "value")
    return [DocumentLine(*row) for row in rows]
