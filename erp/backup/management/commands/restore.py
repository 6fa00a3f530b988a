"""``manage.py restore FILE``: the whole database from a backup; with ``--drill`` into a copy that is removed, to know that it can be done."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.utils import timezone

from erp.backup import archive, contents, copies, drilling, restoring
from erp.backup.archive import Manifest
from erp.backup.exceptions import ProgramFailed
from erp.backup.noting import resume_after_restore
from erp.backup.programs import Database
from erp.core import changes
from erp.core.actors import Actor
from erp.core.errors import Problem

BY = Actor.command("restore")


class Command(BaseCommand):
    help = (
        "Make the database what a backup says, in one transaction, begin a new epoch of the change feed and verify."
        " Stop web, worker and beat before. With --drill a copy is restored, verified and removed, and nothing else changes."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument(
            "--replace", action="store_true", help="replace a database that is not empty; what is in it is lost"
        )
        parser.add_argument("--yes", action="store_true", help="do not ask before replacing")
        parser.add_argument("--drill", action="store_true", help="try the backup on a copy, and change nothing")
        parser.add_argument(
            "--on-server",
            action="store_true",
            help="with --drill: make the copy on the server of the live database instead of one of its own;"
            " the change feed waits while it is loaded",
        )

    def handle(
        self, *args: Any, file: Path, replace: bool, yes: bool, drill: bool, on_server: bool, **options: Any
    ) -> None:
        if drill and replace:
            raise CommandError("--drill changes nothing, so there is nothing to --replace")
        if on_server and not drill:
            raise CommandError("--on-server is for --drill")
        manifest, problems = archive.examine(file)
        if manifest is None:
            raise _refused(file, problems)
        self._describe(file, manifest)
        try:
            if drill:
                self._drill(file, manifest, problems, on_server=on_server)
            else:
                self._restore(file, manifest, problems, replaces=replace, asks=not yes)
        except ProgramFailed as fault:
            raise CommandError(str(fault) if drill else f"nothing was changed: {fault}") from None

    def _describe(self, file: Path, manifest: Manifest) -> None:
        took = manifest.started_at.astimezone().isoformat(sep=" ", timespec="seconds")
        self.stdout.write(
            f"{file}: Mamori {manifest.mamori}, database {manifest.database} of PostgreSQL {manifest.server} as of {took},"
            f" {len(manifest.tables)} tables, {manifest.row_count:,} rows"
        )
        if not restoring.is_our_key(manifest):
            self.stdout.write(
                self.style.WARNING(
                    "SECRET_KEY is not that of the backup: the credentials of EC sites cannot be read with it and must be entered again."
                )
            )

    def _drill(self, file: Path, manifest: Manifest, problems: list[Problem], *, on_server: bool) -> None:
        problems = [
            *problems,
            *restoring.version_problems(manifest),
            *([] if on_server else copies.room_problems(manifest)),
        ]
        if problems:
            raise _refused(file, problems)
        live = Database.of_django()
        drilled = drilling.drill(
            path=file,
            manifest=manifest,
            place=(lambda: copies.on_server_of(live)) if on_server else copies.on_own_server,
            clock=timezone.now,
            by=BY,
            tell=self._say,
        )
        for check in drilled.checks:
            verdict = f"{len(check['faults'])} FAULTS" if check["faults"] else "OK"
            self.stdout.write(f"{check['promise']:<4} {check['title']}: {check['rows']:,} rows, {verdict}")
        for fault in drilled.faults:
            self.stdout.write(self.style.ERROR(f"  {fault}"))
        told = f"{len(manifest.tables)} tables compared, {len(drilled.checks)} checks, {len(drilled.faults)} faults;"
        told += f" restored in {drilled.restore_s:.1f} s, {drilled.total_s:.1f} s in all; the copy is removed"
        self.stdout.write(self.style.ERROR(told) if drilled.faults else self.style.SUCCESS(told))
        if drilled.faults:
            sys.exit(1)

    def _restore(self, file: Path, manifest: Manifest, problems: list[Problem], *, replaces: bool, asks: bool) -> None:
        database = Database.of_django()
        began_at = timezone.now()
        with database.connect() as session:
            problems = [*problems, *restoring.target_problems(manifest, session, replaces=replaces)]
            if problems:
                raise _refused(file, problems)
            there = contents.tables(session)
            if there and asks:
                self._ask(database, len(there))
            restoring.raise_transaction_numbers(session, beyond=manifest.next_xid, tell=self._tell_missing)
        connection.close()
        self._say("restoring ...")
        at = timezone.now()
        reason = f"restored the backup of {manifest.started_at.isoformat(sep=' ', timespec='seconds')}"
        restoring.restore(database, file, manifest, reason=reason, at=at)
        self.stdout.write(
            f"restored; epoch {changes.current_cursor().epoch} of the change feed began: every reader resyncs"
        )
        self._say("bringing it to this version ...")
        call_command("migrate", interactive=False, verbosity=0)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        resume_after_restore(path=file, manifest=manifest, began_at=began_at, at=timezone.now(), by=BY)
        self._say("verifying ...")
        # Ends with 1 when a promise is broken.
        call_command("verify", file=True, stdout=self.stdout)

    def _ask(self, database: Database, tables: int) -> None:
        self.stdout.write(
            self.style.WARNING(
                f"The database {database.name} has {tables} tables. ALL OF IT IS REPLACED by the backup:"
                " what was recorded since the backup is lost, and every EC site resyncs."
            )
        )
        if not sys.stdin.isatty():
            raise CommandError("nobody is here to confirm it; --yes says that it is meant")
        if input(f"Type {database.name} to go on: ").strip() != database.name:
            raise CommandError("not confirmed; nothing was changed")

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()

    def _tell_missing(self, missing: int) -> None:
        self._say(
            f"raising the transaction numbers of this younger server beyond those of the backup: {missing:,} to go"
        )


def _refused(file: Path, problems: list[Problem]) -> CommandError:
    return CommandError("\n  ".join([f"{file} was not restored:", *(problem.detail for problem in problems)]))
