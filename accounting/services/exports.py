"""Handing the journal to the accounting package, so that nothing is booked there twice by accident. Locks: the format by name."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass
from datetime import date

from django.db import connection
from django.utils.translation import gettext as _

from accounting.exceptions import AlreadyExported
from accounting.models import ExportFormat, ExportRun
from accounting.selectors.export import entries_of, export_entries, exported_before, tax_labels
from accounting.services.yayoi import YayoiFile, yayoi_file
from erp.core import locks
from erp.core.actors import Actor
from erp.core.errors import InvalidInput, Problem
from erp.core.use_case import use_case

Scope = ExportRun.Scope


@dataclass(frozen=True, slots=True)
class Exported:
    run: ExportRun
    file: YayoiFile


@use_case
def export_yayoi(
    *, first: date, last: date, scope: str = "", again: bool = False, at: dt.datetime, by: Actor
) -> Exported:
    """Make a 弥生 file of the entries of [first, last] and remember which they were.

    ``scope`` NEW_ONLY leaves out what an earlier export held. ``again`` exports everything a second time on purpose.

    Raises:
        AlreadyExported: some of the entries were handed over before, and neither was asked for.
    """
    if last < first:
        raise InvalidInput([Problem("/last", "invalid", _("The range of dates ends before it starts."))])
    locks.hold(f"export:{ExportFormat.YAYOI}")
    entry_ids = entries_of(first, last)
    before = exported_before(entry_ids, ExportFormat.YAYOI)
    if scope == Scope.NEW_ONLY:
        entry_ids = [entry_id for entry_id in entry_ids if entry_id not in before]
    elif before and not again:
        raise AlreadyExported(len(before), sorted({run for runs in before.values() for run in runs}))

    file = yayoi_file(export_entries(entry_ids, tax_labels(ExportFormat.YAYOI)))
    run = ExportRun.objects.create(
        format=ExportFormat.YAYOI,
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
