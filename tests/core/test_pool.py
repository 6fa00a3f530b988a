"""The web server's pool hands out connections that work, without asking the server each time."""

from __future__ import annotations

import pytest
from django.db import connection

from erp.core.postgresql.base import DatabaseWrapper


@pytest.fixture
def pool(db):
    settings = connection.settings_dict
    options = {**settings["OPTIONS"], "pool": {"min_size": 1, "max_size": 1, "timeout": 5}}
    wrapper = DatabaseWrapper({**settings, "OPTIONS": options}, alias="pooled")
    wrapper.pool.open()
    yield wrapper.pool
    wrapper.close_pool()


def backend_of_a_request(pool):
    with pool.connection() as handed_out:
        return handed_out.info.backend_pid


def test_the_same_connection_serves_request_after_request(pool):
    assert backend_of_a_request(pool) == backend_of_a_request(pool)


def test_a_connection_that_the_server_has_ended_is_not_handed_out(pool):
    first = backend_of_a_request(pool)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [first])
        assert cursor.fetchone() == (True,)

    assert backend_of_a_request(pool) != first
