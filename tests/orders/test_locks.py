"""Each lock of orders against two callers at once, on real PostgreSQL. What happens without the lock is in docs/guards/orders.md."""

from __future__ import annotations

from decimal import Decimal

import pytest

from customers.models import CreditGroup, ExposureEntry
from customers.services import ExposureDelta, add_exposure
from erp.core.models import StaffTask
from erp.inventory.models import StockBalance, StockDocument
from erp.orders.exceptions import NotCancellable, NotReleasable, NotReturnable, NotShippable
from erp.orders.models import (
    Order,
    OrderHold,
    OrderPayment,
    OrderState,
    ParkedMessage,
    Return,
    SalesReport,
    Shipment,
    ShipmentLine,
)
from erp.orders.services import (
    OrderOutcome,
    PaymentNews,
    ReturnedLine,
    ShipRequest,
    SoldUnits,
    cancel_order,
    place_order,
    record_payment_event,
    record_return,
    release_orders,
    report_sales,
    ship,
)
from tests.customers.factories import account, bill_to, credit_group
from tests.inventory.factories import figures, sku, stock
from tests.orders.factories import DESK, NOON, figure, line, order, placed, released, shipped, shop
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


def by_name(channel, external_id: str = "A-1") -> list[str]:
    return [f"order:{channel.code}:{external_id}"]


def placing(channel, sent):
    return lambda: place_order(channel=channel.code, order=sent, **HOW)


def cancelling(channel):
    return lambda: cancel_order(channel=channel.code, external_id="A-1", reason="", **HOW)


@fails_without("orders.placing.place_orders[order:]")
def test_the_same_order_placed_twice_at_once_is_one_order(stocked):
    channel, place, shirt = stocked
    sent = order(line(shirt, 2, 1100))

    outcomes = race(placing(channel, sent), placing(channel, sent), names=by_name(channel), table="orders_order")

    assert all(isinstance(outcome, OrderOutcome) for outcome in outcomes), outcomes
    assert sorted(outcome.is_replay for outcome in outcomes) == [False, True]
    assert outcomes[0].number == outcomes[1].number
    assert Order.objects.count() == 1
    assert figures(shirt, place) == (10, 2)


@fails_without("orders.cancelling.hear_cancellation[order:]", "orders.placing.place_orders[order:]")
def test_a_cancel_that_races_its_order_is_never_lost(stocked):
    """The order is held where it has looked for parked messages already."""
    channel, place, shirt = stocked

    outcomes = race(
        placing(channel, order(line(shirt, 2, 1100))),
        once_another_waits(cancelling(channel)),
        hold=StockBalance.objects.all(),
    )

    assert not any(isinstance(outcome, Exception) for outcome in outcomes), outcomes
    assert Order.objects.get().state == OrderState.CANCELLED
    assert figures(shirt, place) == (10, 0)
    assert not ParkedMessage.objects.filter(applied_at=None).exists()


def capturing(channel, event_id: str, kind: str = "CAPTURED"):
    event = PaymentNews(event_id, kind, NOON, Decimal(2200))
    return lambda: record_payment_event(channel=channel.code, external_id="A-1", event=event, **HOW)


@fails_without("orders.payments._held[order:]", "orders.placing.place_orders[order:]")
def test_a_payment_that_races_its_order_is_never_lost(stocked):
    channel, _place, shirt = stocked

    outcomes = race(
        placing(channel, order(line(shirt, 2, 1100))),
        once_another_waits(capturing(channel, "e-1")),
        hold=StockBalance.objects.all(),
    )

    assert not any(isinstance(outcome, Exception) for outcome in outcomes), outcomes
    assert figure("deposits") == 2200


def test_two_news_of_the_same_money_at_once_are_one_deposit(stocked):
    channel, _place, shirt = stocked
    placed(channel, order(line(shirt, 2, 1100)))

    outcomes = race(capturing(channel, "e-1", "PAID"), capturing(channel, "e-2"), hold=OrderPayment.objects.all())

    assert outcomes == [OrderState.READY, OrderState.READY]
    assert figure("deposits") == 2200


@fails_without("orders.parcels._LOCK_ORDERS")
def test_shipping_twice_at_once_moves_stock_once(stocked):
    channel, place, shirt = stocked
    [parcel] = released(placed(channel, order(line(shirt, 2, 1100))))

    def confirm():
        return ship(requests=[ShipRequest(parcel.pk)], **HOW)

    outcomes = race(confirm, confirm, hold=Order.objects.all())

    assert outcomes == [{parcel.pk: "SHIPPED"}, {parcel.pk: "SHIPPED"}]
    assert figures(shirt, place) == (8, 0)
    assert StockDocument.objects.filter(source_type="SHIPMENT").count() == 1
    assert figure("sales.ec") == 2000


def test_an_amendment_races_the_release(stocked):
    """Either the new revision is what is picked, or the release came first and the new revision is a task."""
    channel, place, shirt = stocked
    record = placed(channel, order(line(shirt, 2, 1100)))

    outcomes = race(
        placing(channel, order(line(shirt, 5, 1100), revision=2)),
        lambda: release_orders(order_ids=[record.pk], **HOW),
        hold=Order.objects.all(),
    )

    assert not any(isinstance(outcome, Exception) for outcome in outcomes), outcomes
    picked = ShipmentLine.objects.get().quantity
    record.refresh_from_db()
    assert (picked, record.revision) == ((2, 1) if outcomes[0].is_task else (5, 2))
    assert figures(shirt, place) == (10, picked)
    assert record.state == OrderState.PICKING


