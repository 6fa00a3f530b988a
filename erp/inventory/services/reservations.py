"""Claims of documents on stock (引当): reserve and release. The hot path of every order, so each use-case is a handful of statements.

Takes these levels of the house's lock order: balances by primary key, hold lines. The caller holds its document.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from django.db import connection

from erp.core import changes, rows
from erp.core.actors import Actor
from erp.core.use_case import in_one_statement, use_case
from erp.inventory.services import balances

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


def reserve(
    *,
    channel_id: int,
    document_type: str,
    demands: Sequence[Demand],
    hold_refs: Mapping[int, str] = NO_HOLDS,
    at: dt.datetime,
    by: Actor,
) -> list[Granted]:
    """Reserve what is there, in the order of ``demands``, from the channel's locations by rank. A short demand gets a part or nothing.

    ``hold_refs`` names, per document id, the hold of this channel that becomes its reservation: a buyer is never blocked by the own hold.
    Expired hold lines are free. Never raises for a shortage; what was granted before stays and is added to.
    """
    if not demands:
        return []
    columns = zip(*[(d.document_id, d.document_line, d.sku_id, d.quantity, d.priority) for d in demands], strict=True)
    named = [rows.array(column) for column in columns]
    # A hold becomes the reservation of one document: of several that name it, the first one.
    owners: dict[str, int] = {}
    for document_id, ref in hold_refs.items():
        owners.setdefault(ref, document_id)
    held = [rows.array(owners.values()), rows.array(owners)]
    asked = in_one_statement(
        _RESERVE, [channel_id, balances.NOT_FOR_SALE_KINDS, document_type, *named, *held, at], by=by
    )
    changes.tell_listeners()
    # A line that had pieces in its hold and took more of the same balance is told in two rows.
    granted: dict[tuple[int, int, int, int], int] = {}
    for document_id, document_line, sku_id, location_id, pieces in asked.all():
        key = (document_id, document_line, sku_id, location_id)
        granted[key] = granted.get(key, 0) + pieces
    return [Granted(*key, pieces) for key, pieces in granted.items()]


# Locks, grants, writes and announces in one call, so that the balances of a popular SKU are held for one round trip only.
_RESERVE = """
SELECT * FROM inventory_reserve(
    %s::bigint, %s::text[], %s::text, %s::bigint[], %s::bigint[], %s::bigint[], %s::int[], %s::smallint[],
    %s::bigint[], %s::text[], %s::timestamptz, {actor})
"""


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


def lock_for_channels(*, wanted: Collection[tuple[int, int]], at: dt.datetime) -> None:
    """Lock, before a ``reserve`` for each of several channels in the same transaction, the balances of all: (channel, SKU).

    Each alone locks in primary-key order; one after the other they would not, and would deadlock with whoever sells what both of them sell.
    """
    balances.lock_sellable_of_many(wanted, at=at)


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
