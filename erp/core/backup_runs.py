"""What became of backups, restores and drills: a row per run, for whoever asks how old the last good one is.

Whoever runs holds a lease of its row: an advisory lock of its own session, which the server drops when that session ends, however it ends.
So a killed run is known as soon as somebody looks, and none is taken for killed because it lasts.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.db.models import BooleanField, QuerySet
from django.db.models.expressions import RawSQL, Value
from django.db.models.functions import Concat
from django.utils.translation import gettext_lazy as _

from erp.core.actors import Actor
from erp.core.models import BackupRun
from erp.core.use_case import use_case

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

Kind, State = BackupRun.Kind, BackupRun.State
LONGEST_NAME = BackupRun._meta.get_field("file").max_length or 0
LONGEST_PLACE = BackupRun._meta.get_field("leaves").max_length or 0

# The key of an advisory lock is kept in two halves.
_IS_HELD = """
EXISTS (SELECT FROM pg_locks held JOIN pg_database here ON here.oid = held.database AND here.datname = current_database()
        WHERE held.locktype = 'advisory' AND held.objsubid = 1 AND held.granted
          AND (held.classid::bigint << 32) | held.objid::bigint = hashtextextended('backup_run:' || core_backuprun.id, 0))
"""


# What rows say of themselves, and what people read.
UNSETTLED = "unsettled"
_TOLD: tuple[tuple[str, StrOrPromise], ...] = (
    (r"(\d+) tables, (\d+) checks, (\d+) s to restore", _("%s tables compared, %s checks, restored in %s s")),
    (r"nothing was changed: (.*)", _("Nothing was changed: %s")),
    (UNSETTLED, _("Everything is back and not verified yet; “manage.py restore --go-on” brings it to its end.")),
    ("killed BACKUP", _("Its process was killed. No file was made, and no half of one stays. Make the backup again.")),
    ("killed DRILL", _("Its process was killed. The copy is removed and nothing here changed. Try the backup again.")),
    ("killed RESTORE", _("Its process was killed. Nothing was changed. Begin the restore again.")),
)


def in_words(detail: str) -> str:
    """What a run says of itself; the text itself where nobody said how it is told."""
    for pattern, text in _TOLD:
        if found := re.fullmatch(pattern, detail, re.DOTALL):
            return str(text) % found.groups()
    return detail


def lease_of(run_id: int) -> str:
    """The name whose hash is the key of the run's lease."""
    return f"backup_run:{run_id}"


@use_case
def begin(*, kind: BackupRun.Kind, file: str, at: dt.datetime, by: Actor) -> BackupRun:
    """Note that a run begins. The caller takes its lease in the same transaction: without one it counts as broken off."""
    return BackupRun.objects.create(kind=kind, file=file[-LONGEST_NAME:], started_at=at, actor=str(by))


@use_case
def leaves(*, run_id: int, place: str, by: Actor) -> None:
    """Note what will lie where if this run is killed, and its heir as well, so that it can be removed."""
    BackupRun.objects.filter(pk=run_id).update(leaves=place[:LONGEST_PLACE])


@use_case
def cleared(*, run_ids: Sequence[int], by: Actor) -> None:
    """Note that nothing of these runs is left."""
    BackupRun.objects.filter(pk__in=run_ids).update(leaves="")


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
        leaves="",
    )


@use_case
def break_off(*, run_id: int, error: str, at: dt.datetime, by: Actor) -> None:
    """Note that a run did not come to its end, and why."""
    running = BackupRun.objects.filter(pk=run_id, state__in=[State.RUNNING, State.BROKEN_OFF])
    running.update(state=State.FAILED, finished_at=at, detail=error[:2000], leaves="")


@use_case
def settle(*, run_id: int, at: dt.datetime, by: Actor) -> None:
    """Note that a restored house was brought to this version and verified."""
    BackupRun.objects.filter(pk=run_id, state=State.UNSETTLED).update(state=State.DONE, finished_at=at, detail="")


@use_case
def judge_killed(*, at: dt.datetime, by: Actor) -> list[BackupRun]:
    """Call broken off what says that it runs and whose lease nobody holds. Gives those runs."""
    killed = list(BackupRun.objects.filter(state=State.RUNNING, pk__in=_without_lease()).order_by("pk"))
    # One that ends well meanwhile has said so before it gives its lease back, and is not running any more.
    running = BackupRun.objects.filter(pk__in=[run.pk for run in killed], state=State.RUNNING)
    running.update(state=State.BROKEN_OFF, finished_at=at, detail=Concat(Value("killed "), "kind"))
    return killed


def is_killed(run: BackupRun) -> bool:
    """Whether a run says that it goes on, running or settling, and its process is gone."""
    return run.state in (State.RUNNING, State.UNSETTLED) and _without_lease().filter(pk=run.pk).exists()


def _without_lease() -> QuerySet[BackupRun, Any]:
    unfinished = BackupRun.objects.filter(state__in=[State.RUNNING, State.UNSETTLED])
    held = RawSQL(_IS_HELD, [], output_field=BooleanField())  # noqa: S611 - nothing from outside
    return unfinished.alias(is_held=held).filter(is_held=False).values("pk")
