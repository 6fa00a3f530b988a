"""Stock of any past moment, by pieces and value, on two clocks: when something happened, and when the books learned of it.

What was there is the sum of the movements until then. Snapshots hold parts of that sum (``models.snapshots``); each answer takes those that lie
wholly before the moment on both clocks, looks into those that the moment cuts through, and adds what no snapshot has taken in yet, late facts
among it. The three parts are disjoint and together the ledger, so the answer is the plain sum, only sooner (``docs/stock-as-of.md``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal

from django.db import connection

from erp.core import changes
from erp.core.clock import business_date
from erp.core.money import ZERO

Grouping = Literal["location", "cost_pool", "sku"]

# The grain of time in PostgreSQL: until and with a moment is the same as before the next grain.
_GRAIN = dt.timedelta(microseconds=1)

# ``until``: what happened before it. ``known``: what was recorded until and with it.
_HEAD = """
WITH mark AS MATERIALIZED (
    SELECT sku_id, location_id, max(through_seq) AS seq FROM inventory_stocksnapshot s WHERE {of_s} GROUP BY sku_id, location_id
), cut_through AS MATERIALIZED (
    SELECT sku_id, location_id, after_seq, through_seq, begins_at, ends_at FROM inventory_stocksnapshot s
    WHERE {of_s} AND s.begins_at < %(until)s AND s.recorded_from <= %(known)s
      AND (s.ends_at > %(until)s OR s.recorded_until > %(known)s)
)"""
_WHOLE = "FROM inventory_stocksnapshot s WHERE {of_s} AND s.ends_at <= %(until)s AND s.recorded_until <= %(known)s"
_WITHIN = """FROM cut_through s JOIN inventory_stockmovement m
        ON m.sku_id = s.sku_id AND m.location_id = s.location_id AND m.balance_seq > s.after_seq AND m.balance_seq <= s.through_seq
        AND m.occurred_at >= s.begins_at AND m.occurred_at < s.ends_at
    WHERE {of_m} AND m.occurred_at < %(until)s AND m.recorded_at <= %(known)s
      AND m.occurred_at >= (SELECT min(begins_at) FROM cut_through)"""
# The same of some SKUs: each span looked up by itself, since laid beside each other, all movements would be compared with all spans. It is all in
# one index, in the order of time; "+ 0" keeps to that one, where numbers would lead through the whole life of a balance.
_WITHIN_OF_SKUS = """FROM cut_through s CROSS JOIN LATERAL (
        SELECT m.* FROM inventory_stockmovement m
        WHERE m.sku_id = s.sku_id AND m.location_id = s.location_id AND m.balance_seq + 0 > s.after_seq AND m.balance_seq + 0 <= s.through_seq
          AND m.occurred_at >= s.begins_at AND m.occurred_at < least(s.ends_at, %(until)s) AND m.recorded_at <= %(known)s
        OFFSET 0) m"""
_BEHIND = """FROM (
        SELECT b.sku_id, b.location_id, coalesce(mark.seq, 0) AS seq
        FROM inventory_stockbalance b LEFT JOIN mark ON mark.sku_id = b.sku_id AND mark.location_id = b.location_id
        WHERE {of_b} AND b.balance_seq > coalesce(mark.seq, 0)
    ) rest"""
_REST = f"""{_BEHIND} JOIN inventory_stockmovement m ON m.sku_id = rest.sku_id AND m.location_id = rest.location_id AND m.balance_seq > rest.seq
    WHERE {{of_m}} AND m.occurred_at < %(until)s AND m.recorded_at <= %(known)s"""
# Of some SKUs, too, each balance by itself: joined, a balance that PostgreSQL takes for a short one would be read through its whole life.
_REST_OF_SKUS = f"""{_BEHIND} CROSS JOIN LATERAL (
        SELECT m.* FROM inventory_stockmovement m
        WHERE m.sku_id = rest.sku_id AND m.location_id = rest.location_id AND m.balance_seq > rest.seq
          AND m.occurred_at < %(until)s AND m.recorded_at <= %(known)s
        OFFSET 0) m"""  # noqa: S608 - made of our own constants only
# ``on_hand_after`` is not in the index that is in the order of time: the rest is to be found by number, however readily that index tells all else.
_PARTS = f"""{_HEAD}, parts AS (
    SELECT s.sku_id, s.location_id, s.quantity, s.value {_WHOLE}
    UNION ALL
    SELECT m.sku_id, m.location_id, m.quantity, m.value {{within}}
    UNION ALL
    SELECT m.sku_id, m.location_id, m.quantity + 0 * m.on_hand_after, m.value {{rest}}
)
"""
_BY_BALANCE = """
SELECT sku_id, location_id, sum(quantity)::bigint, sum(value) FROM parts GROUP BY sku_id, location_id
HAVING sum(quantity) <> 0 OR sum(value) <> 0 ORDER BY sku_id, location_id
"""
_BY: dict[Grouping, str] = {
    "sku": "SELECT sku_id, sum(quantity)::bigint, sum(value) FROM parts GROUP BY sku_id ORDER BY sku_id",
    "location": "SELECT location_id, sum(quantity)::bigint, sum(value) FROM parts GROUP BY location_id ORDER BY location_id",
    "cost_pool": """
        SELECT place.cost_pool_id, sum(here.quantity)::bigint, sum(here.value)
        FROM (SELECT location_id, sum(quantity) AS quantity, sum(value) AS value FROM parts GROUP BY location_id) here
        JOIN inventory_location place ON place.id = here.location_id GROUP BY place.cost_pool_id ORDER BY place.cost_pool_id
    """,
}


@dataclass(frozen=True, slots=True)
class StockThen:
    """Pieces and value, in the company's currency, of one SKU at one location at some past time.

    Pieces can be negative: what was sold before its receipt, by the day that the receipt says.
    """

    sku_id: int
    location_id: int
    on_hand: int
    value: Decimal


@dataclass(frozen=True, slots=True)
class TotalThen:
    """The same of a whole SKU, location or cost pool; ``key`` is its id."""

    key: int
    on_hand: int
    value: Decimal


def stock_as_of(
    at: dt.datetime | None,
    *,
    known_at: dt.datetime | None = None,
    sku_ids: Iterable[int] | None = None,
    location_ids: Iterable[int] | None = None,
) -> list[StockThen]:
    """What was there when everything that happened until and with ``at`` had happened, by SKU and location. What is nothing is left out.

    ``known_at``: as the books knew it then, from what was recorded until and with that moment. None: as it is known now.
    ``at`` None: whatever happened, of what was known. None for ``sku_ids`` or ``location_ids``: all of them.
    """
    return [StockThen(*row) for row in _ask(_BY_BALANCE, at, known_at, sku_ids, location_ids)]


def stock_totals_as_of(
    at: dt.datetime | None,
    *,
    by: Grouping,
    known_at: dt.datetime | None = None,
    sku_ids: Iterable[int] | None = None,
    location_ids: Iterable[int] | None = None,
) -> list[TotalThen]:
    """The same summed by SKU, by location or by cost pool; a total that came to nothing is there as well. Parameters as ``stock_as_of``."""
    return [TotalThen(*row) for row in _ask(_BY[by], at, known_at, sku_ids, location_ids)]


def _ask(
    statement: str,
    at: dt.datetime | None,
    known_at: dt.datetime | None,
    sku_ids: Iterable[int] | None,
    location_ids: Iterable[int] | None,
) -> Sequence[tuple[Any, ...]]:
    values = bounds(at, known_at)
    values["skus"] = None if sku_ids is None else sorted(set(sku_ids))
    values["places"] = None if location_ids is None else sorted(set(location_ids))
    with connection.cursor() as cursor:
        cursor.execute(parts_of(sku_ids is not None, location_ids is not None) + statement, values)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def bounds(at: dt.datetime | None, known_at: dt.datetime | None) -> dict[str, Any]:
    """Both clocks as the statements compare them: happened before ``until``, recorded until and with ``known``."""
    return {"until": "infinity" if at is None else at + _GRAIN, "known": known_at or "infinity"}


@lru_cache(maxsize=4)
def parts_of(has_skus: bool, has_places: bool) -> str:
    """Common table expressions, the last of which, ``parts``, are the rows to sum up; of some SKUs (``skus``) and locations (``places``)."""
    within, rest = (_WITHIN_OF_SKUS, _REST_OF_SKUS) if has_skus else (_WITHIN, _REST)
    return _of(_PARTS.replace("{within}", within).replace("{rest}", rest), has_skus, has_places)


def _of(statement: str, has_skus: bool, has_places: bool) -> str:
    wanted = {
        f"of_{alias}": " AND ".join(
            [
                *([f"{alias}.sku_id = ANY(%(skus)s::bigint[])"] if has_skus else []),
                *([f"{alias}.location_id = ANY(%(places)s::bigint[])"] if has_places else []),
            ]
        )
        or "true"
        for alias in "smb"
    }
    return statement.format(**wanted)


@dataclass(frozen=True, slots=True)
class MonthThen:
    """What the snapshots of one SKU at one place say of a month; ``begins_on`` is its first day."""

    begins_on: dt.date
    movements: int
    on_hand: int
    value: Decimal


@dataclass(frozen=True, slots=True)
class MovementThen:
    """A movement that no snapshot answers for at that moment. ``is_late``: it was recorded in a later month than it happened in."""

    id: int
    document_id: int
    kind: str
    source_type: str
    source_id: int
    occurred_at: dt.datetime
    recorded_at: dt.datetime
    on_hand: int
    value: Decimal
    is_late: bool


@dataclass(frozen=True, slots=True)
class Explained:
    """What was there, and the terms that add up to it: months from snapshots, then single movements, oldest first.

    Of many movements the last ones are listed, ``earlier`` sums up the others.
    """

    on_hand: int
    value: Decimal
    months: tuple[MonthThen, ...]
    earlier: MonthThen | None
    movements: tuple[MovementThen, ...]


_MONTHS = f"""
SELECT date_trunc('month', s.begins_at, 'Asia/Tokyo') AS month, sum(s.movements)::bigint, sum(s.quantity)::bigint, sum(s.value)
{_WHOLE} GROUP BY month ORDER BY month
"""
_SINGLE = f"""{_HEAD}
SELECT m.id, m.document_id, d.kind, d.source_type, d.source_id, m.occurred_at, m.recorded_at, m.quantity, m.value,
       date_trunc('month', m.recorded_at, 'Asia/Tokyo') > date_trunc('month', m.occurred_at, 'Asia/Tokyo')
