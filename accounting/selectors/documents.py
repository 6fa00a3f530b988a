"""What single documents did to the books: postings by account, found through the documents that caused them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.db import connection


@dataclass(frozen=True, slots=True)
class AccountSum:
    """``entries`` counts the entries that touch the account, ``type`` is its type in the chart."""

    code: str
    name: str
    type: str
    entries: int
    debit: Decimal
    credit: Decimal


_POSTED = """
SELECT a.code, a.name, a.type, count(DISTINCT e.id), coalesce(sum(p.amount) FILTER (WHERE p.side = 'DEBIT'), 0),
       coalesce(sum(p.amount) FILTER (WHERE p.side = 'CREDIT'), 0)
FROM accounting_journalentry e JOIN accounting_posting p ON p.entry_id = e.id JOIN accounting_ledgeraccount a ON a.id = p.account_id
WHERE e.source_type = %s AND e.source_id = ANY(%s) GROUP BY a.id ORDER BY a.code
"""


def posted_by_account(*, source_type: str, source_ids: Iterable[int]) -> list[AccountSum]:
    """Sums per account over all entries that these documents caused."""
    with connection.cursor() as cursor:
        cursor.execute(_POSTED, [source_type, list(source_ids)])
        return [AccountSum(*row) for row in cursor.fetchall()]
