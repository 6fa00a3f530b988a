"""What happened to orders, in one list with rising positions: polled from there, and sent as webhooks from the queue beside it."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

ORDER_CHANGED, ORDER_CANCELLED = "order.changed", "order.cancelled"
PAYMENT_CHANGED, RETURN_REQUESTED, STOCK_CHANGED = "payment.changed", "return.requested", "stock.changed"


def record(
    connection: sqlite3.Connection, *, kind: str, external_id: str, data: Mapping[str, Any], at: dt.datetime
) -> int:
    """Part of a transaction. Returns the position of the event."""
    timestamp, text = at.isoformat(), json.dumps(data, ensure_ascii=False)
    insert = "INSERT INTO event (id, external_id, type, timestamp, data) VALUES ('', ?, ?, ?, ?)"
    position = connection.execute(insert, [external_id, kind, timestamp, text]).lastrowid
    assert position is not None
    key = f"evt_{life_of(connection)}_{position}"
    connection.execute("UPDATE event SET id = ? WHERE position = ?", [key, position])
    _queue(connection, key=key, kind=kind, data=data, at=at)
    return position


def tell_stock(connection: sqlite3.Connection, *, sku: str, quantity: int, at: dt.datetime) -> None:
    """Part of a transaction. Only sent, never polled: Mamori reads quantities by themselves."""
    last = connection.execute("SELECT coalesce(max(number), 0) AS number FROM outgoing").fetchone()["number"]
    _queue(
        connection,
        key=f"stk_{life_of(connection)}_{last + 1}",
        kind=STOCK_CHANGED,
        data={"sku": sku, "quantity": quantity},
        at=at,
    )


def _queue(connection: sqlite3.Connection, *, key: str, kind: str, data: Mapping[str, Any], at: dt.datetime) -> None:
    body = json.dumps({"type": kind, "timestamp": at.isoformat(), "data": data}, ensure_ascii=False)
    insert = "INSERT INTO outgoing (id, type, body, due_at) VALUES (?, ?, ?, ?)"
    connection.execute(insert, [key, kind, body, at.timestamp()])


def life_of(connection: sqlite3.Connection) -> str:
    """Begins every id: a site whose file was thrown away must not use the same ids for other orders."""
    return str(connection.execute("SELECT value FROM setting WHERE name = 'life'").fetchone()["value"])


def after(connection: sqlite3.Connection, *, position: int, limit: int) -> Sequence[sqlite3.Row]:
    query = "SELECT * FROM event WHERE position > ? ORDER BY position LIMIT ?"
    return connection.execute(query, [position, limit]).fetchall()


def of_order(connection: sqlite3.Connection, external_id: str) -> Sequence[sqlite3.Row]:
    return connection.execute("SELECT * FROM event WHERE external_id = ? ORDER BY position", [external_id]).fetchall()


def news_by_order(connection: sqlite3.Connection, kind: str) -> dict[str, list[dict[str, Any]]]:
    """Of every order what its events of one kind said, in the order in which it was said."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in connection.execute("SELECT external_id, data FROM event WHERE type = ? ORDER BY position", [kind]):
        found.setdefault(row["external_id"], []).append(json.loads(row["data"]))
    return found


def as_sent(row: sqlite3.Row) -> dict[str, Any]:
    return {"type": row["type"], "id": row["id"], "timestamp": row["timestamp"], "data": json.loads(row["data"])}
