"""What is in a database, told so that two of them can be compared: the rows of every table, counted and fingerprinted, and the migrations.

A fingerprint is a sum over the hash of each row as text, so the order of rows does not count and every value does, generated columns too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

# Values must be written alike on both sides, whatever the roles and servers are set to.
_WRITING = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
}

# Tables with rows of their own: partitions, not what they are partitions of. What belongs to an extension is made by it again.
_TABLES = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY 1, 2
"""

_FINGERPRINT = (
    "SELECT count(*), coalesce(sum(hashtextextended(mamori_row::text, 0)::numeric), 0)::text FROM ONLY {} AS mamori_row"
)

_FACTS = """
SELECT current_database(), current_setting('server_version_num')::int / 10000, pg_database_size(current_database()),
       pg_snapshot_xmax(pg_current_snapshot())::text::bigint
"""


@dataclass(frozen=True, slots=True)
class Rows:
    count: int
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Facts:
    """``next_xid``: every transaction id that stands in a row is lower."""

    database: str
    server: int
    size_bytes: int
    next_xid: int


def facts(session: psycopg.Connection[Any]) -> Facts:
    row = session.execute(_FACTS).fetchone()
    assert row is not None
    return Facts(*row)


def tables(session: psycopg.Connection[Any]) -> list[tuple[str, str]]:
    """Schema and name of each table that has rows of its own."""
    return [(schema, name) for schema, name in session.execute(_TABLES)]


def rows_per_table(session: psycopg.Connection[Any]) -> dict[str, Rows]:
    for name, value in _WRITING.items():
        session.execute("SELECT set_config(%s, %s, false)", [name, value])
    found = {}
    for schema, name in tables(session):
        row = session.execute(sql.SQL(_FINGERPRINT).format(sql.Identifier(schema, name))).fetchone()
        assert row is not None
        found[f"{schema}.{name}"] = Rows(*row)
    return found


def migrations(session: psycopg.Connection[Any]) -> list[tuple[str, str]]:
    """App and name of each migration that was applied, oldest first."""
    there = session.execute("SELECT to_regclass('django_migrations')").fetchone()
    if there is None or there[0] is None:
        return []
    return [(app, name) for app, name in session.execute("SELECT app, name FROM django_migrations ORDER BY id")]


def differences(wanted: Mapping[str, Rows], found: Mapping[str, Rows]) -> list[str]:
    """Where a copy is not what was saved, a sentence per table."""
    told = []
    for name in sorted(wanted.keys() | found.keys()):
        before, after = wanted.get(name), found.get(name)
        if after is None:
            told.append(f"{name} is missing")
        elif before is None:
            told.append(f"{name} is not in the backup")
        elif before.count != after.count:
            told.append(f"{name} has {after.count:,} rows instead of {before.count:,}")
        elif before.fingerprint != after.fingerprint:
            told.append(f"{name} has {after.count:,} rows as it should, but with other values")
    return told
