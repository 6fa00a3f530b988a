"""Snapshots of stock: sums of the ledger, cut once, so that the past is read and not added up. Nothing else writes them.

Takes the level "document" of the lock order only: movements are final, and what a snapshot holds is committed and numbered without a gap.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from erp.core import locks
from erp.core.actors import Actor
from erp.core.clock import TOKYO
from erp.core.use_case import use_case
from erp.inventory import selectors

# A balance is cut as soon as so many of its movements are in no snapshot, others when a month is over: so nobody ever adds up more.
LONG_REST = 500
# What one transaction takes in: some seconds of work would hold the change feed back for everybody.
MOVEMENTS_AT_ONCE = 50_000
BALANCES_AT_ONCE = 20_000


@dataclass(frozen=True, slots=True)
class Rest:
    """Movements of one balance that no snapshot holds yet: those numbered above ``after`` up to ``through``."""

    sku_id: int
    location_id: int
    after: int
    through: int

    @property
    def count(self) -> int:
        return self.through - self.after


@dataclass(frozen=True, slots=True)
class CutResult:
    """How many balances were cut, how many movements were taken in, and into how many rows."""

    balances: int
    movements: int
    snapshots: int

    def __str__(self) -> str:
        return f"{self.movements:,} movements of {self.balances:,} balances in {self.snapshots:,} rows"


# By key, some thousand at a time: reading takes no transaction id, holds nobody back and may last. A rest is cut up to its last movement that was
# recorded before ``behind``; one that is not long yet, up to its last of the months before.
_RESTS = """
SELECT known.sku_id, known.location_id, known.after, (
    SELECT m.balance_seq FROM inventory_stockmovement m
    WHERE m.sku_id = known.sku_id AND m.location_id = known.location_id AND m.balance_seq > known.after AND m.balance_seq <= known.balance_seq
      AND m.recorded_at < CASE WHEN known.balance_seq - known.after >= %(long)s THEN %(behind)s ELSE least(%(behind)s, %(month)s) END
    ORDER BY m.balance_seq DESC LIMIT 1
) AS through
FROM (
    SELECT b.sku_id, b.location_id, b.balance_seq, coalesce((
        SELECT max(s.through_seq) FROM inventory_stocksnapshot s WHERE s.sku_id = b.sku_id AND s.location_id = b.location_id), 0) AS after
    FROM inventory_stockbalance b
    WHERE (b.sku_id, b.location_id) > (%(sku)s, %(place)s) AND (%(only)s::bigint[] IS NULL OR b.sku_id = ANY(%(only)s))
    ORDER BY b.sku_id, b.location_id LIMIT %(limit)s
) known
ORDER BY known.sku_id, known.location_id
"""

# A month of a balance is one row; a busy one is a row a day, so that a moment within it leaves little to be added up.
_CUT = """
INSERT INTO inventory_stocksnapshot
    (sku_id, location_id, after_seq, through_seq, begins_at, ends_at, movements, quantity, value, recorded_from, recorded_until, taken_at)
WITH wanted AS MATERIALIZED (
    SELECT w.* FROM unnest(%(skus)s::bigint[], %(places)s::bigint[], %(afters)s::bigint[], %(throughs)s::bigint[])
        AS w (sku_id, location_id, after_seq, through_seq)
    WHERE NOT EXISTS (SELECT FROM inventory_stocksnapshot s
        WHERE s.sku_id = w.sku_id AND s.location_id = w.location_id AND s.through_seq > w.after_seq)
), days AS (
    SELECT w.sku_id, w.location_id, w.after_seq, w.through_seq, date_trunc('day', m.occurred_at, 'Asia/Tokyo') AS day, count(*) AS movements,
           sum(m.quantity) AS quantity, sum(m.value) AS value, min(m.recorded_at) AS recorded_from, max(m.recorded_at) AS recorded_until
    FROM wanted w JOIN inventory_stockmovement m ON m.sku_id = w.sku_id AND m.location_id = w.location_id
        AND m.balance_seq > w.after_seq AND m.balance_seq <= w.through_seq
    GROUP BY 1, 2, 3, 4, 5
), months AS (
    SELECT *, date_trunc('month', day, 'Asia/Tokyo') AS month, sum(movements) OVER (
        PARTITION BY sku_id, location_id, through_seq, date_trunc('month', day, 'Asia/Tokyo')) >= %(busy)s AS is_busy
    FROM days
)
SELECT sku_id, location_id, after_seq, through_seq, CASE WHEN is_busy THEN day ELSE month END,
       CASE WHEN is_busy THEN date_add(day, '1 day', 'Asia/Tokyo') ELSE date_add(month, '1 month', 'Asia/Tokyo') END,
       sum(movements), sum(quantity), sum(value), min(recorded_from), max(recorded_until), %(at)s
