"""More money than an order asks for, since a revision asks for less: it stays a deposit (前受金) until it goes back. Level: open items."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import F
from django.utils.translation import gettext as _

from accounting.selectors import OpenItemView, open_items
from accounting.services import post_entries
from erp.core import staff_tasks
from erp.core.actors import Actor
from erp.core.money import ZERO
from erp.orders import postings, selectors
from erp.orders.models import Order, OrderPayment, PaymentStatus
from erp.orders.postings import Document, MoneyPart
from erp.orders.services.parties import customer_party, dimensions_of

TASK = "REFUND_OF_DIFFERENCE"


@dataclass(frozen=True, slots=True)
class Surplus:
    """What was received on one payment beyond what is to be paid on it."""

    payment: OrderPayment
    amount: Decimal


def find(order_id: int) -> list[Surplus]:
    """By payment; never more than is still a deposit and no sale will take. What no sale takes of an order that is cancelled, or of which goods
    came back before they were sold, is owed as a refund already."""
    received = OrderPayment.objects.filter(order=order_id, received_amount__gt=F("surplus_refunded_amount")).exclude(
        role=""
    )
    above = [payment for payment in received.order_by("line_no") if payment.beyond_amount]
    found: list[Surplus] = []
    left = _free_deposits(order_id) if above else ZERO
    for payment in above:
        part = min(payment.beyond_amount, left)
        if part > 0:
            found.append(Surplus(payment, part))
            left -= part
    return found


def _free_deposits(order_id: int) -> Decimal:
    deposits = _deposited(order_id)
    if not selectors.is_rest_owed_back(order_id):
        return deposits
    return max(deposits - selectors.still_to_be_sold(order_id), ZERO)


def _deposited(order_id: int) -> Decimal:
    return sum((item.remaining for item in _deposits(order_id)), ZERO)


def tell(order_id: int, *, at: dt.datetime, by: Actor) -> None:
    """Keep the task (差額の返金) as true as the money is: opened, brought up to date, or closed when nothing is left to go back."""
    found = find(order_id)
    if not found:
        staff_tasks.close_open(
            kind=TASK, subject_type="ORDER", subject_ids=[order_id], resolution="settled", at=at, by=by
        )
        return
    number = Order.objects.filter(pk=order_id).values_list("number", flat=True).get()
    parts = [
        _("%(method)s: %(received)s received, %(amount)s to be paid, %(surplus)s to go back.")
        % {
            "method": f"{item.payment.get_method_display()} {item.payment.provider}".strip(),
            "received": f"{item.payment.attached_amount:,.0f}",
            "amount": f"{max(item.payment.amount - item.payment.owed_amount, ZERO):,.0f}",
            "surplus": f"{item.amount:,.0f}",
        }
        for item in found
    ]
    finding = staff_tasks.Finding(TASK, "ORDER", order_id, number, " ".join(parts))
    staff_tasks.open_tasks([finding], at=at, by=by)


def owe_back(
    order: Order, wanted: Decimal, *, first: OrderPayment, on: dt.date, at: dt.datetime, by: Actor
) -> list[Surplus]:
    """Turn up to ``wanted`` of the surplus into a refund that we owe, beginning with what came on the payment ``first``.

    Returns what it took of which payment. For the moment in which it is paid; needs the order's channel and account beside it.
    """
    left, taken = wanted, []
    for item in sorted(find(order.pk), key=lambda item: item.payment.pk != first.pk):
        part = min(item.amount, left)
        if part:
            _count(item.payment, part)
            taken.append(Surplus(item.payment, part))
            left -= part
    if taken:
        customer, left, deposits = customer_party(order), wanted - left, []
        for deposit in _deposits(order.pk):
            part = min(left, deposit.remaining)
            if part:
                deposits.append(MoneyPart(part, "deposits", customer, settles=deposit.id))
                left -= part
        draft = postings.deposit_to_refund(
            title=_("Refund of a difference"),
            document=Document("ORDER", order.pk, order.number),
            deposits=deposits,
            customer=customer,
            on=on,
            dimensions=dimensions_of(order),
        )
        post_entries(drafts=[draft], at=at, by=by)
    return taken


def _deposits(order_id: int) -> list[OpenItemView]:
    return open_items(document_type="ORDER", document_ids=[order_id], roles=["deposits"])


def _count(payment: OrderPayment, amount: Decimal) -> None:
    """A payment that is set aside is refunded when nothing of it is left here."""
    is_over = not payment.amount and payment.attached_amount == amount
    OrderPayment.objects.filter(pk=payment.pk).update(
        status=PaymentStatus.REFUNDED if is_over else payment.status,
        refunded_amount=F("refunded_amount") + amount,
        surplus_refunded_amount=F("surplus_refunded_amount") + amount,
    )
