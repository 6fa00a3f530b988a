"""Worked examples: an account buys on credit (掛売), by each basis of revenue, pays less the transfer fee, and its slips are billed once."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from accounting.selectors import open_items
from accounting.services import NewItem, Settling, post_tax_difference, record_receipt
from catalog.models import Price, PriceList
from catalog.selectors import price_for
from erp.inventory.models import Location
from erp.orders.models import Order, Shipment, ShipmentLine
from erp.orders.services import ReturnedLine, SoldUnits, accept, record_return, report_sales
from tests.inventory.factories import figures, sku, worth
from tests.orders.factories import placed, shipped, shop
from tests.worked_examples.journal import Entry, Journal, balances, owed
from tests.worked_examples.stage import HOW, TODAY, account, delivered, on_account, opening_stock

pytestmark = pytest.mark.django_db


def ready(*, price: int, cost: int, pieces: int = 1, **channel):
    """The account has ordered at a price without tax; nothing has left, nothing is posted but the opening stock."""
    buyer = account()
    site, place = shop(kind="WHOLESALE", **channel)
    goods = sku()
    opening_stock(goods, place, pieces, cost)
    record = placed(site, on_account(buyer, goods, price=price, pieces=pieces))
    return record, goods, place, Journal()


def leaves(record: Order) -> Shipment:
    [parcel] = shipped(record)
    return parcel


SALE_OF_100_000 = Entry(
    {"1150 売掛金": 110_000, "5110 売上原価": 60_000},
    {"4130 売上高(卸) 10%": 100_000, "2190 仮受消費税 10%": 10_000, "1210 商品": 60_000},
)


def test_a_sale_on_account():
    record, _goods, _place, journal = ready(price=100_000, cost=60_000)

    parcel = leaves(record)

    assert journal.new() == [SALE_OF_100_000]
    [item] = open_items(document_type="SHIPMENT", document_ids=[parcel.pk])
    # 月末締め翌月末: 2026-12-31 is a bank holiday, the next business day is 2027-01-04.
    assert (item.party.kind, item.item_date, item.due_date) == ("BILL_TO", TODAY, dt.date(2027, 1, 4))
    assert owed() == {"1150 B1 株式会社ビー": 110_000}


def test_the_debtor_pays_less_the_transfer_fee():
    """振込手数料 440 is a 売上値引 at the rate of the sale: 400 + 40; 110,000 − 440 = 109,560."""
    record, _goods, _place, journal = ready(price=100_000, cost=60_000)
    [item] = open_items(document_type="SHIPMENT", document_ids=[leaves(record).pk])
    journal.new()

    record_receipt(
        debtor=item.party, reference="入金-1", received_on=TODAY, items=[Settling(item.id)], bank_amount=Decimal(109_560),
        fee_kept=Decimal(440), **HOW,
    )  # fmt: skip

    assert journal.new() == [
        Entry({"1120 普通預金": 109_560, "4190 売上値引 10%": 400, "2190 仮受消費税 10%": 40}, {"1150 売掛金": 110_000})
    ]
    assert owed() == {}
    assert balances(last=TODAY) == {
        "1120 普通預金": 109_560,
        "2190 仮受消費税": 9_960,
        "3330 繰越利益剰余金": 60_000,
        "4130 売上高(卸)": 100_000,
        "4190 売上値引": 400,
        "5110 売上原価": 60_000,
    }


def test_the_fee_of_reduced_rate_goods_is_a_discount_at_the_reduced_rate():
    """税率は元の売上による: 10,000 + 800 tax at the reduced rate; 440 × 8/108 = 32.6, floored 32; 408 + 32."""
    buyer = account()
    site, place = shop(kind="WHOLESALE")
    tea = sku(tax_class="REDUCED")
    opening_stock(tea, place, 1, 6_000)
    [parcel] = shipped(placed(site, on_account(buyer, tea, price=10_000, total=10_800)))
    [item] = open_items(document_type="SHIPMENT", document_ids=[parcel.pk])
    journal = Journal()

    record_receipt(
        debtor=item.party, reference="入金-1", received_on=TODAY, items=[Settling(item.id)], bank_amount=Decimal(10_360),
        fee_kept=Decimal(440), fee_tax_code="REDUCED_8", **HOW,
    )  # fmt: skip

    assert journal.new() == [
        Entry({"1120 普通預金": 10_360, "4190 売上値引 軽8%": 408, "2190 仮受消費税 軽8%": 32}, {"1150 売掛金": 10_800})
    ]


def test_all_of_it_comes_back():
    record, goods, place, journal = ready(price=100_000, cost=60_000)
    leaves(record)
    journal.new()

    lines = [ReturnedLine(ShipmentLine.objects.get().pk, 1)]
    record_return(order_id=record.pk, external_id="返品-1", lines=lines, **HOW)

    assert journal.new() == [
        Entry(
            {"4180 売上返品 10%": 100_000, "2190 仮受消費税 10%": 10_000, "1210 商品": 60_000},
            {"1150 売掛金": 110_000, "5110 売上原価": 60_000},
        )
    ]
    assert owed() == {}
    assert (figures(goods, place), worth(goods)) == ((1, 0), (1, 60_000))


SALE_OF_10_000 = Entry(
    {"1150 売掛金": 11_000, "5110 売上原価": 4_200},
    {"4130 売上高(卸) 10%": 10_000, "2190 仮受消費税 10%": 1_000, "1215 積送品": 4_200},
)
ON_THE_WAY = Entry({"1215 積送品": 4_200}, {"1210 商品": 4_200})


def test_revenue_on_acceptance():
    """検収基準: what was shipped is 積送品 until the account has accepted it, whenever it was delivered."""
    record, goods, place, journal = ready(price=10_000, cost=4_200, revenue_basis="ACCEPTANCE")

    parcel = leaves(record)
    assert (journal.new(), owed(), figures(goods, place)) == ([ON_THE_WAY], {}, (0, 0))
    delivered(parcel, TODAY + dt.timedelta(days=1))
    assert journal.new() == []

    accepted = TODAY + dt.timedelta(days=8)
    for _again in range(2):
        accept(shipment_ids=[parcel.pk], accepted_date=accepted, at=HOW["at"] + (accepted - TODAY), by=HOW["by"])

    assert journal.new() == [SALE_OF_10_000]
    [item] = open_items(document_type="SHIPMENT", document_ids=[parcel.pk])
    assert (item.item_date, item.remaining) == (accepted, 11_000)


def test_revenue_on_delivery():
    """着荷基準: the same on the day of delivery."""
    record, _goods, _place, journal = ready(price=10_000, cost=4_200, revenue_basis="DELIVERY")

    parcel = leaves(record)
    assert journal.new() == [ON_THE_WAY]
    arrived = TODAY + dt.timedelta(days=2)
    delivered(parcel, arrived)

    assert journal.new() == [SALE_OF_10_000]
    [item] = open_items(document_type="SHIPMENT", document_ids=[parcel.pk])
    assert item.item_date == arrived


def test_a_sales_report_of_goods_that_wait_at_the_account():
    """消化仕入: 上代 11,000 at 掛率 60 % is 6,600 = 6,000 + 600; ten pieces of 2,500 wait there, one is reported sold."""
    record, goods, _place, journal = ready(price=6_000, cost=2_500, pieces=10, revenue_basis="SALES_REPORT")

    leaves(record)
    assert journal.new() == [Entry({"1216 委託先在庫": 25_000}, {"1210 商品": 25_000})]
    assert owed() == {}

    sold = [SoldUnits(ShipmentLine.objects.get().pk, 1)]
    report_sales(channel=record.channel.code, external_id="報告-1", lines=sold, report_date=TODAY, **HOW)

    assert journal.new() == [
        Entry(
            {"1150 売掛金": 6_600, "5110 売上原価": 2_500},
            {"4130 売上高(卸) 10%": 6_000, "2190 仮受消費税 10%": 600, "1216 委託先在庫": 2_500},
        )
    ]
    assert balances(last=TODAY) == {
        "1150 売掛金": 6_600,
        "1216 委託先在庫": 22_500,
        "2190 仮受消費税": 600,
        "3330 繰越利益剰余金": 25_000,
        "4130 売上高(卸)": 6_000,
        "5110 売上原価": 2_500,
    }
    assert figures(goods, Location.objects.get(kind="CONSIGNED")) == (9, 0)


def test_the_price_of_that_report_is_what_the_rate_makes_of_the_standard_price():
    goods = sku()
    standard = PriceList.objects.create(code="上代", name="上代", is_standard=True, tax_mode="INCLUDED")
    Price.objects.create(price_list=standard, product=goods.product, price=Decimal(11_000), valid_from=TODAY)

    [answer] = price_for(sku_ids=[goods.pk], on=TODAY, wholesale_percent=Decimal(60)).values()

    assert (answer.price, answer.tax_included) == (6_600, True)


def test_the_tax_difference_of_a_bill_over_two_slips():
    """請求時一括: 2,885 → 288 and 3,176 → 317 are provisional, 605; the bill taxes 6,061 once: 606. The closing posts the yen between."""
    buyer = account()
    site, place = shop(kind="WHOLESALE")
    journal = Journal()
    for number, price in (("A-1", 2_885), ("A-2", 3_176)):
        goods = sku()
        opening_stock(goods, place, 1, 1_000)
        shipped(placed(site, on_account(buyer, goods, price=price, external_id=number)))
    found = [entry for entry in journal.new() if "1150 売掛金" in entry.debit]
    assert [entry.credit["2190 仮受消費税 10%"] for entry in found] == [288, 317]
    assert owed() == {"1150 B1 株式会社ビー": 3_173 + 3_493}

    parcels = list(Shipment.objects.values_list("pk", flat=True))
    [party] = {item.party for item in open_items(document_type="SHIPMENT", document_ids=parcels)}
    bill = NewItem(party, dt.date(2026, 12, 30), "INVOICE", 77, "請求書 77")
    post_tax_difference(item=bill, difference=Decimal(606 - 605), entry_date=TODAY, tax_code="STANDARD_10", **HOW)

    assert journal.new() == [Entry({"1150 売掛金": 1}, {"2190 仮受消費税 10%": 1})]
    assert owed() == {"1150 B1 株式会社ビー": 6_061 + 606}
