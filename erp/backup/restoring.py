"""Restore: the whole database from a file in one transaction, with a new epoch of the change feed in it. All of it, or nothing.

What was there goes in the same transaction. Its sequences leave their values behind, so that no number of a document is given twice.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.db.migrations.loader import MigrationLoader
from psycopg import sql

from erp.backup import archive, contents, programs
from erp.backup.archive import Manifest
from erp.backup.making import key_check
from erp.backup.programs import NO_LIMITS, Database, Program
from erp.core import changes
from erp.core.errors import Problem

_SCRIPT = ["--file=-", "--no-owner", "--no-privileges", "--exit-on-error"]
_PSQL = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]

_OTHERS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> ALL(%s::int[])
"""

_KEEP_NUMBERS = """
CREATE TEMPORARY TABLE mamori_numbers ON COMMIT DROP AS
SELECT schemaname, sequencename, last_value FROM pg_sequences WHERE last_value IS NOT NULL;
"""
# A sequence that went further here than in the backup goes on from there.
_GO_ON_FROM_NUMBERS = """
DO $$ DECLARE kept record; BEGIN
    FOR kept IN SELECT format('%I.%I', schemaname, sequencename)::regclass AS sequence, k.last_value
                FROM pg_temp.mamori_numbers k JOIN pg_sequences s USING (schemaname, sequencename)
                WHERE k.last_value > coalesce(s.last_value, 0) LOOP
        PERFORM setval(kept.sequence, kept.last_value);
    END LOOP;
END $$;
"""
# Everything of ours, and nothing of an extension; a schema beside public goes as a whole.
_EMPTY = """
DO $$ DECLARE command text; BEGIN
    -- All are named before the first goes: what goes with another one has a number only.
    FOREACH command IN ARRAY ARRAY(
        SELECT format('DROP SCHEMA %I CASCADE', nspname) FROM pg_namespace
        WHERE nspname NOT IN ('public', 'information_schema') AND nspname NOT LIKE 'pg\\_%'
        UNION ALL
        SELECT format('DROP %s IF EXISTS %I.%I CASCADE',
                      CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
                      'public', relname)
        FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')
          -- A sequence of a column goes with it.
          AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                          AND (d.deptype = 'e' OR relkind = 'S' AND d.deptype IN ('a', 'i')))
        UNION ALL
        SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', p.oid::regprocedure) FROM pg_proc p WHERE pronamespace = 'public'::regnamespace
          AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
        UNION ALL
        SELECT format('DROP TYPE IF EXISTS %I.%I CASCADE', 'public', typname) FROM pg_type t
        WHERE typnamespace = 'public'::regnamespace AND typtype IN ('e', 'd')
          AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e')
    ) LOOP EXECUTE command; END LOOP;
END $$;
"""
_COUNT = """
DO $$ BEGIN
    IF (SELECT count(*) FROM ONLY {table}) <> {count} THEN RAISE EXCEPTION '% has not the rows that were saved', {name}; END IF;
END $$;
"""


def target_problems(manifest: Manifest, session: psycopg.Connection[Any], *, replaces: bool) -> Iterator[Problem]:
    """Everything in the way of a restore into this database."""
    yield from version_problems(manifest)
    server = contents.facts(session).server
    if manifest.server > server:
        detail = f"the backup comes from PostgreSQL {manifest.server}, and this server is {server}: it may not understand the dump"
        yield Problem("", "server_too_old", detail)
    there = len(contents.tables(session))
    if there and not replaces:
        yield Problem(
            "", "not_empty", f"the database {session.info.dbname} is not empty ({there} tables); --replace replaces it"
        )
    if others := others_at_work(session):
        detail = f"{others} other connections use this database; stop web, worker and beat first (make stop)"
        yield Problem("", "in_use", detail)


def version_problems(manifest: Manifest) -> Iterator[Problem]:
    ours = set(MigrationLoader(None, ignore_no_migrations=True).disk_migrations)
    unknown = [f"{app}.{name}" for app, name in manifest.migrations if (app, name) not in ours]
    if unknown:
        detail = (
            f"it was made by a newer Mamori ({manifest.mamori}): this version knows nothing of {', '.join(unknown)}"
        )
        yield Problem("", "newer_version", detail)
    if manifest.server > (reads := programs.major_version("pg_restore")):
        detail = f"it comes from PostgreSQL {manifest.server}, and pg_restore is {reads}; name the folder of a newer one in POSTGRES_BIN"
        yield Problem("", "pg_restore_too_old", detail)


