"""The day on which money of orders, and what a channel tells of returns, stand in the books: facts that no closed month refuses. Level: months."""

from __future__ import annotations

import datetime as dt

from accounting.services import hold_open_dates
from erp.core.clock import business_date


def open_day(day: dt.date) -> dt.date:
    """``day``, or the first one after it whose month is open; it stays open until the end of the transaction."""
    return hold_open_dates([day])[day]


def money_day(at: dt.datetime) -> dt.date:
    return open_day(business_date(at))
