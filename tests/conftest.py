"""Gives every test process a PostgreSQL of its own, because the horizon of the change feed is cluster-wide.

The server starts with the first test that needs it. With ``DATABASE_URL`` set, that server is used instead.
"""

import gc
import os
import signal
from collections.abc import Iterator

import pytest
from django.db import connections
from django.test import TransactionTestCase
from django.test.utils import override_settings

from erp.runtime import leash, postgres
from tests.emptying import Tables

if "PYTEST_XDIST_WORKER" in os.environ:
    # A killed run must not leave workers behind that finish their test first, nor the servers of those.
    leash.die_with_parent(signal.SIGTERM, parent_pid=os.getppid())

# Each test is one long transaction; a debugger must not lose it either.
NO_TIMEOUTS = "-c transaction_timeout=0 -c idle_in_transaction_session_timeout=0"


# They take longest, in whichever order; begun last they would leave the other worker with nothing to do.
FIRST_GROUPS = ("fresh clone", "make run", "demo", "gateway processes", "faults", "practice site")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def rank(item: pytest.Item) -> int:
        group = next((mark.args[0] for mark in item.iter_markers("xdist_group")), "")
        return FIRST_GROUPS.index(group) if group in FIRST_GROUPS else len(FIRST_GROUPS)

    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=rank)


def pytest_collection_finish() -> None:
    """Django, its models and the tests stay to the end; the collector need not look through them again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """A slow hash is right in the house, and took a twelfth of the time of all tests. Processes that a test starts keep the house's own."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture(scope="session")
def database_server() -> Iterator[postgres.Cluster | None]:
    """This process's own cluster, or None when ``DATABASE_URL`` names the server to use."""
    if os.environ.get("DATABASE_URL"):
        yield None
        return
    with postgres.throw_away_cluster() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, database_server: postgres.Cluster | None
) -> None:
    from erp.settings import database_from_url

    settings = connections["default"].settings_dict
    if database_server is not None:
        own = database_from_url(database_server.url)
        settings.update({name: own[name] for name in ("HOST", "PORT", "USER", "PASSWORD")})
    # Append-only tables refuse TRUNCATE, except to tests that must clear the tables they committed to.
    settings["OPTIONS"]["options"] = f"{NO_TIMEOUTS} -c mamori.allow_truncate=on"


@pytest.fixture(scope="session")
def uncollected_migrations() -> None:
    """Without the collector, until it is enabled: it looks through all models again and again while the migrations run."""
    gc.disable()


@pytest.fixture(scope="session")
def django_db_setup(
    uncollected_migrations: None, django_db_setup: None, database_server: postgres.Cluster | None
) -> Iterator[None]:
    """What tests committed is taken away faster than Django does, on a server whose superuser we know."""
    gc.enable()
    gc.freeze()
    with pytest.MonkeyPatch.context() as patched:
        if database_server is not None:
            tables = Tables(database_server.superuser_url_of(connections["default"].settings_dict["NAME"]))
            tables.remember()
            patched.setattr(TransactionTestCase, "_fixture_teardown", lambda test: tables.empty())
        yield
