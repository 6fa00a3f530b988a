"""A discount that a third party pays: what comes back is the customer's first, and never more than they paid."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from accounting.models import Counterparty, OpenItem
from accounting.services import Settling, record_payout
from erp.core.errors import NotAllowedNow
from erp.orders.models import Order, OrderPayment, Shipment, ShipmentLine
from erp.orders.selectors.order_sheet import order_sheet, refund_is_owed
from erp.orders.services import (
    AdjustmentInput,
    FeeInput,
    PaymentInput,
    ReturnedLine,
    ReturnRequest,
    ShipRequest,
    confirm_refund,
    deliver,
    record_return,
    record_returns,
    ship,
)
from tests.inventory.factories import sku, stock
from tests.orders.factories import DESK, NOON, TODAY, card, figure, line, order, placed, released, shipped, shop

pytestmark = pytest.mark.django_db

HOW = {"at": NOON, "by": DESK}
MAKER = "クーポン・ポイント負担者"


def coupon(amount: int, funder: str = "MAKER") -> AdjustmentInput:
    return AdjustmentInput("COUPON", funder, Decimal(amount))


def sold(*payments, funder: str = "MAKER", **fields) -> tuple[Order, ShipmentLine]:
    """Three shirts of 1,100 yen, 1,000 yen of which somebody else pays."""
    channel, place = shop(**fields)
    shirt = sku()
    stock(shirt, place, 10)
    sent = order(
        line(shirt, 3), payments=payments, adjustments=(coupon(1000, funder),), amount_due=Decimal(2300), total=3300
    )
    record = placed(channel, sent)
    shipped(record)
    return record, ShipmentLine.objects.get()


def back(record: Order, parcel_line: ShipmentLine, quantity: int, external_id: str = "R-1") -> None:
    record_return(order_id=record.pk, external_id=external_id, lines=[ReturnedLine(parcel_line.pk, quantity)], **HOW)


def left_of(kind: str, label: str = "") -> list[tuple[str, int]]:
    found = OpenItem.objects.filter(party_kind=kind, remaining_amount__gt=0).order_by("pk")
    return [(item.side, int(item.remaining_amount)) for item in found if not label or item.party_label == label]


def pay(label: str) -> None:
    item = OpenItem.objects.get(party_label=label)
    record_payout(
        counterparty_id=Counterparty.objects.get(name=label).pk, reference="P-1", paid_on=dt.date(2026, 11, 23),
        items=[Settling(item.pk)], bank_amount=item.remaining_amount, **HOW,
    )  # fmt: skip


@pytest.mark.parametrize("payment", [card(2300, "CAPTURED"), card(2300)], ids=["captured before", "charged with it"])
def test_the_customer_gets_back_what_they_paid_before_the_maker_owes_less(payment):
    record, parcel_line = sold(payment)
    pay("クレジットカード決済")

    back(record, parcel_line, 1)
    assert left_of("CUSTOMER") == [("CREDIT", 1100)]
    assert left_of("COUNTERPARTY", MAKER) == [("DEBIT", 1000)]

    back(record, parcel_line, 2, "R-2")
    assert left_of("CUSTOMER") == [("CREDIT", 1100), ("CREDIT", 1200)]
    assert left_of("COUNTERPARTY", MAKER) == []


def test_who_has_paid_a_discount_is_owed_it_back_and_not_the_customer():
    record, parcel_line = sold(card(2300, "CAPTURED"))
    pay(MAKER)

    back(record, parcel_line, 3)

    assert left_of("CUSTOMER") == [("CREDIT", 2300)]
    assert left_of("COUNTERPARTY", MAKER) == [("CREDIT", 1000)]
    payment = OrderPayment.objects.get(order=record, method="CARD")
    assert confirm_refund(payment_id=payment.pk, **HOW) == 2300
    assert left_of("COUNTERPARTY", MAKER) == [("CREDIT", 1000)]
    assert not refund_is_owed(order_sheet(record))
    with pytest.raises(NotAllowedNow):
        confirm_refund(payment_id=payment.pk, **HOW)


def test_a_refund_takes_no_money_of_who_paid_the_discount():
    record, parcel_line = sold(card(2300, "CAPTURED"))
    pay("クレジットカード決済")
    back(record, parcel_line, 1)
    before = figure("bank")

    confirm_refund(payment_id=OrderPayment.objects.get(order=record, method="CARD").pk, **HOW)

    assert left_of("COUNTERPARTY", MAKER) == [("DEBIT", 1000)]
    assert left_of("COUNTERPARTY", "クレジットカード決済") == [("CREDIT", 1100)]
    assert figure("bank") == before


def test_returns_of_one_call_follow_one_another():
    record, parcel_line = sold(card(2300, "CAPTURED"))

    asked = [ReturnRequest(record.pk, f"R-{number}", (ReturnedLine(parcel_line.pk, 1),)) for number in (1, 2, 3)]
    record_returns(returns=asked, **HOW)

    assert left_of("CUSTOMER") == [("CREDIT", 1100), ("CREDIT", 1100), ("CREDIT", 100)]
    assert left_of("COUNTERPARTY", MAKER) == []


def test_a_maker_owes_nothing_when_all_parcels_came_back_whichever_its_part_paid_for():
    """Its part of 1,000 stands in the second parcel, and the first comes back last."""
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 10)
    sent = order(
        line(shirt, 3), payments=(card(2300),), adjustments=(coupon(1000),), amount_due=Decimal(2300), total=3300
    )  # fmt: skip
    record = placed(channel, sent)
    [parcel] = released(record)
    ship(requests=[ShipRequest(parcel.pk, {parcel.lines.get().order_line_id: 1})], **HOW)
    shipped(record)
    first, second = ShipmentLine.objects.order_by("pk")

    back(record, second, 2)
    assert (left_of("COUNTERPARTY"), left_of("CUSTOMER")) == ([("DEBIT", 100), ("DEBIT", 1000)], [])

    back(record, first, 1, "R-2")
    assert (left_of("COUNTERPARTY"), left_of("CUSTOMER")) == ([], [])


def test_what_a_mall_owes_for_both_is_lowered_as_one():
    record, parcel_line = sold(kind="MALL", funder="MALL")

    back(record, parcel_line, 1)
    assert left_of("COUNTERPARTY") == [("DEBIT", 1200), ("DEBIT", 1000)]

    back(record, parcel_line, 2, "R-2")
    assert (left_of("COUNTERPARTY"), left_of("CUSTOMER")) == ([], [])


def test_money_goes_back_from_no_other_who_owes_on_the_same_account():
    """A convenience store's agent and the maker of a coupon both owe on the account of agents; the agent has paid."""
    konbini = PaymentInput("CONVENIENCE_STORE", Decimal(2300), "PAID")
    record, parcel_line = sold(konbini)
    for item in OpenItem.objects.filter(remaining_amount__gt=0, side="DEBIT").exclude(party_label=MAKER):
        pay(item.party_label)
    before = left_of("COUNTERPARTY", MAKER)

    back(record, parcel_line, 1)
    confirm_refund(payment_id=OrderPayment.objects.order_by("line_no").first().pk, **HOW)

    assert left_of("COUNTERPARTY", MAKER) == before == [("DEBIT", 1000)]


