"""What will happen, before anything has: the deals of three months and what becomes of each. Pure values; ``days`` makes them true."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ec_gateway.management.demo.papers import Document
from erp.core.business_days import is_bank_holiday
from erp.core.clock import TOKYO

HISTORY_DAYS = 92


@dataclass(slots=True)
class Deal:
    """One order of one channel. ``place`` is the code of the place that its pieces should come from."""

    channel: str
    external_id: str
    ordered_at: dt.datetime
    document: Document
    place: str
    pieces: list[tuple[str, int]]
    # Stays as it is until today: nobody resolves, releases or ships it.
    is_left_alone: bool = False
    # Released on the last evening, and then being picked.
    is_picked_last: bool = False
    # The carrier found nobody at home so far.
    is_not_at_home: bool = False

    @property
    def key(self) -> tuple[str, str]:
        return self.channel, self.external_id

    @property
    def day(self) -> dt.date:
        return self.ordered_at.astimezone(TOKYO).date()


class Kind(StrEnum):
    PAY = "PAY"
    PAY_PART = "PAY_PART"
    CREDIT_OK = "CREDIT_OK"
    CREDIT_NG = "CREDIT_NG"
    CANCEL = "CANCEL"
    CANCEL_LATE = "CANCEL_LATE"
    CALL_BACK = "CALL_BACK"
    AMEND = "AMEND"
    AMEND_LATE = "AMEND_LATE"
    HOLD = "HOLD"
    SHIP_PART = "SHIP_PART"
    RETURN = "RETURN"
    REFUSE = "REFUSE"
    REFUND = "REFUND"
    ACCEPT = "ACCEPT"
    REPORT = "REPORT"


@dataclass(frozen=True, slots=True)
class Act:
    """Something that happens to a deal on a day, if the deal has come so far by then."""

    kind: Kind
    deal: Deal
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Plan:
    first: dt.date
    today: dt.date
    deals: list[Deal] = field(default_factory=list)
    acts: dict[dt.date, list[Act]] = field(default_factory=lambda: defaultdict(list))

    @property
    def last(self) -> dt.date:
        return self.today - dt.timedelta(days=1)

    def days(self) -> Iterator[dt.date]:
        for number in range((self.today - self.first).days):
            yield self.first + dt.timedelta(days=number)

    def add(self, deal: Deal) -> Deal:
        self.deals.append(deal)
        return deal

    def act(self, on: dt.date, kind: Kind, deal: Deal, **detail: Any) -> None:
        """What would happen today or later has not happened yet."""
        if on <= self.last:
            self.acts[on].append(Act(kind, deal, detail))

    def workday(self, day: dt.date) -> dt.date:
        """The day itself when the house works, else the next on which it does."""
        while not is_workday(day):
            day += dt.timedelta(days=1)
        return day


def is_workday(day: dt.date) -> bool:
    """The warehouse and the desk work on Saturdays, not on Sundays and holidays."""
    return day.weekday() == 5 or not is_bank_holiday(day)


def moment(day: dt.date, hour: int, minute: int = 0, second: int = 0) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(hour, minute, second), tzinfo=TOKYO)
