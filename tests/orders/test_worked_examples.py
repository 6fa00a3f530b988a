"""The rows of the journal that orders cause and that are not among the golden orders, to the yen (税抜経理, 売上原価対立法).

Each figure is the textbook's; the entries are made by the services, from order to posting.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from decimal import Decimal

import pytest

from accounting.models import Counterparty, OpenItem, Posting
from accounting.selectors import open_items
from accounting.services import Party, Settling, pay_refund, record_payout, record_receipt
from erp.orders.models import Order, OrderState, Shipment, ShipmentLine
from erp.orders.services import (
    FeeInput,
    PaymentInput,
    PaymentNews,
    ReturnedLine,
    accept,
    cancel_order,
    deliver,
    record_payment_event,
    record_return,
)
from tests.customers.factories import account, bill_to
from tests.inventory.factories import figures, sku, stock
from tests.orders.factories import DESK, NOON, TODAY, card, line, order, placed, shipped, shop

pytestmark = pytest.mark.django_db

HOW = {"at": NOON, "by": DESK}
SHIPPING = FeeInput("SHIPPING", Decimal(550))


def postings() -> dict[str, int]:
    """What was posted so far, debit positive, per account."""
    sums: dict[str, int] = defaultdict(int)
    for row in Posting.objects.select_related("account"):
        sums[f"{row.account.code} {row.account.name}"] += int(row.amount if row.side == "DEBIT" else -row.amount)
    return {name: total for name, total in sums.items() if total}


def ec_shop(**fields):
    channel, place = shop(**fields)
    dress = sku()
    stock(dress, place, 10, unit_value=2100)
    return channel, place, dress


def ec_order(dress, payment: PaymentInput):
    """Goods 11,000 + shipping 550, tax included; cost 4,200."""
    return order(line(dress, 2, 5500), total=11550, fees=(SHIPPING,), payments=(payment,))


def wholesale(price: int, cost: int, **fields):
    """An order on account at prices without tax."""
    channel, place = shop(kind="WHOLESALE")
    owner = account("AC1", bill_to=bill_to("B1"), **fields)
    goods = sku()
    stock(goods, place, 10, unit_value=cost)
    sent = order(
        line(goods, 1, price, tax_included=False), total=price * 11 // 10, account_code="AC1", payments=(),
        prices_include_tax=False,
    )  # fmt: skip
    return owner, place, goods, placed(channel, sent)


SOLD = {
    "4110 売上高(EC)": -10_000,
    "4140 送料収入": -500,
    "2190 仮受消費税": -1_050,
    "5110 売上原価": 4_200,
    "1210 商品": -4_200,
}


def test_ec_card_at_shipment_and_the_providers_payout():
    channel, _place, dress = ec_shop()
    shipped(placed(channel, ec_order(dress, card(11_550))))
    assert postings() == {"1151 クレジット売掛金": 11_550, **SOLD}

    record_payout(
        counterparty_id=Counterparty.objects.get(code="CARD").pk, reference="P-1", paid_on=TODAY,
        items=[Settling(OpenItem.objects.get().pk)], bank_amount=Decimal(11_135), fee=Decimal(11_550 * 36 // 1000), **HOW,
    )  # fmt: skip

    assert postings() == {"1120 普通預金": 11_135, "6235 決済手数料(非課税)": 415, **SOLD}


def test_paid_by_bank_before_shipment():
    channel, _place, dress = ec_shop()
    record = placed(channel, ec_order(dress, PaymentInput("BANK_TRANSFER", Decimal(11_550))))
    assert (record.state, postings()) == (OrderState.AWAITING_PAYMENT, {})

    news = PaymentNews("b-1", "PAID", NOON, Decimal(11_550))
    record_payment_event(channel=channel.code, external_id="A-1", event=news, **HOW)
    assert postings() == {"1120 普通預金": 11_550, "2160 前受金": -11_550}
    shipped(record)

    assert postings() == {"1120 普通預金": 11_550, **SOLD}
    assert not OpenItem.objects.exclude(remaining_amount=0).exists()


def test_paid_before_shipment_and_cancelled():
    channel, place, dress = ec_shop()
    record = placed(channel, ec_order(dress, PaymentInput("BANK_TRANSFER", Decimal(11_550), "PAID")))

    cancel_order(channel=channel.code, external_id="A-1", reason="お客様都合", **HOW)

    assert postings() == {"1120 普通預金": 11_550, "2145 未払金(返金)": -11_550}
    assert figures(dress, place) == (10, 0)
    [owed] = open_items(document_type="ORDER", document_ids=[record.pk])
    pay_refund(customer=owed.party, reference="R-1", paid_on=TODAY, items=[Settling(owed.id)], **HOW)
    assert postings() == {}


def test_on_account_and_received_less_the_transfer_fee():
    owner, _place, _goods, record = wholesale(100_000, 60_000)
    [parcel] = shipped(record)
    assert postings() == {
        "1150 売掛金": 110_000, "4130 売上高(卸)": -100_000, "2190 仮受消費税": -10_000,
        "5110 売上原価": 60_000, "1210 商品": -60_000,
    }  # fmt: skip
    [item] = open_items(document_type="SHIPMENT", document_ids=[parcel.pk])
    assert (item.party.kind, item.party.id, item.remaining) == ("BILL_TO", owner.bill_to_id, 110_000)
    # 月末締め翌月末: 2026-12-31 is a bank holiday, the next business day is 2027-01-04.
    assert item.due_date == dt.date(2027, 1, 4)

    record_receipt(
        debtor=Party("BILL_TO", owner.bill_to_id, item.party.label), reference="B-1", received_on=TODAY,
        items=[Settling(item.id)], bank_amount=Decimal(109_560), fee_kept=Decimal(440), **HOW,
    )  # fmt: skip

    assert postings() == {
        "1120 普通預金": 109_560, "4190 売上値引": 400, "4130 売上高(卸)": -100_000, "2190 仮受消費税": -9_960,
        "5110 売上原価": 60_000, "1210 商品": -60_000,
    }  # fmt: skip


def test_revenue_on_acceptance():
    """検収基準: shipped 積送品 4,200; accepted 売掛金 11,000 and 売上原価 4,200."""
    _owner, place, goods, record = wholesale(10_000, 4_200, revenue_basis="ACCEPTANCE")
    [parcel] = shipped(record)
    assert postings() == {"1215 積送品": 4_200, "1210 商品": -4_200}
    assert figures(goods, place) == (9, 0)
    assert not OpenItem.objects.exists()

    deliver(shipment_ids=[parcel.pk], delivered_date=TODAY + dt.timedelta(days=1), **HOW)
    assert postings() == {"1215 積送品": 4_200, "1210 商品": -4_200}
    accepted = TODAY + dt.timedelta(days=8)
    for _again in range(2):
        accept(shipment_ids=[parcel.pk], accepted_date=accepted, **HOW)

    assert postings() == {
        "1150 売掛金": 11_000, "4130 売上高(卸)": -10_000, "2190 仮受消費税": -1_000,
        "5110 売上原価": 4_200, "1210 商品": -4_200,
    }  # fmt: skip
    [item] = open_items(document_type="SHIPMENT", document_ids=[parcel.pk])
    assert (item.item_date, item.remaining) == (accepted, 11_000)


def test_revenue_on_delivery():
    """着荷基準: the same with the day of delivery, for an order that was captured in advance."""
    channel, _place, dress = ec_shop(revenue_basis="DELIVERY")
    record = placed(channel, ec_order(dress, card(11_550, "CAPTURED")))
    [parcel] = shipped(record)
    assert postings() == {
        "1151 クレジット売掛金": 11_550, "2160 前受金": -11_550, "1215 積送品": 4_200, "1210 商品": -4_200,
    }  # fmt: skip

    deliver(shipment_ids=[parcel.pk], delivered_date=TODAY + dt.timedelta(days=2), **HOW)

    assert postings() == {"1151 クレジット売掛金": 11_550, **SOLD}
    parcel.refresh_from_db()
    assert (parcel.state, parcel.revenue_date) == ("DELIVERED", TODAY + dt.timedelta(days=2))


def test_sales_report_of_goods_that_wait_at_the_account():
    """消化仕入: 上代 11,000 × 60 % = 6,600 incl.; nothing is sold before the account reports it."""
    _owner, _place, _goods, record = wholesale(6_000, 2_500, revenue_basis="SALES_REPORT")
    [parcel] = shipped(record)
    deliver(shipment_ids=[parcel.pk], delivered_date=TODAY, **HOW)
    assert not OpenItem.objects.exists()

    accept(shipment_ids=[parcel.pk], accepted_date=TODAY + dt.timedelta(days=30), **HOW)

    assert postings() == {
        "1150 売掛金": 6_600, "4130 売上高(卸)": -6_000, "2190 仮受消費税": -600, "5110 売上原価": 2_500, "1210 商品": -2_500,
    }  # fmt: skip


def returned(record: Order, quantity: int = 1) -> None:
    parcel_line = ShipmentLine.objects.get(shipment__order=record)
    lines = [ReturnedLine(parcel_line.pk, quantity)]
    record_return(order_id=record.pk, external_id="R-1", lines=lines, **HOW)


def test_returned_after_the_money_was_received():
    """The same return as a debt to the customer: 未払金(返金) 5,500."""
    channel, _place, dress = ec_shop()
    record = placed(channel, ec_order(dress, PaymentInput("BANK_TRANSFER", Decimal(11_550), "PAID")))
    shipped(record)

    returned(record)

    assert postings() == {
        "1120 普通預金": 11_550, "4110 売上高(EC)": -10_000, "4140 送料収入": -500, "4180 売上返品": 5_000,
        "2190 仮受消費税": -550, "2145 未払金(返金)": -5_500, "5110 売上原価": 2_100, "1210 商品": -2_100,
    }  # fmt: skip


def test_returned_on_account():
    """110,000 sold on account, all of it comes back: nothing is owed."""
    _owner, place, goods, record = wholesale(100_000, 60_000)
    shipped(record)

    returned(record)

    assert postings() == {"4130 売上高(卸)": -100_000, "4180 売上返品": 100_000}
    assert not OpenItem.objects.exclude(remaining_amount=0).exists()
    assert figures(goods, place) == (10, 0)
    assert Shipment.objects.get().order_id == record.pk
