"""Promising goods that are expected (入荷予定引当), and keeping the promise when they come. Dealt out anew whenever anything moved.

Takes these levels of the house's lock order: expected receipts by primary key, after the document (and after balances and cost rows where goods
come in); promises behind their receipt. A document that changes what it wants locks its own promises first; whoever deals out or receives
meanwhile passes over those (``SKIP LOCKED``) and never waits for a document.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple
from typing import Any

from django.db import connection

from erp.core import changes, rows
from erp.core.actors import Actor
from erp.core.use_case import use_case
from erp.inventory.models import Promise
from erp.inventory.selectors.promises import Due, PromiseKey, WantedPieces, deal_out
from erp.inventory.services import balances
from erp.inventory.services.balances import BalanceKey

_LOCK_RECEIPTS_OF_SKUS = """
SELECT id FROM inventory_expectedreceipt r WHERE r.sku_id = ANY(%s::bigint[]) AND (
    r.cancelled_at IS NULL AND r.received_quantity < r.quantity OR EXISTS (SELECT FROM inventory_promise p WHERE p.expected_receipt_id = r.id))
ORDER BY id FOR NO KEY UPDATE
"""
_LOCK_PROMISES = """
SELECT id, document_type, document_id, document_line, sku_id, expected_receipt_id, quantity, promised_date, priority, channel_id, arrived
FROM inventory_promise WHERE sku_id = ANY(%s::bigint[]) ORDER BY id FOR UPDATE SKIP LOCKED
"""
_OTHERS = """
SELECT document_type, document_id, expected_receipt_id, quantity FROM inventory_promise
WHERE sku_id = ANY(%s::bigint[]) AND quantity > 0 AND NOT id = ANY(%s::bigint[])
"""
_TAKE_BACK = "DELETE FROM inventory_promise WHERE id = ANY(%s::bigint[]) AND arrived = 0"
_CHANGE = """
UPDATE inventory_promise p
SET quantity = n.quantity, promised_date = n.day, priority = n.priority, channel_id = n.channel_id, promised_at = %s, actor = %s
FROM unnest(%s::bigint[], %s::int[], %s::date[], %s::smallint[], %s::bigint[]) AS n (id, quantity, day, priority, channel_id)
WHERE p.id = n.id
"""
_PROMISE = """
INSERT INTO inventory_promise
    (promised_at, actor, arrived, document_type, document_id, document_line, sku_id, expected_receipt_id, quantity, promised_date, priority,
     channel_id)
