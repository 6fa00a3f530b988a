"""By which rules a channel is shown less than there is, and what is set aside for one. Takes one level of the lock order: document, by name.

Triggers count every change of these rows into the version that channels are told; whoever changes them announces it here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from catalog.models import Sku
from erp.core import changes, locks
from erp.core.actors import Actor
from erp.core.errors import InvalidInput, Problem
from erp.core.use_case import use_case
from erp.inventory.models import ChannelPolicy, ChannelQuota

# What a rule may say.
RULES = frozenset({"buffer", "buffer_percent", "last_pieces", "cap"})


@dataclass(frozen=True, slots=True)
class Goods:
    """What a rule of a channel is about: a SKU, a style, a category; none of them: everything that the channel sells."""

    channel_id: int
    sku_id: int | None = None
    product_id: int | None = None
    category_id: int | None = None


@use_case
def keep_back(*, channel_id: int, sku_id: int | None, quantity: int, at: dt.datetime, by: Actor) -> None:
    """Keep so many pieces of a SKU, or of each one, back from what a channel is shown (安全在庫), for good. The same again is no news.

    Raises InvalidInput.
    """
    if quantity < 0:
        raise InvalidInput([Problem("/quantity", "invalid", _("Safety stock is not negative."))])
    _say(Goods(channel_id, sku_id), {"buffer": quantity}, None, None, at=at, by=by)


@use_case
def set_rules(
    *,
    goods: Goods,
    says: Mapping[str, int],
    starts_at: dt.datetime | None = None,
    ends_at: dt.datetime | None = None,
    at: dt.datetime,
    by: Actor,
) -> None:
    """Say by which rules a channel is shown less of some goods than there is (販売可能数ルール): ``says`` by the names of ``RULES``.

    A rule of the same goods and times is changed as far as it is said; the same again is no news.

    Raises:
        InvalidInput: nothing is said, or something that is no rule.
        IntegrityError: another rule of the same goods is in force in this time, or a share is none.
    """
    if not says or not says.keys() <= RULES or min(says.values()) < 0:
        raise InvalidInput([Problem("/says", "invalid", _("Give at least one rule."))])
    _say(goods, says, starts_at, ends_at, at=at, by=by)


def _say(
    goods: Goods,
    says: Mapping[str, int],
    starts_at: dt.datetime | None,
    ends_at: dt.datetime | None,
    *,
    at: dt.datetime,
    by: Actor,
) -> None:
    locks.hold(f"channel policies:{goods.channel_id}")
    row: dict[str, Any] = {**asdict(goods), "starts_at": starts_at, "ends_at": ends_at}
    known = ChannelPolicy.objects.filter(**row).first()
    if known is not None and all(getattr(known, name) == value for name, value in says.items()):
        return
    ChannelPolicy.objects.update_or_create(**row, defaults=dict(says))
    announce_goods(goods=[goods], at=at, by=by)


@use_case
def set_aside(
    *,
    channel_id: int,
    pieces: Mapping[int, int],
    starts_at: dt.datetime | None = None,
    ends_at: dt.datetime | None = None,
    is_binding: bool = False,
    at: dt.datetime,
    by: Actor,
) -> int:
    """Set pieces of SKUs aside for one channel (チャネル別販売枠): ``pieces`` by SKU id. A quota that begins at the same moment is changed.

    Returns how many were made or changed; the same again changes none.

    Raises:
        InvalidInput: no pieces, a kit, or an end before the start.
        IntegrityError: another quota of the SKU is in force in this time.
    """
    problems = [
        Problem(f"/pieces/{sku_id}", "invalid", _("A quota needs at least one piece."))
        for sku_id, quantity in pieces.items()
        if quantity < 1
    ]
    problems += [
        Problem(f"/pieces/{sku_id}", "kit", _("A kit has no pieces of its own. Set its components aside."))
        for sku_id in Sku.objects.filter(pk__in=pieces, is_kit=True).values_list("pk", flat=True)
    ]
    if starts_at is not None and ends_at is not None and ends_at <= starts_at:
        problems.append(Problem("/ends_at", "invalid", _("It ends before it starts.")))
    if problems:
        raise InvalidInput(problems)
    locks.hold(f"channel quotas:{channel_id}")
    known = {
        row.sku_id: row
        for row in ChannelQuota.objects.filter(channel=channel_id, sku__in=pieces, starts_at=starts_at)
        if starts_at is not None or row.starts_at is None
    }
    told = {sku_id: (quantity, ends_at, is_binding) for sku_id, quantity in sorted(pieces.items())}
    changed = {
        sku_id: values
        for sku_id, values in told.items()
        if sku_id not in known or (known[sku_id].quantity, known[sku_id].ends_at, known[sku_id].is_binding) != values
    }
    moved = [known[sku_id] for sku_id in changed if sku_id in known]
    for row in moved:
        row.quantity, row.ends_at, row.is_binding = changed[row.sku_id]
    ChannelQuota.objects.bulk_update(moved, ["quantity", "ends_at", "is_binding"])
    ChannelQuota.objects.bulk_create(
        [
            ChannelQuota(
                channel_id=channel_id, sku_id=sku_id, quantity=quantity, starts_at=starts_at, ends_at=end, is_binding=binding
            )
            for sku_id, (quantity, end, binding) in changed.items()
            if sku_id not in known
        ]
    )  # fmt: skip
    announce_quotas(sku_ids=list(changed), at=at, by=by)
    return len(changed)


_GOODS = """
SELECT DISTINCT sku.id::text, channel.code
FROM unnest(%(channels)s::bigint[], %(skus)s::bigint[], %(products)s::bigint[], %(categories)s::bigint[])
     AS goods (channel_id, sku_id, product_id, category_id)
