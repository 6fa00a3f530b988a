"""What pieces are worth of which nobody knows where they were bought, or when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from fractions import Fraction

from django.db import connection

from catalog.selectors import cost_on
from erp.core.money import ZERO

_AVERAGES = """
SELECT wanted.sku_id, cost.value, cost.quantity,
       (SELECT value / quantity FROM inventory_stockmovement came
        WHERE came.sku_id = wanted.sku_id AND came.quantity > 0 AND came.value > 0 ORDER BY came.id DESC LIMIT 1)
FROM unnest(%s::bigint[]) AS wanted (sku_id)
LEFT JOIN inventory_costbalance cost ON cost.sku_id = wanted.sku_id AND cost.quantity > 0
    AND cost.cost_pool_id = (SELECT cost_pool_id FROM inventory_location WHERE id = %s)
"""


def unit_worth(*, location_id: int, sku_ids: Collection[int], on: dt.date) -> dict[int, Fraction]:
    """One piece of each SKU at a place: the average there, else its cost of that day, else what it cost last, else nothing."""
    with connection.cursor() as cursor:
        cursor.execute(_AVERAGES, [sorted(set(sku_ids)), location_id])
        found = cursor.fetchall()
    known = {sku_id: Fraction(value) / quantity for sku_id, value, quantity, _latest in found if quantity}
    latest = {sku_id: cost for sku_id, _value, _quantity, cost in found if cost is not None}
    unknown = {sku_id for sku_id, *_rest in found} - known.keys()
    costs = latest | cost_on(unknown, on) if unknown else {}
    return known | {sku_id: Fraction(costs.get(sku_id, ZERO)) for sku_id in unknown}
