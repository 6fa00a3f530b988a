"""The nightly run over orders as they are recorded: what counts, what is announced, and that again changes nothing."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from customers.models import ChannelIdentity
from customers.services import CustomerData, merge_records
from erp.core.actors import Actor
from erp.core.errors import NotFound
from erp.insights import selectors
from erp.insights.models import CustomerRfm, RfmDefinition, Segment
from erp.insights.services import refresh_rfm
from erp.orders.models import ShipmentLine
from erp.orders.services import ReturnedLine, cancel_order, record_return
from tests.inventory.factories import sku, stock
from tests.orders.factories import DESK, NOON, TODAY, line, order, placed, shipped, shop

pytestmark = pytest.mark.django_db

JOB = Actor.job("rfm")
HOW = {"as_of": TODAY, "at": NOON, "by": JOB}


@pytest.fixture
def store():
    channel, place = shop()
    goods = sku()
    stock(goods, place, 1_000)
    return channel, goods


def buys(store, who: str, external_id: str, quantity: int = 1, days_ago: int = 0, **fields):
    channel, goods = store
    sent = order(
        line(goods, quantity),
        external_id=external_id,
        orderer_external_id=who,
        orderer=CustomerData(family_name=who, given_name="花子"),
        ordered_at=NOON - dt.timedelta(days=days_ago),
        **fields,
    )
    return placed(channel, sent)


def rfm(store, who: str) -> CustomerRfm | None:
    record = ChannelIdentity.objects.get(channel=store[0], external_id=who).record
    return CustomerRfm.objects.filter(pk=record.golden_id).first()


def test_counts_what_stays_with_the_customer(store):
    channel, _goods = store
    buys(store, "sato", "A-1", 3, days_ago=40)
    kept = buys(store, "sato", "A-2", 2, days_ago=3)
    shipped(kept)
    part = ShipmentLine.objects.get(shipment__order=kept)
    record_return(order_id=kept.pk, external_id="r-1", lines=[ReturnedLine(part.pk, 1)], at=NOON, by=DESK)
    buys(store, "sato", "A-3", 9)
    cancel_order(channel=channel.code, external_id="A-3", at=NOON, by=DESK)
    buys(store, "sato", "A-4", 1, order_type="SAMPLE")
    buys(store, "sato", "A-5", 1, is_provisional=True)

    run = refresh_rfm(**HOW)

    found = rfm(store, "sato")
    assert run.customers == 1
    assert (found.last_order_date, found.order_count, found.amount) == (
        TODAY - dt.timedelta(days=3),
        2,
        Decimal(1100 * 4),
    )


def test_again_changes_and_announces_nothing(store):
    for number in range(8):
        buys(store, f"c-{number}", f"A-{number}", 1 + number, days_ago=number * 10)
    first = refresh_rfm(**HOW)
    before = list(CustomerRfm.objects.order_by("pk").values())

    again = refresh_rfm(**HOW)

    assert (first.customers, first.moved, again.moved) == (8, 8, 0)
    assert list(CustomerRfm.objects.order_by("pk").values()) == before
    # The feed shows rows of this transaction only after it, so look at the table.
    with connection.cursor() as query:
        query.execute("SELECT count(*) FROM core_changerow WHERE topic = 'segment'")
        assert query.fetchone()[0] == 8


def test_a_channel_hears_of_its_own_customers_only(store):
    other = shop()[0]
    buys(store, "sato", "A-1")
    refresh_rfm(**HOW)

    with connection.cursor() as query:
        query.execute("SELECT DISTINCT audience, key FROM core_changerow WHERE topic = 'segment'")
        assert query.fetchall() == [(store[0].code, "sato")]
    [code] = Segment.objects.filter(pk=rfm(store, "sato").segment_id).values_list("code", flat=True)
    assert [one.external_id for one in selectors.members(segment_code=code, channel_id=store[0].pk)] == ["sato"]
    assert selectors.members(segment_code=code, channel_id=other.pk) == []
    with pytest.raises(NotFound):
        selectors.members(segment_code="nobody", channel_id=other.pk)


def test_a_cancelled_customer_and_a_merged_one_leave(store):
    channel, _goods = store
    buys(store, "sato", "A-1")
    buys(store, "satoh", "A-2", 2)
    buys(store, "gone", "A-3")
    refresh_rfm(**HOW)
    cancel_order(channel=channel.code, external_id="A-3", at=NOON, by=DESK)
    records = {one.external_id: one.record for one in ChannelIdentity.objects.select_related("record")}
    merge_records(
        record_ids=[records["satoh"].pk], into_golden_id=records["sato"].golden_id, reason="same", at=NOON, by=DESK
    )

    refresh_rfm(**HOW)

    assert CustomerRfm.objects.count() == 1
    found = rfm(store, "satoh")
    assert (found.pk, found.order_count, found.amount) == (records["sato"].golden_id, 2, Decimal(3300))
    assert rfm(store, "gone") is None


def test_a_window_and_a_method_hold_from_their_date(store):
    buys(store, "old", "A-1", days_ago=200)
    buys(store, "new", "A-2")
    RfmDefinition.objects.create(valid_from=TODAY, method="EQUAL_GROUPS", window_months=3)

    refresh_rfm(**{**HOW, "as_of": TODAY - dt.timedelta(days=1)})
    assert rfm(store, "old") is not None

    refresh_rfm(**HOW)
    assert rfm(store, "old") is None
    assert rfm(store, "new").order_count == 1


def test_the_number_of_statements_does_not_grow_with_customers(store):
    def statements() -> int:
        with CaptureQueriesContext(
            connection,
        ) as seen:
            refresh_rfm(**HOW)
        return len(seen)

    buys(store, "c-0", "A-0")
    few = statements()
    for number in range(1, 12):
        buys(store, f"c-{number}", f"A-{number}", days_ago=number)

    assert statements() == few


def test_shipped_segments_cover_every_score():
    segments = selectors.segments()

    assert segments
    assert all(
        selectors.find_segment(selectors.Scores(r, f, m), segments)
        for r in range(1, 6)
        for f in range(1, 6)
        for m in range(1, 6)
    )
    used = {
        selectors.find_segment(selectors.Scores(r, f, m), segments).code
        for r in range(1, 6)
        for f in range(1, 6)
        for m in range(1, 6)
    }
    assert used == {one.code for one in segments}
