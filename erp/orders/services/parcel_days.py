"""Which day can be that of a parcel: nothing leaves, arrives or comes back tomorrow, nothing does before it left, and nobody accepts what has
not arrived."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from django.utils.translation import gettext as _

from erp.core.clock import business_date, written_day
from erp.core.errors import InvalidInput, Problem


def refuse_future(field: str, on: dt.date, *, at: dt.datetime) -> None:
    """Raises InvalidInput naming the field for a day that has not come."""
    if problems := list(not_yet(f"/{field}", on, at=at)):
        raise InvalidInput(problems)


def not_yet(pointer: str, on: dt.date, *, at: dt.datetime) -> Iterator[Problem]:
    """Pieces are on hand as soon as they are booked, so they do not come or go on a day to come."""
    if on > (today := business_date(at)):
        told = _("%(day)s has not come yet; today is %(today)s.")
        yield Problem(pointer, "in_future", told % {"day": written_day(on), "today": written_day(today)})


def before_it_left(number: str, left_on: dt.date | None, on: dt.date) -> Iterator[Problem]:
    """Why what happens to a parcel cannot be of that day; nothing where it can."""
    if left_on is not None and on < left_on:
        told = _("It left on %(left)s; nothing becomes of it on %(day)s.")
        yield Problem(number, "before_it_left", told % {"left": written_day(left_on), "day": written_day(on)})


def before_it_arrived(number: str, arrived_on: dt.date | None, on: dt.date) -> Iterator[Problem]:
    """Why a parcel cannot have been accepted on that day; nothing where it can, or where nobody knows when it arrived."""
    if arrived_on is not None and on < arrived_on:
        told = _("It arrived on %(arrived)s; nobody accepts it on %(day)s.")
        words = told % {"arrived": written_day(arrived_on), "day": written_day(on)}
        yield Problem(number, "before_it_arrived", words)
