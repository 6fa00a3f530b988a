"""How the house fares (運用状況): signs that apps register, judged by limits that stand here and nowhere else.

What is known above the kernel (sites, queues of a broker) is registered by whoever knows it; the page and ``/readyz`` read the same figures and
judge them by the same limits.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import structlog
from django.db import Error
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

log = structlog.get_logger(__name__)


class State(StrEnum):
    """From good to bad."""

    OK = "ok"
    ATTENTION = "attention"
    TROUBLE = "trouble"


GRAVITY = {state: number for number, state in enumerate(State)}


@dataclass(frozen=True, slots=True)
class Limit:
    """From ``attention`` on somebody should look, from ``trouble`` on somebody must act. ``is_floor``: what is less is worse."""

    attention: float
    trouble: float | None = None
    is_floor: bool = False

    def judge(self, value: float) -> State:
        if self.trouble is not None and self._is_reached(value, self.trouble):
            return State.TROUBLE
        return State.ATTENTION if self._is_reached(value, self.attention) else State.OK

    def _is_reached(self, value: float, mark: float) -> bool:
        return value <= mark if self.is_floor else value >= mark


HOUR_S, DAY_S = 3_600.0, 86_400.0
LIMITS = {
    # The change feed waits for the oldest transaction, and no write may last over five seconds.
    "lag_s": Limit(10, 60),
    "oldest_transaction_s": Limit(10, 60),
    # Wake-ups that lie with the broker. Losing them loses nothing, but that many mean that nobody takes them.
    "messages": Limit(1_000, 10_000),
    "inbox_waits_s": Limit(120, 900),
    "push_waits_s": Limit(60, 600),
    "drift": Limit(1, 100),
    "not_talked_to": Limit(1, 1),
    "failing_activities": Limit(1),
    # As long as a key may still be replaced in peace, and once it has ended.
    "ends_in_days": Limit(14, 0, is_floor=True),
    # Jobs of each worker are due every few seconds.
    "worker_seen_s": Limit(60, 300),
    # How much later than its interval a job may be.
    "job_late_s": Limit(120, HOUR_S),
    # Nightly work: a night left out is noticed, two are too many.
    "verified_s": Limit(26 * HOUR_S, 50 * HOUR_S),
    "reconciled_s": Limit(26 * HOUR_S, 50 * HOUR_S),
    "backed_up_s": Limit(26 * HOUR_S, 50 * HOUR_S),
    # Monthly by the manual; a quarter without one and nobody knows whether the backups can be used.
    "drilled_s": Limit(32 * DAY_S, 92 * DAY_S),
    # A backup or drill that runs that long runs into the day; whether its process lives is known by its lease.
    "running_s": Limit(6 * HOUR_S),
    # What people are to do may wait some days.
    "work_waits_s": Limit(3 * DAY_S),
}


def judge(limit: str, value: float | None) -> State:
    """None is what could not be had."""
    return State.TROUBLE if value is None else LIMITS[limit].judge(value)


def worst(states: Iterable[State]) -> State:
    return max(states, key=GRAVITY.__getitem__, default=State.OK)


class Part(StrEnum):
    """Where a sign stands on the page, in this order."""

    PARTS = "parts"
    JOBS = "jobs"
    SITES = "sites"
    SAFETY = "safety"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a sign says now. ``subject`` tells several of one sign apart (a site, a job); ``query`` narrows the linked list to it."""

    state: State
    found: str
    subject: str = ""
    query: str = ""


@dataclass(frozen=True, slots=True)
class Sign:
    """``meaning`` says what the sign stands for, ``remedy`` what a person does when it is not good. ``url_name`` shows its rows.

    ``read`` answers in a bounded number of statements. It may raise ``CannotTell``.
    """

    code: str
    part: Part
    title: StrOrPromise
    meaning: StrOrPromise
    remedy: StrOrPromise
    read: Callable[[dt.datetime], Iterable[Reading]]
    url_name: str = ""


class CannotTell(Exception):
    """What a sign asks does not answer."""


@dataclass(frozen=True, slots=True)
class Line:
    """A sign with all that it says now, the worst first."""

    sign: Sign
    readings: tuple[Reading, ...]

    @property
    def state(self) -> State:
        return worst(reading.state for reading in self.readings)


_signs: dict[str, Sign] = {}


def register(*signs: Sign) -> None:
    """For ``AppConfig.ready``. Registering a code again replaces it."""
    for sign in signs:
        _signs[sign.code] = sign


def registered() -> list[Sign]:
    """By part, within a part in the order of the codes' registration."""
    order = {part: number for number, part in enumerate(Part)}
    return sorted(_signs.values(), key=lambda sign: order[sign.part])


def read(sign: Sign, *, at: dt.datetime) -> Line:
    """A sign that cannot be read is in trouble, and says so; the others are read all the same."""
    try:
        readings = list(sign.read(at))
    except (CannotTell, Error) as error:
        log.warning("sign_unread", sign=sign.code, error=str(error))
        readings = [Reading(State.TROUBLE, _("cannot be asked now"))]
    readings = readings or [Reading(State.OK, _("none"))]
    return Line(sign, tuple(sorted(readings, key=lambda reading: -GRAVITY[reading.state])))


def read_all(*, at: dt.datetime) -> list[Line]:
    return [read(sign, at=at) for sign in registered()]
