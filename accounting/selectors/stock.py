"""What the books say of stock: for whoever proves that the inventory accounts equal the goods."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from decimal import Decimal

from django.db import connection
from django.db.models import Min

from accounting.models import Period

Source = tuple[str, int]
"""(type, id) of the document that an entry names"""

_POSTED = """
SELECT e.source_type, e.source_id, p.account_id, sum(CASE p.side WHEN 'DEBIT' THEN p.amount ELSE -p.amount END)
FROM unnest(%s::text[], %s::bigint[]) AS named (source_type, source_id)
JOIN accounting_journalentry e USING (source_type, source_id)
JOIN accounting_posting p ON p.entry_id = e.id AND p.entry_date <= %s
JOIN accounting_ledgeraccount a ON a.id = p.account_id AND a.control = 'STOCK'
GROUP BY 1, 2, 3
"""


def posted_to_stock(sources: Collection[Source], *, through: dt.date) -> dict[tuple[str, int, int], Decimal]:
    """What the entries of these documents made of the inventory accounts up to a day: (type, id, account) → debit less credit."""
    with connection.cursor() as cursor:
        cursor.execute(_POSTED, [[kind for kind, _id in sources], [key for _kind, key in sources], through])
        return {(kind, key, account): amount for kind, key, account, amount in cursor.fetchall()}


def closed_at(day: dt.date) -> dt.datetime | None:
    """When the month of a day was closed; None while it is open."""
    closed = Period.objects.filter(state=Period.State.CLOSED, starts_on__lte=day, ends_on__gte=day)
    moment: dt.datetime | None = closed.aggregate(Min("closed_at"))["closed_at__min"]
    return moment


def last_closed_day() -> dt.date | None:
    """The end of the newest closed month."""
    closed = Period.objects.filter(state=Period.State.CLOSED).order_by("-ends_on")
    return closed.values_list("ends_on", flat=True).first()
