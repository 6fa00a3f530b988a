"""What ``manage.py verify`` and the rebuild ask of snapshots: is each the sum of its movements, and do their numbers follow on. Nothing writes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence

from django.db import connection
from django.utils.translation import gettext as _

from erp.core.checks import Fault
from erp.core.clock import TOKYO
from erp.inventory.selectors.as_of import bounds, parts_of

# Each movement that is taken in belongs to the row of its number and its month, or its day: two look-ups by equality, however long the ledger.
_SUMS = """
WITH behind AS (
    SELECT coalesce(month.id, day.id) AS id, count(*) AS movements, sum(m.quantity) AS quantity, sum(m.value) AS value,
           min(m.recorded_at) AS recorded_from, max(m.recorded_at) AS recorded_until
    FROM inventory_stockmovement m
    LEFT JOIN inventory_stocksnapshot month ON month.sku_id = m.sku_id AND month.location_id = m.location_id
        AND month.begins_at = date_trunc('month', m.occurred_at, 'Asia/Tokyo') AND month.ends_at > m.occurred_at
        AND month.ends_at - month.begins_at > interval '1 day' AND m.balance_seq > month.after_seq AND m.balance_seq <= month.through_seq
    LEFT JOIN inventory_stocksnapshot day ON day.sku_id = m.sku_id AND day.location_id = m.location_id
        AND day.begins_at = date_trunc('day', m.occurred_at, 'Asia/Tokyo') AND day.ends_at > m.occurred_at
        AND day.ends_at - day.begins_at <= interval '1 day' AND m.balance_seq > day.after_seq AND m.balance_seq <= day.through_seq
    WHERE coalesce(month.id, day.id) IS NOT NULL AND {of_m} GROUP BY 1
)
SELECT s.id, sku.code || ' @ ' || place.code, s.movements, s.quantity, s.value, behind.movements, behind.quantity, behind.value
FROM inventory_stocksnapshot s LEFT JOIN behind USING (id)
JOIN catalog_sku sku ON sku.id = s.sku_id JOIN inventory_location place ON place.id = s.location_id
WHERE {of_s} AND (s.movements, s.quantity, s.value, s.recorded_from, s.recorded_until)
      IS DISTINCT FROM (behind.movements, behind.quantity, behind.value, behind.recorded_from, behind.recorded_until)
ORDER BY s.id
"""
_NUMBERS = """
SELECT s.id, sku.code || ' @ ' || place.code, s.after_seq, s.through_seq, s.expected, s.movements, b.balance_seq
FROM (
    SELECT min(id) AS id, sku_id, location_id, after_seq, through_seq, sum(movements) AS movements,
           coalesce(lag(through_seq) OVER (PARTITION BY sku_id, location_id ORDER BY through_seq, after_seq), 0) AS expected
    FROM inventory_stocksnapshot s WHERE {of_s} GROUP BY sku_id, location_id, after_seq, through_seq
) s
LEFT JOIN inventory_stockbalance b ON b.sku_id = s.sku_id AND b.location_id = s.location_id
JOIN catalog_sku sku ON sku.id = s.sku_id JOIN inventory_location place ON place.id = s.location_id
WHERE s.after_seq <> s.expected OR s.movements <> s.through_seq - s.after_seq OR s.through_seq > coalesce(b.balance_seq, 0)
ORDER BY s.id
"""


def snapshot_faults(*, sku_ids: Sequence[int] | None = None) -> Iterator[Fault]:
    """Each snapshot, of some SKUs or of all, that is not what the ledger says."""
    wanted = {
        f"of_{alias}": "true" if sku_ids is None else f"{alias}.sku_id = ANY(%(skus)s::bigint[])" for alias in "ms"
    }
    values = {"skus": None if sku_ids is None else list(sku_ids)}
    with connection.cursor() as cursor:
        cursor.execute(_SUMS.format(**wanted), values)
        for pk, label, count, quantity, value, found_count, found_quantity, found_value in cursor.fetchall():
            detail = _(
                "holds %(count)s movements, %(quantity)s pieces, %(value)s; the ledger %(found_count)s, %(found_quantity)s, %(found_value)s"
            )
            figures = {"count": count, "quantity": quantity, "value": value}
            figures |= {
                "found_count": found_count or 0,
                "found_quantity": found_quantity or 0,
                "found_value": found_value or 0,
            }
            yield Fault("P1", "STOCK_SNAPSHOT", pk, label, detail % figures)
        cursor.execute(_NUMBERS.format(**wanted), values)
        for pk, label, after, through, expected, count, last in cursor.fetchall():
            detail = _(
                "takes numbers %(after)s to %(through)s with %(count)s movements; the one before ends at %(expected)s, the balance at %(last)s"
            )
            figures = {"after": after, "through": through, "count": count, "expected": expected, "last": last or 0}
            yield Fault("P1", "STOCK_SNAPSHOT", pk, label, detail % figures)


# So many movements at a time, or one SKU that has more.
MOVEMENTS_AT_ONCE = 200_000
SKUS_AT_ONCE = 2_000
_LENGTHS = """
SELECT sku_id, sum(balance_seq)::bigint FROM inventory_stockbalance WHERE sku_id > %s GROUP BY sku_id ORDER BY sku_id
"""


def skus_by_movements(*, after: int = 0) -> Iterator[tuple[int, list[int]]]:
    """All SKUs that ever moved, in the order of their ids, in groups that are read at once; each with the last id in it."""
    with connection.cursor() as cursor:
        cursor.execute(_LENGTHS, [after])
        lengths = cursor.fetchall()
    group: list[int] = []
    room = MOVEMENTS_AT_ONCE
    for sku_id, count in lengths:
        if group and (count > room or len(group) == SKUS_AT_ONCE):
            yield group[-1], group
            group, room = [], MOVEMENTS_AT_ONCE
        group.append(sku_id)
        room -= count
    if group:
        yield group[-1], group


_UNEQUAL = """
, answered AS (SELECT sku_id, location_id, sum(quantity) AS quantity, sum(value) AS value FROM parts GROUP BY sku_id, location_id),
summed AS (
    SELECT sku_id, location_id, sum(quantity) AS quantity, sum(value) AS value FROM inventory_stockmovement
    WHERE occurred_at < %(until)s AND recorded_at <= %(known)s GROUP BY sku_id, location_id)
SELECT sku_id, location_id FROM answered a FULL JOIN summed s USING (sku_id, location_id)
WHERE coalesce(a.quantity, 0) <> coalesce(s.quantity, 0) OR coalesce(a.value, 0) <> coalesce(s.value, 0) ORDER BY sku_id, location_id
"""


def unequal_as_of(*, at: dt.datetime) -> Iterator[tuple[int, int]]:
    """SKU and location of which ``stock_as_of`` would answer something else than the ledger adds up to, asked in one statement for each of the
    ends of the last thirteen months, and for now."""
    month = at.astimezone(TOKYO).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    moments = [at]
    for _step in range(13):
        moments.append(month - dt.timedelta(microseconds=1))
        month = (month - dt.timedelta(days=1)).replace(day=1)
    with connection.cursor() as cursor:
        for moment in moments:
            cursor.execute(parts_of(has_skus=False, has_places=False) + _UNEQUAL, bounds(moment, None))
            yield from cursor.fetchall()