def test_a_fee_that_was_given_back_before_its_sale_was_sold_to_nobody():
    """Six shirts and 送料 550, 2,200 yen of which the maker pays. Of the 5,500 that are sold the customer pays 3,300."""
    channel, place = shop(revenue_basis="DELIVERY")
    shirt = sku()
    stock(shirt, place, 10)
    sent = order(
        line(shirt, 6), fees=(FeeInput("SHIPPING", Decimal(550)),), payments=(card(4950, "CAPTURED"),),
        adjustments=(coupon(2200),), amount_due=Decimal(4950), total=7150,
    )  # fmt: skip
    record = placed(channel, sent)
    [parcel] = shipped(record)
    parcel_line = ShipmentLine.objects.get()
    lines = [ReturnedLine(parcel_line.pk, 1)]
    record_return(order_id=record.pk, external_id="R-1", lines=lines, refund_fees=True, **HOW)
    assert figure("refunds_payable") == 1650
    deliver(shipment_ids=[parcel.pk], delivered_date=TODAY, **HOW)
    assert left_of("COUNTERPARTY", MAKER) == [("DEBIT", 2200)]

    back(record, parcel_line, 5, "R-2")

    assert left_of("CUSTOMER") == [("CREDIT", 1650), ("CREDIT", 3300)]
    assert left_of("COUNTERPARTY", MAKER) == []


def part_is_on_its_way(*payments, due: int = 2300, coupons=(), arrived: int = 2) -> tuple[ShipmentLine, ShipmentLine]:
    """Three shirts of 1,100 yen in two parcels. One has arrived, and was paid by the customer alone; the other is on its way."""
    channel, place = shop(revenue_basis="DELIVERY")
    shirt = sku()
    stock(shirt, place, 10)
    sent = order(
        line(shirt, 3), payments=payments, adjustments=coupons or (coupon(1000),), amount_due=Decimal(due), total=3300
    )
    record = placed(channel, sent)
    [parcel] = released(record)
    ship(requests=[ShipRequest(parcel.pk, {parcel.lines.get().order_line_id: arrived})], **HOW)
    shipped(record)
    deliver(shipment_ids=[parcel.pk], delivered_date=TODAY, **HOW)
    first, second = ShipmentLine.objects.order_by("pk")
    return first, second