SELECT %s, %s, 0, n.*
FROM unnest(%s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::int[], %s::date[], %s::smallint[], %s::bigint[]) AS n
"""


@use_case
def promise(*, sku_ids: Sequence[int], demands: Sequence[WantedPieces], at: dt.datetime, by: Actor) -> int:
    """Deal out what is expected of these SKUs among ``demands``, of documents that the caller has locked, and among open customer orders.

    Whoever is not among them is promised nothing any more. Returns how many promises changed; again, there are none.
    """
    rows.ask(_LOCK_RECEIPTS_OF_SKUS, [list(sku_ids)]).all()
    stands: dict[PromiseKey, tuple[int, Due, int]] = {}
    for key, *row in rows.ask(_LOCK_PROMISES, [list(sku_ids)]).all():
        document_type, document_id, line, sku_id, receipt_id, quantity, day, priority, channel_id, arrived = row
        stands[document_type, document_id, line, sku_id, receipt_id] = (
            key, Due(quantity, day, priority, channel_id), arrived,
        )  # fmt: skip
    taken: dict[int, int] = defaultdict(int)
    busy = set()
    for document_type, document_id, receipt_id, quantity in rows.ask(
        _OTHERS, [list(sku_ids), [key for key, _due, _arrived in stands.values()]]
    ).all():
        busy.add((document_type, document_id))
        taken[receipt_id] += quantity
    free = [demand for demand in demands if (demand.document_type, demand.document_id) not in busy]
    due = deal_out(sku_ids=sku_ids, demands=free, taken=taken, at=at)
    return _write(stands, {key: item for key, item in due.items() if key[:2] not in busy}, at=at, by=by)


def _write(
    stands: Mapping[PromiseKey, tuple[int, Due, int]], due: Mapping[PromiseKey, Due], *, at: dt.datetime, by: Actor
) -> int:
    """First what is taken back, then what stays, then what is new: at no moment is more promised than at the end."""
    over = [row for key, row in stands.items() if key not in due and row[1].quantity]
    gone = [key for key, _due, arrived in over if not arrived]
    moved = [(row[0], due[key]) for key, row in stands.items() if key in due and row[1] != due[key]]
    moved += [(key, Due(0, was.promised_date, was.priority, was.channel_id)) for key, was, arrived in over if arrived]
    new = [(*key, *astuple(item)) for key, item in due.items() if key not in stands]
    with connection.cursor() as cursor:
        if gone:
            cursor.execute(_TAKE_BACK, [gone])
        if moved:
            columns = zip(*[(key, *astuple(item)) for key, item in moved], strict=True)
            cursor.execute(_CHANGE, [at, str(by), *map(list, columns)])
        if new:
            cursor.execute(_PROMISE, [at, str(by), *map(list, zip(*new, strict=True))])
    return len(gone) + len(moved) + len(new)


_HOLD_STILL = """
SELECT id FROM inventory_promise WHERE document_type = %s AND document_id = ANY(%s::bigint[]) ORDER BY id FOR UPDATE
"""
_LET_GO = """
DELETE FROM inventory_promise WHERE document_type = %s AND document_id = ANY(%s::bigint[])
"""


def lock_promises(*, document_type: str, document_ids: Sequence[int]) -> None:
    """Before a document that the caller has locked asks what is reserved for it: no pieces of a promise are reserved for it from now on."""
    rows.ask(_HOLD_STILL, [document_type, list(document_ids)]).all()


def let_go_promises(*, document_type: str, document_ids: Sequence[int]) -> None:
    """The documents, which the caller has locked, want nothing of what is expected, or something else: whatever they were promised is free."""
    with connection.cursor() as cursor:
        cursor.execute(_LET_GO, [document_type, list(document_ids)])


def let_go_of_lines(*, document_type: str, lines: Iterable[tuple[int, int, int]]) -> None:
    """The same for (document, line, SKU) that were served otherwise. What they still lack is promised anew by ``promise``."""
    keys = sorted(set(lines))
    if not keys:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM inventory_promise WHERE document_type = %s AND arrived = 0 AND (document_id, document_line, sku_id) IN"
            " (SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]))",
            [document_type, *(list(column) for column in zip(*keys, strict=True))],
        )


_LOCK_RECEIPTS = """
SELECT id, sku_id FROM inventory_expectedreceipt WHERE id = ANY(%s::bigint[]) AND location_id = %s ORDER BY id FOR NO KEY UPDATE
"""
_PROMISED_OF = """
SELECT id, document_type, document_id, document_line, sku_id, expected_receipt_id, quantity, priority, channel_id FROM inventory_promise
WHERE expected_receipt_id = ANY(%s::bigint[]) AND quantity > 0 ORDER BY priority, id FOR UPDATE SKIP LOCKED
"""
_FREE = """
SELECT b.id, b.sku_id, b.on_hand - b.allocated FROM inventory_stockbalance b WHERE b.location_id = %s AND b.sku_id = ANY(%s::bigint[])
"""
_OPEN_HOLDS = (
    "SELECT id FROM inventory_hold WHERE id = ANY(%s::bigint[]) AND closed_at IS NULL ORDER BY id FOR NO KEY UPDATE"
)
_ARRIVE = """
UPDATE inventory_promise p SET quantity = p.quantity - n.pieces, arrived = p.arrived + n.pieces
FROM unnest(%s::bigint[], %s::int[]) AS n (id, pieces) WHERE p.id = n.id
"""
_CLAIM = """
INSERT INTO inventory_reservation AS r
    (document_type, document_id, document_line, sku_id, location_id, quantity, consumed, released, priority, reserved_at, actor, quota_id)
SELECT %(type)s, n.document_id, n.document_line, n.sku_id, n.location_id, n.quantity, 0, 0, n.priority, %(at)s, %(actor)s,
       (SELECT q.id FROM inventory_channelquota q WHERE q.sku_id = n.sku_id AND q.channel_id = n.channel_id
        AND coalesce(q.starts_at <= %(at)s, true) AND coalesce(q.ends_at > %(at)s, true))
FROM unnest(%(documents)s::bigint[], %(lines)s::bigint[], %(skus)s::bigint[], %(places)s::bigint[], %(pieces)s::int[],
            %(priorities)s::smallint[], %(channels)s::bigint[])
    AS n (document_id, document_line, sku_id, location_id, quantity, priority, channel_id)
ON CONFLICT (document_type, document_id, document_line, sku_id, location_id) DO UPDATE
SET quantity = r.quantity + EXCLUDED.quantity, reserved_at = EXCLUDED.reserved_at, actor = EXCLUDED.actor,
    quota_id = CASE WHEN r.quantity + r.consumed = 0 THEN EXCLUDED.quota_id ELSE r.quota_id END
