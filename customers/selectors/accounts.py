"""Trade accounts with everything a sale on account needs to know of them, in one query."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import QuerySet

from customers.models import Account


@dataclass(frozen=True, slots=True)
class AccountTerms:
    """An account and its bill-to. ``revenue_basis`` is empty where the sales channel decides."""

    account_id: int
    account_code: str
    account_name: str
    bill_to_id: int
    bill_to_label: str
    credit_group_id: int | None
    department_id: int | None
    price_list_id: int | None
    wholesale_percent: Decimal | None
    revenue_basis: str
    tax_rounding: str
    tax_unit: str
    closing_day: int
    payment_month_offset: int
    payment_day: int
    holiday_rule: str
    is_active: bool


def accounts_by_code(codes: Iterable[str]) -> dict[str, AccountTerms]:
    """The accounts that exist among ``codes``; a code nobody knows is missing in the answer."""
    return {terms.account_code: terms for terms in _terms(Account.objects.filter(code__in=set(codes)))}


def accounts_by_id(ids: Iterable[int]) -> dict[int, AccountTerms]:
    return {terms.account_id: terms for terms in _terms(Account.objects.filter(pk__in=set(ids)))}


def accounts_of_golden(golden_id: int) -> list[AccountTerms]:
    """The active accounts of any source record of one customer, by code."""
    return _terms(Account.objects.filter(record__golden_id=golden_id, is_active=True).order_by("code"))


def _terms(accounts: QuerySet[Account]) -> list[AccountTerms]:
    return [
        AccountTerms(
            account_id=account.pk,
            account_code=account.code,
            account_name=account.name,
            bill_to_id=account.bill_to_id,
            bill_to_label=str(account.bill_to),
            credit_group_id=account.bill_to.credit_group_id,
            department_id=account.department_id,
            price_list_id=account.price_list_id,
            wholesale_percent=account.wholesale_percent,
            revenue_basis=account.revenue_basis,
            tax_rounding=account.bill_to.tax_rounding,
            tax_unit=account.bill_to.tax_unit,
            closing_day=account.bill_to.closing_day,
            payment_month_offset=account.bill_to.payment_month_offset,
            payment_day=account.bill_to.payment_day,
            holiday_rule=account.bill_to.holiday_rule,
            is_active=account.is_active,
        )
        for account in accounts.select_related("bill_to")
    ]
