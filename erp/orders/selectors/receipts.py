"""領収書: what one would say now, why none can be issued, and the paper of one that was.

The amount is what the shopper really paid for what he keeps: the sale after returns and cancellations, less what a mall or another third party pays,
and not more than came in. Tax is told per rate on the sale, as the 適格簡易請求書 asks; points and coupons of a third party do not lower it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from erp.core import pdf
from erp.core.errors import Problem
from erp.core.models import Channel, CompanyProfile, TaxRate
from erp.core.money import COMPANY_CURRENCY, ZERO, share_so_far, written
from erp.orders.models import (
    Order,
    OrderAdjustment,
    OrderFee,
    OrderLine,
    OrderPayment,
    PaymentMethod,
    PaymentStatus,
    Receipt,
    ReturnLine,
    ShipmentLine,
)
from erp.orders.selectors.honorifics import honorific_of
from erp.orders.selectors.letters import DISCOUNTS, METHODS
from erp.orders.selectors.remaining import given_back_unsold
from erp.orders.selectors.units import unsold

DEFAULT_PROVISO = "お品代として"
NOBODY_IN_PARTICULAR = frozenset({"上様", "上", "うえさま"})
LONGEST = 100
_SETTLED = frozenset({PaymentStatus.CAPTURED, PaymentStatus.PAID, PaymentStatus.REFUNDED})
# The provider owes us from the moment of the sale, whether it tells of the capture or not.
_CHARGED_WITH_THE_SALE = frozenset(
    {PaymentMethod.CARD, PaymentMethod.WALLET, PaymentMethod.CARRIER_BILLING, PaymentMethod.MALL}
)
# Sold on credit: no money changed hands between the shopper and us, so it is no 受取書. Source: 国税庁 質疑応答 印紙税 クレジット販売の領収書.
_ON_CREDIT = frozenset({PaymentMethod.CARD})
# 別表第一 第17号の1: up to which amount (without tax, where the tax is named), and how much.
STAMP_FROM = Decimal(50_000)
_STAMPS = [
    (1_000_000, 200), (2_000_000, 400), (3_000_000, 600), (5_000_000, 1_000), (10_000_000, 2_000), (20_000_000, 4_000),
    (30_000_000, 6_000), (50_000_000, 10_000), (100_000_000, 20_000), (200_000_000, 40_000), (300_000_000, 60_000),
    (500_000_000, 100_000), (1_000_000_000, 150_000),
]  # fmt: skip
_STAMP_BEYOND = 200_000


@dataclass(frozen=True, slots=True)
class PaidPart:
    """One way of payment and what came by it. ``is_on_credit``: the shopper owes it to his card company."""

    label: str
    amount: Decimal
    is_on_credit: bool


@dataclass(frozen=True, slots=True)
class RateSum:
    label: str
    is_reduced: bool
    gross: Decimal
    tax: Decimal


@dataclass(frozen=True, slots=True)
class ReceiptSheet:
    """A receipt that could be issued now. ``problems`` say why not."""

    order: Order
    addressee: str
    proviso: str
    amount: Decimal
    sale: Decimal
    rates: tuple[RateSum, ...]
    deductions: tuple[tuple[str, Decimal], ...]
    payments: tuple[PaidPart, ...]
    issued: tuple[Receipt, ...]
    problems: tuple[Problem, ...]

    @property
    def tax(self) -> Decimal:
        return sum((rate.tax for rate in self.rates), ZERO)

    @property
    def in_money(self) -> Decimal:
        """What was received in money, the part a stamp is for: without its tax, since the tax is named."""
        on_credit = sum((part.amount for part in self.payments if part.is_on_credit), ZERO)
        money = max(self.amount - on_credit, ZERO)
        if not self.amount:
            return ZERO
        return money - share_so_far(self.tax, done=int(money), of=int(self.amount), currency=self.order.currency)


def receipt_sheet(order: Order) -> ReceiptSheet:
    """What a receipt of this order would say now. ``order`` was read with its channel."""
    rates = _rates(order)
    payments = list(OrderPayment.objects.filter(order=order).order_by("line_no"))
    deductions = _deductions(order, payments)
    sale = sum((rate.gross for rate in rates), ZERO)
    amount = max(sale - sum((each for _label, each in deductions), ZERO), ZERO)
    paid = [(item, kept_of(item)) for item in payments if item.method not in (PaymentMethod.FUNDER, PaymentMethod.NONE)]
    wish = order.receipt or {}
    return ReceiptSheet(
        order=order,
        addressee=str(wish.get("addressee") or order.orderer_name or "")[:LONGEST],
        proviso=str(wish.get("proviso") or DEFAULT_PROVISO)[:LONGEST],
        amount=amount,
        sale=sale,
        rates=rates,
        deductions=deductions,
        payments=tuple(_parts(paid, amount)),
        issued=tuple(receipts_of(order)),
        problems=tuple(_why_not(order, amount, paid)),
    )


def _deductions(order: Order, payments: Sequence[OrderPayment]) -> tuple[tuple[str, Decimal], ...]:
    """What third parties pay of the sale. Where the rest of an order was cancelled, what had left was paid with the shopper's money first, and
    they pay what it did not reach for."""
    left = sum((item.applied_amount for item in payments if item.is_of_funder), ZERO)
    found = []
    for item in (
        OrderAdjustment.objects.filter(order=order).exclude(funded_by=OrderAdjustment.Funder.SHOP).order_by("line_no")
    ):
        amount = item.amount if order.cancelled_at is None else min(item.amount, left)
        left -= amount
        if amount:
            label = f"{DISCOUNTS[OrderAdjustment.Kind(item.kind)]}ご利用({item.get_funded_by_display()}負担)"
            found.append((label, amount))
    return tuple(found)


def receipts_of(order: Order) -> list[Receipt]:
    return list(Receipt.objects.filter(order=order).order_by("issue"))


def find_word_problems(addressee: str, proviso: str) -> list[Problem]:
    """Faults of what staff type on it."""
    problems = []
    for pointer, text in (("/addressee", addressee), ("/proviso", proviso)):
        if not text.strip():
            problems.append(Problem(pointer, "missing", _("It is empty.")))
        if len(text) > LONGEST or "\n" in text:
            told = _("One line of at most %(most)d characters.") % {"most": LONGEST}
            problems.append(Problem(pointer, "too_long", told))
    bare = addressee.strip().removesuffix("様").strip()
    if not settings.RECEIPTS_TO_NOBODY and {bare, addressee.strip()} & NOBODY_IN_PARTICULAR:
        told = _("A receipt names whom it is for, not “上様”: ask for the name.")
        problems.append(Problem("/addressee", "nobody_in_particular", told))
    return problems


def kept_of(payment: OrderPayment) -> Decimal:
    """What came by one payment and did not go back. Told twice is not come twice; a refund that we only owe is still here."""
    came = max(
        payment.attached_amount,
        min(payment.told_amount, payment.amount),
        payment.amount if payment.status in _SETTLED else ZERO,
        payment.applied_amount if payment.method in _CHARGED_WITH_THE_SALE else ZERO,
    )
    # A difference that went back is in neither of them.
    return max(came - (payment.refunded_amount - payment.surplus_refunded_amount), ZERO)


def content_of(sheet: ReceiptSheet, *, medium: str) -> dict[str, Any]:
    """Everything a receipt prints beside its own columns, to be frozen with it. Amounts are texts."""
    order, company = sheet.order, CompanyProfile.objects.first() or CompanyProfile()
    stamp = stamp_for(sheet.in_money) if medium == Receipt.Medium.PAPER and order.currency == COMPANY_CURRENCY else 0
    notes = []
    if sheet.payments and all(part.is_on_credit for part in sheet.payments):
        notes.append("クレジットカード利用")
    elif any(part.is_on_credit for part in sheet.payments):
        notes.append("一部クレジットカード利用")
    if medium == Receipt.Medium.ELECTRONIC:
        notes.append("電子データにより発行")
    return {
        "order_number": order.number,
        "external_id": order.external_id,
        "order_date": order.order_date.isoformat(),
        "sale": _text(sheet.sale),
        "tax": _text(sheet.tax),
        "rates": [{key: _text(value) for key, value in asdict(rate).items()} for rate in sheet.rates],
        "deductions": [[label, _text(each)] for label, each in sheet.deductions],
        "payments": [[part.label, _text(part.amount)] for part in sheet.payments],
        "notes": notes,
        "stamp": stamp,
        "issuer": {
            "shop": order.channel.name,
            "name": company.name,
            "postal_code": company.postal_code,
            "address": company.address,
            "phone": company.phone,
            "registration_number": company.registration_number,
        },
    }


def stamp_for(amount: Decimal) -> int:
    """Stamp duty on a paper receipt of money. Source: 印紙税法 別表第一 第17号の1."""
    if amount < STAMP_FROM:
        return 0
    return next((duty for most, duty in _STAMPS if amount <= most), _STAMP_BEYOND)


def receipt_pdf(receipt: Receipt) -> pdf.Paper:
    """The same bytes whenever it is asked for: it prints what was frozen."""
    content: Mapping[str, Any] = receipt.content
    unit = "円" if receipt.currency == COMPANY_CURRENCY else f" {receipt.currency}"

    def money(text: Any) -> str:
        return f"{written(Decimal(text))}{unit}"

    data = {
        "number": receipt.number,
        "again": receipt.times_again,
        "addressee": receipt.addressee,
        "honorific": content.get("honorific", honorific_of(receipt.addressee)),
        "proviso": receipt.proviso,
        "issued_on": receipt.issued_on,
        "amount": f"¥{written(receipt.amount)}-" if receipt.currency == COMPANY_CURRENCY else money(receipt.amount),
        "order_number": content["order_number"],
        "external_id": content["external_id"],
        "order_date": dt.date.fromisoformat(content["order_date"]),
        "sale": money(content["sale"]),
        "rates": [{**rate, "gross": money(rate["gross"]), "tax": money(rate["tax"])} for rate in content["rates"]],
        "deductions": [[label, money(each)] for label, each in content["deductions"]],
        "payments": [[label, money(each)] for label, each in content["payments"]],
        "notes": content["notes"],
        "stamp": f"{content['stamp']:,}" if content["stamp"] else "",
        "issuer": content["issuer"],
    }
    return pdf.render("receipt", data, at=receipt.recorded_at)


def _rates(order: Order) -> tuple[RateSum, ...]:
    """The sale per rate: what was not cancelled, less what came back, be it before or after its sale was posted."""
    sums: dict[str, list[Decimal]] = {}

    def add(code: str, net: Decimal, tax: Decimal) -> None:
        row = sums.setdefault(code, [ZERO, ZERO])
        row[0] += net + tax
        row[1] += tax

    for line in OrderLine.objects.filter(order=order):
        kept = line.quantity - line.cancelled_quantity
        net, tax = (
            share_so_far(total or ZERO, done=kept, of=line.quantity, currency=order.currency)
            for total in (line.net_amount, line.tax_amount)
        )
        add(line.tax_code, net, tax)
    nothing_was_sold = order.cancelled_at is not None and not order.shipments.filter(ship_date__isnull=False).exists()
    for fee in OrderFee.objects.filter(order=order).exclude(given_back_unsold()):
        if not nothing_was_sold:
            add(fee.tax_code, fee.net_amount or ZERO, fee.tax_amount or ZERO)
    for part in ShipmentLine.objects.filter(shipment__order=order, unsold_quantity__gt=0).select_related("order_line"):
        units = unsold(part)
        add(part.order_line.tax_code, -units.net, -units.tax)
    for back in ReturnLine.objects.filter(document__order=order):
        add(back.tax_code, -back.net_amount, -back.tax_amount)
    known = {rate.code: rate for rate in TaxRate.objects.filter(code__in=sums)}
    return tuple(
        RateSum(known[code].label if code in known else code, code in known and known[code].is_reduced, *sums[code])
        for code in sorted(sums, key=lambda code: (-known[code].percent if code in known else ZERO, code))
        if sums[code][0]
    )


def _parts(paid: Iterable[tuple[OrderPayment, Decimal]], amount: Decimal) -> Iterable[PaidPart]:
    """Ways of payment, together not more than the receipt is for."""
    left = amount
    for payment, kept in paid:
        if part := min(kept, left):
            left -= part
            method = PaymentMethod(payment.method)
            yield PaidPart(METHODS.get(method, ""), part, method in _ON_CREDIT)


def _why_not(order: Order, amount: Decimal, paid: Iterable[tuple[OrderPayment, Decimal]]) -> Iterable[Problem]:
    if order.channel.invoice_issuer == Channel.Issuer.EC:
        told = _("Receipts of this channel are issued by its EC site or mall, and a sale has one issuer.")
        yield Problem("/channel", "other_issuer", told)
    if order.total is None:
        yield Problem("/order", "amount_unknown", _("The amounts of the order are not known yet."))
        return
    if order.currency != COMPANY_CURRENCY:
        told = _("The order is in %(currency)s, which the books do not keep.") % {"currency": order.currency}
        yield Problem("/order", "other_currency", told)
    elsewhere = {
        PaymentMethod.COD: _("Paid on delivery: the slip of the carrier is the receipt."),
        PaymentMethod.DEFERRED: _("Paid later: the slip of the payment company is the receipt."),
        PaymentMethod.ON_ACCOUNT: _("Sold on account: accounting issues the receipt for the invoice."),
    }
    methods = dict.fromkeys(PaymentMethod(item.method) for item, _kept in paid if item.amount)
    reasons = [Problem("/payments", "receipt_elsewhere", elsewhere[each]) for each in methods if each in elsewhere]
    yield from reasons
    kept = sum((each for _payment, each in paid), ZERO)
    if not amount:
        yield Problem("/order", "nothing_left", _("Nothing is left that was paid for."))
    elif kept < amount and not reasons:
        told = _("%(kept)s of %(amount)s was paid. A receipt is issued when all of it is here.")
        yield Problem("/payments", "not_paid", told % {"kept": written(kept), "amount": written(amount)})


def _text(value: Any) -> Any:
    """An amount as a text without the zeros of its column."""
    return f"{value.normalize():f}" if isinstance(value, Decimal) else value
