"""Cancelling: goods back, credit back, money owed back, once; and a cancel that comes too early or too late is not lost."""

from __future__ import annotations

from decimal import Decimal

import pytest

from accounting.selectors import open_items
from erp.core import staff_tasks
from erp.core.errors import NotFound
from erp.core.models import MessageLog, StaffTask
from erp.orders.exceptions import NotCancellable, OrderNotFound
from erp.orders.models import Order, OrderHold, OrderState, ParkedMessage, Shipment
from erp.orders.services import (
    FeeInput,
    PaymentNews,
    ReturnedLine,
    ShipRequest,
    cancel_by_staff,
    cancel_order,
    deliver,
    place_order,
    record_payment_event,
    record_return,
    release_orders,
    ship,
)
from tests.inventory.factories import figures, sku, stock
from tests.orders.factories import DESK, NOON, TODAY, card, figure, kinds, line, order, placed, released, shipped, shop

pytestmark = pytest.mark.django_db

HOW = {"at": NOON, "by": DESK}


def stocked_shop(pieces: int = 10):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, pieces, unit_value=400)
    return channel, place, shirt


def cancel(channel, **fields):
    return cancel_order(channel=channel.code, external_id="A-1", reason="お客様都合", **fields, **HOW)


def test_gives_the_goods_back_and_again_changes_nothing():
    channel, place, shirt = stocked_shop()
    record = placed(channel, order(line(shirt, 2, 1100), customer_note="電話ください"))
    assert figures(shirt, place) == (10, 2)

    assert [cancel(channel), cancel(channel)] == [OrderState.CANCELLED, OrderState.CANCELLED]

    record.refresh_from_db()
    assert (record.state, record.cancel_reason) == (OrderState.CANCELLED, "お客様都合")
    assert figures(shirt, place) == (10, 0)
    assert kinds(record) == ["PLACED", "CANCELLED", "STATE"]
    assert not OrderHold.objects.filter(resolved_at=None).exists()
    assert list(MessageLog.objects.filter(kind="cancel").values_list("outcome", flat=True)) == ["DONE", "DONE"]


def test_money_received_is_owed_back():
    channel, _place, shirt = stocked_shop()
    record = placed(channel, order(line(shirt, 2, 1100), payments=(card(2200, "CAPTURED"),)))

    cancel(channel)

    [owed] = open_items(document_type="ORDER", document_ids=[record.pk], roles=["refunds_payable"])
    assert (owed.side, owed.remaining) == ("CREDIT", 2200)
    assert figure("deposits") == 0


def test_comes_before_its_order_and_is_applied_with_it():
    channel, place, shirt = stocked_shop()
    assert cancel(channel) is None
    assert cancel(channel, message_id="second") is None
    assert MessageLog.objects.filter(kind="cancel", outcome="PARKED").count() == 2

    outcome = place_order(channel=channel.code, order=order(line(shirt, 2, 1100)), **HOW)

    assert outcome.state == OrderState.CANCELLED
    assert Order.objects.get().state == OrderState.CANCELLED
    assert figures(shirt, place) == (10, 0)
    assert not ParkedMessage.objects.filter(applied_at=None).exists()


def test_while_the_warehouse_picks_it_is_a_task_and_staff_may_call_the_parcel_back():
    channel, place, shirt = stocked_shop()
    record = placed(channel, order(line(shirt, 2, 1100)))
    released(record)

    assert cancel(channel) == OrderState.PICKING
    assert StaffTask.objects.get().kind == "CANCEL_WHILE_PICKING"
    assert figures(shirt, place) == (10, 2)

    assert cancel_by_staff(order_id=record.pk, reason="倉庫で止めた", **HOW) == OrderState.CANCELLED
    assert Shipment.objects.get().state == "CANCELLED"
    assert figures(shirt, place) == (10, 0)


def test_what_has_left_is_a_return_and_nothing_moves():
    channel, place, shirt = stocked_shop()
    record = placed(channel, order(line(shirt, 2, 1100)))
    shipped(record)

    with pytest.raises(NotCancellable):
        cancel(channel)

    record.refresh_from_db()
    assert (record.state, record.cancelled_at) == (OrderState.SHIPPED, None)
    assert figures(shirt, place) == (8, 0)
    assert figure("sales.ec") == 2000


def left_in_part():
    """Three pieces ordered, one of them on its way; the rest is not being picked."""
    channel, place, shirt = stocked_shop()
    record = placed(channel, order(line(shirt, 3, 1100), payments=(card(3300, "CAPTURED"),)))
    release_orders(order_ids=[record.pk], **HOW)
    ship(requests=[ShipRequest(Shipment.objects.get().pk, {record.lines.get().pk: 1})], **HOW)
    return channel, place, shirt, record


def test_the_rest_of_an_order_that_left_in_part():
    channel, place, shirt, record = left_in_part()

    cancel(channel)

    record.refresh_from_db()
    assert record.state == OrderState.SHIPPED
    assert record.lines.get().cancelled_quantity == 2
    assert figures(shirt, place) == (9, 0)
    assert (figure("deposits"), figure("refunds_payable"), figure("sales.ec")) == (0, 2200, 1000)


