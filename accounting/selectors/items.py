"""Questions to the open items: what is left of a document, of a party, and since when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import connection

from accounting.selectors.chart import Party
from erp.core.money import COMPANY_CURRENCY


@dataclass(frozen=True, slots=True)
class OpenItemView:
    """``role`` is one that the item's account plays now; ``side`` DEBIT is owed to us, CREDIT is owed by us."""

    id: int
    role: str
    account_code: str
    side: str
    party: Party
    document_type: str
    document_id: int
    document_label: str
    item_date: date
    due_date: date | None
    amount: Decimal
    remaining: Decimal


_ITEMS = """
SELECT i.id, coalesce((SELECT min(role) FROM accounting_accountrole WHERE account_id = i.account_id
                       AND (cardinality(%(roles)s::text[]) = 0 OR role = ANY(%(roles)s))), ''), a.code, i.side,
       i.party_kind, i.party_id, i.party_label, i.document_type, i.document_id, i.document_label,
       i.item_date, i.due_date, i.amount, i.remaining_amount
FROM accounting_openitem i JOIN accounting_ledgeraccount a ON a.id = i.account_id
WHERE (%(with_settled)s OR i.settled_amount <> i.amount)
  AND (cardinality(%(roles)s::text[]) = 0
       OR i.account_id IN (SELECT account_id FROM accounting_accountrole WHERE role = ANY(%(roles)s)))
"""


def open_items(
    *, document_type: str, document_ids: Iterable[int], roles: Sequence[str] = (), with_settled: bool = False
) -> list[OpenItemView]:
    """What is left of the items that these documents opened, oldest first. Settled ones only ``with_settled``."""
    return _items(
        "AND i.document_type = %(type)s AND i.document_id = ANY(%(ids)s)",
        {"type": document_type, "ids": list(document_ids)},
        roles,
        with_settled,
    )


def items_of_party(
    party: Party, *, roles: Sequence[str] = (), dated_by: date | None = None, due_by: date | None = None
) -> list[OpenItemView]:
    """What is open of one party, oldest first: all of it, or what was there or due by a day."""
    condition = """AND i.party_kind = %(kind)s AND i.party_id = %(party)s
        AND (%(dated_by)s::date IS NULL OR i.item_date <= %(dated_by)s) AND (%(due_by)s::date IS NULL OR i.due_date <= %(due_by)s)"""
    values = {"kind": party.kind, "party": party.id, "dated_by": dated_by, "due_by": due_by}
    return _items(condition, values, roles, with_settled=False)


def items_of_parties(parties: Mapping[str, Iterable[int]]) -> list[OpenItemView]:
    """What is open of many parties, given by kind, oldest first."""
    named = [(kind, key) for kind, keys in parties.items() for key in keys]
    return _items(
        "AND (i.party_kind, i.party_id) IN (SELECT * FROM unnest(%(kinds)s::text[], %(parties)s::bigint[]))",
        {"kinds": [kind for kind, _key in named], "parties": [key for _kind, key in named]},
        (),
        with_settled=False,
    )


def items_of_documents(documents: Iterable[tuple[str, int]]) -> list[OpenItemView]:
    """Every item that these documents, given as (type, id), opened, also the settled ones, oldest first."""
    wanted = list(documents)
    return _items(
        "AND (i.document_type, i.document_id) IN (SELECT * FROM unnest(%(types)s::text[], %(ids)s::bigint[]))",
        {"types": [kind for kind, _key in wanted], "ids": [key for _kind, key in wanted]},
        (),
        with_settled=True,
    )


@dataclass(frozen=True, slots=True)
class Reduction:
    """What lowered an open item: money that came, a return, a correction. ``source_type`` is the kind of document that did."""

    item_id: int
    entry_id: int
    entry_number: str
    entry_date: date
    description: str
    amount: Decimal
    source_type: str


_REDUCTIONS = """
SELECT i.id, e.id, e.number, e.entry_date, e.description, p.amount, e.source_type
FROM accounting_openitem i JOIN accounting_posting p ON p.open_item_id = i.id AND p.side <> i.side
JOIN accounting_journalentry e ON e.id = p.entry_id WHERE i.id = ANY(%s) ORDER BY e.id, p.line_no
"""


def reductions(item_ids: Iterable[int]) -> list[Reduction]:
    """What lowered these items, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(_REDUCTIONS, [list(item_ids)])
        return [Reduction(*row) for row in cursor.fetchall()]


def _items(condition: str, values: dict[str, Any], roles: Sequence[str], with_settled: bool) -> list[OpenItemView]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"{_ITEMS} {condition} ORDER BY i.item_date, i.id",
            {**values, "roles": list(roles), "with_settled": with_settled},
        )
        return [OpenItemView(*[*row[:4], Party(*row[4:7]), *row[7:]]) for row in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class AgingRow:
    """What one party owes (positive) or is owed by us, by days past the due date. Items without one count from their own date."""

    party: Party
    not_due: Decimal
    days_1_to_30: Decimal
    days_31_to_60: Decimal
    days_61_to_90: Decimal
    older: Decimal
    total: Decimal


# What was open on the day is what is open now less what was posted to it since: those postings alone are read, however long the books are.
_AGING = """
WITH own AS (SELECT account_id FROM accounting_accountrole WHERE role = ANY(%(roles)s)),
later AS (
    SELECT p.open_item_id AS id, sum(CASE p.side WHEN 'DEBIT' THEN p.amount ELSE -p.amount END) AS amount
    FROM accounting_posting p
    WHERE p.account_id IN (SELECT account_id FROM own) AND p.entry_date > %(on)s AND p.open_item_id IS NOT NULL GROUP BY p.open_item_id),
open AS (
    SELECT i.party_kind, i.party_id, i.party_label, %(on)s::date - coalesce(i.due_date, i.item_date) AS late,
           CASE i.side WHEN 'DEBIT' THEN i.remaining_amount ELSE -i.remaining_amount END - coalesce(later.amount, 0) AS amount
    FROM accounting_openitem i LEFT JOIN later ON later.id = i.id
    WHERE i.id IN (SELECT id FROM accounting_openitem WHERE settled_amount <> amount UNION SELECT id FROM later)
      AND i.currency = %(currency)s AND i.account_id IN (SELECT account_id FROM own))
SELECT party_kind, party_id, max(party_label),
       coalesce(sum(amount) FILTER (WHERE late <= 0), 0), coalesce(sum(amount) FILTER (WHERE late BETWEEN 1 AND 30), 0),
       coalesce(sum(amount) FILTER (WHERE late BETWEEN 31 AND 60), 0),
       coalesce(sum(amount) FILTER (WHERE late BETWEEN 61 AND 90), 0), coalesce(sum(amount) FILTER (WHERE late > 90), 0),
       sum(amount)
FROM open WHERE amount <> 0 GROUP BY party_kind, party_id HAVING sum(amount) <> 0 ORDER BY max(party_label), party_id
"""
RECEIVABLE_ROLES = (
    "receivable.account", "receivable.card", "receivable.cod", "receivable.mall", "receivable.deferred", "receivable.agent",
)  # fmt: skip


def aging(*, on: date, roles: Sequence[str] = RECEIVABLE_ROLES, currency: str = COMPANY_CURRENCY) -> list[AgingRow]:
    """売掛金年齢表: what was open at the end of a day, per party, by how late it was then. Adds up to the balances of the accounts on that day."""
    with connection.cursor() as cursor:
        cursor.execute(_AGING, {"on": on, "roles": list(roles), "currency": currency})
        return [AgingRow(*[Party(*row[:3]), *row[3:]]) for row in cursor.fetchall()]
