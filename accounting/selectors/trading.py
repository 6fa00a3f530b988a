"""What trade earned in spans of days, and what stock stood at in the books: figures for people, beside the ledgers that prove them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import connection

from accounting.models import AccountRole, JournalEntry
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


# The accounts of sales (fees, returns and discounts among them) and the cost of sales.
_PLAYED = """
WITH played AS (
    SELECT account_id, bool_or(role LIKE 'sales.%%') AS is_sale FROM accounting_accountrole
    WHERE role LIKE 'sales.%%' OR role = 'cost_of_sales' GROUP BY account_id)
"""
# Account by account and span by span through the index, however long the books are: a sum of its own each.
_TRADING = """
{played}
SELECT span.no, coalesce(sum(booked.amount) FILTER (WHERE played.is_sale), 0), coalesce(-sum(booked.amount) FILTER (WHERE NOT played.is_sale), 0)
FROM unnest(%(first)s::date[], %(last)s::date[]) WITH ORDINALITY AS span (first, last, no)
LEFT JOIN played ON true
LEFT JOIN LATERAL (
    SELECT sum(CASE p.side WHEN 'CREDIT' THEN p.amount ELSE -p.amount END) AS amount FROM accounting_posting p
    WHERE p.account_id = played.account_id AND p.entry_date BETWEEN span.first AND span.last AND p.currency = %(currency)s
      AND (%(channels)s::bigint[] IS NULL OR p.channel_id = ANY(%(channels)s::bigint[]))) booked ON true
GROUP BY span.no ORDER BY span.no
""".replace("{played}", _PLAYED)


def trading(spans: Sequence[tuple[date, date]], *, channels: Collection[int] | None = None) -> list[Trading]:
    """What each span of days earned, in one statement; of some sales channels, or of all that stands on these accounts."""
    values: dict[str, Any] = {
        "first": [first for first, _last in spans],
        "last": [last for _first, last in spans],
        "channels": None if channels is None else list(channels),
        "currency": COMPANY_CURRENCY,
    }
    with connection.cursor() as cursor:
        cursor.execute(_TRADING, values)
        return [Trading(sales, cost) for _no, sales, cost in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class Beside:
    """What one kind of document posted on one of these accounts beside its goods; ``amount`` raises the margin where it is positive."""

    account_id: int
    account: str
    is_sale: bool
    source_type: str
    is_reversal: bool
    postings: int
    amount: Decimal


# Goods name the line that they are of; what they cost is posted once for the lines of a document.
_BESIDE = """
{played}
SELECT account.id, account.code || ' ' || account.name, played.is_sale, entry.source_type, entry.kind = %(reversal)s AS is_reversal, count(*),
       sum(CASE p.side WHEN 'CREDIT' THEN p.amount ELSE -p.amount END)
FROM played JOIN accounting_ledgeraccount account ON account.id = played.account_id
JOIN accounting_posting p ON p.account_id = played.account_id AND p.currency = %(currency)s AND p.entry_date BETWEEN %(first)s AND %(last)s
 AND (%(channels)s::bigint[] IS NULL OR p.channel_id = ANY(%(channels)s::bigint[]))
JOIN accounting_journalentry entry ON entry.id = p.entry_id
WHERE entry.source_type <> ALL(%(documents)s) OR entry.kind = %(reversal)s OR (played.is_sale AND p.source_line IS NULL)
GROUP BY account.id, played.is_sale, entry.source_type, is_reversal ORDER BY account.code, entry.source_type, is_reversal
""".replace("{played}", _PLAYED)


def posted_beside_goods(
    first: date, last: date, *, documents: Collection[str], channels: Collection[int] | None = None
) -> list[Beside]:
    """What stands on the accounts of sales and of their cost beside the lines of goods of these kinds of documents: their fees, what was
    taken back by hand, and all other documents."""
    values: dict[str, Any] = {
        "first": first, "last": last, "documents": list(documents), "currency": COMPANY_CURRENCY, "reversal": JournalEntry.Kind.REVERSAL.value,
        "channels": None if channels is None else list(channels),
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_BESIDE, values)
        return [Beside(*row) for row in cursor.fetchall()]


def stock_in_books(on: date) -> Decimal:
    """What the inventory accounts stood at at the end of a day."""
    accounts = list(
        AccountRole.objects.filter(role__startswith="inventory.").values_list("account_id", flat=True).distinct()
    )
    moved = movements(BEGIN, on, account_ids=accounts)
    return sum((debit - credit for debit, credit in moved.values()), ZERO)