def test_staff_are_told_what_is_out_when_a_channel_cancels_an_order_that_left_in_part():
    channel, _place, _shirt, record = left_in_part()

    cancel(channel)
    cancel(channel, message_id="the same again")

    [task] = StaffTask.objects.filter(kind="CANCEL_AFTER_PART_LEFT")
    assert (task.subject_type, task.subject_id, task.closed_at) == ("ORDER", record.pk, None)
    parcel = Shipment.objects.get(shipped_at__isnull=False)
    assert task.detail == f"出荷済みの1点({parcel.number})があるうちに、チャネルが受注をキャンセルしました。お客様都合"


def test_staff_are_told_also_when_they_had_cancelled_the_rest_themselves():
    channel, _place, _shirt, record = left_in_part()
    cancel_by_staff(order_id=record.pk, reason="欠品", **HOW)
    assert not StaffTask.objects.filter(kind="CANCEL_AFTER_PART_LEFT").exists()

    cancel(channel)

    assert StaffTask.objects.filter(kind="CANCEL_AFTER_PART_LEFT", closed_at=None).count() == 1


def test_what_was_told_of_a_part_that_left_is_done_when_all_of_it_came_back_and_not_asked_again():
    channel, _place, _shirt, record = left_in_part()
    cancel(channel)
    out = Shipment.objects.get(shipped_at__isnull=False).lines.get()

    record_return(order_id=record.pk, external_id="R-1", lines=[ReturnedLine(out.pk, 1)], **HOW)
    cancel(channel)

    [task] = StaffTask.objects.filter(kind="CANCEL_AFTER_PART_LEFT")
    assert (task.closed_at, task.resolution) == (NOON, "戻ってきました。")


def test_what_was_told_of_a_part_that_left_stays_open_while_a_piece_of_it_is_out():
    channel, _place, shirt = stocked_shop()
    record = placed(channel, order(line(shirt, 3, 1100), payments=(card(3300, "CAPTURED"),)))
    release_orders(order_ids=[record.pk], **HOW)
    ship(requests=[ShipRequest(Shipment.objects.get().pk, {record.lines.get().pk: 2})], **HOW)
    cancel(channel)
    out = Shipment.objects.get(shipped_at__isnull=False).lines.get()

    record_return(order_id=record.pk, external_id="R-1", lines=[ReturnedLine(out.pk, 1)], **HOW)

    assert StaffTask.objects.filter(kind="CANCEL_AFTER_PART_LEFT", closed_at=None).count() == 1


def test_what_staff_have_decided_of_a_part_that_left_is_not_asked_again():
    channel, _place, _shirt, _record = left_in_part()
    cancel(channel)
    task = StaffTask.objects.get(kind="CANCEL_AFTER_PART_LEFT")
    staff_tasks.close_task(task_id=task.pk, resolution="お買い上げになる", **HOW)

    cancel(channel)

    assert StaffTask.objects.filter(kind="CANCEL_AFTER_PART_LEFT").count() == 1


@pytest.mark.parametrize("is_captured_before", [True, False])
def test_the_money_of_what_is_on_its_way_stays_until_it_is_sold(is_captured_before):
    channel, place = shop(revenue_basis="DELIVERY")
    shirt = sku()
    stock(shirt, place, 10, unit_value=400)
    sent = order(
        line(shirt, 3, 1100), total=3630, fees=(FeeInput("SHIPPING", Decimal(330)),),
        payments=(card(3630, "CAPTURED" if is_captured_before else "AUTHORIZED"),),
    )  # fmt: skip
    record = placed(channel, sent)
    [parcel] = released(record)
    [parcel_line] = parcel.lines.all()
    ship(requests=[ShipRequest(parcel.pk, quantities={parcel_line.order_line_id: 1})], **HOW)

    cancel(channel)
    if not is_captured_before:
        news = PaymentNews(event_id="c-1", kind="CAPTURED", occurred_at=NOON)
        record_payment_event(channel=channel.code, external_id="A-1", event=news, **HOW)

    assert (figure("deposits"), figure("refunds_payable"), figure("receivable.card")) == (1430, 2200, 3630)
    deliver(shipment_ids=[parcel.pk], delivered_date=TODAY, **HOW)
    assert (figure("deposits"), figure("refunds_payable"), figure("receivable.card")) == (0, 2200, 3630)


def test_a_fee_that_goes_with_nothing_any_more_is_owed_back_too():
    channel, place = shop(revenue_basis="DELIVERY")
    shirt = sku()
    stock(shirt, place, 10, unit_value=400)
    fees = (FeeInput("SHIPPING", Decimal(330)),)
    placed(channel, order(line(shirt, 1, 1100), total=1430, fees=fees, payments=(card(1430, "CAPTURED"),)))

    cancel(channel)

    assert (figure("deposits"), figure("refunds_payable")) == (0, 1430)


def test_an_oversold_order_that_is_cancelled_is_no_exception_any_more():
    channel, _place, shirt = stocked_shop(pieces=1)
    placed(channel, order(line(shirt, 2, 1100)))
    assert StaffTask.objects.get().kind == "OVERSOLD"

    cancel(channel)

    assert StaffTask.objects.get().resolution == "cancelled"


def test_unknown_channels_and_orders():
    with pytest.raises(NotFound):
        cancel_order(channel="NOWHERE", external_id="A-1", **HOW)
    with pytest.raises(OrderNotFound):
        cancel_by_staff(order_id=0, reason="", **HOW)
