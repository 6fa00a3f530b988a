"""Goods in: cost, tax, payable, expectations, and back to the supplier; each once per external id."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from accounting import selectors as accounting
from catalog.models import Supplier
from erp.core import checks
from erp.core.errors import Conflict, InvalidInput, NotAllowedNow
from erp.inventory import selectors, services
from erp.inventory.exceptions import InsufficientStock
from erp.inventory.models import ExpectedReceipt, StockDocument, StockMovement
from erp.inventory.services import ExpectedLine, InvoicedAmount, PurchaseBooks, ReceiptLine, SupplierReturnLine
from tests.inventory.factories import (
    CLERK,
    NOON,
    entries,
    figures,
    location,
    sku,
    statements,
    worth,
)

pytestmark = pytest.mark.django_db
TODAY = dt.date(2026, 11, 23)


@pytest.fixture
def registered():
    return Supplier.objects.create(
        code="S1", name="Registered", registration_number="T7123456789012", closing_day=20, payment_day=31
    )


@pytest.fixture
def unregistered():
    return Supplier.objects.create(code="S2", name="Unregistered")


def receive(place, *lines, external_id="R-1", **options):
    return services.receive(
        external_id=external_id, location_id=place.pk, lines=lines, occurred_at=NOON, at=NOON, by=CLERK, **options
    )


def no_faults():
    return [fault for check in checks.registered() if check.promise in ("P1", "P2", "P6") for fault in check.find()]


def test_from_a_registered_supplier(registered):
    # 100 × 1,150.
    warehouse, shirt = location(), sku()

    booked = receive(warehouse, ReceiptLine(1, shirt.pk, 100, Decimal(1150)), supplier_id=registered.pk)

    assert figures(shirt, warehouse) == (100, 0)
    assert worth(shirt) == (100, Decimal(115_000))
    assert entries("RECEIPT", booked.document_id) == {
        ("1210", "DEBIT"): 115_000,
        ("1360", "DEBIT"): 11_500,
        ("2120", "CREDIT"): 126_500,
    }
    (item,) = accounting.open_items(document_type="RECEIPT", document_ids=[booked.document_id])
    assert (item.party.kind, item.party.id, item.remaining) == ("SUPPLIER", registered.pk, 126_500)
    # 20日締め翌月末: booked on the 23rd, so closed on December 20.
    assert item.due_date == dt.date(2027, 1, 31)
    assert no_faults() == []


def test_the_tax_that_may_not_be_deducted_is_cost(unregistered):
    # 110,000 tax-inclusive in November 2026, 70%.
    warehouse, shirt = location(), sku()

    booked = receive(warehouse, ReceiptLine(1, shirt.pk, 100, Decimal(1000)), supplier_id=unregistered.pk)

    assert worth(shirt) == (100, Decimal(103_000))
    assert entries("RECEIPT", booked.document_id) == {
        ("1210", "DEBIT"): 103_000,
        ("1360", "DEBIT"): 7_000,
        ("2120", "CREDIT"): 110_000,
    }
    assert no_faults() == []


@pytest.mark.parametrize(
    ("day", "deductible"),
    [("2026-09-30", 8000), ("2026-10-01", 7000), ("2028-10-01", 5000), ("2030-10-01", 3000), ("2031-10-01", 0)],
)
def test_the_deductible_share_changes_by_date(unregistered, day, deductible):
    warehouse, shirt = location(), sku()
    noon = dt.datetime.fromisoformat(f"{day}T12:00:00+09:00")

    booked = services.receive(
        external_id="R-1",
        location_id=warehouse.pk,
        lines=[ReceiptLine(1, shirt.pk, 100, Decimal(1000))],
        supplier_id=unregistered.pk,
        occurred_at=noon,
        at=noon,
        by=CLERK,
    )

    assert entries("RECEIPT", booked.document_id).get(("1360", "DEBIT"), 0) == deductible
    assert worth(shirt) == (100, Decimal(110_000 - deductible))


def test_tax_is_rounded_once_per_rate(registered):
    # 3 lines of 105 give 31, not 30.
    warehouse, goods = location(), [sku(), sku(), sku(), sku(tax_class="REDUCED")]

    booked = receive(
        warehouse,
        *[ReceiptLine(number, item.pk, 1, Decimal(105)) for number, item in enumerate(goods, start=1)],
        supplier_id=registered.pk,
    )

    assert entries("RECEIPT", booked.document_id) == {
        ("1210", "DEBIT"): 420,
        ("1360", "DEBIT"): 31 + 8,
        ("2120", "CREDIT"): 420 + 31 + 8,
    }


def test_opening_stock_and_goods_that_are_not_invoiced_yet(registered):
    warehouse, shirt = location(), sku()

    opening = receive(warehouse, ReceiptLine(1, shirt.pk, 10, Decimal(1000)))
    later = receive(
        warehouse,
        ReceiptLine(1, shirt.pk, 100, Decimal(1150)),
        external_id="R-2",
        supplier_id=registered.pk,
        books=PurchaseBooks.NOT_INVOICED,
    )

    assert entries("RECEIPT", opening.document_id) == {("1210", "DEBIT"): 10_000, ("3330", "CREDIT"): 10_000}
    assert entries("RECEIPT", later.document_id) == {("1210", "DEBIT"): 115_000, ("2125", "CREDIT"): 115_000}
    assert no_faults() == []


def test_the_invoice_clears_what_was_accrued_and_a_dearer_price_is_late_cost(registered):
    # 仕入未請求 (GR/IR), and an invoice that charges 1,000 more.
    warehouse, shirt = location(), sku()
    plain, dearer = (
        receive(
            warehouse,
            ReceiptLine(1, shirt.pk, 100, Decimal(1150)),
            external_id=number,
            supplier_id=registered.pk,
            books=PurchaseBooks.NOT_INVOICED,
        )
        for number in ("R-1", "R-2")
    )

    def invoice(receipt, external_id, net):
        return services.book_supplier_invoice(
            external_id=external_id,
            receipt_id=receipt.document_id,
            amounts=[InvoicedAmount("STANDARD", Decimal(net))],
            occurred_at=NOON,
            at=NOON,
            by=CLERK,
        )

    first, second = invoice(plain, "I-1", 115_000), invoice(dearer, "I-2", 116_000)

    assert entries("SUPPLIER_INVOICE", first.document_id) == {
        ("2125", "DEBIT"): 115_000,
        ("1360", "DEBIT"): 11_500,
        ("2120", "CREDIT"): 126_500,
    }
    assert entries("SUPPLIER_INVOICE", second.document_id) == {
        ("2125", "DEBIT"): 115_000,
        ("1210", "DEBIT"): 1_000,
        ("1360", "DEBIT"): 11_600,
        ("2120", "CREDIT"): 127_600,
    }
    assert worth(shirt) == (200, Decimal(231_000))
    assert accounting.balance_of("goods_received_not_invoiced") == 0
    assert invoice(plain, "I-1", 115_000).is_replay
    with pytest.raises(NotAllowedNow):
        invoice(plain, "I-3", 115_000)
    assert no_faults() == []


@pytest.mark.parametrize(
    ("charged", "shirts", "tea"),
    [
        ({"STANDARD": 10_500, "REDUCED": 1_000}, 10_500, 1_000),
        ({"STANDARD": 10_000, "REDUCED": 900}, 10_000, 900),
        ({"STANDARD": 11_550}, 10_500, 1_050),
    ],
    ids=["shirts were dearer", "tea was cheaper", "charged under one class: by value over all"],
)
def test_an_invoice_of_two_classes_corrects_the_goods_of_each(registered, charged, shirts, tea):
    warehouse, shirt, leaves = location(), sku(), sku(tax_class="REDUCED")
    receipt = receive(
        warehouse,
        ReceiptLine(1, shirt.pk, 10, Decimal(1000)),
        ReceiptLine(2, leaves.pk, 10, Decimal(100)),
        supplier_id=registered.pk,
        books=PurchaseBooks.NOT_INVOICED,
    )

    services.book_supplier_invoice(
        external_id="I-1",
        receipt_id=receipt.document_id,
        amounts=[InvoicedAmount(tax_class, Decimal(net)) for tax_class, net in charged.items()],
        occurred_at=NOON,
        at=NOON,
        by=CLERK,
    )

    assert (worth(shirt), worth(leaves)) == ((10, shirts), (10, tea))
    assert accounting.balance_of("goods_received_not_invoiced") == 0
    assert no_faults() == []


def test_again_is_the_same_answer_and_other_content_a_conflict():
    warehouse, shirt = location(), sku()
    first = receive(warehouse, ReceiptLine(1, shirt.pk, 10, Decimal(1000)))

    again = receive(warehouse, ReceiptLine(1, shirt.pk, 10, Decimal(1000)))

    assert (again.document_id, again.lines, again.is_replay) == (first.document_id, first.lines, True)
    with pytest.raises(Conflict):
        receive(warehouse, ReceiptLine(1, shirt.pk, 11, Decimal(1000)))
    assert figures(shirt, warehouse) == (10, 0)


def test_refuses_every_senseless_line_at_once():
    warehouse, shirt = location(), sku()

    with pytest.raises(InvalidInput) as refusal:
        receive(warehouse, ReceiptLine(1, shirt.pk, 0, Decimal(-1)), ReceiptLine(2, 999_999, 1, Decimal(1)))

    assert [problem.pointer for problem in refusal.value.problems] == [
        "/lines/0/quantity",
        "/lines/0/unit_cost",
        "/lines/1/sku",
    ]
    assert not StockDocument.objects.exists()


def test_an_expectation_is_fulfilled_in_parts_and_grows_with_the_facts():
    warehouse, shirt = location(), sku()
    (expected,) = services.expect_receipt(
        external_id="PO-1",
        location_id=warehouse.pk,
        lines=[ExpectedLine(1, shirt.pk, 10, TODAY, Decimal(1000))],
        at=NOON,
        by=CLERK,
    )

    receive(warehouse, ReceiptLine(1, shirt.pk, 4, Decimal(1000), expected))
    assert [part.quantity for part in selectors.incoming([shirt.pk])] == [6]
    receive(warehouse, ReceiptLine(1, shirt.pk, 8, Decimal(1000), expected), external_id="R-2")

    row = ExpectedReceipt.objects.get()
    assert (row.quantity, row.received_quantity) == (12, 12)
    assert selectors.incoming([shirt.pk]) == []


def test_expecting_again_brings_the_expectation_up_to_date_and_cancelling_ends_it():
    warehouse, shirt = location(), sku()

    def expect(quantity):
        return services.expect_receipt(
            external_id="PO-1",
            location_id=warehouse.pk,
            lines=[ExpectedLine(1, shirt.pk, quantity, TODAY)],
            at=NOON,
            by=CLERK,
        )

    assert expect(10) == expect(10) == expect(12)
    row = ExpectedReceipt.objects.get()
    assert (row.quantity, row.version) == (12, 2)
    assert services.cancel_expected(external_id="PO-1", at=NOON, by=CLERK) == 1
    assert services.cancel_expected(external_id="PO-1", at=NOON, by=CLERK) == 0
    assert selectors.incoming([shirt.pk]) == []


def test_goods_that_are_typed_again_on_another_line_are_expected_once():
    """A slip is brought up to date: in another order, without its first line, with a SKU that stands on two lines."""
    warehouse, shirt, hat = location(), sku(), sku()

    def expect(*lines):
        named = [ExpectedLine(number, item.pk, pieces, TODAY) for number, (item, pieces) in enumerate(lines, 1)]
        return services.expect_receipt(
            external_id="PO-1", location_id=warehouse.pk, lines=named, at=NOON, by=CLERK
        )  # fmt: skip

    def expected():
        return list(ExpectedReceipt.objects.order_by("sku", "line_no").values_list("sku", "quantity"))

    of_shirt, of_hat = expect((shirt, 10), (hat, 5))
    assert expect((hat, 6), (shirt, 10)) == [of_hat, of_shirt]
    assert expect((hat, 7)) == [of_hat]
    assert expected() == [(shirt.pk, 10), (hat.pk, 7)]

    again = expect((shirt, 10), (hat, 7), (hat, 3))
    assert again[:2] == [of_shirt, of_hat]
    assert expect((hat, 4), (hat, 2)) == [again[2], of_hat]
    assert expected() == [(shirt.pk, 10), (hat.pk, 2), (hat.pk, 4)]


def test_goods_go_back_at_the_cost_that_is_credited(registered):
    warehouse, shirt = location(), sku()
    receive(warehouse, ReceiptLine(1, shirt.pk, 10, Decimal(1000)))
    receipt = receive(
        warehouse, ReceiptLine(1, shirt.pk, 10, Decimal(1200)), external_id="R-2", supplier_id=registered.pk
    )

    returned = services.return_to_supplier(
        external_id="B-1",
        location_id=warehouse.pk,
        lines=[SupplierReturnLine(1, shirt.pk, 5, Decimal(1200))],
        supplier_id=registered.pk,
        receipt_id=receipt.document_id,
        occurred_at=NOON,
        at=NOON,
        by=CLERK,
    )

    assert worth(shirt) == (15, Decimal(16_000))
    assert entries("SUPPLIER_RETURN", returned.document_id) == {
        ("2120", "DEBIT"): 6_600,
        ("1360", "CREDIT"): 600,
        ("1210", "CREDIT"): 6_000,
    }
    (item,) = accounting.open_items(document_type="RECEIPT", document_ids=[receipt.document_id])
    assert item.remaining == 13_200 - 6_600
    assert no_faults() == []


def test_what_was_paid_already_becomes_a_claim_and_missing_pieces_are_refused(registered):
    warehouse, shirt = location(), sku()
    receive(warehouse, ReceiptLine(1, shirt.pk, 5, Decimal(1000)))

    def send_back(pieces):
        return services.return_to_supplier(
            external_id="B-1",
            location_id=warehouse.pk,
            lines=[SupplierReturnLine(1, shirt.pk, pieces, Decimal(1200))],
            supplier_id=registered.pk,
            occurred_at=NOON,
            at=NOON,
            by=CLERK,
        )

    with pytest.raises(InsufficientStock):
        send_back(6)
    returned = send_back(5)

    # The last pieces take all the value there is, the difference lowers cost of sales.
    assert entries("SUPPLIER_RETURN", returned.document_id) == {
        ("2120", "DEBIT"): 6_600,
        ("1360", "CREDIT"): 600,
        ("1210", "CREDIT"): 5_000,
        ("5110", "CREDIT"): 1_000,
    }
    (claim,) = accounting.open_items(document_type="SUPPLIER_RETURN", document_ids=[returned.document_id])
    assert (claim.side, claim.remaining) == ("DEBIT", 6_600)
    assert no_faults() == []


def test_a_receipt_takes_a_constant_number_of_statements(registered):
    warehouse = location()
    goods = [sku() for _ in range(50)]
    lines = [ReceiptLine(number, item.pk, 2, Decimal(100)) for number, item in enumerate(goods)]

    one = statements(lambda: receive(warehouse, lines[0], external_id="one", supplier_id=registered.pk))
    fifty = statements(lambda: receive(warehouse, *lines, external_id="fifty", supplier_id=registered.pk))

    assert len(one) == len(fifty)
    assert StockMovement.objects.count() == 51
