from datetime import date
from decimal import Decimal

import pytest

from erp.core.business_days import carried_over, closing_date, due_date, is_bank_holiday, on_business_day


@pytest.mark.parametrize(
    ("shipped", "closing_day", "offset", "payment_day", "closing", "due", "previous", "following"),
    [
        ("2026-11-20", 20, 1, 31, "2026-11-20", "2026-12-31", "2026-12-30", "2027-01-04"),
        ("2026-11-21", 20, 1, 31, "2026-12-20", "2027-01-31", "2027-01-29", "2027-02-01"),
        ("2026-11-23", 31, 1, 31, "2026-11-30", "2026-12-31", "2026-12-30", "2027-01-04"),
        ("2026-01-31", 31, 1, 31, "2026-01-31", "2026-02-28", "2026-02-27", "2026-03-02"),
        ("2026-02-28", 31, 2, 10, "2026-02-28", "2026-04-10", "2026-04-10", "2026-04-10"),
    ],
)
def test_closing_and_due_dates(shipped, closing_day, offset, payment_day, closing, due, previous, following):
    closed = closing_date(date.fromisoformat(shipped), closing_day)

    assert closed == date.fromisoformat(closing)
    assert due_date(closed, offset, payment_day, "SAME") == date.fromisoformat(due)
    assert due_date(closed, offset, payment_day, "PREVIOUS") == date.fromisoformat(previous)
    assert due_date(closed, offset, payment_day, "NEXT") == date.fromisoformat(following)


def test_the_nearest_of_several_closings_takes_the_day():
    assert closing_date(date(2026, 11, 11), 10, 20, 31) == date(2026, 11, 20)
    assert closing_date(date(2026, 11, 21), 10, 20, 31) == date(2026, 11, 30)
    assert closing_date(date(2026, 12, 31), 10, 20) == date(2027, 1, 10)


def test_a_closing_day_that_the_month_lacks_is_its_last_day():
    assert closing_date(date(2027, 2, 28), 30) == date(2027, 2, 28)
    assert closing_date(date(2028, 2, 29), 30) == date(2028, 2, 29)


@pytest.mark.parametrize(
    ("day", "closed"),
    [
        ("2026-11-23", True),  # 勤労感謝の日
        ("2026-11-24", False),
        ("2026-11-28", True),  # Saturday
        ("2026-12-30", False),
        ("2026-12-31", True),
        ("2027-01-01", True),
        ("2027-01-03", True),
        ("2027-01-04", False),
        ("2026-05-06", True),  # 振替休日
        ("2026-09-22", True),  # 国民の休日
    ],
)
def test_days_on_which_banks_are_closed(day, closed):
    assert is_bank_holiday(date.fromisoformat(day)) is closed


def test_an_open_day_stays_whatever_the_rule():
    assert {on_business_day(date(2026, 11, 24), rule) for rule in ("PREVIOUS", "NEXT", "SAME")} == {date(2026, 11, 24)}


def test_what_a_bill_carries_over():
    carried = carried_over(billed_before=Decimal(330_000), received=Decimal(329_560), adjusted=Decimal(440))

    assert carried == 0
    assert carried + Decimal(285_000) + Decimal(28_500) == Decimal(313_500)
