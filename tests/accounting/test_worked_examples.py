"""The journal of the trade, row by row, and the trial balance it makes, to the yen (税抜経理, 売上原価対立法).

What orders and stock cause is posted here line by line, their deposits by the rule of orders; what money and closings cause goes through their
services.
"""

from datetime import date
from decimal import Decimal

import pytest

from accounting import selectors, services
from accounting.models import Counterparty
from accounting.services import Party, Settling
from erp.core.models import Channel
from erp.orders.postings import Dimensions, Document, MoneyPart, advance_receipt, deposit_to_refund
from tests.accounting.factories import (
    CLERK,
    NOON,
    TODAY,
    bill_to,
    counterparty,
    credit,
    debit,
    new_item,
    post,
    remaining,
    settle,
    supplier,
)

pytestmark = pytest.mark.django_db

SHOPPER = Party("CUSTOMER", 5, "山田花子")


def balances(on: date = TODAY) -> dict[str, int]:
    """Closing balance of every account on its normal side, zeros left out."""
    sheet = selectors.trial_balance(first=date(2026, 4, 1), last=on)
    assert sheet.debit == sheet.credit
    assert sheet.closing_debit == sheet.closing_credit
    return {f"{row.code} {row.name}": int(row.closing) for row in sheet.rows if row.closing}


def cost(amount: int):
    return debit("cost_of_sales", amount), credit("inventory.goods", amount)


def card_shipment() -> int:
    entry = post(
        debit("receivable.card", 11_550, opens=new_item(counterparty())),
        credit("sales.ec", 10_000, tax_code="STANDARD_10"),
        credit("sales.shipping_fee", 500, tax_code="STANDARD_10"),
        credit("output_tax", 1_050, tax_code="STANDARD_10"),
        *cost(4_200),
    )
    return entry.item_ids[0]


def cod_shipment() -> int:
    entry = post(
        debit("receivable.cod", 11_880, opens=new_item(counterparty("YAMATO"))),
        credit("sales.ec", 10_000),
        credit("sales.shipping_fee", 500),
        credit("sales.cod_fee", 300),
        credit("output_tax", 1_080),
        *cost(4_200),
    )
    return entry.item_ids[0]


def payout(code: str, item: int, bank: int, *, fee: int = 0, fee_tax: str = "", promotion: int = 0):
    return services.record_payout(
        counterparty_id=Counterparty.objects.get(code=code).pk,
        reference="P-1",
        paid_on=TODAY,
        items=[Settling(item)],
        bank_amount=Decimal(bank),
        fee=Decimal(fee),
        fee_tax=fee_tax,
        promotion=Decimal(promotion),
        at=NOON,
        by=CLERK,
    )


def test_card_sale_at_shipment():
    card_shipment()

    assert balances() == {
        "1151 クレジット売掛金": 11_550,
        "1210 商品": -4_200,
        "2190 仮受消費税": 1_050,
        "4110 売上高(EC)": 10_000,
        "4140 送料収入": 500,
        "5110 売上原価": 4_200,
    }


def test_provider_payout_row_without_tax_on_the_fee():
    item = card_shipment()

    post(debit("bank", 11_135), debit("fees", 415), settle("CREDIT", item, 11_550))

    assert balances() == {
        "1120 普通預金": 11_135,
        "1210 商品": -4_200,
        "2190 仮受消費税": 1_050,
        "4110 売上高(EC)": 10_000,
        "4140 送料収入": 500,
        "5110 売上原価": 4_200,
        "6230 支払手数料": 415,
    }
    assert remaining(item) == 0


@pytest.mark.parametrize(
    ("fee_tax", "fees"),
    [("EXEMPT", {"6235 決済手数料(非課税)": 415}), ("TAXED", {"1360 仮払消費税": 37, "6230 支払手数料": 378})],
)
def test_provider_payout_with_exempt_and_taxed_fee(fee_tax, fees):
    payout("CARD", card_shipment(), 11_135, fee=415, fee_tax=fee_tax)

    assert balances() == {
        "1120 普通預金": 11_135,
        "1210 商品": -4_200,
        "2190 仮受消費税": 1_050,
        "4110 売上高(EC)": 10_000,
        "4140 送料収入": 500,
        "5110 売上原価": 4_200,
        **fees,
    }


