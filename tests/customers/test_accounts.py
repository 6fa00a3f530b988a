"""The terms of trade accounts, in one query."""

from decimal import Decimal

import pytest

from catalog.models import PriceList
from customers import selectors
from customers.selectors import AccountTerms
from erp.core.models import Department
from tests.customers.factories import account, bill_to, credit_group


@pytest.mark.django_db
def test_an_account_brings_the_terms_of_its_bill_to(django_assert_num_queries):
    group = credit_group()
    payer = bill_to(
        "B9", credit_group=group, closing_day=20, payment_month_offset=1, payment_day=31, holiday_rule="PREVIOUS",
        tax_unit="DELIVERY_NOTE", tax_rounding="HALF_UP",
    )  # fmt: skip
    department = Department.objects.create(code="D1", name="卸")
    prices = PriceList.objects.create(code="W1", name="W1", tax_mode="EXCLUDED")
    one = account(
        "A1", bill_to=payer, department=department, price_list=prices, wholesale_percent=Decimal(60),
        revenue_basis="ACCEPTANCE",
    )  # fmt: skip
    account("A2", bill_to=payer, is_active=False)

    with django_assert_num_queries(1):
        found = selectors.accounts_by_code(["A1", "A2", "unknown"])

    assert set(found) == {"A1", "A2"}
    assert found["A1"] == AccountTerms(
        account_id=one.pk, account_code="A1", account_name="A1", bill_to_id=payer.pk, bill_to_label="B9 B9",
        credit_group_id=group.pk, department_id=department.pk, price_list_id=prices.pk, wholesale_percent=Decimal(60),
        revenue_basis="ACCEPTANCE", tax_rounding="HALF_UP", tax_unit="DELIVERY_NOTE", closing_day=20,
        payment_month_offset=1, payment_day=31, holiday_rule="PREVIOUS", is_active=True,
    )  # fmt: skip
    assert (found["A2"].is_active, found["A2"].revenue_basis, found["A2"].department_id) == (False, "", None)
    assert selectors.accounts_by_id([one.pk]) == {one.pk: found["A1"]}
