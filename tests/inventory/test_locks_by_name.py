"""Each lock by name of stock against two callers at once. What happens without the lock is in docs/guards/inventory.md."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from catalog.models import Supplier
from erp.inventory import services
from erp.inventory.models import Location, StockBalance, StockCount, StockDocument
from erp.inventory.services import (
    ExpectedLine,
    InspectedLine,
    InvoicedAmount,
    PurchaseBooks,
    ReceiptLine,
    TransferLine,
    stocktake_review,
)
from tests.inventory.factories import CLERK, NOON, figures, location, pool, sku, stock
from tests.racing import once_another_waits, race
from tests.unlocked import fails_without

pytestmark = pytest.mark.django_db(transaction=True)
HOW = {"at": NOON, "by": CLERK}


def kinds(outcomes):
    return sorted(type(outcome).__name__ for outcome in outcomes)


@fails_without("inventory.places.open_location[location:]")
def test_a_place_that_two_open_at_once_is_one_place():
    pool()

    def opening():
        return services.open_location(code="NEW", name="New", **HOW)

    outcomes = race(opening, opening, table="inventory_location")

    assert kinds(outcomes) == ["int", "int"]
    assert outcomes[0] == outcomes[1]


@fails_without("inventory.places.set_shelves[shelves:]")
def test_a_shelf_that_two_name_at_once_is_named_once():
    warehouse, shirt = location(), sku()

    def naming():
        return services.set_shelves(location_id=warehouse.pk, shelves={shirt.pk: "A-1"}, **HOW)

    assert sorted(map(str, race(naming, naming, table="inventory_shelf"))) == ["0", "1"]


@fails_without("inventory.invoices.book_supplier_invoice[invoice of receipt:]")
def test_a_receipt_is_invoiced_once_whoever_sends_the_invoice():
    supplier = Supplier.objects.create(code="S1", name="東京ニット", registration_number="T7123456789012")
    receipt = services.receive(
        external_id="R-1", location_id=location().pk, supplier_id=supplier.pk, lines=[ReceiptLine(1, sku().pk, 10, Decimal(100))],
        books=PurchaseBooks.NOT_INVOICED, occurred_at=NOON, **HOW,
    ).document_id  # fmt: skip

    def invoicing(external_id):
        return lambda: services.book_supplier_invoice(
            external_id=external_id, receipt_id=receipt, amounts=[InvoicedAmount("STANDARD", Decimal(1000))],
            occurred_at=NOON, **HOW,
        )  # fmt: skip

    outcomes = race(
        invoicing("I-1"), invoicing("I-2"), names=[f"invoice of receipt:{receipt}"], table="inventory_stockdocument"
    )

    assert kinds(outcomes) == ["Booked", "NotAllowedNow"]
    assert StockDocument.objects.filter(source_type="SUPPLIER_INVOICE").count() == 1


def inspecting(key, slip):
    return lambda: services.receive_inspected(
        external_id=slip, purchase="PO-1", lines=[InspectedLine(key, sellable=6)], occurred_at=NOON, **HOW
    )


@fails_without("inventory.inspections.receive_inspected[expected:]")
def test_two_who_count_one_delivery_do_not_both_receive_it():
    place, shirt = location(), sku()
    line = ExpectedLine(1, shirt.pk, 10, dt.date(2026, 11, 25), Decimal(400))
    [key] = services.expect_receipt(external_id="PO-1", location_id=place.pk, lines=[line], **HOW)

    outcomes = race(
        inspecting(key, "N-1"), inspecting(key, "N-2"), names=["expected:PO-1"], table="inventory_stockdocument"
    )

    assert kinds(outcomes) == ["InvalidInput", "list"]
    assert figures(shirt, place) == (6, 0)


@fails_without("inventory.alone.queue[differences alone:]")
def test_two_slips_of_one_person_at_once_come_to_no_more_than_one_may_book_alone():
    """Of different goods: no balance makes them wait for each other."""
    place = location(count_value_limit=1000)
    goods = [sku(), sku()]
    for item in goods:
        stock(item, place, 10)

    def losing(item):
        return lambda: services.adjust(
            external_id=f"A-{item.pk}", location_id=place.pk, lines=[services.AdjustmentLine(1, item.pk, -6)], reason_code="LOSS",
            occurred_at=NOON, **HOW,
        )  # fmt: skip

    outcomes = race(*map(losing, goods), hold=StockBalance.objects.all())

    assert kinds(outcomes) == ["Booked", "NeedsTwoPeople"]


@fails_without("inventory.alone.queue[differences alone:]")
def test_of_two_stocktakes_that_one_person_asks_to_post_at_once_one_is_approved_by_another():
    place = location(count_value_limit=1000)
    asked = []
    for number in (1, 2):
        item = sku()
        stock(item, place, 10, unit_value=100, at=NOON - dt.timedelta(days=1))
        scope = services.CountScope("SKUS", sku_ids=(item.pk,))
        key = services.open_count(external_id=f"T-{number}", location_id=place.pk, scope=scope, **HOW)
        services.start_count(count_id=key, **HOW)
        seen = services.CountEntry(f"E-{number}", item.pk, 4, NOON)
        services.enter_counts(count_id=key, sheet="A", entries=[seen], **HOW)
        services.close_count(count_id=key, uncounted="LEAVE", **HOW)
        services.compare_count(count_id=key, **HOW)
        asked.append(key)

    def asking(key):
        return lambda: stocktake_review._ask_for_posting(count_id=key, **HOW)

    # Compared is compared: both are held where they write what they are, knowing what the person has booked.
    outcomes = race(*map(asking, asked), table=StockCount._meta.db_table, mode="SHARE")

    assert sorted(outcomes) == [False, True]


@fails_without(
    "inventory.transfers.arrive[road of transfer:]", "inventory.transfers.redirect_transfer[road of transfer:]"
)
def test_goods_that_arrive_while_somebody_sends_them_elsewhere_do_one_of_both():
    warehouse, ginza, shibuya, shirt = location(), location("SHOP"), location("SHOP"), sku()
    stock(shirt, warehouse, 4)
    lines = [TransferLine(1, shirt.pk, 4)]
    road = Location.objects.get(code="TRANSIT")
    sent = services.transfer(
        external_id="T-1", from_location_id=warehouse.pk, to_location_id=road.pk, destination_id=ginza.pk, lines=lines,
        occurred_at=NOON, **HOW,
    ).document_id  # fmt: skip

    def arriving():
        return services.arrive(
            external_id="A-1", transfer_id=sent, to_location_id=ginza.pk, lines=lines, occurred_at=NOON, **HOW
        )  # fmt: skip

    def redirecting():
        return services.redirect_transfer(transfer_id=sent, destination_id=shibuya.pk, reason="sold out", **HOW)

    outcomes = race(arriving, once_another_waits(redirecting), hold=StockBalance.objects.all())

    assert kinds(outcomes) == ["Booked", "NotAllowedNow"]