def test_cash_on_delivery_from_shipment_to_remittance():
    item = cod_shipment()
    assert balances()["1152 代引売掛金"] == 11_880

    payout("YAMATO", item, 11_550, fee=330)

    assert balances() == {
        "1120 普通預金": 11_550,
        "1210 商品": -4_200,
        "1360 仮払消費税": 30,
        "2190 仮受消費税": 1_080,
        "4110 売上高(EC)": 10_000,
        "4140 送料収入": 500,
        "4150 代引手数料収入": 300,
        "5110 売上原価": 4_200,
        "6230 支払手数料": 300,
    }


ORDER = Document("ORDER", 1, "SO-1")


def web() -> Dimensions:
    channel, _is_new = Channel.objects.get_or_create(code="WEB", defaults={"name": "WEB", "kind": "EC_SITE"})
    return Dimensions(channel_id=channel.pk, department_id=None, currency="JPY")


def prepaid(role: str, payer: Party | None = None) -> list[int | None]:
    draft = advance_receipt(
        document=ORDER, money=MoneyPart(Decimal(11_550), role, payer), customer=SHOPPER, on=TODAY, dimensions=web()
    )
    return services.post_entries(drafts=[draft], at=NOON, by=CLERK)[0].item_ids


def prepaid_by_bank() -> int:
    return prepaid("bank")[1]


def test_prepaid_order_shipped_in_full():
    deposit = prepaid_by_bank()
    assert balances() == {"1120 普通預金": 11_550, "2160 前受金": 11_550}

    post(
        settle("DEBIT", deposit, 11_550),
        credit("sales.ec", 10_000),
        credit("sales.shipping_fee", 500),
        credit("output_tax", 1_050),
        *cost(4_200),
    )

    assert balances() == {
        "1120 普通預金": 11_550,
        "1210 商品": -4_200,
        "2190 仮受消費税": 1_050,
        "4110 売上高(EC)": 10_000,
        "4140 送料収入": 500,
        "5110 売上原価": 4_200,
    }


def test_prepaid_order_cancelled_before_shipment_and_refunded():
    deposit = prepaid_by_bank()
    draft = deposit_to_refund(
        title="キャンセル",
        document=ORDER,
        deposits=[MoneyPart(Decimal(11_550), "deposits", SHOPPER, settles=deposit)],
        customer=SHOPPER,
        on=TODAY,
        dimensions=web(),
    )

    owed = services.post_entries(drafts=[draft], at=NOON, by=CLERK)[0].item_ids[1]

    assert balances() == {"1120 普通預金": 11_550, "2145 未払金(返金)": 11_550}
    services.pay_refund(customer=SHOPPER, reference="R-1", paid_on=TODAY, items=[Settling(owed)], at=NOON, by=CLERK)
    assert balances() == {}


def test_convenience_store_paid_and_paid_out():
    owed = prepaid("receivable.agent", counterparty("CVS"))[0]
    assert balances() == {"1340 未収入金": 11_550, "2160 前受金": 11_550}

    payout("CVS", owed, 11_330, fee=220)

    assert balances() == {
        "1120 普通預金": 11_330,
        "1360 仮払消費税": 20,
        "2160 前受金": 11_550,
        "6230 支払手数料": 200,
    }


def sale_on_account() -> tuple[Party, int]:
    debtor = bill_to()
    entry = post(
        debit("receivable.account", 110_000, opens=new_item(debtor)),
        credit("sales.wholesale", 100_000),
        credit("output_tax", 10_000),
    )
    return debtor, entry.item_ids[0]


def test_sale_on_account_and_receipt_less_the_transfer_fee():
    debtor, item = sale_on_account()
    assert balances() == {"1150 売掛金": 110_000, "2190 仮受消費税": 10_000, "4130 売上高(卸)": 100_000}

    services.record_receipt(
        debtor=debtor,
        reference="B-1",
        received_on=TODAY,
        items=[Settling(item)],
        bank_amount=Decimal(109_560),
        fee_kept=Decimal(440),
        at=NOON,
        by=CLERK,
    )

    assert balances() == {
        "1120 普通預金": 109_560,
        "2190 仮受消費税": 9_960,
        "4130 売上高(卸)": 100_000,
        "4190 売上値引": 400,
    }
    assert remaining(item) == 0


