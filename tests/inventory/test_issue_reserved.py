"""Pieces that leave: at moving average, against their reservation, and back at the value they left with."""

from __future__ import annotations

from decimal import Decimal

import pytest

from erp.inventory import selectors, services
from erp.inventory.exceptions import InsufficientStock, NotReserved, Uncovered
from erp.inventory.models import Location, StockDocument, StockMovement
from erp.inventory.selectors import IssuedPart
from erp.inventory.services import Demand, Issue, Issued, PutBack, TransitIssue
from tests.inventory.factories import (
    CLERK,
    NOON,
    channel,
    figures,
    location,
    pool,
    sku,
    statements,
    stock,
    worth,
)

pytestmark = pytest.mark.django_db


def reserve(site, *demands):
    services.reserve(channel_id=site.pk, document_type="ORDER", demands=demands, at=NOON, by=CLERK)


def issue(site, *issues, **options):
    return services.issue_reserved(
        source_type="SHIPMENT",
        document_type="ORDER",
        issues=issues,
        channel_id=site.pk,
        occurred_at=NOON,
        at=NOON,
        by=CLERK,
        **options,
    )


def test_the_value_is_carried_and_the_last_piece_takes_the_rest():
    warehouse, shirt = location(), sku()
    stock(shirt, warehouse, 1, unit_value=100)
    stock(shirt, warehouse, 2, unit_value=0)
    site = channel(warehouse)
    reserve(site, Demand(1, 1, shirt.pk, 3, 50))

    first = issue(site, Issue(10, 101, 1, 1, shirt.pk, 1))
    rest = issue(site, Issue(11, 102, 1, 1, shirt.pk, 2))

    assert first == [Issued(10, 101, shirt.pk, 1, Decimal(33))]
    assert rest == [Issued(11, 102, shirt.pk, 2, Decimal(67))]
    assert figures(shirt, warehouse) == (0, 0)
    assert worth(shirt) == (0, Decimal(0))
    assert list(
        StockMovement.objects.order_by("balance_seq").values_list("balance_seq", "quantity", "on_hand_after", "value")
    ) == [(1, 1, 1, 100), (2, 2, 3, 0), (3, -1, 2, -33), (4, -2, 0, -67)]


def test_one_call_issues_many_sources_and_one_sku_many_times():
    warehouse, shirt = location(), sku()
    stock(shirt, warehouse, 4, unit_value=100)
    site = channel(warehouse)
    reserve(site, Demand(1, 1, shirt.pk, 2, 50), Demand(2, 1, shirt.pk, 2, 50))

    issued = issue(
        site,
        Issue(10, 101, 1, 1, shirt.pk, 1),
        Issue(10, 102, 1, 1, shirt.pk, 1),
        Issue(11, 103, 2, 1, shirt.pk, 2),
    )

    assert [(item.source_id, item.source_line, item.value) for item in issued] == [
        (10, 101, Decimal(100)),
        (10, 102, Decimal(100)),
        (11, 103, Decimal(200)),
    ]
    assert StockDocument.objects.filter(source_type="SHIPMENT").count() == 2
    assert selectors.reserved("ORDER", [1, 2]) == []
    assert selectors.issued_values("SHIPMENT", [101, 103, 999], source_ids=[10, 11]) == {
        101: [IssuedPart(shirt.pk, warehouse.pk, 1, Decimal(100))],
        103: [IssuedPart(shirt.pk, warehouse.pk, 2, Decimal(200))],
    }


def test_places_for_goods_on_the_road_and_for_defective_ones_are_there_from_the_start():
    transit = Location.objects.get(pk=selectors.transit_location_id())
    defect = Location.objects.get(pk=selectors.location_id_of("DEFECT"))

    assert (transit.kind, transit.cost_pool.account_role) == ("IN_TRANSIT", "inventory.in_transit")
    # Written down to nothing, defective pieces must not thin the average of the good ones.
    assert (defect.kind, defect.cost_pool.code) == ("DEFECT", "DEFECT")


