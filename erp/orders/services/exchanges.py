"""Receipts on which goods left and others came back: a sale and a return. Reads what prices need, writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from erp.core.money import ZERO
from erp.orders.models import PaymentMethod, PaymentStatus
from erp.orders.services.documents import OrderInput, PaymentInput
from erp.orders.services.drafting import Context, ask_context, draft_order
from erp.orders.services.till_returns import TillReturn


@dataclass(frozen=True, slots=True)
class Exchange:
    """Both parts of a receipt, with positive amounts, and what changed hands beyond the exchange.

    ``total`` is negative when the till paid out. ``sale.payments`` are what it took in, those of ``back`` what it gave out.
    """

    sale: OrderInput
    back: TillReturn
    total: Decimal


def part_exchanges(*, channel: str, exchanges: Sequence[Exchange]) -> list[tuple[OrderInput, TillReturn]]:
    """The sale and the return of each. What came back pays for what was taken, through the drawer: in and out again.

    So the books carry both in full, and the money that really changed hands where it went. Raises NotFound for an unknown channel.
    """
    if not exchanges:
        return []
    context = ask_context(channel, [part for item in exchanges for part in (item.sale, item.back.receipt)])()
    return [_part(item, context) for item in exchanges]


def _part(item: Exchange, context: Context) -> tuple[OrderInput, TillReturn]:
    receipt = item.back.receipt
    priced = draft_order(replace(receipt, total=ZERO), context).priced
    worth = priced.total if priced else ZERO
    sale = replace(item.sale, total=item.total + worth)
    return _paid_in_full(sale), replace(item.back, receipt=_paid_in_full(replace(receipt, total=worth)))


def _paid_in_full(order: OrderInput) -> OrderInput:
    funded = sum((item.amount for item in order.adjustments if item.funded_by != "SHOP"), ZERO)
    paid = sum((payment.amount for payment in order.payments), ZERO)
    missing = (order.total or ZERO) - funded - paid
    if missing <= 0:
        return order
    offset = PaymentInput(PaymentMethod.CASH, missing, PaymentStatus.PAID, reference="exchange")
    return replace(order, payments=(*order.payments, offset))
