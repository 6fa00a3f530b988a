"""What the one search finds of customers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from customers.models import Account, BillTo, GoldenCustomer
from erp.core.finding import Findable, register


def register_findables() -> None:
    register(
        Findable(
            "customers.goldencustomer",
            (
                "records__phone__digits", "records__email__folded", "records__identities__external_id__folded", "display_name",
                "records__family_name+records__given_name", "records__family_kana+records__given_kana", "records__company", "id__exact",
            ),
            name=lambda customer: customer.display_name or customer.pk, facts=_of_customer, rank=30, prefetched=("records",),
            opens="admin:insights_customer_card",
        ),
        Findable(
            "customers.account",
            ("code__exact", "contacts__phone__digits", "contacts__email__folded", "code", "name", "kana", "contacts__name"),
            name=lambda account: account.code, facts=_of_account, rank=31, related=("bill_to",),
        ),
        Findable(
            "customers.billto",
            ("code__exact", "corporate_number__exact", "code", "name", "kana"),
            name=lambda bill_to: bill_to.code, facts=_of_bill_to, rank=32,
        ),
    )  # fmt: skip


def _of_customer(customer: GoldenCustomer, viewer: Any) -> Iterable[object]:
    for record in customer.records.all():
        yield record.phone
        yield record.email
        yield f"{record.prefecture}{record.city}"


def _of_account(account: Account, viewer: Any) -> Iterable[object]:
    return (account.name, account.bill_to.name)


def _of_bill_to(bill_to: BillTo, viewer: Any) -> Iterable[object]:
    return (bill_to.name, bill_to.address)
