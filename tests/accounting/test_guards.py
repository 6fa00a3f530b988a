"""What PostgreSQL refuses although nobody asked a service: each test goes around the services on purpose."""

from datetime import date
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction

from accounting.models import (
    JournalEntry,
    LedgerAccount,
    OpenItem,
    PaymentRoute,
    Period,
    Posting,
    Seal,
)
from accounting.services import BillableDraft, add_billable_items
from erp.core.models import AuditRow, Channel
from tests.accounting.factories import CLERK, NOON, TODAY, card_sale, credit, debit, post

pytestmark = pytest.mark.django_db


def entry(kind: str = "AUTOMATIC", on: date = TODAY, number: str = "JE-X") -> JournalEntry:
    return JournalEntry.objects.create(
        number=number, kind=kind, entry_date=on, source_type="TEST", source_id=1, recorded_at=NOON, actor="sql"
    )


def posting(header: JournalEntry, code: str, side: str, amount: int, line_no: int = 1, **more) -> Posting:
    account = LedgerAccount.objects.get(code=code)
    values = {"entry_date": header.entry_date, **more}
    return Posting.objects.create(
        entry=header, line_no=line_no, account=account, side=side, amount=Decimal(amount), **values
    )


def demand_now() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def run(statement: str, *values) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def test_an_entry_needs_lines():
    entry()

    with pytest.raises(IntegrityError, match="has no lines or does not balance"):
        demand_now()


def test_an_entry_balances_in_each_currency_alone():
    header = entry()
    posting(header, "1110", "DEBIT", 100)
    posting(header, "4110", "CREDIT", 100, 2, currency="USD")

    with pytest.raises(IntegrityError, match="has no lines or does not balance"):
        demand_now()


def test_a_balanced_entry_passes():
    header = entry()
    posting(header, "1110", "DEBIT", 100)
    posting(header, "4110", "CREDIT", 100, 2)

    demand_now()


def test_a_posting_carries_the_date_of_its_entry():
    with pytest.raises(IntegrityError, match="dated unlike its entry"):
        posting(entry(), "1110", "DEBIT", 100, entry_date=date(2026, 11, 22))


def test_an_account_of_open_items_wants_one():
    with pytest.raises(IntegrityError, match="control account without an open item"):
        posting(entry(), "1151", "DEBIT", 100)


def test_a_stock_account_takes_no_manual_posting():
    posting(entry(number="JE-Y"), "1210", "DEBIT", 100)

    with pytest.raises(IntegrityError, match="manual one on a stock account"):
        posting(entry("MANUAL"), "1210", "DEBIT", 100)


def test_a_posting_is_on_the_account_of_its_open_item():
    item = card_sale()

    with pytest.raises(IntegrityError, match="another account or in another currency"):
        posting(entry(), "1152", "CREDIT", 100, open_item_id=item)


def test_a_closed_month_takes_no_entry():
    Period.objects.create(starts_on=date(2026, 10, 1), ends_on=date(2026, 10, 31), state="CLOSED")
    entry(number="JE-Y")

    with pytest.raises(IntegrityError, match="the books of 2026-10-31 are closed"):
        entry(on=date(2026, 10, 31))


def test_periods_do_not_overlap():
    Period.objects.create(starts_on=date(2026, 10, 1), ends_on=date(2026, 10, 31))

    with pytest.raises(IntegrityError, match="periods_do_not_overlap"):
        Period.objects.create(starts_on=date(2026, 10, 31), ends_on=date(2026, 11, 30))