def test_a_cancellation_races_the_release(stocked):
    """Either nothing is picked, or the warehouse picks it with its goods and the cancellation is a task."""
    channel, place, shirt = stocked
    record = placed(channel, order(line(shirt, 2, 1100)))

    outcomes = race(lambda: release_orders(order_ids=[record.pk], **HOW), cancelling(channel), hold=Order.objects.all())

    record.refresh_from_db()
    if isinstance(outcomes[0], NotReleasable):
        assert (record.state, figures(shirt, place)) == (OrderState.CANCELLED, (10, 0))
        assert not Shipment.objects.exists()
    else:
        assert (record.state, figures(shirt, place)) == (OrderState.PICKING, (10, 2)), outcomes
        assert StaffTask.objects.get().kind == "CANCEL_WHILE_PICKING"


def test_a_cancellation_races_the_parcel_that_leaves(stocked):
    """Who comes first decides: what has left is a return, what was asked back stays."""
    channel, place, shirt = stocked
    record = placed(channel, order(line(shirt, 2, 1100)))
    [parcel] = released(record)

    outcomes = race(
        cancelling(channel),
        once_another_waits(lambda: ship(requests=[ShipRequest(parcel.pk)], **HOW)),
        hold=Order.objects.all(),
    )

    parcel.refresh_from_db()
    if isinstance(outcomes[0], NotCancellable):
        assert (outcomes[1], parcel.state) == ({parcel.pk: "SHIPPED"}, "SHIPPED")
        assert not StaffTask.objects.exists()
    else:
        assert [type(outcome) for outcome in outcomes[1:]] == [NotShippable], outcomes
        assert (outcomes[0], parcel.state) == (OrderState.PICKING, "INSTRUCTED")
        assert figures(shirt, place) == (10, 2)
        assert StaffTask.objects.get().kind == "CANCEL_WHILE_PICKING"


def test_two_releases_of_the_same_orders_in_opposite_order_do_not_deadlock(stocked):
    channel, _place, shirt = stocked
    first, second = (placed(channel, order(line(shirt, 1, 1100), external_id=f"A-{n}")) for n in (1, 2))

    outcomes = race(
        lambda: release_orders(order_ids=[first.pk, second.pk], **HOW),
        lambda: release_orders(order_ids=[second.pk, first.pk], **HOW),
        hold=Order.objects.filter(pk=first.pk),
    )

    assert sorted(len(outcome) for outcome in outcomes) == [0, 2], outcomes
    assert Shipment.objects.count() == 2


def test_the_last_piece_goes_to_one_of_two_orders():
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 1)

    outcomes = race(
        placing(channel, order(line(shirt, 1, 1100), external_id="A-1")),
        placing(channel, order(line(shirt, 1, 1100), external_id="A-2")),
        hold=StockBalance.objects.all(),
    )

    assert sorted(outcome.state for outcome in outcomes) == ["AWAITING_STOCK", "READY"], outcomes
    assert figures(shirt, place) == (1, 1)


@fails_without("orders.placing.judge_credit[lock_credit()]")
def test_two_orders_of_one_account_cannot_both_take_the_last_credit():
    channel, place = shop(kind="WHOLESALE")
    group = credit_group(warning_percent=100)
    account("AC1", bill_to=bill_to("B1", credit_group=group))
    shirt = sku()
    stock(shirt, place, 10)
    add_exposure(deltas=[ExposureDelta(group.pk, ExposureEntry.Kind.RECEIVABLE, Decimal(4_700_000), "TEST", 1)], **HOW)

    def on_account(external_id: str):
        return placing(
            channel, order(line(shirt, 1, 200_000), external_id=external_id, account_code="AC1", payments=())
        )

    outcomes = race(on_account("A-1"), on_account("A-2"), hold=CreditGroup.objects.all())

    assert sorted(outcome.holds for outcome in outcomes) == [(), ("CREDIT_EXCEEDED",)], outcomes
    assert OrderHold.objects.count() == 1
    assert CreditGroup.objects.get().exposure == 5_100_000


@fails_without("orders.returns._lock[rows]")
def test_the_same_piece_is_taken_back_once(stocked):
    channel, place, shirt = stocked
    record = placed(channel, order(line(shirt, 1, 1100)))
    shipped(record)
    key = ShipmentLine.objects.get().pk

    def take_back(external_id: str):
        return lambda: record_return(order_id=record.pk, external_id=external_id, lines=[ReturnedLine(key, 1)], **HOW)

    outcomes = race(take_back("R-1"), take_back("R-2"), hold=Order.objects.all())

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NotReturnable", "Return"], outcomes
    assert any(isinstance(outcome, NotReturnable) for outcome in outcomes)
    assert Return.objects.count() == 1
    assert figures(shirt, place) == (10, 0)


def test_the_same_sales_report_twice_at_once_is_one_report():
    channel, place = shop(kind="WHOLESALE", revenue_basis="SALES_REPORT")
    account("AC1", bill_to=bill_to("B1", credit_group=credit_group(limit=100_000)))
    shirt = sku()
    stock(shirt, place, 3, unit_value=400)
    shipped(placed(channel, order(line(shirt, 3, 1100), account_code="AC1", payments=())))
    sold = [SoldUnits(ShipmentLine.objects.get().pk, 2)]

    def reporting():
        return report_sales(channel=channel.code, external_id="SR-1", lines=sold, **HOW)

    outcomes = race(reporting, reporting, hold=Order.objects.all())

    assert outcomes[0] == outcomes[1] == SalesReport.objects.get()
    assert (figure("sales.wholesale"), figure("inventory.consigned")) == (2000, 400)
