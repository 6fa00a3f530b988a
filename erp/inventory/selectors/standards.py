"""What a cost pool that is kept at standard is carried at, beside what it should be."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

from django.db import connection


@dataclass(frozen=True, slots=True)
class OffStandard:
    """A SKU that is carried at another value than its standard cost of the day makes of its pieces."""

    sku_id: int
    code: str
    quantity: int
    value: Decimal
    standard: Decimal
    at_standard: Decimal

    @property
    def difference(self) -> Decimal:
        return self.at_standard - self.value


_OFF = """
SELECT * FROM (
    SELECT c.sku_id, sku.code, c.quantity, c.value, s.cost, round(s.cost * c.quantity) AS at_standard
    FROM inventory_costbalance c JOIN catalog_sku sku ON sku.id = c.sku_id
    CROSS JOIN LATERAL (SELECT cost FROM inventory_standardcost WHERE sku_id = c.sku_id AND valid_from <= %s ORDER BY valid_from DESC LIMIT 1) s
    WHERE c.cost_pool_id = %s AND c.quantity > 0) carried
WHERE value <> at_standard ORDER BY code
"""


def off_standard(cost_pool_id: int, *, on: dt.date) -> list[OffStandard]:
    with connection.cursor() as cursor:
        cursor.execute(_OFF, [on, cost_pool_id])
        return [OffStandard(*row) for row in cursor.fetchall()]
