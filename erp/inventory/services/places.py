"""Places that hold stock, and which channel sells from which. Takes one level of the house's lock order: document, by name."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping

from django.utils.translation import gettext as _

from erp.core import changes, locks
from erp.core.actors import Actor
from erp.core.errors import Conflict, InvalidInput, NotFound, Problem
from erp.core.models import Channel
from erp.core.use_case import use_case
from erp.inventory.models import ChannelLocation, CostPool, Location, Shelf, ShopStaff
from erp.inventory.selectors import consigned_location_ids


@use_case
def open_location(
    *,
    code: str,
    name: str,
    kind: str = Location.Kind.WAREHOUSE,
    cost_pool: str = "MAIN",
    holder_channel_id: int | None = None,
    at: dt.datetime,
    by: Actor,
) -> int:
    """Open a place under its code, valued in a cost pool. Calling again returns the place that is there. ``holder_channel_id`` is the mall
    that holds the goods (モール預け).

    Raises:
        NotFound: no such cost pool.
        Conflict: the code belongs to a place of another kind, or of another mall.
        InvalidInput: mall-held goods without their mall.
    """
    locks.hold(f"location:{code}")
    known = Location.objects.filter(code=code).first()
    if known is not None and (known.kind, known.holder_channel_id) != (kind, holder_channel_id):
        raise Conflict(_("%(code)s is a place of another kind.") % {"code": code})
    if kind == Location.Kind.MALL_HELD and holder_channel_id is None:
        raise InvalidInput([Problem("/holder_channel_id", "required", _("Say which mall holds the goods."))])
    if known is not None:
        return known.pk
    pool = CostPool.objects.filter(code=cost_pool).first()
    if pool is None:
        raise NotFound(_("There is no cost pool “%(code)s”.") % {"code": cost_pool})
    return Location.objects.create(
        code=code, name=name, kind=kind, cost_pool=pool, holder_channel_id=holder_channel_id
    ).pk


@use_case
def sell_from(*, channel_id: int, location_id: int, rank: int = 100, at: dt.datetime, by: Actor) -> None:
    """Let a channel sell what a place holds; smaller ranks are used first. Calling again brings the rank up to date; the same again is no news."""
    locks.hold(f"channel locations:{channel_id}")
    if ChannelLocation.objects.filter(channel_id=channel_id, location_id=location_id, rank=rank).exists():
        return
    ChannelLocation.objects.update_or_create(channel_id=channel_id, location_id=location_id, defaults={"rank": rank})
    _announce_lying([channel_id], [location_id])


@use_case
def set_shelves(*, location_id: int, shelves: Mapping[int, str], at: dt.datetime, by: Actor) -> int:
    """Say where SKUs lie at a location (棚番), by SKU id; an empty shelf takes the SKU off its shelf. Other SKUs stay where they are.

    Returns how many changed; the same again changes nothing. Raises InvalidInput for a shelf that is too long.
    """
    cleaned = {sku_id: code.strip() for sku_id, code in shelves.items()}
    longest = Shelf._meta.get_field("code").max_length or 0
    problems = [
        Problem(f"/shelves/{sku_id}", "too_long", _("At most %(most)d characters.") % {"most": longest})
        for sku_id, code in cleaned.items()
        if len(code) > longest
    ]
    if problems:
        raise InvalidInput(problems)
    locks.hold(f"shelves:{location_id}")
    known = {row.sku_id: row for row in Shelf.objects.filter(location_id=location_id, sku_id__in=cleaned)}
    changed = {sku_id: code for sku_id, code in cleaned.items() if code != getattr(known.get(sku_id), "code", "")}
    Shelf.objects.filter(
        location_id=location_id, sku_id__in=[key for key, code in changed.items() if not code]
    ).delete()
    moved = [known[key] for key, code in changed.items() if code and key in known]
    for row in moved:
        row.code = changed[row.sku_id]
    Shelf.objects.bulk_update(moved, ["code"])
    Shelf.objects.bulk_create(
        [
            Shelf(location_id=location_id, sku_id=key, code=code)
            for key, code in sorted(changed.items())
            if code and key not in known
        ]
    )
    return len(changed)


@use_case
def assign_staff(*, user_id: int, location_id: int, at: dt.datetime, by: Actor) -> None:
    """Let a member of staff work with what lies at a location (店舗担当). Calling again changes nothing."""
    ShopStaff.objects.get_or_create(user_id=user_id, location_id=location_id)


@use_case
def announce_rules(
    *, channel_id: int, sku_ids: Collection[int] = (), location_ids: Collection[int] = (), at: dt.datetime, by: Actor
) -> int:
    """What a channel may sell has changed though no piece moved: its rules, or the places it sells from. Its readers are told.

    Of these SKUs, else of all that lie in these places, else of all that the channel sells. Returns of how many.
    """
    if sku_ids:
        changes.record(topic="stock", keys=sku_ids, audience=Channel.objects.get(pk=channel_id).code)
        return len(sku_ids)
    sold_from = ChannelLocation.objects.filter(channel=channel_id).values_list("location_id", flat=True)
    return _announce_lying([channel_id], location_ids or list(sold_from))


@use_case
def announce_place(*, location_id: int, at: dt.datetime, by: Actor) -> int:
    """A place counts, or counts no more (inactive, of another kind, held by another): every channel that sells from it is told of what lies there.

    Returns how many change rows that were.
    """
    channels = ChannelLocation.objects.filter(location=location_id).values_list("channel_id", flat=True)
    return _announce_lying(list(channels), [location_id])


_LYING = """
SELECT DISTINCT balance.sku_id::text, channel.code FROM inventory_stockbalance balance CROSS JOIN core_channel channel
WHERE balance.location_id = ANY(%(locations)s) AND balance.on_hand > 0 AND channel.id = ANY(%(channels)s)
"""


def _announce_lying(channel_ids: Collection[int], location_ids: Collection[int]) -> int:
    """One statement, however much lies there."""
    asked = {"channels": list(channel_ids), "locations": list(location_ids)}
    return changes.record_found(topic="stock", query=_LYING, parameters=asked)


@use_case
def open_consigned_locations(*, accounts: Mapping[int, str], at: dt.datetime, by: Actor) -> dict[int, int]:
    """A place for what each account (id → name) holds of ours (委託先在庫). Returns the place of each; those that are there stay as they are.

    Takes no lock: two callers that open the same place at once agree on its code, and the second finds the first one's.
    """
    known = consigned_location_ids(accounts)
    missing = {key: name for key, name in accounts.items() if key not in known}
    if not missing:
        return known
    pool = CostPool.objects.filter(code="CONSIGNED").first()
    if pool is None:
        raise NotFound(_("There is no cost pool “%(code)s”.") % {"code": "CONSIGNED"})
    Location.objects.bulk_create(
        [
            Location(
                code=f"CONSIGNED-{key}", name=name[:100], kind=Location.Kind.CONSIGNED, cost_pool=pool, holder_account_id=key
            )
            for key, name in sorted(missing.items())
        ],
        ignore_conflicts=True,
    )  # fmt: skip
    return consigned_location_ids(accounts)
