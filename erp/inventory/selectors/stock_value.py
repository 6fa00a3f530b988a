"""在庫評価表 and 受払表: what stock was worth on any day, what moved between two days, and the proof that the inventory accounts say the same.

A movement belongs to the business day on which it happened. Its entry may stand on a later one: a fact of a closed month is posted on the first
open day. ``booked_later`` names these documents, so that value − booked later = account on every day.

The value of a SKU is that of its cost pool; a place has the share of its pieces, so that the places of a pool add up to it.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django.db import connection

from accounting import selectors as accounting
from erp.core.clock import end_of
from erp.core.money import ZERO
from erp.inventory.models import CostPool
from erp.inventory.selectors.as_of import parts_of


class By(StrEnum):
    """What a row of a report stands for."""

    SKU = "sku"
    PRODUCT = "product"
    CATEGORY = "category"
    BRAND = "brand"
    SEASON = "season"
    LOCATION = "location"
    POOL = "pool"


KEYS = {
    By.SKU: ("held.sku_id", "sku.code || ' ' || product.name"),
    By.PRODUCT: ("sku.product_id", "product.code || ' ' || product.name"),
    By.CATEGORY: ("product.category_id", "(SELECT code || ' ' || name FROM catalog_category WHERE id = product.category_id)"),
    By.BRAND: ("product.brand_id", "(SELECT code || ' ' || name FROM catalog_brand WHERE id = product.brand_id)"),
    By.SEASON: ("product.season_id", "(SELECT code || ' ' || name FROM catalog_season WHERE id = product.season_id)"),
    By.LOCATION: ("held.location_id", "place.code || ' ' || place.name"),
    By.POOL: ("place.cost_pool_id", "(SELECT code || ' ' || name FROM inventory_costpool WHERE id = place.cost_pool_id)"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scope:
    """What a report looks at; None is everything. Keys of rows."""

    location_id: int | None = None
    cost_pool_id: int | None = None
    brand_id: int | None = None
    category_id: int | None = None
    season_id: int | None = None
    supplier_id: int | None = None
    sku_ids: Sequence[int] | None = None

    @property
    def is_everything(self) -> bool:
        return self == EVERYTHING

    def values(self) -> dict[str, Any]:
        return {
            "location": self.location_id, "pool": self.cost_pool_id, "brand": self.brand_id, "category": self.category_id,
            "season": self.season_id, "supplier": self.supplier_id,
            "skus": None if self.sku_ids is None else list(self.sku_ids),
        }  # fmt: skip


EVERYTHING = Scope()

# What a scope asks of the styles; of places where rows have them.
OF_STYLES = """(%(brand)s::bigint IS NULL OR product.brand_id = %(brand)s) AND (%(category)s::bigint IS NULL OR product.category_id = %(category)s)
  AND (%(season)s::bigint IS NULL OR product.season_id = %(season)s) AND (%(supplier)s::bigint IS NULL OR product.supplier_id = %(supplier)s)
  AND (%(skus)s::bigint[] IS NULL OR sku.id = ANY(%(skus)s))"""
OF_PLACES = "(%(location)s::bigint IS NULL OR place.id = %(location)s) AND (%(pool)s::bigint IS NULL OR place.cost_pool_id = %(pool)s)"
STYLES = "JOIN catalog_sku sku ON sku.id = held.sku_id JOIN catalog_product product ON product.id = sku.product_id"

# Pieces and value of each SKU at each place at the end of a day. The past itself is read by ``as_of``: what all reports ask of it is here.
_HELD = """
, moved AS (SELECT sku_id, location_id, sum(quantity)::bigint AS pieces, sum(value) AS worth FROM parts GROUP BY sku_id, location_id),
pooled AS (
    SELECT moved.*, sum(worth) OVER pool AS pool_worth, sum(pieces) OVER pool AS pool_pieces,
           sum(pieces) OVER (pool ORDER BY moved.location_id) AS so_far, row_number() OVER (pool ORDER BY moved.location_id) AS place_no
    FROM moved JOIN inventory_location place ON place.id = moved.location_id
    WINDOW pool AS (PARTITION BY moved.sku_id, place.cost_pool_id)),
held AS (
    SELECT sku_id, location_id, pieces,
           CASE WHEN pool_pieces <> 0 THEN round(pool_worth * so_far / pool_pieces) - round(pool_worth * (so_far - pieces) / pool_pieces)
                WHEN place_no = 1 THEN pool_worth ELSE 0 END AS value
    FROM pooled)
