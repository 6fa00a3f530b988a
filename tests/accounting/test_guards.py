"""What PostgreSQL refuses although nobody asked a service: each test goes around the services on purpose."""

from datetime import date
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction

from accounting.models import (
    BillableItem,
    ExportRun,
    JournalEntry,
    LedgerAccount,
    OpenItem,
    PaymentRoute,
    Period,
    Posting,
    Seal,
    Settlement,
)
from erp.core.models import AuditRow, Channel
from tests.accounting.factories import NOON, TODAY, card_sale, credit, debit, post

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


def settlement(**fields) -> Settlement:
    values = {"bank_amount": Decimal(1), "fee_amount": Decimal(0), "promotion_amount": Decimal(0), **fields}
    return Settlement.objects.create(
        kind="PAYOUT", party_kind="COUNTERPARTY", party_id=1, party_label="カード", external_id="P-1", settled_on=TODAY,
        settled_amount=Decimal(1), fingerprint="x", recorded_at=NOON, actor="sql", **values,
    )  # fmt: skip


def export_run(**fields) -> ExportRun:
    values = {"first_date": TODAY, "last_date": TODAY, **fields}
    return ExportRun.objects.create(
        format="YAYOI", scope="ALL", entry_count=1, sha256="x", recorded_at=NOON, actor="sql", **values
    )


def billable(**fields) -> BillableItem:
    channel, _is_new = Channel.objects.get_or_create(code="EC", defaults={"name": "EC", "kind": "EC_SITE"})
    amounts = {"net_amount": Decimal(3_000), "tax_amount": Decimal(300), "gross_amount": Decimal(3_300), **fields}
    return BillableItem.objects.create(
        kind="GOODS", channel=channel, document_type="SHIPMENT", document_id=1, document_line=1, document_number="SH-1",
        transaction_date=TODAY, description="Tシャツ 白 M", quantity=1, unit_price=Decimal(3_300), tax_included=True,
        tax_code="STANDARD_10", tax_percent=Decimal(10), recorded_at=NOON, actor="sql", **amounts,
    )  # fmt: skip


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


def test_a_posting_is_in_the_currency_of_its_open_item():
    item = card_sale()

    with pytest.raises(IntegrityError, match="another account or in another currency"):
        posting(entry(), "1151", "CREDIT", 100, open_item_id=item, currency="USD")


def test_an_entry_has_each_line_once():
    header = entry()
    posting(header, "1110", "DEBIT", 100)

    with pytest.raises(IntegrityError, match="one_posting_per_entry_and_line"):
        posting(header, "4110", "CREDIT", 100)


@pytest.mark.parametrize("amount", [0, -100])
def test_the_side_of_a_posting_carries_the_sign(amount):
    with pytest.raises(IntegrityError, match="posting_has_an_amount"):
        posting(entry(), "1110", "DEBIT", amount)


def test_a_closed_month_takes_no_entry():
    Period.objects.create(starts_on=date(2026, 10, 1), ends_on=date(2026, 10, 31), state="CLOSED")
    entry(number="JE-Y")

    with pytest.raises(IntegrityError, match="the books of 2026-10-31 are closed"):
        entry(on=date(2026, 10, 31))


def test_periods_do_not_overlap():
    Period.objects.create(starts_on=date(2026, 10, 1), ends_on=date(2026, 10, 31))

    with pytest.raises(IntegrityError, match="periods_do_not_overlap"):
        Period.objects.create(starts_on=date(2026, 10, 31), ends_on=date(2026, 11, 30))


def test_an_open_item_has_an_amount():
    account = LedgerAccount.objects.get(code="1151")

    with pytest.raises(IntegrityError, match="open_item_has_an_amount"):
        OpenItem.objects.create(
            account=account, side="DEBIT", party_kind="COUNTERPARTY", party_id=1, party_label="カード", document_type="TEST",
            document_id=1, item_date=TODAY, amount=Decimal(0),
        )  # fmt: skip


@pytest.mark.parametrize("column", ["bank_amount", "fee_amount", "promotion_amount"])
def test_no_amount_of_a_settlement_is_negative(column):
    with pytest.raises(IntegrityError, match="settlement_amounts_not_negative"):
        settlement(**{column: Decimal(-1)})


def test_money_under_one_reference_is_settled_once():
    settlement()

    with pytest.raises(IntegrityError, match="one_settlement_per_reference"):
        settlement(bank_amount=Decimal(2))


def test_an_export_ends_after_it_starts():
    with pytest.raises(IntegrityError, match="export_ends_after_it_starts"):
        export_run(last_date=date(2026, 11, 22))


def test_net_and_tax_of_a_billable_item_make_its_gross():
    with pytest.raises(IntegrityError, match="billable_net_and_tax_make_gross"):
        billable(gross_amount=Decimal(3_301))


@pytest.fixture
def posted():
    item = card_sale()
    billable()
    settlement()
    export_run().entries.create(entry=OpenItem.objects.get(pk=item).postings.get().entry)
    Seal.objects.create(
        from_xid=0, until_xid=1, first_entry_id=1, last_entry_id=1, entry_count=1, previous_hash="", hash="", sealed_at=NOON
    )  # fmt: skip
    demand_now()


FINAL = {
    "accounting_journalentry": "description = 'x'",
    "accounting_posting": "amount = amount + 1",
    "accounting_billableitem": "quantity = 2",
    "accounting_seal": "hash = 'x'",
    "accounting_settlement": "bank_amount = 2",
    "accounting_exportrun": "sha256 = 'y'",
    "accounting_exportedentry": "run_id = run_id + 1",
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


TERMS = [
    "id = id + 1",
    "account_id = (SELECT id FROM accounting_ledgeraccount WHERE code = '1152')",
    "side = 'CREDIT'",
    "party_kind = 'BILL_TO'",
    "party_id = party_id + 1",
    "party_label = 'x'",
    "channel_id = (SELECT id FROM core_channel)",
    "document_type = 'x'",
    "document_id = document_id + 1",
    "document_label = 'x'",
    "item_date = '2026-11-22'",
    "due_date = '2027-01-01'",
    "currency = 'USD'",
    "amount = amount + 1",
]


@pytest.mark.parametrize(
    "statement",
    [
        *(f"UPDATE accounting_openitem SET {change}" for change in TERMS),
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
