"""入荷予定日変更のお知らせ: owed once per new day that the shopper does not know of, and taken back when the day moves again or the goods come."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal

import pytest

from erp.correspondence import selectors
from erp.correspondence.models import Mail
from erp.inventory.services import ExpectedLine, ReceiptLine, cancel_expected, expect_receipt, receive
from erp.orders.models import OrderLine
from erp.orders.services import cancel_by_staff, keep_promises
from tests.correspondence.factories import told, writes
from tests.inventory.factories import sku
from tests.orders.factories import DESK, NOON, line, order, placed, shop

pytestmark = pytest.mark.django_db
AUGUST, SEPTEMBER, OCTOBER = dt.date(2027, 8, 1), dt.date(2027, 9, 1), dt.date(2027, 10, 1)


@pytest.fixture
def shirt():
    return sku()


@pytest.fixture
def waits(shirt):
    """An order of two shirts, none of which is there; and what moves the day on which they come."""

    def made(*, rule="MAMORI", **fields):
        channel, place = shop()
        writes(channel, "EC", ARRIVAL_MOVED=rule)
        record = placed(channel, order(line(shirt, 2, **fields)))

        def on(day):
            (expected,) = expect_receipt(
                external_id="PO", location_id=place.pk, lines=[ExpectedLine(1, shirt.pk, 2, day)], at=NOON, by=DESK
            )
            keep_promises(at=NOON, by=DESK)
            return place, expected

        return record, on

    return made


def states():
    return [state for _kind, state in told()]


def send():
    Mail.objects.filter(state="WAITING").update(state="SENT", sent_at=NOON, recipient="a@b.example", body="本文")


def test_a_day_that_moves_is_told_once_with_the_day_before(waits, shirt):
    _record, on = waits()
    on(SEPTEMBER)
    assert told() == []

    on(OCTOBER)
    keep_promises(at=NOON, by=DESK)

    assert told() == [("ARRIVAL_MOVED", "WAITING")]
    text = selectors.as_it_goes_out(Mail.objects.get()).text
    assert "入荷予定日変更のお知らせ" in text.subject
    assert "入荷予定日: 2027年10月1日(変更前: 2027年9月1日)" in text.body
    assert "数量: 2点" in text.body
    assert "お詫び申し上げます" in text.body


def test_a_day_that_moves_again_before_the_mail_went_takes_it_back(waits):
    _record, on = waits(rule="MAMORI_CHECKED")
    on(SEPTEMBER)
    on(OCTOBER)
    on(AUGUST)
    assert states() == ["DISCARDED", "DRAFT"]
    body = selectors.as_it_goes_out(Mail.objects.get(state="DRAFT")).text.body
    assert "入荷予定日: 2027年8月1日(変更前: 2027年9月1日)" in body
    assert "お詫び" not in body

    on(SEPTEMBER)

    # Back on the day that the shopper knows: there is nothing to tell.
    assert states() == ["DISCARDED", "DISCARDED"]


def test_a_mail_that_went_is_what_the_shopper_knows(waits):
    _record, on = waits()
    on(SEPTEMBER)
    on(OCTOBER)
    send()

    on(SEPTEMBER)

    assert states() == ["SENT", "WAITING"]
    body = selectors.as_it_goes_out(Mail.objects.get(state="WAITING")).text.body
    assert "入荷予定日: 2027年9月1日(変更前: 2027年10月1日)" in body


def test_a_mail_that_a_worker_took_and_did_not_begin_told_nobody(waits):
    _record, on = waits()
    on(SEPTEMBER)
    on(OCTOBER)
    Mail.objects.update(state="CLAIMED", claim=uuid.uuid4(), claimed_at=NOON)

    on(SEPTEMBER)

    assert states() == ["DISCARDED"]


def test_without_a_new_day_staff_tell_and_the_next_day_is_compared_with_the_one_that_was_told(waits):
    _record, on = waits()
    on(SEPTEMBER)
    on(OCTOBER)
    cancel_expected(external_id="PO", at=NOON, by=DESK)
    keep_promises(at=NOON, by=DESK)
    assert states() == ["DISCARDED"]

    on(SEPTEMBER)
    assert states() == ["DISCARDED"]
    on(OCTOBER)
    assert states() == ["DISCARDED", "WAITING"]


def test_goods_that_come_take_it_back(waits, shirt):
    _record, on = waits()
    on(SEPTEMBER)
    place, expected = on(OCTOBER)
    came = ReceiptLine(1, shirt.pk, 2, Decimal(500), expected)
    receive(external_id="R", location_id=place.pk, lines=[came], occurred_at=NOON, at=NOON, by=DESK)
    keep_promises(at=NOON, by=DESK)
    assert states() == ["DISCARDED"]


def test_an_order_that_is_cancelled_takes_it_back_at_once(waits):
    record, on = waits()
    on(SEPTEMBER)
    on(OCTOBER)

    cancel_by_staff(order_id=record.pk, reason="電話で", at=NOON, by=DESK)

    assert states()[0] == "DISCARDED"


@pytest.mark.parametrize(("first", "then", "mails"), [(AUGUST, SEPTEMBER, 0), (SEPTEMBER, OCTOBER, 1), (OCTOBER, AUGUST, 1)])  # fmt: skip
def test_what_the_channel_told_counts_until_a_mail_told_another_day(waits, first, then, mails):
    _record, on = waits(promised_date=SEPTEMBER)
    on(first)
    on(then)

    assert len(told()) == mails
    # The mail of a first day that is too late is gone when goods come earlier than the channel told.
    assert states() == ([] if not mails else ["DISCARDED"] if then == AUGUST else ["WAITING"])


def test_by_default_the_ec_site_tells_and_what_stands_counts_as_told(waits):
    _record, on = waits(rule="EC")
    on(SEPTEMBER)
    on(OCTOBER)

    assert told() == []
    assert OrderLine.objects.get().arrival_told == OCTOBER
