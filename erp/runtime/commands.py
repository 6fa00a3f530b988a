"""Lets ``manage.py`` work with no server running: it starts the embedded PostgreSQL for as long as a command lasts.

Beside ``make run``, or another command, it borrows the server that runs already.
"""

import contextlib
import os
from collections.abc import Iterator, Sequence

from erp.runtime import occupancy, postgres, quarters, scratch
from erp.runtime.installation import Installation, read_env_file

# Commands that ask the database nothing.
NEED_NO_DATABASE = frozenset(
    {"", "--help", "--version", "check", "collectstatic", "diffsettings", "findstatic", "help", "makemigrations"}
    | {"sandbox_ec", "sendtestemail", "startapp", "startproject", "test", "testserver", "version"}
)

# Commands that bring servers of their own, in a temporary folder: nothing of this installation is touched.
OWN_SERVERS = frozenset({"fault_day", "prove_no_oversell"})

# Commands that may take as long as they need; what serves customers may not.
UNLIMITED = frozenset({"backup", "dbshell", "dumpdata", "flush", "loaddata", "migrate", "restore", "shell"})


@contextlib.contextmanager
def database_for(arguments: Sequence[str]) -> Iterator[None]:
    """Make sure that the command of ``arguments`` finds the embedded database, unless it brings its own."""
    read_env_file()
    command = arguments[1] if len(arguments) > 1 else ""
    if command in UNLIMITED:
        os.environ.setdefault("DATABASE_TRANSACTION_TIMEOUT_MS", "0")
        os.environ.setdefault("DATABASE_IDLE_IN_TRANSACTION_TIMEOUT_MS", "0")
    if command in OWN_SERVERS:
        with _installation_of_its_own():
            yield
        return
    asks_for_help = "--help" in arguments or "-h" in arguments
    if os.environ.get("DATABASE_URL") or command in NEED_NO_DATABASE or asks_for_help:
        yield
        return
    with _embedded_database(Installation.of_environment(), f"manage.py {command}"):
        yield


@contextlib.contextmanager
def _installation_of_its_own() -> Iterator[None]:
    """Settings that are read after this belong to an empty installation that is gone afterwards; the command starts its servers."""
    with scratch.folder() as folder:
        for name in ("DATABASE_URL", "REDIS_URL", "MAMORI_PORT", "SECRET_KEY"):
            os.environ.pop(name, None)
        own = {"MAMORI_VAR": str(folder), "MAMORI_ENV_FILE": "", "DEBUG": "true"}
        os.environ |= {**own, "MAMORI_PRACTICE": "true", "MAMORI_DEMO": "false"}
        os.environ.setdefault("LOG_LEVEL", "WARNING")
        try:
            yield
        finally:
            quarters.forget(Installation.of_environment().postgres_data)


@contextlib.contextmanager
def _embedded_database(installation: Installation, what: str) -> Iterator[None]:
    with contextlib.ExitStack() as until_done:
        # A guest first: an owner that is about to stop its server lets nobody in until it has stopped.
        with contextlib.ExitStack() as visit:
            visit.enter_context(occupancy.guest(installation))
            try:
                until_done.enter_context(occupancy.named_owner(installation, what))
            except occupancy.Occupied:
                until_done.push(visit.pop_all())
                yield
                return
        wait_for_guests = until_done.enter_context(occupancy.no_guests(installation))
        until_done.enter_context(postgres.of_installation(installation))
        until_done.callback(wait_for_guests)
        yield


def keep_no_query_log() -> None:
    """With DEBUG on, Django keeps the text of the last 9,000 statements, which a long import has no use for."""
    from django.db.backends.base.base import BaseDatabaseWrapper

    # Tests that count queries force the cursor that logs; that still works.
    BaseDatabaseWrapper.queries_logged = property(lambda connection: connection.force_debug_cursor)  # type: ignore[method-assign,assignment]
