from datetime import date

import pytest

from accounting import services
from accounting.exceptions import PeriodClosed, PeriodOutOfOrder
from accounting.models import JournalEntry, Period, PeriodTotal
from erp.core.models import AuditRow
from tests.accounting.factories import CLERK, NOON, credit, debit, post

pytestmark = pytest.mark.django_db

SEPTEMBER, OCTOBER = date(2026, 9, 10), date(2026, 10, 31)


def months() -> list[Period]:
    post(debit("cash", 100), credit("sales.ec", 100), on=SEPTEMBER)
    post(debit("cash", 7), credit("sales.ec", 7), on=OCTOBER)
    assert services.open_periods(through=OCTOBER, at=NOON, by=CLERK) == 2
    return list(Period.objects.order_by("starts_on"))


def close(period: Period) -> Period:
    return services.close_period(period_id=period.pk, at=NOON, by=CLERK)


def reopen(period: Period) -> Period:
    return services.reopen_period(period_id=period.pk, at=NOON, by=CLERK)


def test_months_are_opened_from_the_first_entry_on_and_only_once():
    september, october = months()

    assert (september.starts_on, september.ends_on) == (date(2026, 9, 1), date(2026, 9, 30))
    assert (october.starts_on, october.ends_on) == (date(2026, 10, 1), date(2026, 10, 31))
    assert services.open_periods(through=OCTOBER, at=NOON, by=CLERK) == 0


def test_closing_writes_totals_and_refuses_entries():
    september, _october = months()

    closed = close(september)

    assert (closed.state, closed.closed_at, closed.closed_by) == ("CLOSED", NOON, "staff:tanaka")
    totals = PeriodTotal.objects.filter(period=september).order_by("account__code")
    assert [(row.account.code, int(row.debit), int(row.credit)) for row in totals] == [
        ("1110", 100, 0),
        ("4110", 0, 100),
    ]
    with pytest.raises(PeriodClosed):
        post(debit("cash", 1), credit("sales.ec", 1), on=date(2026, 9, 30))
    assert JournalEntry.objects.count() == 2


def test_closing_again_changes_nothing():
    september, _october = months()
    close(september)

    assert close(september).closed_at == NOON
    assert PeriodTotal.objects.filter(period=september).count() == 2


def test_periods_close_in_order_and_reopen_in_reverse():
    september, october = months()
    with pytest.raises(PeriodOutOfOrder):
        close(october)
    close(september)
    close(october)
    with pytest.raises(PeriodOutOfOrder):
        reopen(september)

    reopen(october)

    assert not PeriodTotal.objects.filter(period=october).exists()
    assert PeriodTotal.objects.filter(period=september).exists()
    post(debit("cash", 1), credit("sales.ec", 1), on=OCTOBER)
    changes = AuditRow.objects.filter(table_name="accounting_period", row_id=str(october.pk), action="UPDATE")
    assert [(row.after["state"], row.actor) for row in changes.order_by("pk")] == [
        ("CLOSED", "staff:tanaka"),
        ("OPEN", "staff:tanaka"),
    ]


def test_earlier_entries_that_no_period_covers_keep_a_month_open():
    september, _october = months()
    post(debit("cash", 1), credit("sales.ec", 1), on=date(2026, 8, 31))

    with pytest.raises(PeriodOutOfOrder):
        close(september)

    assert not PeriodTotal.objects.exists()


def test_what_cannot_be_refused_gets_in_on_the_first_day_that_is_open():
    september, october = months()
    close(september)
    close(october)

    opened = services.hold_open_dates([date(2026, 8, 31), date(2026, 9, 1), OCTOBER, date(2026, 11, 2)])

    november = date(2026, 11, 1)
    assert opened == {
        date(2026, 8, 31): date(2026, 8, 31),
        date(2026, 9, 1): november,
        OCTOBER: november,
        date(2026, 11, 2): date(2026, 11, 2),
    }
    assert services.hold_open_dates([]) == {}
