"""代引: a label asks for what the books expect of the carrier, and for no more than the shopper has to pay for what they keep."""

from __future__ import annotations

from decimal import Decimal

import pytest

from erp.core.models import StaffTask
from erp.core.staff_tasks import close_task
from erp.core.verify import verify
from erp.inventory.services import ReceiptLine, receive
from erp.orders.models import Order, Shipment
from erp.orders.selectors.collecting import collections
from erp.orders.services import (
    AdjustmentInput,
    DeliveryInput,
    FeeInput,
    PaymentInput,
    ReturnedLine,
    ShipRequest,
    cancel_by_staff,
    cancel_release,
    collect_with,
    collecting,
    deliver,
    record_refusal,
    record_return,
    ship,
)
from tests.inventory.factories import sku
from tests.orders.factories import DESK, NOON, TODAY, figure, line, order, placed, released, shop

pytestmark = pytest.mark.django_db

HOW = {"at": NOON, "by": DESK}
SHIP_TO = {
    "recipient_name": "山田 花子", "recipient_phone": "03-1111-2222", "postal_code": "100-0001", "prefecture": "東京都",
    "city": "千代田区", "street": "千代田1-1",
}  # fmt: skip
BASES = pytest.mark.parametrize("basis", ["SHIPMENT", "DELIVERY"])


@pytest.fixture(autouse=True)
def _everything_adds_up():
    yield
    assert [fault for result in verify() for fault in result.faults] == []


def ordered(basis: str, *payments: PaymentInput, coupon: int = 0, fee: int = 0) -> Order:
    """Six shirts of 1,100 yen."""
    channel, place = shop(revenue_basis=basis)
    shirt = sku()
    lines = [ReceiptLine(1, shirt.pk, 6, Decimal(100))]
    receive(external_id="opening", location_id=place.pk, lines=lines, occurred_at=NOON, **HOW)
    due = sum((payment.amount for payment in payments), Decimal(0))
    sent = order(
        line(shirt, 6, 1100), payments=payments, total=6600 + fee, amount_due=due,
        adjustments=(AdjustmentInput("COUPON", "MAKER", Decimal(coupon)),) if coupon else (),
        fees=(FeeInput("SHIPPING", Decimal(fee)),) if fee else (),
    )  # fmt: skip
    return placed(channel, sent)


def cod(amount: int) -> PaymentInput:
    return PaymentInput("COD", Decimal(amount), "PENDING", provider="yamato")


def left(record: Order, pieces: int) -> Shipment:
    [parcel] = released(record)
    ship(requests=[ShipRequest(parcel.pk, {parcel.lines.get().order_line_id: pieces})], **HOW)
    return parcel


def label(parcel: Shipment) -> Decimal | None:
    found = collections([parcel.pk])
    return found[parcel.pk].here if found else None


def refuse(parcel: Shipment) -> None:
    record_refusal(shipment_id=parcel.pk, external_id=f"X-{parcel.pk}", **HOW)


def arrive(parcel: Shipment) -> None:
    deliver(shipment_ids=[parcel.pk], delivered_date=TODAY, **HOW)


@BASES
def test_after_a_refused_parcel_the_maker_pays_its_coupon_and_the_shopper_the_rest(basis):
    """4,400 on delivery, 2,200 from a maker: two shirts are refused, four are kept."""
    record = ordered(basis, cod(4400), coupon=2200)
    refuse(left(record, 2))

    second = left(record, 4)
    assert label(second) == 2200
    arrive(second)

    assert (figure("receivable.cod"), figure("receivable.agent"), figure("sales.ec")) == (2200, 2200, 4000)


@BASES
def test_a_parcel_that_the_coupon_pays_is_collected_with_nothing(basis):
    """Four shirts are refused: what is left is worth no more than the coupon."""
    record = ordered(basis, cod(4400), coupon=2200)
    refuse(left(record, 4))

    second = left(record, 2)
    assert label(second) is None
    arrive(second)

    assert (figure("receivable.cod"), figure("receivable.agent")) == (0, 2200)


@BASES
def test_a_gift_card_pays_for_what_left_first_and_goes_back_with_it(basis):
    record = ordered(basis, PaymentInput("GIFT_CARD", Decimal(3000), "CAPTURED", provider="gift"), cod(3600))
    refuse(left(record, 4))
    assert (figure("refunds_payable"), figure("deposits")) == (3000, 0)

    second = left(record, 2)
    assert label(second) == 2200
    arrive(second)

    assert figure("receivable.cod") == 2200


def test_a_fee_that_a_parcel_keeps_is_collected_with_the_next_one():
    record = ordered("DELIVERY", cod(7150), fee=550)
    first = left(record, 2)
    record_return(order_id=record.pk, external_id="R-1", lines=[ReturnedLine(first.lines.get().pk, 2)], **HOW)
    assert (figure("receivable.cod"), figure("sales.shipping_fee")) == (550, 500)

    second = left(record, 4)
    assert label(second) == 4950
    arrive(second)

    assert figure("receivable.cod") == 4950


