"""Each check finds the fault it is for, names the row, and is silent on sound books."""

from datetime import date

import pytest
from django.db import connection

from accounting import services
from accounting.models import OpenItem, Period, Posting
from accounting.selectors import verification
from customers.models import CreditGroup
from erp.core import checks
from tests.accounting.factories import CLERK, NOON, bill_to, card_sale, credit, debit, new_item, post, settle

pytestmark = pytest.mark.django_db

ENTRIES = "Entries have lines and balance per currency"
TOTALS = "Totals of closed periods equal their postings"
CONTROL = "Control accounts equal their open items"
ITEMS = "Open items equal the postings that name them"
EXPOSURE = "Credit control knows what bill-tos owe"


def faults(title: str) -> list[tuple[str, str]]:
    (check,) = [check for check in checks.registered() if check.title == title]
    assert check.count() >= 0
    return [(fault.promise, fault.subject_label) for fault in check.find()]


def tamper(table: str, statement: str, *values) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(statement, values)
        cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


@pytest.fixture
def books():
    group = CreditGroup.objects.create(code="G", name="G", credit_limit=1)
    item = post(
        debit("receivable.account", 100, opens=new_item(bill_to(credit_group=group))), credit("sales.ec", 100)
    ).item_ids[0]
    post(debit("bank", 30), settle("CREDIT", item, 30))
    card_sale(11_000, on=date(2026, 9, 1))
    services.open_periods(through=date(2026, 9, 30), at=NOON, by=CLERK)
    services.close_period(period_id=Period.objects.get().pk, at=NOON, by=CLERK)
    return item


def test_sound_books_have_no_fault(books):
    for title in (ENTRIES, TOTALS, CONTROL, ITEMS, EXPOSURE):
        assert faults(title) == []


def test_an_entry_out_of_balance_is_named(books):
    posting = Posting.objects.select_related("entry").get(account__code="4110", entry_date=date(2026, 9, 1))
    tamper("accounting_posting", "UPDATE accounting_posting SET amount = amount + 1 WHERE id = %s", posting.pk)

    assert faults(ENTRIES) == [("P5", posting.entry.number)]
    assert faults(TOTALS) == [("P5", "2026-09-01")]


def test_an_entry_without_lines_is_named(books):
    entry = Posting.objects.get(account__code="1120").entry
    tamper("accounting_posting", "DELETE FROM accounting_posting WHERE entry_id = %s", entry.pk)

    assert faults(ENTRIES) == [("P5", entry.number)]


def test_an_item_unlike_its_postings_and_its_account_are_named(books):
    OpenItem.objects.filter(pk=books).update(settled_amount=31)

    assert faults(ITEMS) == [("P6", "SH-1")]
    assert faults(CONTROL) == [("P6", "1150")]
    assert faults(EXPOSURE) == [("P6", "G")]


def test_a_total_that_was_changed_is_named(books):
    Period.objects.get().totals.filter(account__code="1151").update(debit=1)

    assert faults(TOTALS) == [("P5", "2026-09-01")]


def test_the_batch_hash_depends_on_every_entry_and_the_link_before():
    def digest(previous: str) -> str:
        return verification.hash_of_batch(from_xid=0, until_xid=2**62, previous=previous).hash

    empty = digest("")
    post(debit("cash", 1), credit("sales.ec", 1))
    one = digest("")
    post(debit("cash", 1), credit("sales.ec", 1))

    assert len({empty, one, digest(""), digest("x")}) == 4
