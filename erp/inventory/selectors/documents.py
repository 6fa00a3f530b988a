"""Documents that stock itself owns, found by the id under which they were sent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, Sum

from erp.inventory.models import StockDocument


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
