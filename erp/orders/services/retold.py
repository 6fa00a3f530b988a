"""News that may tell of money which was told before, under an id of its own: a shop that sends again may number its messages anew."""

from __future__ import annotations

import datetime as dt

from erp.orders.models import OrderPayment, PaymentEvent, PaymentMethod
from erp.orders.services.paid import RECEIVED
from erp.orders.services.payment_news import BY_DESK, PaymentNews

# Within so long the same part again may be the same money. A customer who pays in equal parts does so by the month, or names each.
SHORTLY = dt.timedelta(days=3)


def is_known(payment: OrderPayment, event: PaymentNews) -> bool:
    """Whether the provider's own name of this movement of money was heard before, for as much.

    What names more than one movement (the charge of which parts are captured, the order, a payer) says so only with the same moment.
    """
    if not event.reference or event.kind not in (*RECEIVED, PaymentEvent.Kind.REFUNDED):
        return False
    told = payment.events.filter(kind=event.kind, amount=event.amount, reference=event.reference)
    names_of_many = (payment.reference, payment.order.external_id, payment.order.number)
    if event.reference in names_of_many or payment.method == PaymentMethod.BANK_TRANSFER:
        told = told.filter(occurred_at=event.occurred_at)
    return told.exists()


def may_be_known(payment: OrderPayment, event: PaymentNews) -> bool:
    """Whether nobody can tell this part of a payment from one that was told shortly before or after: it is as much, and no two names tell them apart.
    What the whole told again means is known, and so is what a revision has added."""
    if event.amount is None or event.amount >= payment.amount or payment.carried_amount:
        return False
    if payment.told_amount >= payment.to_be_paid and payment.method != PaymentMethod.BANK_TRANSFER:
        return False
    told = payment.events.filter(
        kind__in=RECEIVED,
        amount=event.amount,
        occurred_at__range=(event.occurred_at - SHORTLY, event.occurred_at + SHORTLY),
    ).exclude(event_id__startswith=BY_DESK)
    names = told.exclude(event_id=event.event_id).values_list("reference", flat=True)
    return any(not (name and event.reference) or name == event.reference for name in names)
