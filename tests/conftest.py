"""Gives every test process a PostgreSQL of its own, because the horizon of the change feed is cluster-wide.

The server starts with the first test that needs it. With ``DATABASE_URL`` set, that server is used instead.
"""

import os
import signal
from collections.abc import Iterator

import pytest
from django.db import connections

from erp.runtime import leash, postgres

if "PYTEST_XDIST_WORKER" in os.environ:
    # A killed run must not leave workers behind that finish their test first, nor the servers of those.
    leash.die_with_parent(signal.SIGTERM, parent_pid=os.getppid())

# Each test is one long transaction; a debugger must not lose it either.
NO_TIMEOUTS = "-c transaction_timeout=0 -c idle_in_transaction_session_timeout=0"


@pytest.fixture(scope="session")
def database_server() -> Iterator[str | None]:
    """The URL of this process's own cluster, or None when ``DATABASE_URL`` names the server to use."""
    if os.environ.get("DATABASE_URL"):
        yield None
        return
    with postgres.throw_away_cluster() as cluster:
        yield cluster.url


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, database_server: str | None
) -> None:
    from erp.settings import database_from_url

    settings = connections["default"].settings_dict
    if database_server is not None:
        own = database_from_url(database_server)
        settings.update({name: own[name] for name in ("HOST", "PORT", "USER", "PASSWORD")})
    # Append-only tables refuse TRUNCATE, except to tests that must clear the tables they committed to.
    settings["OPTIONS"]["options"] = f"{NO_TIMEOUTS} -c mamori.allow_truncate=on"
