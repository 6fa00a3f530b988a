"""Worked examples: a hundred pieces at 1,150 come in, from suppliers with and without a registration number, and are paid for."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from accounting.selectors import open_items
from accounting.services import Settling, pay_supplier
from erp.inventory.services import (
    InvoicedAmount,
    PurchaseBooks,
    SupplierReturnLine,
    book_supplier_invoice,
    return_to_supplier,
)
from tests.inventory.factories import location, sku, worth
from tests.orders.factories import NOON
from tests.worked_examples.journal import Entry, Journal, balances, owed
from tests.worked_examples.stage import HOW, TODAY, bought, noon, registered_supplier, unregistered_supplier

pytestmark = pytest.mark.django_db


def test_from_a_registered_supplier_and_paid_with_a_fee_of_our_own():
    """115,000 + 11,500; the bank takes 440 = 400 + 40 for the transfer."""
    warehouse, shirt, supplier = location(), sku(), registered_supplier()
    journal = Journal()

    receipt = bought(supplier, shirt, warehouse, 100, 1_150)

    assert journal.new() == [Entry({"1210 商品 10%": 115_000, "1360 仮払消費税 10%": 11_500}, {"2120 買掛金": 126_500})]
    assert (owed(), worth(shirt)) == ({"2120 登録商事": -126_500}, (100, 115_000))

    [item] = open_items(document_type="RECEIPT", document_ids=[receipt.document_id])
    pay_supplier(
        supplier=item.party, reference="振込-1", paid_on=TODAY, items=[Settling(item.id)], fee=Decimal(440), **HOW
    )

    assert journal.new() == [
        Entry(
            {"2120 買掛金": 126_500, "6230 支払手数料 10%": 400, "1360 仮払消費税 10%": 40}, {"1120 普通預金": 126_940}
        )
    ]
    assert owed() == {}
    assert balances(last=TODAY) == {
        "1120 普通預金": -126_940,
        "1210 商品": 115_000,
        "1360 仮払消費税": 11_540,
        "6230 支払手数料": 400,
    }


def test_goods_before_their_invoice():
    """仕入未請求: the goods come first, the payable and its tax with the invoice."""
    warehouse, shirt, supplier = location(), sku(), registered_supplier()
    journal = Journal()

    receipt = bought(supplier, shirt, warehouse, 100, 1_150, books=PurchaseBooks.NOT_INVOICED)
    assert (journal.new(), owed()) == ([Entry({"1210 商品": 115_000}, {"2125 仕入未請求仮勘定": 115_000})], {})

    book_supplier_invoice(
        external_id="請求-1", receipt_id=receipt.document_id, amounts=[InvoicedAmount("STANDARD", Decimal(115_000))],
        occurred_at=NOON, **HOW,
    )  # fmt: skip

    assert journal.new() == [
        Entry({"2125 仕入未請求仮勘定 10%": 115_000, "1360 仮払消費税 10%": 11_500}, {"2120 買掛金": 126_500})
    ]
    assert owed() == {"2120 登録商事": -126_500}


@pytest.mark.parametrize(
    ("day", "cost", "deductible", "mark"),
    [
        ("2023-09-30", 100_000, 10_000, "10%"),
        ("2023-10-01", 102_000, 8_000, "10%(80%)"),
        ("2026-09-30", 102_000, 8_000, "10%(80%)"),
        ("2026-10-01", 103_000, 7_000, "10%(70%)"),
        ("2026-11-23", 103_000, 7_000, "10%(70%)"),
        ("2028-09-30", 103_000, 7_000, "10%(70%)"),
        ("2028-10-01", 105_000, 5_000, "10%(50%)"),
        ("2030-09-30", 105_000, 5_000, "10%(50%)"),
        ("2030-10-01", 107_000, 3_000, "10%(30%)"),
        ("2031-09-30", 107_000, 3_000, "10%(30%)"),
        ("2031-10-01", 110_000, 0, "10%(0%)"),
    ],
)
def test_from_an_unregistered_supplier_on_each_side_of_every_step(day, cost, deductible, mark):
    """経過措置: 110,000 with 10,000 tax, of which 100, 80, 70, 50, 30, 0 % may be deducted; the rest is cost."""
    warehouse, shirt, supplier = location(), sku(), unregistered_supplier()
    journal = Journal()

    bought(supplier, shirt, warehouse, 100, 1_000, at=noon(day))

    tax = {f"1360 仮払消費税 {mark}": deductible} if deductible else {}
    assert journal.new() == [Entry({f"1210 商品 {mark}": cost, **tax}, {"2120 買掛金": 110_000})]
    assert worth(shirt) == (100, cost)


def test_goods_go_back_to_the_supplier():
    """仕入返品: five of them at 1,150 = 5,750 + 575 off what is owed."""
    warehouse, shirt, supplier = location(), sku(), registered_supplier()
    receipt = bought(supplier, shirt, warehouse, 100, 1_150)
    journal = Journal()

    return_to_supplier(
        external_id="返品-1", location_id=warehouse.pk, supplier_id=supplier.pk, receipt_id=receipt.document_id,
        lines=[SupplierReturnLine(1, shirt.pk, 5, Decimal(1_150))], occurred_at=NOON, **HOW,
    )  # fmt: skip

    assert journal.new() == [Entry({"2120 買掛金": 6_325}, {"1210 商品 10%": 5_750, "1360 仮払消費税 10%": 575})]
    assert (owed(), worth(shirt)) == ({"2120 登録商事": -120_175}, (95, 109_250))


@pytest.mark.parametrize(
    ("closing_day", "offset", "payment_day", "due"),
    [(31, 1, 31, "2026-12-31"), (20, 1, 31, "2027-01-31"), (31, 2, 10, "2027-01-10")],
    ids=["月末締め翌月末", "20日締め翌月末", "月末締め翌々月10日"],
)
def test_a_supplier_is_owed_by_its_own_terms(closing_day, offset, payment_day, due):
    supplier = registered_supplier(closing_day=closing_day, payment_month_offset=offset, payment_day=payment_day)

    receipt = bought(supplier, sku(), location(), 1, 1_000)

    [item] = open_items(document_type="RECEIPT", document_ids=[receipt.document_id])
    assert item.due_date == dt.date.fromisoformat(due)
