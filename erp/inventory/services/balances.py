"""Locks on balances and cost rows, and the claims on them. Internal to ``services``: every write to stock passes here.

One statement locks in the house's order (balances by primary key, cost rows by SKU), the next acts. Amounts are added by SQL, never computed
here and stored; the CHECKs of the table have the last word.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection

from erp.core import rows
from erp.inventory.models import NOT_FOR_SALE

BalanceKey = tuple[int, int]
"""(SKU, location)"""
CostKey = tuple[int, int]
"""(SKU, cost pool)"""


@dataclass(slots=True)
class Balance:
    """A locked row of ``StockBalance``."""

    id: int
    sku_id: int
    location_id: int
    on_hand: int
    allocated: int
    balance_seq: int
    cost_pool_id: int
    has_expired_holds: bool
    last_counted_at: dt.datetime | None

    @property
    def unclaimed(self) -> int:
        return self.on_hand - self.allocated


@dataclass(slots=True)
class Cost:
    """A locked row of ``CostBalance``."""

    id: int
    sku_id: int
    cost_pool_id: int
    quantity: int
    value: Decimal
    account_role: str
    # What a piece is carried at where the pool is kept at standard cost; None at moving average, and where nobody set one.
    standard: Decimal | None = None


def _lock_statement(where: str, *, columns: str = "", joins: str = "") -> str:
    """Balances in primary-key order: two callers that share SKUs queue up instead of deadlocking.

    The pool is looked up per row: joined, the planner starts from the few locations and reads every balance of each, again and again.
    """
    return f"""
SELECT b.id, b.sku_id, b.location_id, b.on_hand, b.allocated, b.balance_seq,
       (SELECT place.cost_pool_id FROM inventory_location place WHERE place.id = b.location_id),
       EXISTS (SELECT FROM inventory_holdline h WHERE h.sku_id = b.sku_id AND h.location_id = b.location_id
               AND h.released_at IS NULL AND h.expires_at <= %s), b.last_counted_at{columns}
