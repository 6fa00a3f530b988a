"""Two clients at once: what each lock of the order room is for."""

import pytest

from erp.inventory.models import StockBalance
from erp.orders.models import Order
from erp.orders.services import place_order
from tests.inventory.factories import sku, stock
from tests.orders.factories import DESK, NOON, line, order, placed, shop
from tests.racing import race

pytestmark = pytest.mark.django_db(transaction=True)


def test_two_amendments_that_swap_their_skus_do_not_deadlock():
    channel, warehouse = shop()
    hat, shirt, cap = sku(), sku(), sku()
    for item in (hat, shirt, cap):
        stock(item, warehouse, 5)
    placed(channel, order(line(shirt), external_id="A-1"))
    placed(channel, order(line(cap), external_id="A-2"))

    def amending(external_id, *goods):
        sent = order(*[line(item) for item in goods], external_id=external_id, revision=2)
        return lambda: place_order(channel=channel.code, order=sent, at=NOON, by=DESK)

    # Both wait for the hat. Locked one after the other, each would hold by then what the other wants next.
    outcomes = race(amending("A-1", hat, cap), amending("A-2", hat, shirt), hold=StockBalance.objects.filter(sku=hat))

    assert [getattr(outcome, "revision", outcome) for outcome in outcomes] == [2, 2]
    assert list(Order.objects.order_by("external_id").values_list("state", flat=True)) == ["READY", "READY"]
    balances = StockBalance.objects.order_by("pk").values_list("on_hand", "allocated")
    assert list(balances) == [(5, 2), (5, 1), (5, 1)]
