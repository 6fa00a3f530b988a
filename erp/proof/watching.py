"""Looks at the stock the whole time, from outside: one statement is one instant, and at no instant may anything be promised that is not there."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import psycopg

EVERY_S = 0.2
FIRST_FAULTS = 20

# What must never be seen, not even between two commits of two processes.
_WRONG = """
SELECT sku.code, place.code, b.on_hand, b.allocated, claims.reserved, claims.held
FROM inventory_stockbalance b JOIN catalog_sku sku ON sku.id = b.sku_id JOIN inventory_location place ON place.id = b.location_id
CROSS JOIN LATERAL (
    SELECT (SELECT coalesce(sum(r.quantity), 0) FROM inventory_reservation r WHERE r.sku_id = b.sku_id AND r.location_id = b.location_id),
           (SELECT coalesce(sum(h.quantity), 0) FROM inventory_holdline h
            WHERE h.sku_id = b.sku_id AND h.location_id = b.location_id AND h.released_at IS NULL)
) claims (reserved, held)
WHERE b.on_hand < 0 OR b.allocated < 0 OR b.allocated > b.on_hand OR b.allocated <> claims.reserved + claims.held
"""


@dataclass(slots=True)
class Watcher:
    """A thread with a connection of its own; while PostgreSQL is away it waits."""

    url: str
    looks: int = 0
    faults: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._watch, name="watcher", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join(30)

    def _watch(self) -> None:
        while not self._over.is_set():
            try:
                with psycopg.connect(self.url, autocommit=True, connect_timeout=5) as connection:
                    while not self._over.wait(EVERY_S):
                        self._look(connection)
            except psycopg.OperationalError:
                self._over.wait(EVERY_S)

    def _look(self, connection: psycopg.Connection) -> None:
        for sku, place, on_hand, allocated, reserved, held in connection.execute(_WRONG).fetchall():
            if len(self.faults) < FIRST_FAULTS:
                words = f"{sku} in {place}: {on_hand} on hand, {allocated} allocated, {reserved} reserved, {held} held"
                self.faults.append(words)
        self.looks += 1
