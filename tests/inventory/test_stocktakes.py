"""Stocktakes: a frozen list, counts while selling, differences with their value, two people, and posting that goes on where it stopped."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.urls import reverse
from django.utils import timezone

from catalog.models import SkuCost
from catalog.services import define_kit
from erp.core import checks
from erp.core.actors import Actor
from erp.core.errors import Conflict, InvalidInput, NotAllowedNow
from erp.core.models import StaffTask
from erp.inventory import services
from erp.inventory.models import (
    CountRecord,
    ProvisionalReceipt,
    Shelf,
    StockBalance,
    StockCount,
    StockCountEntry,
    StockCountLine,
    StockDocument,
    StockMovement,
)
from erp.inventory.services import AdjustmentLine, Count, CountEntry, CountScope, Demand, PhysicalLine, ReceiptLine
from tests.inventory.factories import CLERK, NOON, channel, entries, figures, location, sku, statements, worth
from tests.racing import race
from tests.unlocked import fails_without

pytestmark = pytest.mark.django_db
CHIEF = Actor.staff("kacho", "test")
MINUTE = dt.timedelta(minutes=1)


def after(minutes: int) -> dt.datetime:
    return NOON + minutes * MINUTE


def receive(place, item, pieces, cost=1000, at=NOON):
    number = StockDocument.objects.count()
    lines = [ReceiptLine(1, item.pk, pieces, Decimal(cost))]
    services.receive(external_id=f"R-{number}", location_id=place.pk, lines=lines, occurred_at=at, at=at, by=CLERK)


def sell(place, item, pieces, *, when, told=None):
    """``told`` is when the till reports it."""
    services.record_physical_fact(
        source_type="SHOP_SALE",
        source_id=StockDocument.objects.count(),
        location_id=place.pk,
        lines=[PhysicalLine(1, item.pk, pieces)],
        occurred_at=when,
        at=told or when,
        by=CLERK,
    )


def started(place, scope=None, *, at=NOON, number="T-1"):
    count_id = services.open_count(
        external_id=number, location_id=place.pk, scope=scope or CountScope(), at=at, by=CLERK
    )
    services.start_count(count_id=count_id, at=at, by=CLERK)
    return count_id


def enter(count_id, item, pieces, *, at, by=CLERK, sheet="A", **options):
    key = f"{StockCountEntry.objects.count()}"
    entry = CountEntry(key, item.pk, pieces, options.pop("counted_at", at), **options)
    return services.enter_counts(count_id=count_id, sheet=sheet, entries=[entry], at=at, by=by)


def close(count_id, *, uncounted="LEAVE", at):
    services.close_count(count_id=count_id, uncounted=uncounted, at=at, by=CLERK)


def post(count_id, *, at):
    assert not services.request_posting(count_id=count_id, at=at, by=CLERK)
    while services.post_count_chunk(count_id=count_id, at=at, by=CLERK):
        pass


def lines_of(count_id):
    found = StockCountLine.objects.filter(count=count_id).order_by("sku_id")
    return list(found.values_list("sku__code", "counted", "book", "difference", "value"))


def no_faults():
    return [fault for check in checks.registered() if check.promise in ("P1", "P2") for fault in check.find()]


def test_sales_between_freeze_count_and_posting_are_no_difference():
    # 10 when frozen, 2 sold, 7 seen (1 is missing), 3 sold before posting: 4 are there.
    shop, shirt = location("SHOP"), sku()
    receive(shop, shirt, 10)
    count_id = started(shop, at=after(1))
    sell(shop, shirt, 2, when=after(2))
    enter(count_id, shirt, 7, at=after(3))
    sell(shop, shirt, 3, when=after(4))

    close(count_id, at=after(5))
    assert lines_of(count_id) == [(shirt.code, 7, 8, -1, Decimal(-1000))]
    post(count_id, at=after(6))

    line = StockCountLine.objects.get()
    assert (line.frozen_on_hand, line.posted_difference, figures(shirt, shop)) == (10, -1, (4, 0))
    assert StockCount.objects.get().state == "POSTED"
    assert entries("STOCK", line.document_id) == {("5150", "DEBIT"): 1000, ("1210", "CREDIT"): 1000}
    assert no_faults() == []


def test_a_sale_before_the_count_that_a_till_reports_after_the_comparison_is_asked_for_again():
    shop, shirt = location("SHOP"), sku()
    receive(shop, shirt, 10)
    count_id = started(shop, at=after(1))
    enter(count_id, shirt, 9, at=after(3))
    close(count_id, at=after(4))
    assert lines_of(count_id)[0][3] == -1
    services.request_posting(count_id=count_id, at=after(5), by=CLERK)

    sell(shop, shirt, 1, when=after(2), told=after(6))
    services.post_counts(at=after(7), by=CLERK)

    line = StockCountLine.objects.get()
    assert (line.difference, line.posted_difference, figures(shirt, shop)) == (-1, 0, (9, 0))
    assert no_faults() == []


def test_sheets_add_up_a_recount_starts_anew_and_sending_again_changes_nothing():
    shop, shirt, hat = location("SHOP"), sku(), sku()
    receive(shop, shirt, 5)
    receive(shop, hat, 5)
    count_id = started(shop, at=after(1))
    twice = [CountEntry("k1", shirt.pk, 3, after(2)), CountEntry("k2", shirt.pk, -1, after(2), way="TYPED")]

    new = [services.enter_counts(count_id=count_id, sheet="A", entries=twice, at=after(3), by=CLERK) for _ in range(2)]
    enter(count_id, shirt, 2, at=after(4), sheet="B", by=CHIEF)
    enter(count_id, hat, 9, at=after(4))
    close(count_id, at=after(5))
    assert new == [2, 0]
    assert [line[1] for line in lines_of(count_id)] == [4, 9]
    with pytest.raises(InvalidInput):
        enter(count_id, hat, 1, at=after(6))
    enter(count_id, hat, 4, at=after(6), is_recount=True)
    services.compare_count(count_id=count_id, at=after(7), by=CLERK)

    assert [line[1] for line in lines_of(count_id)] == [4, 4]


def test_what_nobody_counted_stays_or_is_gone_but_for_what_came_since():
    shop, shirt, hat = location("SHOP"), sku(), sku()
    receive(shop, shirt, 5)
    receive(shop, hat, 5)
    count_id = started(shop, at=after(1))
    sell(shop, hat, 2, when=after(2))
    receive(shop, hat, 10, at=after(3))
    enter(count_id, shirt, 5, at=after(4))

    close(count_id, at=after(5))
    assert lines_of(count_id)[1] == (hat.code, None, None, None, None)
    services.reopen_count(count_id=count_id, at=after(6), by=CLERK)
    close(count_id, uncounted="ZERO", at=after(7))

    # Three of the five were left; the ten that came since were on nobody's list.
    assert lines_of(count_id)[1] == (hat.code, 10, 13, -3, Decimal(-3000))


def test_found_goods_join_the_list_and_scopes_draw_it():
    shop, shirt, hat, coat = location("SHOP"), sku(), sku(), sku()
    for item in (shirt, hat):
        receive(shop, item, 5)
    Shelf.objects.create(location=shop, sku=coat, code="A-02")
    Shelf.objects.create(location=shop, sku=hat, code="B-01")

    shelves = started(shop, CountScope("SHELVES", first_shelf="a-01", last_shelf="A-99"), number="S")
    styles = started(shop, CountScope("PRODUCTS", product_ids=(coat.product_id, hat.product_id)), number="P")
    drawn = started(shop, CountScope("SAMPLE", sample=1), number="D")
    enter(shelves, shirt, 1, at=after(1))
    close(shelves, at=after(2))

    assert [line[0] for line in lines_of(styles)] == [hat.code, coat.code]
    assert len(lines_of(drawn)) == 1
    assert lines_of(shelves)[0][:4] == (shirt.code, 1, 5, -4)
    assert list(StockCountLine.objects.filter(count=shelves).order_by("sku").values_list("is_listed", "shelf")) == [
        (False, ""),
        (True, "A-02"),
    ]
    with pytest.raises(Conflict):
        started(shop, number="S")


def test_missing_pieces_that_were_promised_make_their_order_short_and_beyond_the_books_is_provisional():
    shop, shirt, hat = location("SHOP"), sku(), sku()
    receive(shop, shirt, 3)
    receive(shop, hat, 2)
    demand = Demand(7, 1, shirt.pk, 3, 50)
    services.reserve(channel_id=channel(shop).pk, document_type="ORDER", demands=[demand], at=NOON, by=CLERK)
    count_id = started(shop, at=after(1))
    enter(count_id, shirt, 1, at=after(2))
    enter(count_id, hat, 0, at=after(2))
    sell(shop, hat, 1, when=after(3))
    close(count_id, at=after(4))
    post(count_id, at=after(5))

    assert figures(shirt, shop) == (1, 1)
    assert StaffTask.objects.get(kind="RESERVATION_LOST").subject_id == 7
    # One was sold although none was there: it comes in provisionally, and both the books had are gone.
    assert figures(hat, shop) == (0, 0)
    assert ProvisionalReceipt.objects.get().quantity == 1
    assert no_faults() == []


def test_above_the_limit_two_people_answer_and_the_database_says_so_too():
    shop, shirt = location("SHOP", count_value_limit=2000), sku()
    receive(shop, shirt, 10)
    count_id = started(shop, at=after(1))
    enter(count_id, shirt, 3, at=after(2))
    enter(count_id, shirt, 4, at=after(2), by=Actor.staff("jiro", "test"))
    close(count_id, at=after(3))

    assert services.request_posting(count_id=count_id, at=after(4), by=CLERK)

    with pytest.raises(NotAllowedNow):
        services.post_count_chunk(count_id=count_id, at=after(5), by=CLERK)
    for involved in (CLERK, Actor.staff("jiro", "test")):
        with pytest.raises(NotAllowedNow):
            services.approve_count(count_id=count_id, at=after(5), by=involved)
        with pytest.raises(IntegrityError), transaction.atomic():
            StockCount.objects.filter(pk=count_id).update(approved_by=str(involved))
    with pytest.raises(IntegrityError), transaction.atomic():
        StockCount.objects.filter(pk=count_id).update(state="POSTING")
    services.approve_count(count_id=count_id, at=after(6), by=CHIEF)
    services.approve_count(count_id=count_id, at=after(6), by=CHIEF)
    services.post_counts(at=after(7), by=CHIEF)

    row = StockCount.objects.get()
    assert (row.state, row.approved_by, row.difference_pieces, row.difference_value) == (
        "POSTED", "staff:kacho", 3, Decimal(3000),
    )  # fmt: skip
    assert figures(shirt, shop) == (7, 0)


def test_posting_goes_on_where_it_stopped_in_as_many_statements_for_two_as_for_twenty():
    shop = location("SHOP", count_value_limit=None)
    goods = [sku() for _ in range(23)]
    for item in goods:
        receive(shop, item, 2, 100)
    count_id = started(shop, at=after(1))
    seen = [CountEntry(f"{item.pk}", item.pk, 1, after(2)) for item in goods]
    services.enter_counts(count_id=count_id, sheet="A", entries=seen, at=after(3), by=CLERK)
    close(count_id, at=after(4))
    services.request_posting(count_id=count_id, at=after(5), by=CLERK)

    def chunk(limit):
        return services.post_count_chunk(count_id=count_id, limit=limit, at=after(6), by=CLERK)

    two = statements(lambda: chunk(2))
    twenty = statements(lambda: chunk(20))
    left = [chunk(20), chunk(20)]

    assert (len(two), left) == (len(twenty), [0, 0])
    assert {figures(item, shop) for item in goods} == {(1, 0)}
    assert list(StockDocument.objects.filter(source_type="STOCK_COUNT").order_by("id").values_list("external_id", flat=True)) == [
        "T-1#1", "T-1#2", "T-1#3",
    ]  # fmt: skip
    assert no_faults() == []


def test_freezing_that_was_broken_off_goes_on_and_nobody_counts_before_all_of_it_is_there():
    shop = location("SHOP")
    goods = [sku() for _ in range(5)]
    for item in goods:
        receive(shop, item, 3)
    count_id = services.open_count(external_id="T-1", location_id=shop.pk, scope=CountScope(), at=NOON, by=CLERK)

    assert services.freeze_chunk(count_id=count_id, limit=2, at=after(1), by=CLERK)
    with pytest.raises(NotAllowedNow):
        enter(count_id, goods[0], 3, at=after(1))
    sell(shop, goods[0], 1, when=after(2))
    sell(shop, goods[4], 1, when=after(2))
    services.post_counts(at=after(3), by=CHIEF)

    # Each figure is of the moment of its own chunk; whoever began has started it.
    frozen = StockCountLine.objects.order_by("sku_id").values_list("frozen_on_hand", flat=True)
    assert list(frozen) == [3, 3, 3, 3, 2]
    assert StockCount.objects.values_list("state", "frozen_at", "started_by").get() == (
        "COUNTING", after(1), str(CLERK),
    )  # fmt: skip
    for item, pieces in zip(goods, (2, 3, 3, 3, 2), strict=True):
        enter(count_id, item, pieces, at=after(4))
    close(count_id, at=after(5))
    assert {line[3] for line in lines_of(count_id)} == {0}


def test_comparing_that_was_broken_off_goes_on_and_takes_in_what_was_counted_again_behind_it():
    shop, extra = location("SHOP", count_value_limit=2500), sku()
    goods = [sku() for _ in range(4)]
    for item in goods:
        receive(shop, item, 3)
    count_id = started(shop)
    for item in [*goods, extra]:
        enter(count_id, item, 2, at=after(1))
    close(count_id, at=after(2))
    for item in goods:
        enter(count_id, item, 3, at=after(3), is_recount=True)
    StockCount.objects.update(compared_to=0, compared_entry=StockCountEntry.objects.latest("id").pk)

    assert services.compare_chunk(count_id=count_id, limit=2, at=after(4), by=CLERK)
    behind = [line[3] for line in lines_of(count_id)]
    enter(count_id, goods[0], 0, at=after(5), is_recount=True)
    services.post_counts(at=after(6), by=CHIEF)
    at_its_end = [line[3] for line in lines_of(count_id)]
    enter(count_id, goods[1], 1, at=after(7), is_recount=True)

    # Asked for: three and two pieces of 1,000 yen are missing, the limit is 2,500.
    assert services.request_posting(count_id=count_id, at=after(8), by=CLERK)
    assert sorted(behind) == [-1, -1, -1, 0, 2]
    assert (sorted(at_its_end), sorted(line[3] for line in lines_of(count_id))) == ([-3, 0, 0, 0, 2], [-3, -2, 0, 0, 2])
    assert StockCount.objects.get().compared_to is None


def test_of_two_counts_of_a_sku_the_later_one_knows():
    shop, shirt = location("SHOP"), sku()
    receive(shop, shirt, 10)
    first, second = started(shop, at=after(1), number="T-1"), started(shop, at=after(1), number="T-2")
    enter(first, shirt, 8, at=after(2))
    enter(second, shirt, 8, at=after(3))
    for count_id in (second, first):
        close(count_id, at=after(4))
        post(count_id, at=after(5))

    assert figures(shirt, shop) == (8, 0)
    assert [line.posted_difference for line in StockCountLine.objects.order_by("count_id")] == [0, -2]
    assert StockCountLine.objects.get(count=first).is_superseded
    assert no_faults() == []


def count_single(place, item, pieces, *, when, told, number="C-1"):
    counts = [Count(1, item.pk, pieces)]
    services.record_count(external_id=number, location_id=place.pk, counts=counts, occurred_at=when, at=told, by=CLERK)


def test_a_single_count_without_a_difference_is_on_record_and_an_earlier_stocktake_knows_of_it():
    shop, shirt = location("SHOP"), sku()
    receive(shop, shirt, 10)
    count_id = started(shop, at=after(1))
    enter(count_id, shirt, 8, at=after(2))
    count_single(shop, shirt, 10, when=after(3), told=after(3))
    # The same again is a replay, with one record.
    count_single(shop, shirt, 10, when=after(3), told=after(9))

    close(count_id, at=after(4))
    assert StockCountLine.objects.get().is_superseded
    post(count_id, at=after(5))

    assert (figures(shirt, shop), StockCountLine.objects.get().posted_difference) == ((10, 0), 0)
    single = CountRecord.objects.get(counted_at=after(3))
    assert (single.counted, single.book, single.document.source_type) == (10, 10, "COUNT")
    assert CountRecord.objects.get(counted_at=after(2)).document.source_type == "STOCK_COUNT"
    assert not StockMovement.objects.filter(document=single.document).exists()


def test_a_single_count_that_is_typed_late_knows_of_a_later_one_that_found_nothing():
    shop, shirt = location("SHOP"), sku()
    receive(shop, shirt, 10)
    count_single(shop, shirt, 10, when=after(5), told=after(5))
    count_single(shop, shirt, 7, when=after(2), told=after(6), number="C-2")

    assert figures(shirt, shop) == (10, 0)
    assert list(CountRecord.objects.order_by("counted_at").values_list("counted", "book")) == [(7, 10), (10, 10)]
    # The balance keeps the day of the later one, and verify holds it against the records.
    assert StockBalance.objects.get().last_counted_at == after(5)
    assert not no_faults()
    StockBalance.objects.update(last_counted_at=after(2))
    [fault] = no_faults()
    assert (fault.promise, fault.subject_type) == ("P1", "BALANCE")
    # As the company's clock shows them.
    assert "2026/11/23 12:02" in fault.detail
    assert "2026/11/23 12:05" in fault.detail


def test_what_was_counted_is_final():
    shop, shirt = location("SHOP"), sku()
    receive(shop, shirt, 1)
    count_single(shop, shirt, 1, when=after(1), told=after(1))

    for statement in ("UPDATE inventory_countrecord SET counted = 2", "DELETE FROM inventory_countrecord"):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


def test_the_list_of_stock_says_when_it_was_last_counted_and_finds_what_was_not(admin_client):
    shop, shirt, hat, coat = location("SHOP"), sku(), sku(), sku()
    for item in (shirt, hat, coat):
        receive(shop, item, 5)
    now = timezone.now()
    count_single(shop, shirt, 5, when=now - dt.timedelta(days=40), told=now)
    count_single(shop, hat, 5, when=now - dt.timedelta(days=2), told=now, number="C-2")
    page = reverse("admin:inventory_stockbalance_changelist")

    def found(**asked):
        return [row.sku_id for row in admin_client.get(page, asked).context["cl"].result_list]

    assert f"{timezone.localdate(now - dt.timedelta(days=40)):%Y}" in admin_client.get(page).content.decode()
    assert (found(not_counted="never"), found(not_counted="30")) == ([coat.pk], [shirt.pk, coat.pk])
    assert found(not_counted="90") == [coat.pk]
    assert found() == [shirt.pk, hat.pk, coat.pk]


def test_pieces_that_moved_between_two_counts_of_a_sku_are_pointed_at():
    shop, shirt = location("SHOP"), sku()
    receive(shop, shirt, 10)
    count_id = started(shop, at=after(1))
    enter(count_id, shirt, 4, at=after(2))
    sell(shop, shirt, 1, when=after(3))
    enter(count_id, shirt, 5, at=after(4), sheet="B")

    close(count_id, at=after(5))

    assert StockCountLine.objects.get().has_moved
    assert lines_of(count_id)[0][1:4] == (9, 9, 0)


def test_entries_are_final():
    shop, shirt = location("SHOP"), sku()
    receive(shop, shirt, 1)
    count_id = started(shop, at=after(1))
    enter(count_id, shirt, 1, at=after(2))

    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE inventory_stockcountentry SET quantity = 2")
    services.cancel_count(count_id=count_id, at=after(3), by=CLERK)
    with pytest.raises(NotAllowedNow):
        enter(count_id, shirt, 1, at=after(4))


@fails_without("inventory.stocktakes._SHARE")
@pytest.mark.django_db(transaction=True)
def test_nobody_counts_into_a_list_that_is_being_closed():
    shop, shirt = location("SHOP"), sku()
    receive(shop, shirt, 3)
    count_id = started(shop, at=after(1))
    enter(count_id, shirt, 1, at=after(2))

    outcomes = race(
        lambda: enter(count_id, shirt, 2, at=after(3)),
        hold=StockCount.objects.all(),
        meanwhile=lambda: close(count_id, at=after(4)),
    )

    assert [type(outcome) for outcome in outcomes] == [InvalidInput]
    assert StockCountLine.objects.get().counted == 1


def test_a_single_count_of_before_a_posted_stocktake_does_not_lose_the_same_pieces_again():
    shop, shirt = location("SHOP"), sku()
    receive(shop, shirt, 10)
    count_id = started(shop, at=after(1))
    enter(count_id, shirt, 8, at=after(5))
    close(count_id, at=after(6))
    post(count_id, at=after(7))

    for minute, seen in ((3, 8), (8, 7)):
        counts = [services.Count(1, shirt.pk, seen)]
        services.record_count(
            external_id=f"C-{minute}",
            location_id=shop.pk,
            counts=counts,
            occurred_at=after(minute),
            at=after(9),
            by=CLERK,
        )

    # The first was counted before the stocktake, the second after it.
    assert figures(shirt, shop) == (7, 0)
    assert no_faults() == []


def test_pieces_sold_beyond_the_books_after_they_were_counted_are_found_once():
    place, item = location(), sku()
    receive(place, item, 2)
    count_id = started(place)
    # Ten lie there, of which the books know two.
    enter(count_id, item, 10, at=after(1))
    sell(place, item, 5, when=after(2))
    close(count_id, at=after(3))
    line = StockCountLine.objects.get()
    assert (line.counted, line.book, line.difference) == (10, 5, 5)

    post(count_id, at=after(4))

    assert figures(item, place) == (5, 0)
    assert StockCountLine.objects.get().posted_difference == 5
    assert CountRecord.objects.get().book == 5
    assert [(row.quantity, row.settled_quantity) for row in ProvisionalReceipt.objects.all()] == [(3, 3)]
    assert not [fault for check in checks.registered() if check.promise == "P1" for fault in check.find()]


@pytest.mark.parametrize(("counted", "there", "settled"), [(10, 5, 3), (4, 0, 2), (2, 0, 0)])
def test_a_single_count_that_is_typed_late_explains_what_it_found(counted, there, settled):
    place, item = location(), sku()
    receive(place, item, 2)
    sell(place, item, 5, when=after(2))

    services.record_count(
        external_id="C-1", location_id=place.pk, counts=[Count(1, item.pk, counted)], occurred_at=after(1), at=after(3), by=CLERK
    )  # fmt: skip

    assert figures(item, place) == (there, 0)
    assert ProvisionalReceipt.objects.get().settled_quantity == settled
    receive(place, item, 10, at=after(4))
    assert figures(item, place) == (there + 10 - (3 - settled), 0)


def test_a_count_that_a_later_one_knows_better_than_explains_nothing():
    place, item = location(), sku()
    receive(place, item, 2)
    for number, minute, counted in (("C-2", 5, 2), ("C-1", 1, 4)):
        services.record_count(
            external_id=number, location_id=place.pk, counts=[Count(1, item.pk, counted)], occurred_at=after(minute), at=after(7), by=CLERK
        )  # fmt: skip
        if number == "C-2":
            sell(place, item, 3, when=after(6))

    assert ProvisionalReceipt.objects.get().settled_quantity == 0


def test_a_sale_before_a_count_that_a_till_reports_after_it_was_posted_is_gone_once():
    shop, shirt = location("SHOP"), sku()
    receive(shop, shirt, 10)
    count_id = started(shop, at=after(1))
    # Two of the ten were sold a minute before, which the till has not told.
    enter(count_id, shirt, 8, at=after(3))
    close(count_id, at=after(4))
    post(count_id, at=after(5))
    assert figures(shirt, shop) == (8, 0)

    sell(shop, shirt, 2, when=after(2), told=after(6))
    sell(shop, shirt, 1, when=after(4), told=after(6))

    assert figures(shirt, shop) == (7, 0)
    moved = StockMovement.objects.filter(sku=shirt).order_by("pk")
    assert list(moved.values_list("quantity", "reason__code", "occurred_at"))[1:] == [
        (-2, "LOSS", after(3)), (2, "FOUND", after(3)), (-2, None, after(2)), (-1, None, after(4)),
    ]  # fmt: skip
    late = moved[2].document_id
    assert entries("STOCK", late) == {("1210", "DEBIT"): 2000, ("5150", "CREDIT"): 2000}
    assert no_faults() == []


def test_many_sales_before_counts_are_each_found_at_the_first_count_that_missed_them():
    shop, shirt, hat = location("SHOP"), sku(), sku()
    receive(shop, shirt, 10)
    receive(shop, hat, 10)
    count_single(shop, shirt, 7, when=after(3), told=after(3))
    count_single(shop, shirt, 6, when=after(6), told=after(6), number="C-2")

    sales = [
        services.CounterSale(1, after(1), (PhysicalLine(1, shirt.pk, 1), PhysicalLine(2, hat.pk, 1))),
        services.CounterSale(2, after(2), (PhysicalLine(3, shirt.pk, 2),)),
        services.CounterSale(3, after(5), (PhysicalLine(4, shirt.pk, 1),)),
        services.CounterSale(4, after(7), (PhysicalLine(5, shirt.pk, 1),)),
    ]
    services.take_sold(
        source_type="SHOP_SALE", location_id=shop.pk, sales=sales, channel_id=channel(shop).pk, at=after(9), by=CLERK
    )

    assert (figures(shirt, shop), figures(hat, shop)) == ((5, 0), (9, 0))
    found = StockMovement.objects.filter(reason__code="FOUND").order_by("occurred_at")
    assert list(found.values_list("quantity", "occurred_at")) == [(3, after(3)), (1, after(6))]
    assert no_faults() == []


def test_goods_that_were_never_there_are_held_against_the_limit_at_what_they_are_taken_for():
    """Five are found of a SKU that nobody ever received. Its cost of the master, 10,000, is what they come in at."""
    shop, shirt, coat = location("SHOP", count_value_limit=20_000), sku(), sku()
    SkuCost.objects.create(sku=coat, cost=Decimal(10_000), valid_from=NOON.date())
    receive(shop, shirt, 1)
    count_id = started(shop)
    enter(count_id, shirt, 1, at=after(1))
    enter(count_id, coat, 5, at=after(1))
    close(count_id, at=after(2))

    assert services.request_posting(count_id=count_id, at=after(3), by=CLERK)
    services.approve_count(count_id=count_id, at=after(4), by=CHIEF)
    while services.post_count_chunk(count_id=count_id, at=after(5), by=CLERK):
        pass

    assert StockCount.objects.get().difference_value == 50_000
    assert worth(coat) == (5, 50_000)


def kit_of(part):
    kit = sku()
    define_kit(sku_code=kit.code, components={part.code: 2}, at=NOON, by=CLERK)
    return kit


def test_a_kit_is_counted_and_adjusted_by_what_is_in_it():
    place, part = location(), sku()
    kit = kit_of(part)
    receive(place, part, 10)
    count_id = started(place, CountScope("PRODUCTS", product_ids=(part.product_id, kit.product_id)))
    entries_of_kit = [CountEntry("1", kit.pk, 1, NOON), CountEntry("2", part.pk, 10, NOON)]

    refused = services.take_in_counts(count_id=count_id, sheet="A", entries=entries_of_kit, at=NOON, by=CLERK)
    with pytest.raises(InvalidInput):
        enter(count_id, kit, 1, at=NOON)
    with pytest.raises(InvalidInput):
        services.record_count(
            external_id="C", location_id=place.pk, counts=[Count(1, kit.pk, 1)], occurred_at=NOON, at=NOON, by=CLERK
        )
    with pytest.raises(InvalidInput):
        services.adjust(
            external_id="A", location_id=place.pk, lines=[AdjustmentLine(1, kit.pk, 1)], reason_code="FOUND", occurred_at=NOON,
            at=NOON, by=CLERK,
        )  # fmt: skip

    assert list(refused) == ["1"]
    assert list(StockCountLine.objects.filter(count=count_id).values_list("sku", flat=True)) == [part.pk]
    assert not StockBalance.objects.filter(sku=kit).exists()


def test_a_sku_that_has_stock_becomes_no_kit_before_that_is_gone():
    place, part, item = location(), sku(), sku()
    receive(place, item, 1)
    with pytest.raises(IntegrityError, match="becomes no kit"), transaction.atomic():
        define_kit(sku_code=item.code, components={part.code: 1}, at=NOON, by=CLERK)

    services.adjust(
        external_id="A", location_id=place.pk, lines=[AdjustmentLine(1, item.pk, -1)], reason_code="SAMPLE", occurred_at=NOON,
        at=NOON, by=CLERK,
    )  # fmt: skip
    assert define_kit(sku_code=item.code, components={part.code: 1}, at=NOON, by=CLERK).is_kit


def test_nothing_is_counted_or_moved_that_has_not_happened():
    """A count of next year by a slip of the hand would know better than every count until then."""
    place, item = location(), sku()
    receive(place, item, 10)
    ahead = {"occurred_at": NOON + dt.timedelta(days=300), "at": NOON, "by": CLERK}

    with pytest.raises(InvalidInput):
        services.record_count(external_id="C", location_id=place.pk, counts=[Count(1, item.pk, 9)], **ahead)
    with pytest.raises(InvalidInput):
        services.receive(external_id="R", location_id=place.pk, lines=[ReceiptLine(1, item.pk, 5, Decimal(1))], **ahead)

    assert (figures(item, place), StockBalance.objects.get().last_counted_at) == ((10, 0), None)


def test_a_sale_of_a_till_whose_clock_runs_ahead_is_gone_once():
    """It says noon and ten minutes, and is told at noon; five minutes later nine of ten are seen."""
    place, item = location("SHOP"), sku()
    receive(place, item, 10)
    sold = services.CounterSale(1, after(10), (PhysicalLine(1, item.pk, 1),))
    services.take_sold(
        source_type="SHIPMENT", location_id=place.pk, sales=[sold], channel_id=channel(place).pk, at=NOON, by=CLERK
    )  # fmt: skip

    services.record_count(
        external_id="C", location_id=place.pk, counts=[Count(1, item.pk, 9)], occurred_at=after(5), at=after(5), by=CLERK
    )  # fmt: skip

    assert figures(item, place) == (9, 0)
    assert no_faults() == []