"""


def held_of(scope: Scope) -> str:
    """Common table expressions, the last of which, ``held``, is what each place held; asked with ``until`` and ``known``."""
    return parts_of(scope.sku_ids is not None, False) + _HELD


@dataclass(frozen=True, slots=True)
class Held:
    """Pieces and value behind one row. ``key`` is None for what has none (no category)."""

    key: int | None
    label: str
    pieces: int
    value: Decimal


def values_on(day: dt.date, *, by: By = By.SKU, scope: Scope = EVERYTHING) -> list[Held]:
    """Pieces and value at the end of a business day, by label. What is nothing is left out."""
    key, label = KEYS[by]
    statement = f"""{held_of(scope)}
SELECT {key}, coalesce({label}, ''), sum(held.pieces)::bigint, sum(held.value)
FROM held {STYLES} JOIN inventory_location place ON place.id = held.location_id
WHERE {OF_STYLES} AND {OF_PLACES}
GROUP BY 1, 2 HAVING sum(held.pieces) <> 0 OR sum(held.value) <> 0 ORDER BY 2"""  # noqa: S608 - our own constants
    return [Held(*row) for row in rows_of(statement, {**scope.values(), "until": end_of(day), "known": "infinity"})]


class Flow(StrEnum):
    """Why stock moved, as the columns of 受払表 tell it."""

    PURCHASED = "PURCHASED"
    RETURNED = "RETURNED"
    MOVED_IN = "MOVED_IN"
    ADJUSTED_UP = "ADJUSTED_UP"
    SOLD = "SOLD"
    SENT_BACK = "SENT_BACK"
    MOVED_OUT = "MOVED_OUT"
    ADJUSTED_DOWN = "ADJUSTED_DOWN"
    REVALUED = "REVALUED"


INWARD = (Flow.PURCHASED, Flow.RETURNED, Flow.MOVED_IN, Flow.ADJUSTED_UP)
OUTWARD = (Flow.SOLD, Flow.SENT_BACK, Flow.MOVED_OUT, Flow.ADJUSTED_DOWN)

# What a movement is by its document. What has a reason was adjusted, whatever the document is about.
FLOW = """CASE
    WHEN d.kind = 'REVALUATION' OR held.quantity = 0 THEN 'REVALUED'
    WHEN held.reason_id IS NULL AND d.kind = 'ISSUE' AND d.source_type = 'SUPPLIER_RETURN' THEN 'SENT_BACK'
    WHEN held.reason_id IS NULL AND d.kind = 'ISSUE' AND held.quantity < 0 THEN 'SOLD'
    WHEN held.reason_id IS NULL AND d.kind = 'TRANSFER' THEN CASE WHEN held.quantity > 0 THEN 'MOVED_IN' ELSE 'MOVED_OUT' END
    WHEN held.reason_id IS NULL AND d.kind = 'RECEIPT' AND held.quantity > 0
        THEN CASE d.source_type WHEN 'RETURN' THEN 'RETURNED' ELSE 'PURCHASED' END
    WHEN held.quantity > 0 THEN 'ADJUSTED_UP' ELSE 'ADJUSTED_DOWN' END"""


@dataclass(slots=True)
class Period:
    """One row of 受払表: (pieces, value) at the opening, by kind of flow (out is negative), and at the closing."""

    key: int | None
    label: str
    opening: tuple[int, Decimal] = (0, ZERO)
    flows: dict[Flow, tuple[int, Decimal]] = field(default_factory=dict)
    closing: tuple[int, Decimal] = (0, ZERO)

    def sum_of(self, kinds: Sequence[Flow]) -> tuple[int, Decimal]:
        found = [self.flows[kind] for kind in kinds if kind in self.flows]
        return sum(pieces for pieces, _value in found), sum((value for _pieces, value in found), ZERO)


def flows_between(first: dt.date, last: dt.date, *, by: By = By.SKU, scope: Scope = EVERYTHING) -> list[Period]:
    """受払表: opening + in + out + revalued = closing in pieces and value, row by row.

    Where a row is one of several places of a pool, what the average of the pool made of its share is part of REVALUED.
    """
    key, label = KEYS[by]
    statement = f"""
