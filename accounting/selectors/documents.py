"""What single documents did to the books: postings by account, found through the documents that caused them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
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

    def __add__(self, other: AccountSum) -> AccountSum:
        """Of the same account."""
        return replace(
            self,
            entries=self.entries + other.entries,
            debit=self.debit + other.debit,
            credit=self.credit + other.credit,
        )


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


@dataclass(frozen=True, slots=True)
class EntryHead:
    id: int
    number: str
    entry_date: date
    description: str
    source_type: str
    source_id: int


_ENTRIES = """
SELECT e.id, e.number, e.entry_date, e.description, e.source_type, e.source_id
FROM unnest(%s::text[], %s::bigint[]) AS wanted (source_type, source_id)
JOIN accounting_journalentry e USING (source_type, source_id) ORDER BY e.id
"""


def entries_of_documents(documents: Iterable[tuple[str, int]]) -> list[EntryHead]:
    """The entries that these documents, given as (type, id), caused, oldest first."""
    wanted = list(documents)
    with connection.cursor() as cursor:
        cursor.execute(_ENTRIES, [[kind for kind, _key in wanted], [key for _kind, key in wanted]])
        return [EntryHead(*row) for row in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class EntrySum:
    """What one entry debits and credits on one account."""

    code: str
    name: str
    debit: Decimal
    credit: Decimal


@dataclass(frozen=True, slots=True)
class EntryView:
    head: EntryHead
    sums: tuple[EntrySum, ...]


_ENTRY_SUMS = """
SELECT p.entry_id, a.code, a.name, coalesce(sum(p.amount) FILTER (WHERE p.side = 'DEBIT'), 0),
       coalesce(sum(p.amount) FILTER (WHERE p.side = 'CREDIT'), 0)
FROM accounting_posting p JOIN accounting_ledgeraccount a ON a.id = p.account_id
WHERE p.entry_id = ANY(%s) GROUP BY p.entry_id, a.id ORDER BY p.entry_id, min(p.line_no)
"""


def entry_views(documents: Iterable[tuple[str, int]]) -> list[EntryView]:
    """The entries that these documents, given as (type, id), caused, oldest first, with what they post by account."""
    heads = entries_of_documents(documents)
    sums: dict[int, list[EntrySum]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_ENTRY_SUMS, [[head.id for head in heads]])
        for entry_id, *row in cursor.fetchall():
            sums.setdefault(entry_id, []).append(EntrySum(*row))
    return [EntryView(head, tuple(sums.get(head.id, ()))) for head in heads]


@dataclass(frozen=True, slots=True)
class DocumentSums:
    """What one document posted, each positive on the side of a sale: revenue and output tax credited, cost of sales debited."""

    revenue: Decimal
    tax: Decimal
    cost: Decimal


_SUMS = """
SELECT e.source_id,
       coalesce(sum(CASE p.side WHEN 'CREDIT' THEN p.amount ELSE -p.amount END) FILTER (WHERE a.type = 'REVENUE'), 0),
       coalesce(sum(CASE p.side WHEN 'CREDIT' THEN p.amount ELSE -p.amount END) FILTER (WHERE tax.role IS NOT NULL), 0),
       coalesce(sum(CASE p.side WHEN 'DEBIT' THEN p.amount ELSE -p.amount END) FILTER (WHERE cost.role IS NOT NULL), 0)
FROM accounting_journalentry e JOIN accounting_posting p ON p.entry_id = e.id JOIN accounting_ledgeraccount a ON a.id = p.account_id
LEFT JOIN accounting_accountrole tax ON tax.account_id = a.id AND tax.role = 'output_tax'
LEFT JOIN accounting_accountrole cost ON cost.account_id = a.id AND cost.role = 'cost_of_sales'
WHERE e.source_type = %s AND e.source_id = ANY(%s) GROUP BY e.source_id
"""


def sums_by_document(*, source_type: str, source_ids: Iterable[int]) -> dict[int, DocumentSums]:
    """What each document posted to revenue, output tax and cost of sales. Documents without an entry are missing."""
    with connection.cursor() as cursor:
        cursor.execute(_SUMS, [source_type, list(source_ids)])
        return {row[0]: DocumentSums(*row[1:]) for row in cursor.fetchall()}
