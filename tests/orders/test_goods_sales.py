"""What goods were sold for by the books: net of discounts, tax and returns, on the day it was posted; and the sales account says the same."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from django.urls import reverse

from catalog.models import Price
from catalog.services import define_kit
from erp.inventory.selectors.valuation import GoodsSales, sales_of_group
from erp.orders.models import ShipmentLine
from erp.orders.services import (
    AdjustmentInput,
    FeeInput,
    ReturnedLine,
    SoldUnits,
    deliver,
    record_return,
    report_sales,
)
from tests.catalog.factories import standard_list
from tests.customers.factories import account, bill_to, credit_group
from tests.inventory.factories import sku, stock
from tests.orders.factories import DESK, NOON, TODAY, figure, line, order, placed, shipped, shop

pytestmark = pytest.mark.django_db
HOW = {"at": NOON, "by": DESK}


def sales(*goods, first=TODAY, last=TODAY):
    return sales_of_group(sku_ids=[item.pk for item in goods], first=first, last=last)


def sold(channel, *lines, external_id="A-1", **fields):
    record = placed(channel, order(*lines, external_id=external_id, **fields))
    shipped(record)
    return record, list(ShipmentLine.objects.filter(shipment__order=record).order_by("pk"))


def take_back(record, external_id, *lines):
    record_return(order_id=record.pk, external_id=external_id, lines=lines, reason="", **HOW)


@pytest.fixture
def shelf():
    channel, place = shop()
    shirt, hat = sku(), sku()
    for item in (shirt, hat):
        stock(item, place, 20)
    return channel, place, shirt, hat


def test_discounts_returns_and_allowances_are_told_apart_and_the_books_say_the_same(shelf):
    channel, _place, shirt, hat = shelf
    coupon = AdjustmentInput("COUPON", "SHOP", Decimal(440), line_id=shirt.code)
    record, [of_shirt, _of_hat] = sold(
        channel, line(shirt, 4, 1100), line(hat, 1, 3300), total=7260, adjustments=(coupon,)
    )
    assert sales(shirt) == GoodsSales(Decimal(3600), Decimal(400))

    take_back(record, "R-1", ReturnedLine(of_shirt.pk, 1, "SELLABLE"))
    assert sales(shirt) == GoodsSales(Decimal(2700), Decimal(300))
    take_back(record, "R-2", ReturnedLine(of_shirt.pk, 1, "NOT_RETURNED"))

    # The allowance (売上値引) lowers what was paid; what was asked of the goods stays.
    assert (sales(shirt), sales(shirt).asked) == (GoodsSales(Decimal(1800), Decimal(1200)), 3000)
    assert sales(hat) == GoodsSales(Decimal(3000), Decimal(0))
    assert sales(shirt, hat).paid == figure("sales.ec") - figure("sales.returns") - figure("sales.discounts")


def test_only_days_of_the_period_count(shelf):
    channel, _place, shirt, _hat = shelf
    sold(channel, line(shirt, 1, 1100))
    day = dt.timedelta(days=1)

    assert sales(shirt, first=TODAY + day, last=TODAY + day).paid == 0
    assert sales(shirt, first=TODAY - day, last=TODAY).paid == 1000


def test_goods_at_an_account_are_sold_when_it_reports_them():
    channel, place = shop(kind="WHOLESALE", revenue_basis="SALES_REPORT")
    goods = sku()
    stock(goods, place, 4)
    account("AC1", bill_to=bill_to("B-1", credit_group=credit_group("G-1")))
    _record, [part] = sold(channel, line(goods, 2, 1100), account_code="AC1", payments=())
    assert sales(goods).paid == 0

    report_sales(channel=channel.code, external_id="SR-1", lines=[SoldUnits(part.pk, 1)], **HOW)

    assert sales(goods).paid == 1000 == figure("sales.wholesale")


def test_what_came_back_before_its_sale_was_sold_for_nothing():
    """Of three at 100 one comes back before the sale; of another parcel all, and only its fee is sold."""
    channel, place = shop(revenue_basis="DELIVERY")
    goods = sku()
    stock(goods, place, 4)
    record, [part] = sold(channel, line(goods, 3, 110))
    take_back(record, "R-1", ReturnedLine(part.pk, 1))
    deliver(shipment_ids=[part.shipment_id], delivered_date=TODAY, **HOW)
    fees = (FeeInput("SHIPPING", Decimal(550)),)
    other, [whole] = sold(channel, line(goods, 1, 110), external_id="A-2", total=660, fees=fees)
    take_back(other, "R-2", ReturnedLine(whole.pk, 1))

    assert sales(goods).paid == 200 == figure("sales.ec")


def test_a_component_has_its_share_of_a_kit_by_standard_prices_else_by_pieces(shelf):
    channel, _place, shirt, hat = shelf
    pair = sku()
    define_kit(sku_code=pair.code, components={shirt.code: 2, hat.code: 1}, **HOW)
    sold(channel, line(pair, 1, 3300))
    assert (sales(shirt).paid, sales(hat).paid) == (2000, 1000)

    retail = standard_list()
    for item, price in ((shirt, 1000), (hat, 8000)):
        Price.objects.create(price_list=retail, sku=item, price=price, valid_from=TODAY)

    assert (sales(shirt).paid, sales(hat).paid, sales(shirt, hat).paid) == (600, 2400, 3000)


def test_the_retail_method_takes_its_sales_from_the_books_and_shows_what_was_typed_instead(admin_client, shelf):
    """Twenty shirts came in at 100 each, and two were sold for 900 each after a discount."""
    channel, place, shirt, _hat = shelf
    coupon = AdjustmentInput("COUPON", "SHOP", Decimal(220), line_id=shirt.code)
    sold(channel, line(shirt, 2, 1100), total=1980, adjustments=(coupon,))
    asked = {"first": TODAY, "last": TODAY, "cost_pool": place.cost_pool_id, "skus": shirt.code}

    def found(**more):
        page = admin_client.get(reverse("admin:inventory_valuation"), {**asked, **more})
        return page.context["found"]["retail"], page.content.decode()

    retail, text = found()
    assert (retail.of_books, retail.typed, retail.value) == (1800, None, None)
    assert "帳簿の売上高: 1,800" in text

    retail, _text = found(closing_retail=18_200)
    assert retail.value.closing_value == 1820  # 2,000 × 18,200 / (1,800 + 18,200)
    retail, _text = found(closing_retail=18_000, sales_before_discounts="on")
    assert (retail.of_books, retail.value.closing_value) == (2000, 1800)

    retail, text = found(closing_retail=16_000, sales=4_000)
    assert (retail.of_books, retail.typed, retail.value.closing_value) == (1800, 4000, 1600)
    assert "入力した売上高: 4,000(帳簿では 1,800)" in text
