from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounting import selectors, services
from accounting.models import Period, PeriodTotal, Posting
from accounting.selectors import Filter
from erp.core.models import Channel, CompanyProfile
from tests.accounting.factories import (
    CLERK,
    NOON,
    bill_to,
    counterparty,
    credit,
    debit,
    draft,
    new_item,
    post,
    settle,
    supplier,
)

pytestmark = pytest.mark.django_db

FIRST, LAST = date(2026, 4, 1), date(2026, 9, 30)


def row_of(sheet, code: str):
    return next(row for row in sheet.rows if row.code == code)


def close_through(day: date) -> None:
    services.open_periods(through=day, at=NOON, by=CLERK)
    for pk in Period.objects.filter(ends_on__lte=day).order_by("starts_on").values_list("pk", flat=True):
        services.close_period(period_id=pk, at=NOON, by=CLERK)


def full_scan(first: date, last: date, channel_id: int | None) -> dict[str, tuple[Decimal, Decimal, Decimal]]:
    """Opening, debit and credit per account, from nothing but the postings. Debit less credit; the year starts in April."""
    sums: dict[str, list[Decimal]] = {}
    rows = Posting.objects.select_related("account").filter(entry_date__lte=last)
    for row in rows.filter(channel_id=channel_id) if channel_id else rows:
        amount = row.amount if row.side == "DEBIT" else -row.amount
        year_start = date(first.year if first.month >= 4 else first.year - 1, 4, 1)
        code = row.account.code
        if row.entry_date < year_start and row.account.type in ("REVENUE", "EXPENSE"):
            code = "3330"
        figures = sums.setdefault(code, [Decimal(0)] * 3)
        if row.entry_date < first:
            figures[0] += amount
        else:
            figures[1 if row.side == "DEBIT" else 2] += row.amount
    return {code: (figures[0], figures[1], figures[2]) for code, figures in sums.items() if any(figures)}


