"""A refund is paid only while something is owed back."""

from decimal import Decimal

import pytest

from accounting.models import Counterparty, OpenItem
from accounting.services import Settling, record_payout
from erp.core import staff_tasks
from erp.core.errors import NotAllowedNow
from erp.core.models import StaffTask
from erp.orders.models import OrderPayment, Shipment, ShipmentLine
from erp.orders.services import (
    PaymentInput,
    PaymentNews,
    ReturnedLine,
    ReturnRequest,
    ShipRequest,
    cancel_by_staff,
    cancel_order,
    confirm_refund,
    record_payment_event,
    record_return,
    record_returns,
    release_orders,
    ship,
)
from tests.inventory.factories import sku, stock
from tests.orders.factories import DESK, NOON, TODAY, card, figure, line, order, placed, shipped, shop

pytestmark = pytest.mark.django_db

HOW = {"at": NOON, "by": DESK}


@pytest.fixture
def paid():
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 5)
    return channel, placed(channel, order(line(shirt), payments=(card(1100, "CAPTURED"),)))


def test_the_desk_confirms_what_a_cancellation_owes(paid):
    _channel, record = paid
    cancel_by_staff(order_id=record.pk, reason="changed mind", at=NOON, by=DESK)
    payment = OrderPayment.objects.get(order=record)

    assert confirm_refund(payment_id=payment.pk, at=NOON, by=DESK) == 1100

    assert (figure("refunds_payable"), figure("deposits"), figure("receivable.card")) == (0, 0, 0)
    with pytest.raises(NotAllowedNow):
        confirm_refund(payment_id=payment.pk, at=NOON, by=DESK)


def test_a_reported_refund_that_nothing_explains_becomes_a_task(paid):
    channel, record = paid
    news = PaymentNews(event_id="r-1", kind="REFUNDED", occurred_at=NOON)

    record_payment_event(channel=channel.code, external_id=record.external_id, event=news, at=NOON, by=DESK)

    task = StaffTask.objects.get(kind="REFUND_NOT_OWED")
    assert (task.subject_id, task.detail) == (
        record.pk, "返金 1,100 の通知を受信しましたが、理由となるキャンセル・返品・受注変更がありません。",
    )  # fmt: skip
    assert OrderPayment.objects.get(order=record).status == "CAPTURED"
    assert figure("deposits") == 1100


def cod(amount, status="PENDING"):
    return PaymentInput("COD", Decimal(amount), status)


def told(channel, amount=None, kind="REFUNDED", event_id="r-1"):
    news = PaymentNews(event_id, kind, NOON, None if amount is None else Decimal(amount))
    record_payment_event(channel=channel.code, external_id="A-1", event=news, at=NOON, by=DESK)


def not_owed():
    """The amount that the open task tells; nothing where there is none."""
    details = StaffTask.objects.filter(kind="REFUND_NOT_OWED", closed_at=None).values_list("detail", flat=True)
    return [detail.split()[1] for detail in details]


def sold(pieces, status, *, method=card, send=None):
    """An order of so many pieces, ``send`` of them on their way."""
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 10)
    record = placed(channel, order(line(shirt, pieces), payments=(method(1100 * pieces, status),)))
    release_orders(order_ids=[record.pk], at=NOON, by=DESK)
    parcel = Shipment.objects.get()
    wanted = None if send is None else {record.lines.get().pk: send}
    ship(requests=[ShipRequest(parcel.pk, wanted)], at=NOON, by=DESK)
    return channel, record, Shipment.objects.get(shipped_at__isnull=False)


def back(record, parcel, pieces=1, external_id="B-1"):
    lines = [ReturnedLine(parcel.lines.get().pk, pieces)]
    record_return(order_id=record.pk, external_id=external_id, lines=lines, at=NOON, by=DESK)


@pytest.mark.parametrize("amount", [1100, None])
@pytest.mark.parametrize("is_told_first", [False, True])
def test_what_a_return_took_off_the_debt_of_the_card_company_is_explained_when_it_is_reported(amount, is_told_first):
    """Authorised at purchase, captured at shipment: the return lowers what the company pays out, and it pays the shopper back."""
    channel, record, parcel = sold(1, "AUTHORIZED")
    if is_told_first:
        told(channel, amount)
        assert not_owed() == ["1,100"]
    back(record, parcel)
    if not is_told_first:
        told(channel, amount)

    assert not_owed() == []
    assert (figure("receivable.card"), figure("refunds_payable"), figure("bank")) == (0, 0, 0)
    record.refresh_from_db()
    assert record.refund_gap_amount == 0


