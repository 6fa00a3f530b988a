"""Goods that left before somebody counted and are told after it: what the count lacked is explained by them, once, whatever way they went."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from itertools import count

import pytest

from catalog.models import Supplier
from erp.core.models import StaffTask
from erp.inventory import services
from erp.inventory.exceptions import InsufficientStock
from erp.inventory.models import StockMovement
from erp.inventory.selectors import stock_as_of
from erp.inventory.services import (
    AdjustmentLine,
    BroughtBack,
    Demand,
    Issue,
    SupplierReturnLine,
    TransferLine,
    TransferRequest,
    TransitIssue,
    explaining,
)
from tests.inventory.factories import CLERK, NOON, channel, entries, figures, location, sku, worth
from tests.inventory.test_told_after_a_count import MINUTE, after, faults, open_tasks, receive, see, take

pytestmark = pytest.mark.django_db
NUMBERS = count(1)


@pytest.fixture
def shelf():
    """Ten pieces at 1,000 yen, and a minute later seven are seen: three had left of which nobody had told."""
    place, item = location(), sku()
    receive(place, item, 10, when=NOON)
    see(place, item, 7, when=after(2))
    return place, item


def scrap(place, item, pieces, *, when, told=None, number=""):
    services.adjust(
        external_id=number or f"A-{next(NUMBERS)}", location_id=place.pk, reason_code="DAMAGE",
        lines=[AdjustmentLine(1, item.pk, -pieces)], occurred_at=when, at=told or when, by=CLERK,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("pieces", "there", "asks"),
    [(2, 7, False), (3, 7, False), (5, 5, True)],
    ids=["partly", "whole", "more than it lacked"],
)
def test_what_left_before_a_count_explains_what_the_count_lacked_and_no_more(shelf, pieces, there, asks):
    place, item = shelf
    take(place, item, 1, when=after(3))

    scrap(place, item, pieces, when=after(1), told=after(5))

    assert figures(item, place) == (there - 1, 0)
    assert open_tasks() == ([f"{item.code} @ {place.code}"] if asks else [])
    back = StockMovement.objects.filter(document__source_type="COUNT_LACKED")
    lacked = min(pieces, 3)
    assert list(back.values_list("quantity", "value", "reason__code", "occurred_at")) == [
        (lacked, 1000 * lacked, "FOUND", after(2))
    ]
    assert entries("STOCK", back.get().document_id) == {
        ("1210", "DEBIT"): 1000 * lacked, ("5150", "CREDIT"): 1000 * lacked,
    }  # fmt: skip
    assert worth(item) == (there - 1, 1000 * (there - 1))
    assert faults() == []


def test_what_leaves_after_the_count_leaves_it_and_nobody_is_asked(shelf):
    place, item = shelf

    scrap(place, item, 3, when=after(3), told=after(5))

    assert figures(item, place) == (4, 0)
    assert open_tasks() == []
    assert not StockMovement.objects.filter(document__source_type="COUNT_LACKED").exists()


def test_several_papers_share_what_one_count_lacked_and_the_same_one_again_changes_nothing(shelf):
    place, item = shelf

    for number, pieces, there in (("A", 2, 7), ("A", 2, 7), ("B", 2, 6), ("B", 2, 6), ("C", 1, 5)):
        scrap(place, item, pieces, when=after(1), told=after(5), number=number)
        assert figures(item, place) == (there, 0)

    assert faults() == []


def test_what_one_count_lacked_and_what_the_next_one_lacked_are_each_put_back_where_they_were(shelf):
    place, item = shelf
    see(place, item, 5, when=after(4))
    see(place, item, 6, when=after(6))

    scrap(place, item, 4, when=after(1), told=after(8))

    back = StockMovement.objects.filter(document__source_type="COUNT_LACKED").order_by("occurred_at")
    assert list(back.values_list("quantity", "occurred_at")) == [(3, after(2)), (1, after(4))]
    assert figures(item, place) == (6, 0)
    assert faults() == []


def test_what_a_count_took_the_last_pieces_for_is_enough_for_the_paper_that_took_them():
    place, item = location(), sku()
    receive(place, item, 3, when=NOON)
    see(place, item, 0, when=after(2))

    scrap(place, item, 3, when=after(1), told=after(5))

    assert figures(item, place) == (0, 0)
    with pytest.raises(InsufficientStock):
        scrap(place, item, 1, when=after(1), told=after(6))


def test_a_sale_and_a_paper_of_before_a_count_are_both_told_after_it(shelf):
    place, item = shelf

    take(place, item, 2, when=after(1), told=after(4))
    scrap(place, item, 1, when=after(1), told=after(5))
    assert figures(item, place) == (7, 0)
    assert open_tasks() == []

    # What came before it too, and nobody had typed: then more had left than that.
    receive(place, item, 2, when=after(1), told=after(6))

    assert figures(item, place) == (9, 0)
    assert open_tasks() == [f"{item.code} @ {place.code}"]
    assert faults() == []


def test_what_was_put_back_is_not_news_that_explains_another_count(shelf):
    """A transfer between two places that were both counted: each count is explained by its own side of it."""
    place, item = shelf
    other = location()
    receive(other, item, 1, when=NOON)
    see(other, item, 4, when=after(2))

    services.transfer(
        external_id="T", from_location_id=place.pk, to_location_id=other.pk, lines=[TransferLine(1, item.pk, 3)],
        occurred_at=after(1), at=after(5), by=CLERK,
    )  # fmt: skip

    assert (figures(item, place), figures(item, other)) == ((7, 0), (4, 0))
    assert open_tasks() == []
    assert faults() == []


def test_what_was_there_at_any_moment_is_what_was_counted_and_moved(shelf):
    place, item = shelf
    scrap(place, item, 2, when=after(1), told=after(5))

    then = [
        sum(row.on_hand for row in stock_as_of(after(minute), sku_ids=[item.pk], location_ids=[place.pk])) for minute in range(4)
    ]  # fmt: skip

    assert then == [10, 8, 7, 7]


def test_verify_names_what_was_put_back_twice(shelf, monkeypatch):
    place, item = shelf
    scrap(place, item, 2, when=after(1), told=after(5))
    # As if what was put back had never been taken off what lacked.
    monkeypatch.setattr(
        explaining, "_FOUND_SINCE", explaining._FOUND_SINCE.replace("<> 'ADJUSTMENT'", "NOT IN ('ADJUSTMENT', 'COUNT_LACKED')")
    )  # fmt: skip
    scrap(place, item, 2, when=after(1), told=after(6))

    [fault] = faults()
    assert (fault.promise, fault.subject_label) == ("P1", f"{item.code} @ {place.code}")
    assert "3" in fault.detail
    assert "4" in fault.detail


def by_transfer(place, item):
    services.transfer(
        external_id="T", from_location_id=place.pk, to_location_id=location().pk, lines=[TransferLine(1, item.pk, 3)],
        occurred_at=after(1), at=after(5), by=CLERK,
    )  # fmt: skip


def by_transfer_order(place, item):
    wanted = TransferRequest("T", place.pk, location("SHOP").pk, {item.pk: 3})
    [order_id] = services.request_transfers(requests=[wanted], at=after(4), by=CLERK)
    services.ship_transfer(order_id=order_id, occurred_at=after(1), at=after(5), by=CLERK)


def by_supplier(place, item):
    supplier = Supplier.objects.create(code="S1", name="東京ニット", registration_number="T7123456789012")
    services.return_to_supplier(
        external_id="S", location_id=place.pk, supplier_id=supplier.pk,
        lines=[SupplierReturnLine(1, item.pk, 3, Decimal(1000))], occurred_at=after(1), at=after(5), by=CLERK,
    )  # fmt: skip


def by_sorting(place, item):
    services.sort_inspected(
        external_id="S", location_id=place.pk, sellable_to_id=location().pk, lines=[services.SortedLine(item.pk, sellable=3)],
        occurred_at=after(1), at=after(5), by=CLERK,
    )  # fmt: skip


def by_report(place, item):
    services.issue_from_transit(
        source_type="SALE", issues=[TransitIssue(1, 1, item.pk, 3, Decimal(3000))], transit_location_id=place.pk,
        occurred_at=after(1), at=after(5), by=CLERK,
    )  # fmt: skip


def by_return(place, item):
    back = BroughtBack(1, item.pk, 3, place.pk, location().pk, Decimal(3000), Decimal(3000))
    services.bring_back(
        source_type="RETURN", lines={1: [back]}, channel_id=None, occurred_at=after(1), at=after(5), by=CLERK
    )  # fmt: skip


# Reports and returns are posted by whoever owns them.
POSTED_ELSEWHERE = (by_report, by_return)
WAYS = [by_transfer, by_transfer_order, by_supplier, by_sorting, *POSTED_ELSEWHERE]


@pytest.mark.parametrize("go", WAYS)
def test_every_way_in_which_goods_leave_knows_of_counts(shelf, go):
    place, item = shelf

    go(place, item)

    assert figures(item, place) == (7, 0)
    promises = ("P1", "P2") if go in POSTED_ELSEWHERE else ("P1", "P2", "P6")
    assert [fault for fault in faults() if fault.promise in promises] == []
    assert open_tasks() == []


@pytest.mark.parametrize("go", WAYS)
def test_goods_that_a_count_saw_and_that_had_left_by_their_paper_leave_once_and_staff_count_again(go):
    place, item = location(), sku()
    receive(place, item, 10, when=NOON)
    see(place, item, 10, when=after(2))

    go(place, item)

    assert figures(item, place) == (7, 0)
    assert StaffTask.objects.filter(kind="STOCKTAKE").exists()


DAY = dt.timedelta(days=1)


@pytest.mark.parametrize(
    ("reserved", "counted", "left", "there"),
    [
        (NOON - DAY, NOON + DAY, NOON, 7),
        (NOON - DAY, after(60), NOON, 4),
        (NOON + DAY + MINUTE, NOON + DAY, NOON, 4),
        (NOON - DAY, NOON + DAY, NOON + 2 * DAY, 4),
    ],
    ids=["a later day's count missed it", "the same day's may not", "not before it was ordered", "not before it left"],
)
def test_a_parcel_of_which_only_the_day_is_known_was_missed_by_counts_of_later_days_only(
    reserved, counted, left, there
):
    """Whatever is put back wrongly is sold once more."""
    place, item = location(), sku()
    receive(place, item, 10, when=NOON - 2 * DAY)
    site = channel(place)

    def reserve():
        demands = [Demand(1, 1, item.pk, 3, 50)]
        services.reserve(channel_id=site.pk, document_type="ORDER", demands=demands, at=reserved, by=CLERK)

    acts = [(reserved, reserve), (counted, lambda: see(place, item, 7, when=counted))]
    for _moment, act in sorted(acts, key=lambda each: each[0]):
        act()
    services.issue_reserved(
        source_type="SHIPMENT", document_type="ORDER", issues=[Issue(1, 1, 1, 1, item.pk, 3)], channel_id=site.pk,
        occurred_at=left, at=NOON + 3 * DAY, by=CLERK,
    )  # fmt: skip

    assert figures(item, place) == (there, 0)
    # Nobody is asked: only the day is known.
    assert open_tasks() == []
