"""The number of statements does not grow with lines, nor with orders. A pinned number that rises needs a reason; one that falls is lowered here."""

from __future__ import annotations

import pytest

from erp.orders.models import Order, Shipment, ShipmentLine
from erp.orders.services import (
    ReturnedLine,
    ReturnRequest,
    ShipRequest,
    accept,
    place_order,
    place_orders,
    record_returns,
    release_orders,
    ship,
)
from tests.customers.factories import account, bill_to, credit_group
from tests.inventory.factories import sku, statements, stock
from tests.orders.factories import DESK, NOON, TODAY, line, order, shop

pytestmark = pytest.mark.django_db

PLACE, PLACE_ON_ACCOUNT = (6, 10), (11, 18)
# One of a return asks whether what came back had been sold again before its return was typed.
WAY_OUT = {"release": 7, "ship": 22, "return": 35}
HOW = {"at": NOON, "by": DESK}
MOST = 50


@pytest.fixture
def shop_floor():
    channel, place = shop(kind="WHOLESALE")
    goods = [sku() for _number in range(MOST)]
    for item in goods:
        stock(item, place, 1000, unit_value=100)
    account("AC1", bill_to=bill_to("B1", credit_group=credit_group(limit=10**9)))
    place_order(channel=channel.code, order=basket(goods[:2], "WARM-UP"), **HOW)
    return channel, goods


def basket(goods, external_id: str, **fields):
    return order(*[line(item, 1, 1100) for item in goods], external_id=external_id, **fields)


def on_account(goods, external_id: str):
    return basket(goods, external_id, account_code="AC1", payments=())


def count(call) -> int:
    return len(statements(call))


# Many rows go by COPY, one statement per table instead of one for all of them: a step, once, and no growth on either side of it.


def test_placing(shop_floor):
    channel, goods = shop_floor

    def place(size: int) -> int:
        lines = [line(goods[number % MOST], 1, 1100, line_id=str(number)) for number in range(size)]
        return count(lambda: place_order(channel=channel.code, order=order(*lines, external_id=f"L-{size}"), **HOW))

    few, many = [place(1), place(20)], [place(MOST), place(4 * MOST)]

    assert few[0] == few[1]
    assert many[0] == many[1]
    assert few[0] <= PLACE[0]
    assert many[0] <= PLACE[1]


def test_placing_many(shop_floor):
    channel, goods = shop_floor

    def place_many(size: int) -> int:
        orders = [on_account(goods[:3], f"B-{size}-{number}") for number in range(size)]
        return count(lambda: place_orders(channel=channel.code, orders=orders, **HOW))

    few, many = [place_many(1), place_many(2)], [place_many(MOST - 10), place_many(MOST)]

    assert few[0] == few[1]
    assert many[0] == many[1]
    assert few[0] <= PLACE_ON_ACCOUNT[0]
    assert many[0] <= PLACE_ON_ACCOUNT[1]


def test_placing_many_again(shop_floor):
    channel, goods = shop_floor

    def place_again(size: int) -> int:
        orders = [basket(goods[:3], f"B-{size}-{number}") for number in range(size)]
        place_orders(channel=channel.code, orders=orders, **HOW)
        return count(lambda: place_orders(channel=channel.code, orders=orders, **HOW))

    assert place_again(1) == place_again(10)


def records(channel, orders) -> list[int]:
    place_orders(channel=channel.code, orders=orders, **HOW)
    return list(
        Order.objects.filter(external_id__in=[sent.external_id for sent in orders]).values_list("pk", flat=True)
    )


def way_out(channel, orders) -> dict[str, int]:
    """Statements of releasing, shipping and taking back these orders, each in one call."""
    ids = records(channel, orders)
    found = {"release": count(lambda: release_orders(order_ids=ids, **HOW))}
    parcels = Shipment.objects.filter(order__in=ids).values_list("pk", flat=True)
    found["ship"] = count(lambda: ship(requests=[ShipRequest(key) for key in parcels], **HOW))
    lines: dict[int, list[ReturnedLine]] = {}
    for order_id, key in ShipmentLine.objects.filter(shipment__order__in=ids).values_list("shipment__order_id", "pk"):
        lines.setdefault(order_id, []).append(ReturnedLine(key, 1))
    returns = [ReturnRequest(order_id, f"R-{order_id}", tuple(back)) for order_id, back in lines.items()]
    found["return"] = count(lambda: record_returns(returns=returns, **HOW))
    return found


def test_release_ship_and_return_by_lines(shop_floor):
    channel, goods = shop_floor

    def of(size: int) -> dict[str, int]:
        return way_out(channel, [basket(goods[:size], f"W-{size}")])

    one = of(1)
    assert one == of(MOST // 2)
    assert all(one[name] <= most for name, most in WAY_OUT.items()), one


def test_release_ship_and_return_by_orders(shop_floor):
    channel, goods = shop_floor

    def of(size: int) -> dict[str, int]:
        return way_out(channel, [on_account(goods[:2], f"W-{size}-{number}") for number in range(size)])

    assert of(1) == of(6)
    assert of(MOST) == of(MOST + 10)


def test_accepting_by_shipments(shop_floor):
    channel, goods = shop_floor
    account("AC2", bill_to=bill_to("B2"), revenue_basis="ACCEPTANCE")

    def accept_many(size: int) -> int:
        ids = records(
            channel,
            [basket(goods[:2], f"X-{size}-{n}", account_code="AC2", payments=()) for n in range(size)],
        )
        release_orders(order_ids=ids, **HOW)
        parcels = list(Shipment.objects.filter(order__in=ids).values_list("pk", flat=True))
        ship(requests=[ShipRequest(key) for key in parcels], **HOW)
        return count(lambda: accept(shipment_ids=parcels, accepted_date=TODAY, **HOW))

    assert accept_many(1) == accept_many(6)
    assert accept_many(MOST) == accept_many(MOST + 5)