@pytest.mark.parametrize(
    ("role", "stock_back", "name"),
    [("receivable.card", "inventory.goods", "1210 商品"), ("refunds_payable", "stock_writedown", "5160 商品評価損")],
    ids=["to stock, provider not yet paid", "defective, money to be sent back"],
)
def test_returns(role, stock_back, name):
    item = card_shipment()
    taken_back = (
        settle("CREDIT", item, 5_500)
        if role == "receivable.card"
        else credit(role, 5_500, opens=new_item(SHOPPER, 9, document_type="RETURN"))
    )

    post(
        debit("sales.returns", 5_000),
        debit("output_tax", 500),
        taken_back,
        debit(stock_back, 2_100),
        credit("cost_of_sales", 2_100),
    )

    found = balances()
    assert found["4180 売上返品"] == 5_000
    assert found["2190 仮受消費税"] == 550
    assert found["5110 売上原価"] == 2_100
    assert found[name] == (-2_100 if stock_back == "inventory.goods" else 2_100)
    assert remaining(item) == (6_050 if role == "receivable.card" else 11_550)
    assert found.get("2145 未払金(返金)", 0) == (0 if role == "receivable.card" else 5_500)


def test_goods_receipt_from_a_registered_supplier_and_its_payment():
    owed = post(
        debit("inventory.goods", 115_000),
        debit("input_tax", 11_500),
        credit("payable.suppliers", 126_500, opens=new_item(supplier(), document_type="RECEIPT")),
    ).item_ids[2]
    assert balances() == {"1210 商品": 115_000, "1360 仮払消費税": 11_500, "2120 買掛金": 126_500}

    services.pay_supplier(
        supplier=supplier(),
        reference="T-1",
        paid_on=TODAY,
        items=[Settling(owed)],
        fee=Decimal(440),
        at=NOON,
        by=CLERK,
    )

    assert balances() == {
        "1120 普通預金": -126_940,
        "1210 商品": 115_000,
        "1360 仮払消費税": 11_540,
        "6230 支払手数料": 400,
    }


def test_goods_receipt_before_its_invoice():
    post(debit("inventory.goods", 115_000), credit("goods_received_not_invoiced", 115_000))
    assert balances() == {"1210 商品": 115_000, "2125 仕入未請求仮勘定": 115_000}

    post(
        debit("goods_received_not_invoiced", 115_000),
        debit("input_tax", 11_500),
        credit("payable.suppliers", 126_500, opens=new_item(supplier())),
    )

    assert balances() == {"1210 商品": 115_000, "1360 仮払消費税": 11_500, "2120 買掛金": 126_500}


def test_goods_receipt_from_an_unregistered_supplier():
    post(
        debit("inventory.goods", 103_000),
        debit("input_tax", 7_000),
        credit("payable.suppliers", 110_000, opens=new_item(supplier())),
    )

    assert balances() == {"1210 商品": 103_000, "1360 仮払消費税": 7_000, "2120 買掛金": 110_000}


def test_shrinkage_and_write_down():
    post(debit("stock_loss", 5_750), credit("inventory.goods", 5_750))
    post(debit("stock_writedown", 5_000), credit("inventory.goods", 5_000))

    assert balances() == {"1210 商品": -10_750, "5150 棚卸減耗損": 5_750, "5160 商品評価損": 5_000}


def test_the_ledger_can_carry_own_points_as_a_contract_liability():
    """Posted by hand: no code computes the split (9,901 / 99). Own points are a discount at use, see docs/ledger.md."""
    post(
        debit("receivable.card", 11_000, opens=new_item(counterparty())),
        credit("sales.ec", 9_901),
        credit("contract_liability", 99),
        credit("output_tax", 1_000),
    )

    assert balances() == {
        "1151 クレジット売掛金": 11_000,
        "2165 契約負債": 99,
        "2190 仮受消費税": 1_000,
        "4110 売上高(EC)": 9_901,
    }


