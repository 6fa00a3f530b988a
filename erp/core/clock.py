"""Business dates. Times are stored in UTC; the company's day is the day in Tokyo. How days are written, and which can be booked at all."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator, Mapping
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from erp.core.errors import InvalidInput, Problem

TOKYO = ZoneInfo("Asia/Tokyo")
# Books are kept for ten years (会社法432条2項), so no company brings older ones along; an earlier day is a slip of the hand.
FIRST_BOOKABLE = dt.date(2000, 1, 1)
# Business years that are planned ahead, post-dated vouchers; a later day is a slip of the hand as well.
DAYS_AHEAD = dt.timedelta(days=366)
# What is no date of our time: before the first day of consumption tax, and where arithmetic with dates may leave the calendar.
FIRST_MOMENT, LAST_MOMENT = dt.datetime(1989, 4, 1, tzinfo=dt.UTC), dt.datetime(2200, 1, 1, tzinfo=dt.UTC)
# The largest that PostgreSQL reads. No clock on Earth is further from UTC than fourteen hours.
LARGEST_OFFSET = dt.timedelta(hours=15, minutes=59)
# What use-cases call the date or moment of what they book. ``use_case`` looks at each of these.
BOOKING_FIELDS = frozenset(
    {
        "accepted_date", "delivered_date", "entry_date", "occurred_at", "paid_on", "received_on", "report_date",
        "return_date", "ship_date",
    }
)  # fmt: skip


class NotAMoment(ValueError):
    """Why something is no moment that the house can keep. ``code`` is stable, ``detail`` is for people."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def moment_of(told: object) -> dt.datetime:
    """A moment as it comes from outside, an ISO 8601 text or a ``datetime``, in UTC. The only door: whoever takes in a moment calls this.

    Raises NotAMoment for what is none, has no offset or an impossible one, or is no moment of our time.
    """
    if isinstance(told, str):
        with contextlib.suppress(ValueError):
            told = dt.datetime.fromisoformat(told)
    if not isinstance(told, dt.datetime):
        detail = _("A time with its offset is needed, such as 2026-11-23T10:00:00+09:00.")
        raise NotAMoment("not_a_time", detail)
    offset = told.utcoffset()
    if offset is None:
        raise NotAMoment("no_offset", _("A time needs its offset from UTC."))
    if abs(offset) > LARGEST_OFFSET:
        raise NotAMoment("bad_offset", _("An offset from UTC is at most 15:59 hours."))
    # Moments are compared before they are converted: at both ends of the calendar there is nothing to convert to.
    if not FIRST_MOMENT <= told < LAST_MOMENT:
        raise NotAMoment("bad_time", _("This is no date of our time."))
    return told.astimezone(dt.UTC)


def business_date(at: dt.datetime) -> dt.date:
    """The company's date at an instant. Raises ValueError for a naive time, which would be somebody's local guess."""
    if at.tzinfo is None:
        raise ValueError("a time without a zone has no business date")
    return at.astimezone(TOKYO).date()


def begin_of(day: dt.date) -> dt.datetime:
    """The first moment of a business day."""
    return dt.datetime.combine(day, dt.time.min, tzinfo=TOKYO)


def end_of(day: dt.date) -> dt.datetime:
    """The first moment that does not belong to the business day any more."""
    return begin_of(day + dt.timedelta(days=1))


def written_day(day: dt.date) -> str:
    """A business date as people write it (2026/11/28), in messages and in texts that are kept. ISO dates are for machines."""
    return date_format(day, "SHORT_DATE_FORMAT")


def written_moment(at: dt.datetime) -> str:
    """A moment as the company's clock shows it, to the minute."""
    return date_format(at.astimezone(TOKYO), "SHORT_DATETIME_FORMAT")


def unbookable(pointer: str, when: dt.date, *, at: dt.datetime) -> Iterator[Problem]:
    """Why a date or moment cannot be that of a booking made at ``at``; nothing for one that can."""
    if isinstance(when, dt.datetime):
        if when.tzinfo is None:
            yield Problem(pointer, "no_offset", _("A time needs its offset from UTC."))
            return
        # The calendar ends in the midst of a day elsewhere: no conversion before the years are known to be ours.
        day = business_date(when) if 1 < when.year < dt.MAXYEAR else when.date()
    else:
        day = when
    last = business_date(at) + DAYS_AHEAD
    if not FIRST_BOOKABLE <= day <= last:
        detail = _("%(day)s cannot be booked; %(first)s to %(last)s can.") % {
            "day": written_day(day), "first": written_day(FIRST_BOOKABLE), "last": written_day(last),
        }  # fmt: skip
        yield Problem(pointer, "bad_time", detail)


def refuse_unbookable(fields: Mapping[str, object], *, at: dt.datetime) -> None:
    """Raises InvalidInput naming every booking field whose date or moment cannot be booked."""
    problems = [
        problem
        for name in BOOKING_FIELDS & fields.keys()
        if isinstance(when := fields[name], dt.date)
        for problem in unbookable(f"/{name}", when, at=at)
    ]
    if problems:
        raise InvalidInput(problems)
