"""What mails about orders say: the placeholders of each kind and their values, read from the order as it stands when the mail is written.

What shoppers read is Japanese, whatever language the page of whoever looks at it is in; the words here are data, like the templates.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

from django.db.models import Q
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from erp.core.clock import TOKYO
from erp.core.models import TaxRate
from erp.core.money import COMPANY_CURRENCY, ZERO, written
from erp.correspondence.models import MailKind
from erp.correspondence.selectors import Attachment, Contents, Placeholder, Topic, Writer, one_line
from erp.correspondence.selectors import register as register_writer
from erp.orders.models import (
    Delivery,
    Order,
    OrderAdjustment,
    OrderFee,
    OrderLine,
    OrderPayment,
    OrderTaxTotal,
    PaymentEvent,
    PaymentMethod,
    PaymentStatus,
    Receipt,
    Return,
    ReturnLine,
    Shipment,
    ShipmentLine,
)
from erp.orders.selectors.carriers import carrier_name, tracking_url
from erp.orders.selectors.delivery_notes import slot_in_words
from erp.orders.selectors.order_sheet import order_sheet

SAMPLES = 20
METHODS = {
    PaymentMethod.CARD: "クレジットカード", PaymentMethod.COD: "代金引換", PaymentMethod.BANK_TRANSFER: "銀行振込(前払い)",
    PaymentMethod.CONVENIENCE_STORE: "コンビニエンスストア払い(前払い)", PaymentMethod.DEFERRED: "後払い",
    PaymentMethod.WALLET: "ID決済・電子マネー", PaymentMethod.CARRIER_BILLING: "キャリア決済", PaymentMethod.MALL: "モールでのお支払い",
    PaymentMethod.GIFT_CARD: "ギフトカード", PaymentMethod.ON_ACCOUNT: "掛け払い(請求書)", PaymentMethod.CASH: "現金",
    PaymentMethod.NONE: "お支払いなし",
}  # fmt: skip
FEES = {
    OrderFee.Kind.SHIPPING: "送料", OrderFee.Kind.COD: "代引手数料", OrderFee.Kind.WRAPPING: "ラッピング料", OrderFee.Kind.OTHER: "手数料",
}  # fmt: skip
DISCOUNTS = {
    OrderAdjustment.Kind.COUPON: "クーポン", OrderAdjustment.Kind.POINTS: "ポイント", OrderAdjustment.Kind.CAMPAIGN: "値引き",
}  # fmt: skip
# Refunds by these go back the way the money came; for the others we have to ask where to.
GOES_BACK_BY_ITSELF = frozenset(
    {
        PaymentMethod.CARD, PaymentMethod.WALLET, PaymentMethod.CARRIER_BILLING, PaymentMethod.MALL, PaymentMethod.GIFT_CARD,
        PaymentMethod.DEFERRED,
    }
)  # fmt: skip

_COMMON = (
    Placeholder("お名前", gettext_lazy("Who ordered")),
    Placeholder("注文番号", gettext_lazy("The order's number in the shop, as the shopper knows it")),
    Placeholder("受注番号", gettext_lazy("Our number of the order")),
    Placeholder("注文日", gettext_lazy("Day of the order")),
    Placeholder("お支払方法", gettext_lazy("How it is paid")),
    Placeholder("お支払期限", gettext_lazy("Until when it is to be paid; empty when it is paid")),
    Placeholder("お届け希望日", gettext_lazy("Wished day and hours of delivery")),
    Placeholder("合計金額", gettext_lazy("Total, tax included")),
    Placeholder("お支払金額", gettext_lazy("What the shopper pays")),
    Placeholder("注文明細", gettext_lazy("Table of what was ordered"), is_block=True),
    Placeholder("金額明細", gettext_lazy("Goods, fees, discounts, tax per rate, total"), is_block=True),
    Placeholder("お届け先", gettext_lazy("Names and addresses of all destinations"), is_block=True),
)
_MONEY_BACK = Placeholder("返金のご案内", gettext_lazy("How the money comes back; empty when nothing was paid"))
_OF_KIND: dict[str, tuple[Placeholder, ...]] = {
    MailKind.PAYMENT_RECEIVED: (
        Placeholder("入金額", gettext_lazy("What came in")),
        Placeholder("入金日", gettext_lazy("Day on which it came in")),
    ),
    MailKind.SHIPPED: (
        Placeholder("出荷番号", gettext_lazy("Our number of the parcel")),
        Placeholder("発送日", gettext_lazy("Day of shipping")),
        Placeholder("配送会社", gettext_lazy("Name of the carrier")),
        Placeholder("送り状番号", gettext_lazy("Tracking number")),
        Placeholder("お荷物のお問い合わせ", gettext_lazy("Page of the carrier on which the parcel is followed")),
        Placeholder("分納のご案内", gettext_lazy("Says that the order comes in several parcels, if it does")),
        Placeholder("未発送のご案内", gettext_lazy("Heading of what follows later, if something does")),
        Placeholder("発送明細", gettext_lazy("Table of what is in the parcel"), is_block=True),
        Placeholder("発送先", gettext_lazy("Name and address on the parcel"), is_block=True),
        Placeholder("未発送明細", gettext_lazy("Table of what follows later"), is_block=True),
    ),
    MailKind.SHORTAGE: (
        Placeholder("欠品明細", gettext_lazy("Table of what is missing"), is_block=True),
        Placeholder("欠品のご案内", gettext_lazy("What becomes of it: cancelled, or to be told")),
        _MONEY_BACK,
    ),
    MailKind.ARRIVAL_MOVED: (
        Placeholder(
            "入荷予定明細",
            gettext_lazy("Table of what waits for goods, with the day on which they should come"),
            is_block=True,
        ),
        Placeholder(
            "入荷の遅れのお詫び",
            gettext_lazy("An apology, where goods come later than the shopper knows; empty otherwise"),
        ),
    ),
    MailKind.CANCELLED: (
        Placeholder("キャンセル明細", gettext_lazy("Table of what was cancelled"), is_block=True),
        _MONEY_BACK,
    ),
    MailKind.RETURNED: (
        Placeholder("返品日", gettext_lazy("Day of the return")),
        Placeholder("返品金額", gettext_lazy("Amount of what came back, tax included")),
        Placeholder("返品明細", gettext_lazy("Table of what came back"), is_block=True),
        _MONEY_BACK,
    ),
    MailKind.RECEIPT: (
        Placeholder("領収書番号", gettext_lazy("Number of the receipt")),
        Placeholder("領収金額", gettext_lazy("Amount of the receipt")),
    ),
}


def register_letters() -> None:
    register_writer(Writer("ORDER", frozenset(MailKind.values), placeholders, write, samples))


def placeholders(kind: str) -> Sequence[Placeholder]:
    return (*_COMMON, *_OF_KIND.get(kind, ()))


def samples(channel_id: int | None) -> list[tuple[int, str]]:
    """The newest orders, to try a template on."""
    found = Order.objects.all() if channel_id is None else Order.objects.filter(channel=channel_id)
    return list(found.order_by("-pk").values_list("pk", "number")[:SAMPLES])


@translation.override("ja")
def write(topic: Topic) -> Contents:
    """Every value of a kind of mail about an order."""
    order = Order.objects.select_related("channel", "customer_record").get(pk=topic.document_id)
    values = dict.fromkeys((item.name for item in placeholders(topic.kind)), "")
    values |= _common(order)
    if topic.kind in _SPECIAL:
        values |= _SPECIAL[topic.kind](order, topic)
    return Contents(order.orderer_email.strip(), values, why_unreachable(order), _attached(topic))


def why_unreachable(order: Order) -> str:
    """Why nobody can write to this shopper; empty when one can."""
    if not order.orderer_email.strip():
        return _("The order brought no e-mail address.")
    record = order.customer_record
    is_relay = record is not None and record.email_is_relay and record.email == order.orderer_email
    if is_relay or (order.orderer or {}).get("email_is_relay"):
        return _("The address %(it)s is a relay of the mall, which takes no mails from us.") % {
            "it": order.orderer_email
        }
    return ""


def _attached(topic: Topic) -> list[Attachment]:
    """The receipt that a mail brings."""
    from erp.orders.selectors.receipts import receipt_pdf  # which says payments in the words of this page

    found = Receipt.objects.filter(pk=topic.about_id or 0).first() if topic.about_type == "RECEIPT" else None
    return [Attachment(f"{found.number}.pdf", "application/pdf", receipt_pdf(found).content)] if found else []


def _receipt(order: Order, topic: Topic) -> dict[str, str]:
    receipt = Receipt.objects.filter(order=order, pk=topic.about_id or 0).first()
    if receipt is None:
        return {}
    return {"領収書番号": receipt.number, "領収金額": _money(receipt.amount, receipt.currency)}


def _common(order: Order) -> dict[str, str]:
    lines = list(OrderLine.objects.filter(order=order).order_by("line_no"))
    deliveries = list(Delivery.objects.filter(order=order, lines__isnull=False).distinct().order_by("pk"))
    payments = [payment for payment in _payments(order) if payment.amount]
    unpaid = [payment for payment in payments if payment.status == PaymentStatus.PENDING and payment.due_at]
    return {
        "お名前": one_line(order.orderer_name) or "お客",
        "注文番号": one_line(order.external_id),
        "受注番号": order.number,
        "注文日": _day(order.ordered_at),
        "お支払方法": "、".join(dict.fromkeys(METHODS.get(PaymentMethod(item.method), "") for item in payments)),
        "お支払期限": _day(min(item.due_at for item in unpaid if item.due_at)) if unpaid else "",
        "お届け希望日": "、".join(dict.fromkeys(filter(None, map(_wish, deliveries)))),
        "合計金額": _money(order.total, order.currency),
        "お支払金額": _money(order.amount_due, order.currency),
        "注文明細": _table(order, [(line, line.quantity) for line in lines], priced=True),
        "金額明細": _amounts(order, lines),
        "お届け先": "\n\n".join(map(_address, deliveries)),
    }


def _payment(order: Order, topic: Topic) -> dict[str, str]:
    payment = OrderPayment.objects.filter(order=order, pk=topic.about_id or 0).first()
    if payment is None:
        paid = [item for item in _payments(order) if item.received_amount]
        payment = paid[-1] if paid else None
    if payment is None:
        return {}
    news = PaymentEvent.objects.filter(payment=payment, kind__in=[PaymentEvent.Kind.PAID, PaymentEvent.Kind.CAPTURED])
    latest = news.order_by("-pk").first()
    # The same money may be told twice; the books have it once.
    came_for_sold = min(max(payment.told_amount - payment.attached_amount, ZERO), payment.owed_amount)
    amount = payment.attached_amount + came_for_sold or min(payment.told_amount, payment.amount)
    return {"入金額": _money(amount, order.currency), "入金日": _day(latest.occurred_at) if latest else ""}


def _shipped(order: Order, topic: Topic) -> dict[str, str]:
    parcels = Shipment.objects.filter(order=order, ship_date__isnull=False).select_related("delivery").order_by("pk")
    parcel = parcels.filter(pk=topic.about_id).first() if topic.about_id else parcels.last()
    if parcel is None:
        return {}
    contents = ShipmentLine.objects.filter(shipment=parcel).select_related("order_line").order_by("order_line__line_no")
    rest = [
        (line, line.quantity - line.shipped_quantity - line.cancelled_quantity)
        for line in OrderLine.objects.filter(order=order).order_by("line_no")
    ]
    rest = [(line, count) for line, count in rest if count > 0]
    several = bool(rest) or parcels.exclude(pk=parcel.pk).exists()
    return {
        "出荷番号": parcel.number,
        "発送日": _date(parcel.ship_date),
        "配送会社": one_line(carrier_name(parcel.carrier)),
        "送り状番号": one_line(parcel.tracking_number),
        "お荷物のお問い合わせ": tracking_url(parcel.carrier, parcel.tracking_number),
        "分納のご案内": "ご注文の商品は、複数回に分けてお届けいたします。" if several else "",
        "未発送のご案内": "■ 後日お送りする商品" if rest else "",
        "発送明細": _table(order, [(line.order_line, line.quantity) for line in contents]),
        "発送先": _address(parcel.delivery),
        "未発送明細": _table(order, rest),
    }


def _short(order: Order, _topic: Topic) -> dict[str, str]:
    if order.cancelled_at is not None:
        return {
            "欠品明細": _table(order, _cancelled_lines(order)),
            "欠品のご案内": "誠に勝手ながら、上記の商品はキャンセルとさせていただきました。",
            "返金のご案内": _money_back(order),
        }
    missing = [(line.row, line.lacking) for line in order_sheet(order).lines if line.lacking]
    return {
        "欠品明細": _table(order, missing),
        "欠品のご案内": "入荷の見込みと今後のお手続きにつきまして、確認でき次第、あらためてご連絡いたします。",
        "返金のご案内": "",
    }


def _arrivals(order: Order, _topic: Topic) -> dict[str, str]:
    """Every line that waits and has a day, and whether it is later than the one the shopper knows."""
    items, is_late = [], False
    for found in order_sheet(order).lines:
        line = found.row
        if found.lacking and line.arrival_date:
            known = line.arrival_told or line.promised_date
            moves = known is not None and known != line.arrival_date
            is_late = is_late or (moves and known is not None and line.arrival_date > known)
            was = f"(変更前: {_date(known)})" if moves else ""
            items.append(f"{_table(order, [(line, found.lacking)])}\n  入荷予定日: {_date(line.arrival_date)}{was}")
    return {
        "入荷予定明細": "\n".join(items),
        "入荷の遅れのお詫び": "お待たせいたしますことを、心よりお詫び申し上げます。" if is_late else "",
    }


def _cancelled(order: Order, _topic: Topic) -> dict[str, str]:
    # What has left is the shopper's until it comes back.
    has_left = OrderLine.objects.filter(order=order, shipped_quantity__gt=0).exists()
    told = _money_back(order, "キャンセルした分の金額") if has_left else _money_back(order)
    return {"キャンセル明細": _table(order, _cancelled_lines(order)), "返金のご案内": told}


def _returned(order: Order, topic: Topic) -> dict[str, str]:
    found = Return.objects.filter(order=order).order_by("pk")
    document = found.filter(pk=topic.about_id).first() if topic.about_id else found.last()
    if document is None:
        return {}
    back = ReturnLine.objects.filter(document=document).select_related("shipment_line__order_line").order_by("pk")
    lines = [
        f"・{one_line(line.shipment_line.order_line.name if line.shipment_line else line.description)} × {line.quantity}点"
        for line in back
        if line.fee_id is None
    ]
    return {
        "返品日": _date(document.return_date),
        "返品金額": _money(document.gross_amount, order.currency),
        "返品明細": "\n".join(lines),
        "返金のご案内": _money_back(order),
    }


_SPECIAL: dict[str, Callable[[Order, Topic], dict[str, str]]] = {
    MailKind.PAYMENT_RECEIVED: _payment,
    MailKind.SHIPPED: _shipped,
    MailKind.SHORTAGE: _short,
    MailKind.ARRIVAL_MOVED: _arrivals,
    MailKind.CANCELLED: _cancelled,
    MailKind.RETURNED: _returned,
    MailKind.RECEIPT: _receipt,
}


def _cancelled_lines(order: Order) -> list[tuple[OrderLine, int]]:
    found = OrderLine.objects.filter(order=order, cancelled_quantity__gt=0).order_by("line_no")
    return [(line, line.cancelled_quantity) for line in found]


def _money_back(order: Order, what: str = "お支払いいただいた金額") -> str:
    """Only where money is here, or a provider has it, is there something to give back."""
    paid = [item for item in _payments(order) if max(item.received_amount, item.applied_amount) > 0]
    if not paid:
        return ""
    if all(item.method in GOES_BACK_BY_ITSELF for item in paid):
        return f"{what}は、ご利用のお支払方法を通じて返金いたします。"
    return f"{what}は、銀行振込で返金いたします。お振込先の口座を、このメールへのご返信でお知らせください。"


def _table(order: Order, lines: Iterable[tuple[OrderLine, int]], *, priced: bool = False) -> str:
    """One item per paragraph: what phones show of columns is no table."""
    reduced = _reduced_codes()
    return "\n".join(_item(order, line, count, reduced, priced=priced) for line, count in lines)


def _item(order: Order, line: OrderLine, count: int, reduced: frozenset[str], *, priced: bool) -> str:
    mark = " ※" if line.tax_code in reduced else ""
    told = [f"・{one_line(line.name or line.sku_code)}{mark}"]
    if options := "、".join(filter(None, map(_option, line.options or []))):
        told.append(f"  {options}")
    if code := line.channel_item_code or line.sku_code:
        told.append(f"  商品番号: {one_line(code)}")
    if priced and line.unit_price is not None:
        tax = "" if line.tax_included else "(税抜)"
        each, all_of_it = _money(line.unit_price, order.currency), _money(line.unit_price * count, order.currency)
        told.append(f"  {each}{tax} × {count}点 = {all_of_it}")
    else:
        told.append(f"  数量: {count}点")
    return "\n".join(told)


def _option(option: Any) -> str:
    if isinstance(option, dict):
        name, value = option.get("name", ""), option.get("value", "")
        return one_line(f"{name}: {value}" if name else value)
    return one_line(option)


def _amounts(order: Order, lines: Sequence[OrderLine]) -> str:
    if order.total is None:
        return ""

    def money(amount: Decimal | None) -> str:
        return _money(amount, order.currency)

    goods = sum((line.charged_amount or ZERO for line in lines), ZERO)
    told = [f"商品小計: {money(goods)}"]
    fees = OrderFee.objects.filter(order=order).order_by("line_no")
    told += [f"{FEES[OrderFee.Kind(fee.kind)]}: {money(fee.amount)}" for fee in fees]
    adjustments = list(OrderAdjustment.objects.filter(order=order).order_by("line_no"))
    ours = [item for item in adjustments if item.funded_by == OrderAdjustment.Funder.SHOP]
    told += [f"{DISCOUNTS[OrderAdjustment.Kind(item.kind)]}: -{money(item.amount)}" for item in ours]
    totals = list(OrderTaxTotal.objects.filter(order=order).order_by("-tax_percent", "tax_code"))
    if not order.prices_include_tax:
        told.append(f"消費税: {money(order.tax_amount)}")
    told.append(f"合計(税込): {money(order.total)}")
    reduced = _reduced_codes()
    for total in totals:
        mark = "※" if total.tax_code in reduced else ""
        told.append(
            f"  {written(total.tax_percent)}%対象{mark}: {money(total.gross_amount)}(うち消費税 {money(total.tax_amount)})"
        )
    if any(total.tax_code in reduced for total in totals):
        told.append("  ※は軽減税率の対象です。")
    others = [item for item in adjustments if item.funded_by != OrderAdjustment.Funder.SHOP]
    told += [f"{DISCOUNTS[OrderAdjustment.Kind(item.kind)]}ご利用: -{money(item.amount)}" for item in others]
    if others:
        told.append(f"お支払金額: {money(order.amount_due)}")
    return "\n".join(told)


def _address(delivery: Delivery) -> str:
    told = [
        f"〒{delivery.postal_code}" if delivery.postal_code else "",
        one_line(f"{delivery.prefecture}{delivery.city}{delivery.street} {delivery.building}"),
        f"{one_line(delivery.recipient_name)} 様" if delivery.recipient_name else "",
    ]
    return "\n".join(filter(None, map(str.strip, told)))


def _wish(delivery: Delivery) -> str:
    hours = slot_in_words(one_line(delivery.time_slot)) if delivery.time_slot else ""
    return " ".join(filter(None, [_date(delivery.wish_date), hours]))


def _payments(order: Order) -> list[OrderPayment]:
    found = OrderPayment.objects.filter(order=order).exclude(
        Q(method=PaymentMethod.FUNDER) | Q(method=PaymentMethod.NONE)
    )
    return list(found.order_by("line_no"))


def _reduced_codes() -> frozenset[str]:
    return frozenset(TaxRate.objects.filter(is_reduced=True).values_list("code", flat=True))


def _money(amount: Decimal | None, currency: str) -> str:
    if amount is None:
        return ""
    return f"{written(amount)}円" if currency == COMPANY_CURRENCY else f"{written(amount)} {currency}"


def _day(moment: dt.datetime) -> str:
    return _date(moment.astimezone(TOKYO).date())


def _date(day: dt.date | None) -> str:
    return f"{day.year}年{day.month}月{day.day}日" if day else ""
