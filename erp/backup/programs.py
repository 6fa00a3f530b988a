"""The programs of PostgreSQL: ``pg_dump``, ``pg_restore`` and ``psql``, those of the wheel unless another folder is named.

A password goes to them in the environment, since everybody may read command lines.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psycopg
from django.conf import settings
from django.db import connection
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from erp.backup.exceptions import ProgramFailed
from erp.runtime import leash, postgres

CHUNK = 1 << 20
NO_LIMITS = ("statement_timeout", "lock_timeout", "transaction_timeout", "idle_in_transaction_session_timeout")


@dataclass(frozen=True, slots=True)
class Database:
    """Where a database is, in the words of libpq, and the password for it."""

    dsn: str
    password: str = ""

    @classmethod
    def of_django(cls) -> Database:
        connection.ensure_connection()
        info = connection.connection.info
        return cls(info.dsn, info.password)

    @classmethod
    def of_url(cls, url: str) -> Database:
        parts = conninfo_to_dict(url)
        password = str(parts.pop("password", "") or "")
        return cls(make_conninfo("", **parts), password)

    @property
    def name(self) -> str:
        return str(conninfo_to_dict(self.dsn).get("dbname", ""))

    @property
    def url(self) -> str:
        """With the password, for the environment of a process of ours."""
        return make_conninfo(self.dsn, **({"password": self.password} if self.password else {}))

    def named(self, name: str) -> Database:
        """Another database of the same server."""
        return Database(make_conninfo(self.dsn, dbname=name), self.password)

    def connect(self) -> psycopg.Connection[Any]:
        """A session without the limits of the application: what is done here takes as long as it takes."""
        session = psycopg.connect(self.url, autocommit=True)
        for limit in NO_LIMITS:
            session.execute(f"SET {limit} = 0")
        return session


def path_of(program: str) -> Path:
    folder = settings.POSTGRES_BIN
    return (Path(folder) if folder else postgres.binaries()) / program


def major_version(program: str) -> int:
    """Raises ProgramFailed when it cannot be run."""
    try:
        told = subprocess.run([path_of(program), "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as fault:
        raise ProgramFailed(f"{program} cannot be run: {fault}") from fault
    found = re.search(r"(\d+)(\.\d+)?", told)
    if found is None:
        raise ProgramFailed(f"{program} does not say its version: {told.strip()}")
    return int(found[1])


class Program:
    """One of them, running on the leash of this process. ``output`` is read by us, or goes to nobody."""

    def __init__(
        self, name: str, arguments: Sequence[str], *, database: Database | None = None, feeds: bool, tells: bool
    ) -> None:
        self.name = name
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed in ``close``
        self._process = leash.start(
            [path_of(name), *arguments, *([f"--dbname={database.dsn}"] if database else [])],
            env=_environment(database),
            feed=subprocess.PIPE if feeds else subprocess.DEVNULL,
            output=subprocess.PIPE if tells else subprocess.DEVNULL,
            errors=self._said,
        )

    @property
    def input(self) -> IO[bytes]:
        assert self._process.stdin is not None, "the program is not fed"
        return self._process.stdin

    def chunks(self) -> Iterator[bytes]:
        assert self._process.stdout is not None, "the program tells nothing"
        while chunk := self._process.stdout.read(CHUNK):
            yield chunk

    def end(self) -> None:
        """Wait for its end. Raises ProgramFailed with what it said."""
        if self._process.stdin is not None:
            # A program that took no more has an exit code that says so.
            with suppress(BrokenPipeError):
                self._process.stdin.close()
        if self._process.wait() != 0:
            raise ProgramFailed(f"{self.name} failed: {self.said()}")

    def said(self) -> str:
        self._said.seek(0)
        return self._said.read().decode(errors="replace").strip()[-2_000:] or "it said nothing"

    def close(self) -> None:
        """Kill it if it still runs; a session of the server that it had is rolled back."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._said):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()


@contextmanager
def running(name: str, arguments: Sequence[str], **options: Any) -> Iterator[Program]:
    program = Program(name, arguments, **options)
    try:
        yield program
    finally:
        program.close()


def _environment(database: Database | None) -> Mapping[str, str]:
    """Without variables that would lead the programs elsewhere, and with the language in which we read what they say."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))}
    password = {"PGPASSWORD": database.password} if database and database.password else {}
    return {**kept, "LANG": "C.UTF-8", **password}
