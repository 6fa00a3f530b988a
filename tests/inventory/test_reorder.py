"""発注候補: 28 pieces sold in 8 weeks are half a piece a day; with 20 days of lead time and 5 of safety the point is 15."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from catalog.models import Supplier
from erp.inventory import services
from erp.inventory.models import ExpectedReceipt, ReorderRule, TransferOrderLine
from erp.inventory.selectors.distributions import sold
from erp.inventory.selectors.reorder import candidates
from erp.inventory.selectors.stock_age import turnover
from erp.inventory.selectors.stock_value import By, Scope
from erp.inventory.services import BroughtBack, Demand, ExpectedLine, Issue, PutBack, SupplierReturnLine, TransitIssue
from erp.orders.services import place_order
from tests.inventory.factories import CLERK, channel, location, pool, sku, stock
from tests.inventory.test_valuation import sell
from tests.orders.factories import DESK, line, order
from tests.worked_examples.stage import noon

pytestmark = pytest.mark.django_db
TODAY = dt.date(2026, 11, 23)


@pytest.fixture
def shirt():
    supplier = Supplier.objects.create(code="S1", name="S1", lead_time_days=20)
    warehouse, item = location(), sku(supplier=supplier)
    site = channel(warehouse)
    stock(item, warehouse, 40, at=noon("2026-09-01"))
    sell(site, item, 30, 1, noon("2026-10-20"))
    services.put_back(
        source_type="RETURN", source_id=9, lines=[PutBack(1, item.pk, 2, warehouse.pk, Decimal(200))], channel_id=site.pk,
        occurred_at=noon("2026-11-10"), at=noon("2026-11-10"), by=CLERK,
    )  # fmt: skip
    ReorderRule.objects.create(sku=item, lot=6, safety_stock=5, cover_days=28)
    return item, warehouse, site, supplier


def test_speed_position_point_and_whole_lots(shirt):
    item, warehouse, _site, supplier = shirt

    [one] = candidates(TODAY, scope=Scope(supplier_id=supplier.pk))

    # In stock 40 − 30 + 2 = 12; sold net in 4, 8 and 13 weeks: −2, 28, 28.
    assert (one.sold, one.speed, one.position, one.reorder_point) == ((-2, 28, 28), Decimal("0.5"), 12, 15)
    # 15 + 14 − 12 = 17, in lots of six; the position lasts 24 days.
    assert (one.suggested, one.days_of_cover, one.lead_time_days) == (18, 24, 20)
    # By the last four weeks nothing sells: the safety stock alone is the point.
    assert candidates(TODAY, weeks=4, scope=Scope(supplier_id=supplier.pk)) == []
    ReorderRule.objects.create(sku=item, location=warehouse, reorder_point=30, cover_days=0)
    [here] = candidates(TODAY, scope=Scope(location_id=warehouse.pk))
    assert (here.reorder_point, here.suggested) == (30, 18)


def test_what_is_ordered_already_counts_and_what_orders_lack_is_owed(shirt):
    item, warehouse, site, supplier = shirt
    owed = order(line(item, 20, 1_000), external_id="A-1", ordered_at=noon("2026-11-22"))

    place_order(channel=site.code, order=owed, at=noon("2026-11-22"), by=DESK)
    [one] = candidates(TODAY, scope=Scope(supplier_id=supplier.pk))
    made = services.expect_purchases(
        name="PO", location_id=warehouse.pk, purchases={supplier.pk: [ExpectedLine(1, item.pk, one.suggested, dt.date(2026, 12, 13))]},
        at=noon("2026-11-23"), by=CLERK,
    )  # fmt: skip

    # Twelve are kept for the order of twenty, eight are owed.
    assert (one.on_hand, one.claimed, one.backorder, one.position, one.days_of_cover) == (12, 12, 8, -8, 0)
    assert (made, one.suggested) == (["PO-S1"], 42)
    assert ExpectedReceipt.objects.get().quantity == 42
    assert candidates(TODAY, scope=Scope(supplier_id=supplier.pk)) == []
    [after] = candidates(TODAY, scope=Scope(supplier_id=supplier.pk), only_due=False)
    assert (after.coming, after.position) == (42, 34)


def test_what_customer_orders_wait_for_is_owed_too(shirt):
    item, _warehouse, site, supplier = shirt
    services.place_hold(
        channel_id=site.pk, ref="K-1", lines=[services.HoldDemand(item.pk, 15)], kind="CUSTOMER_ORDER", owner_label="佐藤様",
        owner_phone="090-0000-0000", at=noon("2026-11-22"), by=CLERK,
    )  # fmt: skip

    [one] = candidates(TODAY, scope=Scope(supplier_id=supplier.pk))

    assert (one.on_hand, one.claimed, one.backorder, one.position) == (12, 12, 3, -3)


def test_what_goes_from_one_place_to_another_is_still_ours(shirt):
    item, warehouse, _site, supplier = shirt
    shop = location("SHOP")

    def positions():
        scopes = [Scope(supplier_id=supplier.pk), Scope(location_id=warehouse.pk), Scope(location_id=shop.pk)]
        return [[one.position for one in candidates(TODAY, scope=scope, only_due=False)] for scope in scopes]

    assert positions() == [[12], [12], [0]]
    how = {"at": noon("2026-11-23"), "by": CLERK}
    asked = services.TransferRequest("M-1", warehouse.pk, shop.pk, {item.pk: 5})
    [transfer] = services.request_transfers(requests=[asked], **how)
    assert positions() == [[12], [7], [5]]
    services.ship_transfer(order_id=transfer, occurred_at=None, **how)
    assert positions() == [[12], [7], [5]]
    line = TransferOrderLine.objects.get()
    services.receive_transfer(external_id="IN", order_id=transfer, pieces={line.pk: 2}, occurred_at=None, **how)
    assert positions() == [[12], [7], [5]]


def test_what_came_and_waits_for_inspection_is_still_to_come(shirt):
    item, warehouse, _site, supplier = shirt
    waiting_room, defective = location("INSPECTION"), location("DEFECT")

    def positions():
        scopes = [Scope(supplier_id=supplier.pk), Scope(location_id=warehouse.pk)]
        found = [candidates(TODAY, scope=scope, only_due=False) for scope in scopes]
        return [[(one.on_hand, one.claimed, one.coming) for one in of_scope] for of_scope in found]

    how = {"at": noon("2026-11-23"), "by": CLERK}
    stock(item, waiting_room, 10, at=noon("2026-11-23"))
    stock(item, defective, 3, at=noon("2026-11-23"))
    assert positions() == [[(12, 0, 10)], [(12, 0, 0)]]
    # Goods that go there to be looked at are no less ours on the way.
    services.request_transfers(
        requests=[services.TransferRequest("M-1", warehouse.pk, waiting_room.pk, {item.pk: 5})], **how
    )
    assert positions() == [[(12, 5, 15)], [(12, 5, 0)]]
    # What was looked at and is asked for elsewhere is to come once.
    [onwards] = services.request_transfers(
        requests=[services.TransferRequest("M-2", waiting_room.pk, warehouse.pk, {item.pk: 10})], **how
    )
    assert positions() == [[(12, 5, 15)], [(12, 5, 10)]]
    services.ship_transfer(order_id=onwards, occurred_at=None, **how)
    assert positions() == [[(12, 5, 15)], [(12, 5, 10)]]


def test_what_is_on_the_road_without_a_transfer_order_is_still_ours_and_to_come_where_it_goes_by_now(shirt):
    item, warehouse, _site, supplier = shirt
    ginza, shibuya = location("SHOP"), location("SHOP")
    road = location("IN_TRANSIT", cost_pool=pool("ROAD", "inventory.in_transit"))

    def positions():
        scopes = [
            Scope(supplier_id=supplier.pk),
            *(Scope(location_id=place.pk) for place in (warehouse, ginza, shibuya)),
        ]
        found = [candidates(TODAY, scope=scope, only_due=False) for scope in scopes]
        return [sum(one.position for one in of_scope) for of_scope in found]

    how = {"occurred_at": noon("2026-11-23"), "at": noon("2026-11-23"), "by": CLERK}
    lines = [services.TransferLine(1, item.pk, 5)]
    sent = services.transfer(
        external_id="T-1", from_location_id=warehouse.pk, to_location_id=road.pk, destination_id=ginza.pk, lines=lines, **how
    ).document_id  # fmt: skip
    on_the_way = positions()
    services.arrive(
        external_id="A-1", transfer_id=sent, to_location_id=ginza.pk, lines=[services.TransferLine(1, item.pk, 2)], **how
    )  # fmt: skip
    in_parts = positions()
    services.redirect_transfer(transfer_id=sent, destination_id=shibuya.pk, reason="sold out", at=how["at"], by=CLERK)
    elsewhere = positions()
    services.arrive(
        external_id="A-2", transfer_id=sent, to_location_id=shibuya.pk, lines=[services.TransferLine(1, item.pk, 3)], **how
    )  # fmt: skip

    assert [on_the_way, in_parts, elsewhere, positions()] == [
        [12, 7, 5, 0], [12, 7, 5, 0], [12, 7, 2, 3], [12, 7, 2, 3],
    ]  # fmt: skip


def test_a_place_sells_what_leaves_it_for_the_road_and_what_goes_back_to_a_supplier_is_no_sale(shirt):
    item, warehouse, _site, supplier = shirt
    road = location("IN_TRANSIT", cost_pool=pool("ROAD", "inventory.in_transit"))
    mall_place = location("SHOP")
    stock(item, mall_place, 9, at=noon("2026-11-01"))
    mall = channel(mall_place)
    how = {"at": noon("2026-11-23"), "by": CLERK}
    # Five leave and are sold as they arrive; one of them came back before that. Two have arrived.
    services.reserve(channel_id=mall.pk, document_type="ORDER", demands=[Demand(70, 1, item.pk, 5, 50)], **how)
    services.issue_reserved(
        source_type="SHIPMENT", document_type="ORDER", issues=[Issue(70, 70, 70, 1, item.pk, 5)], channel_id=mall.pk,
        transit_location_id=road.pk, occurred_at=noon("2026-11-20"), **how,
    )  # fmt: skip
    back = BroughtBack(70, item.pk, 1, road.pk, mall_place.pk, Decimal(100), Decimal(100))
    services.bring_back(
        source_type="RETURN", lines={70: [back]}, channel_id=None, occurred_at=noon("2026-11-21"), **how
    )
    services.issue_from_transit(
        source_type="SHIPMENT", issues=[TransitIssue(70, 70, item.pk, 2, Decimal(200))], transit_location_id=road.pk,
        occurred_at=noon("2026-11-22"), **how,
    )  # fmt: skip
    services.return_to_supplier(
        external_id="R-1", location_id=mall_place.pk, supplier_id=supplier.pk, lines=[SupplierReturnLine(1, item.pk, 3, Decimal(100))],
        occurred_at=noon("2026-11-22"), **how,
    )  # fmt: skip

    def in_four_weeks(scope):
        [one] = candidates(TODAY, scope=scope, only_due=False)
        return one.sold[0]

    assert in_four_weeks(Scope(location_id=mall_place.pk)) == 4
    # What has arrived is the turnover of the place that it left, not that of the road.
    by_place = {
        one.key: (one.sold_pieces, one.cost_of_sales) for one in turnover(dt.date(2026, 11, 20), TODAY, by=By.LOCATION)
    }
    assert (by_place[mall_place.pk], by_place[road.pk]) == ((2, 200), (0, 0))
    only = turnover(dt.date(2026, 11, 20), TODAY, by=By.SKU, scope=Scope(location_id=mall_place.pk))
    assert [(one.key, one.sold_pieces) for one in only] == [(item.pk, 2)]
    # Of the company what is sold; two pieces of an older sale came back.
    assert in_four_weeks(Scope(supplier_id=supplier.pk)) == 2 - 2
    assert sold([item.pk], [mall_place.pk, warehouse.pk], days=28, at=noon("2026-11-23")) == {
        (item.pk, mall_place.pk): 5
    }