def test_refuses_naming_every_line_that_reservations_do_not_cover():
    warehouse, shirt, hat = location(), sku(), sku()
    stock(shirt, warehouse, 4)
    stock(hat, warehouse, 4)
    site = channel(warehouse)
    reserve(site, Demand(1, 1, shirt.pk, 2, 50))

    with pytest.raises(NotReserved) as refusal:
        issue(site, Issue(10, 101, 1, 1, shirt.pk, 3), Issue(10, 102, 1, 2, hat.pk, 1))

    assert refusal.value.uncovered == (Uncovered(10, 101, shirt.pk, 3, 2), Uncovered(10, 102, hat.pk, 1, 0))
    assert figures(shirt, warehouse) == (4, 2)
    assert not StockDocument.objects.filter(source_type="SHIPMENT").exists()


def test_in_transit_the_value_follows_and_leaves_as_it_came():
    warehouse, shirt = location(), sku()
    road = location("IN_TRANSIT", cost_pool=pool("IN_TRANSIT", "inventory.in_transit"))
    stock(shirt, warehouse, 3, unit_value=100)
    site = channel(warehouse)
    reserve(site, Demand(1, 1, shirt.pk, 2, 50))

    issued = issue(site, Issue(10, 101, 1, 1, shirt.pk, 2), transit_location_id=road.pk)

    assert issued == [Issued(10, 101, shirt.pk, 2, Decimal(200))]
    assert (figures(shirt, warehouse), figures(shirt, road)) == ((1, 0), (2, 0))
    assert (worth(shirt), worth(shirt, "IN_TRANSIT")) == ((1, 100), (2, 200))

    services.issue_from_transit(
        source_type="ACCEPTANCE",
        issues=[TransitIssue(5, 51, shirt.pk, 2, Decimal(200))],
        transit_location_id=road.pk,
        occurred_at=NOON,
        at=NOON,
        by=CLERK,
    )

    assert figures(shirt, road) == (0, 0)
    assert worth(shirt, "IN_TRANSIT") == (0, 0)
    with pytest.raises(InsufficientStock):
        services.issue_from_transit(
            source_type="ACCEPTANCE",
            issues=[TransitIssue(6, 61, shirt.pk, 1, Decimal(0))],
            transit_location_id=road.pk,
            occurred_at=NOON,
            at=NOON,
            by=CLERK,
        )


def test_pieces_come_back_at_the_value_they_left_with():
    warehouse, shirt = location(), sku()
    stock(shirt, warehouse, 1, unit_value=100)
    site = channel(warehouse)
    reserve(site, Demand(1, 1, shirt.pk, 1, 50))
    issue(site, Issue(10, 101, 1, 1, shirt.pk, 1))
    stock(shirt, warehouse, 1, unit_value=300)

    services.put_back(
        source_type="RETURN",
        source_id=7,
        lines=[PutBack(71, shirt.pk, 1, warehouse.pk, Decimal(100))],
        channel_id=site.pk,
        occurred_at=NOON,
        at=NOON,
        by=CLERK,
    )

    assert figures(shirt, warehouse) == (2, 0)
    assert worth(shirt) == (2, Decimal(400))


def test_issues_take_a_constant_number_of_statements():
    warehouse = location()
    road = location("IN_TRANSIT", cost_pool=pool("IN_TRANSIT", "inventory.in_transit"))
    goods = [sku() for _ in range(30)]
    for item in goods:
        stock(item, warehouse, 100)
    site = channel(warehouse)
    lines = [Issue(n, n, 1, n, item.pk, 1) for n, item in enumerate(goods)]
    reserve(site, *[Demand(1, n, item.pk, 2, 50) for n, item in enumerate(goods)])
    reserve(site, Demand(2, 1, goods[0].pk, 2, 50))

    one = statements(lambda: issue(site, Issue(900, 900, 2, 1, goods[0].pk, 1)))
    thirty = statements(lambda: issue(site, *lines))
    one_away = statements(lambda: issue(site, Issue(901, 901, 2, 1, goods[0].pk, 1), transit_location_id=road.pk))
    thirty_away = statements(lambda: issue(site, *lines, transit_location_id=road.pk))

    # The signature, keys, lock, claims, lock of costs, everything written; on their way the balances and cost rows that goods arrive on.
    # Fewer rows than go by COPY, which is a step, once.
    assert len(one) == len(thirty) == 6
    assert len(one_away) == len(thirty_away) == 8
