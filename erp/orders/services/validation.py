"""What makes an order malformed. Anything else is accepted: a well-formed order is never lost, at worst it waits for a person.

What the tables cannot keep (too long, too large, a fraction of a yen) is malformed; it must never surface as an error of the database.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from customers.models import ChannelIdentity, CustomerRecord
from erp.core import messages
from erp.core.clock import FIRST_MOMENT, LAST_MOMENT, NotAMoment, moment_of
from erp.core.errors import Problem
from erp.core.models import TaxClass
from erp.core.money import DECIMALS, ZERO
from erp.orders.models import (
    Delivery,
    Order,
    OrderAdjustment,
    OrderFee,
    OrderLine,
    OrderPayment,
    OrderType,
    PaymentMethod,
    PaymentStatus,
)
from erp.orders.services.documents import OrderInput

# The largest order in our real data has 1,114 lines.
MAX_LINES = 2_000
MAX_QUANTITY = 1_000_000
MAX_AMOUNT = Decimal(10**12)
MAX_UNIT_PRICE = Decimal(10**10)
_TAX_CLASSES, _FEES = frozenset(TaxClass.values), frozenset(OrderFee.Kind.values)
_DISCOUNTS, _FUNDERS = frozenset(OrderAdjustment.Kind.values), frozenset(OrderAdjustment.Funder.values)
_METHODS, _STATUSES = frozenset(PaymentMethod.values), frozenset(PaymentStatus.values)
_TYPES = frozenset(OrderType.values)
_HEAD = {"customer_po_number": "/customer_po_number"}
_PERSON = ("company", "department", "family_name", "given_name", "family_kana", "given_kana", "email", "phone")
_PLACE = ("country", "postal_code", "prefecture", "city", "street", "building")
_ORDERER = {name: f"/orderer/{name}" for name in _PERSON} | {name: f"/orderer/address/{name}" for name in _PLACE}
_DELIVERY = {name: f"/{name}" for name in ("ref", "method", "carrier", "time_slot", "pickup_point")} | {
    "recipient_name": "/ship_to",
    "recipient_phone": "/ship_to/phone",
    **{name: f"/ship_to/address/{name}" for name in _PLACE if name != "country"},
}
_LINE = {"sku": "/sku", "channel_item_code": "/channel_item_code"}
_COLUMN = {"sku": "sku_code"}


def find_problems(order: OrderInput) -> list[Problem]:
    """Every fault of an order, with JSON pointers into the contract's body. Empty for a well-formed one."""
    return [
        *_head_problems(order),
        *_orderer_problems(order),
        *_line_problems(order),
        *_delivery_problems(order),
        *_extra_problems(order),
        *_payment_problems(order),
        *(_unstorable(order, "") if messages.may_be_unstorable(order) else ()),
    ]


def _unstorable(value: Any, pointer: str) -> Iterator[Problem]:
    """Texts that no column can hold, wherever they are; fields are named as ``OrderInput`` names them."""
    if isinstance(value, str):
        if "\x00" in value:
            yield Problem(pointer, "nul_character", _("The text contains the character NUL (U+0000)."))
        if any("\ud800" <= sign <= "\udfff" for sign in value):
            yield Problem(pointer, "lone_surrogate", _("The text contains half of a surrogate pair."))
    elif is_dataclass(value):
        for field in fields(value):
            yield from _unstorable(getattr(value, field.name), f"{pointer}/{field.name}")
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _unstorable(key, pointer)
            yield from _unstorable(inner, f"{pointer}/{str(key).encode('utf-8', 'replace').decode()[:100]}")
    elif isinstance(value, Sequence) and not isinstance(value, bytes):
        for index, inner in enumerate(value):
            yield from _unstorable(inner, f"{pointer}/{index}")


