"""The main job: an order becomes a reservation, a shipment, a sale and a balanced entry."""

from decimal import Decimal

import pytest

from erp.orders.models import OrderState
from tests.inventory.factories import figures, sku, stock
from tests.orders.factories import figure, kinds, line, order, placed, shipped, shop

pytestmark = pytest.mark.django_db


def test_an_order_becomes_a_sale():
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 10, unit_value=420)

    record = placed(channel, order(line(shirt, 2, 1100)))
    assert record.state == OrderState.READY
    assert figures(shirt, place) == (10, 2)
    [parcel] = shipped(record)

    assert figures(shirt, place) == (8, 0)
    assert record.state == OrderState.SHIPPED
    assert (parcel.net_amount, parcel.tax_amount, parcel.gross_amount, parcel.cost_amount) == (2000, 200, 2200, 840)
    assert figure("receivable.card") == 2200
    assert figure("sales.ec") == 2000
    assert figure("output_tax") == 200
    assert figure("cost_of_sales") == 840
    assert kinds(record) == ["PLACED", "RELEASED", "STATE", "SHIPPED", "STATE"]
    assert record.total == Decimal(2200)