entries = st.lists(
    st.tuples(
        st.sampled_from(["sales.ec", "cost_of_sales", "cash", "deposits"]),
        st.integers(1, 10_000),
        st.integers(0, 500),
        st.booleans(),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(entries=entries, closed=st.integers(0, 500), start=st.integers(0, 500), length=st.integers(0, 300))
def test_the_trial_balance_equals_a_full_scan_whatever_is_closed(entries, closed, start, length, django_db_blocker):
    from django.db import transaction

    begin = date(2025, 10, 1)
    with transaction.atomic():
        channel = Channel.objects.create(code="EC", name="EC", kind="EC_SITE")
        drafts = []
        for number, (role, amount, day, on_channel) in enumerate(entries):
            channel_id = channel.pk if on_channel else None
            opens = new_item(counterparty(), number) if role == "deposits" else None
            drafts.append(
                draft(
                    debit("bank", amount, channel_id=channel_id),
                    credit(role, amount, channel_id=channel_id, opens=opens),
                    on=begin + timedelta(days=day),
                )
            )
        services.post_entries(drafts=drafts, at=NOON, by=CLERK)
        close_through(begin + timedelta(days=closed))
        first = begin + timedelta(days=start)
        last = first + timedelta(days=length)

        for channel_id in (None, channel.pk):
            sheet = selectors.trial_balance(first=first, last=last, only=Filter(channel_id=channel_id))

            found = {
                row.code: (row.opening if row.normal_side == "DEBIT" else -row.opening, row.debit, row.credit)
                for row in sheet.rows
            }
            assert found == full_scan(first, last, channel_id)
            assert sheet.debit == sheet.credit
            assert sheet.closing_debit == sheet.closing_credit
        transaction.set_rollback(True)


def test_income_opens_with_the_business_year_and_earlier_profit_is_retained():
    CompanyProfile.objects.create(name="守り商店", fiscal_year_start_month=4)
    post(debit("cash", 700), credit("sales.ec", 700), on=date(2026, 3, 31))
    post(debit("cash", 50), credit("sales.ec", 50), on=date(2026, 4, 1))
    post(debit("cash", 8), credit("sales.ec", 8), on=date(2026, 5, 1))

    sheet = selectors.trial_balance(first=date(2026, 5, 1), last=date(2026, 5, 31))

    sales = row_of(sheet, "4110")
    assert (sales.opening, sales.credit, sales.closing) == (50, 8, 58)
    assert row_of(sheet, "3330").opening == 700
    assert row_of(sheet, "1110").closing == 758
    assert sheet.closing_debit == sheet.closing_credit == 758
    for row in sheet.rows:
        page = selectors.general_ledger(account_id=row.account_id, first=date(2026, 5, 1), last=date(2026, 5, 31))
        assert page.opening == row.opening, row.code


def test_a_closed_period_answers_from_its_totals():
    post(debit("cash", 100), credit("sales.ec", 100), on=date(2026, 9, 1))
    close_through(date(2026, 9, 30))

    # A figure that only the totals have shows that they were read.
    PeriodTotal.objects.filter(account__code="1110").update(debit=123)

    assert row_of(selectors.trial_balance(first=FIRST, last=LAST), "1110").debit == 123


def test_the_general_ledger_runs_a_balance_over_its_pages():
    post(debit("cash", 1_000), credit("sales.ec", 1_000), on=date(2026, 3, 1))
    for day in range(1, 6):
        post(
            debit("cash", day), credit("sales.ec", day), on=date(2026, 4, day), source_id=day, description=f"売上{day}"
        )
    post(debit("fees", 4), credit("cash", 4), on=date(2026, 4, 5))
    cash = Posting.objects.filter(account__code="1110").values_list("account_id", flat=True)[0]

    pages, cursor = [], ""
    while cursor is not None:
        page = selectors.general_ledger(account_id=cash, first=FIRST, last=LAST, cursor=cursor, limit=4)
        pages.append(page)
        cursor = page.next_cursor

    assert [page.opening for page in pages] == [1_000, 1_010]
    assert [line.balance for page in pages for line in page.lines] == [1_001, 1_003, 1_006, 1_010, 1_015, 1_011]
    line = pages[0].lines[2]
    assert (line.description, line.counter_accounts, line.source_type, line.source_id, line.debit) == (
        "売上3",
        "売上高(EC)",
        "TEST",
        3,
        3,
    )


def test_the_ledger_of_an_income_account_is_on_its_credit_side_and_starts_with_the_year():
    post(debit("cash", 700), credit("sales.ec", 700), on=date(2026, 3, 31))
    post(debit("cash", 50), credit("sales.ec", 50), on=date(2026, 4, 10))
    sales = Posting.objects.filter(account__code="4110").values_list("account_id", flat=True)[0]

    page = selectors.general_ledger(account_id=sales, first=date(2026, 4, 5), last=LAST)

    assert (page.opening, [line.balance for line in page.lines], page.next_cursor) == (0, [50], None)


def test_the_subsidiary_ledger_follows_one_party():
    debtor, other = bill_to("B1"), bill_to("B2")
    before = post(debit("receivable.account", 30, opens=new_item(debtor)), credit("sales.ec", 30), on=date(2026, 3, 1))
    post(debit("receivable.account", 99, opens=new_item(other)), credit("sales.ec", 99), on=date(2026, 4, 2))
    post(debit("receivable.account", 70, opens=new_item(debtor)), credit("sales.ec", 70), on=date(2026, 4, 2))
    post(debit("bank", 20), settle("CREDIT", before.item_ids[0], 20), on=date(2026, 4, 3))

    page = selectors.subsidiary_ledger(party_kind="BILL_TO", party_id=debtor.id, first=FIRST, last=LAST)

    assert page.opening == 30
    assert [(line.debit, line.credit, line.balance) for line in page.lines] == [(70, 0, 100), (0, 20, 80)]


def test_what_we_owe_a_supplier_stands_on_the_credit_side():
    post(debit("cash", 5), credit("payable.suppliers", 5, opens=new_item(supplier())), on=date(2026, 4, 2))

    page = selectors.subsidiary_ledger(party_kind="SUPPLIER", party_id=7, first=FIRST, last=LAST)

    assert [line.balance for line in page.lines] == [5]


def test_aging_by_days_past_due():
    debtor = bill_to()
    for number, due in enumerate(("2026-12-01", "2026-11-22", "2026-10-10", "2026-09-01", "2026-01-31"), start=1):
        item = new_item(debtor, number, date.fromisoformat(due))
        post(debit("receivable.account", 10**number, opens=item), credit("sales.ec", 10**number), on=FIRST)
    post(debit("bank", 3), credit("receivable.account", 3, opens=new_item(debtor, 9)), on=date(2026, 11, 23))

    (row,) = selectors.aging(on=date(2026, 11, 23))

    assert row.party == debtor
    assert (row.not_due, row.days_1_to_30, row.days_31_to_60, row.days_61_to_90, row.older, row.total) == (
        7,
        100,
        1_000,
        10_000,
        100_000,
        111_107,
    )


def test_aging_of_a_past_day_is_what_was_open_then_and_adds_up_to_the_books(admin_client):
    debtor = bill_to()
    paid = post(
        debit("receivable.account", 100, opens=new_item(debtor, 1, date(2026, 10, 20))),
        credit("sales.ec", 100),
        on=date(2026, 10, 5),
    )
    post(
        debit("receivable.account", 30, opens=new_item(debtor, 2, date(2026, 12, 31))),
        credit("sales.ec", 30),
        on=date(2026, 11, 9),
    )
    post(debit("bank", 60), settle("CREDIT", paid.item_ids[0], 60), on=date(2026, 10, 31))
    post(debit("bank", 40), settle("CREDIT", paid.item_ids[0], 40), on=date(2026, 11, 10))

    def open_on(day):
        rows = [(row.not_due, row.days_1_to_30, row.total) for row in selectors.aging(on=day)]
        booked = sum(selectors.balance_of(role, day) for role in ("receivable.account",))
        assert sum(total for *_parts, total in rows) == booked
        return rows

    assert open_on(date(2026, 10, 30)) == [(0, 100, 100)]
    assert open_on(date(2026, 10, 31)) == [(0, 40, 40)]
    assert open_on(date(2026, 11, 9)) == [(30, 40, 70)]
    assert open_on(date(2026, 11, 30)) == [(30, 0, 30)]
    page = admin_client.get(reverse("admin:accounting_aging"), {"on": "2026-11-09"})
    assert page.context["sums"] == [30, 40, 0, 0, 0, 70]
