"""How old stock is and how it sells: 滞留在庫, 回転率, 消化率, and the age that write-downs go by; all by the day on which goods moved."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

from erp.core.clock import FIRST_BOOKABLE, end_of
from erp.core.money import ZERO
from erp.inventory.selectors.stock_value import (
    EVERYTHING,
    KEYS,
    OF_PLACES,
    OF_STYLES,
    STYLES,
    By,
    Scope,
    held_of,
    rows_of,
    values_on,
)


@dataclass(frozen=True, slots=True)
class Aged:
    """Stock of one SKU with the last days on which it came in from a supplier and was sold; None: never by this ledger."""

    sku_id: int
    label: str
    category_id: int | None
    pieces: int
    value: Decimal
    last_received_on: dt.date | None
    last_sold_on: dt.date | None


# What came from a supplier or as opening stock, and what was sold. Goods that came back or moved are neither new nor sold.
_LAST_DAYS = """
last_days AS (
    SELECT m.sku_id,
           max(m.occurred_at) FILTER (WHERE d.kind = 'RECEIPT' AND d.source_type <> 'RETURN' AND m.quantity > 0) AS received_at,
           max(m.occurred_at) FILTER (WHERE d.kind = 'ISSUE' AND d.source_type <> 'SUPPLIER_RETURN' AND m.reason_id IS NULL AND m.quantity < 0)
               AS sold_at
    FROM inventory_stockmovement m JOIN inventory_stockdocument d ON d.id = m.document_id
    WHERE m.occurred_at < %(end)s AND m.quantity <> 0 GROUP BY m.sku_id)
"""


def aged_stock(day: dt.date, *, scope: Scope = EVERYTHING) -> list[Aged]:
    """What is there at the end of a day, with its age. By SKU."""
    statement = f"""{held_of(scope)}, {_LAST_DAYS}
SELECT held.sku_id, sku.code || ' ' || product.name, product.category_id, sum(held.pieces)::bigint, sum(held.value),
       (max(last_days.received_at) AT TIME ZONE 'Asia/Tokyo')::date, (max(last_days.sold_at) AT TIME ZONE 'Asia/Tokyo')::date
FROM held {STYLES} JOIN inventory_location place ON place.id = held.location_id LEFT JOIN last_days ON last_days.sku_id = held.sku_id
WHERE {OF_STYLES} AND {OF_PLACES}
GROUP BY 1, 2, 3 HAVING sum(held.pieces) > 0 ORDER BY 2"""  # noqa: S608 - our own constants
    limits = {"end": end_of(day), "until": end_of(day), "known": "infinity"}
    return [Aged(*row) for row in rows_of(statement, {**scope.values(), **limits})]


def dead_stock(day: dt.date, *, days_without_sale: int, scope: Scope = EVERYTHING) -> list[Aged]:
    """滞留在庫: not sold for so many days, and not younger than that either. What ties up the most money first."""
    since = day - dt.timedelta(days=days_without_sale)
    found = [
        row
        for row in aged_stock(day, scope=scope)
        if (row.last_sold_on is None or row.last_sold_on <= since)
        and (row.last_received_on is None or row.last_received_on <= since)
    ]
    return sorted(found, key=lambda row: (-row.value, row.label))


@dataclass(frozen=True, slots=True)
class Turnover:
    """Cost of what was sold (less what came back) in a period beside the average of stock at its month's ends."""

    key: int | None
    label: str
    sold_pieces: int
    cost_of_sales: Decimal
    average_value: Decimal
    days: int

    @property
    def times_a_year(self) -> Decimal | None:
        if self.average_value <= 0:
            return None
        return (self.cost_of_sales * 365 / self.days / self.average_value).quantize(Decimal("0.01"))

    @property
    def days_of_stock(self) -> Decimal | None:
        if self.cost_of_sales <= 0:
            return None
        return (self.average_value * self.days / self.cost_of_sales).quantize(Decimal(1))


# Net of what customers brought back into stock. Goods at an account are sold when they leave there. What is sold as it arrives or is accepted leaves
# the road then: it is the sale of the place that its parcel left, or that place would sell nothing, and the road all of it.
_SOLD = """
SELECT {key}, coalesce({label}, ''), -sum(held.quantity)::bigint, -sum(held.value)
FROM (
    SELECT m.sku_id, m.quantity, m.value, coalesce(parcel.location_id, m.location_id) AS location_id
    FROM inventory_stockmovement m JOIN inventory_stockdocument d ON d.id = m.document_id JOIN inventory_location at ON at.id = m.location_id
    LEFT JOIN LATERAL (
        SELECT went.location_id FROM inventory_stockdocument sent JOIN inventory_stockmovement went ON went.document_id = sent.id
        WHERE at.kind = 'IN_TRANSIT' AND d.kind = 'ISSUE' AND sent.kind = 'TRANSFER' AND sent.source_type = d.source_type
          AND sent.source_id = d.source_id AND went.sku_id = m.sku_id AND went.quantity < 0
        ORDER BY went.quantity, went.id LIMIT 1) parcel ON true
    WHERE m.occurred_at >= %(begin)s AND m.occurred_at < %(end)s AND m.reason_id IS NULL
      AND ((d.kind = 'ISSUE' AND d.source_type <> 'SUPPLIER_RETURN' AND m.quantity < 0) OR (d.kind = 'RECEIPT' AND d.source_type = 'RETURN'))
) held {styles} JOIN inventory_location place ON place.id = held.location_id
WHERE {of_styles} AND {of_places}
GROUP BY 1, 2
"""


