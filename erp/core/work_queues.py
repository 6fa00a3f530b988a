"""Counts of waiting work (確認待ち, 引当待ち, …). Apps register theirs; screens above and below read them here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


@dataclass(frozen=True, slots=True)
class WorkQueue:
    """``count`` answers how many wait; ``url_name`` and ``query`` open the filtered list."""

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
