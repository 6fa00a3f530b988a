"""Races on real PostgreSQL: callers in threads, each on a connection of its own, held at the lock until all of them wait for it.

Nothing sleeps. The test's own connection takes the lock first, the callers run into it, and only when the server says that each of them waits
(or has finished, because it never asked) the lock is let go. Use with ``@pytest.mark.django_db(transaction=True)``.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet

from erp.core import locks

GIVE_UP_AFTER_S = 20.0


class _Caller(threading.Thread):
    def __init__(self, call: Callable[[], Any], start: threading.Event) -> None:
        super().__init__(daemon=True)
        self._call, self._start = call, start
        self.pid: queue.Queue[int] = queue.Queue()
        self.outcome: Any = None

    def run(self) -> None:
        try:
            connection.ensure_connection()
            self.pid.put(connection.connection.info.backend_pid)
            self._start.wait(GIVE_UP_AFTER_S)
            self.outcome = self._call()
        except Exception as refusal:
            self.outcome = refusal
        finally:
            connection.close()


def race(
    *calls: Callable[[], Any],
    hold: QuerySet[Any] | None = None,
    names: Iterable[str] = (),
    table: str = "",
    mode: str = "EXCLUSIVE",
    undone: Callable[[], Any] | None = None,
    meanwhile: Callable[[], Any] | None = None,
) -> list[Any]:
    """Run ``calls`` at the same time and return what each returned or raised, in their order.

    They are held at the rows of ``hold``, at the locks called ``names`` (see ``erp.core.locks``), at the whole ``table`` (in this ``mode``), or by
    what ``undone`` writes (rows that they want to insert too) and takes back, until every one waits; without any of these they merely start
    together. What ``meanwhile`` writes while they wait is committed before they go on.
    """
    start = threading.Event()
    callers = [_Caller(call, start) for call in calls]
    with transaction.atomic():
        if hold is not None:
            # In primary-key order, as the house does, and with the lock that the house takes.
            list(hold.order_by("pk").select_for_update(of=("self",), no_key=True))
        locks.hold_all(names)
        if table:
            with connection.cursor() as cursor:
                cursor.execute(f'LOCK TABLE "{table}" IN {mode} MODE')
        if undone is not None:
            undone()
        for caller in callers:
            caller.start()
        pids = [caller.pid.get(timeout=GIVE_UP_AFTER_S) for caller in callers]
        start.set()
        if hold is not None or names or table or undone is not None:
            _wait_until_all_wait(callers, pids)
        if meanwhile is not None:
            meanwhile()
        if undone is not None:
            transaction.set_rollback(True)
    for caller in callers:
        caller.join(GIVE_UP_AFTER_S)
        assert not caller.is_alive(), "a caller still waits although the lock is free: a deadlock that nobody ended?"
    return [caller.outcome for caller in callers]


def once_another_waits(call: Callable[[], Any]) -> Callable[[], Any]:
    """``call``, as soon as another caller stands at a lock."""

    def run() -> Any:
        deadline = time.monotonic() + GIVE_UP_AFTER_S
        with connection.cursor() as cursor:
            waiting = 0
            while not waiting:
                assert time.monotonic() < deadline, "nobody waits"
                cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
                waiting = cursor.fetchone()[0]
        return call()

    return run


def _wait_until_all_wait(callers: list[_Caller], pids: list[int]) -> None:
    deadline = time.monotonic() + GIVE_UP_AFTER_S
    while True:
        # pg_locks is read afresh each time, unlike pg_stat_activity, which a transaction sees as it was at first sight.
        with connection.cursor() as cursor:
            cursor.execute("SELECT DISTINCT pid FROM pg_locks WHERE NOT granted AND pid = ANY(%s)", [pids])
            waiting = {row[0] for row in cursor.fetchall()}
        if all(pid in waiting or not caller.is_alive() for caller, pid in zip(callers, pids, strict=True)):
            return
        assert time.monotonic() < deadline, "some caller neither waits for the lock nor comes to an end"
