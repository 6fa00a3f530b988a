"""The locks of returns in a channel's words and of sales over a counter, each with a race that fails without it (docs/guards/orders.md)."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import pytest

from accounting.models import Period
from accounting.services import close_period, open_periods
from customers.models import CreditGroup
from erp.core.errors import Conflict
from erp.inventory.models import StockBalance
from erp.orders.exceptions import NotReturnable
from erp.orders.models import Order, ParkedMessage, Return, Shipment, ShipmentLine
from erp.orders.services import (
    ChannelReturn,
    PaymentInput,
    ReturnedLine,
    ReturnedUnits,
    SaleOutcome,
    ShipRequest,
    allocate_orders,
    place_order,
    record_channel_return,
    record_return,
    record_shop_sales,
    release_orders,
    ship,
)
from tests.customers.factories import account, bill_to, credit_group
from tests.inventory.factories import channel as make_channel
from tests.inventory.factories import figures, sku, stock
from tests.orders.factories import DESK, NOON, figure, line, order, placed, released, shop
from tests.racing import once_another_waits, race
from tests.unlocked import fails_without

pytestmark = pytest.mark.django_db(transaction=True)

HOW = {"at": NOON, "by": DESK}


@pytest.fixture
def stocked():
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 10, unit_value=400)
    return channel, place, shirt


def giving_back(channel, quantity: int, *, number: str = "R-1", order_id: str = "A-1"):
    request = ChannelReturn(number, (ReturnedUnits("1", quantity),))
    return lambda: record_channel_return(channel=channel.code, external_id=order_id, request=request, **HOW)


def left_in_two_parcels(channel, shirt) -> Order:
    """An order of 3 units that left as 2 and 1."""
    record = placed(channel, order(line(shirt, 3, line_id="1")))
    [first] = released(record)
    ship(requests=[ShipRequest(first.pk, {record.lines.get().pk: 2})], **HOW)
    allocate_orders(order_ids=[record.pk], **HOW)
    release_orders(order_ids=[record.pk], **HOW)
    [second] = record.shipments.filter(state="INSTRUCTED")
    ship(requests=[ShipRequest(second.pk)], **HOW)
    return record


# Returns of a channel


@fails_without("orders.channel_returns.record_channel_return[order:]")
def test_a_return_that_races_its_order_is_never_parked_for_ever(stocked):
    """The order is held where it has looked for parked messages already: a return that came then must not be left waiting for it."""
    channel, place, shirt = stocked

    outcomes = race(
        lambda: place_order(channel=channel.code, order=order(line(shirt, 2, line_id="1")), **HOW),
        once_another_waits(giving_back(channel, 1)),
        hold=StockBalance.objects.all(),
    )

    assert isinstance(outcomes[1], NotReturnable), outcomes
    assert not ParkedMessage.objects.exists()
    assert figures(shirt, place) == (10, 2)


@fails_without("orders.channel_returns.record_channel_return[rows]")
def test_what_staff_take_back_meanwhile_is_not_taken_from_the_same_parcel(stocked):
    """Two of the first parcel and one of the second are out; staff take one of the first while the channel gives back two."""
    channel, place, shirt = stocked
    record = left_in_two_parcels(channel, shirt)
    first, second = ShipmentLine.objects.order_by("pk")

    outcomes = race(
        lambda: record_return(order_id=record.pk, external_id="R-0", lines=[ReturnedLine(first.pk, 1)], **HOW),
        once_another_waits(giving_back(channel, 2)),
        hold=Order.objects.all(),
    )

    assert not any(isinstance(outcome, Exception) for outcome in outcomes), outcomes
    assert Return.objects.count() == 2
    assert figures(shirt, place) == (10, 0)
    for parcel, units in ((first, 2), (second, 1)):
        parcel.refresh_from_db()
        assert parcel.returned_quantity == units


@fails_without("orders.channel_returns.record_channel_return[return:]")
def test_one_number_of_a_return_stands_for_one_order(stocked):
    """Neither order has come: only the number of the return is there to be held."""
    channel, _place, _shirt = stocked

    outcomes = race(
        giving_back(channel, 1, order_id="A-8"),
        giving_back(channel, 1, order_id="A-9"),
        names=[f"return:{channel.pk}:R-1"],
        table="orders_parkedmessage",
    )

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["OrderConflict", "ReturnOutcome"], outcomes
    assert any(isinstance(outcome, Conflict) for outcome in outcomes)
    assert ParkedMessage.objects.count() == 1


# Sales over a counter


@pytest.fixture
def counter(stocked):
    _site, place, shirt = stocked
    return make_channel(place, kind="SHOP"), place, shirt


def sold(shirt, quantity: int = 1, *, external_id: str, **fields):
    fields.setdefault("payments", (PaymentInput("CASH", Decimal(1100 * quantity), "PAID"),))
    moment = NOON - dt.timedelta(hours=1)
    return order(line(shirt, quantity, 1100), external_id=external_id, ordered_at=moment, **fields)


def recording(channel, *sales):
    return lambda: record_shop_sales(channel=channel.code, sales=sales, **HOW)


@fails_without("orders.shop_sales.record_shop_sales[order:]")
def test_the_same_sales_in_opposite_order_are_each_recorded_once(counter):
    channel, place, shirt = counter
    sales = [sold(shirt, external_id=f"T-{number}") for number in range(4)]

    # Somebody has the one in the middle: each would hold its half by then, and want the other's.
    outcomes = race(
        recording(channel, *sales),
        recording(channel, *reversed(sales)),
        names=[f"order:{channel.code}:T-2"],
        table="orders_order",
    )

    assert not any(isinstance(outcome, Exception) for outcome in outcomes), outcomes
    assert sorted([told.is_replay for told in told_of] for told_of in outcomes) == [[False] * 4, [True] * 4]
    assert figures(shirt, place) == (6, 0)
    assert (figure("cash"), figure("sales.shop")) == (4400, 4000)


@fails_without("orders.shop_sales._record[lock_credit()]")
def test_a_sale_to_an_account_takes_its_credit_before_the_stock(counter):
    """An order of the same account holds the credit and wants the pieces; a sale that had them first would want the credit."""
    channel, place, shirt = counter
    wholesale = make_channel(place, kind="WHOLESALE")
    account("AC1", bill_to=bill_to("B1", credit_group=credit_group(limit=1_000_000)))
    on_account = {"account_code": "AC1", "payments": ()}

    outcomes = race(
        lambda: place_order(channel=wholesale.code, order=order(line(shirt, 2, 1100), **on_account), **HOW),
        once_another_waits(recording(channel, sold(shirt, external_id="T-1", **on_account))),
        hold=CreditGroup.objects.all(),
    )

    assert not any(isinstance(outcome, Exception) for outcome in outcomes), outcomes
    assert isinstance(outcomes[1][0], SaleOutcome)
    assert outcomes[1][0].refusal is None
    assert figures(shirt, place) == (9, 2)
    assert CreditGroup.objects.get().exposure == 2 * 1100 + 1100


@fails_without("orders.shop_sales._open_sales[hold_open_dates()]")
def test_a_sale_that_races_the_closing_of_its_month_gets_in_on_the_next_day_that_is_open(counter):
    """Whoever looked which day is open before it held the month would have its fact refused."""
    channel, place, shirt = counter
    open_periods(through=dt.date(2026, 10, 31), **HOW)
    october = Period.objects.get(ends_on=dt.date(2026, 10, 31))
    late = replace(sold(shirt, 2, external_id="T-1"), ordered_at=dt.datetime(2026, 10, 31, 3, 0, tzinfo=dt.UTC))

    outcomes = race(
        lambda: close_period(period_id=october.pk, **HOW),
        once_another_waits(recording(channel, late)),
        names=["books:2026-10"],
    )

    assert not any(isinstance(outcome, Exception) for outcome in outcomes), outcomes
    assert outcomes[1][0].tasks == ("SALE_IN_CLOSED_PERIOD",)
    parcel = Shipment.objects.get()
    assert (parcel.ship_date, parcel.revenue_date) == (dt.date(2026, 10, 31), dt.date(2026, 11, 1))
    assert figures(shirt, place) == (8, 0)
