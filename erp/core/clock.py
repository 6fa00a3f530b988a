"""Business dates. Times are stored in UTC; the company's day is the day in Tokyo."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

TOKYO = ZoneInfo("Asia/Tokyo")


def business_date(at: dt.datetime) -> dt.date:
    """The company's date at an instant. Raises ValueError for a naive time, which would be somebody's local guess."""
    if at.tzinfo is None:
        raise ValueError("a time without a zone has no business date")
    return at.astimezone(TOKYO).date()
