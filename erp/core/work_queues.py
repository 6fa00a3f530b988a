"""Counts of waiting work (確認待ち, 引当待ち, …). Apps register theirs; screens above and below read them here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django_stubs_ext import StrOrPromise


# Beyond this nobody reads the number, and a queue of a bad day must not be counted to its end at each look.
CAP = 1_000


def capped(rows: QuerySet[Any]) -> int:
    """How many rows there are, at most one more than the cap."""
    return rows.order_by()[: CAP + 1].count()


@dataclass(frozen=True, slots=True)
class WorkQueue:
    """``count`` answers how many wait, exact up to the cap; ``url_name`` and ``query`` open the filtered list."""

    code: str
    title: StrOrPromise
    count: Callable[[], int]
    url_name: str
    query: str = ""


_queues: dict[str, WorkQueue] = {}


def register(queue: WorkQueue) -> None:
    _queues[queue.code] = queue


def registered() -> list[WorkQueue]:
    return list(_queues.values())