def _head_problems(order: OrderInput) -> Iterator[Problem]:
    if not order.external_id or len(order.external_id) > 100:
        yield Problem("/external_id", "bad_external_id", _("1 to 100 characters are needed."))
    yield from bad_time("/ordered_at", order.ordered_at)
    if type(order.revision) is not int or not 1 <= order.revision <= 2_000_000_000:
        yield Problem("/revision", "bad_revision", _("A whole number from 1 on is needed."))
    if order.currency not in DECIMALS:
        yield Problem("/currency", "unknown_currency", _("This currency is not known here."))
    if order.order_type not in _TYPES:
        yield _unknown("/order_type", order.order_type)
    yield from _too_long(order, Order, _HEAD)
    if len(order.hold_ref) > 100:
        yield _longer_than("/hold_ref", 100)
    yield from _bad_sum("/total", order.total, order.currency)
    yield from _bad_sum("/amount_due", order.amount_due, order.currency)
    for index, tax in enumerate(order.stated_taxes):
        at = f"/tax_summary/rates/{index}"
        for name, figure in (("rate", tax.percent), ("amount", tax.amount), ("tax", tax.tax)):
            yield from _required(f"{at}/{name}", figure)
            yield from _bad_amount(f"{at}/{name}", figure)


def _orderer_problems(order: OrderInput) -> Iterator[Problem]:
    if order.orderer is not None:
        yield from _too_long(order.orderer, CustomerRecord, _ORDERER)
    most = ChannelIdentity._meta.get_field("external_id").max_length or 0
    if len(order.orderer_external_id) > most:
        yield _longer_than("/orderer/external_id", most)


def _line_problems(order: OrderInput) -> Iterator[Problem]:
    if not 1 <= len(order.lines) <= MAX_LINES:
        yield Problem("/lines", "bad_line_count", _("1 to %(most)s lines are needed.") % {"most": MAX_LINES})
    refs = {delivery.ref for delivery in order.deliveries}
    seen: set[str] = set()
    charged = ZERO
    for index, line in enumerate(order.lines):
        at = f"/lines/{index}"
        if not line.line_id or len(line.line_id) > 60 or line.line_id in seen:
            yield Problem(f"{at}/line_id", "bad_line_id", _("A line id of its own is needed, at most 60 characters."))
        seen.add(line.line_id)
        if type(line.quantity) is not int or not 1 <= line.quantity <= MAX_QUANTITY:
            detail = _("1 to %(most)s pieces are possible.") % {"most": MAX_QUANTITY}
            yield Problem(f"{at}/quantity", "bad_quantity", detail)
        if not (line.sku or line.channel_item_code or line.name):
            yield Problem(f"{at}/sku", "no_item", _("A SKU, an item code or a name is needed."))
        if line.tax_class and line.tax_class not in _TAX_CLASSES:
            yield _unknown(f"{at}/tax_class", line.tax_class)
        if line.delivery_ref and refs and line.delivery_ref not in refs:
            yield _unknown(f"{at}/delivery_ref", line.delivery_ref)
        yield from _too_long(line, OrderLine, _LINE, at)
        wrong = [*_bad_amount(f"{at}/unit_price", line.unit_price, below=MAX_UNIT_PRICE)]
        yield from wrong
        yield from _bad_amount(f"{at}/tax_rate", line.tax_percent)
        charged += ZERO if wrong else (line.unit_price or ZERO) * max(int(line.quantity or 0), 0)
    if charged >= MAX_AMOUNT:
        yield Problem("/lines", "bad_amount", _("The lines come to more than 999,999,999,999."))


def _delivery_problems(order: OrderInput) -> Iterator[Problem]:
    refs = [delivery.ref for delivery in order.deliveries]
    if len(set(refs)) != len(refs):
        yield Problem("/deliveries", "repeated_ref", _("Two deliveries have the same reference."))
    for index, delivery in enumerate(order.deliveries):
        at = f"/deliveries/{index}"
        yield from _too_long(delivery, Delivery, _DELIVERY, at)
        if delivery.wish_date and not FIRST_MOMENT.date() <= delivery.wish_date <= LAST_MOMENT.date():
            yield Problem(f"{at}/wish_date", "bad_time", _("This is no date of our time."))


