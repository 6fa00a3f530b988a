"""Claims of documents on stock (引当): reserve and release. The hot path of every order, so each use-case is a handful of statements.

Takes these levels of the house's lock order: balances by primary key, hold lines. The caller holds its document.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from django.db import connection

from erp.core import changes, rows
from erp.core.actors import Actor
from erp.core.use_case import pipelined, use_case
from erp.inventory.services import balances
from erp.inventory.services.balances import Balance, BalanceKey

NO_HOLDS: Mapping[int, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Demand:
    """Pieces that a document's line wants on top of what it has. A smaller ``priority`` keeps its pieces longer when they run out."""

    document_id: int
    document_line: int
    sku_id: int
    quantity: int
    priority: int


@dataclass(frozen=True, slots=True)
class Granted:
    document_id: int
    document_line: int
    sku_id: int
    location_id: int
    quantity: int


@pipelined
def reserve(
    *,
    channel_id: int,
    document_type: str,
    demands: Sequence[Demand],
    hold_refs: Mapping[int, str] = NO_HOLDS,
    batch: rows.Batch | None = None,
    at: dt.datetime,
    by: Actor,
) -> list[Granted]:
    """Reserve what is there, in the order of ``demands``, from the channel's locations by rank. A short demand gets a part or nothing.

    ``hold_refs`` names, per document id, the hold of this channel that becomes its reservation: a buyer is never blocked by the own hold.
    Expired hold lines are free. Never raises for a shortage; what was granted before stays and is added to. With a ``batch`` the writes
    join those of the caller, who runs it: the balances are locked, and nothing reads them in between.
    """
    locked = balances.lock_sellable(
        channel_id=channel_id,
        sku_ids=list({demand.sku_id for demand in demands}),
        hold_refs=list(hold_refs.values()),
        at=at,
    )
    change = {(row.sku_id, row.location_id): 0 for row, _rank in locked}
    for key, pieces in balances.release_expired_holds([row for row, _rank in locked], at=at).items():
        change[key] -= pieces
    kept = _convert_holds(channel_id, hold_refs, change, at=at) if hold_refs else {}
    granted = _grant(demands, [row for row, rank in locked if rank is not None], change, kept)

    ids = {(row.sku_id, row.location_id): row.id for row, _rank in locked}
    priorities = {(demand.document_id, demand.document_line): demand.priority for demand in demands}
    own = rows.Batch() if batch is None else batch
    balances.add_to_allocated({ids[key]: pieces for key, pieces in change.items()}, batch=own)
    _upsert(document_type, granted, priorities, at=at, by=by, batch=own)
    stirred = [sku_id for (sku_id, _location), pieces in change.items() if pieces]
    changes.record(topic="stock", keys=stirred, batch=own)
    if batch is None:
        own.run()
    return [Granted(*key, pieces) for key, pieces in granted.items()]


Kept = dict[int, dict[BalanceKey, int]]
"""Pieces that a document's own hold had claimed, per document and balance."""
GrantKey = tuple[int, int, int, int]
"""(document, line, SKU, location)"""

# Closing the hold's header is part of the statement: a hold converted once is gone.
_CONVERT = """
WITH closed AS (
    UPDATE inventory_hold SET closed_at = %s WHERE channel_id = %s AND ref = ANY(%s) AND closed_at IS NULL RETURNING id, ref
)
UPDATE inventory_holdline line SET released_at = %s FROM closed
WHERE line.hold_id = closed.id AND line.released_at IS NULL
  AND (line.sku_id, line.location_id) IN (SELECT * FROM unnest(%s::bigint[], %s::bigint[]))
RETURNING closed.ref, line.sku_id, line.location_id, line.quantity
"""


def _convert_holds(
    channel_id: int, hold_refs: Mapping[int, str], change: dict[BalanceKey, int], *, at: dt.datetime
) -> Kept:
    documents = {ref: document_id for document_id, ref in hold_refs.items()}
    kept: Kept = defaultdict(lambda: defaultdict(int))
    with connection.cursor() as cursor:
        cursor.execute(
            _CONVERT,
            [at, channel_id, list(documents), at, [sku for sku, _loc in change], [loc for _sku, loc in change]],
        )
        for ref, sku_id, location_id, quantity in cursor.fetchall():
            kept[documents[ref]][sku_id, location_id] += quantity
            change[sku_id, location_id] -= quantity
    return kept