def others_at_work(session: psycopg.Connection[Any]) -> int:
    """How many sessions beside ours are connected to this database."""
    from django.db import connection

    ours = [session.info.backend_pid]
    if connection.connection is not None:
        ours.append(connection.connection.info.backend_pid)
    row = session.execute(_OTHERS, [ours]).fetchone()
    assert row is not None
    return int(row[0])


def is_our_key(manifest: Manifest) -> bool:
    """Whether what was sealed with the SECRET_KEY of the backup can be read here."""
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return manifest.key_check in {key_check(secret) for secret in secrets}


XIDS_AT_ONCE = 50_000
_BURN = """
DO $$ BEGIN
    FOR number IN 1..{count} LOOP
        BEGIN INSERT INTO pg_temp.mamori_burnt VALUES (1); EXCEPTION WHEN division_by_zero THEN NULL; END;
    END LOOP;
END $$
"""


def raise_transaction_numbers(session: psycopg.Connection[Any], *, beyond: int, tell: Callable[[int], None]) -> None:
    """Use up transaction numbers until they are beyond those of the backup. Only a younger cluster needs it, and it is done once.

    Seals of the books are ranges of such numbers, and a document takes lines only in the transaction of its own number.
    """
    session.execute("CREATE TEMPORARY TABLE mamori_burnt (n smallint) ON COMMIT DELETE ROWS")
    while (missing := beyond - _current_xid(session)) >= 0:
        tell(missing)
        # Each round of the loop is a subtransaction that writes, and takes a number.
        session.execute(_BURN.format(count=min(missing + 1, XIDS_AT_ONCE)))
    session.execute("DROP TABLE pg_temp.mamori_burnt")


def _current_xid(session: psycopg.Connection[Any]) -> int:
    row = session.execute("SELECT pg_current_xact_id()::text::bigint").fetchone()
    assert row is not None
    return int(row[0])


def fill(database: Database, path: Path) -> None:
    """Load the dump into an empty database that nobody uses yet. Raises ProgramFailed."""
    _run(database, path, before="", after="")


def restore(
    database: Database, path: Path, manifest: Manifest, *, reason: str, at: dt.datetime, note: str = ""
) -> None:
    """Make this database what the backup says, in one transaction that also begins a new epoch. Raises ProgramFailed: nothing changed then.

    ``note`` is a statement that belongs to that transaction.
    """
    checks = "".join(
        sql.SQL(_COUNT)
        .format(table=sql.Identifier(*name.split(".", 1)), count=sql.Literal(rows.count), name=sql.Literal(name))
        .as_string()
        for name, rows in manifest.tables.items()
    )
    epoch = f"{changes.epoch_statement(reason=reason, at=at)};"
    _run(
        database,
        path,
        before=f"BEGIN;{_KEEP_NUMBERS}{_EMPTY}",
        # pg_restore leaves an empty search path behind.
        after=f"RESET search_path;{checks}{_GO_ON_FROM_NUMBERS}{epoch}{note}COMMIT;",
    )


def _run(database: Database, path: Path, *, before: str, after: str) -> None:
    """Let psql work off what stands before, what pg_restore says, and what stands after, which it is told only when all went well."""
    settings_of_session = "".join(f"SET {limit} = 0;" for limit in NO_LIMITS) + "SET client_min_messages = warning;"
    with (
        programs.running("psql", _PSQL, database=database, feeds=True, tells=False) as psql,
        programs.running("pg_restore", _SCRIPT, feeds=True, tells=True) as script,
    ):
        feeder = threading.Thread(target=_feed, args=(script, path), daemon=True)
        try:
            psql.input.write(f"{settings_of_session}{before}\n".encode())
            feeder.start()
            for chunk in script.chunks():
                psql.input.write(chunk)
            feeder.join()
            script.end()
            psql.input.write(after.encode())
        except BrokenPipeError:
            # psql has given up, and its end says why.
            psql.end()
            raise
        psql.end()


def _feed(script: Program, path: Path) -> None:
    # A program that has ended says itself why.
    with suppress(BrokenPipeError), archive.dump_of(path) as dump:
        while chunk := dump.read(programs.CHUNK):
            script.input.write(chunk)
    with suppress(BrokenPipeError):
        script.input.close()
