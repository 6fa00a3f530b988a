"""What trade earned in spans of days, and what stock stood at in the books: figures for people, beside the ledgers that prove them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import connection

from accounting.models import AccountRole
from accounting.selectors.ledgers import BEGIN, movements
from erp.core.money import COMPANY_CURRENCY, ZERO


@dataclass(frozen=True, slots=True)
class Trading:
    """Sales without tax, less returns and discounts, and what the goods of these sales cost. In the company's currency."""

    sales: Decimal
    cost: Decimal

    @property
    def margin(self) -> Decimal:
        return self.sales - self.cost


# Account by account and day by day through the index, whatever else was posted.
_TRADING = """
WITH played AS (
    SELECT account_id, bool_or(role LIKE 'sales.%%') AS is_sale FROM accounting_accountrole
    WHERE role LIKE 'sales.%%' OR role = 'cost_of_sales' GROUP BY account_id)
SELECT span.no, coalesce(sum(CASE p.side WHEN 'CREDIT' THEN p.amount ELSE -p.amount END) FILTER (WHERE played.is_sale), 0),
       coalesce(sum(CASE p.side WHEN 'DEBIT' THEN p.amount ELSE -p.amount END) FILTER (WHERE NOT played.is_sale), 0)
FROM unnest(%(first)s::date[], %(last)s::date[]) WITH ORDINALITY AS span (first, last, no)
LEFT JOIN (played JOIN accounting_posting p ON p.account_id = played.account_id AND p.currency = %(currency)s)
       ON p.entry_date BETWEEN span.first AND span.last
GROUP BY span.no ORDER BY span.no
"""


def trading(spans: Sequence[tuple[date, date]]) -> list[Trading]:
    """What each span of days earned, in one statement."""
    values: dict[str, Any] = {
        "first": [first for first, _last in spans],
        "last": [last for _first, last in spans],
        "currency": COMPANY_CURRENCY,
    }
    with connection.cursor() as cursor:
        cursor.execute(_TRADING, values)
        return [Trading(sales, cost) for _no, sales, cost in cursor.fetchall()]


def stock_in_books(on: date) -> Decimal:
    """What the inventory accounts stood at at the end of a day."""
    accounts = list(
        AccountRole.objects.filter(role__startswith="inventory.").values_list("account_id", flat=True).distinct()
    )
    moved = movements(BEGIN, on, account_ids=accounts)
    return sum((debit - credit for debit, credit in moved.values()), ZERO)
