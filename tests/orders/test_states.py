"""Where orders stand: every state, what brings an order there and what moves it on by itself, each move with who and why."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import pytest

from customers.models import CreditGroup
from erp.core.errors import NotAllowedNow
from erp.core.models import StaffTask
from erp.inventory.services import PhysicalLine, record_physical_fact
from erp.orders.exceptions import NotReleasable, NotShippable
from erp.orders.models import Order, OrderEvent, OrderHold, OrderState, Shipment
from erp.orders.services import (
    DeliveryInput,
    PaymentInput,
    PaymentNews,
    ShipRequest,
    accept,
    advance_due_orders,
    allocate_orders,
    allocate_waiting,
    allocation,
    assign_sku,
    cancel_order,
    cancel_release,
    deliver,
    hold_order,
    make_final,
    place_order,
    reconsider_lost_reservations,
    record_payment_event,
    release_orders,
    resolve_hold,
    ship,
)
from erp.orders.services.states import OrderFacts, state_of
from tests.customers.factories import account, bill_to, credit_group
from tests.inventory.factories import figures, sku, stock
from tests.orders.factories import DESK, NOON, TODAY, figure, kinds, line, order, placed, released, shipped, shop

pytestmark = pytest.mark.django_db

HOW = {"at": NOON, "by": DESK}
DAY = dt.timedelta(days=1)
CLEAR = OrderFacts(False, False, False, False, True, True, None, None)


def stocked_shop(pieces: int = 10, **fields):
    channel, place = shop(**fields)
    shirt = sku()
    if pieces:
        stock(shirt, place, pieces, unit_value=400)
    return channel, place, shirt


def state(record: Order) -> str:
    record.refresh_from_db()
    return record.state


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "READY"),
        ({"ship_after": TODAY}, "READY"),
        ({"ship_after": TODAY + DAY}, "AWAITING_SHIP_DATE"),
        ({"is_fully_reserved": False, "ship_after": TODAY + DAY}, "AWAITING_STOCK"),
        ({"release_date": TODAY, "is_fully_reserved": False}, "AWAITING_STOCK"),
        ({"release_date": TODAY + DAY, "is_fully_reserved": False}, "AWAITING_RELEASE_DATE"),
        ({"is_payment_settled": False, "release_date": TODAY + DAY}, "AWAITING_PAYMENT"),
        ({"is_provisional": True, "is_payment_settled": False, "is_fully_reserved": False}, "NEW"),
        ({"is_on_hold": True, "is_provisional": True, "is_payment_settled": False}, "ON_HOLD"),
        ({"is_being_picked": True, "is_on_hold": True}, "PICKING"),
        ({"is_all_shipped": True, "is_on_hold": True}, "SHIPPED"),
        ({"is_cancelled": True, "is_all_shipped": True, "is_being_picked": True}, "CANCELLED"),
    ],
)
def test_an_order_stands_at_the_first_thing_it_waits_for(changes, expected):
    assert state_of(replace(CLEAR, **changes), today=TODAY) == expected


def test_the_way_of_an_order_with_who_and_why():
    channel, _place, shirt = stocked_shop()
    record = placed(channel, order(line(shirt, 1, 1100)))
    [parcel] = shipped(record)
    deliver(shipment_ids=[parcel.pk], delivered_date=TODAY, **HOW)
    accept(shipment_ids=[parcel.pk], accepted_date=TODAY, **HOW)

    assert kinds(record) == ["PLACED", "RELEASED", "STATE", "SHIPPED", "STATE", "DELIVERED", "ACCEPTED"]
    moves = OrderEvent.objects.filter(kind="STATE").order_by("pk").values_list("from_state", "to_state", "actor")
    assert list(moves) == [("READY", "PICKING", str(DESK)), ("PICKING", "SHIPPED", str(DESK))]
    parcel.refresh_from_db()
    assert (parcel.state, parcel.revenue_date) == ("ACCEPTED", TODAY)


def test_stock_arrives():
    channel, place, shirt = stocked_shop(pieces=0)
    record = placed(channel, order(line(shirt, 2, 1100)))
    assert record.state == OrderState.AWAITING_STOCK
    stock(shirt, place, 2)

    assert allocate_waiting(**HOW) == 1

    assert state(record) == OrderState.READY


def test_one_order_is_served_on_demand():
    channel, place, shirt = stocked_shop(pieces=0)
    record = placed(channel, order(line(shirt, 2, 1100)))
    stock(shirt, place, 1)
    assert allocate_orders(order_ids=[record.pk], **HOW) == {record.pk: OrderState.AWAITING_STOCK}
    assert figures(shirt, place) == (1, 1)


def test_the_release_date_comes_by_the_calendar_of_tokyo():
    channel, place = shop()
    coat = sku(release_date=TODAY + DAY)
    stock(coat, place, 5)
    record = placed(channel, order(line(coat, 1, 1100)))
    assert record.state == OrderState.AWAITING_RELEASE_DATE
    midnight = dt.datetime(2026, 11, 23, 15, tzinfo=dt.UTC)

    assert advance_due_orders(at=midnight - dt.timedelta(seconds=1), by=DESK) == 0
    assert advance_due_orders(at=midnight, by=DESK) == 1

    assert state(record) == OrderState.READY


def test_the_release_date_comes_but_the_goods_did_not():
    channel, _place = shop()
    coat = sku(release_date=TODAY + DAY)
    record = placed(channel, order(line(coat, 1, 1100)))

    assert advance_due_orders(at=NOON + DAY, by=DESK) == 1

    assert state(record) == OrderState.AWAITING_STOCK


def test_the_day_to_ship_for_the_wished_date_comes():
    channel, _place, shirt = stocked_shop()
    wished = DeliveryInput(wish_date=TODAY + 4 * DAY)
    record = placed(channel, order(line(shirt, 1, 1100), deliveries=(wished,)))
    assert (record.state, record.ship_after) == (OrderState.AWAITING_SHIP_DATE, TODAY + 2 * DAY)

    assert advance_due_orders(at=NOON + DAY, by=DESK) == 0
    assert advance_due_orders(at=NOON + 2 * DAY, by=DESK) == 1

    assert state(record) == OrderState.READY


def test_payment_fails_and_succeeds_later():
    channel, _place, shirt = stocked_shop()
    record = placed(channel, order(line(shirt, 1, 1100), payments=(PaymentInput("CARD", Decimal(1100)),)))
    assert record.state == OrderState.AWAITING_PAYMENT

    def news(kind: str, minutes: int) -> str | None:
        event = PaymentNews(f"e{minutes}", kind, NOON + dt.timedelta(minutes=minutes))
        return record_payment_event(channel=channel.code, external_id="A-1", event=event, **HOW)

    assert news("FAILED", 1) == OrderState.ON_HOLD
    assert news("AUTHORIZED", 2) == OrderState.READY
    hold = OrderHold.objects.get()
    assert (hold.reason, hold.resolved_by) == ("PAYMENT_FAILED", str(DESK))


def test_a_parcel_called_back_leaves_the_order_ready_and_its_goods_kept():
    channel, place, shirt = stocked_shop()
    record = placed(channel, order(line(shirt, 1, 1100)))
    [parcel] = released(record)

    assert cancel_release(shipment_id=parcel.pk, reason="住所変更", **HOW) == OrderState.READY

    assert figures(shirt, place) == (10, 1)
    assert OrderEvent.objects.filter(kind="STATE").last().detail == "住所変更"
    with pytest.raises(NotShippable):
        ship(requests=[ShipRequest(parcel.pk)], **HOW)
    assert figures(shirt, place) == (10, 1)


def test_an_order_whose_parcel_was_called_back_can_be_amended():
    channel, place, shirt = stocked_shop()
    record = placed(channel, order(line(shirt, 1, 1100)))
    [parcel] = released(record)
    cancel_release(shipment_id=parcel.pk, reason="変更", **HOW)

    outcome = place_order(channel=channel.code, order=order(line(shirt, 3, 1100), revision=2), **HOW)

    assert (outcome.state, outcome.revision, outcome.is_task) == ("READY", 2, False)
    assert figures(shirt, place) == (10, 3)
    shipped(record)
    assert (figures(shirt, place), figure("sales.ec")) == ((7, 0), 3000)


def test_pieces_lost_to_a_physical_fact_and_found_again():
    channel, place, shirt = stocked_shop(pieces=2)
    record = placed(channel, order(line(shirt, 2, 1100)))
    record_physical_fact(
        source_type="DAMAGE", external_id="D-1", location_id=place.pk, lines=[PhysicalLine(1, shirt.pk, 1)], reason_code="DAMAGE",
        occurred_at=NOON, **HOW,
    )  # fmt: skip
    assert StaffTask.objects.get(kind="RESERVATION_LOST").closed_at is None

    assert reconsider_lost_reservations(**HOW) == 0
    assert state(record) == OrderState.AWAITING_STOCK
    stock(shirt, place, 1)
    assert reconsider_lost_reservations(**HOW) == 1

    assert state(record) == OrderState.READY
    assert StaffTask.objects.get(kind="RESERVATION_LOST").resolution == "allocated"


def test_orders_that_await_stock_keep_no_other_from_being_looked_at(monkeypatch):
    """Of many that lost pieces only so many are looked at in one run; those that were are not in the way of the rest."""
    monkeypatch.setattr(allocation, "CHUNK", 1)
    channel, place, shirt = stocked_shop(pieces=2)
    records = [placed(channel, order(line(shirt, 1, 1100), external_id=f"L-{number}")) for number in range(2)]
    record_physical_fact(
        source_type="DAMAGE", external_id="D-1", location_id=place.pk, lines=[PhysicalLine(1, shirt.pk, 2)], reason_code="DAMAGE",
        occurred_at=NOON, **HOW,
    )  # fmt: skip
    assert [state(record) for record in records] == [OrderState.READY, OrderState.READY]

    for _run in records:
        reconsider_lost_reservations(**HOW)

    assert [state(record) for record in records] == [OrderState.AWAITING_STOCK, OrderState.AWAITING_STOCK]


def test_pieces_lost_from_a_parcel_that_is_picked_stay_a_task_until_they_are_found():
    channel, place, shirt = stocked_shop(pieces=2)
    record = placed(channel, order(line(shirt, 2, 1100)))
    [parcel] = released(record)
    record_physical_fact(
        source_type="DAMAGE", external_id="D-1", location_id=place.pk, lines=[PhysicalLine(1, shirt.pk, 1)], reason_code="DAMAGE",
        occurred_at=NOON, **HOW,
    )  # fmt: skip

    assert reconsider_lost_reservations(**HOW) == 0
    assert (state(record), StaffTask.objects.get(kind="RESERVATION_LOST").closed_at) == (OrderState.PICKING, None)
    stock(shirt, place, 1)
    assert reconsider_lost_reservations(**HOW) == 1

    assert StaffTask.objects.get(kind="RESERVATION_LOST").resolution == "allocated"
    ship(requests=[ShipRequest(parcel.pk)], **HOW)


def test_staff_hold_an_order_and_let_it_go():
    channel, _place, shirt = stocked_shop()
    record = placed(channel, order(line(shirt, 1, 1100)))

    assert hold_order(order_id=record.pk, detail="在庫確認中", **HOW) == OrderState.ON_HOLD
    assert hold_order(order_id=record.pk, detail="again", **HOW) == OrderState.ON_HOLD
    assert OrderHold.objects.count() == 1
    with pytest.raises(NotReleasable):
        release_orders(order_ids=[record.pk], **HOW)
    assert not Shipment.objects.exists()
    assert resolve_hold(order_id=record.pk, reason="MANUAL", resolution="確認済み", **HOW) == OrderState.READY


def test_what_staff_held_stays_held_when_the_channel_amends():
    channel, _place, shirt = stocked_shop()
    record = placed(channel, order(line(shirt, 1, 1100)))
    hold_order(order_id=record.pk, detail="不正の疑い", **HOW)

    outcome = place_order(channel=channel.code, order=order(line(shirt, 2, 1100), revision=2), **HOW)

    assert (outcome.state, outcome.holds) == (OrderState.ON_HOLD, ("MANUAL",))


ADDRESS = {"postal_code": "150-0001", "prefecture": "東京都", "city": "", "street": "1-2-3"}


@pytest.mark.parametrize(
    ("reason", "fields"),
    [
        ("CUSTOMER_NOTE", {"customer_note": "門の前に置いてください"}),
        ("SUSPICIOUS_ADDRESS", {"deliveries": (DeliveryInput(**ADDRESS),)}),
        ("TOTAL_MISMATCH", {"total": 1000, "payments": (PaymentInput("CARD", Decimal(1000), "AUTHORIZED"),)}),
        ("NO_PAYMENT_ROUTE", {"payments": ()}),
        ("PAYMENT_FAILED", {"payments": (PaymentInput("COD", Decimal(1100), "FAILED"),)}),
        ("UNKNOWN_ACCOUNT", {"account_code": "NOBODY"}),
    ],
)
def test_each_reason_to_wait_is_resolved_by_staff(reason, fields):
    channel, place, shirt = stocked_shop()
    record = placed(channel, order(line(shirt, 1, 1100), **fields))
    assert record.state == OrderState.ON_HOLD
    assert list(OrderHold.objects.values_list("reason", flat=True)) == [reason]
    assert figures(shirt, place) == (10, 1), "goods are kept for an order on hold"

    moved = resolve_hold(order_id=record.pk, reason=reason, resolution="確認した", **HOW)

    assert moved == OrderState.READY
    hold = OrderHold.objects.get()
    assert (hold.resolved_by, hold.resolution) == (str(DESK), "確認した")
    shipped(record)
    assert state(record) == OrderState.SHIPPED


@pytest.mark.parametrize("tax", [{"tax_percent": Decimal(8)}, {"tax_class": "REDUCED"}])
def test_a_tax_that_is_not_ours_is_looked_at(tax):
    channel, _place, shirt = stocked_shop()
    record = placed(channel, order(line(shirt, 1, 1100, **tax)))
    assert list(OrderHold.objects.values_list("reason", flat=True)) == ["TAX_RATE"]

    assert resolve_hold(order_id=record.pk, reason="TAX_RATE", resolution="承知", **HOW) == OrderState.READY


def test_crossing_the_warning_line_of_credit_is_looked_at():
    channel, _place, shirt = stocked_shop(kind="WHOLESALE")
    account("AC1", bill_to=bill_to("B1", credit_group=credit_group(limit=1200)))
    record = placed(channel, order(line(shirt, 1, 1100), account_code="AC1", payments=()))
    assert list(OrderHold.objects.values_list("reason", flat=True)) == ["CREDIT_WARNING"]

    assert resolve_hold(order_id=record.pk, reason="CREDIT_WARNING", resolution="承知", **HOW) == OrderState.READY
    assert CreditGroup.objects.get().exposure == 1100


def test_an_unknown_sku_needs_its_sku_first():
    channel, place, shirt = stocked_shop()
    record = placed(channel, order(line("MUG-01", 1, 1100)))
    resolving = {"order_id": record.pk, "reason": "UNKNOWN_SKU", "resolution": "改番", **HOW}
    with pytest.raises(NotAllowedNow):
        resolve_hold(**resolving)
    with pytest.raises(NotAllowedNow):
        assign_sku(line_id=record.lines.get().pk, sku_code="NOWHERE", **HOW)

    assign_sku(line_id=record.lines.get().pk, sku_code=shirt.code, **HOW)

    assert resolve_hold(**resolving) == OrderState.READY
    assert figures(shirt, place) == (10, 1)


def test_unknown_amounts_come_with_a_revision():
    channel, _place, shirt = stocked_shop()
    record = placed(channel, order(line(shirt, 1, None), total=0, payments=()))
    assert OrderHold.objects.get().reason == "AMOUNT_UNKNOWN"
    with pytest.raises(NotAllowedNow):
        resolve_hold(order_id=record.pk, reason="AMOUNT_UNKNOWN", resolution="?", **HOW)

    outcome = place_order(channel=channel.code, order=order(line(shirt, 1, 1100), revision=2), **HOW)

    assert (outcome.state, outcome.holds) == (OrderState.READY, ())
    assert state(record) == OrderState.READY


def test_a_provisional_order_keeps_its_goods_and_does_not_leave():
    channel, place, shirt = stocked_shop()

    record = placed(channel, order(line(shirt, 1, 1100), is_provisional=True))

    assert (record.state, OrderHold.objects.count()) == (OrderState.NEW, 0)
    assert figures(shirt, place) == (10, 1)
    with pytest.raises(NotReleasable):
        release_orders(order_ids=[record.pk], in_part=True, **HOW)
    assert not Shipment.objects.exists()


def test_a_final_order_ends_the_provisional_one():
    channel, _place, shirt = stocked_shop()
    record = placed(channel, order(line(shirt, 1, 1100), is_provisional=True))

    outcome = place_order(channel=channel.code, order=order(line(shirt, 1, 1100), revision=2), **HOW)

    assert (outcome.state, outcome.holds) == (OrderState.READY, ())
    moved = OrderEvent.objects.get(order=record, kind="STATE")
    assert (moved.from_state, moved.to_state) == ("NEW", "READY")


def test_a_provisional_order_that_needs_a_look_waits_for_the_person_first():
    channel, _place, shirt = stocked_shop()
    record = placed(channel, order(line(shirt, 1, 1100), is_provisional=True, customer_note="至急"))
    assert record.state == OrderState.ON_HOLD

    moved = resolve_hold(order_id=record.pk, reason="CUSTOMER_NOTE", resolution="読んだ", **HOW)

    assert moved == OrderState.NEW


def test_stock_that_comes_goes_to_the_provisional_order_in_its_turn():
    channel, place, shirt = stocked_shop(pieces=0)
    record = placed(channel, order(line(shirt, 1, 1100), is_provisional=True))
    stock(shirt, place, 1)

    allocate_waiting(**HOW)

    assert (state(record), figures(shirt, place)) == (OrderState.NEW, (1, 1))


def test_staff_take_a_provisional_order_as_final():
    channel, _place, shirt = stocked_shop()
    record = placed(channel, order(line(shirt, 1, 1100), is_provisional=True))

    assert make_final(order_id=record.pk, reason="電話で確認", **HOW) == OrderState.READY
    assert make_final(order_id=record.pk, reason="もう一度", **HOW) == OrderState.READY

    assert kinds(record) == ["PLACED", "AMENDED", "STATE"]
    assert "電話で確認" in OrderEvent.objects.get(kind="AMENDED").detail
    shipped(record)
    assert state(record) == OrderState.SHIPPED


def test_a_cancelled_provisional_order_cannot_be_made_final():
    channel, _place, shirt = stocked_shop()
    record = placed(channel, order(line(shirt, 1, 1100), is_provisional=True))
    cancel_order(channel=channel.code, external_id="A-1", **HOW)

    with pytest.raises(NotAllowedNow):
        make_final(order_id=record.pk, reason="電話", **HOW)

    assert state(record) == OrderState.CANCELLED


def test_a_cancelled_order_goes_nowhere_any_more():
    channel, place, shirt = stocked_shop()
    record = placed(channel, order(line(shirt, 1, 1100)))
    cancel_order(channel=channel.code, external_id="A-1", **HOW)

    with pytest.raises(NotReleasable):
        release_orders(order_ids=[record.pk], **HOW)
    assert allocate_orders(order_ids=[record.pk], **HOW) == {record.pk: OrderState.CANCELLED}
    assert place_order(channel=channel.code, order=order(line(shirt, 2, 1100), revision=2), **HOW).is_task

    assert figures(shirt, place) == (10, 0)


def test_nothing_reserved_is_not_released_in_part():
    channel, _place, shirt = stocked_shop(pieces=0)
    record = placed(channel, order(line(shirt, 1, 1100)))

    with pytest.raises(NotReleasable) as refusal:
        release_orders(order_ids=[record.pk], in_part=True, **HOW)

    assert [problem.code for problem in refusal.value.problems] == ["nothing_reserved"]
    assert state(record) == OrderState.AWAITING_STOCK
