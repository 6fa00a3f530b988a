from datetime import date
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounting import selectors, services
from accounting.exceptions import OverSettled, PeriodClosed
from accounting.models import JournalEntry, OpenItem, Period, Posting
from accounting.services import Party
from customers.models import CreditGroup, ExposureEntry
from tests.accounting.factories import (
    CLERK,
    NOON,
    TODAY,
    bill_to,
    card_sale,
    counterparty,
    credit,
    debit,
    draft,
    new_item,
    post,
    remaining,
    settle,
)

pytestmark = pytest.mark.django_db


def test_posts_lines_and_opens_an_item_with_its_debtor():
    party = counterparty()

    entry = post(
        debit("receivable.card", 11_550, opens=new_item(party, 42, date(2026, 12, 31))),
        credit("sales.ec", 10_500, tax_code="STANDARD_10", source_line=7),
        credit("2190", 1_050),
        source_id=42,
        description="EC",
    )

    (item,) = selectors.open_items(document_type="SHIPMENT", document_ids=[42], roles=["receivable.card"])
    assert entry.item_ids == [item.id, None, None]
    assert (item.role, item.account_code, item.side, item.party) == ("receivable.card", "1151", "DEBIT", party)
    assert (item.amount, item.remaining) == (Decimal(11_550), Decimal(11_550))
    rows = Posting.objects.filter(entry_id=entry.id).order_by("line_no")
    assert [(row.account.code, row.side, int(row.amount), row.tax_code, row.source_line) for row in rows] == [
        ("1151", "DEBIT", 11_550, "", None),
        ("4110", "CREDIT", 10_500, "STANDARD_10", 7),
        ("2190", "CREDIT", 1_050, "", None),
    ]
    header = JournalEntry.objects.get(pk=entry.id)
    assert (header.number, header.kind, header.entry_date, header.source_id, header.actor) == (
        entry.number, "AUTOMATIC", TODAY, 42, "staff:tanaka",
    )  # fmt: skip


def test_a_counterparty_has_one_name_in_its_sub_ledger_whatever_a_document_calls_it():
    mall = counterparty("MALL")
    for label in ("mall", "モール楽園"):
        item = new_item(Party(mall.kind, mall.id, label))
        post(debit("receivable.mall", 100, opens=item), credit("sales.mall", 100))

    assert set(OpenItem.objects.values_list("party_label", flat=True)) == {"モール"}


def test_settles_in_parts_and_refuses_more_than_is_left():
    item = card_sale(11_000)
    post(debit("bank", 4_000), settle("CREDIT", item, 4_000))

    with pytest.raises(OverSettled) as refusal:
        post(debit("bank", 7_001), settle("CREDIT", item, 7_001))

    assert refusal.value.excesses == ((item, Decimal(7_001), Decimal(7_000)),)
    assert remaining(item) == 7_000
    assert OpenItem.objects.get(pk=item).version == 2
    assert JournalEntry.objects.count() == 2


@pytest.mark.parametrize(
    "lines",
    [
        (),
        (debit("bank", 1), credit("cash", 2)),
        (debit("bank", 0), credit("cash", 0)),
        (debit("receivable.card", 5), credit("cash", 5)),
        (debit("no.such.role", 5), credit("cash", 5)),
    ],
    ids=["no lines", "unbalanced", "zero", "control account without item", "unknown role"],
)
def test_a_bug_of_the_caller_crashes(lines):
    with pytest.raises(AssertionError):
        post(*lines)

    assert not JournalEntry.objects.exists()


def test_refuses_every_closed_date_by_name():
    Period.objects.create(starts_on=date(2026, 10, 1), ends_on=date(2026, 10, 31), state="CLOSED")
    drafts = [
        draft(debit("bank", 1), credit("cash", 1), on=on)
        for on in (date(2026, 10, 3), TODAY, date(2026, 10, 1), date(2026, 10, 3))
    ]

    with pytest.raises(PeriodClosed) as refusal:
        services.post_entries(drafts=drafts, at=NOON, by=CLERK)

    assert refusal.value.dates == (date(2026, 10, 1), date(2026, 10, 3))
    assert not JournalEntry.objects.exists()


def test_the_number_of_statements_does_not_grow_with_entries_or_lines():
    def statements(entries: int, lines: int) -> int:
        items = [card_sale(lines * 10, document_id=number) for number in range(entries)]
        drafts = [
            draft(
                *[debit("bank", 10) for _ in range(lines)],
                settle("CREDIT", item, lines * 10),
                debit("receivable.cod", 5, opens=new_item(counterparty("YAMATO"))),
                credit("sales.ec", 5),
            )
            for item in items
        ]
        with CaptureQueriesContext(
            connection,
        ) as queries:
            services.post_entries(drafts=drafts, at=NOON, by=CLERK)
        return len(queries)

    few, many = statements(1, 1), statements(10, 50)

    # From 100 rows on each table's rows go by COPY instead of all in one statement: a step, once.
    assert statements(10, 4) == few
    assert statements(20, 50) == many
    assert few <= 10
    assert many <= few + 3


def test_receivables_of_a_bill_to_move_the_exposure_of_its_credit_group():
    group = CreditGroup.objects.create(code="G", name="G", credit_limit=1_000_000)
    party = bill_to(credit_group=group)

    entry = post(debit("receivable.account", 110_000, opens=new_item(party)), credit("sales.wholesale", 110_000))
    post(debit("bank", 50_000), settle("CREDIT", entry.item_ids[0], 50_000))
    post(debit("bank", 20_000), credit("deposits", 20_000, opens=new_item(party, 2)))

    group.refresh_from_db()
    assert group.exposure == 40_000
    assert [(row.kind, int(row.amount)) for row in ExposureEntry.objects.order_by("pk")] == [
        ("RECEIVABLE", 110_000),
        ("RECEIVABLE", -50_000),
        ("DEPOSIT", -20_000),
    ]
