"""Orders that lack pieces are promised what is expected, told when the day moves, and get it when it comes."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from erp.core import checks
from erp.core.models import StaffTask
from erp.inventory.services import ExpectedLine, ReceiptLine, cancel_expected, expect_receipt, receive
from erp.orders.models import OrderEvent, OrderLine, OrderState
from erp.orders.selectors import order_view
from erp.orders.services import allocate_waiting, cancel_by_staff, keep_promises
from tests.inventory.factories import figures, sku, statements, stock
from tests.orders.factories import DESK, NOON, line, order, placed, shop

pytestmark = pytest.mark.django_db
SEPTEMBER, OCTOBER = dt.date(2027, 9, 1), dt.date(2027, 10, 1)


def expect(place, item, pieces, day, purchase="PO-1"):
    return expect_receipt(
        external_id=purchase,
        location_id=place.pk,
        lines=[ExpectedLine(1, item.pk, pieces, day, Decimal(500))],
        at=NOON,
        by=DESK,
    )[0]


def come(place, item, pieces, expected):
    receive(
        external_id="R-1",
        location_id=place.pk,
        lines=[ReceiptLine(1, item.pk, pieces, Decimal(500), expected)],
        occurred_at=NOON,
        at=NOON,
        by=DESK,
    )


def days():
    return list(OrderLine.objects.order_by("order", "line_no").values_list("arrival_date", flat=True))


def promises(record):
    found = OrderEvent.objects.filter(order=record, kind="PROMISED").order_by("pk")
    return list(found.values_list("detail", flat=True))


@pytest.fixture
def waiting():
    """Two orders of two shirts each, in this order; none is there."""
    channel, place = shop()
    shirt = sku()
    first = placed(channel, order(line(shirt, 2), external_id="A-1"))
    second = placed(channel, order(line(shirt, 2), external_id="A-2"))
    return channel, place, shirt, first, second


def test_the_older_order_is_promised_first_and_a_line_has_a_day_only_for_all_it_lacks(waiting):
    channel, place, shirt, _first, second = waiting
    expect(place, shirt, 3, SEPTEMBER)

    keep_promises(at=NOON, by=DESK)

    assert days() == [SEPTEMBER, None]
    assert order_view(channel=channel.code, external_id="A-1").lines[0].expected_date == SEPTEMBER
    expect(place, shirt, 1, OCTOBER, "PO-2")
    keep_promises(at=NOON, by=DESK)
    assert days() == [SEPTEMBER, OCTOBER]
    assert promises(second) == [f"{shirt.code} – → 2027/10/01"]
    assert keep_promises(at=NOON, by=DESK) == 0


def test_a_day_that_moves_back_is_told_and_somebody_tells_the_customer(waiting):
    _channel, place, shirt, first, _second = waiting
    expect(place, shirt, 2, SEPTEMBER)
    keep_promises(at=NOON, by=DESK)

    expect(place, shirt, 2, OCTOBER)
    keep_promises(at=NOON, by=DESK)

    assert promises(first) == [f"{shirt.code} – → 2027/09/01", f"{shirt.code} 2027/09/01 → 2027/10/01"]
    task = StaffTask.objects.get(kind="PROMISE_LATER", closed_at=None)
    assert (task.subject_id, shirt.code in task.detail) == (first.pk, True)
    expect(place, shirt, 2, SEPTEMBER)
    keep_promises(at=NOON, by=DESK)
    assert not StaffTask.objects.filter(kind="PROMISE_LATER", closed_at=None).exists()


def test_what_is_expected_no_more_is_promised_no_more(waiting):
    _channel, place, shirt, first, _second = waiting
    expect(place, shirt, 2, SEPTEMBER)
    keep_promises(at=NOON, by=DESK)

    cancel_expected(external_id="PO-1", at=NOON, by=DESK)
    keep_promises(at=NOON, by=DESK)

    assert days() == [None, None]
    assert promises(first)[-1] == f"{shirt.code} 2027/09/01 → –"


def test_goods_that_come_go_to_whom_they_were_promised_before_anybody_else_can_take_them(waiting):
    channel, place, shirt, first, second = waiting
    expected = expect(place, shirt, 3, SEPTEMBER)
    keep_promises(at=NOON, by=DESK)

    come(place, shirt, 3, expected)
    third = placed(channel, order(line(shirt, 1), external_id="A-3"))

    keep_promises(at=NOON, by=DESK)
    first.refresh_from_db()
    assert (first.state, third.state) == (OrderState.READY, OrderState.AWAITING_STOCK)
    assert figures(shirt, place) == (3, 3)
    assert days() == [None, None, None]
    assert not StaffTask.objects.filter(kind="OVERSOLD", subject_id=first.pk, closed_at=None).exists()
    assert OrderEvent.objects.filter(order=second, kind="ALLOCATED").exists()
    assert [fault for check in checks.registered() if check.promise in ("P2", "P3") for fault in check.find()] == []


def test_stock_found_elsewhere_and_a_cancelled_order_free_what_was_promised(waiting):
    _channel, place, shirt, _first, second = waiting
    expect(place, shirt, 2, SEPTEMBER)
    keep_promises(at=NOON, by=DESK)
    stock(shirt, place, 2)

    allocate_waiting(at=NOON, by=DESK)
    keep_promises(at=NOON, by=DESK)

    assert days() == [None, SEPTEMBER]
    cancel_by_staff(order_id=second.pk, reason="不要", at=NOON, by=DESK)
    keep_promises(at=NOON, by=DESK)
    assert days() == [None, None]


def test_promising_does_not_ask_more_for_more_orders(waiting):
    channel, place, shirt, _first, _second = waiting
    expect(place, shirt, 2, SEPTEMBER)
    few = len(statements(lambda: keep_promises(at=NOON, by=DESK)))
    cancel_expected(external_id="PO-1", at=NOON, by=DESK)
    keep_promises(at=NOON, by=DESK)
    for number in range(10):
        placed(channel, order(line(shirt, 1), external_id=f"B-{number}"))
    expect(place, shirt, 20, SEPTEMBER)

    assert len(statements(lambda: keep_promises(at=NOON, by=DESK))) == few
    assert len([day for day in days() if day]) == 12
