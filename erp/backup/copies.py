"""A place for the copy that a drill makes, gone afterwards. What a killed drill left is removed by its heir, or by whoever looks next.

The usual place is a server of its own on this machine: loading is one long write, which would hold back the change feed of whoever shares
a server with it. Where this machine has no room, the copy may stand beside the live database.
"""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from erp.backup.archive import Manifest
from erp.backup.programs import Database
from erp.core.errors import Problem
from erp.runtime import postgres

PREFIX = "mamori_drill_"
# Made by our role beside our database: another company's on the same server is that one's, whose locks cannot be seen from here.
LEFT = """
SELECT datname FROM pg_database
WHERE starts_with(datname, %s || left(md5(current_database()), 8) || '_') AND pg_get_userbyid(datdba) = current_user
"""
# Indexes are built anew and the log of the copy is written as well.
ROOM = 1.5


@dataclass(frozen=True, slots=True)
class Copy:
    """An empty database to fill. ``folder`` is where it lies if it has a server of its own."""

    database: Database
    folder: Path | None = None


def room_problems(manifest: Manifest) -> Iterator[Problem]:
    folder = tempfile.gettempdir()
    free, wanted = shutil.disk_usage(folder).free, int(manifest.database_bytes * ROOM)
    if free < wanted:
        detail = f"the copy needs about {wanted >> 20:,} MiB in {folder} and there are {free >> 20:,}; set TMPDIR, or use --on-server"
        yield Problem("", "no_room", detail)


@contextmanager
def on_own_server() -> Iterator[Copy]:
    """An empty database on a server that nobody else knows, and that dies with this process."""
    with postgres.throw_away_cluster(settings={"maintenance_work_mem": "256MB"}) as cluster:
        yield Copy(Database.of_url(cluster.url), cluster.data_dir.parent)


@contextmanager
def on_server_of(database: Database) -> Iterator[Copy]:
    """An empty database beside this one. Its name is locked while somebody uses it, so a name that can be locked is a leftover."""
    with database.connect() as session:
        clear_what_others_left(session)
        name = f"{PREFIX}{_mark_of(session)}_{secrets.token_hex(6)}"
        _lock(session, name)
        session.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        try:
            yield Copy(database.named(name))
        finally:
            _drop(session, name)


def clear_what_others_left(session: psycopg.Connection[Any]) -> int:
    """Drop the copies on this server that nobody uses any more. Gives their number."""
    found = session.execute(LEFT, [PREFIX]).fetchall()
    return sum(_clear(session, name) for (name,) in found if _lock(session, name))


def _clear(session: psycopg.Connection[Any], name: str) -> bool:
    """Whether it is gone. One that a process of the server still works in is left for the next look: nobody waits for it, and nothing fails."""
    try:
        _drop(session, name)
    except psycopg.errors.ObjectInUse:
        session.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [name])
        return False
    return True


def _mark_of(session: psycopg.Connection[Any]) -> str:
    """What names of copies tell of the database they are of."""
    row = session.execute("SELECT left(md5(current_database()), 8)").fetchone()
    assert row is not None
    return str(row[0])


def _lock(session: psycopg.Connection[Any], name: str) -> bool:
    """For as long as this session lasts. Such locks are of one database, as are the copies that are looked for."""
    row = session.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [name]).fetchone()
    return bool(row and row[0])


def _drop(session: psycopg.Connection[Any], name: str) -> None:
    # Without FORCE, for which a vacuum of the server that works there would be a session of somebody else. It waits for ours to end.
    session.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