def _extra_problems(order: OrderInput) -> Iterator[Problem]:
    refs = {delivery.ref for delivery in order.deliveries}
    for index, fee in enumerate(order.fees):
        at = f"/fees/{index}"
        if fee.kind not in _FEES:
            yield _unknown(f"{at}/kind", fee.kind)
        if fee.tax_class not in _TAX_CLASSES:
            yield _unknown(f"{at}/tax_class", fee.tax_class)
        if fee.delivery_ref and fee.delivery_ref not in refs:
            yield _unknown(f"{at}/delivery_ref", fee.delivery_ref)
        yield from _bad_sum(f"{at}/amount", fee.amount, order.currency)
    line_ids = {line.line_id for line in order.lines}
    for index, discount in enumerate(order.adjustments):
        at = f"/adjustments/{index}"
        if discount.kind not in _DISCOUNTS:
            yield _unknown(f"{at}/kind", discount.kind)
        if discount.funded_by not in _FUNDERS:
            yield _unknown(f"{at}/funded_by", discount.funded_by)
        if discount.line_id and discount.line_id not in line_ids:
            yield _unknown(f"{at}/line_id", discount.line_id)
        yield from _too_long(discount, OrderAdjustment, {"code": "/code"}, at)
        yield from _bad_sum(f"{at}/amount", discount.amount, order.currency, is_required=True)


def _payment_problems(order: OrderInput) -> Iterator[Problem]:
    for index, payment in enumerate(order.payments):
        at = f"/payments/{index}"
        if payment.method not in _METHODS:
            yield _unknown(f"{at}/method", payment.method)
        if payment.status not in _STATUSES:
            yield _unknown(f"{at}/status", payment.status)
        yield from _too_long(payment, OrderPayment, {"provider": "/provider", "reference": "/reference"}, at)
        yield from _bad_sum(f"{at}/amount", payment.amount, order.currency, is_required=True)
        for name in ("due_at", "authorization_expires_at"):
            moment = getattr(payment, name)
            if moment is not None:
                yield from bad_time(f"{at}/{name}", moment)


def _too_long(source: Any, model: Any, pointers: Mapping[str, str], at: str = "") -> Iterator[Problem]:
    """Texts that the columns of ``model`` cannot hold: they are refused, never cut in silence."""
    for name, pointer in pointers.items():
        most = model._meta.get_field(_COLUMN.get(name, name)).max_length
        if len(getattr(source, name)) > most:
            yield _longer_than(f"{at}{pointer}", most)


def _longer_than(pointer: str, most: int) -> Problem:
    return Problem(pointer, "too_long", _("At most %(most)s characters are possible.") % {"most": most})


def bad_time(pointer: str, moment: dt.datetime) -> Iterator[Problem]:
    try:
        moment_of(moment)
    except NotAMoment as fault:
        yield Problem(pointer, fault.code, fault.detail)


def _bad_sum(pointer: str, amount: Decimal | None, currency: str, *, is_required: bool = False) -> Iterator[Problem]:
    """A sum of money comes in whole units of its currency; only unit prices may be finer. ``None`` is one that is not known yet."""
    if is_required:
        yield from _required(pointer, amount)
    wrong = [*_bad_amount(pointer, amount)]
    yield from wrong
    if amount is not None and not wrong and amount != round(amount, DECIMALS.get(currency, 2)):
        yield Problem(pointer, "bad_amount", _("An amount in whole units of the currency is needed."))


def _required(pointer: str, amount: Decimal | None) -> Iterator[Problem]:
    if amount is None:
        yield Problem(pointer, "required", _("This field is required."))


def _bad_amount(pointer: str, amount: Decimal | None, *, below: Decimal = MAX_AMOUNT) -> Iterator[Problem]:
    if amount is None or (
        isinstance(amount, Decimal) and amount.is_finite() and 0 <= amount < below and amount == round(amount, 4)
    ):
        return
    detail = _("An amount from 0 to %(most)s with at most 4 decimals is needed.") % {"most": f"{below - 1:,}"}
    yield Problem(pointer, "bad_amount", detail)


def _unknown(pointer: str, value: str) -> Problem:
    return Problem(pointer, "unknown_value", _("“%(value)s” is not known here.") % {"value": value[:50]})
