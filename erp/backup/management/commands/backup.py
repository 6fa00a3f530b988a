"""``manage.py backup FILE``: the whole database of this moment in one file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from erp.backup.exceptions import BackupRefused, ProgramFailed
from erp.backup.making import make_backup
from erp.core.actors import Actor


class Command(BaseCommand):
    help = (
        "Save the whole database, as of one moment, into one file with a manifest. Nobody waits for it, and the file appears when it is whole."
        " Keep SECRET_KEY as well, elsewhere: the credentials of EC sites can only be read with it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--force", action="store_true", help="replace the file if it exists")

    def handle(self, *args: Any, file: Path, force: bool, **options: Any) -> None:
        try:
            manifest = make_backup(path=file, replaces=force, clock=timezone.now, by=Actor.command("backup"))
        except BackupRefused as refusal:
            raise CommandError("\n  ".join([refusal.detail, *(each.detail for each in refusal.problems)])) from None
        except (ProgramFailed, OSError) as fault:
            raise CommandError(f"no backup was made: {fault}") from None
        took = (manifest.ended_at - manifest.started_at).total_seconds()
        told = (
            f"{len(manifest.tables)} tables, {manifest.row_count:,} rows, {file.stat().st_size:,} bytes in {took:.1f} s"
        )
        self.stdout.write(self.style.SUCCESS(f"{file}: {told}"))
