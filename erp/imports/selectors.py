"""Questions about imports: what columns seem to be, which runs a user sees, and what a file's first rows say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from erp.imports.masters import REASON_HEADINGS, Master, foreign_headings, headings_of, named, plain, visible
from erp.imports.models import ColumnMapping, ImportRun

# Before a field's name: the EC site owns the column.
FOREIGN = "!"


def named_columns(master: Master, headings: Sequence[str], *, user: Any) -> list[str]:
    """A field per heading, "" for none: as the user named it the last time, else as it is called. No field twice."""
    remembered = (
        ColumnMapping.objects.filter(user=user, kind=master.code).values_list("columns", flat=True).first() or {}
    )
    known, foreign = headings_of(master), foreign_headings(master)
    fields = {column.field for column in master.columns}
    named_: list[str] = []
    for heading in map(plain, headings):
        told = remembered.get(heading)
        name = told if told in fields or told == "" else known.get(heading, "")
        if not name and heading in foreign and told != "":
            name = FOREIGN + foreign[heading]
        named_.append(name if name == "" or name not in named_ else "")
    return named_


def unknown_headings(headings: Sequence[str], mapping: Sequence[str]) -> list[str]:
    """Headings that mean nothing here, but for the reasons that an earlier run wrote."""
    ignored = {plain(name) for name in REASON_HEADINGS}
    return [
        heading
        for heading, name in zip(headings, mapping, strict=True)
        if heading and not name and plain(heading) not in ignored
    ]


def runs_of(user: Any) -> QuerySet[ImportRun]:
    """Runs of the masters that a user may look at: a run shows what stands in them."""
    runs = ImportRun.objects.defer("content").select_related("user")
    return runs.filter(kind__in=[master.code for master in visible(user)])


@dataclass(frozen=True, slots=True)
class Progress:
    state: str
    title: str
    done: int
    todo: int
    is_under_way: bool
    is_interrupted: bool

    @property
    def percent(self) -> int:
        return self.done * 100 // self.todo if self.todo else 0


def progress_of(run: ImportRun) -> Progress:
    """How far a run is. One whose worker does not renew its claim was interrupted, and goes on by itself."""
    is_under_way = run.state in (ImportRun.State.CHECKING, ImportRun.State.APPLYING, ImportRun.State.UNDOING)
    is_interrupted = is_under_way and run.claimed_until is not None and run.claimed_until < timezone.now()
    return Progress(run.state, run.get_state_display(), run.done_count, run.todo_count, is_under_way, is_interrupted)


def title_of_kind(kind: str) -> str:
    master = named(kind)
    return master.title if master is not None else kind
