"""What a channel may know of its orders, in a constant number of queries, and of its own orders only."""

from __future__ import annotations

from decimal import Decimal

import pytest

from catalog.services import define_kit
from erp.core import changes
from erp.orders import selectors
from erp.orders.exceptions import OrderNotFound
from erp.orders.models import ShipmentLine
from erp.orders.selectors.order_views import LineView, ParcelLineView, ReturnLineView
from erp.orders.services import (
    ReturnedLine,
    ShipRequest,
    StatedTax,
    cancel_order,
    hold_order,
    place_orders,
    record_return,
    release_orders,
    ship,
)
from tests.inventory.factories import sku, statements, stock
from tests.orders.factories import DESK, NOON, TODAY, line, order, placed, released, shop

pytestmark = pytest.mark.django_db

HOW = {"at": NOON, "by": DESK}


def view(channel, external_id="A-1"):
    return selectors.order_view(channel=channel.code, external_id=external_id)


@pytest.fixture
def stocked():
    channel, place = shop()
    shirt, cap = sku(), sku()
    stock(shirt, place, 10, unit_value=400)
    stock(cap, place, 1, unit_value=200)
    return channel, place, shirt, cap


def test_says_what_is_reserved_and_what_waits(stocked):
    channel, _place, shirt, cap = stocked
    record = placed(
        channel,
        order(
            line(shirt, 2),
            line(cap, 3),
            stated_taxes=(StatedTax("STANDARD", Decimal(10), Decimal(5500), Decimal(499)),),
        ),
    )
    hold_order(order_id=record.pk, detail="we know this customer", **HOW)

    seen = view(channel)

    assert (seen.number, seen.revision, seen.state, seen.total) == (record.number, 1, "ON_HOLD", Decimal(5500))
    assert [hold.reason for hold in seen.holds] == ["MANUAL"]
    assert seen.lines == (
        LineView(shirt.code, shirt.code, shirt.product.name, 2, 2, 0, 0, 0, Decimal(1100), Decimal(2200)),
        LineView(cap.code, cap.code, cap.product.name, 3, 1, 0, 0, 0, Decimal(1100), Decimal(3300)),
    )
    assert [(tax.percent, tax.tax_amount, tax.stated_tax) for tax in seen.taxes] == [(10, 500, 499)]
    assert seen.tax_difference == 1
    assert [(paid.method, paid.status, paid.amount) for paid in seen.payments] == [("CARD", "AUTHORIZED", 5500)]


def test_a_kit_is_reserved_as_far_as_its_scarcest_component(stocked):
    channel, _place, shirt, cap = stocked
    bundle = sku()
    define_kit(sku_code=bundle.code, components={shirt.code: 2, cap.code: 1}, **HOW)
    placed(channel, order(line(bundle, 2)))

    assert [(item.quantity, item.reserved_quantity) for item in view(channel).lines] == [(2, 1)]


def test_says_what_left_with_whom_and_what_came_back(stocked):
    channel, _place, shirt, _cap = stocked
    record = placed(channel, order(line(shirt, 3)))
    [parcel] = released(record)
    ship(requests=[ShipRequest(parcel.pk, {record.lines.get().pk: 2}, "yamato", "1234-5678-9013")], **HOW)
    parcel_line = ShipmentLine.objects.get(shipment=parcel)
    record_return(order_id=record.pk, external_id="R-1", lines=[ReturnedLine(parcel_line.pk, 1)], **HOW)

    seen = view(channel)

    [left] = seen.shipments
    assert (left.state, left.carrier, left.tracking_number, left.ship_date) == (
        "SHIPPED",
        "yamato",
        "123456789013",
        TODAY,
    )
    assert left.lines == (ParcelLineView(shirt.code, 2),)
    [back] = seen.returns
    assert (back.external_id, back.gross_amount) == ("R-1", 1100)
    assert back.lines == (ReturnLineView(shirt.code, shirt.product.name, 1, "SELLABLE", Decimal(1100)),)
    assert (seen.lines[0].reserved_quantity, seen.lines[0].shipped_quantity, seen.lines[0].returned_quantity) == (
        1,
        2,
        1,
    )


def test_says_what_was_cancelled(stocked):
    channel, _place, shirt, _cap = stocked
    placed(channel, order(line(shirt, 3)))
    cancel_order(channel=channel.code, external_id="A-1", reason="too slow", **HOW)

    seen = view(channel)

    assert (seen.state, seen.cancel_reason, seen.cancelled_at) == ("CANCELLED", "too slow", NOON)
    assert [(item.reserved_quantity, item.cancelled_quantity) for item in seen.lines] == [(0, 3)]


def test_a_channel_sees_its_own_orders_only(stocked):
    channel, _stock, shirt, _cap = stocked
    other, _place = shop()
    placed(channel, order(line(shirt, 1)))

    with pytest.raises(OrderNotFound):
        view(other)
    assert selectors.orders_view(channel=other.code, external_ids=["A-1"]) == {}
    assert selectors.listed_orders(channel=other.code, after="", limit=10) == []


def test_the_number_of_queries_does_not_grow_with_orders(stocked):
    channel, _place, shirt, cap = stocked
    place_orders(
        channel=channel.code, orders=[order(line(shirt), line(cap), external_id=f"A-{n}") for n in range(30)], **HOW
    )
    ids = list(selectors.recorded_orders(channel_id=channel.pk, external_ids=["A-0", "A-1"]).values())
    release_orders(order_ids=[ids[0].id], in_part=True, **HOW)

    def asked(count: int) -> int:
        wanted = [f"A-{n}" for n in range(count)]
        return len(statements(lambda: selectors.orders_view(channel=channel.code, external_ids=wanted)))

    assert asked(1) == asked(30) <= 12


@pytest.mark.django_db(transaction=True)
def test_changes_name_the_order_behind_a_shipment_and_a_return():
    channel, place = shop()
    other, _place = shop()
    shirt = sku()
    stock(shirt, place, 10)
    record = placed(channel, order(line(shirt, 2)))
    placed(other, order(line(shirt, 1), external_id="B-1"))
    [parcel] = released(record)
    before_shipping = changes.current_cursor()
    ship(requests=[ShipRequest(parcel.pk)], **HOW)

    def changed(to, after):
        return selectors.changed_orders(channel=to.code, after=after, limit=100)

    found = changed(channel, before_shipping)

    assert (found.external_ids, found.has_more) == (["A-1"], False)
    assert changed(channel, found.cursor).external_ids == []
    assert changed(other, before_shipping).external_ids == []