@pytest.fixture
def posted():
    channel = Channel.objects.create(code="EC", name="EC", kind="EC_SITE")
    card_sale()
    add_billable_items(
        items=[
            BillableDraft(
                kind="GOODS",
                channel_id=channel.pk,
                document_type="SHIPMENT",
                document_id=1,
                document_line=1,
                document_number="SH-1",
                transaction_date=TODAY,
                description="Tシャツ 白 M",
                quantity=1,
                unit_price=Decimal(3_300),
                tax_included=True,
                tax_code="STANDARD_10",
                tax_percent=Decimal(10),
                net_amount=Decimal(3_000),
                tax_amount=Decimal(300),
                gross_amount=Decimal(3_300),
            )
        ],
        at=NOON,
        by=CLERK,
    )
    Seal.objects.create(
        from_xid=0, until_xid=1, first_entry_id=1, last_entry_id=1, entry_count=1, previous_hash="", hash="", sealed_at=NOON
    )  # fmt: skip
    demand_now()


FINAL = {
    "accounting_journalentry": "description = 'x'",
    "accounting_posting": "amount = amount + 1",
    "accounting_billableitem": "quantity = 2",
    "accounting_seal": "hash = 'x'",
}


@pytest.mark.parametrize(("table", "change"), FINAL.items())
@pytest.mark.parametrize("act", ["UPDATE", "DELETE", "TRUNCATE"])
def test_the_books_are_final(posted, table, change, act):
    statement = {
        "UPDATE": f"UPDATE {table} SET {change}",
        "DELETE": f"DELETE FROM {table}",
        "TRUNCATE": f"TRUNCATE {table} CASCADE",
    }[act]
    run("SET LOCAL mamori.allow_truncate = off")

    with pytest.raises(IntegrityError, match="its rows are final"):
        run(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounting_openitem SET amount = amount + 1",
        "UPDATE accounting_openitem SET party_id = party_id + 1",
        "UPDATE accounting_openitem SET due_date = '2027-01-01'",
        "DELETE FROM accounting_openitem",
        "TRUNCATE accounting_openitem CASCADE",
    ],
)
def test_an_open_item_keeps_its_terms(posted, statement):
    run("SET LOCAL mamori.allow_truncate = off")

    with pytest.raises(IntegrityError, match="its rows are final"):
        run(statement)


def test_an_open_item_is_never_settled_beyond_its_amount():
    item = card_sale(100)
    OpenItem.objects.filter(pk=item).update(settled_amount=100, version=2)

    with pytest.raises(IntegrityError, match="open_item_not_oversettled"):
        OpenItem.objects.filter(pk=item).update(settled_amount=101)


@pytest.mark.django_db(transaction=True)
def test_nothing_is_added_to_a_posted_entry():
    header = JournalEntry.objects.get(pk=post(debit("cash", 1), credit("sales.ec", 1)).id)

    with pytest.raises(IntegrityError, match="is closed: nothing can be added to it later"), transaction.atomic():
        posting(header, "1110", "DEBIT", 100, 3)


def test_the_audit_trail_sees_changes_of_masters():
    rows = {
        "accounting_ledgeraccount": "UPDATE accounting_ledgeraccount SET name = '小口現金' WHERE code = '1110'",
        "accounting_accountrole": "UPDATE accounting_accountrole SET account_id ="
        " (SELECT id FROM accounting_ledgeraccount WHERE code = '1130') WHERE role = 'bank'",
        "accounting_counterparty": "UPDATE accounting_counterparty SET fee_tax = 'TAXED' WHERE code = 'CARD'",
        "accounting_paymentroute": "UPDATE accounting_paymentroute SET must_be_paid_first = true WHERE method = 'CARD'",
        "accounting_exporttaxlabel": "UPDATE accounting_exporttaxlabel SET label = 'x' WHERE tax_code = 'EXEMPT'",
    }
    for statement in rows.values():
        run(statement)
    Period.objects.create(starts_on=date(2026, 10, 1), ends_on=date(2026, 10, 31))

    seen = AuditRow.objects.filter(action="UPDATE").values_list("table_name", flat=True)
    assert set(seen) == set(rows)
    assert AuditRow.objects.filter(table_name="accounting_period", action="INSERT").exists()
    assert PaymentRoute.objects.get(method="CARD").must_be_paid_first
