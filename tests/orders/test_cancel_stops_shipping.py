"""A cancellation that came while a parcel is being picked stops it wherever goods leave, until the order desk has decided."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from erp.core import staff_tasks
from erp.core.models import MessageLog, StaffTask
from erp.orders.exceptions import NotShippable
from erp.orders.models import Order, OrderState, Shipment
from erp.orders.services import ShipRequest, cancel_by_staff, cancel_order, cancel_release, deliver, ship, take_tracking
from tests.inventory.factories import figures, sku, stock
from tests.orders.factories import DESK, NOON, figure, line, order, placed, released, shop

pytestmark = pytest.mark.django_db

HOW = {"at": NOON, "by": DESK}


def asked_back(**fields):
    """A parcel that is being picked, whose channel has cancelled meanwhile."""
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 10, unit_value=400)
    record = placed(channel, order(line(shirt, 2, 1100)))
    [parcel] = released(record)
    cancel_order(channel=channel.code, external_id="A-1", **{"reason": "お客様都合"} | fields, **HOW)
    return record, parcel, shirt, place


def colleague(name, codename):
    """Somebody who sees and closes tasks, and has one duty."""
    user = User.objects.create_user(name, is_staff=True)
    wanted = ["view_stafftask", "change_stafftask", codename]
    user.user_permissions.set(Permission.objects.filter(codename__in=wanted))
    return User.objects.get(pk=user.pk)


def test_the_parcel_does_not_leave_and_the_refusal_says_why_and_who_decides():
    record, parcel, shirt, place = asked_back()

    with pytest.raises(NotShippable) as refusal:
        ship(requests=[ShipRequest(parcel.pk)], **HOW)

    [problem] = refusal.value.problems
    assert (problem.pointer, problem.code) == (parcel.number, "cancellation_came")
    assert record.number in problem.detail
    parcel.refresh_from_db()
    assert parcel.state == Shipment.State.INSTRUCTED
    assert figures(shirt, place) == (10, 2)
    assert figure("sales.ec") == 0


def test_a_tracking_number_ships_it_no_more_but_is_kept_where_nothing_leaves():
    _record, parcel, shirt, place = asked_back()
    taken = {"shipment_id": parcel.pk, "carrier": "", "tracking_number": "123456789012", **HOW}

    with pytest.raises(NotShippable):
        take_tracking(ship_too=True, **taken)
    assert take_tracking(**taken)

    parcel.refresh_from_db()
    assert (parcel.state, parcel.tracking_number) == (Shipment.State.INSTRUCTED, "123456789012")
    assert figures(shirt, place) == (10, 2)


def test_once_the_order_desk_has_decided_to_ship_all_the_same_it_leaves():
    """What a carrier has taken along is gone: closing the task with what was decided is the way to book it."""
    _record, parcel, shirt, place = asked_back()
    task = StaffTask.objects.get(kind="CANCEL_WHILE_PICKING")

    staff_tasks.close_task(task_id=task.pk, resolution="運送会社に渡した後だった。返品で受ける", **HOW)

    assert ship(requests=[ShipRequest(parcel.pk)], **HOW) == {parcel.pk: "SHIPPED"}
    assert figures(shirt, place) == (8, 0)


def test_cancelling_on_the_order_desk_is_the_other_decision_and_closes_the_task():
    record, _parcel, shirt, place = asked_back()

    assert cancel_by_staff(order_id=record.pk, reason="倉庫で止めた", **HOW) == OrderState.CANCELLED

    task = StaffTask.objects.get(kind="CANCEL_WHILE_PICKING")
    assert (task.closed_at, task.closed_by) == (NOON, str(DESK))
    assert figures(shirt, place) == (10, 0)


def test_a_parcel_that_left_before_goes_on_its_way():
    """The channel cancels what is left of an order; the first parcel is a fact."""
    channel, place = shop()
    shirt, cap = sku(), sku()
    stock(shirt, place, 10)
    stock(cap, place, 1)
    record = placed(channel, order(line(shirt, 2, 1100), line(cap, 1, 1100)))
    [parcel] = released(record)
    first, second = record.lines.order_by("pk")
    ship(requests=[ShipRequest(parcel.pk, {first.pk: 2})], **HOW)
    [rest] = released(record)
    cancel_order(channel=channel.code, external_id="A-1", reason="", **HOW)

    assert ship(requests=[ShipRequest(parcel.pk)], **HOW) == {parcel.pk: "SHIPPED"}
    deliver(shipment_ids=[parcel.pk], delivered_date=NOON.date(), **HOW)
    with pytest.raises(NotShippable):
        ship(requests=[ShipRequest(rest.pk, {second.pk: 1})], **HOW)

    parcel.refresh_from_db()
    assert parcel.state == Shipment.State.DELIVERED


def test_the_warehouse_does_not_close_the_task_itself_and_the_order_desk_says_why(client):
    _record, parcel, _shirt, _place = asked_back()
    task = StaffTask.objects.get(kind="CANCEL_WHILE_PICKING")

    def close(user, **fields):
        client.force_login(user)
        client.post(
            reverse("admin:core_stafftask_changelist"), {"action": "close", "_selected_action": [task.pk], **fields}
        )
        task.refresh_from_db()
        return task.closed_at is not None

    warehouse, desk = colleague("soko", "change_shipment"), colleague("juchu", "change_order")

    assert not close(warehouse, resolution="もう出した")
    assert not close(desk)
    with pytest.raises(NotShippable):
        ship(requests=[ShipRequest(parcel.pk)], **HOW)
    assert close(desk, resolution="お客様と電話、そのまま送る")
    assert ship(requests=[ShipRequest(parcel.pk)], **HOW) == {parcel.pk: "SHIPPED"}


def said_again(**fields):
    return cancel_order(channel=Order.objects.get().channel.code, external_id="A-1", **fields, **HOW)


def test_the_same_cancellation_again_opens_no_task_that_staff_have_closed():
    _record, parcel, _shirt, _place = asked_back(message_id="c-1")
    task = StaffTask.objects.get(kind="CANCEL_WHILE_PICKING")
    said_again(message_id="c-1", reason="お客様都合")
    assert StaffTask.objects.filter(kind="CANCEL_WHILE_PICKING").count() == 1
    staff_tasks.close_task(task_id=task.pk, resolution="そのまま送る", **HOW)

    assert said_again(message_id="c-1", reason="お客様都合") == OrderState.PICKING

    assert not StaffTask.objects.filter(kind="CANCEL_WHILE_PICKING", closed_at__isnull=True).exists()
    assert list(MessageLog.objects.filter(kind="cancel").order_by("pk").values_list("outcome", flat=True)) == [
        "TASK", "TASK", "REPLAYED",
    ]  # fmt: skip
    assert ship(requests=[ShipRequest(parcel.pk)], **HOW) == {parcel.pk: "SHIPPED"}


def test_staff_have_decided_also_once_the_parcel_is_back_on_its_shelf():
    _record, parcel, _shirt, _place = asked_back(message_id="c-1")
    task = StaffTask.objects.get(kind="CANCEL_WHILE_PICKING")
    staff_tasks.close_task(task_id=task.pk, resolution="そのまま送る", **HOW)
    cancel_release(shipment_id=parcel.pk, reason="箱を替える", **HOW)

    assert said_again(message_id="c-1", reason="お客様都合") == OrderState.READY


@pytest.mark.parametrize("reason", ["お客様都合", ""])
def test_a_cancellation_without_an_id_of_its_own_is_no_repeat_and_cancels_what_nobody_picks(reason):
    record, parcel, _shirt, _place = asked_back(reason=reason)
    task = StaffTask.objects.get(kind="CANCEL_WHILE_PICKING")
    staff_tasks.close_task(task_id=task.pk, resolution="そのまま送る", **HOW)
    cancel_release(shipment_id=parcel.pk, reason="箱を替える", **HOW)

    assert said_again(reason=reason) == OrderState.CANCELLED

    record.refresh_from_db()
    assert record.cancelled_at == NOON
    assert list(MessageLog.objects.filter(kind="cancel").order_by("pk").values_list("outcome", flat=True)) == [
        "TASK", "DONE",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "newer", [{"message_id": "cancel-2", "reason": "お客様都合"}, {"reason": "やはり不要"}, {"reason": "お客様都合"}]
)
def test_a_newer_cancellation_is_a_new_question_to_staff(newer):
    asked_back()
    task = StaffTask.objects.get(kind="CANCEL_WHILE_PICKING")
    staff_tasks.close_task(task_id=task.pk, resolution="そのまま送る", **HOW)

    said_again(**newer)

    assert StaffTask.objects.filter(kind="CANCEL_WHILE_PICKING", closed_at__isnull=True).count() == 1