SELECT {key}, coalesce({label}, ''), {FLOW}, sum(held.quantity)::bigint, sum(held.value)
FROM inventory_stockmovement held JOIN inventory_stockdocument d ON d.id = held.document_id
{STYLES} JOIN inventory_location place ON place.id = held.location_id
WHERE held.occurred_at >= %(begin)s AND held.occurred_at < %(end)s AND {OF_STYLES} AND {OF_PLACES}
GROUP BY 1, 2, 3"""  # noqa: S608 - our own constants
    before = first - dt.timedelta(days=1)
    periods: dict[int | None, Period] = {}
    for row in values_on(before, by=by, scope=scope):
        periods[row.key] = Period(row.key, row.label, opening=(row.pieces, row.value))
    limits = {"begin": end_of(before), "end": end_of(last)}
    for one, name, flow, pieces, value in rows_of(statement, {**scope.values(), **limits}):
        periods.setdefault(one, Period(one, name)).flows[Flow(flow)] = (pieces, value)
    for row in values_on(last, by=by, scope=scope):
        periods.setdefault(row.key, Period(row.key, row.label)).closing = (row.pieces, row.value)
    for period in periods.values():
        pieces, revalued = period.flows.get(Flow.REVALUED, (0, ZERO))
        _moved, moved = period.sum_of([*INWARD, *OUTWARD])
        share = period.closing[1] - period.opening[1] - moved - revalued
        if share:
            period.flows[Flow.REVALUED] = (pieces, revalued + share)
    return sorted(periods.values(), key=lambda period: period.label)


@dataclass(frozen=True, slots=True)
class Proof:
    """One inventory account on one day: what stock is worth, what of it was posted later, what the account says. ``difference`` must be nothing."""

    account_id: int
    account: str
    value: Decimal
    booked_later: Decimal
    ledger: Decimal

    @property
    def difference(self) -> Decimal:
        return self.value - self.booked_later - self.ledger


@dataclass(frozen=True, slots=True)
class BookedLater:
    """A document that happened up to a day and whose entry stands on a later one (締め後計上): by how much the account lacks it."""

    account_role: str
    source_type: str
    source_id: int
    occurred_at: dt.datetime
    amount: Decimal


# What happened up to the day and was written down after it, or after its month was closed: with all documents of the same source.
_WRITTEN_LATER = """
WITH late AS (
    SELECT DISTINCT source_type, source_id FROM inventory_stockdocument
    WHERE occurred_at < %(end)s AND recorded_at >= %(since)s)
SELECT d.source_type, d.source_id, d.id, d.external_id <> '', pool.account_role, d.occurred_at,
       coalesce(sum(m.value) FILTER (WHERE m.occurred_at < %(end)s), 0)
FROM late JOIN inventory_stockdocument d USING (source_type, source_id) JOIN inventory_stockmovement m ON m.document_id = d.id
JOIN inventory_location place ON place.id = m.location_id JOIN inventory_costpool pool ON pool.id = place.cost_pool_id
GROUP BY d.id, pool.account_role ORDER BY d.occurred_at, d.id
"""


def booked_later(day: dt.date) -> list[BookedLater]:
    """締め後計上: the documents because of which the accounts of a day do not yet say what stock was worth.

    Documents of one source (a parcel and what is known of it later) count together, since their entries name the source.
    """
    roles = {role: account for account, names in _accounts().items() for role in names}
    first_role = {account: names[0] for account, names in _accounts().items()}
    since = min(filter(None, (end_of(day), accounting.closed_at(day))))
    lacking: dict[tuple[str, int, int], Decimal] = defaultdict(lambda: ZERO)
    happened: dict[tuple[str, int], dt.datetime] = {}
    # An entry names the document itself where stock owns it, else its source; differences of stock are always of the document.
    behind: dict[tuple[str, int], tuple[str, int]] = {}
    for kind, source, document, is_own, role, occurred_at, value in rows_of(
        _WRITTEN_LATER, {"end": end_of(day), "since": since}
    ):
        lacking[kind, source, roles[role]] += value
        happened.setdefault((kind, source), occurred_at)
        behind["STOCK", document] = behind[kind, document if is_own else source] = (kind, source)
    for (kind, key, account), amount in accounting.posted_to_stock(list(behind), through=day).items():
        lacking[*behind[kind, key], account] -= amount
    return [
        BookedLater(first_role[account], kind, source, happened[kind, source], amount)
        for (kind, source, account), amount in lacking.items()
        if amount and account in first_role
    ]


def proofs(day: dt.date) -> list[Proof]:
    """Each inventory account beside the stock that it carries, on any day. Roles that play on one account stand together."""
    worth: dict[str, Decimal] = {}
    pools = dict(CostPool.objects.values_list("pk", "account_role"))
    for row in values_on(day, by=By.POOL):
        role = pools[row.key or 0]
        worth[role] = worth.get(role, ZERO) + row.value
    late: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for document in booked_later(day):
        late[document.account_role] += document.amount
    found = []
    for account_id, (first, *others) in _accounts().items():
        roles = [first, *others]
        value = sum((worth.get(role, ZERO) for role in roles), ZERO)
        account = str(accounting.account_of(first))
        found.append(Proof(account_id, account, value, late[first], accounting.balance_of(first, day)))
    return sorted(found, key=lambda proof: proof.account)


def _accounts() -> dict[int, list[str]]:
    """The inventory accounts, each with the roles of pools that play on it."""
    found: dict[int, list[str]] = {}
    for role in CostPool.objects.values_list("account_role", flat=True).distinct().order_by("account_role"):
        found.setdefault(accounting.account_of(role).pk, []).append(role)
    return found


def rows_of(statement: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found
