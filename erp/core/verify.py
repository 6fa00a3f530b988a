"""``manage.py verify``: every registered promise is checked in one snapshot of the live database. Looking changes nothing.

The nightly job also files what it finds, one task per document; nothing ever stops the company.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.utils.translation import gettext as _

from erp.core.actors import Actor
from erp.core.checks import Fault, registered
from erp.core.models import StaffTask, VerifyRun
from erp.core.staff_tasks import Finding, open_tasks
from erp.core.use_case import use_case

KIND = "VERIFY_"


@dataclass(frozen=True, slots=True)
class Result:
    """What one check saw: how many rows, and every row that breaks the promise."""

    promise: str
    title: str
    rows: int
    faults: tuple[Fault, ...]
    seconds: float


def verify() -> list[Result]:
    """Run every registered check in one REPEATABLE READ READ ONLY snapshot."""
    with _snapshot():
        return [_run(check.promise, _(str(check.title)), check.count(), check.find()) for check in registered()]


def _run(promise: str, title: str, rows: int, faults: Iterator[Fault]) -> Result:
    begun = time.monotonic()
    found = tuple(faults)
    return Result(promise, title, rows, found, time.monotonic() - begun)


@contextmanager
def _snapshot() -> Iterator[None]:
    if connection.in_atomic_block:
        # The caller's transaction has its view already; a later statement cannot change that.
        yield
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        # Reading takes no transaction id, so however long it lasts, the change feed does not wait.
        cursor.execute("SET LOCAL transaction_timeout = 0")
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        yield


def run_verify_and_file(*, at: datetime, by: Actor) -> VerifyRun:
    """Verify, keep the run, open one task per faulty document, and close the tasks of faults that are gone. The nightly job."""
    begun = time.monotonic()
    results = verify()
    return keep_results(results=results, took=timedelta(seconds=time.monotonic() - begun), at=at, by=by)


@use_case
def keep_results(*, results: list[Result], took: timedelta, at: datetime, by: Actor) -> VerifyRun:
    """Keep what a run found, open one task per faulty document, and close the tasks of faults that are gone."""
    details: dict[tuple[str, str, int], list[str]] = {}
    labels: dict[tuple[str, str, int], str] = {}
    for result in results:
        for fault in result.faults:
            key = (f"{KIND}{fault.promise}", fault.subject_type, fault.subject_id)
            details.setdefault(key, []).append(f"{result.title}: {fault.detail}")
            labels[key] = fault.subject_label
    open_tasks([Finding(*key, labels[key], "\n".join(details[key])) for key in details], at=at, by=by)
    for task in StaffTask.objects.filter(kind__startswith=KIND, closed_at__isnull=True):
        if (task.kind, task.subject_type, task.subject_id) not in details:
            StaffTask.objects.filter(pk=task.pk, closed_at__isnull=True).update(
                closed_at=at, closed_by=str(by), resolution=_("The fault is gone.")
            )
    return VerifyRun.objects.create(
        started_at=at,
        finished_at=at + took,
        rows_checked={f"{result.promise} {result.title}": result.rows for result in results},
        faults=[asdict(fault) for result in results for fault in result.faults],
    )
