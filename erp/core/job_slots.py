"""Periodic jobs run once per slot, however many beats and workers there are: a slot is a unique row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import connection

from erp.core.actors import Actor
from erp.core.models import JobRun

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_CLAIM = """
INSERT INTO core_jobrun (job, slot, started_at, detail) VALUES (%s, %s, %s, '')
ON CONFLICT (job, slot) DO UPDATE SET started_at = EXCLUDED.started_at, error = ''
WHERE core_jobrun.finished_at IS NULL AND core_jobrun.started_at < %s
RETURNING id
"""


def slot_of(at: datetime, *, every: timedelta) -> datetime:
    """The beginning of the interval that ``at`` falls into, the same on every machine."""
    return at - (at - EPOCH) % every


def claim(job: str, slot: datetime, at: datetime, *, stale_after: timedelta = timedelta(hours=6)) -> bool:
    """Take a slot of a job; False when somebody has it. One that began ``stale_after`` ago and never finished may be taken again."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [job, slot, at, at - stale_after])
        return cursor.fetchone() is not None


def finish(job: str, slot: datetime, at: datetime, *, detail: str = "") -> None:
    """Note that the run of a slot ended, and what it did."""
    JobRun.objects.filter(job=job, slot=slot).update(finished_at=at, detail=detail)


def fail(job: str, slot: datetime, *, error: str) -> None:
    """Note why the run of a slot broke off. It stays unfinished, so that it is taken again when it is stale."""
    JobRun.objects.filter(job=job, slot=slot, finished_at__isnull=True).update(error=error)


_PRUNE = """
DELETE FROM core_jobrun run WHERE slot < %s AND EXISTS (SELECT FROM core_jobrun later WHERE later.job = run.job AND later.slot > run.slot)
"""


def prune(*, at: datetime, by: Actor) -> int:
    """A job: forget runs older than ``JOB_RUNS_KEPT_DAYS``; gives their number. The last run of each job stays, however old."""
    if not settings.JOB_RUNS_KEPT_DAYS:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_PRUNE, [at - timedelta(days=settings.JOB_RUNS_KEPT_DAYS)])
        return int(cursor.rowcount)