JOIN core_channel channel ON channel.id = goods.channel_id
JOIN LATERAL (
    SELECT goods.sku_id AS id WHERE goods.sku_id IS NOT NULL
    UNION ALL SELECT id FROM catalog_sku WHERE product_id = goods.product_id
    UNION ALL SELECT own.id FROM catalog_product style JOIN catalog_sku own ON own.product_id = style.id WHERE style.category_id = goods.category_id
    UNION ALL
    SELECT balance.sku_id FROM inventory_channellocation sold JOIN inventory_stockbalance balance ON balance.location_id = sold.location_id
    WHERE num_nonnulls(goods.sku_id, goods.product_id, goods.category_id) = 0 AND sold.channel_id = goods.channel_id AND balance.on_hand > 0
) sku ON true
"""


@use_case
def announce_goods(*, goods: Sequence[Goods], at: dt.datetime, by: Actor) -> int:
    """The rules of these goods have changed: their channel's readers are told, in one statement. Returns of how many SKUs."""
    asked = {
        "channels": [row.channel_id for row in goods],
        "skus": [row.sku_id for row in goods],
        "products": [row.product_id for row in goods],
        "categories": [row.category_id for row in goods],
    }
    return changes.record_found(topic="stock", query=_GOODS, parameters=asked)


@use_case
def announce_quotas(*, sku_ids: Iterable[int], at: dt.datetime, by: Actor) -> None:
    """What is set aside of these SKUs has changed: every channel may sell another number."""
    changes.record(topic="stock", keys=sku_ids)


# The triggers count these updates like any other: what has begun or ended by the clock has a higher version from here on.
_TELL = """
UPDATE {table} SET due_at = CASE WHEN ends_at > %(at)s THEN ends_at END
WHERE id IN (SELECT id FROM {table} WHERE due_at <= %(at)s ORDER BY id LIMIT %(limit)s FOR NO KEY UPDATE) AND due_at <= %(at)s
RETURNING {columns}
"""
_TELL_POLICIES = _TELL.format(table="inventory_channelpolicy", columns="channel_id, sku_id, product_id, category_id")
_TELL_QUOTAS = _TELL.format(table="inventory_channelquota", columns="sku_id")


@use_case
def announce_due_policies(*, limit: int = 200, at: dt.datetime, by: Actor) -> int:
    """Tell of what has begun or ended by the clock since last asked: rules and quotas, at most ``limit`` of each. Returns how many; call again
    until it is none. Availability itself follows the clock by itself."""
    with connection.cursor() as cursor:
        cursor.execute(_TELL_POLICIES, {"at": at, "limit": limit})
        goods = [Goods(*row) for row in cursor.fetchall()]
        cursor.execute(_TELL_QUOTAS, {"at": at, "limit": limit})
        skus = [sku_id for (sku_id,) in cursor.fetchall()]
    if goods:
        announce_goods(goods=goods, at=at, by=by)
    announce_quotas(sku_ids=skus, at=at, by=by)
    return len(goods) + len(skus)
