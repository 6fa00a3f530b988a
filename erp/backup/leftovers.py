"""What killed backups, drills and restores leave: rows that say they run, copies and half files. Cleared up by whoever looks next.

A heir clears files and folders at once (``erp.runtime.heir``); this is for what it could not reach: the rows, copies on the live server, and
everything after a power cut. The job looks every few minutes, and so do the next run and the next start of the workers.
"""

from __future__ import annotations

import datetime as dt
import socket
from pathlib import Path

from django.db import ProgrammingError, connection, transaction

from erp.backup import archive, copies
from erp.backup.programs import Database
from erp.core import backup_runs
from erp.core.actors import Actor
from erp.core.models import BackupRun
from erp.runtime import scratch


def clear_up(*, at: dt.datetime, by: Actor) -> str:
    """A job: judge the runs whose process is gone, and remove what lies about on this machine and on the server. Says how many of each."""
    try:
        with transaction.atomic():
            killed = backup_runs.judge_killed(at=at, by=by)
            unclear = list(BackupRun.objects.filter(state=BackupRun.State.BROKEN_OFF, leaves__startswith=_here("")))
    except ProgrammingError:
        # Before an update the table of runs is that of the version before, or not there.
        killed, unclear = [], []
    left = sum(_clear(Path(run.leaves.removeprefix(_here("")))) for run in unclear)
    if unclear:
        backup_runs.cleared(run_ids=[run.pk for run in unclear], by=by)
    left += scratch.clear_what_others_left() + _copies_on_server()
    return f"{len(killed)} broken off, {left} cleared" if killed or left else ""


def _here(place: str) -> str:
    return f"{socket.gethostname()}:{place}"


def _clear(place: Path) -> int:
    """The folder of a drill, or halves in the folder of a backup. It may be gone: its heir has been there."""
    return int(scratch.clear(place)) + archive.clear_what_others_left(place)


def _copies_on_server() -> int:
    with connection.cursor() as cursor:
        cursor.execute(copies.LEFT, [copies.PREFIX])
        if not cursor.fetchall():
            return 0
    with Database.of_django().connect() as session:
        return copies.clear_what_others_left(session)
