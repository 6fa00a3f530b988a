"""Stock of any past moment is the plain sum of the ledger, however much of it was cut into snapshots, when, and by whom at the same time."""

from __future__ import annotations

import datetime as dt
import io
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.db.models import Sum
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from erp.core import checks
from erp.core.actors import Actor
from erp.inventory import selectors, services
from erp.inventory.models import StockBalance, StockDocument, StockMovement, StockSnapshot
from erp.inventory.selectors import StockThen, TotalThen, as_of
from erp.inventory.services import documents, movements
from erp.inventory.services import snapshots as cutting
from tests.inventory.factories import CLERK, NOON, location, sku, stock
from tests.racing import race
from tests.unlocked import fails_without

DAY = dt.timedelta(days=1)
BY = Actor.job("stock-snapshots")
# The first of three months in which the facts of these tests happen: midnight in Tokyo.
START = dt.datetime(2026, 8, 31, 15, 0, tzinfo=dt.UTC)
NEXT_YEAR = START + 200 * DAY


def move(item, place, pieces: int, value: int, *, occurred_at: dt.datetime, recorded_at: dt.datetime) -> None:
    """One movement, as a receipt, a shop sale that was typed later, or a late cost would write it."""
    with transaction.atomic():
        document = documents.new_documents(
            kind=StockDocument.Kind.RECEIPT, source_type="TEST", source_ids=[1], occurred_at=occurred_at,
            at=recorded_at, by=CLERK,
        )[1]  # fmt: skip
        key = item.pk, place.pk
        booking = movements.open_booking((), arriving=[key], occurred_at=occurred_at, at=recorded_at)
        booking.move(key, pieces, value=Decimal(value), document_id=document, document_line=1)
        booking.write()


def plain(at: dt.datetime | None, known_at: dt.datetime | None = None) -> list[StockThen]:
    """The sum of the ledger, from its first movement."""
    found = StockMovement.objects.all()
    found = found if at is None else found.filter(occurred_at__lte=at)
    found = found if known_at is None else found.filter(recorded_at__lte=known_at)
    sums = found.values_list("sku_id", "location_id").annotate(Sum("quantity"), Sum("value"))
    return [StockThen(*row) for row in sums.order_by("sku_id", "location_id") if row[2] or row[3]]


def days(first: int, last: int) -> st.SearchStrategy[dt.timedelta]:
    return st.integers(first * 4, last * 4).map(lambda quarter: quarter * DAY / 4)


FACT = st.tuples(st.sampled_from([0, 1]), st.sampled_from([0, 1]), st.integers(1, 9), days(0, 90), days(0, 40))


@pytest.mark.django_db
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(st.one_of(FACT, days(0, 140)), min_size=6, max_size=14),
    asked=st.lists(st.tuples(days(0, 95), st.none() | days(0, 140)), min_size=3, max_size=3),
    long=st.sampled_from([1, 3, 500]),
    busy=st.sampled_from([1, 2, 100]),
)
def test_what_was_there_is_the_sum_of_the_ledger(monkeypatch, steps, asked, long, busy):
    monkeypatch.setattr(cutting, "LONG_REST", long)
    monkeypatch.setattr(cutting, "BUSY_MONTH", busy)
    monkeypatch.setattr(cutting, "MOVEMENTS_AT_ONCE", 2)
    with transaction.atomic():
        items, places = [sku(), sku()], [location(), location("SHOP")]
        for step in steps:
            if isinstance(step, dt.timedelta):
                services.cut_snapshots(at=START + step, by=BY)
            else:
                item, place, pieces, happened, later = step
                move(
                    items[item], places[place], pieces, 100 * pieces + 1,
                    occurred_at=START + happened, recorded_at=START + happened + later,
                )  # fmt: skip

        for happened, known in [*asked, (30 * DAY, None), (61 * DAY, 61 * DAY)]:
            at, known_at = START + happened, None if known is None else START + known
            expected = plain(at, known_at)
            assert selectors.stock_as_of(at, known_at=known_at) == expected
            assert selectors.stock_as_of(at, known_at=known_at, sku_ids=[items[0].pk], location_ids=[places[1].pk]) == [
                row for row in expected if (row.sku_id, row.location_id) == (items[0].pk, places[1].pk)
            ]
            for row in expected:
                told = selectors.explain_stock_as_of(
                    at, known_at=known_at, sku_id=row.sku_id, location_id=row.location_id, most=2
                )
                terms: list[Any] = [*told.months, *([told.earlier] if told.earlier else []), *told.movements]
                assert sum(term.on_hand for term in terms) == told.on_hand == row.on_hand
                assert sum(term.value for term in terms) == told.value == row.value
        assert selectors.stock_as_of(None, known_at=START + 70 * DAY) == plain(None, START + 70 * DAY)
        transaction.set_rollback(True)


