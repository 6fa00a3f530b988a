"""Money that goes back: what is owed for an order is posted as paid. Takes the levels document, open items."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from django.db.models import F
from django.utils.translation import gettext as _

from accounting.selectors import open_items
from accounting.services import post_entries
from erp.core import rows, staff_tasks
from erp.core.actors import Actor
from erp.core.clock import business_date
from erp.core.errors import NotAllowedNow, NotFound
from erp.core.money import ZERO
from erp.core.use_case import use_case
from erp.orders import postings, selectors
from erp.orders.models import Order, OrderEvent, OrderPayment, PaymentStatus
from erp.orders.postings import Document, MoneyPart
from erp.orders.services.parties import counterparty, customer_party, dimensions_of
from erp.orders.services.payment_news import PaymentNews
from erp.orders.services.states import announce, move_states
from erp.orders.services.writing import EVENT_COLUMNS


def count_refund(payment: OrderPayment, posted: Decimal) -> None:
    """A payment is refunded when all of it went back; until then the rest still pays for what is to be shipped."""
    is_whole = payment.refunded_amount + posted >= payment.amount
    OrderPayment.objects.filter(pk=payment.pk).update(
        status=PaymentStatus.REFUNDED if is_whole else payment.status, refunded_amount=F("refunded_amount") + posted
    )


def ask_about_refund(order_id: int, event: PaymentNews, *, at: dt.datetime, by: Actor) -> None:
    """Money went back that the books do not owe: no cancellation or return says why. The news is kept, a person finds out."""
    number = Order.objects.filter(pk=order_id).values_list("number", flat=True).get()
    detail = _("A refund was reported, but nothing is owed: no cancellation or return is recorded. %(reference)s")
    finding = staff_tasks.Finding(
        "REFUND_NOT_OWED", "ORDER", order_id, number, detail % {"reference": event.reference or event.event_id}
    )
    staff_tasks.open_tasks([finding], at=at, by=by)


@use_case
def confirm_refund(*, payment_id: int, at: dt.datetime, by: Actor) -> Decimal:
    """The desk paid what is owed back for an order. Returns the amount posted. Raises NotAllowedNow when nothing is owed."""
    payment = OrderPayment.objects.filter(pk=payment_id).first()
    if payment is None:
        raise NotFound(_("There is no such payment."))
    Order.objects.select_for_update(no_key=True).get(pk=payment.order_id)
    posted = pay_refund(order_id=payment.order_id, amount=None, on=business_date(at), at=at, by=by)
    if not posted:
        raise NotAllowedNow(_("Nothing is owed back for this order; cancel it or take the goods back first."))
    count_refund(payment, posted)
    detail = _("Refunded %(amount)s") % {"amount": posted}
    rows.insert(OrderEvent, EVENT_COLUMNS, [(payment.order_id, "PAYMENT", "", "", detail, at, str(by))])
    move_states(order_ids=[payment.order_id], at=at, by=by)
    announce(selectors.order_heads([payment.order_id]), topic="payment")
    return posted


def pay_refund(*, order_id: int, amount: Decimal | None, on: dt.date, at: dt.datetime, by: Actor) -> Decimal:
    """Post that refunds owed for an order were paid: through the provider's receivable while it still owes, else from the bank.

    Returns what was posted; refunds beyond what is owed are not ours to post and stay a matter of the payout.
    """
    order = Order.objects.select_related("channel", "account").get(pk=order_id)
    documents = {"ORDER": [order_id], "RETURN": list(order.returns.values_list("pk", flat=True))}
    owed = [
        item
        for kind, ids in documents.items()
        if ids
        for item in open_items(document_type=kind, document_ids=ids, roles=["refunds_payable"])
        if item.remaining
    ]
    due = sum((item.remaining for item in owed), ZERO)
    left = wanted = min(amount if amount is not None else due, due)
    if not wanted:
        return ZERO
    customer = customer_party(order)
    payables = []
    for item in owed:
        part = min(left, item.remaining)
        if part:
            payables.append(MoneyPart(part, "refunds_payable", customer, settles=item.id))
            left -= part
    draft = postings.refund(
        document=Document("ORDER", order.pk, order.number),
        payables=payables,
        sources=_refund_sources(order, wanted),
        on=on,
        dimensions=dimensions_of(order),
    )
    post_entries(drafts=[draft], at=at, by=by)
    if wanted == due:
        staff_tasks.close_open(
            kind="REFUND_DUE", subject_type="ORDER", subject_ids=[order_id], resolution=_("Refunded."), at=at, by=by
        )
    return wanted


def _refund_sources(order: Order, amount: Decimal) -> list[MoneyPart]:
    documents = {"ORDER": [order.pk], "SHIPMENT": list(order.shipments.values_list("pk", flat=True))}
    left, parts = amount, []
    payments = list(order.payments.order_by("line_no"))
    for payment in payments:
        party = counterparty(payment)
        if party is None or not payment.role:
            continue
        for kind, ids in documents.items():
            for item in open_items(document_type=kind, document_ids=ids, roles=[payment.role]) if ids else []:
                part = min(left, item.remaining)
                if part:
                    parts.append(MoneyPart(part, payment.role, party, settles=item.id))
                    left -= part
    if left:
        # What was paid in cash over a counter goes back over it.
        is_cash = any(payment.role == "cash" for payment in payments)
        parts.append(MoneyPart(left, "cash" if is_cash else "bank"))
    return parts
