"""Worked examples of consumption tax: from the order or the receipt to the journal, rounded once per document and rate."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from erp.core import selectors
from erp.inventory.services import ReceiptLine, receive
from erp.orders.models import OrderLine, OrderTaxTotal, ShipmentLine
from erp.orders.services import (
    AdjustmentInput,
    LineInput,
    ReturnedLine,
    ShipRequest,
    place_order,
    record_return,
    release_orders,
    ship,
)
from tests.inventory.factories import location, sku
from tests.orders.factories import DESK, card, line, order, placed, shipped, shop
from tests.worked_examples.journal import Entry, Journal
from tests.worked_examples.stage import noon, opening_stock, registered_supplier

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("day", "standard", "reduced"),
    [
        ("1989-04-01", "3", None),
        ("1997-03-31", "3", None),
        ("1997-04-01", "5", None),
        ("2014-03-31", "5", None),
        ("2014-04-01", "8", None),
        ("2019-09-30", "8", None),
        ("2019-10-01", "10", "8"),
        ("2026-11-23", "10", "8"),
    ],
)
def test_rates_begin_on_their_day(day, standard, reduced):
    on = dt.date.fromisoformat(day)
    found = {
        rate.tax_class: rate.percent
        for rate in selectors.tax_rates()
        if rate.tax_class in ("STANDARD", "REDUCED") and rate.valid_from <= on and (rate.valid_to or on) >= on
    }

    wanted = {"STANDARD": Decimal(standard)} | ({"REDUCED": Decimal(reduced)} if reduced else {})
    assert found == wanted


def totals() -> dict[str, tuple[int, int, int]]:
    """Per tax code of the order: net, tax, gross."""
    return {
        row.tax_code: (int(row.net_amount), int(row.tax_amount), int(row.gross_amount))
        for row in OrderTaxTotal.objects.all()
    }


def stocked(*classes: str):
    """A shop with ten pieces at 10 yen of one SKU per tax class."""
    channel, place = shop()
    goods = [sku(tax_class=tax_class) for tax_class in classes]
    for each in goods:
        opening_stock(each, place, 10, 10)
    return channel, goods


def priced(goods, *prices: int, included: bool) -> list[LineInput]:
    return [
        line(item, 1, price, tax_included=included, line_id=str(number))
        for number, (item, price) in enumerate(zip(goods, prices, strict=True), 1)
    ]


def test_three_lines_of_105_carry_31_and_not_30():
    """315 × 10 % = 31.5, floored 31; line by line it would be 10 + 10 + 10."""
    channel, goods = stocked("STANDARD", "STANDARD", "STANDARD")
    lines = priced(goods, 105, 105, 105, included=False)
    record = placed(channel, order(*lines, total=346, prices_include_tax=False))
    journal = Journal()

    shipped(record)

    assert totals() == {"STANDARD_10": (315, 31, 346)}
    assert list(OrderLine.objects.order_by("line_no").values_list("tax_amount", flat=True)) == [11, 10, 10]
    assert journal.new() == [
        Entry(
            {"1151 クレジット売掛金": 346, "5110 売上原価": 30},
            {"4110 売上高(EC) 10%": 315, "2190 仮受消費税 10%": 31, "1210 商品": 30},
        )
    ]


def test_two_rates_without_tax_are_rounded_each_by_itself():
    """10 %: 1,980 + 1,980 + 2,990 = 6,950, tax 695. 8 %: 498, tax 39.84, floored 39. Together 8,182."""
    channel, goods = stocked("STANDARD", "STANDARD", "STANDARD", "REDUCED")
    lines = priced(goods, 1_980, 1_980, 2_990, 498, included=False)
    record = placed(channel, order(*lines, total=8_182, prices_include_tax=False))
    journal = Journal()

    shipped(record)

    assert totals() == {"STANDARD_10": (6_950, 695, 7_645), "REDUCED_8": (498, 39, 537)}
    assert journal.new() == [
        Entry(
            {"1151 クレジット売掛金": 8_182, "5110 売上原価": 40},
            {
                "4110 売上高(EC) 10%": 6_950,
                "4110 売上高(EC) 軽8%": 498,
                "2190 仮受消費税 10%": 695,
                "2190 仮受消費税 軽8%": 39,
                "1210 商品": 40,
            },
        )
    ]


def test_prices_with_tax_keep_their_gross():
    """2,178 + 3,289 = 5,467; × 10/110 = 497.0, net 4,970."""
    channel, goods = stocked("STANDARD", "STANDARD")
    record = placed(channel, order(*priced(goods, 2_178, 3_289, included=True)))
    journal = Journal()

    shipped(record)

    assert totals() == {"STANDARD_10": (4_970, 497, 5_467)}
    assert journal.new() == [
        Entry(
            {"1151 クレジット売掛金": 5_467, "5110 売上原価": 20},
            {"4110 売上高(EC) 10%": 4_970, "2190 仮受消費税 10%": 497, "1210 商品": 20},
        )
    ]


@pytest.mark.parametrize(("rounding", "tax"), [("DOWN", 31), ("HALF_UP", 32), ("UP", 32)])
def test_the_issuer_chooses_how_it_rounds(rounding, tax):
    channel, goods = stocked("STANDARD", "STANDARD", "STANDARD")
    channel.tax_rounding = rounding
    channel.save()

    placed(channel, order(*priced(goods, 105, 105, 105, included=False), total=315 + tax, prices_include_tax=False))

    assert totals() == {"STANDARD_10": (315, tax, 315 + tax)}


def test_a_discount_over_two_rates_is_split_by_their_groups_before_tax():
    """1,000 off 7,000 at 10 % and 3,000 at 8 %, all with tax: 700 and 300. 6,300 × 10/110 = 572.7; 2,700 × 8/108 = 200."""
    channel, goods = stocked("STANDARD", "REDUCED")
    coupon = AdjustmentInput("COUPON", "SHOP", Decimal(1_000))

    placed(channel, order(*priced(goods, 7_000, 3_000, included=True), total=9_000, adjustments=(coupon,)))

    assert totals() == {"STANDARD_10": (5_728, 572, 6_300), "REDUCED_8": (2_500, 200, 2_700)}


def at(day: str) -> dict:
    return {"at": noon(day), "by": DESK}


def test_a_return_has_the_rate_of_its_sale():
    """Sold on the last day of the old 8 % for 10,800 and taken back under 10 %: 10,000 + 800 go back, and the old 8 % is not the reduced one."""
    channel, place = shop()
    goods = sku()
    opening_stock(goods, place, 10, 4_000, at=noon("2019-09-01"))
    sold = order(line(goods, 1, 10_800), ordered_at=noon("2019-09-30"), payments=(card(10_800),))
    outcome = place_order(channel=channel.code, order=sold, **at("2019-09-30"))
    journal = Journal()
    release_orders(order_ids=[outcome.order_id], **at("2019-09-30"))
    parcel_line = ShipmentLine.objects.get()
    ship(requests=[ShipRequest(parcel_line.shipment_id)], **at("2019-09-30"))

    lines = [ReturnedLine(parcel_line.pk, 1)]
    record_return(order_id=outcome.order_id, external_id="返品-1", lines=lines, **at("2019-10-15"))

    assert journal.new() == [
        Entry(
            {"1151 クレジット売掛金": 10_800, "5110 売上原価": 4_000},
            {"4110 売上高(EC) 旧8%": 10_000, "2190 仮受消費税 旧8%": 800, "1210 商品": 4_000},
        ),
        Entry(
            {"4180 売上返品 旧8%": 10_000, "2190 仮受消費税 旧8%": 800, "1210 商品": 4_000},
            {"1151 クレジット売掛金": 10_800, "5110 売上原価": 4_000},
        ),
    ]


def test_what_is_known_to_leave_under_the_new_rate_is_taxed_by_it():
    """The rate is that of the day of transfer: ordered in August 2019 for a release on October 5, 11,000 × 10/110 = 1,000."""
    channel, _place = shop()
    coat = sku(release_date=dt.date(2019, 10, 5))

    place_order(
        channel=channel.code,
        order=order(line(coat, 1, 11_000), ordered_at=noon("2019-08-20"), order_type="PREORDER"),
        **at("2019-08-20"),
    )

    assert totals() == {"STANDARD_10": (10_000, 1_000, 11_000)}


def test_tax_of_a_receipt_is_rounded_once_per_rate_too():
    """Three lines of 105 carry 31, one of 105 at the reduced rate 8.4, floored 8."""
    warehouse, goods = location(), [sku(), sku(), sku(), sku(tax_class="REDUCED")]
    journal = Journal()

    receive(
        external_id="仕入-1", location_id=warehouse.pk, supplier_id=registered_supplier().pk,
        lines=[ReceiptLine(number, item.pk, 1, Decimal(105)) for number, item in enumerate(goods, 1)],
        occurred_at=noon("2026-11-23"), **at("2026-11-23"),
    )  # fmt: skip

    assert journal.new() == [
        Entry(
            {"1210 商品 10%": 315, "1210 商品 軽8%": 105, "1360 仮払消費税 10%": 31, "1360 仮払消費税 軽8%": 8},
            {"2120 買掛金": 459},
        )
    ]
