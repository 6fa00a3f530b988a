"""What makes an order malformed. Anything else is accepted: a well-formed order is never lost, at worst it waits for a person."""

from __future__ import annotations

from decimal import Decimal

from django.utils.translation import gettext as _

from erp.core.errors import Problem
from erp.core.models import TaxClass
from erp.core.money import DECIMALS
from erp.orders.models import OrderAdjustment, OrderFee, OrderType, PaymentMethod, PaymentStatus
from erp.orders.services.documents import OrderInput

MAX_LINES = 500
MAX_QUANTITY = 1_000_000
MAX_AMOUNT = Decimal(10**12)
_TAX_CLASSES, _FEES = frozenset(TaxClass.values), frozenset(OrderFee.Kind.values)
_DISCOUNTS, _FUNDERS = frozenset(OrderAdjustment.Kind.values), frozenset(OrderAdjustment.Funder.values)
_METHODS, _STATUSES = frozenset(PaymentMethod.values), frozenset(PaymentStatus.values)
_TYPES = frozenset(OrderType.values)


def find_problems(order: OrderInput) -> list[Problem]:
    """Every fault of an order, with JSON pointers into the contract's body. Empty for a well-formed one."""
    return [*_head_problems(order), *_line_problems(order), *_extra_problems(order)]


def _head_problems(order: OrderInput) -> list[Problem]:
    found = []
    if not order.external_id or len(order.external_id) > 100:
        found.append(Problem("/external_id", "bad_external_id", _("1 to 100 characters are needed.")))
    if order.ordered_at.tzinfo is None:
        found.append(Problem("/ordered_at", "no_offset", _("A time needs its offset from UTC.")))
    if not 1 <= order.revision <= 2_000_000_000:
        found.append(Problem("/revision", "bad_revision", _("A whole number from 1 on is needed.")))
    if order.currency not in DECIMALS:
        found.append(Problem("/currency", "unknown_currency", _("This currency is not known here.")))
    if order.order_type not in _TYPES:
        found.append(_unknown("/order_type", order.order_type))
    found += _bad_amount("/total", order.total)
    found += _bad_amount("/amount_due", order.amount_due)
    return found


def _line_problems(order: OrderInput) -> list[Problem]:
    found = []
    if not 1 <= len(order.lines) <= MAX_LINES:
        found.append(Problem("/lines", "bad_line_count", _("1 to %(most)s lines are needed.") % {"most": MAX_LINES}))
    refs = {delivery.ref for delivery in order.deliveries}
    seen: set[str] = set()
    for index, line in enumerate(order.lines):
        at = f"/lines/{index}"
        if not line.line_id or len(line.line_id) > 60 or line.line_id in seen:
            found.append(
                Problem(f"{at}/line_id", "bad_line_id", _("A line id of its own is needed, at most 60 characters."))
            )
        seen.add(line.line_id)
        if not 1 <= line.quantity <= MAX_QUANTITY:
            found.append(
                Problem(
                    f"{at}/quantity", "bad_quantity", _("1 to %(most)s pieces are possible.") % {"most": MAX_QUANTITY}
                )
            )
        if not (line.sku or line.channel_item_code or line.name):
            found.append(Problem(f"{at}/sku", "no_item", _("A SKU, an item code or a name is needed.")))
        if line.tax_class and line.tax_class not in _TAX_CLASSES:
            found.append(_unknown(f"{at}/tax_class", line.tax_class))
        if line.delivery_ref and refs and line.delivery_ref not in refs:
            found.append(_unknown(f"{at}/delivery_ref", line.delivery_ref))
        found += _bad_amount(f"{at}/unit_price", line.unit_price)
    return found


def _extra_problems(order: OrderInput) -> list[Problem]:
    found = []
    refs = [delivery.ref for delivery in order.deliveries]
    if len(set(refs)) != len(refs):
        found.append(Problem("/deliveries", "repeated_ref", _("Two deliveries have the same reference.")))
    line_ids = {line.line_id for line in order.lines}
    for index, fee in enumerate(order.fees):
        at = f"/fees/{index}"
        if fee.kind not in _FEES:
            found.append(_unknown(f"{at}/kind", fee.kind))
        if fee.tax_class not in _TAX_CLASSES:
            found.append(_unknown(f"{at}/tax_class", fee.tax_class))
        if fee.delivery_ref and fee.delivery_ref not in refs:
            found.append(_unknown(f"{at}/delivery_ref", fee.delivery_ref))
        found += _bad_amount(f"{at}/amount", fee.amount)
    for index, discount in enumerate(order.adjustments):
        at = f"/adjustments/{index}"
        if discount.kind not in _DISCOUNTS:
            found.append(_unknown(f"{at}/kind", discount.kind))
        if discount.funded_by not in _FUNDERS:
            found.append(_unknown(f"{at}/funded_by", discount.funded_by))
        if discount.line_id and discount.line_id not in line_ids:
            found.append(_unknown(f"{at}/line_id", discount.line_id))
        found += _bad_amount(f"{at}/amount", discount.amount)
    for index, payment in enumerate(order.payments):
        at = f"/payments/{index}"
        if payment.method not in _METHODS:
            found.append(_unknown(f"{at}/method", payment.method))
        if payment.status not in _STATUSES:
            found.append(_unknown(f"{at}/status", payment.status))
        found += _bad_amount(f"{at}/amount", payment.amount)
    return found


def _bad_amount(pointer: str, amount: Decimal | None) -> list[Problem]:
    if amount is None or (
        amount.is_finite() and 0 <= amount < MAX_AMOUNT and amount == amount.quantize(Decimal("0.0001"))
    ):
        return []
    return [Problem(pointer, "bad_amount", _("An amount from 0 to 999,999,999,999 with at most 4 decimals is needed."))]


def _unknown(pointer: str, value: str) -> Problem:
    return Problem(pointer, "unknown_value", _("“%(value)s” is not known here.") % {"value": value[:50]})
