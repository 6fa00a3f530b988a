"""Closing dates, due dates and the days on which Japanese banks are closed. Pure: a date in, a date out."""

from __future__ import annotations

import calendar
import datetime as dt
from decimal import Decimal
from enum import StrEnum

import jpholiday

END_OF_MONTH = 31
# Besides Saturdays, Sundays and national holidays. Source: 銀行法施行令5条.
NEW_YEAR_HOLIDAYS = {(12, 31), (1, 1), (1, 2), (1, 3)}

_calendar = jpholiday.JPHoliday()


class HolidayRule(StrEnum):
    """Where a due date goes when the bank is closed: 前営業日, 翌営業日, そのまま."""

    PREVIOUS = "PREVIOUS"
    NEXT = "NEXT"
    SAME = "SAME"


def is_bank_holiday(day: dt.date) -> bool:
    return day.weekday() >= 5 or (day.month, day.day) in NEW_YEAR_HOLIDAYS or _calendar.is_holiday(day)


def on_business_day(day: dt.date, rule: str) -> dt.date:
    """``day`` itself when banks are open, else the business day that ``rule`` says."""
    step = {HolidayRule.PREVIOUS: -1, HolidayRule.NEXT: 1, HolidayRule.SAME: 0}[HolidayRule(rule)]
    while step and is_bank_holiday(day):
        day += dt.timedelta(days=step)
    return day


def day_of_month(year: int, month: int, day: int) -> dt.date:
    """The ``day``-th of a month, or its last day when it has fewer; months beyond December run into the next year, those before
    January into the last."""
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    return dt.date(year, month, min(day, calendar.monthrange(year, month)[1]))


def closing_date(day: dt.date, *closing_days: int) -> dt.date:
    """The closing (締め日) that takes in what happens on ``day``: this month's, or next month's when that is past.

    31 is the end of the month. Several closings a month are several ``closing_days``.
    """
    candidates = [day_of_month(day.year, day.month + ahead, closing) for closing in closing_days for ahead in (0, 1)]
    return min(candidate for candidate in candidates if candidate >= day)


def due_date(closing: dt.date, month_offset: int, day: int, rule: str = HolidayRule.SAME) -> dt.date:
    """The payment day ``month_offset`` months after the closing's month (翌月 is 1), moved off bank holidays as told."""
    return on_business_day(day_of_month(closing.year, closing.month + month_offset, day), rule)


def carried_over(*, billed_before: Decimal, received: Decimal, adjusted: Decimal) -> Decimal:
    """What a bill carries over from the one before: 繰越 = 前回請求額 − 入金額 − 調整額 (fees, discounts)."""
    return billed_before - received - adjusted
