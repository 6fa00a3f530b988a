"""The worker's side: checking, executing and undoing runs, chunk by chunk. Each chunk is one short transaction that also says how far it came.

A worker claims a run for half a minute and renews the claim with each chunk; one that is killed leaves a claim that runs out, and whoever
comes next goes on behind the last chunk. A row is marked in the transaction that wrote it, so that nothing is written twice.

Takes the house's first level of locks (document, by name: the kind of master), then rows of masters by primary key.
"""

from __future__ import annotations

import datetime as dt
import json
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

import structlog
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import Error, connection, transaction
from django.db.models import Count, F, Q
from django.utils import translation
from django.utils.translation import gettext
from psycopg import Error as DriverError

from erp.core import guards, locks, rows
from erp.core.actors import Actor
from erp.core.errors import DomainError
from erp.core.retries import is_passing, retried
from erp.core.use_case import use_case
from erp.imports import files
from erp.imports.masters import Master, Written, named, named_by_value
from erp.imports.models import ImportRow, ImportRun
from erp.imports.planning import CHANGED, NEW, REFUSED, UNCHANGED, Frame, Planned, label_of, plan

State = ImportRun.State
STAGES = (State.CHECKING, State.APPLYING, State.UNDOING)
CLAIM = dt.timedelta(seconds=30)
# A chunk begins small and grows or shrinks towards this many seconds; the change feed waits for the longest transaction.
CHUNK_S, FIRST_CHUNK, LARGEST_CHUNK = 1.0, 100, 500
Clock = Callable[[], dt.datetime]

log = structlog.get_logger(__name__)


class ClaimLost(Exception):
    """Somebody else has the run, or stopped it. What was not committed is not there."""


@dataclass(slots=True)
class Pace:
    """How many rows the next chunk takes, from how long the last one took."""

    size: int = FIRST_CHUNK

    def took(self, seconds: float) -> None:
        wanted = self.size * CHUNK_S / max(seconds, 0.001)
        self.size = int(max(1, min(LARGEST_CHUNK, wanted, self.size * 2)))


class _Job(NamedTuple):
    run: ImportRun
    master: Master
    holder: str
    clock: Clock
    by: Actor


def work_off(*, clock: Clock, most: int = 100) -> int:
    """Work on every run that waits for it, the oldest first; returns on how many. Safe to call from any number of workers at once."""
    done = 0
    while done < most and (run := claim(at=clock(), holder=uuid.uuid4().hex)) is not None:
        done += 1
        _work_on(run, clock)
    return done


_CLAIM = """
UPDATE imports_importrun SET holder = %s, claimed_until = %s WHERE id = (
    SELECT id FROM imports_importrun WHERE state IN ('CHECKING', 'APPLYING', 'UNDOING') AND (claimed_until IS NULL OR claimed_until <= %s)
    ORDER BY id FOR NO KEY UPDATE SKIP LOCKED LIMIT 1
) RETURNING id
"""


