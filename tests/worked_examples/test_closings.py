"""Worked examples: the end of a year. Consumption tax, goods by the three-part method (三分法), points as a liability by a voucher."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections import defaultdict
from decimal import Decimal

import pytest

from accounting.services import CREDIT, DEBIT, Line, export_yayoi, post_voucher, post_year_end_tax
from erp.inventory.services import Count, WriteDownLine, record_count, write_down
from tests.inventory.factories import sku, worth
from tests.orders.factories import DESK, NOON, card, line, order, placed, shipped, shop
from tests.worked_examples.journal import Entry, Journal, balances
from tests.worked_examples.stage import (
    HOW,
    TODAY,
    account,
    bought,
    noon,
    on_account,
    opening_stock,
    registered_supplier,
)

pytestmark = pytest.mark.django_db

YEAR_END = dt.date(2027, 3, 31)
LAST_DAY = {"at": noon("2027-03-31"), "by": DESK}


def test_consumption_tax_of_the_year():
    """Sold 15,000,000 (tax 1,500,000), bought 10,004,000 (tax 1,000,400); the return says 499,500 is payable, 100 are left over."""
    buyer, supplier = account(), registered_supplier()
    site, warehouse = shop(kind="WHOLESALE")
    goods = sku()
    bought(supplier, goods, warehouse, 1, 10_004_000)
    shipped(placed(site, on_account(buyer, goods, price=15_000_000)))
    assert (balances(last=TODAY)["2190 仮受消費税"], balances(last=TODAY)["1360 仮払消費税"]) == (1_500_000, 1_000_400)
    journal = Journal()

    post_year_end_tax(entry_date=YEAR_END, payable=Decimal(499_500), description="消費税の確定", **LAST_DAY)

    assert journal.new() == [
        Entry(
            {"2190 仮受消費税": 1_500_000},
            {"1360 仮払消費税": 1_000_400, "2195 未払消費税": 499_500, "7190 雑収入": 100},
        )
    ]
    assert balances(last=YEAR_END) == {
        "1150 売掛金": 16_500_000,
        "2120 買掛金": 11_004_400,
        "2195 未払消費税": 499_500,
        "4130 売上高(卸)": 15_000_000,
        "5110 売上原価": 10_004_000,
        "7190 雑収入": 100,
    }


def test_goods_of_the_year_by_the_three_part_method():
    """期首 50, 仕入 500, sold for 450: 帳簿 10 × 10, 実地 8, 正味 9 → 減耗 20, 評価損 8, 商品 72; cost of sales 50 + 500 − 100 = 450."""
    site, warehouse = shop()
    goods = sku()
    opening_stock(goods, warehouse, 5, 10, at=noon("2026-03-31"))
    bought(registered_supplier(), goods, warehouse, 50, 10)
    shipped(placed(site, order(line(goods, 45, 22))))
    assert worth(goods) == (10, 100)

    record_count(
        external_id="棚卸",
        location_id=warehouse.pk,
        counts=[Count(1, goods.pk, 8)],
        occurred_at=LAST_DAY["at"],
        **LAST_DAY,
    )
    write_down(
        external_id="評価", location_id=warehouse.pk, lines=[WriteDownLine(1, goods.pk, Decimal(8 * (10 - 9)))],
        occurred_at=LAST_DAY["at"], **LAST_DAY,
    )  # fmt: skip

    sheet = balances(last=YEAR_END)
    assert {name: sheet[name] for name in ("1210 商品", "5110 売上原価", "5150 棚卸減耗損", "5160 商品評価損")} == {
        "1210 商品": 72,
        "5110 売上原価": 450,
        "5150 棚卸減耗損": 20,
        "5160 商品評価損": 8,
    }
    assert exported() == {
        "クレジット売掛金": 990,
        "売上高(EC)": -990,
        "仕入高": 550,
        "買掛金": -550,
        "期首商品棚卸高": 50,
        "期末商品棚卸高": -100,
        "商品": 22,
        "棚卸減耗損": 20,
        "商品評価損": 8,
    }


def exported() -> dict[str, int]:
    """Debit less credit by account, tax included, as the accounting package adds the file up: 期首 50 + 商品 22 = 72 in its balance sheet."""
    made = export_yayoi(first=dt.date(2026, 4, 1), last=YEAR_END, method="THREE_PART", with_closing=True, **LAST_DAY)
    found: dict[str, int] = defaultdict(int)
    for row in csv.reader(io.StringIO(made.file.content.decode("cp932"))):
        found[row[4]] += int(row[8])
        found[row[10]] -= int(row[14])
    return {name: amount for name, amount in found.items() if name and amount}


def test_points_that_a_sale_grants_can_be_carried_as_a_liability_by_a_voucher():
    """収益認識基準: 10,000 for goods worth 10,000 and points worth 100: 10,000 × 10,000 / 10,100 = 9,901, the rest 99. Nobody computes it here."""
    site, place = shop()
    dress = sku()
    opening_stock(dress, place, 1, 4_200)
    shipped(placed(site, order(line(dress, 1, 11_000), payments=(card(11_000),))))
    journal = Journal()

    post_voucher(
        entry_date=TODAY,
        description="ポイント付与分",
        lines=[Line(DEBIT, Decimal(99), role="sales.ec"), Line(CREDIT, Decimal(99), role="contract_liability")],
        **HOW,
    )

    assert journal.new() == [Entry({"4110 売上高(EC)": 99}, {"2165 契約負債": 99})]
    sheet = balances(last=NOON.date())
    assert {
        name: sheet[name] for name in ("1151 クレジット売掛金", "4110 売上高(EC)", "2165 契約負債", "2190 仮受消費税")
    } == {
        "1151 クレジット売掛金": 11_000,
        "4110 売上高(EC)": 9_901,
        "2165 契約負債": 99,
        "2190 仮受消費税": 1_000,
    }