def _grant(
    demands: Sequence[Demand], sellable: Sequence[Balance], change: dict[BalanceKey, int], kept: Kept
) -> dict[GrantKey, int]:
    """Deal the free pieces out; ``change`` (of ``allocated``) is brought up to date.

    First every document takes what its own hold had kept for it, then the rest goes round in the order of the demands.
    """
    granted: dict[GrantKey, int] = defaultdict(int)
    missing = [demand.quantity for demand in demands]

    def take(index: int, location_id: int, pieces: int) -> None:
        demand = demands[index]
        granted[demand.document_id, demand.document_line, demand.sku_id, location_id] += pieces
        change[demand.sku_id, location_id] += pieces
        missing[index] -= pieces

    for index, demand in enumerate(demands):
        for (sku_id, location_id), pieces in kept[demand.document_id].items() if demand.document_id in kept else ():
            if sku_id == demand.sku_id and (mine := min(pieces, missing[index])):
                kept[demand.document_id][sku_id, location_id] -= mine
                take(index, location_id, mine)

    of_sku: dict[int, list[Balance]] = defaultdict(list)
    for row in sellable:
        of_sku[row.sku_id].append(row)
    for index, demand in enumerate(demands):
        for row in of_sku[demand.sku_id]:
            if not missing[index]:
                break
            free = row.unclaimed - change[row.sku_id, row.location_id]
            if free > 0:
                take(index, row.location_id, min(free, missing[index]))
    return granted


_UPSERT = """
INSERT INTO inventory_reservation AS r (document_type, reserved_at, actor, consumed, released,
                                        document_id, document_line, sku_id, location_id, quantity, priority)
SELECT %s::text, %s::timestamptz, %s::text, 0, 0, n.*
FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::int[], %s::smallint[]) AS n
ON CONFLICT (document_type, document_id, document_line, sku_id, location_id) DO UPDATE
SET quantity = r.quantity + EXCLUDED.quantity, priority = EXCLUDED.priority, reserved_at = EXCLUDED.reserved_at, actor = EXCLUDED.actor
"""


def _upsert(
    document_type: str,
    granted: Mapping[GrantKey, int],
    priorities: Mapping[tuple[int, int], int],
    *,
    at: dt.datetime,
    by: Actor,
    batch: rows.Batch,
) -> None:
    if granted:
        wanted = [priorities[document_id, line] for document_id, line, _sku, _location in granted]
        columns = [*zip(*granted, strict=True), granted.values(), wanted]
        batch.add(_UPSERT, [document_type, at, str(by), *[rows.array(column) for column in columns]])


# Only what lies on locked balances: a claim made meanwhile on another one is not ours to touch without its lock.
_RELEASE = """
WITH open AS (
    SELECT id, sku_id, location_id, quantity FROM inventory_reservation
    WHERE document_type = %s AND document_id = ANY(%s) AND quantity > 0 AND (%s::bigint[] IS NULL OR document_line = ANY(%s))
      AND (sku_id, location_id) IN (SELECT * FROM unnest(%s::bigint[], %s::bigint[]))
), emptied AS (
    UPDATE inventory_reservation r SET quantity = r.quantity - open.quantity, released = r.released + open.quantity
    FROM open WHERE r.id = open.id
), freed AS (
    SELECT sku_id, location_id, sum(quantity) AS pieces FROM open GROUP BY sku_id, location_id
)
UPDATE inventory_stockbalance b SET allocated = b.allocated - freed.pieces, version = b.version + 1
FROM freed WHERE b.sku_id = freed.sku_id AND b.location_id = freed.location_id
RETURNING b.sku_id, freed.pieces
"""


@use_case
def release(
    *,
    document_type: str,
    document_ids: Sequence[int],
    lines: Sequence[int] | None = None,
    at: dt.datetime,
    by: Actor,
) -> int:
    """Give the open pieces of these documents (or of these lines of theirs) back. Returns how many; again, there are none."""
    documents, only = list(document_ids), None if lines is None else list(lines)
    locked = balances.locked(balances.LOCK_OF_RESERVATIONS, [at, document_type, documents, only, only])
    if not locked:
        return 0
    skus, locations = [sku for sku, _loc in locked], [loc for _sku, loc in locked]
    with connection.cursor() as cursor:
        cursor.execute(_RELEASE, [document_type, documents, only, only, skus, locations])
        freed = cursor.fetchall()
    changes.record(topic="stock", keys=[sku_id for sku_id, _pieces in freed])
    return sum(int(pieces) for _sku, pieces in freed)


def lock_for_exchange(
    *,
    channel_id: int,
    document_type: str,
    document_ids: Sequence[int],
    sku_ids: Sequence[int],
    hold_refs: Sequence[str] = (),
    at: dt.datetime,
) -> None:
    """Lock, before a ``release`` that a ``reserve`` follows in the same transaction, the balances of both.

    Each alone locks in primary-key order; one after the other they would not, and two documents that swap their SKUs would deadlock.
    """
    balances.lock_exchange(
        channel_id=channel_id,
        document_type=document_type,
        document_ids=document_ids,
        sku_ids=sku_ids,
        hold_refs=hold_refs,
        at=at,
    )