def told() -> list[tuple[str, bool]]:
    found = StaffTask.objects.filter(kind="COD_DIFFERENCE").order_by("pk")
    return [(task.detail, task.closed_at is None) for task in found]


@BASES
def test_a_label_that_has_left_collects_for_what_is_refused_afterwards_and_staff_are_told(basis):
    record = ordered(basis, cod(6600))
    first, second = left(record, 2), left(record, 4)
    assert (label(first), label(second)) == (6600, None)

    refuse(second)

    assert label(first) == 6600
    assert told() == [("代引の集金は 6,600、支払うべき額は 2,200 です。4,400 をお客様に返金してください。", True)]


@BASES
def test_a_label_that_has_left_collects_for_what_is_cancelled_afterwards_and_staff_are_told(basis):
    record = ordered(basis, cod(6600))
    first = left(record, 2)

    cancel_by_staff(order_id=record.pk, reason="残りは不要", **HOW)
    assert told() == [("代引の集金は 6,600、支払うべき額は 2,200 です。4,400 をお客様に返金してください。", True)]

    refuse(first)
    assert [is_open for _detail, is_open in told()] == [False]
    assert figure("receivable.cod") == 0


@BASES
def test_what_no_driver_collects_since_the_parcel_that_does_was_refused_is_told(basis):
    record = ordered(basis, cod(6600))
    first = left(record, 2)
    left(record, 4)

    refuse(first)

    assert told() == [("代引の集金は 0、支払うべき額は 4,400 です。4,400 をお客様に請求してください。", True)]


@BASES
def test_what_a_label_asks_for_that_has_left_is_asked_by_no_other(basis):
    record = ordered(basis, cod(6600))
    refuse(left(record, 2))
    second = left(record, 1)
    third = left(record, 3)

    assert (label(second), label(third)) == (4400, None)
    assert told() == []
    refuse(second)
    assert told() == [("代引の集金は 0、支払うべき額は 3,300 です。3,300 をお客様に請求してください。", True)]


def test_what_staff_have_decided_is_asked_again_when_its_figures_change():
    record = ordered("SHIPMENT", cod(6600))
    first = left(record, 6)
    inside = first.lines.get()
    arrive(first)
    record_return(order_id=record.pk, external_id="R-1", lines=[ReturnedLine(inside.pk, 1)], **HOW)
    close_task(task_id=StaffTask.objects.get(closed_at=None).pk, resolution="返金した", **HOW)

    collecting.tell([record.pk], **HOW)
    assert [is_open for _detail, is_open in told()] == [False]

    record_return(order_id=record.pk, external_id="R-2", lines=[ReturnedLine(inside.pk, 1)], **HOW)
    assert told()[1:] == [("代引の集金は 6,600、支払うべき額は 4,400 です。2,200 をお客様に返金してください。", True)]


def test_what_was_paid_at_the_door_was_collected_though_all_of_it_came_back_before_it_was_accepted():
    """検収基準: 6,600 and 送料 550 were paid to the driver, and the fee is kept."""
    record = ordered("ACCEPTANCE", cod(7150), fee=550)
    parcel = left(record, 6)
    assert label(parcel) == 7150
    arrive(parcel)

    lines = [ReturnedLine(parcel.lines.get().pk, 6)]
    record_return(order_id=record.pk, external_id="R-1", lines=lines, **HOW)

    parcel.refresh_from_db()
    assert (parcel.state, figure("receivable.cod")) == ("RETURNED", 550)
    assert told() == [("代引の集金は 7,150、支払うべき額は 550 です。6,600 をお客様に返金してください。", True)]


def test_what_is_refused_is_not_collected_though_a_channel_said_that_it_was_delivered():
    record = ordered("ACCEPTANCE", cod(7150), fee=550)
    parcel = left(record, 6)
    arrive(parcel)

    refuse(parcel)

    assert (told(), figure("receivable.cod")) == ([], 0)


def test_a_label_that_left_without_an_amount_collects_nothing_when_the_parcel_that_collects_is_called_back():
    channel, place = shop()
    shirt = sku()
    lines = [ReceiptLine(1, shirt.pk, 2, Decimal(100))]
    receive(external_id="opening", location_id=place.pk, lines=lines, occurred_at=NOON, **HOW)
    goods = [line(shirt, 1, 3300, line_id=ref, delivery_ref=ref) for ref in "ab"]
    sent = order(*goods, deliveries=tuple(DeliveryInput(ref, **SHIP_TO) for ref in "ab"), payments=(cod(6600),))
    record = placed(channel, sent)
    first, second = released(record)
    assert (label(first), label(second)) == (6600, None)
    ship(requests=[ShipRequest(second.pk)], **HOW)

    cancel_release(shipment_id=first.pk, reason="", **HOW)
    [third] = released(record)

    assert (label(second), label(third)) == (None, 6600)
    assert collect_with(shipment_id=third.pk, **HOW).collects_cod
    ship(requests=[ShipRequest(third.pk)], **HOW)
    third.refresh_from_db()
    assert (third.cod_amount, told()) == (6600, [])
