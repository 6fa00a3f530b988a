"""Parcels that are being picked while somebody counts the shelves: their pieces are in the books, and may not lie where one counts."""

from __future__ import annotations

import datetime as dt

import pytest
from django.contrib.auth.models import Group, User
from django.urls import reverse

from erp.inventory import services as stock_services
from erp.inventory.models import StockCount
from erp.orders import services
from erp.orders.models import Shipment
from erp.orders.selectors.picking import picked_at
from tests.inventory.factories import figures, location, sku, stock
from tests.orders.factories import DESK, NOON, line, order, placed, released, shipped, shop

pytestmark = pytest.mark.django_db
HOUR = dt.timedelta(hours=1)


@pytest.fixture
def shelves():
    """A channel with ten pieces of a SKU on its shelves."""
    channel, place = shop()
    item = sku()
    stock(item, place, 10, at=NOON - HOUR)
    return channel, place, item


def seen_at(place, item, moment):
    return picked_at(place.pk, {item.pk: moment})


def test_what_was_being_picked_then_is_what_was_released_before_and_left_after_it(shelves):
    channel, place, item = shelves
    under_way = placed(channel, order(line(item, 2), external_id="A"))
    sent = placed(channel, order(line(item, 3), external_id="B"))
    placed(channel, order(line(item, 1), external_id="C"))
    released(under_way)
    shipped(sent)

    assert seen_at(place, item, NOON) == {item.pk: 2}
    # The parcel that has left by now lay beside the shelf as well, a moment before it left.
    moved = NOON - dt.timedelta(seconds=1)
    Shipment.objects.filter(order=sent).update(instructed_at=moved)
    assert seen_at(place, item, moved) == {item.pk: 3}
    assert seen_at(place, item, NOON - HOUR) == {}


def test_pieces_of_another_place_and_of_a_parcel_that_was_called_back_are_not_among_them(shelves):
    channel, place, item = shelves
    record = placed(channel, order(line(item, 2)))
    [parcel] = released(record)
    other = location()
    stock(item, other, 5, at=NOON - HOUR)

    assert seen_at(other, item, NOON) == {}
    services.cancel_release(shipment_id=parcel.pk, reason="torn", at=NOON, by=DESK)

    assert seen_at(place, item, NOON) == {}


def test_whoever_looks_at_a_difference_sees_what_was_being_picked(client, shelves):
    channel, place, item = shelves
    released(placed(channel, order(line(item, 2))))
    stock_services.open_count(
        external_id="T-1", location_id=place.pk, scope=stock_services.CountScope(), at=NOON, by=DESK
    )
    count = StockCount.objects.get()
    stock_services.start_count(count_id=count.pk, at=NOON, by=DESK)
    entry = stock_services.CountEntry("1", item.pk, 8, NOON)
    stock_services.enter_counts(count_id=count.pk, sheet="A", entries=[entry], at=NOON, by=DESK)
    stock_services.close_count(count_id=count.pk, uncounted="LEAVE", at=NOON, by=DESK)
    user = User.objects.create_user("soko", is_staff=True)
    user.groups.add(Group.objects.get(name="倉庫"))
    client.force_login(user)

    page = client.get(reverse("admin:inventory_stockcount_change", args=[count.pk]))
    file = client.get(reverse("admin:inventory_stocktake_file", args=[count.pk]), {"format": "utf-8-sig"})

    assert [(row.sku, picked) for row, picked in page.context["rows"]] == [(item, 2)]
    assert "出荷作業中の商品も数えましたか" in page.content.decode()
    heading, row = b"".join(file.streaming_content).decode("utf-8-sig").splitlines()
    assert dict(zip(heading.split(","), row.split(","), strict=True))["出荷作業中"] == "2"
    assert figures(item, place) == (10, 2)
