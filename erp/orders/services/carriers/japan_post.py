"""日本郵便 ゆうプリR, 発送予定データ: 118 fields by position, no row of names.

Source: 速販「ゆうパックプリントR 発送予定データ入出力項目レイアウト」(fields, bytes, 郵便種別, 元/着払/代引) and 日本郵便「ゆうプリR フィルタ設定
説明書」; codes of 配達時間帯区分 as other systems publish them (00 none, 51 morning, 52 to 55 two hours each, 56 20 to 21, 57 19 to 21).
"""

from __future__ import annotations

import datetime as dt

from django.utils.translation import gettext as _

from erp.orders.models.carriers import CarrierAccount
from erp.orders.selectors.labels import Label
from erp.orders.services.carriers.layout import Row, digits, if_fits

_TENS = [f"０{n}" for n in "１２３４５６７８９"] + ["１０"]
HEADER = (
    "お客様側管理番号", "発送予定日", "発送予定時間区分", "出荷期限日", "到着期限日", "郵便種別", "保冷種別", "元／着払／代引",
    "書留／セキュリティ／特定記録種別", "配達時間帯指定郵便種別", "送り状種別", "お届け先 コード", "お届け先 郵便番号", "お届け先 住所１",
    "お届け先 住所２", "お届け先 住所３", "お届け先 名称１", "お届け先 名称２", "お届け先 敬称区分", "お届け先 電話番号",
    "お届け先 メールアドレス１", "お届け先 局留め区分", "お届け先 局留め郵便局名", "お届け先 局留めメール使用区分",
    "お届け先 局留め郵便番号", "お届け先 配達予告メール使用区分", "お届け先 再配達予告メール使用区分", "ご依頼主 コード",
    "ご依頼主 集荷先と同一区分", "ご依頼主 郵便番号", "ご依頼主 住所１", "ご依頼主 住所２", "ご依頼主 住所３", "ご依頼主 名称１",
    "ご依頼主 名称２", "ご依頼主 敬称", "ご依頼主 電話番号", "ご依頼主 メールアドレス１", "ご依頼主 荷送人指図区分",
    "ご依頼主 お届け通知メール使用区分", "ご依頼主 お届け通知はがき使用区分", "集荷先 コード", "集荷先 連携可否区分", "集荷先 会社コード",
    "集荷先 依頼先店所コード", "集荷先 郵便番号", "集荷先 住所１", "集荷先 住所２", "集荷先 住所３", "集荷先 名称１", "集荷先 名称２",
    "集荷先 敬称", "集荷先 電話番号", "受注番号", "こわれもの区分", "なまもの区分", "ビン類区分", "逆さま厳禁区分", "下積み厳禁区分",
    "商品サイズ区分", "重量合計（ｇ）", "25kg超重量物区分", "損害要償額", "速達・配達日指定種別", "配達指定日／希望日", "配達時間帯区分",
    "差出方法区分", "ゆうパック複数個割引", "ゆうパック同一割引", "セット商品コード", "セット品名ラベル印字区分", "倉庫数", "複数個口数",
    "記事名１", "記事名２", *(f"フリー項目{n}" for n in _TENS), "空港利用区分", "空港・局／支店名", "航空会社名", "利用便名",
    "レジャー区分", "プレー・搭乗日", "プレー・搭乗時間", "クラブ本数", "復路集貨日", "出荷先登録名", "集荷希望区分", "集荷日付",
    "集荷時間帯区分", "支店連携先選択用名称", "代引金額", "代引消費税金額", "送り状発行年月日", "商品番号", "品名", "個数", "重量（ｇ）",
    "単価", "金額", *(f"商品備考{n}" for n in _TENS),
)  # fmt: skip
SLOTS = {
    "": "00", "AM": "51", "0812": "51", "1214": "52", "1416": "53", "1618": "54", "1820": "55", "2021": "56", "1921": "57",
}  # fmt: skip


def row_of(label: Label, account: CarrierAccount, *, ship_date: dt.date) -> Row:
    row = Row(label.order_number, label.number)
    put, to, sender = row.put, label.recipient, label.sender
    put("お客様側管理番号", label.number, most=15)
    put("発送予定日", f"{ship_date:%Y%m%d}", most=8)
    row.cells |= {"郵便種別": "0", "保冷種別": "0", "元／着払／代引": "2" if label.cod is not None else "0"}
    put("送り状種別", account.cod_form if label.cod is not None else account.prepaid_form, most=20, needed=True)
    put("お届け先 郵便番号", _postal(to.postal_code), most=8, needed=True)
    row.spread(["お届け先 住所１", "お届け先 住所２", "お届け先 住所３"], to.street + to.building, most=50, needed=True)
    put("お届け先 名称１", to.name, most=50, needed=True)
    put("お届け先 名称２", to.company, most=50)
    row.cells["お届け先 敬称区分"] = "0"
    row.phone("お届け先 電話番号", to.phone, most=20)
    put("ご依頼主 郵便番号", _postal(sender.postal_code), most=8, needed=True)
    row.spread(
        ["ご依頼主 住所１", "ご依頼主 住所２", "ご依頼主 住所３"], sender.street + sender.building, most=50, needed=True
    )
    put("ご依頼主 名称１", sender.name, most=50, needed=True)
    put("ご依頼主 名称２", if_fits(sender.company, 50), most=50)
    row.phone("ご依頼主 電話番号", sender.phone, most=15)
    put("受注番号", label.order_number, most=20)
    for flag in (
        "こわれもの区分",
        "なまもの区分",
        "ビン類区分",
        "逆さま厳禁区分",
        "下積み厳禁区分",
        "速達・配達日指定種別",
        "差出方法区分",
    ):
        row.cells[flag] = "0"
    slot = label.time_slot.upper()
    if slot not in SLOTS:
        row.fault("配達時間帯区分", "unknown_slot", _("the carrier has no slot “%(slot)s”") % {"slot": label.time_slot})
    row.cells["配達時間帯区分"] = SLOTS.get(slot, "")
    if label.wish_date:
        put("配達指定日／希望日", f"{label.wish_date:%Y%m%d}", most=8)
    row.cells["複数個口数"] = "1"
    put("記事名１", account.goods_name, most=50, needed=True)
    if label.cod is not None:
        put("代引金額", f"{label.cod:.0f}", most=7)
        put("代引消費税金額", f"{label.cod_tax:.0f}", most=7)
    put("品名", account.goods_name, most=50)
    row.cells["個数"] = "1"
    return row


def _postal(text: str) -> str:
    code = digits(text).replace("-", "")
    return f"{code[:3]}-{code[3:]}" if len(code) == 7 else code
