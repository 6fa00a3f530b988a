"""What can be valued, and stock of past times. The methods themselves are worked out in tests/worked_examples/test_valuation.py."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from erp.inventory import selectors, services
from erp.inventory.models import Location
from erp.inventory.selectors import StockThen
from erp.inventory.selectors import valuation as methods
from erp.inventory.selectors.valuation import Lot
from erp.inventory.services import Demand, Issue, ReceiptLine, TransferLine
from tests.inventory.factories import CLERK, NOON, channel, location, sku

DAY = dt.timedelta(days=1)


def receive(place, item, pieces, cost, external_id, at):
    services.receive(
        external_id=external_id,
        location_id=place.pk,
        lines=[ReceiptLine(1, item.pk, pieces, Decimal(cost))],
        occurred_at=at,
        at=at,
        by=CLERK,
    )


def sell(site, item, pieces, document, at):
    services.reserve(
        channel_id=site.pk,
        document_type="ORDER",
        demands=[Demand(document, 1, item.pk, pieces, 50)],
        at=at,
        by=CLERK,
    )
    (issued,) = services.issue_reserved(
        source_type="SHIPMENT",
        document_type="ORDER",
        issues=[Issue(document, document, document, 1, item.pk, pieces)],
        channel_id=site.pk,
        occurred_at=at,
        at=at,
        by=CLERK,
    )
    return issued.value


@pytest.fixture
def example():
    """期首 10 @1,000; 仕入 20 @1,150; 売 15; 仕入 30 @1,200; 売 25; 期末 20."""
    warehouse, shirt = location(), sku()
    site = channel(warehouse)
    receive(warehouse, shirt, 10, 1000, "opening", NOON - DAY)
    receive(warehouse, shirt, 20, 1150, "second", NOON)
    first = sell(site, shirt, 15, 1, NOON + DAY)
    receive(warehouse, shirt, 30, 1200, "third", NOON + 2 * DAY)
    second = sell(site, shirt, 25, 2, NOON + 3 * DAY)
    return warehouse, shirt, first, second


@pytest.mark.parametrize(
    ("lots", "issued", "has_an_answer"),
    [((), 0, False), ((10,), 10, True), ((10,), 11, False), ((-2, 10), 5, False)],
)
def test_only_what_was_there_can_be_valued(lots, issued, has_an_answer):
    flow = methods.Flow(tuple(Lot(pieces, Decimal(100 * pieces)) for pieces in lots), issued)

    assert flow.can_be_valued is has_an_answer


@pytest.mark.django_db
def test_stock_of_any_past_time_as_it_was_and_as_it_was_known(example):
    warehouse, shirt, _first, _second = example
    services.receive(
        external_id="late",
        location_id=warehouse.pk,
        lines=[ReceiptLine(1, shirt.pk, 7, Decimal(1000))],
        occurred_at=NOON,
        at=NOON + 9 * DAY,
        by=CLERK,
    )

    assert selectors.stock_as_of(NOON) == [StockThen(shirt.pk, warehouse.pk, 37, Decimal(40_000))]
    assert selectors.stock_as_of(NOON, known_at=NOON + DAY) == [StockThen(shirt.pk, warehouse.pk, 30, Decimal(33_000))]
    assert selectors.stock_as_of(NOON - 2 * DAY) == []
    assert selectors.stock_as_of(NOON, location_ids=[location().pk]) == []


@pytest.mark.django_db
def test_a_transfer_within_the_pool_is_no_flow(example):
    warehouse, shirt, _first, _second = example
    shop = location("SHOP")
    services.transfer(
        external_id="T",
        from_location_id=warehouse.pk,
        to_location_id=shop.pk,
        lines=[TransferLine(1, shirt.pk, 5)],
        occurred_at=NOON + 3 * DAY,
        at=NOON + 3 * DAY,
        by=CLERK,
    )

    flow = methods.flow(sku_id=shirt.pk, pool_code="MAIN", first=NOON.date(), last=(NOON + 3 * DAY).date())

    assert (flow.issued, flow.closing_quantity) == (40, 20)
    assert Location.objects.get(pk=shop.pk).cost_pool.code == "MAIN"
