"""Queues of waiting work (確認待ち, 引当待ち, …). Apps register theirs; screens above and below read them here.

A queue is the rows of a list that wait for somebody. How many there are, since when the oldest waits and what is due first come from one
statement that looks at the oldest rows only: a queue of a bad day must not be counted to its end at each look.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Count, F, Min

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django_stubs_ext import StrOrPromise

# Beyond this nobody reads the number.
CAP = 999
# What an address says so that a list opens with all of its rows, and not with the default filter of whoever opens it.
ALL_ROWS = "_all"


@dataclass(frozen=True, slots=True)
class WorkQueue:
    """``url_name`` and ``query`` open the list of the same rows; ``worked_by`` is the permission of those whose work it is.

    ``rows`` are those that a user sees; None asks for the whole company. ``since`` says since when a row has been among them, and ``due``
    when it is late: each a field or an expression, a moment or a day. ``order`` is a field that an index has and that brings the oldest
    first. ``parts`` is a field by whose values the queue is told apart, each a list of
    its own under ``<field>__exact``.
    """

    code: str
    title: StrOrPromise
    rows: Callable[[Any], QuerySet[Any]]
    url_name: str
    query: str = ""
    worked_by: str = ""
    since: Any = ""
    due: Any = ""
    order: str = "pk"
    parts: str = ""

    @property
    def asks(self) -> str:
        """What opens the list of just these rows, whatever filter somebody opens it with otherwise."""
        return self.query or f"{ALL_ROWS}=1"


@dataclass(frozen=True, slots=True)
class Waiting:
    """``count`` is exact up to the cap; the rest is said of the rows that were counted."""

    count: int
    oldest: dt.datetime | dt.date | None
    due: dt.datetime | dt.date | None

    @property
    def text(self) -> str:
        return f"{CAP:,}+" if self.count > CAP else f"{self.count:,}"


@dataclass(frozen=True, slots=True)
class Part:
    value: str
    title: str
    count: int


def measure(queue: WorkQueue, viewer: Any = None) -> Waiting:
    """How much waits in a queue for a user, or in the company."""
    oldest_first = _oldest(queue, viewer)
    told: dict[str, Any] = {"count": Count("pk")}
    if queue.since:
        oldest_first = oldest_first.annotate(waits_since=_read(queue.since))
        told["oldest"] = Min("waits_since")
    if queue.due:
        oldest_first = oldest_first.annotate(waits_until=_read(queue.due))
        told["due"] = Min("waits_until")
    found = oldest_first.aggregate(**told)
    return Waiting(found["count"], found.get("oldest"), found.get("due"))


def parts_of(queue: WorkQueue, viewer: Any = None) -> list[Part]:
    """What a queue is made of, the largest part first; none where it has no parts."""
    if not queue.parts:
        return []
    oldest = _oldest(queue, viewer)
    counted = (
        oldest.model._default_manager.filter(pk__in=oldest.values("pk"))
        .values_list(queue.parts)
        .annotate(count=Count("pk"))
    )
    titles = dict(oldest.model._meta.get_field(queue.parts).flatchoices)
    return [
        Part(value, str(titles.get(value, value)), count) for value, count in counted.order_by("-count", queue.parts)
    ]


def _read(value: Any) -> Any:
    return F(value) if isinstance(value, str) else value


def _oldest(queue: WorkQueue, viewer: Any) -> QuerySet[Any]:
    return queue.rows(viewer).order_by(queue.order)[: CAP + 1]


_queues: dict[str, WorkQueue] = {}


def register(*queues: WorkQueue) -> None:
    for queue in queues:
        _queues[queue.code] = queue


def registered() -> list[WorkQueue]:
    return list(_queues.values())


def named(code: str) -> WorkQueue:
    return _queues[code]