def test_what_comes_back_before_its_sale_is_the_customer_s_first_too():
    """Of the 2,200 that are kept the maker pays its 1,000 as if all had been sold first."""
    first, second = part_is_on_its_way(card(2300, "CAPTURED"))
    record = Order.objects.get()
    assert left_of("COUNTERPARTY", MAKER) == []

    back(record, second, 1)
    assert left_of("COUNTERPARTY", MAKER) == [("DEBIT", 1000)]
    assert sorted(left_of("CUSTOMER")) == [("CREDIT", 100), ("CREDIT", 1000)]

    back(record, first, 1, "R-2")
    assert left_of("COUNTERPARTY", MAKER) == [("DEBIT", 1000)]
    assert sum(amount for _side, amount in left_of("CUSTOMER")) == 2200

    back(record, first, 1, "R-3")
    assert left_of("COUNTERPARTY", MAKER) == []
    assert sum(amount for _side, amount in left_of("CUSTOMER")) == 2300


def test_what_a_customer_still_owes_is_lowered_where_a_maker_takes_it_over():
    _first, second = part_is_on_its_way(card(2300))

    back(Order.objects.get(), second, 1)

    assert (figure("receivable.card"), left_of("CUSTOMER")) == (1200, [])
    assert left_of("COUNTERPARTY", MAKER) == [("DEBIT", 1000)]


def test_one_return_of_what_was_sold_and_of_what_was_not_relieves_the_customer_once():
    first, second = part_is_on_its_way(card(2300))
    lines = [ReturnedLine(first.pk, 1), ReturnedLine(second.pk, 1)]

    record_return(order_id=Order.objects.get().pk, external_id="R-1", lines=lines, **HOW)

    assert (figure("receivable.card"), left_of("CUSTOMER")) == (100, [])
    assert left_of("COUNTERPARTY", MAKER) == [("DEBIT", 1000)]


def test_of_several_third_parties_the_last_takes_over_first_as_the_first_is_relieved_first():
    """One shirt of 1,100 yen is kept, with discounts of 1,000 of the maker and 1,000 of the mall: of 2,200 that came back the customer's were
    1,300 and the maker's 900."""
    coupons = (coupon(1000), coupon(1000, "MALL"))
    _first, second = part_is_on_its_way(card(1300), due=1300, coupons=coupons, arrived=1)

    back(Order.objects.get(), second, 2)

    assert (figure("receivable.card"), figure("receivable.agent"), figure("receivable.mall")) == (0, 100, 1000)


def test_two_returns_of_one_call_relieve_the_customer_of_what_they_paid_once():
    coupons = (coupon(1000), coupon(1000, "MALL"))
    _first, second = part_is_on_its_way(card(1300), due=1300, coupons=coupons, arrived=1)
    key = Order.objects.get().pk

    record_returns(returns=[ReturnRequest(key, name, (ReturnedLine(second.pk, 1),)) for name in ("R-1", "R-2")], **HOW)

    assert figure("receivable.card") == 0
    assert figure("receivable.agent") + figure("receivable.mall") == 1100


def test_what_the_sale_that_is_taken_back_still_owed_is_lowered_once():
    """Three shirts in three parcels, two of which have arrived. The first of them comes back with the one that is on its way."""
    channel, place = shop(revenue_basis="DELIVERY")
    shirt = sku()
    stock(shirt, place, 10)
    sent = order(
        line(shirt, 3), payments=(card(2300),), adjustments=(coupon(1000),), amount_due=Decimal(2300), total=3300
    )
    record = placed(channel, sent)
    for _number in range(3):
        parcel = Shipment.objects.filter(state="INSTRUCTED").first() or released(record)[0]
        ship(requests=[ShipRequest(parcel.pk, {parcel.lines.get().order_line_id: 1})], **HOW)
    parcels = Shipment.objects.filter(state="SHIPPED").order_by("pk")
    deliver(shipment_ids=[parcel.pk for parcel in parcels[:2]], delivered_date=TODAY, **HOW)
    first, _second, third = ShipmentLine.objects.order_by("pk")
    lines = [ReturnedLine(first.pk, 1), ReturnedLine(third.pk, 1)]

    record_return(order_id=record.pk, external_id="R-1", lines=lines, **HOW)

    assert (figure("receivable.card"), figure("receivable.agent"), left_of("CUSTOMER")) == (100, 1000, [])
