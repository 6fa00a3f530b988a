"""Money of orders: received in advance, applied to shipments, refunded. Takes the levels document, open items.

Money captured or paid before shipment is a deposit (前受金) until goods leave; what a provider only authorised becomes its debt at shipment.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from django.db.models import F
from django.utils.translation import gettext as _

from accounting.selectors import open_items
from accounting.services import EntryDraft, Party, post_entries
from customers.selectors import accounts_by_id
from erp.core import business_days, locks, rows
from erp.core.actors import Actor
from erp.core.clock import business_date
from erp.core.errors import InvalidInput, NotFound, Problem
from erp.core.money import ZERO
from erp.core.use_case import use_case
from erp.orders import postings, selectors
from erp.orders.models import (
    Order,
    OrderEvent,
    OrderHold,
    OrderPayment,
    ParkedMessage,
    PaymentEvent,
    PaymentMethod,
    PaymentStatus,
)
from erp.orders.postings import Dimensions, Document, MoneyPart
from erp.orders.services.drafting import Draft
from erp.orders.services.states import move_states
from erp.orders.services.writing import EVENT_COLUMNS, Written

_RECEIVED = (PaymentStatus.CAPTURED, PaymentStatus.PAID)


@dataclass(frozen=True, slots=True)
class PaymentNews:
    """What the EC site or its provider says about a payment. ``line_no`` picks one of several payments, the first by default."""

    event_id: str
    kind: str
    occurred_at: dt.datetime
    amount: Decimal | None = None
    line_no: int = 1
    reference: str = ""


def event_from_body(body: Mapping[str, Any]) -> PaymentNews:
    """The way back from a parked message."""
    amount = body.get("amount")
    return PaymentNews(
        event_id=str(body["event_id"]),
        kind=str(body["kind"]),
        occurred_at=dt.datetime.fromisoformat(str(body["occurred_at"])),
        amount=None if amount is None else Decimal(str(amount)),
        line_no=int(body.get("line_no", 1)),
        reference=str(body.get("reference", "")),
    )


@use_case
def record_payment_event(
    *, channel: str, external_id: str, event: PaymentNews, at: dt.datetime, by: Actor
) -> str | None:
    """Take in news about a payment; the same ``event_id`` again changes nothing. Returns the order's state, ``None`` when it was parked.

    Raises InvalidInput for an unknown kind or a bad amount, NotFound for an unknown channel or payment line.
    """
    from erp.orders.services.parking import park  # parking applies payments: the two rooms know each other

    _refuse_malformed(event)
    channel_id = selectors.channel_id_of(channel)
    locks.hold(f"order:{channel}:{external_id}")
    order = Order.objects.filter(channel_id=channel_id, external_id=external_id).select_for_update(no_key=True).first()
    if order is None:
        body = {**asdict(event), "occurred_at": event.occurred_at.isoformat()}
        park(
            channel_id=channel_id,
            external_id=external_id,
            kind=ParkedMessage.Kind.PAYMENT,
            message_id=event.event_id,
            body={
                key: value if isinstance(value, int) else str(value) for key, value in body.items() if value is not None
            },
            at=at,
            by=by,
        )
        return None
    apply_event(order_id=order.pk, event=event, at=at, by=by)
    return move_states(order_ids=[order.pk], at=at, by=by)[order.pk]


def apply_event(*, order_id: int, event: PaymentNews, at: dt.datetime, by: Actor) -> None:
    """Part of a transaction that holds the order's lock."""
    payment = OrderPayment.objects.filter(order_id=order_id, line_no=event.line_no).first()
    if payment is None:
        raise NotFound(_("The order has no payment %(number)s.") % {"number": event.line_no})
    _saved, is_new = PaymentEvent.objects.get_or_create(
        order_id=order_id,
        event_id=event.event_id,
        defaults={
            "payment": payment,
            "kind": event.kind,
            "amount": event.amount,
            "occurred_at": event.occurred_at,
            "recorded_at": at,
            "actor": str(by),
        },
    )
    if not is_new:
        return
    rows.insert(
        OrderEvent, EVENT_COLUMNS, [(order_id, "PAYMENT", "", "", f"{event.kind} {event.reference}"[:300], at, str(by))]
    )
    if event.kind in (PaymentEvent.Kind.PAID, PaymentEvent.Kind.CAPTURED):
        _receive(payment, amount=event.amount or payment.amount, status=event.kind, at=at, by=by)
    elif event.kind == PaymentEvent.Kind.REFUNDED:
        pay_refund(order_id=order_id, amount=event.amount, on=business_date(at), at=at, by=by)
        OrderPayment.objects.filter(pk=payment.pk).update(
            status=PaymentStatus.REFUNDED, refunded_amount=F("refunded_amount") + (event.amount or payment.amount)
        )
    elif payment.status not in _RECEIVED:
        _note_credit(payment, event, at=at, by=by)


