"""Each backup and each drill leaves a row that says how it ended, also when it failed; one that was killed still says that it runs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from django.db import ProgrammingError

from erp.backup.archive import Manifest
from erp.core import backup_runs
from erp.core.actors import Actor
from erp.core.models import BackupRun

Clock = Callable[[], dt.datetime]


@dataclass(slots=True)
class Outcome:
    """Filled while the run goes on. ``run_id`` is None in a database that is older than the table of runs."""

    run_id: int | None
    rows: int = 0
    file_bytes: int = 0
    faults: list[str] = field(default_factory=list)
    detail: str = ""


@contextmanager
def noted(kind: BackupRun.Kind, path: Path, *, clock: Clock, by: Actor) -> Iterator[Outcome]:
    outcome = Outcome(_begin(kind, path, clock, by))
    try:
        yield outcome
    except BaseException as fault:
        if outcome.run_id is not None:
            backup_runs.break_off(run_id=outcome.run_id, error=f"{type(fault).__name__}: {fault}", at=clock(), by=by)
        raise
    if outcome.run_id is not None:
        backup_runs.finish(
            run_id=outcome.run_id, at=clock(), by=by, rows=outcome.rows, file_bytes=outcome.file_bytes,
            faults=outcome.faults, detail=outcome.detail,
        )  # fmt: skip


def _begin(kind: BackupRun.Kind, path: Path, clock: Clock, by: Actor) -> int | None:
    """A backup before an update meets the tables of the version before; it must not fail for that."""
    try:
        return backup_runs.begin(kind=kind, file=str(path.absolute()), at=clock(), by=by).pk
    except ProgrammingError:
        return None


def resume_after_restore(*, path: Path, manifest: Manifest, began_at: dt.datetime, at: dt.datetime, by: Actor) -> None:
    """In the restored database: the backup itself was still running when it was saved, and this restore is a run as well."""
    size = path.stat().st_size
    if manifest.run_id is not None:
        still_running = BackupRun.objects.filter(pk=manifest.run_id, state=BackupRun.State.RUNNING)
        for run in still_running:
            backup_runs.finish(run_id=run.pk, at=manifest.ended_at, by=by, rows=manifest.row_count, file_bytes=size)
    run_id = backup_runs.begin(kind=BackupRun.Kind.RESTORE, file=str(path.absolute()), at=began_at, by=by).pk
    backup_runs.finish(run_id=run_id, at=at, by=by, rows=manifest.row_count, file_bytes=size)
