"""What staff do with an import: upload, name the columns, execute, stop, go on, undo. The work itself is a worker's (``running``)."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from erp.core.actors import Actor
from erp.core.errors import InvalidInput, NotAllowedNow, NotFound, NotOwner, Problem
from erp.core.use_case import use_case
from erp.imports import files
from erp.imports.masters import Master, named, plain
from erp.imports.models import ColumnMapping, ImportRun
from erp.imports.selectors import named_columns

State = ImportRun.State

# Called after a commit that gave a worker something to do. Losing a call loses nothing: a job looks again by itself.
_listeners: list[Callable[[], None]] = []


def listen(listener: Callable[[], None]) -> None:
    """Be told when a run waits for a worker. Must return at once; for ``AppConfig.ready``."""
    _listeners.append(listener)


def _wake() -> None:
    for listener in _listeners:
        transaction.on_commit(listener, robust=True)


@use_case
def upload(*, kind: str, file_name: str, content: bytes, user: Any, at: dt.datetime, by: Actor) -> ImportRun:
    """Take in a file as it is, with what its columns seem to be. Nothing is read into a master.

    Raises:
        NotFound: no such kind, or none that this user may import.
        InvalidInput: the file cannot be read, and why.
    """
    master = _master(kind, user)
    sheet = files.read(content)
    return ImportRun.objects.create(
        kind=kind,
        file_name=file_name[-200:],
        file_bytes=len(content),
        content=content,
        fingerprint=hashlib.sha256(content).hexdigest(),
        format=sheet.format,
        encoding=sheet.encoding,
        headings=sheet.headings,
        mapping=named_columns(master, sheet.headings, user=user),
        user=user,
        actor=str(by),
        uploaded_at=at,
        row_count=len(sheet.lines),
    )


@use_case
def name_columns(
    *, run_id: int, mapping: Sequence[str], clears_blanks: bool, user: Any, at: dt.datetime, by: Actor
) -> ImportRun:
    """Say which column of the file is which field ("" leaves it out), and have the file checked. Remembered for the user's next file.

    Raises InvalidInput naming every missing, doubled and unknown column; NotOwner naming columns that the EC site owns; NotAllowedNow.
    """
    run, master = _run(run_id, user, State.MAPPING, State.CHECKED, State.FAILED)
    if run.broken_off_in not in ("", State.CHECKING):
        raise NotAllowedNow(_("The import was begun already."))
    _refuse_bad_columns(master, run.headings, mapping)
    run.mapping, run.state, run.error, run.broken_off_in = list(mapping), State.CHECKING, "", ""
    run.blanks = ImportRun.Blanks.CLEAR if clears_blanks else ImportRun.Blanks.KEEP
    run.actor, run.user = str(by), user
    run.done_count, run.todo_count, run.holder, run.claimed_until = 0, run.row_count, "", None
    run.save()
    columns = {plain(heading): name for heading, name in zip(run.headings, mapping, strict=True) if plain(heading)}
    kept, _is_new = ColumnMapping.objects.get_or_create(user=user, kind=run.kind)
    kept.columns = {**kept.columns, **columns}
    kept.save()
    _wake()
    return run


def _refuse_bad_columns(master: Master, headings: Sequence[str], mapping: Sequence[str]) -> None:
    known = {column.field for column in master.columns}
    problems, owned = [], []
    for heading, name in zip(headings, mapping, strict=True):
        if name.startswith("!"):
            detail = _("“%(heading)s” is owned by the EC site. Leave this column out.")
            owned.append(Problem("", "not_owner", detail % {"heading": heading}))
        elif name and name not in known:
            problems.append(Problem("", "unknown_column", _("Unknown field: %(name)s") % {"name": name}))
    problems += [
        Problem("", "double_column", _("Named for two columns: %(title)s") % {"title": master.title_of(name)})
        for name in sorted(known)
        if list(mapping).count(name) > 1
    ]
    problems += [
        Problem("", "missing_column", _("No column is “%(title)s”.") % {"title": master.title_of(name)})
        for name in master.needed_columns
        if name not in mapping
    ]
    if owned:
        raise NotOwner("", problems=[*owned, *problems])
    if problems:
        raise InvalidInput(problems)


@use_case
def execute(*, run_id: int, user: Any, at: dt.datetime, by: Actor) -> None:
    """Let a worker write what the check found, or the rest of it. Rows that were refused stay out. Raises NotAllowedNow."""
    run, _found = _run(run_id, user, State.CHECKED, State.STOPPED, State.FAILED)
    if run.state == State.FAILED and run.broken_off_in == State.CHECKING:
        raise NotAllowedNow(_("The check broke off; check the file again."))
    if run.broken_off_in == State.UNDOING:
        raise NotAllowedNow(_("The import is half undone; undo the rest."))
    todo = run.rows.filter(outcome__in=["NEW", "CHANGED"])
    if not todo.exists():
        raise NotAllowedNow(_("No row of this file would change anything."))
    begun = todo.filter(is_applied=True).count()
    run.state, run.broken_off_in, run.error = State.APPLYING, "", ""
    run.started_at, run.user, run.actor = run.started_at or at, user, str(by)
    run.todo_count, run.done_count, run.holder, run.claimed_until = todo.count(), begun, "", None
    run.save()
    _wake()


@use_case
def stop(*, run_id: int, user: Any, at: dt.datetime, by: Actor) -> None:
    """Stop executing behind the chunk that is under way. What is written stays; the run can go on, or be undone. Raises NotAllowedNow."""
    run, _found = _run(run_id, user, State.APPLYING)
    run.state, run.broken_off_in, run.holder, run.claimed_until = State.STOPPED, State.APPLYING, "", None
    run.applied_count = run.rows.filter(is_applied=True).count()
    run.save()


@use_case
def undo(*, run_id: int, user: Any, at: dt.datetime, by: Actor) -> None:
    """Let a worker give back what was there before the run. Rows changed since are named and left alone; so are new ones that something needs.

    May be called again for rows that were left alone. Raises NotAllowedNow.
    """
    run, _found = _run(run_id, user, State.APPLIED, State.STOPPED, State.UNDONE, State.FAILED)
    if run.broken_off_in == State.CHECKING or not run.rows.filter(is_applied=True).exists():
        raise NotAllowedNow(_("Nothing of this import was written."))
    run.rows.filter(undo="KEPT").update(undo="", undo_detail="")
    todo = run.rows.filter(is_applied=True, undo="").count()
    if not todo:
        raise NotAllowedNow(_("Everything of this import is undone already."))
    run.state, run.broken_off_in, run.error, run.undone_by = State.UNDOING, "", "", str(by)
    run.todo_count, run.done_count, run.holder, run.claimed_until = todo, 0, "", None
    run.save()
    _wake()


def _master(kind: str, user: Any) -> Master:
    master = named(kind)
    if master is None or not master.may_import(user):
        raise NotFound(_("There is no such master, or you may not import it."))
    return master


def _run(run_id: int, user: Any, *states: str) -> tuple[ImportRun, Master]:
    """The run, locked, in one of ``states``."""
    run = ImportRun.objects.select_for_update(of=("self",), no_key=True).defer("content").filter(pk=run_id).first()
    if run is None:
        raise NotFound(_("There is no such import."))
    master = _master(run.kind, user)
    if run.state not in states:
        raise NotAllowedNow(_("Not possible now: the import is “%(state)s”.") % {"state": run.get_state_display()})
    return run, master
