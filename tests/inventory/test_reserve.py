"""Claims on stock: granted in order, by rank, partially if short; given back exactly once."""

from __future__ import annotations

import pytest

from erp.core.models import ChangeRow
from erp.inventory import selectors, services
from erp.inventory.models import ChannelLocation, Reservation
from erp.inventory.selectors import ReservedPart
from erp.inventory.services import Demand, Granted
from tests.inventory.factories import CLERK, NOON, balance, channel, figures, location, sku, statements, stock

pytestmark = pytest.mark.django_db


def reserve(site, *demands, **options):
    return services.reserve(channel_id=site.pk, document_type="ORDER", demands=demands, at=NOON, by=CLERK, **options)


def test_takes_the_best_rank_first_and_goes_on_to_the_next():
    near, far = location(), location()
    shirt = sku()
    stock(shirt, near, 2)
    stock(shirt, far, 5)
    site = channel(near, far)

    granted = reserve(site, Demand(1, 1, shirt.pk, 4, 50))

    assert granted == [Granted(1, 1, shirt.pk, near.pk, 2), Granted(1, 1, shirt.pk, far.pk, 2)]
    assert (figures(shirt, near), figures(shirt, far)) == ((2, 2), (5, 2))
    assert selectors.reserved("ORDER", [1]) == [
        ReservedPart(1, 1, shirt.pk, near.pk, 2),
        ReservedPart(1, 1, shirt.pk, far.pk, 2),
    ]


def test_grants_in_the_order_of_the_demands_and_never_raises_for_a_shortage():
    warehouse, shirt, unknown = location(), sku(), sku()
    stock(shirt, warehouse, 3)
    site = channel(warehouse)

    granted = reserve(
        site, Demand(1, 1, shirt.pk, 2, 50), Demand(2, 1, shirt.pk, 2, 50), Demand(2, 2, unknown.pk, 1, 50)
    )

    assert granted == [Granted(1, 1, shirt.pk, warehouse.pk, 2), Granted(2, 1, shirt.pk, warehouse.pk, 1)]
    assert figures(shirt, warehouse) == (3, 3)


def test_the_same_sku_several_times_in_one_line_is_one_reservation():
    warehouse, shirt = location(), sku()
    stock(shirt, warehouse, 5)
    site = channel(warehouse)

    granted = reserve(site, Demand(1, 1, shirt.pk, 1, 50), Demand(1, 1, shirt.pk, 2, 50))

    assert granted == [Granted(1, 1, shirt.pk, warehouse.pk, 3)]
    assert Reservation.objects.get().quantity == 3


def test_a_second_call_adds_to_what_was_granted_before():
    warehouse, shirt = location(), sku()
    stock(shirt, warehouse, 5)
    site = channel(warehouse)
    reserve(site, Demand(1, 1, shirt.pk, 2, 50))

    granted = reserve(site, Demand(1, 1, shirt.pk, 9, 50))

    assert granted == [Granted(1, 1, shirt.pk, warehouse.pk, 3)]
    assert Reservation.objects.get().quantity == 5
    assert figures(shirt, warehouse) == (5, 5)


@pytest.mark.parametrize("kind", ["IN_TRANSIT", "INSPECTION", "DEFECT", "CONSIGNED"])
def test_places_that_do_not_count_grant_nothing(kind):
    place, shirt = location(kind, holder_account_id=7), sku()
    stock(shirt, place, 5)

    assert reserve(channel(place), Demand(1, 1, shirt.pk, 1, 50)) == []


def test_what_a_mall_holds_is_sold_by_that_mall_only():
    mall = channel()
    shelf, shirt = location("MALL_HELD", holder_channel=mall), sku()
    stock(shirt, shelf, 5)
    other = channel(shelf)
    ChannelLocation.objects.create(channel=mall, location=shelf)

    assert reserve(other, Demand(1, 1, shirt.pk, 1, 50)) == []
    assert reserve(mall, Demand(1, 1, shirt.pk, 1, 50)) == [Granted(1, 1, shirt.pk, shelf.pk, 1)]


def test_announces_the_sku_and_raises_the_version():
    warehouse, shirt = location(), sku()
    before = stock(shirt, warehouse, 5).version
    ChangeRow.objects.all()._raw_delete("default")
    site = channel(warehouse)

    reserve(site, Demand(1, 1, shirt.pk, 1, 50))

    assert list(ChangeRow.objects.values_list("topic", "key")) == [("stock", str(shirt.pk))]
    assert balance(shirt, warehouse).version == before + 1


def test_release_gives_the_open_pieces_back_once():
    warehouse, shirt, hat = location(), sku(), sku()
    stock(shirt, warehouse, 5)
    stock(hat, warehouse, 5)
    site = channel(warehouse)
    reserve(site, Demand(1, 1, shirt.pk, 2, 50), Demand(1, 2, hat.pk, 3, 50), Demand(2, 1, shirt.pk, 1, 50))

    assert services.release(document_type="ORDER", document_ids=[1], lines=[2], at=NOON, by=CLERK) == 3
    assert services.release(document_type="ORDER", document_ids=[1], at=NOON, by=CLERK) == 2
    assert services.release(document_type="ORDER", document_ids=[1], at=NOON, by=CLERK) == 0

    assert (figures(shirt, warehouse), figures(hat, warehouse)) == ((5, 1), (5, 0))
    assert list(Reservation.objects.order_by("id").values_list("quantity", "released")) == [(0, 2), (0, 3), (1, 0)]


def test_reserve_and_release_take_a_constant_number_of_statements():
    warehouse = location()
    goods = [sku() for _ in range(50)]
    for item in goods:
        stock(item, warehouse, 100)
    site = channel(warehouse)

    one = statements(lambda: reserve(site, Demand(1, 1, goods[0].pk, 1, 50)))
    fifty = statements(lambda: reserve(site, *[Demand(2, n, item.pk, 1, 50) for n, item in enumerate(goods)]))
    back_one = statements(lambda: services.release(document_type="ORDER", document_ids=[1], at=NOON, by=CLERK))
    back_fifty = statements(lambda: services.release(document_type="ORDER", document_ids=[2], at=NOON, by=CLERK))

    # One call that is signed, locks, grants, writes and announces.
    assert len(one) == len(fifty) == 1
    assert len(back_one) == len(back_fifty) == 4
