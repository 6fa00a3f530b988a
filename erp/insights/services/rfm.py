"""The nightly RFM run. Scores are made over all customers at once and written in short transactions, because the change feed waits for writers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from django.db import connection

from erp.core import locks
from erp.core.actors import Actor
from erp.core.clock import business_date
from erp.core.use_case import use_case
from erp.insights import selectors
from erp.insights.models import CustomerRfm, RfmDefinition
from erp.insights.selectors import Purchases, Scores, find_segment
from erp.insights.services.memberships import announce_memberships

CHUNK = 2_000


@dataclass(frozen=True, slots=True)
class RfmRun:
    """``customers`` were scored, ``moved`` came into, left or changed a segment."""

    as_of: dt.date
    customers: int
    moved: int

    def __str__(self) -> str:
        return f"{self.as_of}: {self.customers} customers, {self.moved} moved"


def refresh_rfm(*, as_of: dt.date | None = None, at: dt.datetime, by: Actor) -> RfmRun:
    """Score every customer as of a business date (default: yesterday, the last whole day). Again = no change, nothing announced."""
    day = as_of or business_date(at) - dt.timedelta(days=1)
    definition = selectors.definition_on(day)
    bought = selectors.purchases(as_of=day, window_months=definition.window_months)
    segments = selectors.segments()
    rows = [
        _row(one, scores, None if (segment := find_segment(scores, segments)) is None else segment.pk)
        for one, scores in zip(bought, _score(bought, definition, as_of=day), strict=True)
    ]
    moved = sum(_write(as_of=day, rows=chunk, at=at, by=by) for chunk in _chunks(rows))
    moved += _forget({one.customer_id for one in bought}, at=at, by=by)
    announce_memberships(at=at, by=by)
    return RfmRun(day, len(bought), moved)


def _score(bought: Sequence[Purchases], definition: RfmDefinition, *, as_of: dt.date) -> list[Scores]:
    if definition.method == RfmDefinition.Method.EQUAL_GROUPS:
        return selectors.score_in_equal_groups(bought)
    return selectors.score_by_value(bought, as_of=as_of)


Row = tuple[int, dt.date, int, str, int, int, int, int | None]


def _row(one: Purchases, scores: Scores, segment_id: int | None) -> Row:
    return (
        one.customer_id, one.last_order_date, one.order_count, str(one.amount), scores.r, scores.f, scores.m, segment_id,
    )  # fmt: skip


def _chunks(rows: Sequence[Row]) -> Iterator[list[Row]]:
    remaining = iter(rows)
    while chunk := list(islice(remaining, CHUNK)):
        yield chunk


_BEFORE = "SELECT golden_id, segment_id FROM insights_customerrfm WHERE golden_id = ANY(%s)"

# Only what differs is written; the date moves with it, so ``as_of`` says since when these figures hold.
_UPSERT = """
INSERT INTO insights_customerrfm AS known (golden_id, as_of, last_order_date, order_count, amount, r, f, m, segment_id, version)
SELECT new.golden_id, %s::date, new.last_order_date, new.order_count, new.amount, new.r, new.f, new.m, new.segment_id, 1
FROM unnest(%s::bigint[], %s::date[], %s::int[], %s::numeric[], %s::int[], %s::int[], %s::int[], %s::bigint[])
     AS new (golden_id, last_order_date, order_count, amount, r, f, m, segment_id)
JOIN customers_goldencustomer golden ON golden.id = new.golden_id
ON CONFLICT (golden_id) DO UPDATE SET as_of = EXCLUDED.as_of, last_order_date = EXCLUDED.last_order_date,
    order_count = EXCLUDED.order_count, amount = EXCLUDED.amount, r = EXCLUDED.r, f = EXCLUDED.f, m = EXCLUDED.m,
    segment_id = EXCLUDED.segment_id, version = known.version + 1
WHERE (known.last_order_date, known.order_count, known.amount, known.r, known.f, known.m, known.segment_id)
      IS DISTINCT FROM (EXCLUDED.last_order_date, EXCLUDED.order_count, EXCLUDED.amount, EXCLUDED.r, EXCLUDED.f, EXCLUDED.m,
                        EXCLUDED.segment_id)
"""


@use_case
def _write(*, as_of: dt.date, rows: Sequence[Row], at: dt.datetime, by: Actor) -> int:
    locks.hold("insights:rfm")
    after: dict[int, int | None] = {row[0]: row[-1] for row in rows}
    with connection.cursor() as cursor:
        cursor.execute(_BEFORE, [list(after)])
        before: dict[int, int | None] = dict(cursor.fetchall())
        cursor.execute(_UPSERT, [as_of, *(list(column) for column in zip(*rows, strict=True))])
    return sum(before.get(key) != segment_id for key, segment_id in after.items())


def _forget(bought: set[int], *, at: dt.datetime, by: Actor) -> int:
    """Customers whose orders count no more (cancelled, returned, merged into another, outside the window) leave their segment."""
    gone = [key for key in CustomerRfm.objects.order_by("pk").values_list("pk", flat=True) if key not in bought]
    return sum(_delete(keys=gone[first : first + CHUNK], at=at, by=by) for first in range(0, len(gone), CHUNK))


@use_case
def _delete(*, keys: Sequence[int], at: dt.datetime, by: Actor) -> int:
    locks.hold("insights:rfm")
    CustomerRfm.objects.filter(pk__in=keys).delete()
    return len(keys)
