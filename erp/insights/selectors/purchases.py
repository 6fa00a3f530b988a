"""What each golden customer bought, read from orders in one statement."""

from __future__ import annotations

import datetime as dt

from django.db import connection

from erp.core.business_days import day_of_month
from erp.core.money import COMPANY_CURRENCY
from erp.insights.selectors.scoring import Purchases

# Goods that stay with the customer count, fees do not: units neither cancelled nor returned, at their share of the line's gross.
# Samples and exchanges are no purchases. Orders join through the golden record, so a merge counts from the next run on.
_PURCHASES = """
SELECT bought.golden_id, max(bought.order_date), count(*)::int, sum(bought.amount)
FROM (
    SELECT record.golden_id, o.order_date,
           round(sum(line.gross_amount * (line.quantity - line.cancelled_quantity - line.returned_quantity) / line.quantity)) AS amount
    FROM orders_order o
    JOIN customers_customerrecord record ON record.id = o.customer_record_id
    JOIN orders_orderline line ON line.order_id = o.id
    WHERE o.order_date <= %s AND o.order_date > %s AND o.currency = %s AND o.order_type NOT IN ('SAMPLE', 'EXCHANGE')
      AND NOT o.is_provisional AND line.gross_amount IS NOT NULL
    GROUP BY o.id, record.golden_id, o.order_date
) bought WHERE bought.amount > 0 GROUP BY bought.golden_id ORDER BY bought.golden_id
"""


def purchases(*, as_of: dt.date, window_months: int | None = None) -> list[Purchases]:
    """Per golden customer with at least one order that counts, up to and including ``as_of``. One statement."""
    since = dt.date.min if window_months is None else day_of_month(as_of.year, as_of.month - window_months, as_of.day)
    with connection.cursor() as cursor:
        cursor.execute(_PURCHASES, [as_of, since, COMPANY_CURRENCY])
        return [Purchases(*row) for row in cursor.fetchall()]
