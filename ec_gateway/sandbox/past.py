"""Orders that the site took before it kept this memory: known, shown and answered for, but no news any more.

A file of them is a JSON list of objects: ``document`` (as sent), ``is_paid``, ``is_cancelled``, ``changed_at``, ``shipments`` (as
``POST /mamori/shipments`` has them) and ``sent_back`` (line id → units).
"""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from ec_gateway.sandbox.site import Site


def load_past(site: Site, text: str) -> int:
    """Take in the orders of a file that are not known yet. Returns how many. Raises ValueError for what is no such file."""
    found = json.loads(text)
    if not isinstance(found, list) or any(not isinstance(item, dict) or "document" not in item for item in found):
        raise ValueError("a list of orders is needed, each with its document")
    with site.database.writing() as connection:
        known = {row["external_id"] for row in connection.execute("SELECT external_id FROM shop_order")}
        fresh = [item for item in found if item["document"]["external_id"] not in known]
        for item in fresh:
            _write(connection, item)
    return len(fresh)


def _write(connection: sqlite3.Connection, item: Mapping[str, Any]) -> None:
    document = item["document"]
    external_id = document["external_id"]
    payments = document.get("payments") or [{"method": "none"}]
    placed_at, changed_at = (_utc(text) for text in (document["ordered_at"], item["changed_at"]))
    connection.execute(
        "INSERT INTO shop_order (external_id, shopper, revision, document, total, method, is_paid, is_cancelled, placed_at, changed_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            external_id, document["orderer"]["external_id"], document["revision"], json.dumps(document, ensure_ascii=False),
            int(document["total"] or 0), payments[0]["method"], item["is_paid"], item["is_cancelled"], placed_at, changed_at,
        ],
    )  # fmt: skip
    shipped: dict[str, int] = {}
    for parcel in item["shipments"]:
        connection.execute(
            "INSERT INTO shipment VALUES (?, ?, ?, ?, ?, ?)",
            [
                parcel["number"], external_id, parcel["carrier"], parcel["tracking_number"], parcel["shipped_at"],
                json.dumps(parcel["lines"]),
            ],
        )  # fmt: skip
        for line_id, units in parcel["lines"].items():
            shipped[line_id] = shipped.get(line_id, 0) + units
    connection.executemany(
        "INSERT INTO order_line VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                external_id, line["line_id"], line["sku"], line["name"], line["quantity"], int(line["unit_price"]),
                shipped.get(line["line_id"], 0), item["sent_back"].get(line["line_id"], 0),
            )
            for line in document["lines"]
        ],
    )  # fmt: skip


def _utc(text: str) -> str:
    return dt.datetime.fromisoformat(text).astimezone(dt.UTC).isoformat()


def as_event(row: sqlite3.Row) -> dict[str, Any]:
    """What the site says of such an order when it is asked: how it stands, under an id that does not change."""
    if row["is_cancelled"]:
        kind, data = "order.cancelled", {"external_id": row["external_id"], "reason": ""}
    else:
        kind, data = "order.changed", json.loads(row["document"])
    key = f"past_{row['external_id']}_{row['revision']}_{row['is_cancelled']}"
    return {"type": kind, "id": key, "timestamp": row["changed_at"], "data": data}
