"""Holds: all lines or none, free again by the clock, never in their own buyer's way."""

from __future__ import annotations

import datetime as dt

import pytest

from erp.core.errors import Conflict, InvalidInput, NotAllowedNow, NotFound
from erp.inventory import selectors, services
from erp.inventory.exceptions import InsufficientStock, Shortage
from erp.inventory.models import ChannelPolicy, Hold
from erp.inventory.selectors import HeldSku
from erp.inventory.services import Demand, Granted, HoldDemand
from tests.inventory.factories import CLERK, NOON, channel, figures, location, sku, stock

pytestmark = pytest.mark.django_db
LATER = NOON + dt.timedelta(minutes=15)
MUCH_LATER = NOON + dt.timedelta(minutes=30)


def place(site, *lines, ref="cart-9", at=NOON, expires_at=LATER):
    return services.place_hold(
        channel_id=site.pk,
        ref=ref,
        lines=[HoldDemand(item.pk, quantity) for item, quantity in lines],
        expires_at=expires_at,
        at=at,
        by=CLERK,
    )


def reserve(site, *demands, at=NOON, **options):
    return services.reserve(channel_id=site.pk, document_type="ORDER", demands=demands, at=at, by=CLERK, **options)


@pytest.fixture
def shop():
    """Three shirts and one hat, sold by one site from one warehouse."""
    warehouse, shirt, hat = location(), sku(), sku()
    stock(shirt, warehouse, 3)
    stock(hat, warehouse, 1)
    return channel(warehouse), warehouse, shirt, hat


def test_keeps_the_pieces_of_every_line(shop):
    site, warehouse, shirt, hat = shop

    kept = place(site, (shirt, 2), (hat, 1))

    assert kept.lines == (HeldSku(shirt.pk, 2), HeldSku(hat.pk, 1))
    assert (figures(shirt, warehouse), figures(hat, warehouse)) == ((3, 2), (1, 1))


def test_refuses_all_lines_naming_every_short_sku(shop):
    site, warehouse, shirt, hat = shop
    ChannelPolicy.objects.create(channel=site, buffer=1)

    with pytest.raises(InsufficientStock) as refusal:
        place(site, (shirt, 3), (hat, 1))

    assert refusal.value.shortages == (Shortage(shirt.pk, shirt.code, 3, 2), Shortage(hat.pk, hat.code, 1, 0))
    assert figures(shirt, warehouse) == (3, 0)
    assert not Hold.objects.exists()


def test_refuses_every_senseless_line_at_once(shop):
    site, _warehouse, shirt, _hat = shop

    with pytest.raises(InvalidInput) as refusal:
        place(site, (shirt, 0), expires_at=NOON)

    assert [problem.pointer for problem in refusal.value.problems] == ["/lines/0/quantity", "/expires_at"]


def test_again_with_the_same_lines_changes_nothing_and_with_others_is_a_conflict(shop):
    site, warehouse, shirt, hat = shop
    first = place(site, (shirt, 1), (hat, 1))

    again = place(site, (hat, 1), (shirt, 1), expires_at=MUCH_LATER)

    assert again == first
    assert figures(shirt, warehouse) == (3, 1)
    with pytest.raises(Conflict):
        place(site, (shirt, 2), (hat, 1))


def test_expired_pieces_are_free_at_once_though_nobody_swept(shop):
    site, warehouse, shirt, _hat = shop
    place(site, (shirt, 3))

    assert selectors.available_to_promise(channel_id=site.pk, sku_ids=[shirt.pk], at=NOON)[shirt.pk].available == 0
    assert selectors.available_to_promise(channel_id=site.pk, sku_ids=[shirt.pk], at=LATER)[shirt.pk].available == 3
    assert reserve(site, Demand(1, 1, shirt.pk, 3, 50), at=LATER) == [Granted(1, 1, shirt.pk, warehouse.pk, 3)]
    assert figures(shirt, warehouse) == (3, 3)


def test_a_buyer_gets_what_the_own_hold_kept_and_the_rest_goes_back(shop):
    site, warehouse, shirt, _hat = shop
    place(site, (shirt, 3))

    granted = reserve(site, Demand(1, 1, shirt.pk, 2, 50), Demand(2, 1, shirt.pk, 2, 50), hold_refs={2: "cart-9"})

    assert sorted(granted, key=lambda part: part.document_id) == [
        Granted(1, 1, shirt.pk, warehouse.pk, 1),
        Granted(2, 1, shirt.pk, warehouse.pk, 2),
    ]
    assert figures(shirt, warehouse) == (3, 3)
    assert selectors.hold(channel_id=site.pk, ref="cart-9").is_closed


def test_a_buyer_gets_the_own_pieces_though_rules_show_none_at_all(shop):
    site, warehouse, shirt, _hat = shop
    place(site, (shirt, 2))
    ChannelPolicy.objects.create(channel=site, buffer=9)
    assert selectors.available_to_promise(channel_id=site.pk, sku_ids=[shirt.pk], at=NOON)[shirt.pk].available == 0

    granted = reserve(site, Demand(1, 1, shirt.pk, 2, 50), hold_refs={1: "cart-9"})

    assert granted == [Granted(1, 1, shirt.pk, warehouse.pk, 2)]


