"""Goods that came in before somebody counted and are told after it: what the count found is explained by them, once, whatever way they came."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from itertools import count

import pytest
from django.db import IntegrityError, transaction

from accounting.models import JournalEntry
from erp.core import checks
from erp.core.models import StaffTask
from erp.inventory import services
from erp.inventory.models import ProvisionalReceipt, StockCount, StockMovement
from erp.inventory.selectors import stock_as_of
from erp.inventory.selectors.stock_value import proofs
from erp.inventory.services import (
    AdjustmentLine,
    BroughtBack,
    Count,
    Demand,
    PhysicalLine,
    PutBack,
    ReceiptLine,
    TransferLine,
    explaining,
)
from tests.inventory.factories import CLERK, NOON, channel, entries, figures, location, sku, worth

pytestmark = pytest.mark.django_db
NUMBERS = count(1)
MINUTE = dt.timedelta(minutes=1)


def after(minutes: int) -> dt.datetime:
    return NOON + minutes * MINUTE


def receive(place, item, pieces, *, when, told=None, cost=1000, number=""):
    return services.receive(
        external_id=number or f"R-{next(NUMBERS)}", location_id=place.pk, lines=[ReceiptLine(1, item.pk, pieces, Decimal(cost))],
        occurred_at=when, at=told or when, by=CLERK,
    )  # fmt: skip


def see(place, item, pieces, *, when, told=None):
    services.record_count(
        external_id=f"C-{next(NUMBERS)}", location_id=place.pk, counts=[Count(1, item.pk, pieces)],
        occurred_at=when, at=told or when, by=CLERK,
    )  # fmt: skip


def take(place, item, pieces, *, when, told=None):
    services.record_physical_fact(
        source_type="GONE", external_id=f"G-{next(NUMBERS)}", location_id=place.pk, reason_code="SAMPLE",
        lines=[PhysicalLine(1, item.pk, pieces)], occurred_at=when, at=told or when, by=CLERK,
    )  # fmt: skip


def faults():
    return [fault for check in checks.registered() if check.promise in ("P1", "P2", "P6") for fault in check.find()]


def open_tasks():
    return list(StaffTask.objects.filter(kind="STOCKTAKE", closed_at=None).values_list("subject_label", flat=True))


@pytest.fixture
def shelf():
    """Ten pieces at 1,000 yen, and a minute later fifteen are seen: five had come whose receipt nobody had typed."""
    place, item = location(), sku()
    receive(place, item, 10, when=NOON)
    see(place, item, 15, when=after(2))
    return place, item


@pytest.mark.parametrize(
    ("pieces", "there", "asks"),
    [(3, 15, False), (5, 15, False), (8, 18, True)],
    ids=["partly", "whole", "more than was seen"],
)
def test_a_receipt_of_before_a_count_explains_what_the_count_found_and_no_more(shelf, pieces, there, asks):
    place, item = shelf
    take(place, item, 1, when=after(3))

    receive(place, item, pieces, when=after(1), told=after(5), cost=1200)

    assert figures(item, place) == (there - 1, 0)
    assert open_tasks() == ([f"{item.code} @ {place.code}"] if asks else [])
    taken = StockMovement.objects.filter(document__source_type="COUNT_EXPLAINED")
    found = min(pieces, 5)
    assert list(taken.values_list("quantity", "value", "reason__code", "occurred_at")) == [
        (-found, -1000 * found, "FOUND", after(2))
    ]
    assert entries("STOCK", taken.get().document_id) == {
        ("1210", "CREDIT"): 1000 * found, ("5150", "DEBIT"): 1000 * found,
    }  # fmt: skip
    # The goods are worth what they cost: 10 at 1,000, what was bought at 1,200, what nobody has explained yet at 1,000, less the one sold.
    assert worth(item)[1] == 14 * 1000 + 1000 * (pieces - found) + 200 * pieces
    assert faults() == []


def test_goods_that_come_after_the_count_are_added_and_nobody_is_asked(shelf):
    place, item = shelf

    receive(place, item, 5, when=after(3), told=after(5))

    assert figures(item, place) == (20, 0)
    assert open_tasks() == []
    assert not StockMovement.objects.filter(document__source_type="COUNT_EXPLAINED").exists()


def test_several_receipts_share_one_surplus_and_the_same_one_again_changes_nothing(shelf):
    place, item = shelf

    for number, pieces, there in (("A", 3, 15), ("A", 3, 15), ("B", 4, 17), ("B", 4, 17), ("C", 1, 18)):
        receive(place, item, pieces, when=after(1), told=after(5), number=number)
        assert figures(item, place) == (there, 0)

    assert faults() == []


def test_what_one_count_found_and_what_the_next_one_found_are_each_explained_where_they_were(shelf):
    place, item = shelf
    see(place, item, 18, when=after(4))
    see(place, item, 17, when=after(6))

    receive(place, item, 9, when=after(1), told=after(8))

    taken = StockMovement.objects.filter(document__source_type="COUNT_EXPLAINED").order_by("occurred_at")
    assert list(taken.values_list("quantity", "occurred_at")) == [(-5, after(2)), (-3, after(4))]
    assert figures(item, place) == (18, 0)
    assert faults() == []


def test_a_count_that_found_nothing_of_what_came_before_it_is_a_task_until_the_next_count():
    place, item = location(), sku()
    receive(place, item, 10, when=NOON)
    see(place, item, 10, when=after(2))
    receive(place, item, 5, when=after(1), told=after(3))
    assert figures(item, place) == (15, 0)
    assert open_tasks() == [f"{item.code} @ {place.code}"]

    # A count that a later one knows better than answers nothing.
    see(place, item, 10, when=after(1), told=after(4))
    assert len(open_tasks()) == 1
    see(place, item, 15, when=after(5))

    assert open_tasks() == []
    assert figures(item, place) == (15, 0)


def test_what_left_beyond_the_books_before_a_count_and_after_it_is_the_receipts_too():
    place, item = location(), sku()
    # Twelve came that nobody typed. Three are sold, seven are seen, nothing is left of these after ten more are asked for.
    take(place, item, 3, when=after(2))
    see(place, item, 9, when=after(4))
    take(place, item, 9, when=after(6))
    assert figures(item, place) == (0, 0)

    receive(place, item, 12, when=after(1), told=after(8), cost=700)

    assert figures(item, place) == (0, 0)
    assert worth(item) == (0, 0)
    assert [(row.settled_quantity, row.counted_quantity) for row in ProvisionalReceipt.objects.all()] == [(3, 0)]
    assert open_tasks() == []
    assert faults() == []


def test_pieces_sold_beyond_the_books_after_they_were_counted_are_found_once_also_by_their_receipt():
    place, item = location(), sku()
    receive(place, item, 2, when=NOON)
    take(place, item, 5, when=after(3))
    # Ten lay there at the second minute: eight had come of which the books knew nothing, and three of them were gone by now.
    see(place, item, 10, when=after(2), told=after(4))
    assert figures(item, place) == (5, 0)

    receive(place, item, 6, when=after(1), told=after(5))
    assert figures(item, place) == (5, 0)
    receive(place, item, 2, when=after(1), told=after(6))

    assert figures(item, place) == (5, 0)
    assert ProvisionalReceipt.objects.get().counted_quantity == 0
    assert faults() == []


def test_a_receipt_of_after_the_count_explains_nothing_that_the_count_explained():
    place, item = location(), sku()
    take(place, item, 3, when=after(1))
    see(place, item, 0, when=after(2))

    receive(place, item, 5, when=after(3), told=after(5))

    assert figures(item, place) == (5, 0)
    assert ProvisionalReceipt.objects.get().counted_quantity == 3


def test_a_sale_and_a_receipt_of_before_a_count_are_both_told_after_it(shelf):
    place, item = shelf
    take(place, item, 2, when=after(1), told=after(4))
    assert figures(item, place) == (15, 0)

    # Seven must have come by then: fifteen were seen, and two were gone.
    receive(place, item, 7, when=after(1), told=after(5))

    assert figures(item, place) == (15, 0)
    assert open_tasks() == []
    assert faults() == []


def test_a_count_that_lost_pieces_found_none_whatever_was_put_back_there(shelf):
    place, item = shelf
    see(place, item, 12, when=after(4))
    take(place, item, 2, when=after(3), told=after(5))
    assert figures(item, place) == (12, 0)

    # At the fourth minute one was missing; only at the second one had more been found.
    receive(place, item, 2, when=after(3), told=after(6))

    assert figures(item, place) == (14, 0)


def test_pieces_that_a_count_explained_are_not_those_that_left_beyond_the_books_since(shelf):
    place, item = shelf
    take(place, item, 17, when=after(3))
    assert figures(item, place) == (0, 0)

    receive(place, item, 6, when=after(1), told=after(5))

    # Five are those that were found. The sixth had left, and one more.
    assert figures(item, place) == (0, 0)
    assert [(row.quantity, row.settled_quantity) for row in ProvisionalReceipt.objects.all()] == [(2, 1)]
    assert faults() == []


def test_a_month_ends_between_the_goods_and_their_count():
    """What the accounts say of the month's last day is what was there by then, however late its paper comes."""
    place, item = location(), sku()
    october, november, told = (
        dt.datetime(2026, month, day, 3, tzinfo=dt.UTC) for month, day in ((10, 31), (11, 2), (11, 4))
    )
    receive(place, item, 10, when=october)
    see(place, item, 15, when=november)

    receive(place, item, 5, when=october, told=told, cost=1200)

    for day, worth_then in ((october, 16_000), (november, 16_000)):
        [proof] = [proof for proof in proofs(day.date()) if proof.value]
        assert (proof.value, proof.difference) == (worth_then, 0)
    posted = JournalEntry.objects.filter(source_type="STOCK").order_by("-pk")
    assert posted[0].entry_date == november.date()