FROM inventory_stockbalance b {joins}
WHERE {where}
ORDER BY b.id FOR NO KEY UPDATE OF b
"""  # noqa: S608 - made of our own constants only


_LOCK = _lock_statement("(b.sku_id, b.location_id) IN (SELECT * FROM unnest(%s::bigint[], %s::bigint[]))")


def lock(keys: Iterable[BalanceKey], *, at: dt.datetime) -> dict[BalanceKey, Balance]:
    """Lock the balances that exist, by primary key. A key without a row holds nothing and needs no lock."""
    skus, locations = _columns(keys)
    return locked(_LOCK, [at, skus, locations]) if skus else {}


def locked(statement: str, parameters: Sequence[Any]) -> dict[BalanceKey, Balance]:
    return ask_locked(statement, parameters)()


def ask_locked(statement: str, parameters: Sequence[Any]) -> Callable[[], dict[BalanceKey, Balance]]:
    """The same as a question: call the result when its pipeline has been left. What is sent after it sees what the lock waited for."""
    answer = rows.ask(statement, parameters)
    return lambda: {(row[1], row[2]): Balance(*row) for row in answer.all()}


LOCK_OF_HOLDS = _lock_statement("""(b.sku_id, b.location_id) IN (
    SELECT line.sku_id, line.location_id FROM inventory_holdline line
    WHERE line.hold_id = ANY(%s) AND line.released_at IS NULL)""")

LOCK_OF_RESERVATIONS = _lock_statement("""(b.sku_id, b.location_id) IN (
    SELECT r.sku_id, r.location_id FROM inventory_reservation r
    WHERE r.document_type = %s AND r.document_id = ANY(%s) AND r.quantity > 0
      AND (%s::bigint[] IS NULL OR r.document_line = ANY(%s)))""")

# Issues take what is reserved; what goes in transit arrives on a second balance.
LOCK_FOR_ISSUE = _lock_statement("""(b.sku_id, b.location_id) IN (
    SELECT r.sku_id, r.location_id
    FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS n (document_id, document_line, sku_id)
    JOIN inventory_reservation r USING (document_id, document_line, sku_id)
    WHERE r.document_type = %s AND r.quantity > 0
    UNION SELECT * FROM unnest(%s::bigint[], %s::bigint[]))""")

# Where a channel's row leads to pieces that it may sell.
_SELLS_FROM = """place.is_active AND place.kind <> ALL(%s)
      AND (place.kind <> 'MALL_HELD' OR place.holder_channel_id = cl.channel_id)"""

_SELLABLE = f"""(
    SELECT cl.location_id, cl.rank
    FROM inventory_channellocation cl JOIN inventory_location place ON place.id = cl.location_id
    WHERE cl.channel_id = %s AND {_SELLS_FROM}
) sells"""  # noqa: S608 - our own constants

# The balances of a hold are locked with the others, wherever they lie: a channel may have dropped a location since.
_LOCK_SELLABLE_AND_HELD = _lock_statement(
    f"""b.id IN (
    SELECT wanted.id FROM inventory_stockbalance wanted JOIN {_SELLABLE} ON sells.location_id = wanted.location_id
    WHERE wanted.sku_id = ANY(%s)
    UNION
    SELECT claimed.id FROM inventory_hold hold JOIN inventory_holdline line ON line.hold_id = hold.id
    JOIN inventory_stockbalance claimed ON claimed.sku_id = line.sku_id AND claimed.location_id = line.location_id
    WHERE hold.channel_id = %s AND hold.ref = ANY(%s) AND line.released_at IS NULL)""",  # noqa: S608 - our own constants
    columns=", sells.rank",
    joins=f"LEFT JOIN {_SELLABLE} ON sells.location_id = b.location_id",
)

# What a document claims and what it wants instead, wherever both lie.
_LOCK_FOR_EXCHANGE = _lock_statement(
    f"""b.id IN (
    SELECT wanted.id FROM inventory_stockbalance wanted JOIN {_SELLABLE} ON sells.location_id = wanted.location_id
    WHERE wanted.sku_id = ANY(%s)
    UNION
    SELECT claimed.id FROM inventory_hold hold JOIN inventory_holdline line ON line.hold_id = hold.id
    JOIN inventory_stockbalance claimed ON claimed.sku_id = line.sku_id AND claimed.location_id = line.location_id
    WHERE hold.channel_id = %s AND hold.ref = ANY(%s) AND line.released_at IS NULL
    UNION
    SELECT reserved.id FROM inventory_reservation r
    JOIN inventory_stockbalance reserved ON reserved.sku_id = r.sku_id AND reserved.location_id = r.location_id
    WHERE r.document_type = %s AND r.document_id = ANY(%s) AND r.quantity > 0)"""  # noqa: S608 - our own constants
)


def lock_exchange(
    *,
    channel_id: int,
    document_type: str,
    document_ids: Sequence[int],
    sku_ids: Sequence[int],
    hold_refs: Sequence[str],
    at: dt.datetime,
) -> None:
    """Lock what these documents claim together with what the channel may sell of the SKUs and what its named holds claim."""
    documents, refs = list(document_ids), list(hold_refs)
    parameters = [at, channel_id, NOT_FOR_SALE, list(sku_ids), channel_id, refs, document_type, documents]
    locked(_LOCK_FOR_EXCHANGE, parameters)


# What each of several channels may sell of its own SKUs.
_LOCK_SELLABLE_OF_MANY = _lock_statement(
    f"""b.id IN (
    SELECT wanted.id FROM unnest(%s::bigint[], %s::bigint[]) AS n (channel_id, sku_id)
    JOIN inventory_channellocation cl USING (channel_id) JOIN inventory_location place ON place.id = cl.location_id
    JOIN inventory_stockbalance wanted ON wanted.location_id = cl.location_id AND wanted.sku_id = n.sku_id
    WHERE {_SELLS_FROM})"""  # noqa: S608 - our own constants
)


def lock_sellable_of_many(wanted: Iterable[tuple[int, int]], *, at: dt.datetime) -> dict[BalanceKey, Balance]:
    """Lock what each channel may sell of each SKU, (channel, SKU), in one order over all of them."""
    channels, skus = _columns(wanted)
    return locked(_LOCK_SELLABLE_OF_MANY, [at, channels, skus, list(NOT_FOR_SALE)])


NOT_FOR_SALE_KINDS = rows.array(NOT_FOR_SALE)


def lock_sellable(
    *, channel_id: int, sku_ids: Sequence[int], hold_refs: Sequence[str], at: dt.datetime
) -> list[tuple[Balance, int | None]]:
    """Lock what the channel may sell of the SKUs, and what its named holds claim. Each balance comes with the location's rank.

    Best rank first; rank None means: not sold from, locked only because a hold claims it.
    """
    places: list[Any] = [channel_id, NOT_FOR_SALE_KINDS]
    parameters = [at, *places, *places, rows.array(sku_ids), channel_id, rows.array(hold_refs)]
    ranked = [(Balance(*row[:-1]), row[-1]) for row in rows.ask(_LOCK_SELLABLE_AND_HELD, parameters).all()]
    ranked.sort(key=lambda row: (row[1] is None, row[1], row[0].id))
    return ranked


# Looking first keeps the sequence of ids from burning on every receipt.
_ENSURE = """
INSERT INTO inventory_stockbalance (sku_id, location_id, on_hand, allocated, balance_seq, version)
SELECT n.sku_id, n.location_id, 0, 0, 0, 1 FROM unnest(%s::bigint[], %s::bigint[]) AS n (sku_id, location_id)
WHERE NOT EXISTS (SELECT FROM inventory_stockbalance b WHERE b.sku_id = n.sku_id AND b.location_id = n.location_id)
ORDER BY n.sku_id, n.location_id
ON CONFLICT (sku_id, location_id) DO NOTHING
"""


def ensure(keys: Iterable[BalanceKey]) -> None:
    """Create the balances that pieces will arrive on. In one order, so that two receipts of the same new SKUs queue."""
    skus, locations = _columns(keys)
    if skus:
        with connection.cursor() as cursor:
            cursor.execute(_ENSURE, [skus, locations])


_ENSURE_COSTS = """
INSERT INTO inventory_costbalance (sku_id, cost_pool_id, quantity, value, version)
SELECT n.sku_id, n.cost_pool_id, 0, 0, 1 FROM unnest(%s::bigint[], %s::bigint[]) AS n (sku_id, cost_pool_id)
WHERE NOT EXISTS (SELECT FROM inventory_costbalance c WHERE c.sku_id = n.sku_id AND c.cost_pool_id = n.cost_pool_id)
ORDER BY n.sku_id, n.cost_pool_id
ON CONFLICT (sku_id, cost_pool_id) DO NOTHING
"""


# Where pieces may arrive in a pool that never held the SKU; the pool is that of the location.
ENSURE_COSTS_AT = """
INSERT INTO inventory_costbalance (sku_id, cost_pool_id, quantity, value, version)
SELECT DISTINCT n.sku_id, place.cost_pool_id, 0, 0, 1 FROM unnest(%s::bigint[], %s::bigint[]) AS n (sku_id, location_id)
JOIN inventory_location place ON place.id = n.location_id
WHERE NOT EXISTS (SELECT FROM inventory_costbalance c WHERE c.sku_id = n.sku_id AND c.cost_pool_id = place.cost_pool_id)
ORDER BY n.sku_id, place.cost_pool_id
ON CONFLICT (sku_id, cost_pool_id) DO NOTHING
"""


def _lock_costs_statement(wanted: str, *, columns: str = "") -> str:
    """``wanted`` selects the keys of the rows."""
    return f"""