def turnover(first: dt.date, last: dt.date, *, by: By = By.CATEGORY, scope: Scope = EVERYTHING) -> list[Turnover]:
    """在庫回転率 and days of stock. The average is that of the opening, each month's end within, and the closing."""
    before = first - dt.timedelta(days=1)
    ends = sorted({before, *_month_ends(first, last), last})
    labels: dict[int | None, str] = {}
    worth: dict[int | None, Decimal] = {}
    for day in ends:
        for row in values_on(day, by=by, scope=scope):
            labels[row.key] = row.label
            worth[row.key] = worth.get(row.key, ZERO) + row.value
    sold: dict[int | None, tuple[int, Decimal]] = {}
    key, label = KEYS[by]
    statement = _SOLD.format(key=key, label=label, styles=STYLES, of_styles=OF_STYLES, of_places=OF_PLACES)
    for one, name, pieces, cost in rows_of(statement, {**scope.values(), "begin": end_of(before), "end": end_of(last)}):
        labels[one], sold[one] = name, (pieces, cost)
    days = (last - before).days
    found = [
        Turnover(one, name, *sold.get(one, (0, ZERO)), worth.get(one, ZERO) / len(ends), days)
        for one, name in labels.items()
    ]
    return sorted(found, key=lambda row: row.label)


def _month_ends(first: dt.date, last: dt.date) -> list[dt.date]:
    found, day = [], first.replace(day=1)
    while day <= last:
        following = (day.replace(day=28) + dt.timedelta(days=4)).replace(day=1)
        end = following - dt.timedelta(days=1)
        if end <= last:
            found.append(end)
        day = following
    return found


@dataclass(frozen=True, slots=True)
class SellThrough:
    """消化率: what was sold of what was received since the goods first came, up to a day."""

    key: int | None
    label: str
    first_received_on: dt.date | None
    received: int
    sold: int

    @property
    def left(self) -> int:
        return self.received - self.sold

    @property
    def percent(self) -> Decimal | None:
        return (Decimal(self.sold) * 100 / self.received).quantize(Decimal("0.1")) if self.received > 0 else None


# What went back to its supplier was never for sale here.
_SELL_THROUGH = """
SELECT {key}, coalesce({label}, ''),
       (min(held.occurred_at) FILTER (WHERE d.kind = 'RECEIPT' AND d.source_type <> 'RETURN') AT TIME ZONE 'Asia/Tokyo')::date,
       coalesce(sum(held.quantity) FILTER (WHERE (d.kind = 'RECEIPT' AND d.source_type <> 'RETURN') OR d.source_type = 'SUPPLIER_RETURN'), 0)::bigint,
       -coalesce(sum(held.quantity) FILTER (WHERE (d.kind = 'ISSUE' AND d.source_type <> 'SUPPLIER_RETURN')
                                               OR (d.kind = 'RECEIPT' AND d.source_type = 'RETURN')), 0)::bigint
FROM inventory_stockmovement held JOIN inventory_stockdocument d ON d.id = held.document_id {styles}
WHERE held.occurred_at >= %(begin)s AND held.occurred_at < %(end)s AND held.reason_id IS NULL AND d.kind IN ('RECEIPT', 'ISSUE')
  AND {of_styles}
GROUP BY 1, 2
HAVING count(*) FILTER (WHERE d.kind = 'RECEIPT' AND d.source_type <> 'RETURN') > 0 ORDER BY 2
"""


def sell_through(
    day: dt.date, *, since: dt.date | None = None, by: By = By.PRODUCT, scope: Scope = EVERYTHING
) -> list[SellThrough]:
    """消化率 by style, season, brand or category, from the first receipt on, or from ``since`` (the start of a season)."""
    key, label = KEYS[by]
    statement = _SELL_THROUGH.format(key=key, label=label, styles=STYLES, of_styles=OF_STYLES)
    begin = end_of((since or FIRST_BOOKABLE) - dt.timedelta(days=1))
    return [SellThrough(*row) for row in rows_of(statement, {**scope.values(), "begin": begin, "end": end_of(day)})]