@pytest.mark.django_db
def test_a_month_that_is_over_is_one_row_and_a_late_fact_is_another():
    item, place = sku(), location()
    move(item, place, 10, 1000, occurred_at=START, recorded_at=START)
    move(item, place, -4, -400, occurred_at=START + 30 * DAY - DAY / 24, recorded_at=START + 30 * DAY)
    move(item, place, 2, 200, occurred_at=START + 30 * DAY, recorded_at=START + 30 * DAY)

    first = services.cut_snapshots(at=START + 62 * DAY, by=BY)
    again = services.cut_snapshots(at=START + 62 * DAY, by=BY)
    move(item, place, 7, 700, occurred_at=START + DAY, recorded_at=START + 63 * DAY)
    late = services.cut_snapshots(at=START + 100 * DAY, by=BY)

    assert (first.movements, first.snapshots, again.snapshots, late.snapshots) == (3, 2, 0, 1)
    rows = StockSnapshot.objects.order_by("after_seq", "begins_at").values_list(
        "begins_at", "after_seq", "through_seq", "quantity"
    )
    assert list(rows) == [(START, 0, 3, 6), (START + 30 * DAY, 0, 3, 2), (START, 3, 4, 7)]
    assert selectors.stock_as_of(START + 30 * DAY - DAY / 86400) == [StockThen(item.pk, place.pk, 13, Decimal(1300))]


@pytest.mark.django_db
def test_totals_by_sku_place_and_pool():
    item, other, here, there = sku(), sku(), location(), location()
    move(item, here, 3, 300, occurred_at=START, recorded_at=START)
    move(item, there, 2, 200, occurred_at=START, recorded_at=START)
    services.cut_snapshots(at=START + 40 * DAY, by=BY)
    move(other, here, 1, 50, occurred_at=START, recorded_at=START + 41 * DAY)

    at = START + 5 * DAY
    assert selectors.stock_totals_as_of(at, by="location") == [
        TotalThen(here.pk, 4, Decimal(350)),
        TotalThen(there.pk, 2, Decimal(200)),
    ]
    assert selectors.stock_totals_as_of(at, by="sku", location_ids=[here.pk]) == [
        TotalThen(item.pk, 3, Decimal(300)),
        TotalThen(other.pk, 1, Decimal(50)),
    ]
    assert selectors.stock_totals_as_of(at, by="cost_pool", known_at=START + 40 * DAY) == [
        TotalThen(here.cost_pool_id, 5, Decimal(500))
    ]


def rebuild(*options: str) -> tuple[int, str]:
    said = io.StringIO()
    try:
        call_command("rebuild_stock_snapshots", *options, stdout=said)
    except SystemExit as end:
        return int(end.code), said.getvalue()
    return 0, said.getvalue()


@pytest.mark.django_db
def test_a_rebuild_names_each_culprit_and_makes_it_right():
    item, place, other = sku(), location(), sku()
    for pieces in (5, 3):
        stock(item, place, pieces, at=START)
        stock(other, place, pieces, at=START)
    services.cut_snapshots(at=NEXT_YEAR, by=BY)
    assert rebuild("--check")[0] == 0
    # As somebody with the rights of the owner might.
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE inventory_stocksnapshot DISABLE TRIGGER USER")
        cursor.execute("UPDATE inventory_stocksnapshot SET quantity = 9 WHERE sku_id = %s", [item.pk])
        cursor.execute("ALTER TABLE inventory_stocksnapshot ENABLE TRIGGER USER")

    found = [fault for check in checks.registered() if check.promise == "P1" for fault in check.find()]
    checked, only_said = rebuild("--check")
    rebuilt, said = rebuild()
    again, last_words = rebuild()

    assert [(fault.subject_type, fault.subject_label) for fault in found] == [
        ("STOCK_SNAPSHOT", f"{item} @ {place.code}")
    ]
    assert (checked, rebuilt, again) == (1, 1, 0)
    for words in (only_said, said):
        assert f"{item} @ {place.code}" in words
        assert str(other) not in words
    assert f"SKU {item.pk} at location {place.pk}" in only_said
    assert "equal to the ledger: 0 differences" in last_words
    assert selectors.stock_as_of(START, sku_ids=[item.pk]) == [StockThen(item.pk, place.pk, 8, Decimal(800))]


@pytest.mark.django_db(transaction=True)
def test_a_movement_that_is_not_committed_when_the_snapshot_is_cut_is_not_lost():
    item, place = sku(), location()
    stock(item, place, 5, at=START)

    def write_late() -> None:
        stock(item, place, 3, at=START)

    def cut_now() -> None:
        # In another connection's words: the movement above is written and numbered, but not committed.
        [cut] = race(lambda: services.cut_snapshots(at=NEXT_YEAR, by=BY))
        assert (cut.movements, cut.snapshots) == (1, 1)

    with transaction.atomic():
        write_late()
        cut_now()
    afterwards = services.cut_snapshots(at=NEXT_YEAR, by=BY)

    assert (afterwards.movements, afterwards.snapshots) == (1, 1)
    assert selectors.stock_as_of(START) == [StockThen(item.pk, place.pk, 8, Decimal(800))]


