"""By which rules a channel is shown less than is free, resolved per SKU within the statement that reads the stock, and what they leave of it.

The same function says what a channel is shown and what it may hold, so the two never differ.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

from django.db import connection
from django.db.models import Q

from erp.core.models import Channel
from erp.inventory.models import ChannelLocation, StockBalance


class TermKind(StrEnum):
    ON_HAND = "ON_HAND"
    ALLOCATED = "ALLOCATED"
    EXPIRED_HOLDS = "EXPIRED_HOLDS"
    NOT_COUNTED = "NOT_COUNTED"
    COMPONENTS = "COMPONENTS"
    QUOTAS = "QUOTAS"
    BUFFER_PERCENT = "BUFFER_PERCENT"
    BUFFER = "BUFFER"
    FLOOR = "FLOOR"
    LAST_PIECES = "LAST_PIECES"
    CAP = "CAP"


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for one SKU in one channel; None where nothing is said. ``quotas`` is what is left of those of other channels."""

    quotas: int = 0
    buffer_percent: int | None = None
    buffer: int | None = None
    last_pieces: int | None = None
    cap: int | None = None

    def effects(self, free: int) -> list[tuple[TermKind, int]]:
        """What each rule that acts takes off ``free`` pieces, or gives back; together they leave what may be sold, never less than nothing."""
        acting: list[tuple[TermKind, int]] = []
        left = free
        if self.quotas:
            left -= self.quotas
            acting.append((TermKind.QUOTAS, -self.quotas))
        if self.buffer_percent and left > 0:
            kept = -(-left * self.buffer_percent // 100)
            left -= kept
            acting.append((TermKind.BUFFER_PERCENT, -kept))
        if self.buffer:
            left -= self.buffer
            acting.append((TermKind.BUFFER, -self.buffer))
        if left < 0:
            acting.append((TermKind.FLOOR, -left))
            left = 0
        if self.last_pieces and 0 < left < self.last_pieces:
            acting.append((TermKind.LAST_PIECES, -left))
            left = 0
        if self.cap is not None and left > self.cap:
            acting.append((TermKind.CAP, self.cap - left))
        return acting

    def shown(self, free: int) -> int:
        """How many of ``free`` pieces the channel may sell."""
        return free + sum(quantity for _kind, quantity in self.effects(free))


NO_RULES = Rules()

IN_FORCE = "({0}.starts_at > %(at)s OR {0}.ends_at <= %(at)s) IS NOT TRUE"

# No two rows of one scope are in force together, so each join finds at most one. A kit has no pieces to keep back: of it
# only what is said of itself holds back kits, the rest holds back pieces of its components.
COLUMNS = """
       quotas.remaining,
       CASE WHEN sku.is_kit THEN own.buffer_percent
            ELSE coalesce(own.buffer_percent, of_style.buffer_percent, of_category.buffer_percent, of_all.buffer_percent) END,
       CASE WHEN sku.is_kit THEN own.buffer ELSE coalesce(own.buffer, of_style.buffer, of_category.buffer, of_all.buffer) END,
       coalesce(own.last_pieces, of_style.last_pieces, of_category.last_pieces, of_all.last_pieces),
       coalesce(own.cap, of_style.cap, of_category.cap, of_all.cap)"""

# Of the next instant at which a rule of this SKU begins or ends. Who has no rule ahead of him is asked for none; each scope is looked up by itself,
# since a campaign may have thousands ahead.
_SCOPES = (
    "sku_id = sku.id",
    "product_id = sku.product_id",
    "category_id = style.category_id",
    "sku_id IS NULL AND product_id IS NULL AND category_id IS NULL",
)
_AHEAD = ", ".join(
    f"(SELECT min(starts_at) FROM inventory_channelpolicy WHERE channel_id = %(channel)s AND starts_at > %(at)s AND {of_scope})"  # noqa: S608
    for of_scope in _SCOPES
)
NEXT_CHANGE = f"""
       least(own.ends_at, of_style.ends_at, of_category.ends_at, of_all.ends_at, quotas.next_change,
             CASE WHEN (SELECT max(starts_at) FROM inventory_channelpolicy WHERE channel_id = %(channel)s) > %(at)s
                  THEN least({_AHEAD}) END)"""  # noqa: S608 - made of our own constants only

_OF_SCOPES = f"""
JOIN catalog_product style ON style.id = sku.product_id
LEFT JOIN inventory_channelpolicy own ON own.sku_id = sku.id AND own.channel_id = %(channel)s AND {IN_FORCE.format("own")}
LEFT JOIN inventory_channelpolicy of_style
     ON of_style.product_id = sku.product_id AND of_style.channel_id = %(channel)s AND {IN_FORCE.format("of_style")}
LEFT JOIN inventory_channelpolicy of_category
     ON of_category.category_id = style.category_id AND of_category.channel_id = %(channel)s AND {IN_FORCE.format("of_category")}
LEFT JOIN inventory_channelpolicy of_all
     ON of_all.channel_id = %(channel)s AND of_all.sku_id IS NULL AND of_all.product_id IS NULL AND of_all.category_id IS NULL
     AND {IN_FORCE.format("of_all")}
"""
_QUOTAS = f"""
    SELECT sum(greatest(q.quantity - q.used, 0)) FILTER (WHERE {IN_FORCE.format("q")}) AS remaining, sum(q.version)::bigint AS version,
           least(min(q.starts_at) FILTER (WHERE q.starts_at > %(at)s), min(q.ends_at) FILTER (WHERE q.ends_at > %(at)s)) AS next_change
    FROM inventory_channelquota q WHERE q.sku_id = sku.id AND q.channel_id <> %(channel)s
"""  # noqa: S608 - made of our own constants only
JOINS = f"{_OF_SCOPES} LEFT JOIN LATERAL ({_QUOTAS}) quotas ON true"

_RULES = f"SELECT sku.id, {COLUMNS} FROM catalog_sku sku {JOINS} WHERE sku.id = ANY(%(skus)s)"  # noqa: S608


@lru_cache(maxsize=4096)
def rules_of(said: tuple[Any, ...]) -> Rules:
    """``said``: of quotas, share, pieces kept back, last pieces and cap. Few differ, however many SKUs there are."""
    return NO_RULES if said == _NOTHING_SAID else Rules(said[0] or 0, *said[1:])


_NOTHING_SAID = (None,) * 5


def rules(*, channel_id: int, sku_ids: Iterable[int], at: dt.datetime) -> dict[int, Rules]:
    """The rules that hold for each SKU in the channel at an instant. One statement for any number."""
    with connection.cursor() as cursor:
        cursor.execute(_RULES, {"channel": channel_id, "skus": list(sku_ids), "at": at})
        return {row[0]: rules_of(row[1:]) for row in cursor.fetchall()}


_BINDING = f"""
SELECT q.sku_id, sum(greatest(q.quantity - q.used, 0))::int FROM inventory_channelquota q
WHERE q.sku_id = ANY(%(skus)s) AND q.channel_id <> %(channel)s AND q.is_binding AND {IN_FORCE.format("q")} GROUP BY q.sku_id
"""  # noqa: S608 - made of our own constants only


def set_aside_from(*, channel_id: int, sku_ids: Iterable[int], at: dt.datetime) -> dict[int, int]:
    """What is left of binding quotas of other channels: pieces that orders of this channel do not get either."""
    with connection.cursor() as cursor:
        cursor.execute(_BINDING, {"channel": channel_id, "skus": list(sku_ids), "at": at})
        return dict(cursor.fetchall())


# Of everything that a channel sells, some thousand rows are looked at: examples are to be found at once, however much there is.
_EXAMPLES = """
SELECT sku.id, sku.code FROM catalog_sku sku JOIN catalog_product style ON style.id = sku.product_id
LEFT JOIN LATERAL (
    SELECT sum(b.on_hand) AS pieces FROM inventory_channellocation sold
    JOIN inventory_stockbalance b ON b.location_id = sold.location_id AND b.sku_id = sku.id WHERE sold.channel_id = %(channel)s
) there ON true
WHERE sku.is_active AND {wanted}
ORDER BY there.pieces DESC NULLS LAST, sku.code LIMIT %(limit)s
"""
_OF_EVERYTHING = """sku.id IN (
    SELECT b.sku_id FROM inventory_channellocation sold JOIN inventory_stockbalance b ON b.location_id = sold.location_id
    WHERE sold.channel_id = %(channel)s AND b.on_hand > 0 LIMIT 2000)"""


def examples(
    *, channel_id: int, sku_id: int | None, product_id: int | None, category_id: int | None, limit: int = 20
) -> list[tuple[int, str]]:
    """Some SKUs (id and code) that a rule of this scope is about, those first of which the channel has most."""
    wanted = _OF_EVERYTHING
    for value, condition in (
        (sku_id, "sku.id = %(sku)s"),
        (product_id, "sku.product_id = %(product)s"),
        (category_id, "sku.product_id IN (SELECT id FROM catalog_product WHERE category_id = %(category)s LIMIT 500)"),
    ):
        if value is not None:
            wanted = condition
    asked = {"channel": channel_id, "sku": sku_id, "product": product_id, "category": category_id, "limit": limit}
    with connection.cursor() as cursor:
        cursor.execute(_EXAMPLES.format(wanted=wanted), asked)
        return list(cursor.fetchall())


def channels_selling(sku_id: int) -> list[Channel]:
    """Channels that sell from a place where the SKU lies."""
    return channels_selling_any([sku_id])


def channels_selling_any(sku_ids: Iterable[int], *, beside: Iterable[int] = ()) -> list[Channel]:
    """Channels that sell from a place where any of these SKUs lies, and those ``beside`` them."""
    places = StockBalance.objects.filter(sku__in=list(sku_ids)).values("location")
    sold = ChannelLocation.objects.filter(location__in=places).values("channel")
    return list(Channel.objects.filter(Q(pk__in=sold) | Q(pk__in=list(beside))).order_by("code"))
