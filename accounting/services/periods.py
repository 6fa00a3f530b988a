"""Closing and reopening months. A closing waits for entries under way and holds off new ones until its totals stand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from datetime import date

from django.db import connection
from django.utils.translation import gettext as _

from accounting.exceptions import PeriodOutOfOrder
from accounting.models import JournalEntry, Period
from accounting.services.books import lock_months_shared, month_keys
from erp.core import locks
from erp.core.actors import Actor
from erp.core.business_days import END_OF_MONTH, day_of_month
from erp.core.errors import NotFound
from erp.core.use_case import use_case

State = Period.State

_WRITE_TOTALS = """
INSERT INTO accounting_periodtotal (period_id, account_id, channel_id, department_id, currency, debit, credit)
SELECT %s, account_id, channel_id, department_id, currency,
       coalesce(sum(amount) FILTER (WHERE side = 'DEBIT'), 0), coalesce(sum(amount) FILTER (WHERE side = 'CREDIT'), 0)
FROM accounting_posting WHERE entry_date BETWEEN %s AND %s
GROUP BY account_id, channel_id, department_id, currency
"""


@use_case
def open_periods(*, through: date, at: dt.datetime, by: Actor) -> int:
    """Create the missing months up to the one of ``through``, from the first entry's month on. Returns how many are new."""
    locks.hold("accounting periods")
    first = JournalEntry.objects.order_by("entry_date").values_list("entry_date", flat=True).first()
    known = Period.objects.order_by("-ends_on").values_list("ends_on", flat=True)
    month = min(first or through, through).replace(day=1)
    covered = set(known)
    missing = []
    while month <= through:
        ends_on = day_of_month(month.year, month.month, END_OF_MONTH)
        if ends_on not in covered:
            missing.append(Period(starts_on=month, ends_on=ends_on))
        month = ends_on + dt.timedelta(days=1)
    Period.objects.bulk_create(missing)
    return len(missing)


@use_case
def close_period(*, period_id: int, at: dt.datetime, by: Actor) -> Period:
    """Close a month: its totals are written and entries dated in it are refused from now on. Closing again changes nothing.

    Raises:
        PeriodOutOfOrder: an earlier month is open, or earlier entries belong to no period.
    """
    period = _lock(period_id)
    if period.state == State.CLOSED:
        return period
    if earlier := Period.objects.filter(state=State.OPEN, ends_on__lt=period.starts_on).order_by("starts_on").first():
        raise PeriodOutOfOrder(_("Close %(period)s first.") % {"period": earlier})
    if stray := _uncovered_before(period.starts_on):
        raise PeriodOutOfOrder(_("Entries of %(day)s belong to no period. Open that month first.") % {"day": stray})

    with connection.cursor() as cursor:
        cursor.execute(_WRITE_TOTALS, [period.pk, period.starts_on, period.ends_on])
    return _set_state(period, state=State.CLOSED, closed_at=at, closed_by=str(by))


@use_case
def reopen_period(*, period_id: int, at: dt.datetime, by: Actor) -> Period:
    """Let entries into a closed month again and drop its totals. A privileged act, kept in the audit trail.

    Raises:
        PeriodOutOfOrder: a later month is closed; reopen from the newest on.
    """
    period = _lock(period_id)
    if period.state == State.OPEN:
        return period
    if later := Period.objects.filter(state=State.CLOSED, starts_on__gt=period.ends_on).order_by("-starts_on").first():
        raise PeriodOutOfOrder(_("Reopen %(period)s first.") % {"period": later})
    period.totals.all().delete()
    return _set_state(period, state=State.OPEN, closed_at=None, closed_by="")


def hold_open_dates(days: Iterable[date]) -> dict[date, date]:
    """For facts that cannot be refused: each day, or the first one after it that is not closed, and stays so until the end of the transaction."""
    opened = {day: day for day in days}
    while opened:
        # The lock first: a closing under way ends before we look, and the next one waits for us.
        lock_months_shared(opened.values())
        closed = Period.objects.filter(state=State.CLOSED, ends_on__gte=min(opened.values())).order_by("starts_on")
        spans = list(closed.values_list("starts_on", "ends_on"))
        moved = {day: _first_beyond(on, spans) for day, on in opened.items()}
        if moved == opened:
            break
        opened = moved
    return opened


def _first_beyond(day: date, spans: Iterable[tuple[date, date]]) -> date:
    """``day``, or the first one after it in none of the spans, which come in order."""
    for starts_on, ends_on in spans:
        if starts_on <= day <= ends_on:
            day = ends_on + dt.timedelta(days=1)
    return day


def _lock(period_id: int) -> Period:
    locks.hold("accounting periods")
    period = Period.objects.filter(pk=period_id).first()
    if period is None:
        raise NotFound(_("There is no such period."))
    # The exclusive side of what every entry of the month holds shared: nobody is half-way in while the totals are taken.
    locks.hold_all(month_keys(period.starts_on, period.ends_on))
    period.refresh_from_db()
    return period


def _set_state(period: Period, *, state: str, closed_at: dt.datetime | None, closed_by: str) -> Period:
    period.state, period.closed_at, period.closed_by = state, closed_at, closed_by
    period.save(update_fields=["state", "closed_at", "closed_by"])
    return period


def _uncovered_before(day: date) -> date | None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT min(entry_date) FROM accounting_journalentry e WHERE entry_date < %s AND NOT EXISTS"
            " (SELECT FROM accounting_period p WHERE e.entry_date BETWEEN p.starts_on AND p.ends_on)",
            [day],
        )
        stray: date | None = cursor.fetchone()[0]
    return stray