FROM months GROUP BY 1, 2, 3, 4, 5, 6
"""
BUSY_MONTH = 100


def cut_snapshots(*, at: dt.datetime, by: Actor, sku_ids: Iterable[int] | None = None) -> CutResult:
    """Take into snapshots what the months before ``at`` left, and what of this month is much already. Many short transactions; repeatable.

    Only what was recorded before the horizon of the change feed is taken in: until then a transaction may still come that was recorded earlier.
    ``sku_ids``: of these SKUs only.
    """
    behind = selectors.final_before(at=at)
    balances = movements = snapshots = 0
    for batch in _batches(_rests(at=at, behind=behind, sku_ids=sku_ids)):
        snapshots += _cut(rests=batch, at=at, by=by)
        movements += sum(rest.count for rest in batch)
        balances += sum(1 for rest in batch)
    return CutResult(balances, movements, snapshots)


def _rests(*, at: dt.datetime, behind: dt.datetime, sku_ids: Iterable[int] | None) -> Iterator[Rest]:
    month = at.astimezone(TOKYO).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    values: dict[str, Any] = {"behind": behind, "month": month, "long": LONG_REST, "limit": BALANCES_AT_ONCE}
    values |= {"sku": 0, "place": 0, "only": None if sku_ids is None else sorted(set(sku_ids))}
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_RESTS, values)
            found = cursor.fetchall()
        for sku_id, location_id, after, through in found:
            if through is not None:
                yield Rest(sku_id, location_id, after, through)
        if len(found) < BALANCES_AT_ONCE:
            return
        values |= {"sku": found[-1][0], "place": found[-1][1]}


def _batches(rests: Iterable[Rest]) -> Iterator[list[Rest]]:
    """As many as one transaction takes in; a long rest is cut into several."""
    batch: list[Rest] = []
    room = MOVEMENTS_AT_ONCE
    for rest in rests:
        after = rest.after
        while after < rest.through:
            through = min(rest.through, after + room)
            batch.append(Rest(rest.sku_id, rest.location_id, after, through))
            room -= through - after
            after = through
            if not room:
                yield batch
                batch, room = [], MOVEMENTS_AT_ONCE
    if batch:
        yield batch


@use_case
def _cut(*, rests: Sequence[Rest], at: dt.datetime, by: Actor) -> int:
    # One at a time: two that overlap would each be true, and counted twice together.
    locks.hold("stock:SNAPSHOTS")
    values: dict[str, Any] = {
        "skus": [rest.sku_id for rest in rests],
        "places": [rest.location_id for rest in rests],
        "afters": [rest.after for rest in rests],
        "throughs": [rest.through for rest in rests],
        "busy": BUSY_MONTH,
        "at": at,
    }
    with connection.cursor() as cursor:
        cursor.execute(_CUT, values)
        return int(cursor.rowcount)


def forget_snapshots(*, sku_ids: Sequence[int], by: Actor) -> int:
    """Delete the snapshots of some SKUs, to be cut anew. The past is summed from the ledger until then. Returns how many rows."""
    return _forget(sku_ids=sku_ids, by=by)


@use_case
def _forget(*, sku_ids: Sequence[int], by: Actor) -> int:
    locks.hold("stock:SNAPSHOTS")
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('mamori.prune', 'on', true)")
        cursor.execute("DELETE FROM inventory_stocksnapshot WHERE sku_id = ANY(%s)", [list(sku_ids)])
        return int(cursor.rowcount)
