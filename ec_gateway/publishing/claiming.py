"""Decide what to send: the rows that are due, and for each the newest figure. What is sent is written down before it is sent."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from ec_gateway.models import EcSite, SitePush
from ec_gateway.platforms.interface import QuantityPush
from ec_gateway.selectors import orders_seen
from ec_gateway.services.echoes import LATELY
from erp.core import rows
from erp.inventory.selectors import available_to_promise

RECENT = 8


@dataclass(frozen=True, slots=True)
class Due:
    """A row that is due, as it was read. ``generation`` is what a push of it will clear, and nothing newer."""

    id: int
    sku_id: int
    listing_id: int
    generation: int
    is_forced: bool
    due_at: dt.datetime
    attempts: int
    error: str
    shown: int | None
    version: int
    pending_key: str
    pending_quantity: int | None
    pending_expected: int | None
    pending_orders_seen: str
    recent: list[int]
    sent_at: dt.datetime | None
    external_code: str
    external_ref: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Claim:
    """A due row and what the site will be told of it."""

    due: Due
    push: QuantityPush


_DUE = """
SELECT p.id, p.sku_id, l.id, p.generation, p.is_forced, p.due_at, p.attempts, p.error, p.shown, p.version, p.pending_key, p.pending_quantity,
       p.pending_expected, p.pending_orders_seen, p.recent, p.sent_at, l.external_code, l.external_ref::text
FROM ec_gateway_sitepush p
JOIN ec_gateway_listing l ON l.site_id = p.site_id AND l.sku_id = p.sku_id AND l.is_active
WHERE p.site_id = %s AND p.dirty_since IS NOT NULL AND p.due_at <= %s
ORDER BY p.due_at, p.id
LIMIT %s
"""


def due_rows(*, site_id: int, at: dt.datetime, limit: int) -> list[Due]:
    """The rows that have waited longest."""
    with connection.cursor() as cursor:
        cursor.execute(_DUE, [site_id, at, limit])
        found: list[Any] = cursor.fetchall()
    return [Due(*[*row[:-1], json.loads(row[-1])]) for row in found]


def claim(*, site: EcSite, due: Sequence[Due], at: dt.datetime) -> tuple[list[Claim], list[Due]]:
    """What to send now, and the rows whose figure the site shows already, for which nothing is sent.

    The site's orders are asked before the stock, so that a figure never claims to contain an order that it does not.
    """
    seen = orders_seen(site_id=site.pk) if site.is_polling else ""
    figures = available_to_promise(channel_id=site.channel_id, sku_ids=[row.sku_id for row in due], at=at)
    claims, unchanged = [], []
    for row in due:
        quantity = figures[row.sku_id].available
        if quantity == row.shown and not (row.is_forced or row.pending_key or row.error):
            unchanged.append(row)
        else:
            claims.append(Claim(row, _push(site.pk, row, quantity, seen, at)))
    with transaction.atomic():
        lock(row.id for row in due)
        _write(claims, at)
        _clear(unchanged)
    return claims, unchanged


def lock(ids: Iterable[int]) -> None:
    """In the order of SKUs, as everybody who marks them does."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT FROM ec_gateway_sitepush WHERE id = ANY(%s) ORDER BY sku_id FOR NO KEY UPDATE", [list(ids)]
        )


def _push(site_id: int, row: Due, quantity: int, seen: str, at: dt.datetime) -> QuantityPush:
    """The same content again keeps version and key, so that work which was done without our hearing of it is not done twice.

    A version is at least the time in milliseconds: after a restore of the database new figures still count as newer than what sites keep.
    """
    content = (quantity, row.shown, seen)
    is_repeat = bool(row.pending_key) and content == (
        row.pending_quantity,
        row.pending_expected,
        row.pending_orders_seen,
    )
    version = row.version if is_repeat else max(row.version + 1, int(at.timestamp() * 1000))
    return QuantityPush(
        external_code=row.external_code,
        external_ref=row.external_ref,
        quantity=quantity,
        expected=row.shown,
        version=version,
        idempotency_key=row.pending_key if is_repeat else f"stock-{site_id}-{row.sku_id}-{version}",
        orders_seen=seen,
    )


_COLUMNS = [
    "version",
    "pending_key",
    "pending_quantity",
    "pending_expected",
    "pending_orders_seen",
    "sent_at",
    "recent",
]


def _write(claims: Sequence[Claim], at: dt.datetime) -> None:
    rows.update(
        SitePush,
        "id",
        _COLUMNS,
        [
            (
                item.due.id, item.push.version, item.push.idempotency_key, item.push.quantity, item.push.expected,
                item.push.orders_seen, at, _recent(item, at),
            )
            for item in claims
        ],
    )  # fmt: skip


def _recent(item: Claim, at: dt.datetime) -> list[int]:
    is_recent = item.due.sent_at is not None and at - item.due.sent_at < LATELY
    before = item.due.recent if is_recent else []
    return [*(figure for figure in before if figure != item.push.quantity), item.push.quantity][-RECENT:]


_CLEAR = """
UPDATE ec_gateway_sitepush AS p SET dirty_since = NULL
FROM (SELECT * FROM unnest(%s::bigint[], %s::bigint[]) AS seen (id, generation)) seen
WHERE p.id = seen.id AND p.generation = seen.generation AND NOT p.is_forced
"""


def _clear(unchanged: Sequence[Due]) -> None:
    if unchanged:
        with connection.cursor() as cursor:
            cursor.execute(_CLEAR, [[row.id for row in unchanged], [row.generation for row in unchanged]])
