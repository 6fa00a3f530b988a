"""Stocktakes as people look at them: how far counting has come, what a sheet has, what differs. Reads only."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import Count, F, Max, Q, QuerySet, Sum
from django.db.models.functions import Abs

from erp.inventory.models import StockCount, StockCountEntry, StockCountLine
from erp.inventory.selectors.staff import places_of

# (location, SKU → moment) → pieces by SKU
Picked = Callable[[int, Mapping[int, dt.datetime]], Mapping[int, int]]
_pickers: list[Picked] = []


def register_picking(picked: Picked) -> None:
    """Who knows what lay beside the shelves of a location at a moment, since it was being picked: told by the room that owns the parcels, in
    ``AppConfig.ready``."""
    _pickers.append(picked)


def picked_when_counted(count: StockCount, lines: Iterable[StockCountLine]) -> dict[int, int]:
    """SKU id → pieces that were still in the books when somebody counted, and may have been in parcels already."""
    moments = {line.sku_id: line.counted_at for line in lines if line.counted_at is not None}
    found: dict[int, int] = {}
    for picked in _pickers:
        for sku_id, pieces in picked(count.location_id, moments).items():
            found[sku_id] = found.get(sku_id, 0) + pieces
    return found


BEING_COUNTED = (StockCount.State.COUNTING, StockCount.State.REVIEW)


@dataclass(frozen=True, slots=True)
class SheetProgress:
    sheet: str
    actor: str
    entries: int
    pieces: int
    last_at: dt.datetime


@dataclass(frozen=True, slots=True)
class CountProgress:
    """SKUs on the list, those of them that were counted, those beside it, and the pieces that were seen, by sheet and person."""

    listed: int
    counted: int
    found: int
    pieces: int
    sheets: list[SheetProgress] = field(default_factory=list)

    @property
    def percent(self) -> int:
        return self.counted * 100 // self.listed if self.listed else 0


_SKUS = """
SELECT count(*) FILTER (WHERE l.is_listed), count(e.sku_id) FILTER (WHERE l.is_listed), count(*) FILTER (WHERE l.is_listed IS NOT TRUE)
FROM (SELECT sku_id, is_listed FROM inventory_stockcountline WHERE count_id = %(count)s) l
FULL JOIN (SELECT DISTINCT sku_id FROM inventory_stockcountentry WHERE count_id = %(count)s) e USING (sku_id)
"""


def count_progress(count_id: int) -> CountProgress:
    with connection.cursor() as cursor:
        cursor.execute(_SKUS, {"count": count_id})
        listed, counted, found = cursor.fetchone()
    groups = (
        StockCountEntry.objects.filter(count=count_id)
        .values_list("sheet", "actor")
        .annotate(Count("id"), Sum("quantity"), Max("counted_at"))
        .order_by("sheet", "actor")
    )
    sheets = [SheetProgress(*row) for row in groups]
    return CountProgress(listed, counted, found, sum(sheet.pieces for sheet in sheets), sheets)


def counts_to_enter(user: Any) -> QuerySet[StockCount]:
    """Stocktakes that a user may count into now."""
    return counts_of(user).filter(state__in=BEING_COUNTED)


def counts_of(user: Any) -> QuerySet[StockCount]:
    """Stocktakes of a user's places, in any state."""
    found = StockCount.objects.select_related("location").order_by("-id")
    places = places_of(user)
    return found if places is None else found.filter(location__in=places)


_SHEET_TOTALS = """
WITH anew AS (
    SELECT DISTINCT ON (sku_id) sku_id, counted_at, id FROM inventory_stockcountentry
    WHERE count_id = %(count)s AND sku_id = ANY(%(skus)s) AND kind = 'RECOUNT' ORDER BY sku_id, counted_at DESC, id DESC
)
SELECT e.sku_id, sum(e.quantity)::int FROM inventory_stockcountentry e LEFT JOIN anew ON anew.sku_id = e.sku_id
WHERE e.count_id = %(count)s AND e.sheet = %(sheet)s AND e.sku_id = ANY(%(skus)s)
  AND (anew.id IS NULL OR (e.counted_at, e.id) >= (anew.counted_at, anew.id))
GROUP BY e.sku_id
"""


def sheet_totals(count_id: int, sheet: str, sku_ids: Iterable[int]) -> dict[int, int]:
    """SKU id → pieces that this sheet has of it since it was last counted anew."""
    with connection.cursor() as cursor:
        cursor.execute(_SHEET_TOTALS, {"count": count_id, "sheet": sheet, "skus": list(set(sku_ids))})
        return dict(cursor.fetchall())


def latest_entries(count_id: int, sheet: str, *, limit: int) -> list[StockCountEntry]:
    found = StockCountEntry.objects.filter(count=count_id, sheet=sheet)
    return list(found.select_related("sku__product", "sku__color", "sku__size").order_by("-id")[:limit])


@dataclass(frozen=True, slots=True)
class Variance:
    """What differs in all, more and less apart."""

    differing: int
    more: int
    less: int
    more_value: Decimal
    less_value: Decimal
    uncounted: int
    moved: int

    @property
    def pieces(self) -> int:
        return self.more + self.less

    @property
    def value(self) -> Decimal:
        return self.more_value + self.less_value


def variance(count_id: int) -> Variance:
    more, less = Q(difference__gt=0), Q(difference__lt=0)
    found = StockCountLine.objects.filter(count=count_id).aggregate(
        differing=Count("id", filter=more | less),
        more=Sum("difference", filter=more, default=0),
        less=Sum("difference", filter=less, default=0),
        more_value=Sum("value", filter=more, default=Decimal(0)),
        less_value=Sum("value", filter=less, default=Decimal(0)),
        uncounted=Count("id", filter=Q(entries=0)),
        moved=Count("id", filter=Q(has_moved=True)),
    )
    return Variance(**found)


SHOWN = {
    "differences": Q(difference__lt=0) | Q(difference__gt=0),
    "uncounted": Q(entries=0),
    "moved": Q(has_moved=True) | Q(is_superseded=True),
    "found": Q(is_listed=False),
    "all": Q(),
}


def count_lines(count_id: int, shown: str, *, by_value: bool) -> QuerySet[StockCountLine]:
    """The lines of a kind, the largest difference first: by its value for whoever may see costs, else by its pieces."""
    found = StockCountLine.objects.filter(SHOWN[shown], count=count_id).select_related(
        "sku__product", "sku__color", "sku__size"
    )
    if shown == "uncounted":
        return found.order_by("shelf", "id")
    size = Abs(F("value")) if by_value else Abs(F("difference"))
    return found.order_by(size.desc(nulls_last=True), "id")
