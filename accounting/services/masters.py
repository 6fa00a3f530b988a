"""The chart of accounts as a file. What postings were made under does not change under them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from accounting.models import BillableItem, LedgerAccount, OpenItem
from accounting.models.chart import PartyKind
from erp.imports.masters import Column, Master, add_references, register


def _parties(kind: str) -> Callable[[Sequence[int]], set[int]]:
    """Who owes or is owed: items name them by kind and id."""

    def asked(ids: Sequence[int]) -> set[int]:
        return set(OpenItem.objects.filter(party_kind=kind, party_id__in=ids).values_list("party_id", flat=True))

    return asked


def _billed(field: str) -> Callable[[Sequence[int]], set[int]]:
    def asked(ids: Sequence[int]) -> set[int]:
        return set(BillableItem.objects.filter(**{f"{field}__in": ids}).values_list(field, flat=True))

    return asked


def register_masters() -> None:
    """For ``AppConfig.ready``, behind those of the rooms below."""
    add_references("bill_tos", _parties(PartyKind.BILL_TO))
    add_references("bill_tos", _billed("bill_to_id"))
    add_references("accounts", _billed("account_id"))
    add_references("suppliers", _parties(PartyKind.SUPPLIER))
    register(
        Master(
            "ledger_accounts",
            LedgerAccount,
            ("code",),
            (
                Column("code", ("勘定科目コード", "科目コード"), is_code=True),
                Column("name", ("勘定科目", "勘定科目名", "科目名")),
                Column("type", is_fixed=True),
                Column("normal_side", is_fixed=True),
                Column("control", is_fixed=True),
                Column("is_active"),
            ),
        )
    )
