"""Which figures stock can hold. Asked by every service that takes pieces or costs, so that a typing error is told and never reaches a column."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from django.utils.translation import gettext as _

from catalog.models import Sku
from erp.core.errors import Problem

# Far below what the column of a quantity holds, so that what was there before and the other lines still fit beside it.
MOST_PIECES = 10_000_000
# What the columns hold: 14 digits with 4 decimals for a cost, 16 with 2 for a value.
MOST_COST = Decimal(10**10)
MOST_VALUE = Decimal(10**14)


def faults_of_pieces(index: int, pieces: int) -> list[Problem]:
    """Too many pieces, either way. Too few is for each service to say."""
    if abs(pieces) <= MOST_PIECES:
        return []
    detail = _("Pieces: at most %(most)s.") % {"most": f"{MOST_PIECES:,}"}
    return [Problem(f"/lines/{index}/quantity", "too_large", detail)]


def kits_among(sku_ids: Iterable[int]) -> set[int]:
    """Those of these SKUs that have no stock of their own."""
    return set(Sku.objects.filter(pk__in=set(sku_ids), is_kit=True).values_list("pk", flat=True))


def faults_of_kits(lines: Sequence[tuple[int, int]]) -> list[Problem]:
    """Pieces of a kit, by line (SKU, pieces), that are said to be there: its components are. What it had before it became one may go."""
    kits = kits_among(sku_id for sku_id, _pieces in lines)
    return [
        Problem(f"/lines/{index}/sku", "unknown_sku", _("This SKU has no stock of its own."))
        for index, (sku_id, pieces) in enumerate(lines)
        if sku_id in kits and pieces > 0
    ]


def faults_of_cost(index: int, cost: Decimal | None, pieces: int) -> list[Problem]:
    """A cost that is no number, negative, or too large by itself or with its pieces.

    It may be as fine as a division makes it: value is carried, and rounded once for all pieces of a line.
    """
    pointer = f"/lines/{index}/unit_cost"
    if cost is None:
        return []
    if not cost.is_finite():
        return [Problem(pointer, "invalid", _("Unit cost: a number is needed."))]
    if cost < 0:
        return [Problem(pointer, "invalid", _("A cost is not negative."))]
    if cost >= MOST_COST or cost * abs(pieces) >= MOST_VALUE:
        return [Problem(pointer, "too_large", _("Unit cost: the amount is too large."))]
    return []
