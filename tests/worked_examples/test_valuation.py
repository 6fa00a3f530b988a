"""Worked examples of valuation. 期首 10 @1,000; 仕入 20 @1,150; 売 15; 仕入 30 @1,200; 売 25; 期末 20. In all 60 pieces for 69,000."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from erp.inventory import selectors
from erp.inventory.models import CostPool, Location
from erp.inventory.selectors import valuation as methods
from erp.inventory.selectors.valuation import Lot, Valuation
from erp.inventory.services import PhysicalLine, TransferLine, record_physical_fact, transfer
from erp.orders.models import Shipment, ShipmentLine
from erp.orders.services import ReturnedLine, ShipRequest, place_order, record_return, release_orders, ship
from tests.inventory.factories import channel as make_channel
from tests.inventory.factories import location, sku, worth
from tests.orders.factories import DESK, NOON, line, order
from tests.worked_examples.journal import Entry, Journal, balances
from tests.worked_examples.stage import HOW, bought, noon, opening_stock, registered_supplier

FIRST, LAST = dt.date(2026, 11, 1), dt.date(2026, 11, 30)


def sell(site, goods, pieces: int, day: str) -> None:
    """At 2,000 with tax, by card."""
    how = {"at": noon(day), "by": DESK}
    sold = order(line(goods, pieces, 2_000), external_id=f"A-{day}", ordered_at=noon(day))
    outcome = place_order(channel=site.code, order=sold, **how)
    release_orders(order_ids=[outcome.order_id], **how)
    ship(requests=[ShipRequest(Shipment.objects.get(order=outcome.order_id).pk)], **how)


@pytest.fixture
def november():
    warehouse, shirt, supplier = location(), sku(), registered_supplier()
    site = make_channel(warehouse)
    journal = Journal()
    opening_stock(shirt, warehouse, 10, 1_000, at=noon("2026-11-01"))
    bought(supplier, shirt, warehouse, 20, 1_150, at=noon("2026-11-05"))
    sell(site, shirt, 15, "2026-11-10")
    bought(supplier, shirt, warehouse, 30, 1_200, at=noon("2026-11-15"))
    sell(site, shirt, 25, "2026-11-20")
    return shirt, journal


@pytest.mark.django_db
def test_the_journal_of_the_month_by_moving_average(november):
    """1,100 after the second receipt: 15 are 16,500. (16,500 + 36,000) / 45 = 1,166.67 after the third: 25 are 29,167, the value is kept."""
    shirt, journal = november

    assert journal.new() == [
        Entry({"1210 商品": 10_000}, {"3330 繰越利益剰余金": 10_000}),
        Entry({"1210 商品 10%": 23_000, "1360 仮払消費税 10%": 2_300}, {"2120 買掛金": 25_300}),
        Entry(
            {"1151 クレジット売掛金": 30_000, "5110 売上原価": 16_500},
            {"4110 売上高(EC) 10%": 27_273, "2190 仮受消費税 10%": 2_727, "1210 商品": 16_500},
        ),
        Entry({"1210 商品 10%": 36_000, "1360 仮払消費税 10%": 3_600}, {"2120 買掛金": 39_600}),
        Entry(
            {"1151 クレジット売掛金": 50_000, "5110 売上原価": 29_167},
            {"4110 売上高(EC) 10%": 45_455, "2190 仮受消費税 10%": 4_545, "1210 商品": 29_167},
        ),
    ]
    sheet = balances(last=LAST)
    assert (sheet["5110 売上原価"], sheet["1210 商品"], worth(shirt)) == (45_667, 23_333, (20, 23_333))


@pytest.mark.django_db
def test_what_the_other_methods_make_of_the_same_ledger(november):
    shirt, _journal = november

    flow = methods.flow(sku_id=shirt.pk, pool_code="MAIN", first=FIRST, last=LAST)

    assert flow.lots == (Lot(10, Decimal(10_000)), Lot(20, Decimal(23_000)), Lot(30, Decimal(36_000)))
    assert (flow.issued, flow.closing_quantity, flow.cost) == (40, 20, 69_000)
    assert methods.at_total_average(flow) == Valuation(Decimal(46_000), Decimal(23_000))
    assert methods.first_in_first_out(flow) == Valuation(Decimal(45_000), Decimal(24_000))
    assert methods.at_last_purchase(flow) == Valuation(Decimal(45_000), Decimal(24_000))
    # 原価率 = 69,000 / (80,000 + 40,000) = 57.5 %.
    retail = {"sales": Decimal(80_000), "closing_retail": Decimal(40_000)}
    assert methods.retail_of_group([flow], **retail) == Valuation(Decimal(46_000), Decimal(23_000))


def test_first_in_first_out_and_last_purchase_differ_when_more_is_left_than_came_last():
    """期末 35: 30 × 1,200 + 5 × 1,150 = 41,750 against 35 × 1,200 = 42,000."""
    lots = (Lot(10, Decimal(10_000)), Lot(20, Decimal(23_000)), Lot(30, Decimal(36_000)))
    flow = methods.Flow(lots, issued=25)

    assert methods.first_in_first_out(flow) == Valuation(Decimal(27_250), Decimal(41_750))
    assert methods.at_last_purchase(flow) == Valuation(Decimal(27_000), Decimal(42_000))


def take(place: Location, goods, pieces: int, number: int) -> Decimal:
    [gone] = record_physical_fact(
        source_type="SALE", source_id=number, location_id=place.pk, lines=[PhysicalLine(1, goods.pk, pieces)],
        occurred_at=NOON, **HOW,
    )  # fmt: skip
    return gone.value


@pytest.mark.django_db
def test_the_last_piece_takes_the_rest_so_no_yen_is_left_behind():
    """Seven pieces for 1,000: 142.86 each. 143, then 857 / 6 = 142.8 → 143, 714 / 5 → 143, 571 / 4 → 143, 428 / 3 → 143, 285 / 2 → 143, 142."""
    place, goods = location("SHOP"), sku()
    supplier = registered_supplier()
    bought(supplier, goods, place, 7, Decimal(1_000) / 7)

    values = [take(place, goods, 1, number) for number in range(7)]

    assert values == [143, 143, 143, 143, 143, 143, 142]
    assert (sum(values), worth(goods)) == (1_000, (0, 0))


@pytest.mark.django_db
def test_each_pool_of_cost_has_an_average_of_its_own():
    """The company as one pool: 10 @1,000 and 10 @1,200 are 1,100 each. A warehouse that keeps its own: 1,200 stay 1,200."""
    goods = sku()
    own = CostPool.objects.create(code="OUTLET", name="アウトレット", account_role="inventory.goods")
    first, second, outlet = location("SHOP"), location("SHOP"), location("SHOP", cost_pool=own)
    opening_stock(goods, first, 10, 1_000, number="期首 1")
    opening_stock(goods, second, 10, 1_200, number="期首 2")
    opening_stock(goods, outlet, 10, 1_200, number="期首 3")

    assert (take(first, goods, 1, 1), take(second, goods, 1, 2), take(outlet, goods, 1, 3)) == (1_100, 1_100, 1_200)
    assert (worth(goods), worth(goods, "OUTLET")) == ((18, 19_800), (9, 10_800))


@pytest.mark.django_db
def test_a_transfer_moves_goods_at_cost_and_posts_nothing_within_one_account():
    goods = sku()
    own = CostPool.objects.create(code="OUTLET", name="アウトレット", account_role="inventory.goods")
    warehouse, outlet = location(), location("SHOP", cost_pool=own)
    opening_stock(goods, warehouse, 3, 1_000)
    journal = Journal()

    transfer(
        external_id="移動-1", from_location_id=warehouse.pk, to_location_id=outlet.pk,
        lines=[TransferLine(1, goods.pk, 2)], occurred_at=NOON, **HOW,
    )  # fmt: skip

    assert journal.new() == []
    assert (worth(goods), worth(goods, "OUTLET")) == ((1, 1_000), (2, 2_000))


@pytest.mark.django_db
def test_a_return_comes_back_at_the_cost_at_which_it_left():
    """Sold at 1,000; dearer ones have come since; the piece is worth 1,000 again: (2 × 1,400 + 1,000) / 3."""
    warehouse, goods = location(), sku()
    site = make_channel(warehouse)
    opening_stock(goods, warehouse, 1, 1_000, at=noon("2026-11-01"))
    sell(site, goods, 1, "2026-11-10")
    bought(registered_supplier(), goods, warehouse, 2, 1_400, at=noon("2026-11-15"))
    journal = Journal()

    sold = ShipmentLine.objects.get()
    record_return(
        order_id=sold.shipment.order_id,
        external_id="返品-1",
        lines=[ReturnedLine(sold.pk, 1)],
        at=noon("2026-11-20"),
        by=DESK,
    )

    assert journal.new() == [
        Entry(
            {"4180 売上返品 10%": 1_819, "2190 仮受消費税 10%": 181, "1210 商品": 1_000},
            {"1151 クレジット売掛金": 2_000, "5110 売上原価": 1_000},
        )
    ]
    assert worth(goods) == (3, 3_800)
    assert selectors.stock_values()[0].value == 3_800