def test_more_than_returns_took_off_is_asked_about_with_its_amount():
    channel, record, parcel = sold(3, "AUTHORIZED")
    back(record, parcel, 2)

    told(channel, 1100, event_id="r-1")
    assert not_owed() == []
    told(channel, 1500, event_id="r-2")

    assert not_owed() == ["400"]


def test_two_returns_of_one_order_at_once_explain_two_refunds():
    channel, record, parcel = sold(3, "AUTHORIZED")
    lines = (ReturnedLine(parcel.lines.get().pk, 1),)
    record_returns(returns=[ReturnRequest(record.pk, f"B-{number}", lines) for number in (1, 2)], at=NOON, by=DESK)

    told(channel, 2200)

    assert not_owed() == []


def test_the_part_of_a_refund_that_nobody_owed_is_asked_about_and_goes_with_the_return_that_explains_it():
    """A channel cancels and pays all back when one of three pieces has left: what comes back is not paid for again."""
    channel, record, parcel = sold(3, "CAPTURED", send=1)
    cancel_order(channel=channel.code, external_id="A-1", at=NOON, by=DESK)
    told(channel, 3300)
    assert not_owed() == ["1,100"]
    assert (figure("refunds_payable"), figure("receivable.card")) == (0, 1100)

    back(record, parcel)

    assert not_owed() == []
    assert (figure("refunds_payable"), figure("receivable.card"), figure("bank")) == (0, 0, 0)
    task = StaffTask.objects.get(kind="REFUND_NOT_OWED")
    assert task.resolution == "帳簿に記帳されました。"


def test_a_refund_that_was_reported_while_the_parcel_was_picked_is_booked_when_staff_cancel(paid):
    channel, record = paid
    told(channel, 1100)
    assert not_owed() == ["1,100"]

    cancel_by_staff(order_id=record.pk, reason="倉庫で止めた", at=NOON, by=DESK)

    assert not_owed() == []
    assert (figure("refunds_payable"), figure("deposits"), figure("receivable.card")) == (0, 0, 0)


def test_a_refund_that_was_reported_before_its_money_is_booked_with_it():
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 5)
    placed(channel, order(line(shirt), payments=(PaymentInput("CONVENIENCE_STORE", Decimal(1100), "PENDING"),)))
    cancel_order(channel=channel.code, external_id="A-1", at=NOON, by=DESK)
    told(channel, 1100)

    told(channel, 1100, kind="PAID", event_id="p-1")

    assert not_owed() == []
    assert (figure("refunds_payable"), figure("deposits"), figure("receivable.agent")) == (0, 0, 0)


def test_what_staff_have_settled_in_another_way_is_not_set_off_against_a_later_return():
    channel, record, parcel = sold(2, "CAPTURED")
    told(channel, 300)
    task = StaffTask.objects.get(kind="REFUND_NOT_OWED")
    staff_tasks.close_task(task_id=task.pk, resolution="お詫びとして記帳した", at=NOON, by=DESK)

    back(record, parcel)

    assert figure("refunds_payable") == 1100
    told(channel, 1100, event_id="r-2")
    assert (figure("refunds_payable"), not_owed()) == (0, [])


def test_what_the_desk_paid_and_the_channel_tells_too_is_not_taken_from_what_becomes_owed_next():
    channel, record, parcel = sold(2, "CAPTURED")
    back(record, parcel, external_id="B-1")
    assert confirm_refund(payment_id=OrderPayment.objects.get().pk, at=NOON, by=DESK) == 1100
    told(channel, 1100)
    assert not_owed() == ["1,100"]

    back(record, parcel, external_id="B-2")

    assert (figure("refunds_payable"), not_owed()) == (1100, ["1,100"])


def test_what_nobody_is_paid_back_for_explains_no_refund():
    """A carrier owes less for a parcel that came back; the shopper had not paid."""
    channel, record, parcel = sold(1, "PENDING", method=cod)
    back(record, parcel)

    told(channel, 1100)

    assert not_owed() == ["1,100"]