@pytest.mark.django_db(transaction=True)
def test_nothing_is_cut_that_was_recorded_after_an_open_transaction_began(monkeypatch):
    monkeypatch.setattr(as_of, "_BETWEEN_CLOCK_AND_TRANSACTION", dt.timedelta())
    monkeypatch.setattr(cutting, "LONG_REST", 1)
    item, other, place = sku(), sku(), location()
    for each in (item, other):
        stock(each, place, 5, at=START)

    def cut_beside_it() -> tuple[services.CutResult, dt.datetime, list[StockThen]]:
        # Recorded later than what is still open, and committed before it.
        stock(other, place, 2, at=timezone.now())
        cut = services.cut_snapshots(at=timezone.now(), by=BY)
        final = selectors.final_before(at=timezone.now()) - dt.timedelta(microseconds=1)
        return cut, final, selectors.stock_as_of(None, known_at=final)

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()")
        stock(item, place, 3, at=timezone.now())
        [outcome] = race(cut_beside_it)
        cut, final, known_then = outcome
    written = list(StockSnapshot.objects.values_list("sku_id", "recorded_until").order_by("sku_id"))
    known_later = selectors.stock_as_of(None, known_at=final)
    afterwards = services.cut_snapshots(at=timezone.now(), by=BY)

    assert (cut.movements, written) == (2, [(item.pk, START), (other.pk, START)])
    assert known_then == known_later == [StockThen(each.pk, place.pk, 5, Decimal(500)) for each in (item, other)]
    assert afterwards.movements == 2


@fails_without("inventory.snapshots._cut[stock:SNAPSHOTS]")
@pytest.mark.django_db(transaction=True)
def test_two_that_cut_at_once_take_each_movement_in_once(monkeypatch):
    item, place = sku(), location()
    stock(item, place, 5, at=START)
    planned = cutting.Rest(item.pk, place.pk, 0, 1)
    stock(item, place, 3, at=START)
    longer = cutting.Rest(item.pk, place.pk, 0, 2)

    outcomes = race(
        lambda: cutting._cut(rests=[planned], at=NEXT_YEAR, by=BY),
        lambda: cutting._cut(rests=[longer], at=NEXT_YEAR, by=BY),
        names=["stock:SNAPSHOTS"],
        table="inventory_stocksnapshot",
    )

    assert sorted(outcomes) == [0, 1]
    services.cut_snapshots(at=NEXT_YEAR, by=BY)
    assert selectors.stock_as_of(START) == [StockThen(item.pk, place.pk, 8, Decimal(800))]


def forge(item, place, **differently) -> None:
    row = {
        "sku_id": item.pk, "location_id": place.pk, "after_seq": 0, "through_seq": 1, "begins_at": START, "ends_at": START + 30 * DAY,
        "movements": 1, "quantity": 5, "value": 500, "recorded_from": START, "recorded_until": START, "taken_at": NEXT_YEAR,
    }  # fmt: skip
    StockSnapshot.objects.create(**row | differently)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "differently",
    [
        {"quantity": 6},
        {"value": 501},
        {"recorded_until": START + DAY},
        {"begins_at": START + DAY},
        {"ends_at": START + DAY / 2},
        {"after_seq": 1, "through_seq": 2},
        {"through_seq": 2},
        {"movements": 2, "through_seq": 2},
    ],
)
def test_a_snapshot_that_differs_from_the_ledger_is_refused(differently):
    item, place = sku(), location()
    stock(item, place, 5, at=START)

    with pytest.raises(DatabaseError, match="differs from its movements"), transaction.atomic():
        forge(item, place, **differently)

    forge(item, place)
    assert StockSnapshot.objects.count() == 1


@pytest.mark.django_db
def test_snapshots_are_final_and_only_a_rebuild_deletes_them():
    item, place = sku(), location()
    stock(item, place, 5, at=START)
    services.cut_snapshots(at=NEXT_YEAR, by=BY)

    with pytest.raises(DatabaseError, match="rows are final"), transaction.atomic():
        StockSnapshot.objects.update(quantity=6)
    with pytest.raises(DatabaseError, match="rows are final"), transaction.atomic():
        StockSnapshot.objects.all().delete()
    assert services.forget_snapshots(sku_ids=[item.pk], by=BY) == 1
    assert StockBalance.objects.get().on_hand == 5
    assert selectors.stock_as_of(NOON) == [StockThen(item.pk, place.pk, 5, Decimal(500))]
