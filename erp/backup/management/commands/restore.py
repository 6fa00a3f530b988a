"""``manage.py restore FILE``: the whole database from a backup; with ``--drill`` into a copy that is removed, to know that it can be done."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.utils import timezone

from erp.backup import archive, contents, copies, drilling, leftovers, noting, restoring
from erp.backup.archive import Manifest
from erp.backup.exceptions import ProgramFailed
from erp.backup.programs import Database
from erp.core import backup_runs, changes
from erp.core.actors import Actor
from erp.core.errors import Problem
from erp.core.models import BackupRun

BY = Actor.command("restore")


class Command(BaseCommand):
    help = (
        "Make the database what a backup says, in one transaction, begin a new epoch of the change feed and verify."
        " Stop web, worker and beat before. With --drill a copy is restored, verified and removed, and nothing else changes."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE", nargs="?")
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
        parser.add_argument(
            "--go-on",
            action="store_true",
            help="bring a restore to its end that was cut off after everything was back: this version's tables, and verify",
        )

    def handle(
        self,
        *args: Any,
        file: Path | None,
        replace: bool,
        yes: bool,
        drill: bool,
        on_server: bool,
        go_on: bool,
        **options: Any,
    ) -> None:
        if go_on:
            if file is not None or replace or drill or on_server:
                raise CommandError("--go-on stands alone: everything is back already, so no file is read")
            self._go_on()
            return
        if file is None:
            raise CommandError("name the file of the backup")
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
        leftovers.clear_up(at=timezone.now(), by=BY)
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
        with database.connect() as lease:
            self._bring_back(database, file, manifest, lease, began_at=began_at)
            self._settle(lease)

    def _bring_back(
        self, database: Database, file: Path, manifest: Manifest, lease: noting.Session, *, began_at: dt.datetime
    ) -> None:
        """Everything, or nothing. The row that is made here goes with all others; what stays when this is killed says that nothing changed."""
        run_id = noting.begin(lease, BackupRun.Kind.RESTORE, file, at=began_at, by=BY)
        self._say("restoring ...")
        connection.close()
        at = timezone.now()
        reason = f"restored the backup of {manifest.started_at.isoformat(sep=' ', timespec='seconds')}"
        note = noting.restore_statement(path=file, manifest=manifest, began_at=began_at, at=at, by=BY)
        try:
            restoring.restore(database, file, manifest, reason=reason, at=at, note=note)
        except ProgramFailed as fault:
            if run_id is not None:
                error = f"nothing was changed: {fault}"
                backup_runs.break_off(run_id=run_id, error=error, at=timezone.now(), by=BY)
            raise
        self.stdout.write(
            f"restored; epoch {changes.current_cursor().epoch} of the change feed began: every reader resyncs"
        )

    def _go_on(self) -> None:
        with Database.of_django().connect() as lease:
            if noting.unsettled() is None:
                raise CommandError("no restore was cut off here; there is nothing to go on with")
            self._settle(lease)

    def _settle(self, lease: noting.Session) -> None:
        """What follows once everything is back. Each step may be done again: ``--go-on`` does them all."""
        run_id = noting.unsettled()
        if run_id is not None:
            noting.hold(lease, run_id)
        self._say("bringing it to this version ...")
        call_command("migrate", interactive=False, verbosity=0)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        self._say("verifying ...")
        broken: SystemExit | None = None
        try:
            call_command("verify", file=True, stdout=self.stdout)
        except SystemExit as promises_broken:
            broken = promises_broken
        if run_id is not None:
            backup_runs.settle(run_id=run_id, at=timezone.now(), by=BY)
        if broken is not None:
            raise broken

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
