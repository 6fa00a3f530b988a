"""The site's memory: one SQLite file in WAL mode. What was answered survives kill -9; every decision about stock is one transaction."""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

BUSY_S = 10.0
SCHEMA = """
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS product (
    sku TEXT PRIMARY KEY, style TEXT NOT NULL, style_name TEXT NOT NULL, description TEXT NOT NULL, shape TEXT NOT NULL,
    color TEXT NOT NULL, hex TEXT NOT NULL, size TEXT NOT NULL, price INTEGER NOT NULL, tax_rate INTEGER NOT NULL, rank INTEGER NOT NULL,
    quantity INTEGER NOT NULL DEFAULT 0, version INTEGER, last_order INTEGER NOT NULL DEFAULT 0, told_at TEXT
);
CREATE TABLE IF NOT EXISTS shop_order (
    external_id TEXT PRIMARY KEY, shopper TEXT NOT NULL, revision INTEGER NOT NULL, document TEXT NOT NULL, total INTEGER NOT NULL,
    method TEXT NOT NULL, is_paid INTEGER NOT NULL, is_cancelled INTEGER NOT NULL DEFAULT 0, placed_at TEXT NOT NULL, changed_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS order_line (
    external_id TEXT NOT NULL, line_id TEXT NOT NULL, sku TEXT NOT NULL, name TEXT NOT NULL, quantity INTEGER NOT NULL,
    unit_price INTEGER NOT NULL, shipped INTEGER NOT NULL DEFAULT 0, sent_back INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (external_id, line_id)
);
CREATE TABLE IF NOT EXISTS shipment (
    number TEXT PRIMARY KEY, external_id TEXT NOT NULL, carrier TEXT NOT NULL, tracking_number TEXT NOT NULL, shipped_at TEXT NOT NULL,
    lines TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS event (
    position INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, external_id TEXT NOT NULL, type TEXT NOT NULL,
    timestamp TEXT NOT NULL, data TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS event_of_order ON event (external_id, position);
CREATE TABLE IF NOT EXISTS outgoing (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, type TEXT NOT NULL, body TEXT NOT NULL, due_at REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, was_held INTEGER NOT NULL DEFAULT 0, outcome TEXT NOT NULL DEFAULT '', detail TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS outgoing_waiting ON outgoing (due_at, number) WHERE outcome = '';
CREATE TABLE IF NOT EXISTS answer (key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS fault (
    name TEXT PRIMARY KEY, is_on INTEGER NOT NULL, parameters TEXT NOT NULL, until REAL, asked INTEGER NOT NULL, hit INTEGER NOT NULL
);
"""


class Database:
    """``reading`` sees what was committed; ``writing`` is one transaction at a time, all of it or nothing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = threading.Lock()
        self._writer = self._connect()
        self._writer.executescript(SCHEMA)
        with self.writing() as connection:
            # Marks this life of the site: a site whose file was thrown away must not use the same ids for other orders.
            connection.execute("INSERT OR IGNORE INTO setting VALUES ('life', ?)", [secrets.token_hex(3)])
            connection.execute("INSERT OR IGNORE INTO setting VALUES ('secret_key', ?)", [secrets.token_urlsafe(40)])

    def setting(self, name: str) -> str:
        with self.reading() as connection:
            row = connection.execute("SELECT value FROM setting WHERE name = ?", [name]).fetchone()
        return str(row["value"]) if row else ""

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        with contextlib.closing(self._connect()) as connection:
            connection.execute("BEGIN")
            yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        # One at a time by a lock of ours: SQLite itself would let writers wait in naps.
        with self._lock:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
            except BaseException:
                self._writer.execute("ROLLBACK")
                raise
            self._writer.execute("COMMIT")

    def close(self) -> None:
        with self._lock:
            self._writer.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        return connection