"""
_HOLD = """
INSERT INTO inventory_holdline AS line (hold_id, expires_at, line_no, sku_id, location_id, quantity)
SELECT h.id, h.expires_at, 1, n.sku_id, n.location_id, n.quantity
FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::int[]) AS n (hold_id, sku_id, location_id, quantity)
JOIN inventory_hold h ON h.id = n.hold_id
ON CONFLICT (sku_id, location_id, hold_id, line_no) DO UPDATE
SET quantity = EXCLUDED.quantity + CASE WHEN line.released_at IS NULL THEN line.quantity ELSE 0 END,
    released_at = NULL, expires_at = EXCLUDED.expires_at
"""


def keep_promises_of(arrived: Mapping[int, int], *, location_id: int, at: dt.datetime, by: Actor) -> int:
    """Reserve pieces that have just come, by expected receipt, for whom they were promised. Returns how many.

    Part of the receipt's transaction, which holds the balances and has booked the pieces in. Goods that came elsewhere than expected, or are
    gone already (在庫差異), are reserved for nobody.
    """
    receipts = dict(rows.ask(_LOCK_RECEIPTS, [sorted(arrived), location_id]).all())
    claims = rows.ask(_PROMISED_OF, [list(receipts)]).all() if receipts else []
    if not claims:
        return 0
    free = {
        sku_id: (key, pieces)
        for key, sku_id, pieces in rows.ask(_FREE, [location_id, sorted(set(receipts.values()))]).all()
    }
    holds = [claim[2] for claim in claims if claim[1] == "HOLD"]
    open_holds = {key for (key,) in rows.ask(_OPEN_HOLDS, [holds]).all()} if holds else set()
    left, unclaimed = dict(arrived), {sku_id: pieces for sku_id, (_key, pieces) in free.items()}
    kept: list[tuple[int, int]] = []
    by_type: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for key, document_type, document_id, line, sku_id, receipt_id, quantity, priority, channel_id in claims:
        pieces = min(quantity, left[receipt_id], unclaimed.get(sku_id, 0))
        if pieces <= 0 or (document_type == "HOLD" and document_id not in open_holds):
            continue
        left[receipt_id] -= pieces
        unclaimed[sku_id] -= pieces
        kept.append((key, pieces))
        by_type[document_type].append((document_id, line, sku_id, location_id, pieces, priority, channel_id))
    if kept:
        _claim(by_type, at=at, by=by)
        with connection.cursor() as cursor:
            cursor.execute(_ARRIVE, [*map(list, zip(*kept, strict=True))])
        balances.add_to_allocated({key: pieces - unclaimed[sku_id] for sku_id, (key, pieces) in free.items()})
        changes.record(topic="stock", keys=sorted({row[2] for claimed in by_type.values() for row in claimed}))
    return sum(pieces for _key, pieces in kept)


def _claim(by_type: Mapping[str, Sequence[tuple[Any, ...]]], *, at: dt.datetime, by: Actor) -> None:
    """One claim per document line; a line that is promised parts of two receipts at the same place is claimed for once."""
    for document_type, claimed in by_type.items():
        sums: dict[tuple[int, int, BalanceKey], list[Any]] = {}
        for document_id, line, sku_id, location_id, pieces, priority, channel_id in claimed:
            row = sums.setdefault((document_id, line, (sku_id, location_id)), [0, priority, channel_id])
            row[0] += pieces
        flat = [(doc, line, *key, *row) for (doc, line, key), row in sums.items()]
        if document_type == "HOLD":
            documents, _lines, skus, places, pieces_of, *_rest = (list(column) for column in zip(*flat, strict=True))
            with connection.cursor() as cursor:
                cursor.execute(_HOLD, [documents, skus, places, pieces_of])
        else:
            claim(document_type, flat, at=at, by=by)


def claim(document_type: str, claimed: Sequence[tuple[Any, ...]], *, at: dt.datetime, by: Actor) -> None:
    """Reserve pieces on locked balances: (document, line, SKU, location, pieces, priority, channel). They use the channel's quota, if one is in
    force, as if the channel reserved them now. The caller raises ``allocated``, and has locked the quotas."""
    names = ("documents", "lines", "skus", "places", "pieces", "priorities", "channels")
    columns = dict(zip(names, map(list, zip(*claimed, strict=True)), strict=True))
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"type": document_type, "at": at, "actor": str(by), **columns})


def forget_arrived(*, document_type: str, document_ids: Sequence[int]) -> None:
    """The documents, which the caller has locked, know that promised pieces are reserved for them."""
    mine = Promise.objects.filter(document_type=document_type, document_id__in=list(document_ids), arrived__gt=0)
    mine.filter(quantity=0).delete()
    mine.update(arrived=0)