SELECT c.id, c.sku_id, c.cost_pool_id, c.quantity, c.value,
       (SELECT pool.account_role FROM inventory_costpool pool WHERE pool.id = c.cost_pool_id){columns}
FROM inventory_costbalance c
WHERE (c.sku_id, c.cost_pool_id) IN ({wanted})
ORDER BY c.sku_id, c.cost_pool_id FOR NO KEY UPDATE OF c
"""  # noqa: S608 - made of our own constants only


# The standard cost of the day; nothing is looked up at moving average.
_STANDARD = """,
       (SELECT CASE WHEN pool.costing_method = 'STANDARD' THEN
            (SELECT s.cost FROM inventory_standardcost s WHERE s.sku_id = c.sku_id AND s.valid_from <= %s ORDER BY s.valid_from DESC LIMIT 1) END
        FROM inventory_costpool pool WHERE pool.id = c.cost_pool_id)"""
_LOCK_COSTS = _lock_costs_statement("SELECT * FROM unnest(%s::bigint[], %s::bigint[])", columns=_STANDARD)

# The cost rows behind LOCK_FOR_ISSUE, whose balances are locked by then.
LOCK_COSTS_FOR_ISSUE = _lock_costs_statement("""
    SELECT r.sku_id, place.cost_pool_id
    FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS n (document_id, document_line, sku_id)
    JOIN inventory_reservation r USING (document_id, document_line, sku_id) JOIN inventory_location place ON place.id = r.location_id
    WHERE r.document_type = %s AND r.quantity > 0
    UNION SELECT n.sku_id, place.cost_pool_id FROM unnest(%s::bigint[], %s::bigint[]) AS n (sku_id, location_id)
    JOIN inventory_location place ON place.id = n.location_id""")


_LOCK_QUOTAS = "SELECT id FROM inventory_channelquota WHERE sku_id = ANY(%s::bigint[]) ORDER BY id FOR NO KEY UPDATE"


def lock_quotas(sku_ids: Iterable[int]) -> None:
    """Lock every quota of these SKUs, before cost rows and before several statements that change claims: each of those locks only its own."""
    rows.ask(_LOCK_QUOTAS, [sorted(set(sku_ids))]).all()


def lock_costs(keys: Iterable[CostKey], *, create: bool, on: dt.date) -> dict[CostKey, Cost]:
    """Lock cost rows by SKU, after their balances. ``create`` where pieces may arrive in a pool that never held the SKU.

    ``on`` is the day whose standard costs count: that of the writing, since the pool is carried at those, also for a fact of last week.
    """
    skus, pools = _columns(keys)
    if not skus:
        return {}
    with rows.pipeline(unless=not create):
        if create:
            rows.ask(_ENSURE_COSTS, [skus, pools])
        found = ask_locked_costs(_LOCK_COSTS, [on, skus, pools])
    return found()


def ask_locked_costs(statement: str, parameters: Sequence[Any]) -> Callable[[], dict[CostKey, Cost]]:
    """Cost rows by key, locked; a question to be asked behind the lock of their balances."""
    answer = rows.ask(statement, parameters)
    return lambda: {(row[1], row[2]): Cost(*row) for row in answer.all()}


_RELEASE_EXPIRED = """
UPDATE inventory_holdline SET released_at = %s
WHERE released_at IS NULL AND expires_at <= %s
  AND (sku_id, location_id) IN (SELECT * FROM unnest(%s::bigint[], %s::bigint[]))
