"""Handing the journal to the accounting package, so that nothing is booked there twice by accident. Locks: the format by name."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from django.db import connection
from django.utils.translation import gettext as _

from accounting.exceptions import AlreadyExported
from accounting.models import ExportFormat, ExportRun
from accounting.selectors.export import ExportEntry, entries_of, export_entries, exported_before, tax_labels
from accounting.selectors.three_part import as_three_part, closing_entry, three_part_chart
from accounting.services.yayoi import YayoiFile, yayoi_file
from erp.core import locks
from erp.core.actors import Actor
from erp.core.errors import InvalidInput, Problem
from erp.core.use_case import use_case

Scope, Method = ExportRun.Scope, ExportRun.Method


@dataclass(frozen=True, slots=True)
class Exported:
    run: ExportRun
    file: YayoiFile


@use_case
def export_yayoi(
    *,
    first: date,
    last: date,
    scope: str = "",
    again: bool = False,
    method: str = "",
    with_closing: bool = False,
    at: dt.datetime,
    by: Actor,
) -> Exported:
    """Make a 弥生 file of the entries of [first, last] and remember which they were.

    ``scope`` NEW_ONLY leaves out what an earlier export held. ``again`` exports everything a second time on purpose.
    ``method`` THREE_PART writes the journal in 三分法; left empty it is the method of the last export, so that one year is not written in
    two. ``with_closing`` adds 期首 and 期末商品棚卸高 of the range, once all of its entries go along.

    Raises:
        InvalidInput: the range ends before it starts, or stock at closing is wanted without 三分法 or without all entries.
        AlreadyExported: some of the entries were handed over before, and neither was asked for.
    """
    locks.hold(f"export:{ExportFormat.YAYOI}")
    method = method or export_method()
    if problems := _faults(first, last, scope, method, with_closing=with_closing):
        raise InvalidInput(problems)
    entry_ids = entries_of(first, last)
    before = exported_before(entry_ids, ExportFormat.YAYOI)
    if scope == Scope.NEW_ONLY:
        entry_ids = [entry_id for entry_id in entry_ids if entry_id not in before]
    elif before and not again:
        raise AlreadyExported(len(before), sorted({run for runs in before.values() for run in runs}))

    file = yayoi_file(_entries(entry_ids, first, last, method, with_closing=with_closing))
    run = ExportRun.objects.create(
        format=ExportFormat.YAYOI,
        method=method,
        has_closing=with_closing,
        first_date=first,
        last_date=last,
        scope=scope or Scope.ALL,
        entry_count=len(entry_ids),
        sha256=hashlib.sha256(file.content).hexdigest(),
        recorded_at=at,
        actor=str(by),
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO accounting_exportedentry (run_id, entry_id) SELECT %s, unnest(%s::bigint[])",
            [run.pk, entry_ids],
        )
    return Exported(run, file)


def export_method() -> str:
    """How goods were written last time; a company that never exported keeps the method of its own books."""
    last = ExportRun.objects.filter(format=ExportFormat.YAYOI).order_by("-pk").values_list("method", flat=True).first()
    return last or Method.PERPETUAL.value


def _faults(first: date, last: date, scope: str, method: str, *, with_closing: bool) -> list[Problem]:
    problems = []
    if last < first:
        problems.append(Problem("/last", "invalid", _("The range of dates ends before it starts.")))
    if method not in Method.values:
        problems.append(Problem("/method", "invalid", _("“%(value)s” is not known here.") % {"value": method[:50]}))
    if with_closing and (method != Method.THREE_PART or scope == Scope.NEW_ONLY):
        detail = _("Stock at closing goes with all entries of the dates, in 三分法.")
        problems.append(Problem("/with_closing", "invalid", detail))
    return problems


def _entries(
    entry_ids: Sequence[int], first: date, last: date, method: str, *, with_closing: bool
) -> Iterator[ExportEntry]:
    labels = tax_labels(ExportFormat.YAYOI)
    if method != Method.THREE_PART:
        yield from export_entries(entry_ids, labels)
        return
    chart = three_part_chart()
    yield from export_entries(entry_ids, labels, reshape=lambda lines: as_three_part(lines, chart))
    if with_closing:
        yield closing_entry(first=first, last=last, chart=chart)
