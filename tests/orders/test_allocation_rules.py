"""When stock is reserved: at acceptance, by hand, days before the wished date; money that is overdue; priority; pieces given to another order."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from django.urls import reverse

from catalog.models import KitComponent, Price, PriceList, Sku
from customers.services import CustomerData
from erp.core.errors import NotAllowedNow
from erp.core.models import StaffTask
from erp.inventory.exceptions import NotReserved
from erp.inventory.models import Reservation
from erp.inventory.selectors import held_for, hold
from erp.inventory.services import HoldDemand, PhysicalLine, place_hold, record_physical_fact
from erp.orders.models import AllocationRule, Order, OrderEvent, OrderState, OrderWait
from erp.orders.selectors import order_view
from erp.orders.services import (
    DeliveryInput,
    HoldOrder,
    PaymentInput,
    PaymentNews,
    allocate_by_hand,
    allocate_waiting,
    give_up_overdue,
    move_reservation,
    order_from_hold,
    place_order,
    record_payment_event,
    set_priority,
)
from tests.inventory.factories import channel as make_channel
from tests.inventory.factories import figures, location, sku, stock
from tests.orders.factories import DESK, NOON, TODAY, line, order, placed, released, shop

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)


@pytest.fixture
def there():
    """Three shirts."""
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 3)
    return channel, place, shirt


def state(record):
    record.refresh_from_db()
    return record.state


def waits(record):
    return list(OrderWait.objects.filter(order=record, closed_at=None).values_list("reason", flat=True))


def test_by_hand_nothing_is_reserved_before_somebody_says_so(there):
    channel, place, shirt = there
    AllocationRule.objects.create(channel=channel, mode="BY_HAND")

    record = placed(channel, order(line(shirt, 2)))
    allocate_waiting(at=NOON, by=DESK)

    assert (record.state, figures(shirt, place), waits(record)) == (OrderState.AWAITING_STOCK, (3, 0), ["BY_HAND"])
    assert not StaffTask.objects.filter(kind="OVERSOLD").exists()
    assert [wait.reason for wait in order_view(channel=channel.code, external_id="A-1").waits] == ["BY_HAND"]
    assert allocate_by_hand(order_ids=[record.pk], at=NOON, by=DESK) == {record.pk: OrderState.READY}
    assert (figures(shirt, place), waits(record)) == ((3, 2), [])


def test_a_revision_does_not_put_back_what_was_allocated_by_hand(there):
    channel, place, shirt = there
    AllocationRule.objects.create(channel=channel, mode="BY_HAND")
    record = placed(channel, order(line(shirt, 1)))
    allocate_by_hand(order_ids=[record.pk], at=NOON, by=DESK)

    place_order(channel=channel.code, order=order(line(shirt, 2), revision=2), at=NOON, by=DESK)

    assert (state(record), figures(shirt, place), waits(record)) == (OrderState.READY, (3, 2), [])


def test_days_before_the_wished_date_the_queue_goes_by_priority(there):
    channel, place, shirt = there
    AllocationRule.objects.create(channel=channel, mode="BEFORE_WISHED_DATE", days_before=5)
    wished = (DeliveryInput(wish_date=TODAY + 9 * DAY),)
    late = placed(channel, order(line(shirt, 2), external_id="A-1", deliveries=wished))
    early = placed(channel, order(line(shirt, 2), external_id="A-2", deliveries=wished))
    undated = placed(channel, order(line(shirt, 1), external_id="A-3"))
    assert (waits(late), waits(early), state(undated)) == (["WISHED_DATE"], ["WISHED_DATE"], OrderState.READY)
    set_priority(order_ids=[early.pk], priority=10, at=NOON, by=DESK)

    allocate_waiting(at=NOON + 3 * DAY, by=DESK)
    assert figures(shirt, place) == (3, 1)
    allocate_waiting(at=NOON + 4 * DAY, by=DESK)

    assert (state(late), state(early)) == (OrderState.AWAITING_STOCK, OrderState.AWAITING_SHIP_DATE)
    assert waits(early) == []


def test_the_most_particular_rule_says_each_setting(there):
    channel, _place, shirt = there
    AllocationRule.objects.create(priority=70, mode="BY_HAND")
    AllocationRule.objects.create(channel=channel, mode="AT_ACCEPTANCE")
    AllocationRule.objects.create(order_type="EXHIBITION", priority=90)

    normal = placed(channel, order(line(shirt, 1), external_id="A-1"))
    exhibition = placed(channel, order(line(shirt, 1), external_id="A-2", order_type="EXHIBITION"))

    assert [(row.priority, row.state) for row in (normal, exhibition)] == [
        (70, OrderState.READY),
        (90, OrderState.READY),
    ]


def transfer(amount, due_at):
    return (PaymentInput("BANK_TRANSFER", Decimal(amount), "PENDING", due_at=due_at),)


def unpaid(channel, shirt, pieces=2, external_id="A-1"):
    return placed(
        channel,
        order(line(shirt, pieces), external_id=external_id, payments=transfer(1100 * pieces, NOON + DAY)),
    )


def pay(channel, record, at):
    return record_payment_event(
        channel=channel.code,
        external_id=record.external_id,
        event=PaymentNews("pay-1", "PAID", at),
        at=at,
        by=DESK,
    )


def test_overdue_money_keeps_its_stock_unless_a_rule_says_otherwise(there):
    channel, place, shirt = there
    unpaid(channel, shirt)

    assert give_up_overdue(at=NOON + 2 * DAY, by=DESK) == 0
    assert figures(shirt, place) == (3, 2)


def test_overdue_money_gives_up_the_reservation_and_money_that_comes_later_gets_stock_again(there):
    channel, place, shirt = there
    AllocationRule.objects.create(channel=channel, overdue="RELEASE", overdue_days=1)
    record = unpaid(channel, shirt)
    assert give_up_overdue(at=NOON + DAY, by=DESK) == 0

    assert give_up_overdue(at=NOON + 2 * DAY, by=DESK) == 1
    assert give_up_overdue(at=NOON + 2 * DAY, by=DESK) == 0

    allocate_waiting(at=NOON + 2 * DAY, by=DESK)
    assert (state(record), figures(shirt, place), waits(record)) == (
        OrderState.AWAITING_PAYMENT, (3, 0), ["PAYMENT_OVERDUE"],
    )  # fmt: skip
    assert pay(channel, record, NOON + 3 * DAY) == OrderState.READY
    assert (figures(shirt, place), waits(record)) == ((3, 2), [])


def test_paid_late_and_the_stock_is_gone_the_order_waits_with_that_reason(there):
    channel, place, shirt = there
    AllocationRule.objects.create(channel=channel, overdue="RELEASE")
    record = unpaid(channel, shirt)
    give_up_overdue(at=NOON + DAY, by=DESK)
    placed(channel, order(line(shirt, 3), external_id="A-2"))

    assert pay(channel, record, NOON + 2 * DAY) == OrderState.AWAITING_STOCK

    assert waits(record) == ["PAID_LATE"]
    assert [wait.reason for wait in order_view(channel=channel.code, external_id="A-1").waits] == ["PAID_LATE"]
    stock(shirt, place, 2)
    allocate_waiting(at=NOON + 2 * DAY, by=DESK)
    assert (state(record), waits(record)) == (OrderState.READY, [])


def test_overdue_money_cancels_the_order_where_the_rule_says_so(there):
    channel, place, shirt = there
    AllocationRule.objects.create(channel=channel, overdue="CANCEL")
    record = unpaid(channel, shirt)

    assert give_up_overdue(at=NOON + DAY, by=DESK) == 1

    assert (state(record), figures(shirt, place)) == (OrderState.CANCELLED, (3, 0))


def test_a_higher_priority_keeps_its_pieces_when_a_fact_takes_some(there):
    channel, place, shirt = there
    first = placed(channel, order(line(shirt, 2), external_id="A-1"))
    second = placed(channel, order(line(shirt, 1), external_id="A-2"))
    assert set_priority(order_ids=[second.pk, first.pk], priority=50, at=NOON, by=DESK) == 0
    set_priority(order_ids=[second.pk], priority=5, at=NOON, by=DESK)

    record_physical_fact(
        source_type="DAMAGE", source_id=1, location_id=place.pk, lines=[PhysicalLine(1, shirt.pk, 2)],
        reason_code="DAMAGE", occurred_at=NOON, at=NOON, by=DESK,
    )  # fmt: skip

    kept = dict(Reservation.objects.filter(quantity__gt=0).values_list("document_id", "quantity"))
    assert kept == {second.pk: 1}
    assert OrderEvent.objects.get(order=second, kind="PRIORITY").detail == "50 → 5"


def test_pieces_go_from_one_order_to_another_and_both_remember(there):
    channel, place, shirt = there
    giver = placed(channel, order(line(shirt, 3), external_id="A-1"))
    taker = placed(channel, order(line(shirt, 2), external_id="A-2"))

    states = move_reservation(from_order_id=giver.pk, to_order_id=taker.pk, sku_id=shirt.pk, pieces=2, at=NOON, by=DESK)

    assert states == {giver.pk: OrderState.AWAITING_STOCK, taker.pk: OrderState.READY}
    kept = dict(Reservation.objects.filter(quantity__gt=0).values_list("document_id", "quantity"))
    assert (kept, figures(shirt, place)) == ({giver.pk: 1, taker.pk: 2}, (3, 3))
    told = dict(OrderEvent.objects.filter(kind="MOVED").values_list("order", "detail"))
    assert (taker.number in told[giver.pk], giver.number in told[taker.pk]) == (True, True)
    assert not StaffTask.objects.filter(kind="OVERSOLD", subject_id=taker.pk, closed_at=None).exists()


def test_nothing_moves_that_is_not_there_or_not_lacked_or_being_picked(there):
    channel, _place, shirt = there
    giver = placed(channel, order(line(shirt, 3), external_id="A-1"))
    taker = placed(channel, order(line(shirt, 1), external_id="A-2"))

    def move(pieces, to=taker):
        return move_reservation(
            from_order_id=giver.pk, to_order_id=to.pk, sku_id=shirt.pk, pieces=pieces, at=NOON, by=DESK
        )

    with pytest.raises(NotAllowedNow):
        move(2)
    with pytest.raises(NotAllowedNow):
        move(4)
    elsewhere = location()
    far = placed(make_channel(elsewhere), order(line(shirt, 1), external_id="B-1"))
    with pytest.raises(NotReserved):
        move(1, far)
    released(giver)
    with pytest.raises(NotAllowedNow):
        move(1)
    assert dict(Reservation.objects.filter(quantity__gt=0).values_list("document_id", "quantity")) == {giver.pk: 3}
    assert Order.objects.count() == 3


def test_a_hold_becomes_an_order_that_takes_its_pieces_whatever_the_rule_says(there):
    channel, place, shirt = there
    AllocationRule.objects.create(channel=channel, mode="BY_HAND")
    prices = PriceList.objects.create(code="RETAIL", name="上代", tax_mode="INCLUDED", is_standard=True)
    Price.objects.create(price_list=prices, sku=shirt, price=1100, valid_from=TODAY)
    kept = place_hold(
        channel_id=channel.pk, ref="T-1", lines=[HoldDemand(shirt.pk, 3)], kind="KEEP", owner_label="佐藤 花子", at=NOON, by=DESK
    )  # fmt: skip
    said = HoldOrder("T-1", "", CustomerData(family_name="佐藤"), DeliveryInput(), "CASH")

    outcome = order_from_hold(channel=channel.code, held=held_for(kept.id), said=said, at=NOON, by=DESK)

    record = Order.objects.get(pk=outcome.order_id)
    assert (record.total, outcome.lines[0].reserved_quantity, figures(shirt, place)) == (3300, 3, (3, 3))
    assert (waits(record), hold(channel_id=channel.pk, ref="T-1").is_closed) == ([], True)


def test_a_hold_of_a_kit_becomes_an_order_of_the_kit_at_its_own_price(there, admin_client):
    channel, place, shirt = there
    pair = sku()
    Sku.objects.filter(pk=pair.pk).update(is_kit=True)
    KitComponent.objects.create(kit=pair, component=shirt, quantity=2)
    prices = PriceList.objects.create(code="RETAIL", name="上代", tax_mode="INCLUDED", is_standard=True)
    for item, price in ((shirt, 1100), (pair, 1800)):
        Price.objects.create(price_list=prices, sku=item, price=price, valid_from=TODAY)
    # One pair, and one shirt beside it.
    kept = place_hold(
        channel_id=channel.pk, ref="T-2", lines=[HoldDemand(shirt.pk, 3)], kits={pair.pk: 1}, kind="QUOTE", at=NOON, by=DESK
    )  # fmt: skip
    said = HoldOrder("T-2", "", CustomerData(family_name="佐藤"), DeliveryInput(), "CASH")
    page = admin_client.get(reverse("admin:orders_order_from_hold", args=[kept.id]))
    offered = [(code, pieces, price.price) for code, _name, pieces, price in page.context["goods"]]
    assert offered == [(pair.code, 1, 1800), (shirt.code, 1, 1100)]

    outcome = order_from_hold(channel=channel.code, held=held_for(kept.id), said=said, at=NOON, by=DESK)

    record = Order.objects.get(pk=outcome.order_id)
    sold = record.lines.order_by("pk").values_list("sku", "quantity", "unit_price")
    assert (record.total, list(sold)) == (2900, [(pair.pk, 1, 1800), (shirt.pk, 1, 1100)])
    assert (figures(shirt, place), waits(record)) == ((3, 3), [])


@pytest.mark.parametrize("in_one", [1, 3])
def test_a_hold_of_a_kit_that_is_made_of_other_pieces_by_now_becomes_an_order_of_its_pieces(there, in_one):
    """Never of the kit and of pieces that were kept for it besides."""
    channel, _place, shirt = there
    pair = sku()
    Sku.objects.filter(pk=pair.pk).update(is_kit=True)
    made_of = KitComponent.objects.create(kit=pair, component=shirt, quantity=2)
    kept = place_hold(
        channel_id=channel.pk, ref="T-2", lines=[HoldDemand(shirt.pk, 3)], kits={pair.pk: 1}, kind="QUOTE", at=NOON, by=DESK
    )  # fmt: skip
    assert held_for(kept.id).asked == ((pair.pk, 1), (shirt.pk, 1))

    made_of.quantity = in_one
    made_of.save()

    assert held_for(kept.id).asked == ((shirt.pk, 3),)


def test_a_revision_keeps_what_an_order_has_once_its_day_has_come_though_it_lacks_some(there):
    channel, place, shirt = there
    AllocationRule.objects.create(channel=channel, mode="BEFORE_WISHED_DATE", days_before=5)
    wished = (DeliveryInput(wish_date=TODAY + 9 * DAY),)
    record = placed(channel, order(line(shirt, 5), deliveries=wished))
    allocate_waiting(at=NOON + 4 * DAY, by=DESK)
    assert (figures(shirt, place), waits(record)) == ((3, 3), ["WISHED_DATE"])

    revision = order(line(shirt, 5), deliveries=wished, revision=2)
    place_order(channel=channel.code, order=revision, at=NOON + 4 * DAY, by=DESK)

    assert (figures(shirt, place), waits(record)) == ((3, 3), [])


@pytest.mark.parametrize(
    ("due_at", "kept", "left"),
    [(NOON + DAY, 0, ["PAYMENT_OVERDUE"]), (NOON + 9 * DAY, 2, [])],
    ids=["due as before", "due later"],
)
def test_a_revision_gives_no_stock_to_an_order_whose_money_is_overdue_still(there, due_at, kept, left):
    channel, place, shirt = there
    AllocationRule.objects.create(channel=channel, overdue="RELEASE")
    record = unpaid(channel, shirt)
    give_up_overdue(at=NOON + 2 * DAY, by=DESK)

    revision = order(line(shirt, 2), payments=transfer(2200, due_at), revision=2)
    place_order(channel=channel.code, order=revision, at=NOON + 2 * DAY, by=DESK)

    assert (figures(shirt, place), waits(record)) == ((3, kept), left)
    assert give_up_overdue(at=NOON + 10 * DAY, by=DESK) == (1 if kept else 0)
    assert figures(shirt, place) == (3, 0)
    assert pay(channel, record, NOON + 11 * DAY) == OrderState.READY
    assert figures(shirt, place) == (3, 2)


def test_an_order_that_is_told_when_its_day_has_come_is_served_at_once(there):
    """Ordered yesterday, to be served from today on, and read from the site only now."""
    channel, place, shirt = there
    AllocationRule.objects.create(channel=channel, mode="BEFORE_WISHED_DATE", days_before=5)
    sent = order(line(shirt, 2), ordered_at=NOON - DAY, deliveries=(DeliveryInput(wish_date=TODAY + 5 * DAY),))

    record = placed(channel, sent)

    assert (figures(shirt, place), waits(record)) == ((3, 2), [])
