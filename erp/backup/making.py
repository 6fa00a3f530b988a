"""Make a backup: one snapshot of the whole database, dumped by pg_dump and described in the same snapshot.

Only reads, and takes no transaction id: neither writers nor the change feed wait for it, however long it lasts.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.utils.crypto import salted_hmac

from erp.backup import archive, contents, leftovers, programs
from erp.backup.archive import Manifest
from erp.backup.exceptions import BackupRefused
from erp.backup.noting import Clock, noted
from erp.backup.programs import Database
from erp.core.actors import Actor
from erp.core.errors import Problem
from erp.core.models import BackupRun
from erp.core.version import VERSION

# Owners and rights belong to the server; a restore gives everything to whoever restores.
_DUMP = ["--format=custom", "--no-owner", "--no-privileges"]
# What a superuser put into the database is a matter of the server, and the application could not make it again.
_EXTENSIONS = """
SELECT extname, coalesce(bool_or(v.trusted), false) FROM pg_extension e
LEFT JOIN pg_available_extension_versions v ON v.name = e.extname AND v.version = e.extversion
WHERE extname <> 'plpgsql' GROUP BY extname ORDER BY extname
"""


def make_backup(*, path: Path, replaces: bool, clock: Clock, by: Actor) -> Manifest:
    """Write the backup of Django's database to ``path``. Raises BackupRefused naming every reason, before anything is written."""
    database = Database.of_django()
    with database.connect() as session:
        if problems := [*_path_problems(path, replaces=replaces), *_database_problems(session)]:
            raise BackupRefused("No backup was made.", problems=problems)
        leftovers.clear_up(at=clock(), by=by)
        with noted(BackupRun.Kind.BACKUP, path, clock=clock, by=by) as outcome:
            outcome.leaves(path.parent)
            manifest = _write(path, database, session, run_id=outcome.run_id, clock=clock)
            outcome.rows, outcome.file_bytes = manifest.row_count, path.stat().st_size
    return manifest


def key_check(secret: str) -> str:
    """Tells whether a SECRET_KEY is the one of the backup, and nothing else of it."""
    return salted_hmac("mamori.backup", "key", secret=secret, algorithm="sha256").hexdigest()[:16]


def _path_problems(path: Path, *, replaces: bool) -> Iterator[Problem]:
    if path.is_dir():
        yield Problem("", "is_a_folder", f"{path} is a folder; name a file")
    elif path.exists() and not replaces:
        yield Problem("", "file_exists", f"{path} exists; name another file, or replace it with --force")
    if not path.absolute().parent.is_dir():
        yield Problem("", "no_folder", f"the folder {path.absolute().parent} does not exist")


def _database_problems(session: psycopg.Connection[Any]) -> Iterator[Problem]:
    server, ours = contents.facts(session).server, programs.major_version("pg_dump")
    if server > ours:
        detail = (
            f"the server is PostgreSQL {server} and pg_dump only {ours}; name the folder of a newer one in POSTGRES_BIN"
        )
        yield Problem("", "pg_dump_too_old", detail)
    if not contents.migrations(session):
        yield Problem(
            "", "nothing_to_back_up", "no migration was applied to this database yet; there is nothing to back up"
        )


def _write(
    path: Path, database: Database, session: psycopg.Connection[Any], *, run_id: int | None, clock: Clock
) -> Manifest:
    with archive.new_archive(path) as writer, _snapshot(session) as snapshot:
        started_at = clock()
        facts, migrations = contents.facts(session), contents.migrations(session)
        tables = contents.rows_per_table(session)
        arguments = [*_DUMP, *_extensions(session), f"--snapshot={snapshot}"]
        with programs.running("pg_dump", arguments, database=database, feeds=False, tells=True) as dump:
            written = writer.write_dump(dump.chunks())
            dump.end()
        manifest = Manifest(
            mamori=VERSION,
            database=facts.database,
            server=facts.server,
            database_bytes=facts.size_bytes,
            next_xid=facts.next_xid,
            migrations=migrations,
            tables=tables,
            started_at=started_at,
            ended_at=clock(),
            run_id=run_id,
            key_check=key_check(settings.SECRET_KEY),
            dump_bytes=written.dump_bytes,
            dump_sha256=written.dump_sha256,
        )
        writer.write_manifest(manifest)
    return manifest


@contextmanager
def _snapshot(session: psycopg.Connection[Any]) -> Iterator[str]:
    """One view of the database for this session and, by its name, for pg_dump."""
    with session.transaction():
        session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        row = session.execute("SELECT pg_export_snapshot()").fetchone()
        assert row is not None
        yield row[0]


def _extensions(session: psycopg.Connection[Any]) -> list[str]:
    found = dict(session.execute(_EXTENSIONS).fetchall())
    if all(found.values()):
        return []
    return [f"--extension={name}" for name, is_trusted in found.items() if is_trusted] or ["--extension=plpgsql"]
