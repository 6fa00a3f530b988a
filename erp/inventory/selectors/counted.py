"""When a SKU was last counted at a place, by a single count or a stocktake. Reads only."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet, Subquery

from erp.inventory.models import CountRecord


def _counts_of_balance() -> QuerySet[CountRecord]:
    return CountRecord.objects.filter(sku=OuterRef("sku"), location=OuterRef("location"))


def with_last_count(balances: QuerySet[Any]) -> QuerySet[Any]:
    """Balances with ``last_counted_at``: one step down an index for each that is shown."""
    newest = _counts_of_balance().order_by("-counted_at").values("counted_at")[:1]
    found: QuerySet[Any] = balances.annotate(last_counted_at=Subquery(newest))
    return found


def not_counted_since(balances: QuerySet[Any], since: dt.datetime | None) -> QuerySet[Any]:
    """Balances with pieces that nobody has counted since a moment, or ever (None)."""
    counted = _counts_of_balance() if since is None else _counts_of_balance().filter(counted_at__gte=since)
    return balances.filter(~Exists(counted), on_hand__gt=0)
