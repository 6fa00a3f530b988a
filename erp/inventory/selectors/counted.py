"""When a SKU was last counted at a place, by a single count or a stocktake. Reads only."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db.models import Q, QuerySet


def not_counted_since(balances: QuerySet[Any], since: dt.datetime | None) -> QuerySet[Any]:
    """Balances with pieces that nobody has counted since a moment, or ever (None)."""
    never = Q(last_counted_at__isnull=True)
    found: QuerySet[Any] = balances.filter(
        never if since is None else never | Q(last_counted_at__lt=since), has_pieces=True
    )
    return found
