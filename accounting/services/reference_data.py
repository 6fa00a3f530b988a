"""The chart of accounts, roles, counterparties and payment routes that a new company starts with.

Loaded after every migration. A row that is there stays as staff left it; only missing ones are added. Account names are data of a Japanese
company and are therefore Japanese.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from django.apps import apps as installed_apps
from django.db import transaction

from accounting.models import (
    AccountRole,
    Counterparty,
    ExportFormat,
    ExportTaxLabel,
    LedgerAccount,
    PaymentRoute,
    Side,
)
from erp.core.actors import Actor
from erp.core.use_case import sign

Control = LedgerAccount.Control
Type = LedgerAccount.Type
Kind = Counterparty.Kind

CHART = {
    Type.ASSET: (
        "1110 現金 1120 普通預金 1130 当座預金 1150 売掛金 1151 クレジット売掛金 1152 代引売掛金 1153 モール売掛金 "
        "1154 後払い売掛金 1160 受取手形 1170 電子記録債権 1210 商品 1215 積送品 1216 委託先在庫 1220 貯蔵品 1310 前渡金 "
        "1320 前払費用 1330 立替金 1340 未収入金 1350 仮払金 1360 仮払消費税 1390 貸倒引当金 1510 工具器具備品 "
        "1610 ソフトウェア 1710 敷金保証金"
    ),
    Type.LIABILITY: (
        "2110 支払手形 2120 買掛金 2125 仕入未請求仮勘定 2130 短期借入金 2140 未払金 2145 未払金(返金) 2150 未払費用 "
        "2160 前受金 2165 契約負債 2170 預り金 2180 仮受金 2190 仮受消費税 2195 未払消費税 2197 未払法人税等 "
        "2210 商品券(前受) 2510 長期借入金"
    ),
    Type.EQUITY: "3110 資本金 3210 資本準備金 3330 繰越利益剰余金",
    Type.REVENUE: (
        "4110 売上高(EC) 4120 売上高(店舗) 4130 売上高(卸) 4140 送料収入 4150 代引手数料収入 4160 包装料収入 4170 手数料収入 "
        "4180 売上返品 4190 売上値引 7110 受取利息 7190 雑収入"
    ),
    Type.EXPENSE: (
        "5110 売上原価 5120 仕入高 5130 期首商品棚卸高 5140 期末商品棚卸高 5150 棚卸減耗損 5160 商品評価損 5170 購買価格差異 "
        "6110 役員報酬 6120 給料手当 6130 法定福利費 6210 広告宣伝費 6220 荷造運賃 6230 支払手数料 6235 決済手数料(非課税) "
        "6240 販売促進費 6310 地代家賃 6320 水道光熱費 6330 通信費 6340 消耗品費 6350 減価償却費 6360 租税公課 6370 貸倒損失 "
        "6390 雑費 8110 支払利息 8190 雑損失 9110 法人税等"
    ),
}
NORMALLY_CREDIT = {Type.LIABILITY, Type.EQUITY, Type.REVENUE}
# Contra accounts: they stand on the other side than their type.
CONTRA = {"1390", "4180", "4190", "5140"}
BY_OPEN_ITEMS = {"1150", "1151", "1152", "1153", "1154", "1340", "2120", "2145", "2160"}
BY_STOCK = {"1210", "1215", "1216"}

ROLES = {
    "cash": "1110",
    "bank": "1120",
    "receivable.account": "1150",
    "receivable.card": "1151",
    "receivable.cod": "1152",
    "receivable.mall": "1153",
    "receivable.deferred": "1154",
    "receivable.agent": "1340",
    "inventory.goods": "1210",
    "inventory.in_transit": "1215",
    "inventory.consigned": "1216",
    "input_tax": "1360",
    "payable.suppliers": "2120",
    "goods_received_not_invoiced": "2125",
    "other_payables": "2140",
    "refunds_payable": "2145",
    "deposits": "2160",
    "contract_liability": "2165",
    "suspense_receipts": "2180",
    "output_tax": "2190",
    "tax_payable": "2195",
    "gift_cards": "2210",
    "retained_earnings": "3330",
    "sales.ec": "4110",
    "sales.shop": "4120",
    "sales.wholesale": "4130",
    "sales.mall": "4110",
    "sales.shipping_fee": "4140",
    "sales.cod_fee": "4150",
    "sales.wrapping_fee": "4160",
    "sales.other_fee": "4170",
    "sales.returns": "4180",
    "sales.discounts": "4190",
    "cost_of_sales": "5110",
    "purchases": "5120",
    "opening_stock": "5130",
    "closing_stock": "5140",
    "stock_loss": "5150",
    "stock_writedown": "5160",
    "cost_variance": "5170",
    "freight": "6220",
    "fees": "6230",
    "fees.exempt": "6235",
    "promotion": "6240",
    "bad_debt": "6370",
    "rounding_gain": "7190",
    "rounding_loss": "8190",
}

# (code, name, kind, tax on its fee)
COUNTERPARTIES = [
    ("CARD", "クレジットカード決済", Kind.PAYMENT_PROVIDER, Counterparty.FeeTax.EXEMPT),
    ("WALLET", "ID・コード決済", Kind.PAYMENT_PROVIDER, Counterparty.FeeTax.EXEMPT),
    ("CARRIER_BILLING", "キャリア決済", Kind.PAYMENT_PROVIDER, Counterparty.FeeTax.EXEMPT),
    ("YAMATO", "ヤマト運輸", Kind.CARRIER, Counterparty.FeeTax.TAXED),
    ("SAGAWA", "佐川急便", Kind.CARRIER, Counterparty.FeeTax.TAXED),
    ("JAPANPOST", "日本郵便", Kind.CARRIER, Counterparty.FeeTax.TAXED),
    ("COD", "代引(運送会社)", Kind.CARRIER, Counterparty.FeeTax.TAXED),
    ("CVS", "コンビニ収納代行", Kind.COLLECTION_AGENT, Counterparty.FeeTax.TAXED),
    ("DEFERRED", "後払い決済", Kind.DEFERRED_PAYMENT, Counterparty.FeeTax.TAXED),
    ("MALL", "モール", Kind.MALL, Counterparty.FeeTax.TAXED),
    ("FUNDER", "クーポン・ポイント負担者", Kind.FUNDER, Counterparty.FeeTax.TAXED),
]

# (method, provider, role, counterparty, paid before shipment); an empty role: no money moves
ROUTES = [
    ("CARD", "", "receivable.card", "CARD", False),
    ("WALLET", "", "receivable.card", "WALLET", False),
    ("CARRIER_BILLING", "", "receivable.card", "CARRIER_BILLING", False),
    ("COD", "YAMATO", "receivable.cod", "YAMATO", False),
    ("COD", "SAGAWA", "receivable.cod", "SAGAWA", False),
    ("COD", "JAPANPOST", "receivable.cod", "JAPANPOST", False),
    ("COD", "", "receivable.cod", "COD", False),
    ("BANK_TRANSFER", "", "bank", "", True),
    ("CONVENIENCE_STORE", "", "receivable.agent", "CVS", True),
    ("DEFERRED", "", "receivable.deferred", "DEFERRED", False),
    ("MALL", "", "receivable.mall", "MALL", False),
    ("GIFT_CARD", "", "gift_cards", "", False),
    ("ON_ACCOUNT", "", "receivable.account", "", False),
    ("CASH", "", "cash", "", False),
    ("FUNDER", "", "receivable.agent", "FUNDER", False),
    ("NONE", "", "", "", False),
]

Direction = ExportTaxLabel.Direction
INVOICE_SYSTEM = date(2023, 10, 1)
BEGIN = date(1989, 4, 1)
# What 弥生会計 calls our tax codes when the amount includes its tax. Check against the installed version; rows are data.
YAYOI_LABELS = [
    ("STANDARD_10", Direction.SALE, date(2019, 10, 1), "課税売上込10%"),
    ("REDUCED_8", Direction.SALE, date(2019, 10, 1), "課税売上込軽減8%"),
    ("STANDARD_8", Direction.SALE, date(2014, 4, 1), "課税売上込8%"),
    ("ZERO_RATED", Direction.SALE, BEGIN, "輸出売上"),
    ("EXEMPT", Direction.SALE, BEGIN, "非課税売上"),
    ("OUT_OF_SCOPE", Direction.SALE, BEGIN, "対象外"),
    ("STANDARD_10", Direction.PURCHASE, date(2019, 10, 1), "課対仕入込10%"),
    ("STANDARD_10", Direction.PURCHASE, INVOICE_SYSTEM, "課対仕入込10%適格"),
    ("REDUCED_8", Direction.PURCHASE, date(2019, 10, 1), "課対仕入込軽減8%"),
    ("REDUCED_8", Direction.PURCHASE, INVOICE_SYSTEM, "課対仕入込軽減8%適格"),
    ("STANDARD_8", Direction.PURCHASE, date(2014, 4, 1), "課対仕入込8%"),
    ("EXEMPT", Direction.PURCHASE, BEGIN, "非課税仕入"),
    ("OUT_OF_SCOPE", Direction.PURCHASE, BEGIN, "対象外"),
    # From suppliers without a registration number, by the share of the tax that may be deducted (経過措置).
    ("STANDARD_10_80", Direction.PURCHASE, INVOICE_SYSTEM, "課対仕入込10%区分80%"),
    ("STANDARD_10_70", Direction.PURCHASE, INVOICE_SYSTEM, "課対仕入込10%区分70%"),
    ("STANDARD_10_50", Direction.PURCHASE, INVOICE_SYSTEM, "課対仕入込10%区分50%"),
    ("STANDARD_10_30", Direction.PURCHASE, INVOICE_SYSTEM, "課対仕入込10%区分30%"),
    ("STANDARD_10_0", Direction.PURCHASE, INVOICE_SYSTEM, "課対仕入込10%控不"),
    ("REDUCED_8_80", Direction.PURCHASE, INVOICE_SYSTEM, "課対仕入込軽減8%区分80%"),
    ("REDUCED_8_70", Direction.PURCHASE, INVOICE_SYSTEM, "課対仕入込軽減8%区分70%"),
    ("REDUCED_8_50", Direction.PURCHASE, INVOICE_SYSTEM, "課対仕入込軽減8%区分50%"),
    ("REDUCED_8_30", Direction.PURCHASE, INVOICE_SYSTEM, "課対仕入込軽減8%区分30%"),
    ("REDUCED_8_0", Direction.PURCHASE, INVOICE_SYSTEM, "課対仕入込軽減8%控不"),
]


def load_reference_data(*, apps: Any = installed_apps, **_signal: Any) -> None:
    """Receiver of ``post_migrate``. Repeatable; does nothing while the tables are not there (a migration back to zero)."""
    try:
        apps.get_model("accounting", "ExportTaxLabel")
    except LookupError:
        return
    with transaction.atomic():
        sign(Actor.command("migrate"))
        LedgerAccount.objects.bulk_create(_chart(), ignore_conflicts=True)
        accounts = dict(LedgerAccount.objects.values_list("code", "pk"))
        AccountRole.objects.bulk_create(
            [AccountRole(role=role, account_id=accounts[code]) for role, code in ROLES.items()], ignore_conflicts=True
        )
        Counterparty.objects.bulk_create(
            [Counterparty(code=code, name=name, kind=kind, fee_tax=tax) for code, name, kind, tax in COUNTERPARTIES],
            ignore_conflicts=True,
        )
        parties = dict(Counterparty.objects.values_list("code", "pk"))
        PaymentRoute.objects.bulk_create(
            [
                PaymentRoute(
                    method=method,
                    provider=provider,
                    role=role,
                    counterparty_id=parties.get(party),
                    must_be_paid_first=paid_first,
                )
                for method, provider, role, party, paid_first in ROUTES
            ],
            ignore_conflicts=True,
        )
        ExportTaxLabel.objects.bulk_create(
            [
                ExportTaxLabel(format=ExportFormat.YAYOI, tax_code=code, direction=side, valid_from=start, label=label)
                for code, side, start, label in YAYOI_LABELS
            ],
            ignore_conflicts=True,
        )


def _chart() -> list[LedgerAccount]:
    accounts = []
    for account_type, words in CHART.items():
        terms = words.split()
        for code, name in zip(terms[::2], terms[1::2], strict=True):
            credit = (account_type in NORMALLY_CREDIT) != (code in CONTRA)
            accounts.append(
                LedgerAccount(
                    code=code,
                    name=name,
                    type=account_type,
                    normal_side=Side.CREDIT if credit else Side.DEBIT,
                    control=Control.OPEN_ITEM
                    if code in BY_OPEN_ITEMS
                    else Control.STOCK
                    if code in BY_STOCK
                    else Control.NONE,
                )
            )
    return accounts