def _note_credit(payment: OrderPayment, event: PaymentNews, *, at: dt.datetime, by: Actor) -> None:
    """Credit OK or NG. A failure puts the order on hold, a later success resolves exactly that hold."""
    OrderPayment.objects.filter(pk=payment.pk).update(status=event.kind)
    if event.kind == PaymentEvent.Kind.FAILED:
        OrderHold.objects.get_or_create(
            order_id=payment.order_id,
            reason=OrderHold.Reason.PAYMENT_FAILED,
            resolved_at=None,
            defaults={"detail": event.reference[:300], "opened_at": at, "opened_by": str(by)},
        )
    else:
        _resolve_failure(payment.order_id, at=at, by=by)


def _resolve_failure(order_id: int, *, at: dt.datetime, by: Actor) -> None:
    OrderHold.objects.filter(
        order_id=order_id, reason=OrderHold.Reason.PAYMENT_FAILED, resolved_at__isnull=True
    ).update(resolved_at=at, resolved_by=str(by), resolution=_("Payment succeeded."))


def _receive(payment: OrderPayment, *, amount: Decimal, status: str, at: dt.datetime, by: Actor) -> None:
    """Money is here. Before shipment it is a deposit; after it, the receivable from the provider stands and nothing is posted."""
    order = Order.objects.select_related("channel", "account").get(pk=payment.order_id)
    _resolve_failure(order.pk, at=at, by=by)
    unshipped = payment.amount - payment.applied_amount - payment.received_amount
    received = min(amount, max(unshipped, ZERO))
    OrderPayment.objects.filter(pk=payment.pk).update(status=status, received_amount=F("received_amount") + received)
    if received and payment.role:
        draft = postings.advance_receipt(
            document=Document("ORDER", order.pk, order.number),
            money=MoneyPart(received, payment.role, counterparty(payment)),
            customer=customer_party(order),
            on=business_date(at),
            dimensions=dimensions_of(order),
        )
        post_entries(drafts=[draft], at=at, by=by)


def post_advance_receipts(
    drafts: Sequence[Draft], written: Mapping[int, Written], *, at: dt.datetime, by: Actor
) -> None:
    """Deposits of new orders whose money was captured when they were placed."""
    entries: list[EntryDraft] = []
    for draft in drafts:
        customer = Party("CUSTOMER", draft.customer_record_id or 0, _orderer_label(draft))
        department = draft.account.department_id if draft.account else None
        dimensions = Dimensions(draft.channel.pk, department or draft.channel.department_id, draft.order.currency)
        for payment in draft.payments:
            if payment.received and payment.role:
                party = None
                if payment.counterparty_id:
                    party = Party("COUNTERPARTY", payment.counterparty_id, payment.party_label)
                entries.append(
                    postings.advance_receipt(
                        document=Document("ORDER", draft.order_id, draft.number),
                        money=MoneyPart(payment.received, payment.role, party),
                        customer=customer,
                        on=business_date(at),
                        dimensions=dimensions,
                    )
                )
    if entries:
        post_entries(drafts=entries, at=at, by=by)


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
    return wanted


def _refund_sources(order: Order, amount: Decimal) -> list[MoneyPart]:
    documents = {"ORDER": [order.pk], "SHIPMENT": list(order.shipments.values_list("pk", flat=True))}
    left, parts = amount, []
    for payment in order.payments.order_by("line_no"):
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
        parts.append(MoneyPart(left, "bank"))
    return parts


