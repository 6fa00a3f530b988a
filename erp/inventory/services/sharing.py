"""Claims on the pieces of one place, shared out by a person: exactly so many for each document line, or none at all; and giving parts back.

Takes these levels of the house's lock order: balances by primary key, hold lines, quotas. The caller holds its documents.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from catalog.selectors import sku_codes
from erp.core import changes, rows
from erp.core.actors import Actor
from erp.core.use_case import use_case
from erp.inventory.exceptions import InsufficientStock, Shortage
from erp.inventory.selectors.promises import places_of_channels
from erp.inventory.services import balances, promises

NOTHING: Mapping[int, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Share:
    """Pieces of a SKU for one line of a document that ``channel_id`` sold."""

    channel_id: int
    document_id: int
    document_line: int
    sku_id: int
    quantity: int
    priority: int


@dataclass(frozen=True, slots=True)
class Part:
    """Pieces that a document's line gives back."""

    document_id: int
    document_line: int
    sku_id: int
    quantity: int


# What is left of binding quotas of other channels is kept from a channel (``inventory_reserve`` cuts it off likewise).
_QUOTAS = """
SELECT q.sku_id, q.channel_id, greatest(q.quantity - q.used, 0) FROM inventory_channelquota q
WHERE q.sku_id = ANY(%s::bigint[]) AND q.is_binding AND coalesce(q.starts_at <= %s, true) AND coalesce(q.ends_at > %s, true)
"""


@use_case
def reserve_at(
    *,
    location_id: int,
    document_type: str,
    shares: Sequence[Share],
    kept_back: Mapping[int, int] = NOTHING,
    at: dt.datetime,
    by: Actor,
) -> int:
    """Reserve exactly these pieces where they lie, all of them or none; of a SKU in ``kept_back`` so many stay free there. Returns how many.

    Each line of a document is named once per SKU. What a line has already stays and is added to.

    Raises:
        InsufficientStock: names every SKU of which fewer pieces are free there, or free for a channel: one that does not sell from the
            place, or from which binding quotas of others keep them.
    """
    wanted: dict[int, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for share in shares:
        wanted[share.sku_id][share.channel_id] += share.quantity
    if not wanted:
        return 0
    pairs = [(channel_id, sku_id) for sku_id, of_channels in wanted.items() for channel_id in of_channels]
    locked = balances.lock_sellable_of_many(pairs, at=at)
    freed = balances.release_expired_holds(locked.values(), at=at)
    balances.lock_quotas(wanted)
    free = {key: row.unclaimed + freed.get(key, 0) for key, row in locked.items()}
    _refuse_shortage(wanted, free, location_id, kept_back, at=at)
    claimed_lines = [
        (s.document_id, s.document_line, s.sku_id, location_id, s.quantity, s.priority, s.channel_id) for s in shares
    ]
    promises.claim(document_type, claimed_lines, at=at, by=by)
    claimed = {locked[sku_id, location_id].id: sum(of.values()) for sku_id, of in wanted.items()}
    for key, pieces in freed.items():
        claimed[locked[key].id] = claimed.get(locked[key].id, 0) - pieces
    balances.add_to_allocated(claimed)
    changes.record(topic="stock", keys=sorted({*wanted, *(sku_id for sku_id, _place in freed)}))
    return sum(share.quantity for share in shares)


def _refuse_shortage(
    wanted: Mapping[int, Mapping[int, int]],
    free: Mapping[balances.BalanceKey, int],
    location_id: int,
    kept_back: Mapping[int, int],
    *,
    at: dt.datetime,
) -> None:
    sells = places_of_channels({channel_id for of in wanted.values() for channel_id in of})
    quotas: dict[int, dict[int, int]] = defaultdict(dict)
    for sku_id, channel_id, left in rows.ask(_QUOTAS, [list(wanted), at, at]).all():
        quotas[sku_id][channel_id] = left
    short = []
    for sku_id, of_channels in sorted(wanted.items()):
        here = free.get((sku_id, location_id), 0) - kept_back.get(sku_id, 0)
        taken = 0
        # What a channel takes here it takes of its own quota first: kept from the others once, not twice.
        set_aside = dict(quotas[sku_id])
        for channel_id, pieces in sorted(of_channels.items()):
            places = sells.get(channel_id, set())
            others = sum(left for owner, left in set_aside.items() if owner != channel_id)
            may = sum(free.get((sku_id, place), 0) for place in places) - others - taken
            granted = min(pieces, max(min(here - taken, may), 0)) if location_id in places else 0
            taken += granted
            set_aside[channel_id] = max(set_aside.get(channel_id, 0) - granted, 0)
        if taken < (asked := sum(of_channels.values())):
            short.append((sku_id, asked, taken))
    if short:
        codes = sku_codes(sku_id for sku_id, _wanted, _left in short)
        raise InsufficientStock([Shortage(sku_id, codes[sku_id], pieces, left) for sku_id, pieces, left in short])


_GIVE_BACK = """
WITH n AS (SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::int[]) AS n (document_id, document_line, sku_id, quantity)),
open AS (
    SELECT r.id, r.document_id, r.document_line, r.sku_id, least(r.quantity, n.quantity) AS pieces
    FROM n JOIN inventory_reservation r USING (document_id, document_line, sku_id)
    WHERE r.document_type = %s AND r.location_id = %s AND r.quantity > 0
), emptied AS (
    UPDATE inventory_reservation r SET quantity = r.quantity - open.pieces, released = r.released + open.pieces FROM open WHERE r.id = open.id
), freed AS (
    UPDATE inventory_stockbalance b SET allocated = b.allocated - f.pieces, version = b.version + 1
    FROM (SELECT sku_id, sum(pieces) AS pieces FROM open GROUP BY sku_id) f WHERE b.sku_id = f.sku_id AND b.location_id = %s
)
SELECT document_id, document_line, sku_id, pieces FROM open
"""


@use_case
def give_back(
    *, location_id: int, document_type: str, parts: Sequence[Part], at: dt.datetime, by: Actor
) -> dict[tuple[int, int, int], int]:
    """Free these pieces at a place again, as far as they are still reserved there. Returns how many by (document, line, SKU)."""
    if not parts:
        return {}
    balances.lock([(part.sku_id, location_id) for part in parts], at=at)
    columns = zip(*[(p.document_id, p.document_line, p.sku_id, p.quantity) for p in parts], strict=True)
    freed = rows.ask(_GIVE_BACK, [*map(list, columns), document_type, location_id, location_id]).all()
    changes.record(topic="stock", keys=sorted({row[2] for row in freed}))
    return {(document_id, line, sku_id): pieces for document_id, line, sku_id, pieces in freed}
