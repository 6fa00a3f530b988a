"""A sale of a till that cannot be recorded happened all the same: its message is kept and a person is told, once."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from erp.core import staff_tasks
from erp.core.errors import InvalidInput, Problem
from erp.core.models import MessageLog, StaffTask
from erp.orders.services import OrderInput, PaymentInput, RefusedSale, keep_refused_sales, record_shop_sales
from tests.inventory.factories import channel as make_channel
from tests.inventory.factories import figures, sku, statements, stock
from tests.orders.factories import DESK, NOON, line, order, shop

pytestmark = pytest.mark.django_db
HOW: dict[str, Any] = {"at": NOON, "by": DESK}


@pytest.fixture
def counter():
    _unused, place = shop()
    shirt = sku()
    stock(shirt, place, 10)
    return make_channel(place, kind="SHOP"), place, shirt


def sale(shirt, external_id="T-1", **fields) -> OrderInput:
    fields.setdefault("payments", (PaymentInput("CASH", Decimal(1100), "PAID"),))
    return order(line(shirt, 1, 1100), external_id=external_id, **fields)


def dollars(shirt, external_id="T-1", total=20) -> OrderInput:
    payments = (PaymentInput("CASH", Decimal(total), "PAID"),)
    return order(line(shirt, 1, total), external_id=external_id, currency="USD", payments=payments)


def record(channel, *sales, bodies=None):
    return record_shop_sales(channel=channel.code, sales=sales, bodies=bodies, **HOW)


def told(**which) -> list[StaffTask]:
    return list(StaffTask.objects.filter(kind="SALE_REFUSED", **which).order_by("pk"))


def test_a_sale_in_another_currency_is_kept_as_it_came_and_told(counter):
    channel, place, shirt = counter
    body = {"external_id": "T-1", "currency": "USD", "till": 3}

    [outcome] = record(channel, dollars(shirt), bodies=[body])

    assert outcome.refusal is not None
    [task] = told()
    kept = MessageLog.objects.get(pk=task.subject_id)
    assert (task.subject_type, task.subject_label, task.closed_at) == ("MESSAGE", "T-1", None)
    assert (kept.body, kept.outcome, kept.channel_id) == (body, "REFUSED", channel.pk)
    assert task.detail.startswith("帳簿に入っておらず、在庫も減っていません: /currency: ")
    assert "USD" in task.detail
    assert figures(shirt, place) == (10, 0)


def test_a_malformed_sale_is_told_with_everything_that_is_wrong_beside_those_that_were_recorded(counter):
    channel, place, shirt = counter
    broken = replace(sale(shirt, "T-2"), total=None, lines=(line(shirt, 1, None),))

    record(channel, sale(shirt, "T-1"), broken)

    [task] = told()
    assert (task.subject_label, figures(shirt, place)) == ("T-2", (9, 0))
    assert "/total: " in task.detail
    assert "/lines/0/unit_price: " in task.detail


def test_a_till_that_keeps_sending_opens_one_task_and_none_again_that_was_closed(counter):
    channel, _place, shirt = counter
    for _again in range(3):
        record(channel, dollars(shirt))
    [task] = told()
    assert task.subject_id == MessageLog.objects.order_by("pk").values_list("pk", flat=True)[0]

    staff_tasks.close_task(task_id=task.pk, resolution="円で入力し直した", **HOW)
    record(channel, dollars(shirt))
    assert len(told()) == 1

    record(channel, dollars(shirt, total=30))
    assert [task.closed_at is None for task in told()] == [False, True]


def test_the_task_closes_when_the_sale_is_recorded_after_all(counter):
    channel, _place, shirt = counter
    elsewhere = make_channel(_place, kind="SHOP")
    record(channel, dollars(shirt, "T-1"), dollars(shirt, "T-2"))
    record(elsewhere, dollars(shirt, "T-1"))

    record(channel, sale(shirt, "T-1"))

    assert [(task.subject_label, task.resolution) for task in told(closed_at__isnull=False)] == [
        ("T-1", "売上を計上しました。")
    ]
    assert len(told(closed_at__isnull=True)) == 2


def test_other_content_under_a_known_number_stays_a_conflict(counter):
    channel, _place, shirt = counter
    record(channel, sale(shirt))

    record(channel, sale(shirt, shop_note="again"))

    assert list(StaffTask.objects.values_list("kind", flat=True)) == ["SALE_CONFLICT"]


def keep(channel, *messages):
    refusal = InvalidInput([Problem("", "malformed_json", "読めません")])
    refused = [RefusedSale(name, body, refusal) for name, body in messages]
    keep_refused_sales(channel_id=channel.pk, refused=refused, **HOW)


def test_messages_that_name_no_sale_are_told_apart_by_what_they_say(counter):
    channel, _place, _shirt = counter

    keep(channel, ("", "[{"), ("", {"a": 1}), ("", {"a": 1}))
    keep(channel, ("", "[{"), ("\x00T", "\x00"))

    tasks = told()
    assert [MessageLog.objects.get(pk=task.subject_id).body for task in tasks] == ["[{", {"a": 1}, "\ufffd"]
    assert {task.detail for task in tasks} == {"帳簿に入っておらず、在庫も減っていません: 読めません"}


def test_many_refused_sales_take_as_many_statements_as_one(counter):
    channel, _place, shirt = counter
    record(channel, dollars(shirt, "warm"))

    one = statements(lambda: record(channel, dollars(shirt, "one")))
    many = statements(lambda: record(channel, *[dollars(shirt, f"N-{number}") for number in range(20)]))

    assert len(one) == len(many)
    assert len(told()) == 22


def test_staff_open_the_message_from_the_task(counter, client):
    channel, _place, shirt = counter
    record(channel, dollars(shirt))
    client.force_login(User.objects.create_superuser("mika"))

    listed = client.get(reverse("admin:core_stafftask_changelist"))
    [task] = told()
    address = reverse("admin:core_messagelog_change", args=[task.subject_id])

    assert f'<a href="{address}">T-1</a>' in listed.content.decode()
    assert "USD" in client.get(address).content.decode()