class Purse:
    """What is left of an order's money while several shipments take their parts in one call."""

    def __init__(self, order: Order, payments: Sequence[OrderPayment], deposits: Iterable[tuple[int, Decimal]]) -> None:
        self.order = order
        self.payments = list(payments)
        self.applied = {payment.pk: payment.applied_amount for payment in payments}
        self.deposits = dict(deposits)

    def take(self, gross: Decimal, *, on: dt.date) -> list[MoneyPart]:
        """The parts that pay ``gross``: payment by payment, deposits before new debts. What no payment covers is owed by the orderer."""
        parts: list[MoneyPart] = []
        left = gross
        for payment in self.payments:
            portion = min(left, payment.amount - self.applied[payment.pk])
            if portion <= 0:
                continue
            from_deposit = min(portion, max(payment.received_amount - self.applied[payment.pk], ZERO))
            parts += self._from_deposits(from_deposit)
            if portion > from_deposit and payment.role:
                parts.append(_debt(self.order, payment, portion - from_deposit, on))
            self.applied[payment.pk] += portion
            left -= portion
        if left > 0:
            parts.append(MoneyPart(left, "receivable.account", customer_party(self.order)))
        return parts

    def _from_deposits(self, amount: Decimal) -> list[MoneyPart]:
        parts = []
        customer = customer_party(self.order)
        for item_id, remaining in self.deposits.items():
            part = min(amount, remaining)
            if part:
                parts.append(MoneyPart(part, "deposits", customer, settles=item_id))
                self.deposits[item_id] = remaining - part
                amount -= part
        if amount:
            raise AssertionError(f"{self.order.number}: {amount} was received but no deposit holds it")
        return parts


def open_purses(orders: Sequence[Order]) -> dict[int, Purse]:
    """The purses of locked orders, by order id, in a constant number of queries."""
    ids = [order.pk for order in orders]
    by_order: dict[int, list[OrderPayment]] = {}
    for payment in OrderPayment.objects.filter(order__in=ids).order_by("order_id", "line_no"):
        by_order.setdefault(payment.order_id, []).append(payment)
    with_deposit = [key for key, paid in by_order.items() if any(payment.received_amount for payment in paid)]
    deposits: dict[int, list[tuple[int, Decimal]]] = {}
    if with_deposit:
        for item in open_items(document_type="ORDER", document_ids=with_deposit, roles=["deposits"]):
            if item.remaining:
                deposits.setdefault(item.document_id, []).append((item.id, item.remaining))
    return {order.pk: Purse(order, by_order.get(order.pk, []), deposits.get(order.pk, [])) for order in orders}


def save_purses(purses: Iterable[Purse]) -> None:
    changed = [
        (payment.pk, purse.applied[payment.pk])
        for purse in purses
        for payment in purse.payments
        if purse.applied[payment.pk] != payment.applied_amount
    ]
    rows.update(OrderPayment, "id", ["applied_amount"], changed)


def counterparty(payment: OrderPayment) -> Party | None:
    if payment.counterparty_id is None:
        return None
    return Party("COUNTERPARTY", payment.counterparty_id, payment.provider or str(PaymentMethod(payment.method).label))


def customer_party(order: Order) -> Party:
    return Party("CUSTOMER", order.customer_record_id or 0, order.orderer_name or order.number)


def dimensions_of(order: Order) -> Dimensions:
    """Needs the order's channel and account loaded beside it."""
    department = order.account.department_id if order.account else None
    return Dimensions(order.channel_id, department or order.channel.department_id, order.currency)


def _debt(order: Order, payment: OrderPayment, amount: Decimal, on: dt.date) -> MoneyPart:
    if payment.method == PaymentMethod.ON_ACCOUNT and order.account_id is not None:
        terms = accounts_by_id([order.account_id])[order.account_id]
        closing = business_days.closing_date(on, terms.closing_day)
        due = business_days.due_date(closing, terms.payment_month_offset, terms.payment_day, terms.holiday_rule)
        return MoneyPart(amount, payment.role, Party("BILL_TO", terms.bill_to_id, terms.bill_to_label), due)
    return MoneyPart(amount, payment.role, counterparty(payment))


def _orderer_label(draft: Draft) -> str:
    person = draft.order.orderer
    name = f"{person.company} {person.family_name} {person.given_name}".strip() if person else ""
    return name[:150] or draft.number


def _refuse_malformed(event: PaymentNews) -> None:
    problems = []
    if event.kind not in PaymentEvent.Kind.values:
        problems.append(
            Problem("/kind", "unknown_value", _("“%(value)s” is not known here.") % {"value": event.kind[:50]})
        )
    if not event.event_id or len(event.event_id) > 100:
        problems.append(Problem("/event_id", "bad_event_id", _("1 to 100 characters are needed.")))
    if event.amount is not None and not (event.amount.is_finite() and 0 < event.amount < 10**12):
        problems.append(Problem("/amount", "bad_amount", _("A positive amount is needed.")))
    if problems:
        raise InvalidInput(problems)
