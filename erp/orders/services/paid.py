"""All of a payment is here: what waited for it goes on, and the shopper is told; or staff hear that some of it is missing. Level: document, and for
stock that is taken up again those of ``allocation``."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from django.db.models import F
from django.utils.translation import gettext as _

from erp.core import staff_tasks
from erp.core.actors import Actor
from erp.core.money import ZERO, written
from erp.orders.models import Order, OrderHold, OrderPayment, OrderWait, PaymentStatus
from erp.orders.services import letters, overdue, waiting

RECEIVED = (PaymentStatus.CAPTURED, PaymentStatus.PAID)


def deposit_of(payment: OrderPayment, *, told: Decimal) -> Decimal:
    """How much of what came is paid in advance, once ``told`` was told as received in all: what is neither here nor for goods that were sold before
    it came."""
    here, owed = payment.attached_amount, payment.owed_amount
    return min(max(told - here - owed, ZERO), max(payment.amount - owed - here, ZERO))


def settled_of(payment: OrderPayment, *, told: Decimal, received: Decimal = ZERO) -> Decimal:
    """How much of what is owed since sales has come, once ``told`` was told as received in all, and ``received`` of it is a deposit beside those that
    are here."""
    return min(max(told - payment.attached_amount - received, ZERO), payment.owed_amount)


def take_up(order_id: int, *, at: dt.datetime, by: Actor) -> None:
    """All of a payment is about to be here: an order whose reservation was given up gets its stock again. Comes before the money is posted, since
    balances are the earlier level."""
    if waiting.is_open(order_id, OrderWait.Reason.PAYMENT_OVERDUE):
        overdue.pay_late(order_id=order_id, at=at, by=by)


def go_on(order: Order, payment: OrderPayment, *, at: dt.datetime, by: Actor) -> None:
    """All of the payment is here, and its row says so."""
    _resolve_difference(order.pk, at=at, by=by)
    letters.tell_paid(payment, order, at=at, by=by)


def tell_short(order: Order, payment: OrderPayment, *, paid: Decimal, at: dt.datetime, by: Actor) -> None:
    detail = _("%(paid)s of %(amount)s was paid.") % {"paid": written(paid), "amount": written(payment.to_be_paid)}
    staff_tasks.open_tasks(
        [staff_tasks.Finding("PAYMENT_SHORT", "ORDER", order.pk, order.number, detail)], at=at, by=by
    )


def resolve_failure(order_id: int, *, at: dt.datetime, by: Actor) -> None:
    OrderHold.objects.filter(
        order_id=order_id, reason=OrderHold.Reason.PAYMENT_FAILED, resolved_at__isnull=True
    ).update(resolved_at=at, resolved_by=str(by), resolution=_("Payment succeeded."))


def _resolve_difference(order_id: int, *, at: dt.datetime, by: Actor) -> None:
    """What was paid in part is paid in whole now, unless another payment of the order is not."""
    paid_in_part = OrderPayment.objects.filter(
        order=order_id, received_amount__gt=F("surplus_refunded_amount"), amount__gt=0
    )
    if paid_in_part.exclude(status__in=RECEIVED).exists():
        return
    staff_tasks.close_open(
        kind="PAYMENT_SHORT", subject_type="ORDER", subject_ids=[order_id], resolution="paid", at=at, by=by
    )
    OrderHold.objects.filter(
        order_id=order_id, reason=OrderHold.Reason.PAYMENT_DIFFERENCE, resolved_at__isnull=True
    ).update(resolved_at=at, resolved_by=str(by), resolution=_("Payment succeeded."))
