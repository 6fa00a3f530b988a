"""佐川 e飛伝III, 標準_飛脚宅配便_CSV_ヘッダ有り: 74 fields, first row names, letters of addresses in full width, 16 a line.

Source: らくうるカート「送り状データ e飛伝III」(contents.raku-uru.jp/documents/manual/data/ordercsv/ehiden3.html) and the code lists of
配達指定時間帯, 決済種別 and 指定シール as published with e飛伝II (5時間帯: 007, 指定日: 005, eコレクト全て: 010). The software takes only one of the
seals for day and slot, so the slot wins.
"""

from __future__ import annotations

import datetime as dt

from django.utils.translation import gettext as _

from erp.orders.models.carriers import CarrierAccount
from erp.orders.selectors.labels import Label
from erp.orders.services.carriers.layout import Row, digits, if_fits, wide

_WIDE_DIGITS = "１２３４５６７８９"
HEADER = (
    "お届け先コード取得区分", "お届け先コード", "お届け先電話番号", "お届け先郵便番号", "お届け先住所１", "お届け先住所２",
    "お届け先住所３", "お届け先名称１", "お届け先名称２", "お客様管理番号", "お客様コード", "部署ご担当者コード取得区分",
    "部署ご担当者コード", "部署ご担当者名称", "荷送人電話番号", "ご依頼主コード取得区分", "ご依頼主コード", "ご依頼主電話番号",
    "ご依頼主郵便番号", "ご依頼主住所１", "ご依頼主住所２", "ご依頼主名称１", "ご依頼主名称２", "荷姿",
    *(f"品名{n}" for n in _WIDE_DIGITS[:5]), "荷札荷姿", *(f"荷札品名{n}" for n in _WIDE_DIGITS), "荷札品名１０", "荷札品名１１",
    "出荷個数", "スピード指定", "クール便指定", "配達日", "配達指定時間帯", "配達指定時間（時分）", "代引金額", "消費税", "決済種別",
    "保険金額", "指定シール１", "指定シール２", "指定シール３", "営業所受取", "SRC区分", "営業所受取営業所コード", "元着区分",
    "メールアドレス", "ご不在時連絡先", "出荷日", "お問い合せ送り状No.", "出荷場印字区分", "集約解除指定",
    *(f"編集０{n}" for n in _WIDE_DIGITS), "編集１０",
)  # fmt: skip
SLOTS = {
    "": "", "AM": "01", "0812": "01", "1214": "12", "1416": "14", "1618": "16", "1820": "18", "1821": "04", "1921": "19",
}  # fmt: skip
SEAL_OF_DAY, SEAL_OF_SLOT, SEAL_OF_COD = "005", "007", "010"


def row_of(label: Label, account: CarrierAccount, *, ship_date: dt.date) -> Row:
    row = Row(label.order_number, label.number)
    put, to, sender = row.put, label.recipient, label.sender
    row.cells["お届け先コード取得区分"] = "0"
    row.phone("お届け先電話番号", to.phone, most=14)
    put("お届け先郵便番号", digits(to.postal_code), most=8, needed=True)
    row.spread(
        ["お届け先住所１", "お届け先住所２", "お届け先住所３"], wide(to.street + to.building), most=32, needed=True
    )
    row.spread(["お届け先名称１", "お届け先名称２"], wide(f"{to.company}{to.name}"), most=32, needed=True)
    put("お客様管理番号", label.number, most=16)
    put("お客様コード", digits(account.customer_code), most=12, needed=True)
    row.phone("ご依頼主電話番号", sender.phone, most=14)
    put("ご依頼主郵便番号", digits(sender.postal_code), most=8, needed=True)
    row.spread(["ご依頼主住所１", "ご依頼主住所２"], wide(sender.street + sender.building), most=32, needed=True)
    row.spread(
        ["ご依頼主名称１", "ご依頼主名称２"],
        wide(sender.name) + if_fits(wide(sender.company), 64 - 2 * len(sender.name)),
        most=32,
        needed=True,
    )
    row.spread(["品名１", "品名２"], wide(account.goods_name), most=32, needed=True)
    put("品名３", wide(label.order_number), most=32)
    row.cells |= {"出荷個数": "1", "スピード指定": "000", "クール便指定": "001", "元着区分": "1"}
    slot = label.time_slot.upper()
    if slot not in SLOTS:
        row.fault("配達指定時間帯", "unknown_slot", _("the carrier has no slot “%(slot)s”") % {"slot": label.time_slot})
    if label.wish_date:
        put("配達日", f"{label.wish_date:%Y%m%d}", most=8)
    row.cells["配達指定時間帯"] = SLOTS.get(slot, "")
    seals = [SEAL_OF_SLOT] if SLOTS.get(slot) else [SEAL_OF_DAY] if label.wish_date else []
    if label.cod is not None:
        put("代引金額", f"{label.cod:.0f}", most=7)
        put("消費税", f"{label.cod_tax:.0f}", most=6)
        row.cells["決済種別"] = "1"
        seals.append(SEAL_OF_COD)
    row.cells |= dict(zip(("指定シール１", "指定シール２", "指定シール３"), seals, strict=False))
    put("出荷日", f"{ship_date:%Y%m%d}", most=8)
    return row