FROM (SELECT m.* {_WITHIN_OF_SKUS} UNION ALL SELECT m.* {_REST_OF_SKUS}) m JOIN inventory_stockdocument d ON d.id = m.document_id
ORDER BY m.occurred_at, m.id
"""  # noqa: S608


def explain_stock_as_of(
    at: dt.datetime | None, *, sku_id: int, location_id: int, known_at: dt.datetime | None = None, most: int = 200
) -> Explained:
    """``stock_as_of`` of one SKU at one location with its terms; at most ``most`` movements are listed."""
    values = bounds(at, known_at) | {"skus": [sku_id], "places": [location_id]}
    with connection.cursor() as cursor:
        cursor.execute(_of(_MONTHS, True, True), values)
        months = tuple(MonthThen(business_date(row[0]), *row[1:]) for row in cursor.fetchall())
        cursor.execute(_of(_SINGLE, True, True), values)
        single = [MovementThen(*row) for row in cursor.fetchall()]
    hidden, shown = single[:-most], single[-most:]
    terms: list[MonthThen | MovementThen] = [*months, *single]
    return Explained(
        on_hand=sum(term.on_hand for term in terms),
        value=sum((term.value for term in terms), ZERO),
        months=months,
        earlier=_together(hidden) if hidden else None,
        movements=tuple(shown),
    )


def _together(movements: Sequence[MovementThen]) -> MonthThen:
    return MonthThen(
        business_date(movements[0].occurred_at),
        len(movements),
        sum(row.on_hand for row in movements),
        sum((row.value for row in movements), ZERO),
    )


# Services ask the clock just before their transaction begins, and once more when PostgreSQL broke one off.
_BETWEEN_CLOCK_AND_TRANSACTION = dt.timedelta(minutes=1)


def final_before(*, at: dt.datetime) -> dt.datetime:
    """The horizon of the change feed as a moment, seen at ``at``, now: everything that was recorded before it is committed or gone.

    "As it was known" then does not change any more; "as it was" changes with each late fact, for ever.
    """
    return at - dt.timedelta(seconds=changes.lag().oldest_transaction_s) - _BETWEEN_CLOCK_AND_TRANSACTION