def claim(*, at: dt.datetime, holder: str) -> ImportRun | None:
    """The oldest run that waits for a worker, or whose worker is gone."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [holder, at + CLAIM, at])
        found = cursor.fetchone()
    return ImportRun.objects.select_related("user").defer("content").get(pk=found[0]) if found else None


def actor_of(run: ImportRun, name: str) -> Actor:
    """Masters are changed by whoever started the stage, through a file."""
    return Actor.staff(name.removeprefix("staff:"), f"import {run.pk} {run.file_name}"[:200])


def _work_on(run: ImportRun, clock: Clock) -> None:
    stages = {State.CHECKING: _check, State.APPLYING: _apply, State.UNDOING: _undo}
    stage, master = State(run.state), named(run.kind)
    by = actor_of(run, run.undone_by if stage == State.UNDOING else run.actor)
    try:
        if master is None:
            raise DomainError(gettext("This kind of master is not known any more."))
        with translation.override(settings.LANGUAGE_CODE):
            stages[stage](_Job(run, master, run.holder, clock, by))
    except ClaimLost:
        log.info("import_claim_lost", run=run.pk)
    except DomainError as refusal:
        _break_off(run, stage, str(refusal))
    except Exception as fault:
        if isinstance(fault, Error | DriverError) and is_passing(fault):
            # The database is away: the claim runs out, and the run goes on when it is back.
            raise
        log.exception("import_broken_off", run=run.pk)
        _break_off(run, stage, f"{type(fault).__name__}: {fault}"[:2000])


def _break_off(run: ImportRun, stage: str, why: str) -> None:
    ImportRun.objects.filter(pk=run.pk, holder=run.holder).update(
        state=State.FAILED, broken_off_in=stage, error=why, holder="", claimed_until=None
    )


def _hold(job: _Job, **progress: Any) -> None:
    """Renew the claim and write how far it is, as part of a chunk. Raises ClaimLost when the run was stopped or went to somebody else."""
    mine = ImportRun.objects.filter(pk=job.run.pk, holder=job.holder, state=job.run.state)
    if not mine.update(claimed_until=job.clock() + CLAIM, **progress):
        raise ClaimLost


def _finish(job: _Job, state: str, **told: Any) -> None:
    mine = ImportRun.objects.filter(pk=job.run.pk, holder=job.holder, state=job.run.state)
    if not mine.update(state=state, holder="", claimed_until=None, broken_off_in="", error="", **told):
        raise ClaimLost


def _frame(job: _Job) -> Frame:
    user = get_user_model().objects.get(pk=job.run.user_id)
    return Frame(job.master, job.run.mapping, job.run.blanks == ImportRun.Blanks.CLEAR, user, job.run.encoding)


# --- Check ------------------------------------------------------------------------------------------------------------


def _check(job: _Job) -> None:
    """Find out what every row would do. Begun anew each time: nothing but its own rows is written."""
    run = job.run
    while _forget(job):
        pass
    sheet = files.read(bytes(ImportRun.objects.values_list("content", flat=True).get(pk=run.pk)))
    _hold(job, row_count=len(sheet.lines), todo_count=len(sheet.lines), done_count=0)
    frame, pace, place = _frame(job), Pace(), 0
    while place < len(sheet.lines):
        chunk, began = sheet.lines[place : place + pace.size], time.monotonic()
        with transaction.atomic():
            _hold(job, done_count=place + len(chunk))
            planned = plan(frame, [(line.number, line.cells) for line in chunk])
            _keep(run, frame, chunk, planned)
        pace.took(time.monotonic() - began)
        place += len(chunk)
    counts = dict(run.rows.values_list("outcome").annotate(count=Count("pk")))
    _finish(
        job,
        State.CHECKED,
        checked_at=job.clock(),
        new_count=counts.get(NEW, 0),
        changed_count=counts.get(CHANGED, 0),
        unchanged_count=counts.get(UNCHANGED, 0),
        refused_count=counts.get(REFUSED, 0),
        done_count=0,
        todo_count=0,
    )


@transaction.atomic
def _forget(job: _Job) -> int:
    _hold(job)
    some = job.run.rows.order_by("pk").values("pk")[:5_000]
    return ImportRow.objects.filter(pk__in=some).delete()[0]


def _keep(run: ImportRun, frame: Frame, chunk: Sequence[files.Line], planned: Sequence[Planned]) -> None:
    kept = []
    for line, row in zip(chunk, planned, strict=True):
        for why in line.faults:
            row.refuse("", why)
        pk = row.instance.pk if row.instance is not None and not row.is_new else None
        kept.append(
            (
                run.pk, row.number, label_of(frame, line.cells), row.outcome, _json(line.cells), _json(row.changes),
                _json([list(problem) for problem in row.problems]), pk, False, "", "",
            )
        )  # fmt: skip
    columns = [
        "run_id", "number", "label", "outcome", "cells", "changes", "problems", "target_id", "is_applied", "undo", "undo_detail",
    ]  # fmt: skip
    rows.insert(ImportRow, columns, kept)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


# --- Execute ----------------------------------------------------------------------------------------------------------


def _apply(job: _Job) -> None:
    """Write what the check found, in the order of the file, behind the last row that is written."""
    waiting = job.run.rows.filter(outcome__in=[NEW, CHANGED], is_applied=False).order_by("number")
    pace = Pace()
    while ids := list(waiting.values_list("pk", flat=True)[: pace.size]):
        began = time.monotonic()
        _divided(job, ids, _apply_chunk, _refuse_late)
        pace.took(time.monotonic() - began)
    written = job.run.rows.filter(is_applied=True).count()
    counts = dict(job.run.rows.values_list("outcome").annotate(count=Count("pk")))
    _finish(
        job,
        State.APPLIED,
        finished_at=job.clock(),
        applied_count=written,
        unchanged_count=counts.get(UNCHANGED, 0),
        refused_count=counts.get(REFUSED, 0),
        new_count=counts.get(NEW, 0),
        changed_count=counts.get(CHANGED, 0),
    )


def _divided(job: _Job, ids: Sequence[int], chunk: Callable[..., None], set_aside: Callable[..., None]) -> None:
    """What PostgreSQL refuses, because somebody wrote the same meanwhile, is found by halving and set aside; the other rows are written."""
    try:
        retried(chunk, job=job, ids=ids, at=job.clock(), by=job.by)
    except (Error, DriverError) as fault:
        refusal = guards.refusal_behind(fault)
        if refusal is None:
            raise
        if len(ids) == 1:
            set_aside(job, ids[0], guards.told(refusal))
            return
        half = len(ids) // 2
        _divided(job, ids[:half], chunk, set_aside)
        _divided(job, ids[half:], chunk, set_aside)


@transaction.atomic
def _refuse_late(job: _Job, row_id: int, why: str) -> None:
    _hold(job, done_count=F("done_count") + 1)
    ImportRow.objects.filter(pk=row_id).update(outcome=REFUSED, problems=[["", why]])


@transaction.atomic
def _leave_alone(job: _Job, row_id: int, why: str) -> None:
    _hold(job, done_count=F("done_count") + 1)
    ImportRow.objects.filter(pk=row_id).update(undo=ImportRow.Undo.KEPT, undo_detail=why)


@use_case
def _apply_chunk(*, job: _Job, ids: Sequence[int], at: dt.datetime, by: Actor) -> None:
    """One chunk: lock, look again, write what is still as it was shown, announce, and mark the rows."""
    _hold(job, done_count=F("done_count") + len(ids))
    locks.hold(f"import:{job.master.code}")
    found = {row.pk: row for row in ImportRow.objects.filter(pk__in=ids)}
    stored = [found[pk] for pk in ids]
    frame = _frame(job)
    if not job.master.may_import(frame.user) or not frame.user.is_active:
        raise DomainError(gettext("Whoever started this import may not write this master any more."))
    planned = plan(frame, [(row.number, row.cells) for row in stored], lock=True)
    todo = []
    for row, now in zip(stored, planned, strict=True):
        if _settle(frame, row, now):
            todo.append((row, now))
    _write(job, todo, at=at, by=by)
    refused = [row for row in stored if row.outcome in (REFUSED, UNCHANGED)]
    ImportRow.objects.bulk_update(refused, ["outcome", "problems"])


def _settle(frame: Frame, row: ImportRow, now: Planned) -> bool:
    """Whether the row may still be written as it was shown. If not, it becomes what it is now."""
    if now.problems:
        row.outcome, row.problems = REFUSED, [list(problem) for problem in now.problems]
        return False
    if now.outcome == row.outcome and now.changes == row.changes:
        return True
    if now.outcome == UNCHANGED:
        row.outcome = UNCHANGED
        return False
    row.outcome = REFUSED
    if now.outcome != row.outcome and not now.is_new and now.instance is not None and row.target_id is None:
        row.problems = [["", gettext("Somebody made this row after the check. Check the file again.")]]
    elif now.is_new:
        row.problems = [["", gettext("The row was removed after the check. Check the file again.")]]
    else:
        row.problems = [
            [
                frame.master.title_of(name),
                gettext("Changed by somebody after the check: now %(now)s, then %(then)s. Check the file again.")
                % {"now": (now.changes.get(name) or ["?"])[0], "then": (row.changes.get(name) or ["?"])[0]},
            ]
            for name in sorted({*now.changes, *row.changes})
            if now.changes.get(name) != row.changes.get(name)
        ]
    return False


def _write(job: _Job, todo: Sequence[tuple[ImportRow, Planned]], *, at: dt.datetime, by: Actor) -> None:
    if not todo:
        return
    model, fields = job.master.model, job.master.model._meta.concrete_fields
    fresh = [(row, now) for row, now in todo if now.is_new]
    known = [(row, now) for row, now in todo if not now.is_new]
    _photograph("before", {row.pk: row.target_id for row, _now in known}, job.master)
    ids = rows.allocate_ids({model: len(fresh)}).get(model, iter(()))
    for (row, now), pk in zip(fresh, ids, strict=True):
        assert now.instance is not None
        now.instance.pk = row.target_id = pk
    rows.insert(model, [str(each.column) for each in fields], [_values(now, fields) for _row, now in fresh])
    written = [job.master.field(name) for name in job.run.mapping if name]
    columns = [each for each in fields if each.primary_key] + written
    rows.update(model, "id", [str(each.column) for each in written], [_values(now, columns) for _row, now in known])
    rows.update(ImportRow, "id", ["target_id"], [(row.pk, row.target_id) for row, _now in fresh])
    _announce(job, [row.pk for row, _now in todo], {row.pk: row.target_id for row, _now in todo}, at=at, by=by)


def _values(now: Planned, fields: Sequence[Any]) -> tuple[Any, ...]:
    values = (each.get_prep_value(getattr(now.instance, each.attname)) for each in fields)
    return tuple(value.value if isinstance(value, Enum) else value for value in values)


def _photograph(side: str, targets: dict[int, Any], master: Master) -> None:
    """Keep the whole rows of the master beside the rows of the file, as PostgreSQL writes them."""
    if not targets:
        return
    statement = (
        f'UPDATE imports_importrow r SET {side} = to_jsonb(t) FROM "{master.model._meta.db_table}" t'  # noqa: S608
        " WHERE r.id = ANY(%s) AND t.id = r.target_id"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [list(targets)])


_MARK = "UPDATE imports_importrow SET is_applied = true WHERE id = ANY(%s)"


def _announce(job: _Job, ids: list[int], targets: dict[int, Any], *, at: dt.datetime, by: Actor) -> None:
    _photograph("after", targets, job.master)
    with connection.cursor() as cursor:
        cursor.execute(_MARK, [ids])
    if job.master.announce is not None:
        sides = ImportRow.objects.filter(pk__in=ids).order_by("number").values_list("target_id", "before", "after")
        job.master.announce([Written(pk or 0, before, after) for pk, before, after in sides], at, by)


# --- Undo -------------------------------------------------------------------------------------------------------------


def _undo(job: _Job) -> None:
    """Give back what was there, the last row first."""
    waiting = job.run.rows.filter(is_applied=True, undo="").order_by("-number")
    pace = Pace()
    while ids := list(waiting.values_list("pk", flat=True)[: pace.size]):
        began = time.monotonic()
        _divided(job, ids, _undo_chunk, _leave_alone)
        pace.took(time.monotonic() - began)
    counts = job.run.rows.aggregate(
        undone=Count("pk", filter=Q(undo__in=["RESTORED", "REMOVED"])), kept=Count("pk", filter=Q(undo="KEPT"))
    )
    _finish(job, State.UNDONE, undone_at=job.clock(), undone_count=counts["undone"], kept_count=counts["kept"])


@use_case
def _undo_chunk(*, job: _Job, ids: Sequence[int], at: dt.datetime, by: Actor) -> None:
    _hold(job, done_count=F("done_count") + len(ids))
    locks.hold(f"import:{job.master.code}")
    stored = {row.pk: row for row in ImportRow.objects.filter(pk__in=ids)}
    targets = sorted(map(_target, stored.values()))
    if job.master.lock_first is not None:
        job.master.lock_first(targets)
    made = {_target(row) for row in stored.values() if row.before is None}
    _lock(job.master, targets)
    now = _rows_now(job.master, targets)
    referred = _referred(job.master, sorted(made & now.keys()))
    restored: list[ImportRow] = []
    removed: list[ImportRow] = []
    for row in stored.values():
        why = _why_kept(job.master, row, now.get(_target(row)), referred.get(_target(row), []))
        if why:
            row.undo, row.undo_detail = ImportRow.Undo.KEPT, why
        elif row.before is None:
            row.undo = ImportRow.Undo.REMOVED
            removed.append(row)
        else:
            row.undo = ImportRow.Undo.RESTORED
            restored.append(row)
    _restore(job.master, [row.pk for row in restored])
    _remove(job.master, [_target(row) for row in removed])
    rows.update(
        ImportRow, "id", ["undo", "undo_detail"], [(row.pk, row.undo, row.undo_detail) for row in stored.values()]
    )
    if job.master.announce is not None and (restored or removed):
        back = [Written(_target(row), row.after, row.before) for row in (*restored, *removed)]
        job.master.announce(back, at, by)


def _target(row: ImportRow) -> int:
    assert row.target_id is not None, row.pk
    return row.target_id


def _lock(master: Master, ids: Sequence[int]) -> None:
    """For good: whoever wants to refer to one of them waits, and whoever did so before is seen by the next statement."""
    list(
        master.model._default_manager.filter(pk__in=ids)
        .order_by("pk")
        .select_for_update(of=("self",))
        .values_list("pk")
    )


def _rows_now(master: Master, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    statement = f'SELECT t.id, to_jsonb(t) FROM "{master.model._meta.db_table}" t WHERE t.id = ANY(%s)'  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(statement, [list(ids)])
        return {pk: row if isinstance(row, dict) else json.loads(row) for pk, row in cursor.fetchall()}


def _referred(master: Master, ids: Sequence[int]) -> dict[int, list[str]]:
    """What names the rows: per row the tables, in words. One question per table that could."""
    found: dict[int, list[str]] = {}
    if not ids:
        return found
    for relation in master.model._meta.get_fields(include_hidden=True):
        if not (relation.auto_created and not relation.concrete and (relation.one_to_many or relation.one_to_one)):
            continue
        other = relation.related_model
        naming = other._default_manager.filter(**{f"{relation.field.name}__in": ids})  # type: ignore[union-attr]
        for pk in naming.order_by().values_list(relation.field.attname, flat=True).distinct():  # type: ignore[union-attr]
            found.setdefault(pk, []).append(str(other._meta.verbose_name_plural))  # type: ignore[union-attr]
    for pk in named_by_value(master, ids):
        found.setdefault(pk, []).append(gettext("documents"))
    return found


def _why_kept(master: Master, row: ImportRow, now: dict[str, Any] | None, referred: list[str]) -> str:
    if now is None:
        return "" if row.before is None else gettext("The row is not there any more.")
    after = row.after or {}
    changed = [name for name in now if name not in master.running and now[name] != after.get(name)]
    if changed:
        titles = {each.column: str(each.verbose_name) for each in master.model._meta.concrete_fields}
        return gettext("Changed since: %(fields)s") % {"fields": "、".join(titles.get(name, name) for name in changed)}
    if referred:
        return gettext("Still needed by: %(tables)s") % {"tables": "、".join(dict.fromkeys(referred))}
    return ""


def _restore(master: Master, ids: Sequence[int]) -> None:
    """Every column as it was, but for those that run by themselves."""
    if not ids:
        return
    table = master.model._meta.db_table
    kept = {*master.running, "id"}
    names = [each.column for each in master.model._meta.concrete_fields if each.column not in kept]
    settings_ = ", ".join(f'"{name}" = b."{name}"' for name in names)
    statement = (
        f'UPDATE "{table}" t SET {settings_} FROM imports_importrow r, jsonb_populate_record(NULL::"{table}", r.before) b'  # noqa: S608
        " WHERE r.id = ANY(%s) AND t.id = r.target_id"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [list(ids)])


def _remove(master: Master, ids: Sequence[Any]) -> None:
    if not ids:
        return
    # Not the collector of Django, which would ask every table again: what refers to a row was asked behind its lock.
    with connection.cursor() as cursor:
        cursor.execute(f'DELETE FROM "{master.model._meta.db_table}" WHERE id = ANY(%s)', [list(ids)])  # noqa: S608
