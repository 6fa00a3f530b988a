"""Each lock of stock against two callers at once. What happens without the lock is in docs/guards/inventory.md."""

from __future__ import annotations

import pytest

from erp.inventory import services
from erp.inventory.models import Reservation, StockBalance
from erp.inventory.services import Demand, Granted
from tests.inventory.factories import CLERK, NOON, channel, figures, location, sku, stock
from tests.racing import race

pytestmark = pytest.mark.django_db(transaction=True)


def reserving(site, *demands):
    return lambda: services.reserve(channel_id=site.pk, document_type="ORDER", demands=demands, at=NOON, by=CLERK)


def test_the_last_piece_is_sold_once():
    warehouse, shirt = location(), sku()
    stock(shirt, warehouse, 1)
    site = channel(warehouse)

    outcomes = race(
        reserving(site, Demand(1, 1, shirt.pk, 1, 50)),
        reserving(site, Demand(2, 1, shirt.pk, 1, 50)),
        hold=StockBalance.objects.all(),
    )

    assert sorted(len(granted) for granted in outcomes) == [0, 1]
    assert figures(shirt, warehouse) == (1, 1)
    assert Reservation.objects.count() == 1


def test_opposite_orders_of_the_same_skus_do_not_deadlock():
    warehouse, shirt, hat = location(), sku(), sku()
    stock(shirt, warehouse, 1)
    stock(hat, warehouse, 1)
    site = channel(warehouse)

    outcomes = race(
        reserving(site, Demand(1, 1, shirt.pk, 1, 50), Demand(1, 2, hat.pk, 1, 50)),
        reserving(site, Demand(2, 1, hat.pk, 1, 50), Demand(2, 2, shirt.pk, 1, 50)),
        hold=StockBalance.objects.all(),
    )

    winner = 1 if outcomes[0] else 2
    assert sorted(outcomes, key=len)[0] == []
    assert sorted(sorted(outcomes, key=len)[1], key=lambda part: part.sku_id) == [
        Granted(winner, 1 if winner == 1 else 2, shirt.pk, warehouse.pk, 1),
        Granted(winner, 2 if winner == 1 else 1, hat.pk, warehouse.pk, 1),
    ]
