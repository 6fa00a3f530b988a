"""Suppliers' papers: an invoice that comes after its goods, and goods that go back; by service and from the back office."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from accounting import selectors as accounting
from catalog.models import Supplier
from erp.core import checks, work_queues
from erp.core.errors import InvalidInput, NotAllowedNow, NotFound
from erp.inventory import selectors, services
from erp.inventory.models import StockDocument
from erp.inventory.services import InvoicedAmount, PurchaseBooks, ReceiptLine, SupplierReturnLine
from tests.inventory.factories import CLERK, NOON, entries, figures, location, sku, worth

pytestmark = pytest.mark.django_db
BEFORE_OCTOBER = dt.datetime(2026, 9, 30, 3, 0, tzinfo=dt.UTC)


@pytest.fixture
def registered():
    return Supplier.objects.create(code="S1", name="東京ニット", registration_number="T7123456789012")


@pytest.fixture
def unregistered():
    return Supplier.objects.create(code="S2", name="個人工房")


def receive(place, supplier, *lines, external_id="R-1", books=PurchaseBooks.NOT_INVOICED, occurred_at=NOON):
    return services.receive(
        external_id=external_id, location_id=place.pk, supplier_id=supplier.pk, lines=lines, books=books,
        occurred_at=occurred_at, at=NOON, by=CLERK,
    ).document_id  # fmt: skip


def invoice(receipt_id, *amounts, external_id="I-1"):
    return services.book_supplier_invoice(
        external_id=external_id, receipt_id=receipt_id, amounts=[InvoicedAmount(*amount) for amount in amounts],
        occurred_at=NOON, at=NOON, by=CLERK,
    )  # fmt: skip


def send_back(place, supplier, *lines, receipt_id=None, external_id="B-1"):
    return services.return_to_supplier(
        external_id=external_id, location_id=place.pk, supplier_id=supplier.pk, receipt_id=receipt_id, lines=lines,
        occurred_at=NOON, at=NOON, by=CLERK,
    )  # fmt: skip


def owed(document_type, document_id):
    return [
        (item.side, item.remaining)
        for item in accounting.open_items(document_type=document_type, document_ids=[document_id])
    ]


def no_faults():
    return [fault for check in checks.registered() if check.promise in ("P1", "P2", "P6") for fault in check.find()]


def test_what_may_be_deducted_is_what_could_be_when_the_goods_came(unregistered):
    """Received on the last day of 80%, invoiced under 70%: the purchase was in September."""
    warehouse, shirt = location(), sku()
    receipt = receive(warehouse, unregistered, ReceiptLine(1, shirt.pk, 100, Decimal(1000)), occurred_at=BEFORE_OCTOBER)

    booked = invoice(receipt, ("STANDARD", Decimal(100_000)))

    assert entries("SUPPLIER_INVOICE", booked.document_id) == {
        ("2125", "DEBIT"): 102_000,
        ("1360", "DEBIT"): 8_000,
        ("2120", "CREDIT"): 110_000,
    }
    assert worth(shirt) == (100, Decimal(102_000))
    assert accounting.balance_of("goods_received_not_invoiced") == 0
    assert no_faults() == []


def test_goods_that_came_for_nothing_take_their_price_by_pieces(registered):
    warehouse, shirt, coat = location(), sku(), sku()
    lines = [ReceiptLine(1, shirt.pk, 1, Decimal(0)), ReceiptLine(2, coat.pk, 3, Decimal(0))]
    receipt = receive(warehouse, registered, *lines)

    invoice(receipt, ("STANDARD", Decimal(4_000)))

    assert (worth(shirt), worth(coat)) == ((1, Decimal(1_000)), (3, Decimal(3_000)))
    assert no_faults() == []


def test_every_senseless_amount_of_an_invoice_is_named(registered):
    receipt = receive(location(), registered, ReceiptLine(1, sku().pk, 1, Decimal(100)))

    with pytest.raises(InvalidInput) as refusal:
        invoice(
            receipt, ("STANDARD", Decimal("NaN")), ("STANDARD", Decimal("1.5")), ("NONE", Decimal(0)), ("REDUCED", Decimal(5))
        )  # fmt: skip
    with pytest.raises(InvalidInput) as empty:
        invoice(receipt)

    assert [problem.pointer for problem in refusal.value.problems] == [
        "/amounts/0/net", "/amounts/1/net", "/amounts/2/net", "/amounts/2/tax_class", "/amounts",
    ]  # fmt: skip
    assert [problem.pointer for problem in empty.value.problems] == ["/amounts"]
    assert not StockDocument.objects.filter(source_type="SUPPLIER_INVOICE").exists()


def test_a_return_lowers_what_is_owed_by_the_invoice_at_the_tax_of_the_purchase(unregistered):
    warehouse, shirt = location(), sku()
    receipt = receive(warehouse, unregistered, ReceiptLine(1, shirt.pk, 100, Decimal(1000)), occurred_at=BEFORE_OCTOBER)
    bill = invoice(receipt, ("STANDARD", Decimal(100_000)))

    returned = send_back(
        warehouse, unregistered, SupplierReturnLine(1, shirt.pk, 10, Decimal(1000)), receipt_id=receipt
    )

    assert entries("SUPPLIER_RETURN", returned.document_id) == {
        ("2120", "DEBIT"): 11_000,
        ("1360", "CREDIT"): 800,
        ("1210", "CREDIT"): 10_200,
    }
    assert owed("SUPPLIER_INVOICE", bill.document_id) == [("CREDIT", Decimal(99_000))]
    assert owed("SUPPLIER_RETURN", returned.document_id) == []
    assert no_faults() == []


def test_a_return_against_a_receipt_that_it_cannot_be_from_is_refused(registered, unregistered):
    warehouse, shirt = location(), sku()
    receipt = receive(warehouse, registered, ReceiptLine(1, shirt.pk, 10, Decimal(1000)))
    line = SupplierReturnLine(1, shirt.pk, 1, Decimal(1000))

    with pytest.raises(NotAllowedNow, match="この仕入先からの入庫ではありません"):
        send_back(warehouse, unregistered, line, receipt_id=receipt)
    with pytest.raises(NotAllowedNow, match="先に請求書を計上してください"):
        send_back(warehouse, registered, line, receipt_id=receipt)
    with pytest.raises(NotFound):
        send_back(warehouse, registered, line, receipt_id=receipt + 1)

    assert figures(shirt, warehouse) == (10, 0)
    invoice(receipt, ("STANDARD", Decimal(10_000)))
    send_back(warehouse, registered, line, receipt_id=receipt)
    assert figures(shirt, warehouse) == (9, 0)


def test_only_the_receipts_that_wait_are_listed_with_what_is_accrued(registered):
    warehouse, shirt = location(), sku()
    receive(warehouse, registered, ReceiptLine(1, shirt.pk, 1, Decimal(1)), books=PurchaseBooks.PAYABLE)
    done = receive(warehouse, registered, ReceiptLine(1, shirt.pk, 2, Decimal(100)), external_id="R-2")
    invoice(done, ("STANDARD", Decimal(200)))
    waiting = receive(warehouse, registered, ReceiptLine(1, shirt.pk, 3, Decimal(100)), external_id="R-3")

    [found] = selectors.uninvoiced_receipts(limit=10)

    assert (found.document_id, found.external_id, found.supplier) == (waiting, "R-3", "東京ニット")
    assert (found.received_at, found.pieces, found.accrued) == (NOON, 3, Decimal(300))
    assert work_queues.measure(work_queues.named("stock.uninvoiced")).count == 1


def post(client: Any, name: str, **fields: Any) -> Any:
    typed = {"external_id": "X-1", "occurred_at_0": "2026-11-23", "occurred_at_1": "12:00", "tax_rounding": "DOWN"}
    return client.post(reverse(f"admin:inventory_{name}"), typed | fields)


def told(answer: Any) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


def faults(answer: Any) -> dict[str, list[str]]:
    return {name: list(map(str, found)) for name, found in answer.context["form"].errors.items()}


def test_goods_and_later_their_invoice_are_booked_from_forms(admin_client, registered):
    warehouse, shirt = location(), sku()
    arrived = {"location": warehouse.pk, "lines": f"{shirt.code}, 100, 1150", "invoice_follows": "on"}

    nobody = post(admin_client, "receive", **arrived)
    received = post(admin_client, "receive", supplier=registered.pk, **arrived)
    receipt = StockDocument.objects.get(source_type="RECEIPT")
    page = admin_client.get(reverse("admin:inventory_supplier_invoice"), {"receipt": receipt.pk})
    booked = post(admin_client, "supplier_invoice", receipt=receipt.pk, STANDARD="100000", REDUCED="15000")
    again = post(admin_client, "supplier_invoice", receipt=receipt.pk, STANDARD="100000", REDUCED="15000")
    after = admin_client.get(reverse("admin:inventory_supplier_invoice"))

    assert faults(nobody) == {
        "supplier": ["請求書が後から届くのは、仕入先からの入庫だけです。仕入先を選んでください。"]
    }
    assert received.status_code == 302
    assert f'<a href="?receipt={receipt.pk}">' in page.content.decode()
    assert f'name="receipt" value="{receipt.pk}"' in page.content.decode()
    assert (booked.status_code, again.status_code) == (302, 302)
    document = StockDocument.objects.get(source_type="SUPPLIER_INVOICE")
    assert document.actor == "staff:admin"
    assert entries("SUPPLIER_INVOICE", document.pk) == {
        ("2125", "DEBIT"): 115_000,
        ("1360", "DEBIT"): 11_200,
        ("2120", "CREDIT"): 126_200,
    }
    assert "請求書待ちの入庫はありません。" in after.content.decode()


def test_what_is_wrong_with_an_invoice_is_said_on_its_page(admin_client, registered):
    warehouse, shirt = location(), sku()
    line = ReceiptLine(1, shirt.pk, 1, Decimal(100))
    invoiced = receive(warehouse, registered, line, books=PurchaseBooks.PAYABLE)
    waiting = receive(warehouse, registered, line, external_id="R-2")

    wrong = post(admin_client, "supplier_invoice", receipt=waiting + 1, STANDARD="-1", REDUCED="NaN", EXEMPT="1.5")
    empty = post(admin_client, "supplier_invoice", receipt=waiting)
    late = post(admin_client, "supplier_invoice", receipt=invoiced, STANDARD="100")

    assert set(faults(wrong)) == {"receipt", "STANDARD", "REDUCED", "EXEMPT"}
    assert told(empty) == ["税抜金額を少なくとも 1 つ入力してください。"]
    assert told(late) == ["この入庫は請求書待ちではありません。"]
    assert not StockDocument.objects.filter(source_type="SUPPLIER_INVOICE").exists()


def test_goods_go_back_from_a_form(admin_client, registered):
    warehouse, shirt = location(), sku()
    line = ReceiptLine(1, shirt.pk, 10, Decimal(1000))
    receipt = receive(warehouse, registered, line, books=PurchaseBooks.PAYABLE)
    where = {"location": warehouse.pk, "supplier": registered.pk, "receipt": receipt, "note": "色違い"}

    costless = post(admin_client, "supplier_return", lines=f"{shirt.code}, 2", **where)
    short = post(admin_client, "supplier_return", lines=f"{shirt.code}, 11, 1000", **where)
    booked = post(admin_client, "supplier_return", lines=f"{shirt.code}, 2, 1000", **where)

    assert faults(costless) == {"lines": ["1行目：原価（単価）を入力してください。無償の商品は 0 と入力します。"]}
    [reason] = told(short)
    assert shirt.code in reason
    assert booked.status_code == 302
    document = StockDocument.objects.get(source_type="SUPPLIER_RETURN")
    assert (document.note, document.actor) == ("色違い", "staff:admin")
    assert figures(shirt, warehouse) == (8, 0)
    assert owed("RECEIPT", receipt) == [("CREDIT", Decimal(8_800))]


def test_the_queue_opens_the_list_of_what_waits_in_words(admin_client, registered):
    waiting = receive(location(), registered, ReceiptLine(1, sku().pk, 3, Decimal(100)))
    [queue] = [queue for queue in work_queues.registered() if queue.code == "stock.uninvoiced"]

    page = admin_client.get(f"{reverse(queue.url_name)}?{queue.query}")

    assert work_queues.measure(queue).count == 1
    [row] = page.context["cl"].result_list
    assert row.pk == waiting
    assert "東京ニット" in page.content.decode()
    assert page.context["cl"].model_admin.source(row) == "入庫"
    looked_at = admin_client.get(reverse("admin:inventory_stockdocument_change", args=[waiting])).content.decode()
    assert "東京ニット" in looked_at
    assert "RECEIPT" not in looked_at


@pytest.mark.parametrize("name", ["supplier_invoice", "supplier_return"])
def test_who_may_only_look_books_nothing(client, name):
    looker = User.objects.create_user("looker", is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_stockbalance"))
    client.force_login(looker)

    assert client.get(reverse(f"admin:inventory_{name}")).status_code == 403
    assert post(client, name).status_code == 403
