"""The engine of background work. A message only wakes a reader up: PostgreSQL holds what is to be done."""

import multiprocessing
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from celery import Celery
from celery.signals import setup_logging, worker_process_init, worker_ready
from kombu.exceptions import OperationalError

from erp.runtime import leash

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "erp.settings")

app = Celery("mamori")
# Also for threads that did not import this module themselves.
app.set_default()
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@app.on_after_finalize.connect
def schedule_the_jobs(sender: Celery, **_: Any) -> None:
    from erp import jobs

    sender.conf.beat_schedule = jobs.beat_schedule()
    # There are no results; without this, beat would sweep them every night.
    sender.conf.result_expires = None


@setup_logging.connect
def use_our_logging(**_: Any) -> None:
    """Celery would otherwise replace the JSON log of the settings by its own."""
    from logging.config import dictConfig

    from django.conf import settings

    dictConfig(settings.LOGGING)


@worker_process_init.connect
def die_with_the_worker(**_: Any) -> None:
    """A worker killed with -9 must not leave its pool behind."""
    worker = multiprocessing.parent_process()
    leash.die_with_parent(parent_pid=os.getppid() if worker is None else worker.pid or os.getppid())


@worker_ready.connect
def ask_for_what_came_due(sender: Any = None, **_: Any) -> None:
    """A broker that is gone costs a slot's time, no more: beat asks again."""
    from erp import jobs

    with suppress(OperationalError):
        for message in jobs.messages_at_start():
            app.send_task(ignore_result=True, retry=False, **message)


@worker_ready.connect
def tell_the_supervisor(**_: Any) -> None:
    """``make run`` says that it runs only when the worker does."""
    if ready_file := os.environ.get("MAMORI_READY_FILE"):
        Path(ready_file).touch()
