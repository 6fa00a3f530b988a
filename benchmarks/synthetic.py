"""Rows that PostgreSQL makes by itself from the kinds of their columns, spread as those of a company: few places, many goods, most work done."""

from __future__ import annotations

from typing import Any

MASTERS = 1_000
# How many there are of what is not a list of a million: few places and ways to sell, many goods.
MASTERS_OF = {
    "core.channel": 20, "core.department": 20, "ec_gateway.ecsite": 10, "inventory.location": 20, "inventory.reason": 20,
    "accounting.ledgeraccount": 200, "catalog.sku": 100_000, "catalog.product": 20_000, "catalog.size": 20, "catalog.pricelist": 20,
}  # fmt: skip
# What nearly all rows are, where it is neither what a new row is nor where its way ends; of several each as often as it stands here.
USUAL = {
    "accounting.journalentry.kind": ["AUTOMATIC"], "accounting.posting.side": ["DEBIT", "CREDIT"],
    "accounting.openitem.side": ["DEBIT", "DEBIT", "DEBIT", "CREDIT"], "accounting.openitem.party_kind": ["COUNTERPARTY"] * 3 + ["BILL_TO"],
    "accounting.billableitem.kind": ["GOODS"], "accounting.settlement.kind": ["PAYOUT"] * 4 + ["RECEIPT"],
    "catalog.skucode.kind": ["GTIN13"], "core.auditrow.action": ["INSERT", "UPDATE"], "core.messagelog.direction": ["IN", "OUT"],
    "core.messagelog.outcome": ["DONE"], "ec_gateway.inboundevent.kind": ["ORDER", "ORDER", "PAYMENT", "STOCK_ECHO"],
    "ec_gateway.inboundevent.source": ["WEBHOOK", "POLL"], "ec_gateway.inboundevent.state": ["DONE", "UNCHANGED"],
    "ec_gateway.reconciliationrun.state": ["DONE"], "inventory.stockdocument.kind": ["ISSUE"], "orders.order.state": ["SHIPPED"] * 19 + ["CANCELLED"],
    "orders.orderpayment.method": ["CARD", "CARD", "CARD", "COD", "MALL"], "orders.orderpayment.status": ["CAPTURED", "PAID"],
    "orders.orderhold.reason": ["UNKNOWN_SKU", "CUSTOMER_NOTE", "MANUAL"], "orders.shipment.state": ["DELIVERED"],
    "orders.shipment.revenue_basis": ["SHIPMENT"], "orders.order.revenue_basis": ["SHIPMENT"], "orders.return.kind": ["RETURN"],
}  # fmt: skip
# Two of ninety bear the name 高橋, twice as many as in Japan, one of them in its other form; every twentieth name is that of a company.
FAMILIES = [
    "佐藤", "鈴木", "髙橋", "高橋", "田中", "伊藤", "渡邉", "山本", "中村", "小林", "加藤", "吉田", "山田", "佐々木", "山口", "松本",
    "井上", "木村", "林", "斎藤", "清水", "山崎", "森", "池田", "橋本", "阿部", "石川", "山下", "中島", "石井", "小川", "前田", "岡田",
    "長谷川", "藤田", "後藤", "近藤", "村上", "遠藤", "青木", "坂本", "斉藤", "福田", "太田", "西村", "藤井", "金子", "岡本", "藤原",
    "三浦", "中野", "中川", "原田", "松田", "竹内", "小野", "田村", "中山", "和田", "石田", "森田", "上田", "原", "内田", "柴田", "酒井",
    "宮崎", "横山", "高木", "安藤", "宮本", "大野", "小島", "谷口", "今井", "工藤", "高田", "増田", "丸山", "杉山", "村田", "大塚", "新井",
    "小山", "平野", "藤本", "河野", "上野", "野口", "武田",
]  # fmt: skip
GIVEN = [
    "花子", "太郎", "一郎", "美咲", "翔太", "陽菜", "健太", "結衣", "大輔", "さくら", "直樹", "葵", "拓也", "七海", "剛", "彩", "誠",
    "真由美", "学", "恵", "浩", "由美子", "亮", "千尋", "隆", "明美", "徹", "久美子", "修", "和子", "豊",
]  # fmt: skip
KANA = [
    "サトウ", "スズキ", "タカハシ", "タナカ", "イトウ", "ワタナベ", "ヤマモト", "ナカムラ", "コバヤシ", "カトウ", "ヨシダ", "ヤマダ",
    "ササキ", "ヤマグチ", "マツモト", "イノウエ", "キムラ", "ハヤシ", "シミズ",
]  # fmt: skip


def _one_of(texts: list[str], place: str = "i") -> str:
    return "(ARRAY['" + "','".join(texts) + f"'])[{place} % {len(texts)} + 1]"


