"""What became of backups, restores and drills: a row per run, for whoever asks how old the last good one is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from erp.core.actors import Actor
from erp.core.models import BackupRun
from erp.core.use_case import use_case

Kind, State = BackupRun.Kind, BackupRun.State
LONGEST_NAME = BackupRun._meta.get_field("file").max_length or 0


@use_case
def begin(*, kind: BackupRun.Kind, file: str, at: dt.datetime, by: Actor) -> BackupRun:
    """Note that a run began; one that never says how it ended was killed."""
    return BackupRun.objects.create(kind=kind, file=file[-LONGEST_NAME:], started_at=at, actor=str(by))


@use_case
def finish(
    *, run_id: int, at: dt.datetime, by: Actor, rows: int, file_bytes: int, faults: Sequence[str] = (), detail: str = ""
) -> None:
    """Note that a run came to its end. ``faults`` is what it found wrong: with any, it counts as failed."""
    BackupRun.objects.filter(pk=run_id).update(
        state=State.FAILED if faults else State.DONE,
        finished_at=at,
        row_count=rows,
        file_bytes=file_bytes,
        faults=list(faults),
        detail=detail,
    )


@use_case
def break_off(*, run_id: int, error: str, at: dt.datetime, by: Actor) -> None:
    """Note that a run did not come to its end, and why."""
    running = BackupRun.objects.filter(pk=run_id, state=State.RUNNING)
    running.update(state=State.FAILED, finished_at=at, detail=error[:2000])
