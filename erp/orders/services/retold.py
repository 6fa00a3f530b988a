"""News that may tell of money which was told before, under an id of its own: a shop that sends again may number its messages anew."""

from __future__ import annotations

import datetime as dt

from django.db.models import QuerySet

from erp.orders.models import OrderPayment, PaymentEvent, PaymentMethod
from erp.orders.services.paid import RECEIVED
from erp.orders.services.payment_news import BY_DESK, PaymentNews

# Within so long the same part again may be the same money. A customer who pays in equal parts does so by the month, or names each.
SHORTLY = dt.timedelta(days=3)


def is_known(payment: OrderPayment, event: PaymentNews) -> bool:
    """Whether as much money of this name and this moment is in the books, or was asked about: it is the same."""
    return bool(event.reference) and _named(payment, event).filter(occurred_at=event.occurred_at).exists()


def may_be_known(payment: OrderPayment, event: PaymentNews) -> bool:
    """Whether nobody can tell this part of a payment from one that was told before: it is as much, and has the same name, or was told shortly before
    or after, and no two names tell them apart. What the whole told again means is known, and so is what a revision has added."""
    if payment.told_amount >= payment.to_be_paid:
        return False
    if is_named_as_before(payment, event):
        return True
    if event.amount is None or event.amount >= payment.amount or payment.carried_amount:
        return False
    told = payment.events.filter(
        kind__in=RECEIVED,
        amount=event.amount,
        occurred_at__range=(event.occurred_at - SHORTLY, event.occurred_at + SHORTLY),
        is_news_only=False,
    ).exclude(event_id__startswith=BY_DESK)
    names = told.exclude(event_id=event.event_id).values_list("reference", flat=True)
    return any(not (name and event.reference) or name == event.reference for name in names)


def is_named_as_before(payment: OrderPayment, event: PaymentNews) -> bool:
    """Whether as much money had the same name at another moment. A name that the order says (the charge, its own) is of many movements, and so is a
    payer's: they make none of two one. Of any other nobody knows whether it names this movement, or the charge."""
    names_of_many = ("", payment.reference, payment.order.external_id, payment.order.number)
    if event.reference in names_of_many or payment.method == PaymentMethod.BANK_TRANSFER:
        return False
    return _named(payment, event).exclude(event_id=event.event_id).exists()


def _named(payment: OrderPayment, event: PaymentNews) -> QuerySet[PaymentEvent]:
    if event.kind not in (*RECEIVED, PaymentEvent.Kind.REFUNDED):
        return payment.events.none()
    return payment.events.filter(kind=event.kind, amount=event.amount, reference=event.reference, is_news_only=False)