RETURNING sku_id, location_id, quantity
"""


def release_expired_holds(locked_balances: Iterable[Balance], *, at: dt.datetime) -> dict[BalanceKey, int]:
    """Release the expired hold lines on balances that are locked. Returns the pieces that ``allocated`` must fall by, per balance.

    The caller writes them with its own change (``add_to_allocated``). Costs no statement where nothing has expired.
    """
    expired = [(row.sku_id, row.location_id) for row in locked_balances if row.has_expired_holds]
    freed: dict[BalanceKey, int] = {}
    if expired:
        skus, locations = _columns(expired)
        with connection.cursor() as cursor:
            cursor.execute(_RELEASE_EXPIRED, [at, at, skus, locations])
            for sku_id, location_id, quantity in cursor.fetchall():
                freed[sku_id, location_id] = freed.get((sku_id, location_id), 0) + quantity
    return freed


_ADD_TO_ALLOCATED = """
UPDATE inventory_stockbalance b SET allocated = b.allocated + n.pieces, version = b.version + 1
FROM unnest(%s::bigint[], %s::int[]) AS n (id, pieces) WHERE b.id = n.id
"""


def add_to_allocated(pieces: Mapping[int, int]) -> None:
    """Raise (or lower) ``allocated`` of locked balances, given by id, all in one statement."""
    changed = {balance_id: count for balance_id, count in pieces.items() if count}
    if changed:
        with connection.cursor() as cursor:
            cursor.execute(_ADD_TO_ALLOCATED, [rows.array(changed), rows.array(changed.values())])


def _columns(keys: Iterable[tuple[int, int]]) -> tuple[list[int], list[int]]:
    unique = sorted(set(keys))
    return [first for first, _second in unique], [second for _first, second in unique]
