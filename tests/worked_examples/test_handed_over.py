"""Worked examples: what of trade the accounting package is handed (弥生インポート形式), amounts with their tax, each purchase under its share."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

import pytest

from accounting.services import export_yayoi
from erp.inventory.services import (
    InvoicedAmount,
    PurchaseBooks,
    SupplierReturnLine,
    book_supplier_invoice,
    return_to_supplier,
)
from tests.inventory.factories import location, sku
from tests.orders.factories import NOON, card, placed, shipped
from tests.worked_examples.stage import (
    HOW,
    TODAY,
    bought,
    dress_shop,
    payout,
    registered_supplier,
    two_dresses,
    unregistered_supplier,
)

pytestmark = pytest.mark.django_db

Side = tuple[str, str, int, int]
EMPTY: Side = ("", "対象外", 0, 0)


def slips(**options) -> list[list[tuple[Side, Side]]]:
    """Each slip as pairs of sides: account, 税区分, amount with tax, tax."""
    file = export_yayoi(first=TODAY, last=TODAY, **options, **HOW).file
    found: list[list[tuple[Side, Side]]] = []
    for row in csv.reader(io.StringIO(file.content.decode("cp932"))):
        if row[0] in ("2111", "2110"):
            found.append([])
        debit, credit = ((row[at], row[at + 3], int(row[at + 4]), int(row[at + 5])) for at in (4, 10))
        found[-1].append((debit, credit))
    return found


def test_a_purchase_from_a_registered_supplier():
    bought(registered_supplier(), sku(), location(), 100, 1_150)

    assert slips() == [
        [(("商品", "課対仕入込10%適格", 126_500, 11_500), ("買掛金", "対象外", 126_500, 0))],
    ]


def test_the_same_under_the_three_part_method():
    bought(registered_supplier(), sku(), location(), 100, 1_150)

    assert slips(method="THREE_PART") == [
        [(("仕入高", "課対仕入込10%適格", 126_500, 11_500), ("買掛金", "対象外", 126_500, 0))],
    ]


def test_a_purchase_from_an_unregistered_supplier_is_told_apart_by_its_share():
    """110,000 in November 2026: 7,000 of the tax may be deducted (区分70%)."""
    bought(unregistered_supplier(), sku(), location(), 100, 1_000)

    assert slips() == [
        [(("商品", "課対仕入込10%区分70%", 110_000, 7_000), ("買掛金", "対象外", 110_000, 0))],
    ]


def test_goods_before_their_invoice_are_a_purchase_with_the_invoice():
    """The invoice charges 1,000 more than was accrued: 116,000 + 11,600 = 127,600."""
    receipt = bought(registered_supplier(), sku(), location(), 100, 1_150, books=PurchaseBooks.NOT_INVOICED)
    book_supplier_invoice(
        external_id="請求-1", receipt_id=receipt.document_id, amounts=[InvoicedAmount("STANDARD", Decimal(116_000))],
        occurred_at=NOON, **HOW,
    )  # fmt: skip

    accrual, invoice = slips()

    assert accrual == [(("商品", "対象外", 115_000, 0), ("仕入未請求仮勘定", "対象外", 115_000, 0))]
    assert sum(debit[2] for debit, _credit in invoice) == 127_600
    assert invoice == [
        (("仕入未請求仮勘定", "課対仕入込10%適格", 126_500, 11_500), ("買掛金", "対象外", 127_600, 0)),
        (("商品", "課対仕入込10%適格", 1_100, 100), EMPTY),
    ]


def test_a_return_to_the_supplier_lowers_the_purchase():
    warehouse, shirt, supplier = location(), sku(), registered_supplier()
    receipt = bought(supplier, shirt, warehouse, 100, 1_150)
    return_to_supplier(
        external_id="返品-1", location_id=warehouse.pk, supplier_id=supplier.pk, receipt_id=receipt.document_id,
        lines=[SupplierReturnLine(1, shirt.pk, 5, Decimal(1_150))], occurred_at=NOON, **HOW,
    )  # fmt: skip

    [_purchase, back] = slips(method="THREE_PART")

    assert back == [(("買掛金", "対象外", 6_325, 0), ("仕入高", "課対仕入込10%適格", 6_325, 575))]


def test_a_card_sale_and_its_payout():
    """Goods 10,000 + 1,000, parcel 500 + 50; the fee of 415 is exempt."""
    channel, _place, dress = dress_shop()
    shipped(placed(channel, two_dresses(dress, card(11_550))))
    payout("CARD", bank=11_135, fee=415)

    [_opening, sale, paid] = slips()

    assert sale == [
        (("クレジット売掛金", "対象外", 11_550, 0), ("売上高(EC)", "課税売上込10%", 11_000, 1_000)),
        (("売上原価", "対象外", 4_200, 0), ("送料収入", "課税売上込10%", 550, 50)),
        (EMPTY, ("商品", "対象外", 4_200, 0)),
    ]
    assert paid == [
        (("普通預金", "対象外", 11_135, 0), ("クレジット売掛金", "対象外", 11_550, 0)),
        (("決済手数料(非課税)", "非課税仕入", 415, 0), EMPTY),
    ]
