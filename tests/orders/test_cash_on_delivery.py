"""代引: a label asks for what the books expect of the carrier, and for no more than the shopper has to pay for what they keep."""

from __future__ import annotations

from decimal import Decimal

import pytest

from erp.core.verify import verify
from erp.inventory.services import ReceiptLine, receive
from erp.orders.models import Order, Shipment
from erp.orders.selectors.collecting import collections
from erp.orders.services import (
    AdjustmentInput,
    FeeInput,
    PaymentInput,
    ReturnedLine,
    ShipRequest,
    deliver,
    record_refusal,
    record_return,
    ship,
)
from tests.inventory.factories import sku
from tests.orders.factories import DESK, NOON, TODAY, figure, line, order, placed, released, shop

pytestmark = pytest.mark.django_db

HOW = {"at": NOON, "by": DESK}
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
