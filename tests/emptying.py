"""Brings the tables back to what they held after the migrations, behind each test that commits.

Django's own way truncates all tables, each with its indexes, and loads the reference data again, which costs more than most of these tests. Here only
what was written is taken away, and reference data is touched only where it differs. Needs the superuser of the server, whom no trigger stops.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import psycopg
from psycopg import sql

TABLES = """
SELECT relname FROM pg_class
WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::regnamespace AND relname <> 'django_migrations'
ORDER BY relname
"""


@dataclass
class Tables:
    """The tables of one database, and what they hold when nobody has written yet."""

    url: str
    names: list[str] = field(default_factory=list)
    first_rows: dict[str, bytes] = field(default_factory=dict)

    def remember(self) -> None:
        with psycopg.connect(self.url) as session:
            self.names = [name for (name,) in session.execute(TABLES)]
            self.first_rows = {name: _rows(session, name) for name in _filled(session, self.names)}

    def empty(self) -> None:
        """Take away what tests wrote. Waits for whoever still writes, as TRUNCATE would."""
        with psycopg.connect(self.url) as session:
            session.execute("SET session_replication_role = replica")
            everything = sql.SQL(", ").join(map(sql.Identifier, self.names))
            session.execute(sql.SQL("LOCK TABLE {} IN SHARE MODE").format(everything))
            filled = set(_filled(session, self.names))
            for name in filled - self.first_rows.keys():
                session.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(name)))
            for name, rows in self.first_rows.items():
                if name not in filled or _rows(session, name) != rows:
                    _replace(session, name, rows)


def _filled(session: psycopg.Connection, names: list[str]) -> list[str]:
    """Those of these tables that hold anything, asked in one statement."""
    asked = [
        sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {})").format(sql.Literal(name), sql.Identifier(name))
        for name in names
    ]
    return [name for (name,) in session.execute(sql.SQL(" UNION ALL ").join(asked))]


def _rows(session: psycopg.Connection, name: str) -> bytes:
    with session.cursor().copy(sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(name))) as rows:
        return b"".join(rows)


def _replace(session: psycopg.Connection, name: str, rows: bytes) -> None:
    session.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(name)))
    with session.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(name))) as copy:
        copy.write(rows)