PERSON = f"{_one_of(FAMILIES)} || ' ' || {_one_of(GIVEN, 'i / 7')}"
NAMES = f"CASE WHEN i % 20 = 0 THEN '株式会社' || {_one_of(FAMILIES)} || '商店' || i / 20 ELSE {PERSON} END"
TEXTS = {
    "orderer_name": NAMES, "recipient_name": NAMES, "display_name": NAMES, "party_label": NAMES, "addressee": NAMES, "owner_label": NAMES,
    "family_name": _one_of(FAMILIES), "given_name": _one_of(GIVEN, "i / 7"),
    "orderer_kana": _one_of(KANA), "family_kana": _one_of(KANA), "given_kana": _one_of(KANA, "i / 7"),
    "company": f"CASE WHEN i % 20 = 0 THEN '株式会社' || {_one_of(FAMILIES)} ELSE '' END",
    "description": "'売上 SO-' || lpad(i::text, 8, '0')", "subject_label": "'SO-' || lpad(i::text, 8, '0')",
}  # fmt: skip
FEW = ("actor", "carrier", "provider", "currency", "kind", "table_name", "opened_by")


def masters_of(model: Any) -> int:
    return MASTERS_OF.get(model._meta.label_lower, MASTERS)


def value(field: Any, counts: dict[Any, int]) -> str:
    """SQL for a column, by its kind. Every thousandth row is in another state than the rest, as open work is among what is done."""
    from django.db import models

    if field.primary_key and not field.is_relation:
        return "i"
    if field.many_to_one or field.one_to_one:
        return _key(field, counts)
    if field.choices:
        values = [str(value) for value, _label in field.flatchoices]
        usual = USUAL.get(f"{field.model._meta.label_lower}.{field.name}") or [
            str(field.get_default()) if field.has_default() else values[-1]
        ]
        return f"CASE WHEN i % 1000 = 0 THEN {_one_of(values, 'i / 1000')} ELSE {_one_of(usual)} END"
    if isinstance(field, models.CharField | models.TextField):
        return _text(field)
    return _of_kind(field)


def _of_kind(field: Any) -> str:
    from django.db import models

    if isinstance(field, models.BooleanField):
        return f"i % 1000 {'<>' if field.get_default() else '='} 0"
    if isinstance(field, models.DateTimeField):
        return (
            "CASE WHEN i % 1000 = 0 THEN NULL ELSE now() - (2000000 - i) * interval '1 second' END"
            if field.null
            else "now() - (2000000 - i) * interval '1 second'"
        )
    if isinstance(field, models.DateField):
        return "current_date - (2000000 - i) / 1000"
    if isinstance(field, models.JSONField):
        return "'{}'"
    if isinstance(field, models.DecimalField | models.IntegerField):
        if field.name == "settled_amount":
            return "CASE WHEN i % 20 = 0 THEN 0 ELSE 1 + i % 10 END"
        return (
            "i" if field.name.endswith(("_id", "_seq")) else "i % 30000" if field.name.endswith("_no") else "1 + i % 10"
        )
    if field.null:
        return "NULL"
    if field.get_internal_type() == "Xid8Field":
        return "'1'::xid8"
    return "'{}'"


def _key(field: Any, counts: dict[Any, int]) -> str:
    if field.null and (field.one_to_one or field.name in ("reversal_of", "undoes", "run", "journal_entry")):
        return "NULL"
    # A table of masters may be a list of a million by itself; what others point to are as many of it as a company deals in.
    used = {model: min(count, MASTERS_OF.get(model._meta.label_lower, count)) for model, count in counts.items()}
    if (most := used.get(field.related_model, 0)) == 0:
        return "NULL"
    keys = [key for key in field.model._meta.local_concrete_fields if key.is_relation and used.get(key.related_model)]
    if any(used[key.related_model] >= counts[field.model] for key in keys) or field not in keys[:2]:
        # A row of a document has those of its document beside it; what is none of its key is of any.
        return f"100001 + i % {most}" if field in keys[:2] else f"100001 + i::bigint * 7919 / 13 % {most}"
    # Two keys are spread like the digits of a number, so that pairs are unique.
    return f"100001 + i / {used[keys[0].related_model] if field in keys[1:2] else 1} % {most}"


def _text(field: Any) -> str:
    length = field.max_length or 100
    if field.name in TEXTS:
        return f"left({TEXTS[field.name]}, {length})"
    if "phone" in field.name:
        return "'090-' || lpad((i / 10000)::text, 4, '0') || '-' || lpad((i % 10000)::text, 4, '0')"
    if field.name in ("error", "cancel_reason", "closed_by", "resolution"):
        return "CASE WHEN i % 1000 = 0 THEN 'x' ELSE '' END"
    if field.name.endswith("_type") or field.name in FEW:
        return f"left('{field.name[:2]}' || i % 10, {length})"
    if field.name == "number":
        return f"left('SO-' || lpad(i::text, 8, '0'), {length})"
    return f"left('{field.name[:2]}' || i, {length})"