def paid_out(reference, items) -> None:
    """The card company pays 2,200, for one open item or several."""
    record_payout(
        counterparty_id=Counterparty.objects.get(code="CARD").pk, reference=reference, paid_on=TODAY,
        items=[Settling(item.pk) for item in items], bank_amount=Decimal(2200), **HOW,
    )  # fmt: skip


def test_what_a_card_company_pays_back_behind_its_payout_is_taken_off_its_next_one():
    """It pays the shopper, not we: our bank has as much as before, and the next payout is so much less."""
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 10)
    first = placed(channel, order(line(shirt, 2), payments=(card(2200, "CAPTURED"),)))
    shipped(first)
    paid_out("P-1", OpenItem.objects.filter(side="DEBIT", remaining_amount__gt=0))
    parcel_line = ShipmentLine.objects.get()
    record_return(order_id=first.pk, external_id="R-1", lines=[ReturnedLine(parcel_line.pk, 1)], **HOW)

    news = PaymentNews("r-1", "REFUNDED", NOON, Decimal(1100))
    record_payment_event(channel=channel.code, external_id="A-1", event=news, **HOW)

    assert (figure("bank"), figure("receivable.card"), figure("refunds_payable")) == (2200, -1100, 0)
    shipped(placed(channel, order(line(shirt, 3), external_id="A-2", payments=(card(3300, "CAPTURED"),))))
    items = OpenItem.objects.filter(remaining_amount__gt=0).exclude(party_kind="CUSTOMER").order_by("pk")
    assert [item.side for item in items] == ["CREDIT", "DEBIT"]
    paid_out("P-2", items)
    assert (figure("bank"), figure("receivable.card")) == (4400, 0)


def test_a_second_refund_is_no_debt_that_the_card_company_would_pay():
    """What it is to take off its next payout is nothing that it owes: the second refund is taken off too."""
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 10)
    record = placed(channel, order(line(shirt, 2), payments=(card(2200, "CAPTURED"),)))
    shipped(record)
    paid_out("P-1", OpenItem.objects.filter(side="DEBIT", remaining_amount__gt=0))
    for number in (1, 2):
        lines = [ReturnedLine(ShipmentLine.objects.get().pk, 1)]
        record_return(order_id=record.pk, external_id=f"R-{number}", lines=lines, **HOW)
        confirm_refund(payment_id=OrderPayment.objects.get().pk, **HOW)

    assert (figure("bank"), figure("receivable.card"), figure("refunds_payable")) == (2200, -2200, 0)
    left = OpenItem.objects.filter(remaining_amount__gt=0).values_list("side", "remaining_amount")
    assert sorted(left) == [("CREDIT", 1100), ("CREDIT", 1100)]


def paid_two_ways():
    """Three shirts, of which a card paid two and a transfer one."""
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 10)
    transfer = PaymentInput("BANK_TRANSFER", Decimal(1100), "PAID")
    return placed(channel, order(line(shirt, 3), payments=(card(2200, "CAPTURED"), transfer)))


@pytest.mark.parametrize("confirmed", ["CARD", "BANK_TRANSFER"])
def test_no_more_is_taken_off_a_card_company_than_came_through_it(confirmed):
    """Cancelled before the card's payout: the card company gives back its two, and our bank the one that it got."""
    record = paid_two_ways()
    cancel_by_staff(order_id=record.pk, reason="changed mind", **HOW)

    assert confirm_refund(payment_id=OrderPayment.objects.get(method=confirmed).pk, **HOW) == 3300

    assert (figure("bank"), figure("receivable.card"), figure("refunds_payable")) == (0, 0, 0)
    assert not OpenItem.objects.filter(remaining_amount__gt=0).exists()


def test_what_is_paid_back_from_our_bank_is_not_taken_off_a_card_company():
    record = paid_two_ways()
    shipped(record)
    paid_out("P-1", OpenItem.objects.filter(side="DEBIT", remaining_amount__gt=0))
    record_return(order_id=record.pk, external_id="R-1", lines=[ReturnedLine(ShipmentLine.objects.get().pk, 1)], **HOW)

    confirm_refund(payment_id=OrderPayment.objects.get(method="BANK_TRANSFER").pk, **HOW)

    assert (figure("bank"), figure("receivable.card"), figure("refunds_payable")) == (2200, 0, 0)