def test_what_was_sold_of_the_found_pieces_gives_its_share_of_another_cost_to_cost_of_sales():
    place, item = location(), sku()
    receive(place, item, 5, when=NOON, cost=1000)
    see(place, item, 10, when=after(2))
    take(place, item, 8, when=after(3))

    booked = receive(place, item, 5, when=after(1), told=after(5), cost=1500)

    # Two of the five that cost 500 more are there still: 2 × 1,000 and 2/5 of 2,500.
    assert worth(item) == (2, Decimal(3000))
    taken = StockMovement.objects.get(document__source_type="COUNT_EXPLAINED")
    assert taken.document.source_id == booked.document_id
    assert entries("STOCK", taken.document_id) == {
        ("1210", "CREDIT"): 6500, ("5150", "DEBIT"): 5000, ("5110", "DEBIT"): 1500,
    }  # fmt: skip
    assert faults() == []


def test_claims_keep_their_pieces_and_a_late_receipt_lets_nobody_claim_what_is_not_there(shelf):
    place, item = shelf
    site = channel(place)

    def reserved(document):
        demands = [Demand(document, 1, item.pk, 15, 50)]
        granted = services.reserve(channel_id=site.pk, document_type="ORDER", demands=demands, at=after(6), by=CLERK)
        return sum(part.quantity for part in granted)

    assert reserved(1) == 15
    receive(place, item, 5, when=after(1), told=after(5))

    assert figures(item, place) == (15, 15)
    assert reserved(2) == 0
    assert not StaffTask.objects.exists()


