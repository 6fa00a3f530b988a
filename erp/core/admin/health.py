"""The page 運用状況: every sign of health with its state, what it means and what a person does; then what waits for people."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from erp.core import health
from erp.core.clock import business_date
from erp.core.doors import may_open
from erp.core.health import Line, Part, State, judge, worst
from erp.core.spans import in_words
from erp.core.work_queues import WorkQueue, measure
from erp.core.work_queues import registered as queues

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

PARTS: dict[Part, StrOrPromise] = {
    Part.PARTS: _("What Mamori stands on"),
    Part.JOBS: _("Background work"),
    Part.SITES: _("EC sites"),
    Part.SAFETY: _("Safety: promises, backups, due dates"),
}
# Told by a sign and by a word as well as by a colour.
MARKS: dict[State, tuple[str, StrOrPromise]] = {
    State.OK: ("✓", _("Good")),
    State.ATTENTION: ("▲", _("Attention")),
    State.TROUBLE: ("✕", _("Trouble")),
}


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that a sign says, with the way to its rows."""

    state: State
    subject: str
    text: str
    url: str = ""

    @property
    def mark(self) -> str:
        return MARKS[self.state][0]


@dataclass(frozen=True, slots=True)
class Row:
    """A sign, or a queue of work."""

    title: str
    state: State
    told: Sequence[Told]
    meaning: str
    remedy: str
    url: str

    @property
    def mark(self) -> str:
        return MARKS[self.state][0]

    @property
    def state_name(self) -> StrOrPromise:
        return MARKS[self.state][1]

    @property
    def is_good(self) -> bool:
        return self.state is State.OK


@dataclass(frozen=True, slots=True)
class Table:
    title: StrOrPromise
    rows: Sequence[Row]


def context(request: HttpRequest) -> dict[str, Any]:
    at = timezone.now()
    lines = health.read_all(at=at)
    tables = [
        Table(title, [_row(line, request) for line in lines if line.sign.part is part])
        for part, title in PARTS.items()
    ]  # fmt: skip
    states = [row.state for table in tables for row in table.rows]
    overall = worst(states)
    return {
        "at": timezone.localtime(at),
        "tables": tables,
        "waiting": [_waiting(queue, request, at) for queue in queues()],
        "overall": overall,
        "overall_mark": MARKS[overall],
        "counts": [(*MARKS[state], state, states.count(state)) for state in reversed(State)],
    }


def _row(line: Line, request: HttpRequest) -> Row:
    sign = line.sign
    url = reverse(sign.url_name) if sign.url_name and may_open(sign.url_name, request) else ""
    told = [
        Told(reading.state, reading.subject, reading.found, f"{url}?{reading.query}" if url and reading.query else "")
        for reading in line.readings
    ]
    return Row(str(sign.title), line.state, told, str(sign.meaning), str(sign.remedy), url)


def _waiting(queue: WorkQueue, request: HttpRequest, at: dt.datetime) -> Row:
    """Late is what waits too long, or beyond its deadline."""
    waiting = measure(queue)
    states, told = [State.OK], [Told(State.OK, gettext("rows"), waiting.text)]
    if waiting.oldest is not None:
        seconds = _ago(waiting.oldest, at)
        states.append(judge("work_waits_s", seconds))
        told.append(Told(states[-1], gettext("oldest"), in_words(seconds)))
    if waiting.due is not None and _ago(waiting.due, at) > 0:
        states.append(State.ATTENTION)
        told.append(Told(State.ATTENTION, gettext("overdue for"), in_words(_ago(waiting.due, at))))
    return Row(
        title=str(queue.title),
        state=worst(states),
        told=told,
        meaning=gettext("Rows that wait for somebody, and for how long the oldest has."),
        remedy=gettext("Have the oldest looked at by whoever works on this list."),
        url=f"{reverse(queue.url_name)}?{queue.asks}" if may_open(queue.url_name, request) else "",
    )


def _ago(moment: dt.datetime | dt.date, at: dt.datetime) -> float:
    if isinstance(moment, dt.datetime):
        return (at - moment).total_seconds()
    return (business_date(at) - moment).days * health.DAY_S
