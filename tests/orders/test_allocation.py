"""Who gets pieces that come in: the queue, and the exceptions that end with it."""

import pytest

from erp.core.models import StaffTask
from erp.orders.models import Order, OrderState
from erp.orders.services import allocate_waiting
from tests.inventory.factories import figures, sku, stock
from tests.orders.factories import DESK, NOON, line, order, placed, shop

pytestmark = pytest.mark.django_db


def states() -> list[str]:
    return list(Order.objects.order_by("pk").values_list("state", flat=True))


def test_an_order_on_hold_keeps_its_place_in_the_queue():
    channel, place = shop()
    shirt = sku()
    placed(channel, order(line(shirt, 1), external_id="A-1", customer_note="急ぎです"))
    placed(channel, order(line(shirt, 1), external_id="A-2"))
    stock(shirt, place, 1)

    served = allocate_waiting(at=NOON, by=DESK)

    assert served == 0
    assert states() == [OrderState.ON_HOLD, OrderState.AWAITING_STOCK]
    assert figures(shirt, place) == (1, 1)


def test_an_oversold_order_is_no_exception_any_more_when_its_last_piece_came():
    channel, place = shop()
    shirt = sku()
    placed(channel, order(line(shirt, 3)))
    stock(shirt, place, 2)
    allocate_waiting(at=NOON, by=DESK)
    assert StaffTask.objects.get().closed_at is None
    stock(shirt, place, 1)

    assert allocate_waiting(at=NOON, by=DESK) == 1

    assert states() == [OrderState.READY]
    assert StaffTask.objects.get().resolution == "allocated"