def test_what_staff_adjusted_at_the_moment_of_a_count_is_not_what_the_count_found():
    place, item = location(), sku()
    see(place, item, 2, when=after(2))
    services.adjust(
        external_id="A", location_id=place.pk, lines=[AdjustmentLine(1, item.pk, 4)], reason_code="FOUND",
        occurred_at=after(3), at=after(3), by=CLERK,
    )  # fmt: skip
    see(place, item, 6, when=after(3), told=after(4))

    receive(place, item, 6, when=after(1), told=after(5))

    assert figures(item, place) == (10, 0)


def test_a_stocktake_is_a_count_like_a_single_one():
    place, item = location(), sku()
    receive(place, item, 10, when=NOON)
    services.open_count(external_id="T-1", location_id=place.pk, scope=services.CountScope(), at=NOON, by=CLERK)
    [count_id] = StockCount.objects.values_list("pk", flat=True)
    services.start_count(count_id=count_id, at=NOON, by=CLERK)
    seen = services.CountEntry("1", item.pk, 13, after(2))
    services.enter_counts(count_id=count_id, sheet="A", entries=[seen], at=after(2), by=CLERK)
    services.close_count(count_id=count_id, uncounted="LEAVE", at=after(3), by=CLERK)
    services.request_posting(count_id=count_id, at=after(3), by=CLERK)
    services.post_count_chunk(count_id=count_id, at=after(3), by=CLERK)

    receive(place, item, 5, when=after(1), told=after(4))

    assert figures(item, place) == (15, 0)
    assert open_tasks() == [f"{item.code} @ {place.code}"]
    assert faults() == []


