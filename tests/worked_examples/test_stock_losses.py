"""Worked examples: pieces are missing or worth less than they cost (棚卸減耗損, 商品評価損)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from erp.inventory.services import Count, PhysicalLine, WriteDownLine, record_count, record_physical_fact, write_down
from tests.inventory.factories import figures, location, sku, worth
from tests.orders.factories import NOON
from tests.worked_examples.journal import Entry, Journal, balances
from tests.worked_examples.stage import HOW, TODAY, opening_stock

pytestmark = pytest.mark.django_db


@pytest.fixture
def shelf():
    """A hundred shirts at 1,150."""
    warehouse, shirt = location(), sku()
    opening_stock(shirt, warehouse, 100, 1_150)
    return warehouse, shirt, Journal()


def test_five_pieces_are_missing_when_they_are_counted(shelf):
    """棚卸減耗 5 × 1,150 = 5,750, without tax."""
    warehouse, shirt, journal = shelf

    record_count(
        external_id="棚卸-1", location_id=warehouse.pk, counts=[Count(1, shirt.pk, 95)], occurred_at=NOON, **HOW
    )

    assert journal.new() == [Entry({"5150 棚卸減耗損": 5_750}, {"1210 商品": 5_750})]
    assert (figures(shirt, warehouse), worth(shirt)) == ((95, 0), (95, 109_250))


def test_five_pieces_are_broken(shelf):
    warehouse, shirt, journal = shelf

    record_physical_fact(
        source_type="DAMAGE", external_id="破損-1", location_id=warehouse.pk, lines=[PhysicalLine(1, shirt.pk, 5)],
        reason_code="DAMAGE", occurred_at=NOON, **HOW,
    )  # fmt: skip

    assert journal.new() == [Entry({"5150 棚卸減耗損": 5_750}, {"1210 商品": 5_750})]


def test_twenty_pieces_can_be_sold_for_900_only(shelf):
    """正味売却価額: 20 × (1,150 − 900) = 5,000; no piece moves."""
    warehouse, shirt, journal = shelf

    write_down(
        external_id="評価-1", location_id=warehouse.pk, lines=[WriteDownLine(1, shirt.pk, Decimal(20 * (1_150 - 900)))],
        occurred_at=NOON, **HOW,
    )  # fmt: skip

    assert journal.new() == [Entry({"5160 商品評価損": 5_000}, {"1210 商品": 5_000})]
    assert (figures(shirt, warehouse), worth(shirt)) == ((100, 0), (100, 110_000))


def test_pieces_that_a_shop_sold_beyond_its_books_and_the_receipt_that_explains_them():
    """在庫差異(仮入庫): one piece at 1,000 is in the books, two are gone; the second comes in at 1,000 first. Its receipt says 1,200."""
    shop, shirt = location("SHOP"), sku()
    opening_stock(shirt, shop, 1, 1_000)
    journal = Journal()

    [gone] = record_physical_fact(
        source_type="SALE",
        source_id=1,
        location_id=shop.pk,
        lines=[PhysicalLine(1, shirt.pk, 2)],
        occurred_at=NOON,
        **HOW,
    )

    assert gone.value == 2_000
    assert journal.new() == [Entry({"1210 商品": 1_000}, {"5150 棚卸減耗損": 1_000})]

    opening_stock(shirt, shop, 3, 1_200, number="入荷")

    # Of three that came one had left before: it leaves again at 1,200, and what it was taken for comes back.
    assert journal.new() == [
        Entry({"1210 商品": 2_400, "5150 棚卸減耗損": 1_000, "5110 売上原価": 200}, {"3330 繰越利益剰余金": 3_600})
    ]
    assert (figures(shirt, shop), worth(shirt)) == ((2, 0), (2, 2_400))
    assert balances(last=TODAY)["1210 商品"] == 4_400, "the caller posts the cost of its sale, 2,000, itself"