def test_consumption_tax_at_the_year_end():
    year_end = date(2027, 3, 31)
    post(debit("cash", 1_500_000), credit("output_tax", 1_500_000))
    post(debit("input_tax", 1_000_400), credit("cash", 1_000_400))

    services.post_year_end_tax(
        entry_date=year_end, payable=Decimal(499_500), description="消費税の確定", at=NOON, by=CLERK
    )

    assert balances(year_end) == {"1110 現金": 499_600, "2195 未払消費税": 499_500, "7190 雑収入": 100}


def test_mall_order_and_payout():
    item = post(
        debit("receivable.mall", 11_050, opens=new_item(counterparty("MALL"))),
        credit("sales.mall", 9_546),
        credit("sales.shipping_fee", 500),
        credit("output_tax", 1_004),
    ).item_ids[0]
    assert balances() == {
        "1153 モール売掛金": 11_050,
        "2190 仮受消費税": 1_004,
        "4110 売上高(EC)": 9_546,
        "4140 送料収入": 500,
    }

    payout("MALL", item, 10_405, fee=550, promotion=95)

    assert balances() == {
        "1120 普通預金": 10_405,
        "1360 仮払消費税": 50,
        "2190 仮受消費税": 1_004,
        "4110 売上高(EC)": 9_546,
        "4140 送料収入": 500,
        "6230 支払手数料": 500,
        "6240 販売促進費": 95,
    }


def test_revenue_on_acceptance():
    post(debit("inventory.in_transit", 4_200), credit("inventory.goods", 4_200))
    assert balances() == {"1210 商品": -4_200, "1215 積送品": 4_200}

    post(
        debit("receivable.account", 11_000, opens=new_item(bill_to())),
        credit("sales.wholesale", 10_000),
        credit("output_tax", 1_000),
        debit("cost_of_sales", 4_200),
        credit("inventory.in_transit", 4_200),
    )

    assert balances() == {
        "1150 売掛金": 11_000,
        "1210 商品": -4_200,
        "2190 仮受消費税": 1_000,
        "4130 売上高(卸)": 10_000,
        "5110 売上原価": 4_200,
    }


def test_sales_report_of_consigned_goods():
    post(
        debit("receivable.account", 6_600, opens=new_item(bill_to())),
        credit("sales.wholesale", 6_000),
        credit("output_tax", 600),
        debit("cost_of_sales", 2_500),
        credit("inventory.consigned", 2_500),
    )

    assert balances() == {
        "1150 売掛金": 6_600,
        "1216 委託先在庫": -2_500,
        "2190 仮受消費税": 600,
        "4130 売上高(卸)": 6_000,
        "5110 売上原価": 2_500,
    }


def test_cash_on_delivery_refused_at_the_door():
    item = cod_shipment()

    post(
        debit("sales.ec", 10_000),
        debit("sales.shipping_fee", 500),
        debit("sales.cod_fee", 300),
        debit("output_tax", 1_080),
        settle("CREDIT", item, 11_880),
        debit("inventory.goods", 4_200),
        credit("cost_of_sales", 4_200),
        debit("freight", 1_000),
        debit("input_tax", 100),
        credit("other_payables", 1_100),
    )

    assert balances() == {"1360 仮払消費税": 100, "2140 未払金": 1_100, "6220 荷造運賃": 1_000}
    assert remaining(item) == 0


def test_tax_difference_of_a_closing_invoice():
    debtor = bill_to()
    for net, tax in ((2_885, 288), (3_176, 317)):
        post(
            debit("receivable.account", net + tax, opens=new_item(debtor)),
            credit("sales.wholesale", net),
            credit("output_tax", tax),
        )

    services.post_tax_difference(
        item=new_item(debtor, 77, document_type="INVOICE"),
        difference=Decimal(606 - 605),
        entry_date=TODAY,
        tax_code="STANDARD_10",
        at=NOON,
        by=CLERK,
    )

    assert balances() == {"1150 売掛金": 6_667, "2190 仮受消費税": 606, "4130 売上高(卸)": 6_061}