def test_a_task_stays_while_pieces_that_left_beyond_the_books_after_the_count_are_unexplained():
    place, item = location(), sku()
    take(place, item, 3, when=after(3))
    assert open_tasks() == [f"{item.code} @ {place.code}"]

    see(place, item, 0, when=after(2), told=after(4))
    assert len(open_tasks()) == 1
    see(place, item, 0, when=after(5))

    assert open_tasks() == []


def test_verify_names_a_surplus_that_was_explained_twice(shelf, monkeypatch):
    place, item = shelf
    receive(place, item, 4, when=after(1), told=after(5))
    # As if what was explained had never been taken off what was found.
    monkeypatch.setattr(
        explaining, "_FOUND_SINCE", explaining._FOUND_SINCE.replace("<> 'ADJUSTMENT'", "NOT IN ('ADJUSTMENT', 'COUNT_EXPLAINED')")
    )  # fmt: skip
    receive(place, item, 4, when=after(1), told=after(6))

    [fault] = faults()
    assert (fault.promise, fault.subject_label) == ("P1", f"{item.code} @ {place.code}")
    assert "5" in fault.detail
    assert "8" in fault.detail


def test_the_database_refuses_a_provisional_piece_that_is_explained_once_more_than_it_was():
    place, item = location(), sku()
    take(place, item, 3, when=NOON)

    with pytest.raises(IntegrityError), transaction.atomic():
        ProvisionalReceipt.objects.update(counted_quantity=1)


def test_what_was_there_at_any_moment_is_what_was_counted_and_moved():
    place, item = location(), sku()
    receive(place, item, 2, when=NOON)
    take(place, item, 5, when=after(3))
    see(place, item, 10, when=after(2), told=after(4))
    receive(place, item, 8, when=after(1), told=after(5))

    then = [
        sum(row.on_hand for row in stock_as_of(after(minute), sku_ids=[item.pk], location_ids=[place.pk])) for minute in range(5)
    ]  # fmt: skip

    assert then == [2, 10, 10, 5, 5]


def by_transfer(place, item):
    origin = location()
    receive(origin, item, 5, when=NOON)
    services.transfer(
        external_id="T", from_location_id=origin.pk, to_location_id=place.pk, lines=[TransferLine(1, item.pk, 5)],
        occurred_at=after(1), at=after(5), by=CLERK,
    )  # fmt: skip


def by_the_road(place, item):
    origin, road = location(), location("IN_TRANSIT")
    receive(origin, item, 5, when=NOON)
    sent = services.transfer(
        external_id="T", from_location_id=origin.pk, to_location_id=road.pk, destination_id=place.pk,
        lines=[TransferLine(1, item.pk, 5)], occurred_at=NOON, at=NOON, by=CLERK,
    )  # fmt: skip
    for number, pieces in enumerate((2, 3)):
        services.arrive(
            external_id=f"A-{number}", transfer_id=sent.document_id, to_location_id=place.pk,
            lines=[TransferLine(1, item.pk, pieces)], occurred_at=after(1), at=after(5), by=CLERK,
        )  # fmt: skip
        assert figures(item, place) == (15, 0)


