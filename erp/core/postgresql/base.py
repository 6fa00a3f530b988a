"""Django's PostgreSQL backend, with a pool that looks at a connection before handing it out where Django's asks the server over it.

The question costs a round trip of every request; the look costs none and finds the same: connections that a restart of the server has broken.
"""

from __future__ import annotations

import select
from typing import Any

from django.db.backends.base.base import NO_DB_ALIAS
from django.db.backends.postgresql import base
from psycopg import Connection
from psycopg_pool import ConnectionPool


class DatabaseWrapper(base.DatabaseWrapper):
    _connection_pools: dict[str, ConnectionPool]
    _configure_connection: Any

    @property
    def pool(self) -> Any:
        options = self.settings_dict["OPTIONS"].get("pool")
        if options and self.alias != NO_DB_ALIAS and self.alias not in self._connection_pools:
            made = ConnectionPool(
                kwargs={**self.get_connection_params(), "autocommit": True},
                open=False,
                configure=self._configure_connection,
                check=refuse_broken,
                **options,
            )
            self._connection_pools.setdefault(self.alias, made)
        return super().pool


def refuse_broken(connection: Connection[Any]) -> None:
    """Raises OperationalError for a connection whose server is gone.

    A connection at rest has nothing to say. One that can be read has: the end of its stream, or a notice; then the server is asked.
    """
    waiting = select.poll()
    waiting.register(connection.pgconn.socket, select.POLLIN)
    if waiting.poll(0):
        ConnectionPool.check_connection(connection)
