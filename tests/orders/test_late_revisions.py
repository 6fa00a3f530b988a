"""A revision that comes too late to amend its order: known from then on, told to staff with what it says, and applied once it can be."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from erp.core.errors import NotAllowedNow
from erp.core.models import MessageLog, StaffTask
from erp.core.staff_tasks import close_task
from erp.core.verify import verify
from erp.inventory.services import ReceiptLine, receive
from erp.orders.exceptions import OrderConflict, OrderNotFound, StaleRevision
from erp.orders.models import Delivery, LateRevision, Order, OrderHold, OrderState
from erp.orders.services import (
    DeliveryInput,
    OrderInput,
    apply_late_revision,
    cancel_by_staff,
    cancel_release,
    place_order,
    place_orders,
    resolve_hold,
)
from tests.inventory.factories import figures, sku
from tests.orders.factories import DESK, NOON, card, figure, line, order, placed, released, shipped, shop

pytestmark = pytest.mark.django_db

HOW = {"at": NOON, "by": DESK}
OSAKA = DeliveryInput(postal_code="530-0001", prefecture="大阪府", city="大阪市", street="梅田1-1")


@pytest.fixture
def picked():
    """An order for two shirts, revision 1, captured, that the warehouse picks."""
    channel, place = shop()
    shirt = sku()
    lines = [ReceiptLine(1, shirt.pk, 10, Decimal(400))]
    receive(external_id="IN-1", location_id=place.pk, lines=lines, occurred_at=NOON, **HOW)
    record = placed(channel, order(line(shirt, 2), payments=(card(2200, "CAPTURED"),)))
    released(record)
    yield channel, place, shirt, record
    assert [str(fault) for result in verify() for fault in result.faults] == []


def revised(shirt, pieces: int, revision: int, **fields) -> OrderInput:
    fields.setdefault("payments", (card(1100 * pieces, "CAPTURED"),))
    return order(line(shirt, pieces), revision=revision, **fields)


def send(channel, sent: OrderInput):
    return place_order(channel=channel.code, order=sent, **HOW)


def task() -> StaffTask:
    return StaffTask.objects.get(kind="AMEND_AFTER_RELEASE", closed_at=None)


def called_back(record: Order) -> str:
    return cancel_release(shipment_id=record.shipments.get(state="INSTRUCTED").pk, reason="変更", **HOW)


def test_what_was_left_to_staff_is_known_from_then_on(picked):
    channel, place, shirt, record = picked
    first = send(channel, revised(shirt, 3, 4))
    assert (first.is_task, first.is_replay, first.revision) == (True, False, 1)

    again = send(channel, revised(shirt, 3, 4))
    assert (again.is_task, again.is_replay, again.lines) == (True, True, first.lines)
    with pytest.raises(OrderConflict):
        send(channel, revised(shirt, 5, 4))
    for older in (2, 3):
        with pytest.raises(StaleRevision):
            send(channel, revised(shirt, 3, older))
    recorded = send(channel, order(line(shirt, 2), payments=(card(2200, "CAPTURED"),)))
    assert (recorded.is_replay, recorded.is_task) == (True, False)

    outcomes = MessageLog.objects.filter(kind="order").order_by("pk").values_list("revision", "outcome")
    assert list(outcomes) == [
        (1, "DONE"), (4, "TASK"), (4, "REPLAYED"), (4, "REFUSED"), (2, "STALE"), (3, "STALE"), (1, "REPLAYED"),
    ]  # fmt: skip
    assert LateRevision.objects.count() == StaffTask.objects.count() == 1
    record.refresh_from_db()
    assert (record.revision, figures(shirt, place)) == (1, (10, 2))


def test_the_task_names_the_revision_and_what_it_says(picked):
    channel, _place, shirt, record = picked
    hat = sku()

    sent = order(line(shirt, 3), line(hat, 1, 2200), deliveries=(OSAKA,), customer_note="急ぎ", revision=4)
    send(channel, sent)

    late = LateRevision.objects.get()
    assert (late.order, late.revision, late.message_id) == (record, 4, MessageLog.objects.get(outcome="TASK").pk)
    assert OrderInput.of(late.content) == sent
    told = task()
    assert (told.subject_type, told.subject_id) == ("ORDER", record.pk)
    for part in (
        f"{shirt.code} × 2 → {shirt.code} × 3", f"+ {hat.code} × 1", "大阪府 大阪市 梅田1-1", "急ぎ", f" {late.message_id}",
    ):  # fmt: skip
        assert part in told.detail, (part, told.detail)
    assert "2,200 → 5,500" in late.changes
    assert "4" in told.detail.splitlines()[0]


def test_the_task_tells_no_amounts_since_who_packs_reads_it(picked):
    channel, _place, shirt, _record = picked

    for revision, pieces in ((4, 2), (5, 3)):
        total = 900 * pieces
        send(channel, order(line(shirt, pieces, 900), revision=revision, payments=(card(total, "CAPTURED"),)))

    prices, goods = LateRevision.objects.order_by("revision")
    assert "1,100 → 900" in prices.changes
    assert "2,200 → 1,800" in prices.changes
    assert "2,200 → 2,700" in goods.changes
    assert f"{shirt.code} × 2 → {shirt.code} × 3" in task().detail
    assert "2,700" not in task().detail


def test_a_revision_of_amounts_alone_is_told_as_one(picked):
    channel, _place, shirt, _record = picked

    send(channel, order(line(shirt, 2, 900), revision=4, payments=(card(1800, "CAPTURED"),)))

    assert "金額だけが変わります" in task().detail
    assert [figure for figure in ("900", "1,800", "2,200") if figure in task().detail] == []


def test_a_later_one_takes_the_place_of_one_that_waits(picked):
    channel, _place, shirt, _record = picked
    send(channel, revised(shirt, 3, 4))

    assert send(channel, revised(shirt, 4, 6)).is_task

    assert "× 4" in task().detail
    assert list(LateRevision.objects.order_by("revision").values_list("revision", flat=True)) == [4, 6]
    with pytest.raises(StaleRevision):
        send(channel, revised(shirt, 3, 4))


def test_staff_call_the_parcel_back_and_apply_it(picked):
    channel, place, shirt, record = picked
    send(channel, revised(shirt, 3, 4, deliveries=(OSAKA,)))
    with pytest.raises(NotAllowedNow):
        apply_late_revision(order_id=record.pk, **HOW)

    assert called_back(record) == OrderState.ON_HOLD
    assert OrderHold.objects.get(resolved_at=None).reason == "LATE_REVISION"
    outcome = apply_late_revision(order_id=record.pk, **HOW)

    assert (outcome.is_amendment, outcome.state, outcome.revision, outcome.holds) == (True, "READY", 4, ())
    assert (figures(shirt, place), figure("deposits")) == ((10, 3), 3300)
    assert not StaffTask.objects.filter(closed_at=None).exists()
    assert Delivery.objects.filter(shipments=None).get().city == "大阪市"
    replay = send(channel, revised(shirt, 3, 4, deliveries=(OSAKA,)))
    assert (replay.is_replay, replay.is_task, replay.revision) == (True, False, 4)
    with pytest.raises(NotAllowedNow):
        apply_late_revision(order_id=record.pk, **HOW)
    shipped(record)
    assert (figures(shirt, place), figure("sales.ec")) == ((7, 0), 3000)


def test_a_later_revision_amends_what_was_called_back_and_closes_the_task(picked):
    channel, place, shirt, record = picked
    send(channel, revised(shirt, 3, 4))
    called_back(record)

    outcome = send(channel, revised(shirt, 1, 5))

    assert (outcome.is_amendment, outcome.state, figures(shirt, place)) == (True, "READY", (10, 1))
    assert not StaffTask.objects.filter(kind="AMEND_AFTER_RELEASE", closed_at=None).exists()


def test_staff_leave_the_order_as_it_is(picked):
    channel, place, shirt, record = picked
    send(channel, revised(shirt, 3, 4))
    called_back(record)

    moved = resolve_hold(order_id=record.pk, reason="LATE_REVISION", resolution="客先確認、変更なし", **HOW)

    assert moved == OrderState.READY
    assert StaffTask.objects.get(kind="AMEND_AFTER_RELEASE").resolution == "客先確認、変更なし"
    assert send(channel, revised(shirt, 3, 4)).is_task
    assert not StaffTask.objects.filter(closed_at=None).exists(), "what somebody decided about is not asked again"
    shipped(record)
    assert figures(shirt, place) == (8, 0)


def test_what_staff_have_decided_before_does_not_hold_the_order(picked):
    channel, _place, shirt, record = picked
    send(channel, revised(shirt, 3, 4))
    close_task(task_id=task().pk, resolution="電話で取り下げ", **HOW)

    assert called_back(record) == OrderState.READY


def test_a_cancellation_settles_it_and_what_comes_afterwards_is_told(picked):
    channel, _place, shirt, record = picked
    send(channel, revised(shirt, 3, 4))

    cancel_by_staff(order_id=record.pk, reason="お客様都合", **HOW)
    assert not StaffTask.objects.filter(kind="AMEND_AFTER_RELEASE", closed_at=None).exists()

    assert send(channel, revised(shirt, 3, 5)).is_task
    assert task().subject_id == record.pk
    with pytest.raises(NotAllowedNow):
        apply_late_revision(order_id=record.pk, **HOW)


def test_messages_of_one_call_are_judged_one_after_the_other(picked):
    channel, _place, shirt, _record = picked
    sent = [
        revised(shirt, 3, 4),
        revised(shirt, 3, 4),
        revised(shirt, 5, 4),
        revised(shirt, 3, 3),
        revised(shirt, 2, 1),
    ]
    sent += [order(line(shirt, 1), external_id="A-2"), order(line(shirt, 1), external_id="A-2")]

    outcomes = place_orders(channel=channel.code, orders=sent, **HOW)

    judged = [(item.is_task, item.is_replay, item.refusal and item.refusal.code) for item in outcomes]
    assert judged == [
        (True, False, None),
        (True, True, None),
        (False, False, "idempotency_conflict"),
        (False, False, "stale_revision"),
        (False, True, None),
        (False, False, None),
        (False, True, None),
    ]
    assert list(MessageLog.objects.order_by("pk").values_list("outcome", flat=True))[1:] == [
        "TASK", "REPLAYED", "REFUSED", "STALE", "REPLAYED", "DONE", "REPLAYED",
    ]  # fmt: skip


def test_a_late_revision_is_final(picked):
    channel, _place, shirt, _record = picked
    send(channel, revised(shirt, 3, 4))

    with pytest.raises(IntegrityError), transaction.atomic():
        LateRevision.objects.update(revision=5)
    with pytest.raises(IntegrityError), transaction.atomic():
        LateRevision.objects.all().delete()


def test_there_is_nothing_to_apply_to_an_order_that_does_not_exist():
    with pytest.raises(OrderNotFound):
        apply_late_revision(order_id=1, **HOW)
