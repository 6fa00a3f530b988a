"""Claims that change their document, or their rank: given from one to another, or made more or less important. ``allocated`` stays as it is.

Takes these levels of the house's lock order: balances by primary key, quotas. The caller holds the documents.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection

from erp.core import rows
from erp.core.actors import Actor
from erp.core.use_case import use_case
from erp.inventory.exceptions import NotReserved, Uncovered
from erp.inventory.selectors.promises import places_of_channels
from erp.inventory.services import balances
from erp.inventory.services.promises import claim


@dataclass(frozen=True, slots=True)
class ClaimMove:
    """Pieces of a SKU that one document line gives and another gets."""

    from_line: int
    to_line: int
    sku_id: int
    quantity: int


_CLAIMED = """
SELECT id, document_line, sku_id, location_id, quantity FROM inventory_reservation
WHERE document_type = %s AND document_id = %s AND quantity > 0 ORDER BY id
"""
_GIVE = """
UPDATE inventory_reservation r SET quantity = r.quantity - n.pieces, released = r.released + n.pieces
FROM unnest(%s::bigint[], %s::int[]) AS n (id, pieces) WHERE r.id = n.id
"""


@use_case
def move_claims(
    *,
    document_type: str,
    from_document: int,
    to_document: int,
    moves: Sequence[ClaimMove],
    channel_id: int,
    priority: int,
    at: dt.datetime,
    by: Actor,
) -> int:
    """Give reserved pieces of one document to another, all of ``moves`` or none. Only pieces where ``channel_id``, the taker's, may sell from.

    What the giver had of a quota is given back, the taker's channel uses its own. Returns how many pieces. Raises NotReserved when the giver does
    not have them, or not there.
    """
    lines = sorted({move.from_line for move in moves})
    balances.locked(balances.LOCK_OF_RESERVATIONS, [at, document_type, [from_document], lines, lines])
    balances.lock_quotas({move.sku_id for move in moves})
    sells = places_of_channels([channel_id]).get(channel_id, set())
    there = [list(row) for row in rows.ask(_CLAIMED, [document_type, from_document]).all() if row[3] in sells]
    given: dict[int, int] = {}
    taken: dict[tuple[int, int, int], int] = {}
    for move in moves:
        left = move.quantity
        for part in there:
            key, line, sku_id, location_id, quantity = part
            pieces = min(left, quantity)
            if pieces and (line, sku_id) == (move.from_line, move.sku_id):
                part[4] -= pieces
                left -= pieces
                given[key] = given.get(key, 0) + pieces
                to = (move.to_line, sku_id, location_id)
                taken[to] = taken.get(to, 0) + pieces
        if left:
            raise NotReserved(
                [Uncovered(from_document, move.from_line, move.sku_id, move.quantity, move.quantity - left)]
            )
    with connection.cursor() as cursor:
        cursor.execute(_GIVE, [list(given), list(given.values())])
    claimed = [(to_document, *key, pieces, priority, channel_id) for key, pieces in taken.items()]
    claim(document_type, claimed, at=at, by=by)
    return sum(taken.values())


_RANK = (
    "UPDATE inventory_reservation SET priority = %s WHERE document_type = %s AND document_id = ANY(%s) AND quantity > 0"
)


@use_case
def rank_claims(*, document_type: str, document_ids: Sequence[int], priority: int, at: dt.datetime, by: Actor) -> None:
    """Make what is reserved for these documents more (a smaller number) or less important when pieces run out."""
    balances.locked(balances.LOCK_OF_RESERVATIONS, [at, document_type, list(document_ids), None, None])
    with connection.cursor() as cursor:
        cursor.execute(_RANK, [priority, document_type, list(document_ids)])
