"""Worked examples: a shop on the web sells two dresses for 11,000 + 送料 550, tax included, that cost 4,200 (税抜経理, 売上原価対立法).

10 % inside 11,550 is 1,050, so goods are 10,000 and the parcel 500.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from accounting.selectors import open_items
from accounting.services import Settling, pay_refund
from erp.orders.models import OrderState, ShipmentLine
from erp.orders.services import (
    AdjustmentInput,
    PaymentInput,
    PaymentNews,
    ReturnedLine,
    cancel_order,
    record_payment_event,
    record_refusal,
    record_return,
)
from tests.inventory.factories import figures, worth
from tests.orders.factories import NOON, card, line, order, placed, shipped
from tests.worked_examples.journal import Entry, Journal, balances, owed
from tests.worked_examples.stage import COD_FEE, HOW, TODAY, delivered, dress_shop, payout, two_dresses

pytestmark = pytest.mark.django_db

SALE = {
    "4110 売上高(EC) 10%": 10_000,
    "4140 送料収入 10%": 500,
    "2190 仮受消費税 10%": 1_050,
    "1210 商品": 4_200,
}
COST = {"5110 売上原価": 4_200}


def test_card_at_shipment():
    channel, place, dress = dress_shop()
    record = placed(channel, two_dresses(dress, card(11_550)))
    journal = Journal()

    shipped(record)

    assert journal.new() == [Entry({"1151 クレジット売掛金": 11_550, **COST}, SALE)]
    assert balances(last=TODAY) == {
        "1151 クレジット売掛金": 11_550,
        "1210 商品": 16_800,
        "2190 仮受消費税": 1_050,
        "3330 繰越利益剰余金": 21_000,
        "4110 売上高(EC)": 10_000,
        "4140 送料収入": 500,
        "5110 売上原価": 4_200,
    }
    assert owed() == {"1151 クレジットカード決済": 11_550}
    assert figures(dress, place) == (8, 0)


@pytest.mark.parametrize(
    ("fee_tax", "fee"),
    [
        ("", {"6235 決済手数料(非課税) 非課税": 415}),
        ("EXEMPT", {"6235 決済手数料(非課税) 非課税": 415}),
        ("TAXED", {"6230 支払手数料 10%": 378, "1360 仮払消費税 10%": 37}),
    ],
    ids=["as the card company's master says", "a receivable is bought: exempt", "a service: taxed"],
)
def test_the_provider_pays_out_less_its_fee(fee_tax, fee):
    """3.6 % of 11,550 is 415.8, floored 415. Taxed: 415 × 10/110 = 37.7, floored 37."""
    channel, _place, dress = dress_shop()
    shipped(placed(channel, two_dresses(dress, card(11_550))))
    journal = Journal()

    payout("CARD", bank=11_135, fee=415, fee_tax=fee_tax)

    assert journal.new() == [Entry({"1120 普通預金": 11_135, **fee}, {"1151 クレジット売掛金": 11_550})]
    assert owed() == {}


def test_cash_on_delivery_and_what_the_carrier_remits():
    """With 代引手数料 330: 11,880 × 10/110 = 1,080; 10,000 + 500 + 300. The carrier keeps 330 = 300 + 30."""
    channel, _place, dress = dress_shop()
    record = placed(channel, two_dresses(dress, PaymentInput("COD", Decimal(11_880), provider="YAMATO"), COD_FEE))
    journal = Journal()

    shipped(record)

    assert journal.new() == [
        Entry(
            {"1152 代引売掛金": 11_880, **COST},
            {
                "4110 売上高(EC) 10%": 10_000,
                "4140 送料収入 10%": 500,
                "4150 代引手数料収入 10%": 300,
                "2190 仮受消費税 10%": 1_080,
                "1210 商品": 4_200,
            },
        )
    ]
    assert owed() == {"1152 ヤマト運輸": 11_880}

    payout("YAMATO", bank=11_550, fee=330)

    assert journal.new() == [
        Entry(
            {"1120 普通預金": 11_550, "6230 支払手数料 10%": 300, "1360 仮払消費税 10%": 30},
            {"1152 代引売掛金": 11_880},
        )
    ]
    assert owed() == {}


def test_cash_on_delivery_refused_at_the_door():
    """受取拒否: the sale is taken back on its own accounts; 往復運賃 1,100 = 1,000 + 100 is ours."""
    channel, place, dress = dress_shop()
    [parcel] = shipped(
        placed(channel, two_dresses(dress, PaymentInput("COD", Decimal(11_880), provider="YAMATO"), COD_FEE))
    )
    journal = Journal()

    record_refusal(shipment_id=parcel.pk, external_id="X-1", freight=Decimal(1_100), **HOW)

    assert journal.new() == [
        Entry(
            {
                "4110 売上高(EC) 10%": 10_000,
                "4140 送料収入 10%": 500,
                "4150 代引手数料収入 10%": 300,
                "2190 仮受消費税 10%": 1_080,
                "1210 商品": 4_200,
                "6220 荷造運賃 10%": 1_000,
                "1360 仮払消費税 10%": 100,
            },
            {"1152 代引売掛金": 11_880, "5110 売上原価": 4_200, "2140 未払金": 1_100},
        )
    ]
    assert balances(last=TODAY) == {
        "1210 商品": 21_000,
        "1360 仮払消費税": 100,
        "2140 未払金": 1_100,
        "3330 繰越利益剰余金": 21_000,
        "6220 荷造運賃": 1_000,
    }
    assert owed() == {}
    assert figures(dress, place) == (10, 0)


def paid_in_advance(method: str = "BANK_TRANSFER"):
    channel, place, dress = dress_shop()
    record = placed(channel, two_dresses(dress, PaymentInput(method, Decimal(11_550))))
    assert record.state == OrderState.AWAITING_PAYMENT
    journal = Journal()
    news = PaymentNews("入金-1", "PAID", NOON, Decimal(11_550))
    record_payment_event(channel=channel.code, external_id="A-1", event=news, **HOW)
    return channel, place, dress, record, journal


def test_paid_by_bank_transfer_before_shipment():
    _channel, _place, _dress, record, journal = paid_in_advance()
    assert journal.new() == [Entry({"1120 普通預金": 11_550}, {"2160 前受金": 11_550})]

    shipped(record)

    assert journal.new() == [Entry({"2160 前受金": 11_550, **COST}, SALE)]
    assert owed() == {}


def test_captured_with_the_order_and_sold_when_it_is_delivered():
    """着荷基準: until then the money is 前受金 and the goods are 積送品."""
    channel, _place, dress = dress_shop(revenue_basis="DELIVERY")
    journal = Journal()
    record = placed(channel, two_dresses(dress, card(11_550, "CAPTURED")))
    [parcel] = shipped(record)
    assert journal.new() == [
        Entry({"1151 クレジット売掛金": 11_550}, {"2160 前受金": 11_550}),
        Entry({"1215 積送品": 4_200}, {"1210 商品": 4_200}),
    ]

    delivered(parcel, TODAY + dt.timedelta(days=2))

    sold = {name: amount for name, amount in SALE.items() if name != "1210 商品"}
    assert journal.new() == [Entry({"2160 前受金": 11_550, **COST}, {**sold, "1215 積送品": 4_200})]
    assert owed() == {"1151 クレジットカード決済": 11_550}


def test_paid_before_shipment_cancelled_and_given_back():
    channel, place, dress, record, journal = paid_in_advance()
    journal.new()

    cancel_order(channel=channel.code, external_id="A-1", reason="お客様都合", **HOW)

    assert journal.new() == [Entry({"2160 前受金": 11_550}, {"2145 未払金(返金)": 11_550})]
    assert figures(dress, place) == (10, 0)
    [item] = open_items(document_type="ORDER", document_ids=[record.pk])

    pay_refund(customer=item.party, reference="R-1", paid_on=TODAY, items=[Settling(item.id)], **HOW)

    assert journal.new() == [Entry({"2145 未払金(返金)": 11_550}, {"1120 普通預金": 11_550})]
    assert balances(last=TODAY) == {"1210 商品": 21_000, "3330 繰越利益剰余金": 21_000}


def test_paid_at_a_convenience_store_shipped_and_paid_out():
    """The agent keeps 220 = 200 + 20."""
    _channel, _place, _dress, record, journal = paid_in_advance("CONVENIENCE_STORE")
    assert journal.new() == [Entry({"1340 未収入金": 11_550}, {"2160 前受金": 11_550})]

    payout("CVS", bank=11_330, fee=220)

    assert journal.new() == [
        Entry(
            {"1120 普通預金": 11_330, "6230 支払手数料 10%": 200, "1360 仮払消費税 10%": 20}, {"1340 未収入金": 11_550}
        )
    ]

    shipped(record)

    assert journal.new() == [Entry({"2160 前受金": 11_550, **COST}, SALE)]
    assert owed() == {}


def one_comes_back(record, condition: str = "SELLABLE"):
    lines = [ReturnedLine(ShipmentLine.objects.get().pk, 1, condition)]
    return record_return(order_id=record.pk, external_id="返品-1", lines=lines, **HOW)


def test_a_return_to_stock_before_the_provider_has_paid():
    channel, place, dress = dress_shop()
    record = placed(channel, two_dresses(dress, card(11_550)))
    shipped(record)
    journal = Journal()

    one_comes_back(record)

    assert journal.new() == [
        Entry(
            {"4180 売上返品 10%": 5_000, "2190 仮受消費税 10%": 500, "1210 商品": 2_100},
            {"1151 クレジット売掛金": 5_500, "5110 売上原価": 2_100},
        )
    ]
    assert owed() == {"1151 クレジットカード決済": 6_050}
    assert (figures(dress, place), worth(dress)) == ((9, 0), (9, Decimal(18_900)))


def test_a_return_after_the_money_was_received_is_owed_back():
    _channel, place, dress, record, journal = paid_in_advance()
    shipped(record)
    journal.new()

    one_comes_back(record)

    assert journal.new() == [
        Entry(
            {"4180 売上返品 10%": 5_000, "2190 仮受消費税 10%": 500, "1210 商品": 2_100},
            {"2145 未払金(返金)": 5_500, "5110 売上原価": 2_100},
        )
    ]
    assert figures(dress, place) == (9, 0)


def test_a_defective_return_is_written_down():
    channel, place, dress = dress_shop()
    record = placed(channel, two_dresses(dress, card(11_550)))
    shipped(record)
    journal = Journal()

    one_comes_back(record, "DEFECTIVE")

    assert journal.new() == [
        Entry(
            {"4180 売上返品 10%": 5_000, "2190 仮受消費税 10%": 500, "5160 商品評価損": 2_100},
            {"1151 クレジット売掛金": 5_500, "5110 売上原価": 2_100},
        )
    ]
    assert (figures(dress, place), worth(dress), worth(dress, "DEFECT")) == ((8, 0), (8, Decimal(16_800)), (1, 0))


def test_points_of_the_own_shop_are_a_discount_of_the_order_that_uses_them():
    """値引: 5,500 − 110 = 5,390 incl.; × 10/110 = 490, net 4,900. No liability anywhere."""
    channel, _place, dress = dress_shop()
    points = AdjustmentInput("POINTS", "SHOP", Decimal(110))
    record = placed(channel, order(line(dress, 1, 5_500), total=5_390, adjustments=(points,)))
    journal = Journal()

    shipped(record)

    assert journal.new() == [
        Entry(
            {"1151 クレジット売掛金": 5_390, "5110 売上原価": 2_100},
            {"4110 売上高(EC) 10%": 4_900, "2190 仮受消費税 10%": 490, "1210 商品": 2_100},
        )
    ]


def test_a_mall_order_with_coupons_and_points_and_its_payout():
    """Shop coupon 500: 11,550 − 500 = 11,050; × 10/110 = 1,004.5, floored 1,004: goods 10,500 − 954 = 9,546, parcel 550 − 50 = 500.

    The mall's coupon 300 and points 200 are its money: the shopper pays 10,550, the mall owes it all. It keeps 550 = 500 + 50 and 95 for points.
    """
    channel, _place, dress = dress_shop(kind="MALL")
    adjustments = (
        AdjustmentInput("COUPON", "SHOP", Decimal(500)),
        AdjustmentInput("COUPON", "MALL", Decimal(300)),
        AdjustmentInput("POINTS", "MALL", Decimal(200)),
    )
    payment = PaymentInput("MALL", Decimal(10_550), "AUTHORIZED")
    sent = two_dresses(dress, payment, adjustments=adjustments, total=11_050, amount_due=Decimal(10_550))
    record = placed(channel, sent)
    journal = Journal()

    shipped(record)

    assert journal.new() == [
        Entry(
            {"1153 モール売掛金": 11_050, **COST},
            {"4110 売上高(EC) 10%": 9_546, "4140 送料収入 10%": 500, "2190 仮受消費税 10%": 1_004, "1210 商品": 4_200},
        )
    ]
    assert owed() == {"1153 モール": 11_050}

    payout("MALL", bank=10_405, fee=550, promotion=95)

    assert journal.new() == [
        Entry(
            {
                "1120 普通預金": 10_405,
                "6230 支払手数料 10%": 500,
                "1360 仮払消費税 10%": 50,
                "6240 販売促進費 対象外": 95,
            },
            {"1153 モール売掛金": 11_050},
        )
    ]
    assert owed() == {}
