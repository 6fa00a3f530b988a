"""An order in a currency that the books do not keep: it enters, waits, and nothing of it is posted until it comes in yen."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from accounting.models import JournalEntry, OpenItem, Posting
from accounting.services import CREDIT, DEBIT, EntryDraft, Line, post_entries
from customers.models import CreditGroup
from erp.core.errors import InvalidInput, NotAllowedNow
from erp.core.models import Channel, MessageLog, StaffTask
from erp.core.verify import verify
from erp.inventory.services import ReceiptLine, receive
from erp.orders.exceptions import NotReleasable
from erp.orders.models import Order, OrderHold, OrderPayment, OrderState
from erp.orders.services import (
    PaymentInput,
    PaymentNews,
    place_order,
    record_payment_event,
    record_shop_sales,
    release_orders,
    resolve_hold,
)
from tests.customers.factories import account, bill_to, credit_group
from tests.inventory.factories import figures, sku
from tests.orders.factories import DESK, NOON, card, figure, line, order, placed, shipped, shop

pytestmark = pytest.mark.django_db

HOW = {"at": NOON, "by": DESK}


@pytest.fixture
def stocked():
    channel, place = shop()
    shirt = sku()
    receive(
        external_id="R-1",
        location_id=place.pk,
        lines=[ReceiptLine(1, shirt.pk, 10, Decimal(400))],
        occurred_at=NOON,
        **HOW,
    )
    return channel, place, shirt


def dollars(shirt, **fields):
    fields.setdefault("payments", (card(20, "CAPTURED"),))
    return order(line(shirt, 2, 10), currency="USD", **fields)


def place_it(channel, sent) -> Order:
    return Order.objects.get(pk=place_order(channel=channel.code, order=sent, **HOW).order_id)


def open_holds(record: Order) -> list[str]:
    return list(OrderHold.objects.filter(order=record, resolved_at__isnull=True).values_list("reason", flat=True))


def faults() -> list[str]:
    return [str(fault) for result in verify() for fault in result.faults]


def test_it_waits_is_reserved_and_posts_nothing(stocked):
    channel, place, shirt = stocked
    posted = Posting.objects.count()
    record = placed(channel, dollars(shirt))

    assert (record.state, open_holds(record)) == (OrderState.ON_HOLD, ["CURRENCY"])
    assert figures(shirt, place) == (10, 2)
    assert (Posting.objects.count(), OrderPayment.objects.get().received_amount) == (posted, 0)
    with pytest.raises(NotReleasable):
        release_orders(order_ids=[record.pk], **HOW)
    with pytest.raises(NotAllowedNow):
        resolve_hold(order_id=record.pk, reason="CURRENCY", resolution="よし", **HOW)
    assert open_holds(record) == ["CURRENCY"]
    assert faults() == []


def test_an_amendment_in_yen_brings_it_and_its_money_into_the_books(stocked):
    channel, place, shirt = stocked
    record = placed(channel, dollars(shirt))
    in_yen = order(line(shirt, 2, 1100), payments=(card(2200, "CAPTURED"),), revision=2)
    record = place_it(channel, in_yen)

    assert (record.state, record.currency, open_holds(record)) == (OrderState.READY, "JPY", [])
    assert figure("deposits") == 2200
    shipped(record)
    assert (figure("sales.ec"), figure("cost_of_sales"), figure("deposits")) == (2000, 800, 0)
    assert set(Posting.objects.values_list("currency", flat=True)) == {"JPY"}
    assert figures(shirt, place) == (8, 0)
    assert faults() == []


def test_money_that_was_kept_as_news_is_booked_when_it_is_told_again_after_the_revision(stocked):
    channel, _place, shirt = stocked
    placed(channel, dollars(shirt, payments=(card(20),)))
    told = {"channel": channel.code, "external_id": "A-1", **HOW}
    record_payment_event(event=PaymentNews("E-1", "CAPTURED", NOON, Decimal(1100), reference="txn_1"), **told)
    place_it(channel, order(line(shirt, 2, 1100), payments=(card(2200),), revision=2))

    record_payment_event(event=PaymentNews("E-2", "CAPTURED", NOON, Decimal(1100), reference="txn_1"), **told)

    assert figure("deposits") == 1100


def test_news_of_its_money_is_kept_and_told_not_booked(stocked):
    channel, _place, shirt = stocked
    news = PaymentNews("E-1", "CAPTURED", NOON)
    record_payment_event(channel=channel.code, external_id="A-1", event=news, **HOW)  # before the order: parked
    record = placed(channel, dollars(shirt, payments=(card(20),)))
    record_payment_event(channel=channel.code, external_id="A-1", event=PaymentNews("E-2", "REFUNDED", NOON), **HOW)

    assert list(record.payment_events.order_by("pk").values_list("event_id", flat=True)) == ["E-1", "E-2"]
    assert (record.state, OrderPayment.objects.get().received_amount) == (OrderState.ON_HOLD, 0)
    assert "USD" in StaffTask.objects.get(kind="MONEY_NOT_BOOKED").detail
    assert not OpenItem.objects.filter(document_type="ORDER").exists()
    assert faults() == []


def test_dollars_claim_no_credit_in_yen(stocked):
    channel, _place, shirt = stocked
    account("AC1", bill_to=bill_to("B1", credit_group=credit_group(limit=10)))
    record = placed(channel, dollars(shirt, account_code="AC1", payments=()))
    assert (open_holds(record), CreditGroup.objects.get().exposure) == (["CURRENCY"], 0)
    place_it(channel, order(line(shirt, 1, 5), account_code="AC1", payments=(), revision=2))
    assert (open_holds(record), CreditGroup.objects.get().exposure) == ([], 5)


def test_a_yen_order_amended_to_dollars_waits(stocked):
    channel, _place, shirt = stocked
    record = placed(channel, order(line(shirt, 2, 1100)))
    assert record.state == OrderState.READY
    assert place_it(channel, dollars(shirt, revision=2)).state == OrderState.ON_HOLD
    assert faults() == []


def test_a_channel_that_sells_in_dollars_waits_as_well(stocked):
    channel, _place, shirt = stocked
    Channel.objects.filter(pk=channel.pk).update(currency="USD")
    for number, sent in enumerate((dollars(shirt), order(line(shirt, 1, 1100)))):
        assert open_holds(placed(channel, replace(sent, external_id=f"C-{number}"))) == ["CURRENCY"]


def test_a_sale_at_the_till_in_dollars_is_refused_and_kept_as_a_message(stocked):
    channel, place, shirt = stocked
    posted = JournalEntry.objects.count()
    good = order(line(shirt, 1, 1100), external_id="T-2", payments=(PaymentInput("CASH", Decimal(1100), "PAID"),))
    bad, sold = record_shop_sales(channel=channel.code, sales=[dollars(shirt), good], **HOW)

    assert isinstance(bad.refusal, InvalidInput)
    assert [problem.pointer for problem in bad.refusal.problems] == ["/currency"]
    assert (sold.refusal, figures(shirt, place)) == (None, (9, 0))
    assert list(MessageLog.objects.order_by("pk").values_list("external_id", "outcome")) == [
        ("A-1", "REFUSED"), ("T-2", "DONE"),
    ]  # fmt: skip
    assert JournalEntry.objects.count() == posted + 1
    assert faults() == []


def test_the_books_take_no_stock_in_another_currency(stocked):
    lines = [Line(DEBIT, Decimal(5), "cost_of_sales"), Line(CREDIT, Decimal(5), account_code="1210")]
    with pytest.raises(AssertionError, match="stock is carried in JPY"):
        post_entries(drafts=[EntryDraft(NOON.date(), "", "TEST", 1, lines, "USD")], **HOW)
