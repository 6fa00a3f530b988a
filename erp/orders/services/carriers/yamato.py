"""ヤマト B2クラウド, 基本レイアウト: 95 fields, first row names.

Source: ヤマト運輸「B2クラウド 送り状発行データレイアウト 入出力用」(bmypage.kuronekoyamato.co.jp/bmypage/pdf/new_exchange1.pdf), whose
numbers of fields, widths and codes (送り状種類 0 and 2, 配達時間帯, コレクト 1 to 300,000 yen) are kept here.
"""

from __future__ import annotations

import datetime as dt

from django.utils.translation import gettext as _

from erp.orders.models.carriers import CarrierAccount
from erp.orders.selectors.labels import Label
from erp.orders.services.carriers.layout import Row, digits, if_fits, split

_MAIL = ("利用区分", "e-mailアドレス", "メッセージ")
HEADER = (
    "お客様管理番号", "送り状種類", "クール区分", "伝票番号", "出荷予定日", "お届け予定日", "配達時間帯", "お届け先コード",
    "お届け先電話番号", "お届け先電話番号枝番", "お届け先郵便番号", "お届け先住所", "お届け先アパートマンション名",
    "お届け先会社・部門１", "お届け先会社・部門２", "お届け先名", "お届け先名(ｶﾅ)", "敬称", "ご依頼主コード", "ご依頼主電話番号",
    "ご依頼主電話番号枝番", "ご依頼主郵便番号", "ご依頼主住所", "ご依頼主アパートマンション", "ご依頼主名", "ご依頼主名(ｶﾅ)",
    "品名コード１", "品名１", "品名コード２", "品名２", "荷扱い１", "荷扱い２", "記事", "ｺﾚｸﾄ代金引換額（税込)", "内消費税額等", "止置き",
    "営業所コード", "発行枚数", "個数口表示フラグ", "請求先顧客コード", "請求先分類コード", "運賃管理番号",
    "クロネコwebコレクトデータ登録", "クロネコwebコレクト加盟店番号", "クロネコwebコレクト申込受付番号１",
    "クロネコwebコレクト申込受付番号２", "クロネコwebコレクト申込受付番号３", "お届け予定ｅメール利用区分",
    "お届け予定ｅメールe-mailアドレス", "入力機種", "お届け予定ｅメールメッセージ", "お届け完了ｅメール利用区分",
    "お届け完了ｅメールe-mailアドレス", "お届け完了ｅメールメッセージ", "クロネコ収納代行利用区分", "予備", "収納代行請求金額(税込)",
    "収納代行内消費税額等", "収納代行請求先郵便番号", "収納代行請求先住所", "収納代行請求先住所（アパートマンション名）",
    "収納代行請求先会社・部門名１", "収納代行請求先会社・部門名２", "収納代行請求先名(漢字)", "収納代行請求先名(カナ)",
    "収納代行問合せ先名(漢字)", "収納代行問合せ先郵便番号", "収納代行問合せ先住所", "収納代行問合せ先住所（アパートマンション名）",
    "収納代行問合せ先電話番号", "収納代行管理番号", "収納代行品名", "収納代行備考", "複数口くくりキー", "検索キータイトル1", "検索キー1",
    "検索キータイトル2", "検索キー2", "検索キータイトル3", "検索キー3", "検索キータイトル4", "検索キー4", "検索キータイトル5",
    "検索キー5", "予備", "予備", *(f"投函予定メール{name}" for name in _MAIL), *(f"投函完了メール(お届け先宛){name}" for name in _MAIL),
    *(f"投函完了メール(ご依頼主宛){name}" for name in _MAIL),
)  # fmt: skip
SLOTS = {"": "", "AM": "0812", **{slot: slot for slot in ("0812", "1416", "1618", "1820", "1921")}}
MOST_COD = 300_000


def row_of(label: Label, account: CarrierAccount, *, ship_date: dt.date) -> Row:
    row = Row(label.order_number, label.number)
    put = row.put
    put("お客様管理番号", label.number, most=50)
    put("送り状種類", "2" if label.cod else "0", most=1)
    put("クール区分", "0", most=1)
    put("出荷予定日", f"{ship_date:%Y/%m/%d}", most=10)
    if label.wish_date:
        put("お届け予定日", f"{label.wish_date:%Y/%m/%d}", most=10)
    if label.time_slot.upper() in SLOTS:
        row.cells["配達時間帯"] = SLOTS[label.time_slot.upper()]
    else:
        row.fault("配達時間帯", "unknown_slot", _("the carrier has no slot “%(slot)s”") % {"slot": label.time_slot})
    to, sender = label.recipient, label.sender
    row.phone("お届け先電話番号", to.phone, most=15)
    put("お届け先郵便番号", digits(to.postal_code), most=8, needed=True)
    # 都道府県 4, 市区郡町村 12, 町・番地 16 letters; what is beyond goes where the building stands.
    street = split(to.street, 64)
    put("お届け先住所", street[0] if street else "", most=64, needed=True)
    row.spread(["お届け先アパートマンション名", "お届け先会社・部門１"], "".join(street[1:]) + to.building, most=32)
    company = "お届け先会社・部門２" if row.cells.get("お届け先会社・部門１") else "お届け先会社・部門１"
    put(company, to.company, most=50)
    put("お届け先名", to.name, most=32, needed=True)
    put("敬称", "様", most=4)
    row.phone("ご依頼主電話番号", sender.phone, most=15)
    put("ご依頼主郵便番号", digits(sender.postal_code), most=8, needed=True)
    put("ご依頼主住所", sender.street, most=64, needed=True)
    put("ご依頼主アパートマンション", sender.building or if_fits(sender.company, 32), most=32)
    put("ご依頼主名", sender.name, most=32, needed=True)
    put("品名１", account.goods_name, most=50, needed=True)
    put("記事", label.order_number, most=44)
    if label.cod is not None:
        put("ｺﾚｸﾄ代金引換額（税込)", f"{label.cod:.0f}", most=7)
        put("内消費税額等", f"{label.cod_tax:.0f}", most=7)
        if label.cod > MOST_COD:
            row.fault(
                "ｺﾚｸﾄ代金引換額（税込)",
                "too_much",
                _("at most %(most)s yen can be collected") % {"most": f"{MOST_COD:,}"},
            )
    put("発行枚数", "1", most=2)
    put("請求先顧客コード", account.customer_code, most=12, needed=True)
    put("請求先分類コード", account.branch_code, most=3)
    put("運賃管理番号", account.freight_number, most=2, needed=True)
    put("検索キータイトル1", "受注番号", most=20)
    put("検索キー1", label.order_number, most=20)
    return row
