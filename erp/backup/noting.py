"""Each backup, drill and restore leaves a row that says how it ended, also when it failed. While it runs it holds the lease of that row, so that
whoever looks knows when it was killed.
"""

from __future__ import annotations

import datetime as dt
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from django.db import ProgrammingError, transaction
from psycopg import sql

from erp.backup.archive import Manifest
from erp.backup.programs import Database
from erp.core import backup_runs
from erp.core.actors import Actor
from erp.core.models import BackupRun

Clock = Callable[[], dt.datetime]
Session = psycopg.Connection[Any]


@dataclass(slots=True)
class Outcome:
    """Filled while the run goes on. ``run_id`` is None in a database that is older than the table of runs."""

    run_id: int | None
    by: Actor
    rows: int = 0
    file_bytes: int = 0
    faults: list[str] = field(default_factory=list)
    detail: str = ""

    def leaves(self, place: Path) -> None:
        """What a heir removes if we are killed; named for whoever looks when it was killed as well."""
        if self.run_id is not None:
            backup_runs.leaves(run_id=self.run_id, place=f"{socket.gethostname()}:{place.absolute()}", by=self.by)


@contextmanager
def noted(kind: BackupRun.Kind, path: Path, *, clock: Clock, by: Actor) -> Iterator[Outcome]:
    with _session() as lease:
        outcome = Outcome(begin(lease, kind, path, at=clock(), by=by), by)
        try:
            yield outcome
        except BaseException as fault:
            if outcome.run_id is not None:
                backup_runs.break_off(
                    run_id=outcome.run_id, error=f"{type(fault).__name__}: {fault}", at=clock(), by=by
                )
            raise
        if outcome.run_id is not None:
            backup_runs.finish(
                run_id=outcome.run_id, at=clock(), by=by, rows=outcome.rows, file_bytes=outcome.file_bytes,
                faults=outcome.faults, detail=outcome.detail,
            )  # fmt: skip


@contextmanager
def _session() -> Iterator[Session]:
    with Database.of_django().connect() as session:
        yield session


def begin(lease: Session, kind: BackupRun.Kind, path: Path, *, at: dt.datetime, by: Actor) -> int | None:
    """The row of a run, seen by others once its lease is held. A backup before an update meets the tables of the version before: no row then."""
    try:
        with transaction.atomic():
            run_id = backup_runs.begin(kind=kind, file=str(path.absolute()), at=at, by=by).pk
            hold(lease, run_id)
    except ProgrammingError:
        return None
    return run_id


def hold(lease: Session, run_id: int) -> None:
    """Until that session ends."""
    lease.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [backup_runs.lease_of(run_id)])


# In the restored database, before anybody sees it. One that is older than the table of runs has no rows of them.
_NOTE_RESTORE = """
DO $note$ BEGIN
    IF to_regclass('public.core_backuprun') IS NULL THEN RETURN; END IF;
    UPDATE public.core_backuprun SET state = 'DONE', finished_at = {ended_at}, row_count = {rows}, file_bytes = {size}
    WHERE id = {run_id} AND state = 'RUNNING';
    UPDATE public.core_backuprun SET state = 'BROKEN_OFF', finished_at = {at}, detail = 'killed ' || kind WHERE state = 'RUNNING';
    UPDATE public.core_backuprun SET state = 'DONE', finished_at = {at}, detail = '' WHERE state = 'UNSETTLED';
    INSERT INTO public.core_backuprun (kind, state, file, started_at, file_bytes, row_count, faults, detail, actor)
    VALUES ('RESTORE', 'UNSETTLED', {file}, {began_at}, {size}, {rows}, '[]', {detail}, {actor});
END $note$;
"""


def restore_statement(*, path: Path, manifest: Manifest, began_at: dt.datetime, at: dt.datetime, by: Actor) -> str:
    """What a restore notes in the transaction that restores: the backup itself was still running when it was saved, as others may have been, and
    this restore has brought the rows back and has yet to be settled.
    """
    return (
        sql.SQL(_NOTE_RESTORE)
        .format(
            run_id=sql.Literal(manifest.run_id),
            ended_at=sql.Literal(manifest.ended_at),
            rows=sql.Literal(manifest.row_count),
            size=sql.Literal(path.stat().st_size),
            file=sql.Literal(str(path.absolute())[-backup_runs.LONGEST_NAME :]),
            began_at=sql.Literal(began_at),
            at=sql.Literal(at),
            detail=sql.Literal(backup_runs.UNSETTLED),
            actor=sql.Literal(str(by)),
        )
        .as_string()
    )


def unsettled() -> int | None:
    """The restore that brought these tables and was not settled, or None."""
    try:
        with transaction.atomic():
            found = BackupRun.objects.filter(state=BackupRun.State.UNSETTLED).order_by("-pk")
            return found.values_list("pk", flat=True).first()
    except ProgrammingError:
        return None
