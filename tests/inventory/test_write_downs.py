"""評価損 at a closing: proposed by age, edited, posted by a second person above the limit, and taken back next month or not."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from accounting.models import JournalEntry, Period
from accounting.services import close_period, open_periods
from erp.core import checks
from erp.core.actors import Actor
from erp.core.clock import business_date
from erp.core.errors import InvalidInput, NotAllowedNow
from erp.inventory import services
from erp.inventory.models import CostPool, StockDocument, WriteDownReview, WriteDownRule
from erp.inventory.selectors.stock_age import dead_stock, sell_through, turnover
from erp.inventory.selectors.stock_value import By, values_on
from erp.inventory.services import AdjustmentLine, Count, PutBack, ReceiptLine
from tests.inventory.factories import CLERK, channel, entries, location, pool, sku, worth
from tests.inventory.test_valuation import sell
from tests.worked_examples.stage import noon

pytestmark = pytest.mark.django_db
CHIEF = Actor.staff("chief", "test")
CLOSING = dt.date(2026, 10, 31)


def receive(place, item, pieces, cost, day):
    at = noon(day)
    services.receive(
        external_id=f"R-{item.code}-{day}", location_id=place.pk, lines=[ReceiptLine(1, item.pk, pieces, Decimal(cost))],
        occurred_at=at, at=at, by=CLERK,
    )  # fmt: skip


@pytest.fixture
def autumn():
    """Old coats (8 months), shirts of last month, and rules: half after 6 months, nothing after 24."""
    WriteDownRule.objects.create(months=6, percent=50)
    WriteDownRule.objects.create(months=24, percent=0)
    place, coat, shirt = location(), sku(), sku()
    receive(place, coat, 10, 1_001, "2026-02-10")
    receive(place, shirt, 10, 500, "2026-09-20")
    return place, coat, shirt


def propose(at="2026-10-31"):
    return services.propose_write_down(cost_pool_id=pool().pk, valued_on=CLOSING, at=noon(at), by=CLERK)


def no_faults():
    return [fault for check in checks.registered() if check.promise in ("P1", "P6") for fault in check.find()]


def count(place, item, pieces, day):
    at = noon(day)
    services.record_count(
        external_id=f"C-{day}",
        location_id=place.pk,
        counts=[Count(1, item.pk, pieces)],
        occurred_at=at,
        at=at,
        by=CLERK,
    )


def test_proposed_by_age_edited_and_posted_by_a_second_person(autumn):
    _place, coat, shirt = autumn
    CostPool.objects.filter(pk=pool().pk).update(write_down_limit=5_000)

    review = propose()
    [line] = review.lines.all()
    with pytest.raises(InvalidInput):
        services.edit_write_down(
            review_id=review.pk, proposed={line.pk: Decimal(10_011)}, reverses=False, at=noon("2026-10-31"), by=CLERK
        )
    services.edit_write_down(
        review_id=review.pk, proposed={line.pk: Decimal(4_000)}, reverses=False, at=noon("2026-10-31"), by=CLERK
    )
    with pytest.raises(NotAllowedNow):
        services.post_write_down(review_id=review.pk, at=noon("2026-11-02"), by=CLERK)
    posted = services.post_write_down(review_id=review.pk, at=noon("2026-11-02"), by=CHIEF)
    again = services.post_write_down(review_id=review.pk, at=noon("2026-11-02"), by=CHIEF)

    assert (line.sku_id, line.quantity, line.value, line.proposed_value) == (coat.pk, 10, 10_010, 5_005)
    assert entries("WRITE_DOWN", posted.document_id) == {("5160", "DEBIT"): 6_010, ("1210", "CREDIT"): 6_010}
    assert (worth(coat), worth(shirt)) == ((10, 4_000), (10, 5_000))
    assert again.document_id == posted.document_id
    # 切放法: it stays.
    assert services.take_back_due_write_downs(at=noon("2026-11-03"), by=CHIEF) == 0
    assert no_faults() == []


def test_taken_back_at_the_start_of_the_next_month_by_what_is_still_there(autumn):
    place, coat, _shirt = autumn
    CostPool.objects.filter(pk=pool().pk).update(write_downs_reverse=True)
    review = propose()
    posted = services.post_write_down(review_id=review.pk, at=noon("2026-10-31"), by=CLERK)
    with pytest.raises(NotAllowedNow):
        services.take_back_write_down(review_id=review.pk, at=noon("2026-10-31"), by=CLERK)
    count(place, coat, 6, "2026-11-01")

    taken = services.take_back_due_write_downs(at=noon("2026-11-02"), by=CHIEF)

    assert entries("WRITE_DOWN", posted.document_id)[("5160", "DEBIT")] == 5_005
    back = WriteDownReview.objects.get().reversal_id
    # 5,005 of which six of ten are still there: 3,003 to stock, the rest is cost of sales.
    assert entries("WRITE_DOWN_BACK", back) == {
        ("1210", "DEBIT"): 3_003,
        ("5110", "DEBIT"): 2_002,
        ("5160", "CREDIT"): 5_005,
    }
    assert (taken, services.take_back_due_write_downs(at=noon("2026-11-03"), by=CHIEF)) == (1, 0)
    assert worth(coat) == (6, 6_006)
    assert no_faults() == []


def close_through(day):
    """Every month up to this day is closed."""
    open_periods(through=day, at=noon("2027-03-01"), by=CHIEF)
    for month in Period.objects.filter(state="OPEN", ends_on__lte=day).order_by("starts_on"):
        close_period(period_id=month.pk, at=noon("2027-03-01"), by=CHIEF)


def test_what_falls_into_a_month_that_was_closed_is_taken_back_on_the_first_open_day_and_says_so(autumn):
    _place, coat, _shirt = autumn
    CostPool.objects.filter(pk=pool().pk).update(write_downs_reverse=True)
    review = propose()
    services.post_write_down(review_id=review.pk, at=noon("2026-10-31"), by=CLERK)
    before = [(row.key, row.value) for row in values_on(dt.date(2026, 11, 30), by=By.SKU)]
    close_through(dt.date(2026, 11, 30))

    with pytest.raises(NotAllowedNow):
        services.take_back_write_down(review_id=review.pk, at=noon("2026-11-30"), by=CHIEF)
    waiting = services.take_back_due_write_downs(at=noon("2026-11-30"), by=CHIEF)
    taken = services.take_back_due_write_downs(at=noon("2026-12-05"), by=CHIEF)
    again = services.take_back_write_down(review_id=review.pk, at=noon("2026-12-06"), by=CHIEF)

    assert (waiting, taken) == (0, 1)
    document = StockDocument.objects.get(pk=again.reversal_id)
    assert (business_date(document.occurred_at), document.note) == (
        dt.date(2026, 12, 1), "本来の日付は2026/11/01ですが、その月は締め済みでした。",
    )  # fmt: skip
    entry = JournalEntry.objects.get(source_type="WRITE_DOWN_BACK")
    assert entry.entry_date == dt.date(2026, 12, 1)
    assert entry.description.endswith(document.note)
    # What the closed month showed stays as it was.
    assert [(row.key, row.value) for row in values_on(dt.date(2026, 11, 30), by=By.SKU)] == before
    assert worth(coat) == (10, 10_010)
    assert no_faults() == []


def test_what_left_before_the_posting_takes_its_loss_along_and_nothing_left_is_refused(autumn):
    place, coat, _shirt = autumn
    review, other = propose(), propose()
    count(place, coat, 4, "2026-10-31")

    posted = services.post_write_down(review_id=review.pk, at=noon("2026-11-01"), by=CLERK)
    count(place, coat, 0, "2026-11-02")
    with pytest.raises(NotAllowedNow):
        services.post_write_down(review_id=other.pk, at=noon("2026-11-02"), by=CLERK)

    # 4 × 1,001 fall to 4 × 500.5.
    assert entries("WRITE_DOWN", posted.document_id) == {("5160", "DEBIT"): 2_002, ("1210", "CREDIT"): 2_002}
    services.discard_write_down(review_id=other.pk, at=noon("2026-11-02"), by=CLERK)
    with pytest.raises(NotAllowedNow):
        services.edit_write_down(review_id=other.pk, proposed={}, reverses=False, at=noon("2026-11-02"), by=CLERK)
    assert no_faults() == []


def test_dead_stock_turnover_and_sell_through(autumn):
    place, coat, shirt = autumn
    site = channel(place)
    sell(site, shirt, 4, 1, noon("2026-10-10"))
    services.put_back(
        source_type="RETURN", source_id=9, lines=[PutBack(1, shirt.pk, 1, place.pk, Decimal(500))], channel_id=site.pk,
        occurred_at=noon("2026-10-12"), at=noon("2026-10-12"), by=CLERK,
    )  # fmt: skip
    sell(site, coat, 2, 2, noon("2026-03-01"))

    [dead] = dead_stock(CLOSING, days_without_sale=90)
    october = {row.key: row for row in turnover(dt.date(2026, 10, 1), CLOSING, by=By.SKU)}
    through = {row.key: row for row in sell_through(CLOSING, by=By.SKU)}

    assert (dead.sku_id, dead.pieces, dead.value) == (coat.pk, 8, 8_008)
    assert (dead.last_received_on, dead.last_sold_on) == (dt.date(2026, 2, 10), dt.date(2026, 3, 1))
    # Three shirts net: 1,500 of an average of (5,000 + 3,500) / 2 in 31 days; the coats did not move.
    turned = october[shirt.pk]
    assert (turned.sold_pieces, turned.cost_of_sales, turned.average_value) == (3, 1_500, 4_250)
    assert (turned.times_a_year, turned.days_of_stock) == (Decimal("4.16"), 88)
    assert (october[coat.pk].cost_of_sales, october[coat.pk].days_of_stock) == (0, None)
    assert (through[shirt.pk].percent, through[shirt.pk].left) == (Decimal("30.0"), 7)
    assert (through[coat.pk].received, through[coat.pk].sold) == (10, 2)


def test_what_came_after_the_proposal_loses_nothing(autumn):
    place, coat, _shirt = autumn
    review = propose()
    receive(place, coat, 10, 1_001, "2026-11-02")

    services.post_write_down(review_id=review.pk, at=noon("2026-11-03"), by=CLERK)

    # Ten coats lose half of 10,010; the ten that came keep what they cost.
    assert worth(coat) == (20, Decimal(15_015))
    assert no_faults() == []


def take(place, item, pieces, day):
    at = noon(day)
    services.adjust(
        external_id=f"A-{day}", location_id=place.pk, lines=[AdjustmentLine(1, item.pk, -pieces)], reason_code="SAMPLE",
        occurred_at=at, at=at, by=CLERK,
    )  # fmt: skip


def test_what_is_taken_back_is_of_the_pieces_that_were_there_when_it_was_posted(autumn):
    """Six of ten have left before 2,002 yen are posted for the other four: all of it comes back, since those are there still."""
    place, coat, _shirt = autumn
    CostPool.objects.filter(pk=pool().pk).update(write_downs_reverse=True)
    review = propose()
    take(place, coat, 6, "2026-10-31")
    services.post_write_down(review_id=review.pk, at=noon("2026-10-31"), by=CLERK)
    assert worth(coat) == (4, 2_002)

    services.take_back_due_write_downs(at=noon("2026-11-02"), by=CHIEF)

    back = WriteDownReview.objects.get().reversal_id
    assert entries("WRITE_DOWN_BACK", back) == {("1210", "DEBIT"): 2_002, ("5160", "CREDIT"): 2_002}
    assert worth(coat) == (4, 4_004)
    assert no_faults() == []


def test_never_more_is_posted_than_was_proposed_whatever_came_and_left_since(autumn):
    """Ten dearer coats come and ten leave: those that are there are worth more, and still lose the 5,005 that were proposed."""
    place, coat, _shirt = autumn
    review = propose()
    receive(place, coat, 10, 3_001, "2026-11-01")
    take(place, coat, 10, "2026-11-01")
    assert worth(coat) == (10, 20_010)

    services.post_write_down(review_id=review.pk, at=noon("2026-11-02"), by=CLERK)

    assert worth(coat) == (10, 15_005)
    assert no_faults() == []


def test_of_two_proposals_of_the_same_goods_one_is_posted(autumn):
    place, coat, _shirt = autumn
    review, other = propose(), propose()
    receive(place, coat, 10, 1_001, "2026-11-01")
    services.post_write_down(review_id=review.pk, at=noon("2026-11-02"), by=CLERK)

    with pytest.raises(NotAllowedNow):
        services.post_write_down(review_id=other.pk, at=noon("2026-11-02"), by=CLERK)

    assert worth(coat) == (20, 15_015)


def test_a_proposal_that_is_edited_is_overtaken_all_the_same(autumn):
    """Its pieces and their value are those of the moment when it was made."""
    place, coat, _shirt = autumn
    review, other = propose(), propose()
    services.post_write_down(review_id=review.pk, at=noon("2026-11-01"), by=CLERK)
    receive(place, coat, 10, 1_001, "2026-11-01")
    services.edit_write_down(review_id=other.pk, proposed={}, reverses=False, at=noon("2026-11-02"), by=CLERK)

    with pytest.raises(NotAllowedNow):
        services.post_write_down(review_id=other.pk, at=noon("2026-11-02"), by=CLERK)

    assert worth(coat) == (20, 15_015)


def test_a_pool_that_is_kept_at_standard_by_now_is_not_written_down(autumn):
    _place, coat, _shirt = autumn
    review = propose()
    CostPool.objects.filter(pk=pool().pk).update(costing_method=CostPool.CostingMethod.STANDARD)

    with pytest.raises(NotAllowedNow):
        services.post_write_down(review_id=review.pk, at=noon("2026-11-01"), by=CLERK)

    assert worth(coat) == (10, 10_010)