def test_a_hold_that_expired_before_paying_competes_like_everyone(shop):
    site, warehouse, shirt, _hat = shop
    place(site, (shirt, 3))
    reserve(site, Demand(1, 1, shirt.pk, 2, 50), at=LATER)

    granted = reserve(site, Demand(2, 1, shirt.pk, 3, 50), at=LATER, hold_refs={2: "cart-9"})

    assert granted == [Granted(2, 1, shirt.pk, warehouse.pk, 1)]
    assert figures(shirt, warehouse) == (3, 3)


def test_extending_acquires_lost_pieces_again_or_refuses(shop):
    site, warehouse, shirt, hat = shop
    place(site, (shirt, 2), (hat, 1))
    reserve(site, Demand(1, 1, shirt.pk, 1, 50), at=LATER)

    kept = services.extend_hold(channel_id=site.pk, ref="cart-9", expires_at=MUCH_LATER, at=LATER, by=CLERK)

    assert (kept.lines, kept.expires_at) == ((HeldSku(shirt.pk, 2), HeldSku(hat.pk, 1)), MUCH_LATER)
    assert (figures(shirt, warehouse), figures(hat, warehouse)) == ((3, 3), (1, 1))

    reserve(site, Demand(2, 1, hat.pk, 1, 50), at=MUCH_LATER)
    with pytest.raises(InsufficientStock) as refusal:
        services.extend_hold(
            channel_id=site.pk, ref="cart-9", expires_at=MUCH_LATER + (LATER - NOON), at=MUCH_LATER, by=CLERK
        )

    assert refusal.value.shortages == (Shortage(hat.pk, hat.code, 1, 0),)


def test_releasing_gives_back_once_and_closes(shop):
    site, warehouse, shirt, _hat = shop
    place(site, (shirt, 2))

    assert services.release_hold(channel_id=site.pk, ref="cart-9", at=NOON, by=CLERK) == 2
    assert services.release_hold(channel_id=site.pk, ref="cart-9", at=NOON, by=CLERK) == 0

    assert figures(shirt, warehouse) == (3, 0)
    with pytest.raises(NotAllowedNow):
        services.extend_hold(channel_id=site.pk, ref="cart-9", expires_at=LATER, at=NOON, by=CLERK)
    with pytest.raises(NotFound):
        services.release_hold(channel_id=site.pk, ref="cart-0", at=NOON, by=CLERK)


def test_sweeping_tidies_what_has_expired_and_nothing_else(shop):
    site, warehouse, shirt, _hat = shop
    place(site, (shirt, 1), ref="a")
    place(site, (shirt, 1), ref="b", expires_at=MUCH_LATER)

    assert services.sweep_expired_holds(at=LATER, by=CLERK) == 1
    assert services.sweep_expired_holds(at=LATER, by=CLERK) == 0

    assert figures(shirt, warehouse) == (3, 1)
    assert not selectors.hold(channel_id=site.pk, ref="b").is_closed


def test_of_two_documents_that_name_one_hold_the_first_one_gets_it(shop):
    site, warehouse, _shirt, hat = shop
    place(site, (hat, 1))

    granted = reserve(
        site, Demand(1, 11, hat.pk, 1, 50), Demand(2, 21, hat.pk, 1, 50), hold_refs={1: "cart-9", 2: "cart-9"}
    )

    assert granted == [Granted(1, 11, hat.pk, warehouse.pk, 1)]
    assert figures(hat, warehouse) == (1, 1)


def _move(start, end, item):
    line = [services.TransferLine(1, item.pk, 1)]
    services.transfer(
        external_id="T", from_location_id=start.pk, to_location_id=end.pk, lines=line, occurred_at=LATER, at=LATER, by=CLERK
    )  # fmt: skip


def _ask(start, end, item):
    asked = services.TransferRequest("M", start.pk, end.pk, {item.pk: 1})
    services.request_transfers(requests=[asked], at=LATER, by=CLERK)


def _adjust(start, _end, item):
    line = [services.AdjustmentLine(1, item.pk, -1)]
    services.adjust(
        external_id="A", location_id=start.pk, lines=line, reason_code="SAMPLE", occurred_at=LATER, at=LATER, by=CLERK
    )  # fmt: skip


def _sort(start, end, item):
    line = [services.SortedLine(item.pk, sellable=1)]
    services.sort_inspected(
        external_id="S", location_id=start.pk, sellable_to_id=end.pk, lines=line, occurred_at=LATER, at=LATER, by=CLERK
    )  # fmt: skip


@pytest.mark.parametrize("act", [_move, _ask, _adjust, _sort])
def test_whoever_takes_free_pieces_finds_those_of_an_expired_hold_though_nobody_swept(shop, act):
    site, warehouse, _shirt, hat = shop
    place(site, (hat, 1))

    act(warehouse, location(), hat)

    assert figures(hat, warehouse)[1] == (1 if act is _ask else 0)
    assert services.sweep_expired_holds(at=LATER, by=CLERK) == 1
    assert figures(hat, warehouse)[1] == (1 if act is _ask else 0)
