"""What goods were sold for in a period, by SKU, as the books have it: for 売価還元法, which asks it of a group of goods. Reads only.

Source: 法人税法施行令28条1項1号ホ (the cost rate is of what goods were sold for, 対価の総額, and what is left at its usual price).
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection
from decimal import Decimal
from fractions import Fraction
from typing import Any

from catalog.selectors import price_for
from erp.core import rows
from erp.core.money import COMPANY_CURRENCY, round_fraction
from erp.inventory.selectors.valuation import GoodsSales

# On the day on which it was posted: parcels, less what came back before (its share is what the others leave, selectors.units), what accounts
# report of the goods they hold, and what was taken back or made cheaper. Of a price that was lowered afterwards (売上値引) no goods came back: what
# was asked stays. ``asked`` is what a line was before its discounts.
_SOLD = """
WITH sold AS (
    SELECT part.order_line_id AS line_id, true AS is_goods,
           CASE WHEN part.unsold_quantity = 0 THEN part.net_amount
                ELSE trunc(part.net_amount * (part.quantity - part.unsold_quantity) / part.quantity) END AS net
    FROM orders_shipment parcel JOIN orders_shipmentline part ON part.shipment_id = parcel.id
    WHERE parcel.revenue_date BETWEEN %(first)s AND %(last)s AND parcel.revenue_basis <> 'SALES_REPORT'
    UNION ALL
    SELECT part.order_line_id, true, told.net_amount
    FROM orders_salesreport report JOIN orders_salesreportline told ON told.report_id = report.id
    JOIN orders_shipmentline part ON part.id = told.shipment_line_id
    WHERE report.report_date BETWEEN %(first)s AND %(last)s
    UNION ALL
    SELECT part.order_line_id, back.condition <> 'NOT_RETURNED', -back.net_amount
    FROM orders_return document JOIN orders_returnline back ON back.document_id = document.id
    JOIN orders_shipmentline part ON part.id = back.shipment_line_id
    WHERE document.return_date BETWEEN %(first)s AND %(last)s AND NOT back.is_unsold AND back.fee_id IS NULL
), of_line AS (
    SELECT line.id, sum(sold.net) AS net,
           sum(sold.net * CASE WHEN NOT sold.is_goods THEN 0 WHEN line.charged_amount > line.discount_amount
                               THEN line.charged_amount / (line.charged_amount - line.discount_amount) ELSE 1 END) AS asked
    FROM sold JOIN orders_orderline line ON line.id = sold.line_id JOIN orders_order o ON o.id = line.order_id
    WHERE o.currency = %(currency)s
      AND line.id IN (SELECT line_id FROM orders_orderlinecomponent WHERE sku_id = ANY(%(skus)s::bigint[]))
    GROUP BY line.id
)
SELECT array_agg(part.sku_id ORDER BY part.sku_id), array_agg(part.quantity_per_unit ORDER BY part.sku_id), of_line.net, of_line.asked
FROM of_line JOIN orders_orderlinecomponent part ON part.line_id = of_line.id GROUP BY of_line.id, of_line.net, of_line.asked
UNION ALL
SELECT ARRAY[back.sku_id], ARRAY[1], -sum(back.net_amount),
       -sum(CASE WHEN back.condition = 'NOT_RETURNED' THEN 0 ELSE back.net_amount END)
FROM orders_return document JOIN orders_returnline back ON back.document_id = document.id
WHERE document.return_date BETWEEN %(first)s AND %(last)s AND back.shipment_line_id IS NULL AND back.fee_id IS NULL
  AND NOT back.is_unsold AND document.currency = %(currency)s AND back.sku_id = ANY(%(skus)s::bigint[])
GROUP BY back.sku_id
"""


def sales_of_goods(*, sku_ids: Collection[int], first: dt.date, last: dt.date) -> GoodsSales:
    """Net of tax and returns, in the company's currency. Of a kit a component has its share: by standard prices, else by pieces."""
    wanted = set(sku_ids)
    limits: Any = {"skus": sorted(wanted), "first": first, "last": last, "currency": COMPANY_CURRENCY}
    found = rows.ask(_SOLD, limits).all()
    of_kits = {sku_id for skus, *_rest in found if len(skus) > 1 for sku_id in skus}
    prices = {key: price.price for key, price in price_for(sku_ids=of_kits, on=last).items()} if of_kits else {}
    sums: dict[str, Fraction] = defaultdict(Fraction)
    for skus, pieces, net, asked in found:
        share = _share(wanted, list(zip(skus, pieces, strict=True)), prices)
        sums["net"] += Fraction(net) * share
        sums["asked"] += Fraction(asked) * share
    paid = round_fraction(sums["net"])
    return GoodsSales(paid, round_fraction(sums["asked"]) - paid)


def _share(wanted: Collection[int], parts: list[tuple[int, int]], prices: dict[int, Decimal]) -> Fraction:
    """How much of what a line was sold for is that of the wanted goods."""
    if len(parts) == 1:
        return Fraction(1)
    is_priced = all(prices.get(sku_id) for sku_id, _pieces in parts)
    worth = {sku_id: Fraction(pieces) * (Fraction(prices[sku_id]) if is_priced else 1) for sku_id, pieces in parts}
    return sum((worth[sku_id] for sku_id in worth if sku_id in wanted), Fraction(0)) / sum(worth.values())