def by_inspection(place, item):
    inspected = location("INSPECTION")
    receive(inspected, item, 5, when=NOON)
    services.sort_inspected(
        external_id="S", location_id=inspected.pk, sellable_to_id=place.pk, lines=[services.SortedLine(item.pk, sellable=5)],
        occurred_at=after(1), at=after(5), by=CLERK,
    )  # fmt: skip


def by_adjustment(place, item):
    services.adjust(
        external_id="A", location_id=place.pk, lines=[AdjustmentLine(1, item.pk, 5)], reason_code="FOUND",
        occurred_at=after(1), at=after(5), by=CLERK,
    )  # fmt: skip


def by_return(place, item):
    services.put_back(
        source_type="RETURN", source_id=next(NUMBERS), lines=[PutBack(1, item.pk, 5, place.pk, Decimal(5000))],
        channel_id=None, occurred_at=after(1), at=after(5), by=CLERK,
    )  # fmt: skip


def by_return_from_outside(place, item):
    outside = location("IN_TRANSIT")
    receive(outside, item, 5, when=NOON)
    back = BroughtBack(1, item.pk, 5, outside.pk, place.pk, Decimal(5000), Decimal(5000))
    services.bring_back(
        source_type="RETURN", lines={next(NUMBERS): [back]}, channel_id=None, occurred_at=after(1), at=after(5), by=CLERK
    )  # fmt: skip


WAYS = [by_transfer, by_the_road, by_inspection, by_adjustment, by_return, by_return_from_outside]


@pytest.mark.parametrize("come", WAYS)
def test_every_way_in_which_goods_come_knows_of_counts(shelf, come):
    place, item = shelf

    come(place, item)

    assert figures(item, place) == (15, 0)
    # Returns are posted by whoever owns them.
    promises = ("P1", "P2") if come in (by_return, by_return_from_outside) else ("P1", "P2", "P6")
    assert [fault for fault in faults() if fault.promise in promises] == []
    assert open_tasks() == []


# A return that is typed after its piece was sold again


def pieces_add_up():
    return not [fault for check in checks.registered() if check.promise in ("P1", "P2") for fault in check.find()]


def come_back(place, item, pieces, *, when, at):
    services.put_back(
        source_type="RETURN", source_id=next(NUMBERS), lines=[PutBack(1, item.pk, pieces, place.pk, Decimal(1000 * pieces))],
        channel_id=None, occurred_at=when, at=at, by=CLERK,
    )  # fmt: skip


def test_a_return_that_is_typed_after_its_piece_was_sold_again_explains_that_sale():
    place, item = location(), sku()
    take(place, item, 1, when=after(2))

    come_back(place, item, 1, when=after(1), at=after(5))

    assert figures(item, place) == (0, 0)
    row = ProvisionalReceipt.objects.get()
    assert (row.quantity, row.settled_quantity) == (1, 1)
    again = StockMovement.objects.get(document__source_type="SOLD_AGAIN")
    assert (again.quantity, again.value, again.occurred_at) == (-1, -1000, after(1))
    # The receipt that the sale waited for, as everybody thought, comes in as a whole.
    receive(place, item, 3, when=after(6))
    assert figures(item, place) == (3, 0)
    assert pieces_add_up()


def test_a_piece_that_came_back_on_a_later_day_was_another_one():
    place, item = location(), sku()
    take(place, item, 1, when=after(2))
    tomorrow = after(2) + dt.timedelta(days=1)

    come_back(place, item, 2, when=tomorrow, at=tomorrow)

    assert figures(item, place) == (2, 0)
    assert ProvisionalReceipt.objects.get().settled_quantity == 0
    assert pieces_add_up()


def test_of_several_that_came_back_as_many_stay_as_were_not_sold():
    place, item = location(), sku()
    take(place, item, 1, when=after(2))

    come_back(place, item, 3, when=after(1), at=after(5))

    assert figures(item, place) == (2, 0)
    assert worth(item) == (2, 2000)
    assert pieces_add_up()
