"""Wake-ups: messages to the workers that something may be waiting. They are sent by a thread of their own, never by whoever serves a customer.

Losing one loses nothing: the rows say what is to be done, and beat sweeps them. So a broker that is gone slows nobody down: after a failure
the thread is silent for a while, and what was to be sent meanwhile is dropped.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from kombu.exceptions import OperationalError

from ec_gateway.models import Activity
from ec_gateway.services import leases

QUEUE = "ec_gateway"
PUBLISH_ALL = "ec_gateway.publish_all"
# Work of the house, done by its own workers.
HOUSE_QUEUE = "celery"
WORK_ON_IMPORTS = "erp.jobs.work_on_imports"
TASKS = {
    Activity.PUBLISH: "ec_gateway.publish_site",
    Activity.POLL: "ec_gateway.poll_site",
    Activity.INBOX: "ec_gateway.work_inbox",
    Activity.RECONCILE: "ec_gateway.reconcile_site",
}
SILENCE_S = 5.0
# A wake-up that nobody took for so long was overtaken by the sweep.
EXPIRES_S = 30.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WakeUp:
    task: str
    site_id: int | None = None
    lingers: bool = True
    queue: str = QUEUE


def wake(*, site_id: int, activity: Activity) -> None:
    """Let somebody do ``activity`` of a site soon; a holder of its lease looks again before it ends."""
    leases.count_wake(site_ids=[site_id], activity=activity)
    send(activity=activity, site_id=site_id)


def send(*, activity: Activity, site_id: int, lingers: bool = True) -> None:
    """Only the message. Unless it ``lingers``, whoever comes looks once and ends."""
    _sender.send(WakeUp(TASKS[activity], site_id, lingers))


def wake_publishers() -> None:
    """Something was announced: let the publishers look at the feed. Returns at once."""
    _sender.send(WakeUp(PUBLISH_ALL))


def wake_importers() -> None:
    """An import of masters waits for a worker. Returns at once."""
    _sender.send(WakeUp(WORK_ON_IMPORTS, queue=HOUSE_QUEUE))


def _to_broker(wake_up: WakeUp) -> None:
    from erp.celery import app

    kwargs = {} if wake_up.site_id is None else {"site_id": wake_up.site_id, "lingers": wake_up.lingers}
    app.send_task(wake_up.task, kwargs=kwargs, queue=wake_up.queue, expires=EXPIRES_S, ignore_result=True, retry=False)


class Sender:
    """Hands wake-ups to a thread that sends them. The same one twice, not yet sent, is sent once."""

    def __init__(self, send: Callable[[WakeUp], None], *, silence_s: float = SILENCE_S) -> None:
        self._send = send
        self._silence_s = silence_s
        self._start_anew()
        # A forked process has the parent's queue but not its thread.
        os.register_at_fork(after_in_child=self._start_anew)

    def _start_anew(self) -> None:
        self._waiting: dict[WakeUp, None] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def send(self, wake_up: WakeUp) -> None:
        with self._changed:
            self._waiting[wake_up] = None
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="wake-ups", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _run(self) -> None:
        silence, is_told = threading.Event(), False
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._waiting))
                wake_ups, self._waiting = list(self._waiting), {}
            try:
                for wake_up in wake_ups:
                    self._send(wake_up)
                is_told = False
            except (OperationalError, OSError) as error:
                # A command without servers around it works for minutes; once is enough until somebody listens again.
                if not is_told:
                    log.warning("wake_up_not_sent", error=str(error))
                is_told = True
                silence.wait(self._silence_s)
                with self._changed:
                    self._waiting.clear()


_sender = Sender(_to_broker)
