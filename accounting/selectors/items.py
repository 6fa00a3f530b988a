"""Questions to the open items: what is left of a document, of a party, and since when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db import connection

from accounting.selectors.chart import Party


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


def open_items_of_party(
    *, party_kind: str, party_id: int, roles: Sequence[str] = (), with_settled: bool = False
) -> list[OpenItemView]:
    """What is open with one party, oldest first."""
    return _items(
        "AND i.party_kind = %(kind)s AND i.party_id = %(id)s",
        {"kind": party_kind, "id": party_id},
        roles,
        with_settled,
    )


def _items(condition: str, values: dict[str, object], roles: Sequence[str], with_settled: bool) -> list[OpenItemView]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"{_ITEMS} {condition} ORDER BY i.item_date, i.id",
            {**values, "roles": list(roles), "with_settled": with_settled},
        )
        return [OpenItemView(*row[:4], Party(*row[4:7]), *row[7:]) for row in cursor.fetchall()]
