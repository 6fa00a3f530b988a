"""What runs by the clock, as data. A job names a function of a domain service or command; nothing is decided here.

To add one, add a line to ``JOBS``. Its function takes the time by keyword, ``at``, and is safe to run twice: beat may
send a wake-up late, early or more than once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from celery import shared_task
from celery.schedules import crontab
from django.utils import timezone
from django.utils.module_loading import import_string


@dataclass(frozen=True)
class Job:
    """``when`` is an interval or a crontab in company time; ``service`` the dotted path of what is called."""

    name: str
    when: timedelta | crontab
    service: str


JOBS = (
    Job("clear-sessions", crontab(hour="3", minute="10"), "erp.jobs.clear_sessions"),
    Job("keep-feed-partitions", crontab(hour="3", minute="20"), "erp.core.changes.keep_partitions"),
    Job("verify", crontab(hour="3", minute="30"), "erp.core.verify.run_nightly"),
)


@shared_task(name="erp.jobs.run_job", acks_late=True, ignore_result=True)
def run_job(*, name: str, **_: object) -> None:
    """Run one job of ``JOBS``. Unknown names are skipped, so that an old worker survives a deploy."""
    for job in JOBS:
        if job.name == name:
            service: Callable[..., Any] = import_string(job.service)
            service(at=timezone.now())


def beat_schedule() -> dict[str, dict[str, Any]]:
    """``JOBS`` in Celery's words. A wake-up nobody took before the next one is due is worthless and expires."""
    return {job.name: {"task": run_job.name, "schedule": job.when, "kwargs": {"name": job.name}} for job in JOBS}


def clear_sessions(*, at: datetime) -> None:
    """Delete expired log-in sessions; Django asks the clock itself."""
    from django.core.management import call_command

    call_command("clearsessions")
