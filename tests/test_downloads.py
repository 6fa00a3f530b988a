"""Files of reports write a figure in one form, in its cells and in its total: 4286242, and not 4286242.00 beside it."""

from __future__ import annotations

import csv
import io
import re

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from accounting.models import LedgerAccount
from erp.imports.exporting import ENCODINGS
from tests.test_admin_pages import days_work

pytestmark = pytest.mark.django_db
MEASURES = ("sales", "units", "margin", "customers", "per_customer")
VALUE_PAGES = ("stock_value", "stock_flow", "dead_stock", "turnover", "sell_through")
# A figure that ends in noughts behind its point has another form elsewhere.
OTHER_FORM = re.compile(r"-?\d+\.\d*0")
SPAN = {"first": "2026-11-01", "last": "2026-11-30"}


@pytest.fixture
def table(client):
    client.force_login(User.objects.create_superuser("mika"))
    days_work(2)

    def read(url_name, **asked):
        answer = client.get(reverse(f"admin:{url_name}"), asked)
        assert answer.headers["Content-Disposition"].startswith("attachment"), url_name
        content = b"".join(answer) if answer.streaming else answer.content
        return list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))

    return read


def in_another_form(rows):
    return sorted({cell for row in rows for cell in row if OTHER_FORM.fullmatch(cell)})


@pytest.mark.parametrize("rows", ["product", "channel", "month"])
def test_of_the_sales_analysis(table, rows):
    for measure in MEASURES:
        for columns in ("", "category"):
            sheet = table("insights_sales", **SPAN, rows=rows, columns=columns, measure=measure, format="csv")
            assert in_another_form(sheet) == []
            assert len(sheet) > 2
    plain = table("insights_sales", **SPAN, rows=rows, measure="sales", format="csv")
    assert all(re.fullmatch(r"\d+", row[3]) for row in plain[1:])


def test_of_the_ledgers(table):
    balance = table("accounting_trial_balance", **SPAN, format="csv")
    account = LedgerAccount.objects.get(code="4110")
    ledger = table("accounting_general_ledger", **SPAN, account=account.pk, format="csv")

    for sheet in (balance, ledger):
        assert in_another_form(sheet) == []
        assert len(sheet) > 1


@pytest.mark.parametrize("name", VALUE_PAGES)
def test_of_the_reports_of_value(table, name):
    asked = {"on": timezone.localdate().isoformat(), "by": "sku"}

    assert in_another_form(table(f"inventory_{name}", **asked, format=next(iter(ENCODINGS)))) == []
