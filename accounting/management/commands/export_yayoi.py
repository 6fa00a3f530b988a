"""``manage.py export_yayoi --from 2026-11-01 --to 2026-11-30 FILE``: the journal for 弥生会計."""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _

from accounting import services
from accounting.models import ExportRun
from erp.core.actors import Actor
from erp.core.errors import DomainError
from erp.core.retries import retried


class Command(BaseCommand):
    help = "Write the journal of a range of dates in the import format of Yayoi (25 columns, cp932)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--from", dest="first", type=_day, required=True, metavar="YYYY-MM-DD")
        parser.add_argument("--to", dest="last", type=_day, required=True, metavar="YYYY-MM-DD")
        group = parser.add_mutually_exclusive_group()
        group.add_argument("--new-only", action="store_true", help="leave out what an earlier export held")
        group.add_argument("--again", action="store_true", help="export all of it a second time, on purpose")
        parser.add_argument(
            "--method",
            choices=[value.lower().replace("_", "-") for value in ExportRun.Method.values],
            default="",
            help="how goods are written: perpetual (売上原価対立法) or three-part (三分法); default: as last time",
        )
        parser.add_argument(
            "--closing", action="store_true", help="add 期首商品棚卸高 and 期末商品棚卸高 of the dates (三分法 only)"
        )
        parser.add_argument("file", type=Path)

    def handle(self, *, first: date, last: date, file: Path, **options: Any) -> None:
        partial = file.with_name(file.name + ".partial")
        try:
            exported = retried(
                services.export_yayoi,
                first=first,
                last=last,
                scope="NEW_ONLY" if options["new_only"] else "ALL",
                again=options["again"],
                method=options["method"].upper().replace("-", "_"),
                with_closing=options["closing"],
                at=timezone.now(),
                by=Actor.command("export_yayoi", str(file)),
            )
        except DomainError as refusal:
            raise CommandError(str(refusal)) from refusal
        partial.write_bytes(exported.file.content)
        partial.replace(file)
        for loss in exported.file.losses:
            self.stderr.write(f"{loss.entry_number}: {loss.text} → {loss.written}")
        self.stdout.write(
            _("%(entries)d entries, %(rows)d rows written to %(file)s (export %(run)d).")
            % {
                "entries": exported.run.entry_count,
                "rows": exported.file.row_count,
                "file": file,
                "run": exported.run.pk,
            }
        )


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as fault:
        raise argparse.ArgumentTypeError(f"{text} is not a date") from fault
