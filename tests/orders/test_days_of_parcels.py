"""Nothing leaves, arrives or comes back tomorrow, and nothing arrives or comes back before it left."""

from __future__ import annotations

import datetime as dt

import pytest

from erp.core.errors import InvalidInput
from erp.orders.exceptions import NotReturnable, NotShippable
from erp.orders.models import Return, Shipment, ShipmentLine
from erp.orders.services import ReturnedLine, ShipRequest, accept, deliver, record_refusal, record_return, ship
from tests.inventory.factories import figures, sku, stock
from tests.orders.factories import DESK, NOON, TODAY, figure, line, order, placed, released, shipped, shop

pytestmark = pytest.mark.django_db

HOW = {"at": NOON, "by": DESK}
TOMORROW, YESTERDAY = TODAY + dt.timedelta(days=1), TODAY - dt.timedelta(days=1)


@pytest.fixture
def sold():
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 10, unit_value=400)
    return placed(channel, order(line(shirt, 2, 1100))), shirt, place


def test_a_parcel_leaves_today_or_left_before(sold):
    record, shirt, place = sold
    [parcel] = released(record)

    with pytest.raises(InvalidInput) as refusal:
        ship(requests=[ShipRequest(parcel.pk)], ship_date=TOMORROW, **HOW)

    assert [(problem.pointer, problem.code) for problem in refusal.value.problems] == [("/ship_date", "in_future")]
    assert (figures(shirt, place), figure("sales.ec")) == ((10, 2), 0)
    ship(requests=[ShipRequest(parcel.pk)], ship_date=YESTERDAY, **HOW)
    parcel.refresh_from_db()
    assert (parcel.state, parcel.ship_date) == ("SHIPPED", YESTERDAY)


@pytest.mark.parametrize("act", ["deliver", "accept"])
def test_it_arrives_when_it_has_left_and_not_tomorrow(sold, act):
    [parcel] = shipped(sold[0])

    def on(day: dt.date) -> None:
        if act == "deliver":
            deliver(shipment_ids=[parcel.pk], delivered_date=day, **HOW)
        else:
            accept(shipment_ids=[parcel.pk], accepted_date=day, **HOW)

    with pytest.raises(NotShippable) as early:
        on(YESTERDAY)
    with pytest.raises(InvalidInput):
        on(TOMORROW)

    assert [(problem.pointer, problem.code) for problem in early.value.problems] == [(parcel.number, "before_it_left")]
    assert Shipment.objects.get().state == "SHIPPED"
    on(TODAY)
    assert Shipment.objects.get().state != "SHIPPED"


@pytest.mark.parametrize("kind", ["return", "refusal"])
def test_it_comes_back_when_it_has_left_and_not_tomorrow(sold, kind):
    record, shirt, place = sold
    [parcel] = shipped(record)

    def on(day: dt.date) -> None:
        if kind == "return":
            lines = [ReturnedLine(ShipmentLine.objects.get().pk, 2)]
            record_return(order_id=record.pk, external_id="R-1", lines=lines, return_date=day, **HOW)
        else:
            record_refusal(shipment_id=parcel.pk, external_id="R-1", return_date=day, **HOW)

    with pytest.raises(NotReturnable) as early:
        on(YESTERDAY)
    with pytest.raises(InvalidInput):
        on(TOMORROW)

    assert [(problem.pointer, problem.code) for problem in early.value.problems] == [(parcel.number, "before_it_left")]
    assert (Return.objects.count(), figures(shirt, place), figure("sales.ec")) == (0, (8, 0), 2000)
    on(TODAY)
    assert Return.objects.get().return_date == TODAY


def test_it_is_accepted_when_it_has_arrived_and_not_before(sold):
    [parcel] = shipped(sold[0], ship_date=YESTERDAY)
    deliver(shipment_ids=[parcel.pk], delivered_date=TODAY, **HOW)

    with pytest.raises(NotShippable) as early:
        accept(shipment_ids=[parcel.pk], accepted_date=YESTERDAY, **HOW)

    assert [(problem.pointer, problem.code) for problem in early.value.problems] == [
        (parcel.number, "before_it_arrived")
    ]
    assert Shipment.objects.get().state == "DELIVERED"
    accept(shipment_ids=[parcel.pk], accepted_date=TODAY, **HOW)
    assert Shipment.objects.get().state == "ACCEPTED"
