"""Periodic jobs run once per slot, however many beats and workers there are: a slot is a unique row."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from django.conf import settings
from django.db import connection

from erp.core.actors import Actor
from erp.core.clock import TOKYO
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


@dataclass(frozen=True, slots=True)
class Expected:
    """A job as it should run: ``daily_at`` in company time for those of once a day, else every so often. ``queue`` names its worker."""

    job: str
    every: timedelta
    daily_at: tuple[int, int] | None
    queue: str

    def late_s(self, finished_at: datetime | None, at: datetime, *, known_since: datetime | None = None) -> float:
        """For how long a run has been due that did not finish; 0 for a job that is on time.

        One that never ran was due after ``known_since``, the first that is known of any job; without that it is late by its interval.
        """
        since = finished_at or known_since
        return self.every.total_seconds() if since is None else max((at - self._due_after(since)).total_seconds(), 0.0)

    def _due_after(self, finished_at: datetime) -> datetime:
        if self.daily_at is None:
            return finished_at + self.every
        local = finished_at.astimezone(TOKYO)
        today = datetime.combine(local.date(), time(*self.daily_at), TOKYO)
        return today if today > local else today + timedelta(days=1)


@dataclass(frozen=True, slots=True)
class LastRun:
    """``finished_at`` is of the last run that came to its end; ``error`` of the last one, if it broke off; ``late_s`` as of the asking."""

    job: Expected
    finished_at: datetime | None
    error: str
    late_s: float


_expected: dict[str, Expected] = {}


def expect(*jobs: Expected) -> None:
    """Say what should run. The list of jobs belongs to the composition of the project; who looks after them asks here."""
    for job in jobs:
        _expected[job.job] = job


def expected() -> dict[str, Expected]:
    return dict(_expected)


# Two steps backwards through the key (job, slot) per job, however many runs are kept.
_LAST = """
SELECT wanted.job,
       (SELECT run.finished_at FROM core_jobrun run WHERE run.job = wanted.job AND run.finished_at IS NOT NULL ORDER BY run.slot DESC LIMIT 1),
       coalesce((SELECT run.error FROM core_jobrun run WHERE run.job = wanted.job ORDER BY run.slot DESC LIMIT 1), ''),
       (SELECT run.started_at FROM core_jobrun run ORDER BY run.id LIMIT 1)
FROM unnest(%s::text[]) WITH ORDINALITY AS wanted (job, place) ORDER BY wanted.place
"""


def last_runs(*, at: datetime) -> list[LastRun]:
    """Of every job that should run. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(_LAST, [list(_expected)])
        return [
            LastRun(_expected[job], finished_at, error, _expected[job].late_s(finished_at, at, known_since=since))
            for job, finished_at, error, since in cursor.fetchall()
        ]
