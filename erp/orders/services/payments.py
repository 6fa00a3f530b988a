"""Money of orders: received in advance, applied to shipments, refunded. Takes the levels document, open items.

Money captured or paid before shipment is a deposit (前受金) until goods leave; what a provider only authorised becomes its debt at shipment.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal

from django.db.models import F
from django.utils.translation import gettext as _

from accounting.selectors import open_items, payment_routes
from accounting.services import EntryDraft, Party, post_entries
from erp.core import locks, rows, staff_tasks
from erp.core.actors import Actor
from erp.core.clock import business_date
from erp.core.errors import NotAllowedNow, NotFound
from erp.core.messages import Message, store
from erp.core.models import MessageLog
from erp.core.money import ZERO
from erp.core.use_case import use_case
from erp.orders import postings, selectors
from erp.orders.exceptions import OrderConflict
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
from erp.orders.services.parcels import ParcelOrder, Payment
from erp.orders.services.payment_news import PaymentNews, refuse_malformed
from erp.orders.services.states import move_states
from erp.orders.services.writing import EVENT_COLUMNS, Written

_RECEIVED = (PaymentStatus.CAPTURED, PaymentStatus.PAID)
_MONEY = (*_RECEIVED, PaymentEvent.Kind.REFUNDED)


@dataclass(frozen=True, slots=True)
class PaymentOutcome:
    """The order's state after the news, ``None`` while it is parked. ``is_replay``: the same news was heard before."""

    state: str | None
    is_replay: bool = False


@use_case
def record_payment_event(
    *, channel: str, external_id: str, event: PaymentNews, at: dt.datetime, by: Actor
) -> str | None:
    """As ``hear_payment_news``. Returns the order's state, ``None`` when the news was parked."""
    return hear_payment_news(channel=channel, external_id=external_id, event=event, at=at, by=by).state


@use_case
def hear_payment_news(
    *, channel: str, external_id: str, event: PaymentNews, at: dt.datetime, by: Actor
) -> PaymentOutcome:
    """Take in news about a payment; the same ``event_id`` again changes nothing. Before its order it is parked.

    Raises:
        InvalidInput: an unknown kind, a bad amount, a time without offset or out of our time.
        NotFound: an unknown channel or payment line.
        OrderConflict: the ``event_id`` stands for other news.
    """
    from erp.orders.services.parking import park, parked_body  # parking applies payments: the two rooms know each other

    channel_id, currency = selectors.channel_with_currency(channel)
    refuse_malformed(event, currency)
    locks.hold(f"order:{channel}:{external_id}")
    order = Order.objects.filter(channel_id=channel_id, external_id=external_id).select_for_update(no_key=True).first()
    body = {
        key: value if isinstance(value, int) else str(value)
        for key, value in {**asdict(event), "occurred_at": event.occurred_at.isoformat()}.items()
        if value is not None
    }
    kind = ParkedMessage.Kind.PAYMENT
    if order is None:
        is_known = (earlier := parked_body(channel_id, external_id, kind, event.event_id)) is not None
        if earlier is not None and earlier != body:
            raise _other_news(event)
        park(
            channel_id=channel_id, external_id=external_id, kind=kind, message_id=event.event_id, body=body, at=at, by=by
        )  # fmt: skip
        outcome = MessageLog.Outcome.PARKED
    else:
        is_known = not apply_event(order_id=order.pk, event=event, at=at, by=by)
        outcome = MessageLog.Outcome.REPLAYED if is_known else MessageLog.Outcome.DONE
    store([Message("payment", external_id[:100], 1, body, "", outcome)], channel_id=channel_id, at=at, by=by)
    state = move_states(order_ids=[order.pk], at=at, by=by)[order.pk] if order else None
    return PaymentOutcome(state, is_known)


def _other_news(event: PaymentNews) -> OrderConflict:
    return OrderConflict(_("Payment event %(id)s is recorded with other content.") % {"id": event.event_id})


def has_payment(order_id: int, line_no: int) -> bool:
    return OrderPayment.objects.filter(order_id=order_id, line_no=line_no).exists()


def apply_event(*, order_id: int, event: PaymentNews, at: dt.datetime, by: Actor) -> bool:
    """Part of a transaction that holds the order's lock. Returns whether it was news. Raises OrderConflict, NotFound."""
    payment = OrderPayment.objects.filter(order_id=order_id, line_no=event.line_no).first()
    if payment is None:
        raise NotFound(_("The order has no payment %(number)s.") % {"number": event.line_no})
    saved, is_new = PaymentEvent.objects.get_or_create(
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
        if (saved.payment_id, saved.kind, saved.amount) != (payment.pk, event.kind, event.amount):
            raise _other_news(event)
        return False
    rows.insert(
        OrderEvent, EVENT_COLUMNS, [(order_id, "PAYMENT", "", "", f"{event.kind} {event.reference}"[:300], at, str(by))]
    )
    if event.kind in _MONEY and _waits_for_currency(order_id):
        _ask_about_currency(order_id, event, at=at, by=by)
    elif event.kind in _RECEIVED:
        _receive(payment, status=event.kind, at=at, by=by)
    elif event.kind == PaymentEvent.Kind.REFUNDED:
        posted = pay_refund(order_id=order_id, amount=event.amount, on=business_date(at), at=at, by=by)
        if not posted:
            _ask_about_refund(order_id, event, at=at, by=by)
            return True
        _count_refund(payment, posted)
    elif payment.status not in _RECEIVED:
        _note_credit(payment, event, at=at, by=by)
    return True


def _waits_for_currency(order_id: int) -> bool:
    return OrderHold.objects.filter(order=order_id, reason=OrderHold.Reason.CURRENCY, resolved_at__isnull=True).exists()


def _ask_about_currency(order_id: int, event: PaymentNews, *, at: dt.datetime, by: Actor) -> None:
    """Money in a currency that the books do not keep is not booked: the news is kept, and the amended order has to state its payments."""
    number, currency = Order.objects.filter(pk=order_id).values_list("number", "currency").get()
    detail = _("%(kind)s %(amount)s %(currency)s is not booked: the order waits for its currency. %(reference)s") % {
        "kind": PaymentEvent.Kind(event.kind).label,
        "amount": event.amount if event.amount is not None else "–",
        "currency": currency,
        "reference": event.reference or event.event_id,
    }
    staff_tasks.open_tasks([staff_tasks.Finding("MONEY_NOT_BOOKED", "ORDER", order_id, number, detail)], at=at, by=by)


def _count_refund(payment: OrderPayment, posted: Decimal) -> None:
    """A payment is refunded when all of it went back; until then the rest still pays for what is to be shipped."""
    is_whole = payment.refunded_amount + posted >= payment.amount
    OrderPayment.objects.filter(pk=payment.pk).update(
        status=PaymentStatus.REFUNDED if is_whole else payment.status, refunded_amount=F("refunded_amount") + posted
    )


def _ask_about_refund(order_id: int, event: PaymentNews, *, at: dt.datetime, by: Actor) -> None:
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
    _count_refund(payment, posted)
    detail = _("Refunded %(amount)s") % {"amount": posted}
    rows.insert(OrderEvent, EVENT_COLUMNS, [(payment.order_id, "PAYMENT", "", "", detail, at, str(by))])
    move_states(order_ids=[payment.order_id], at=at, by=by)
    return posted


def _note_credit(payment: OrderPayment, event: PaymentNews, *, at: dt.datetime, by: Actor) -> None:
    """Credit OK or NG. A failure puts the order on hold, a later success resolves exactly that hold; old news changes nothing."""
    verdicts = payment.events.filter(kind__in=[PaymentEvent.Kind.AUTHORIZED, PaymentEvent.Kind.FAILED])
    if verdicts.filter(occurred_at__gt=event.occurred_at).exists():
        return
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


def _receive(payment: OrderPayment, *, status: str, at: dt.datetime, by: Actor) -> None:
    """Money is here. What is not shipped yet is a deposit; for the rest the receivable from the provider stands and nothing is posted.

    Less than the whole does not settle the payment. Money for an order that was cancelled is owed back at once.
    """
    order = Order.objects.select_related("channel", "account").get(pk=payment.order_id)
    _resolve_failure(order.pk, at=at, by=by)
    news = payment.events.filter(kind__in=_RECEIVED).values_list("amount", flat=True)
    reported = sum((payment.amount if amount is None else amount for amount in news), ZERO)
    owed_for_shipped = max(payment.applied_amount - payment.received_amount, ZERO)
    unshipped = max(payment.amount - payment.applied_amount - payment.received_amount, ZERO)
    received = min(max(reported - payment.received_amount - owed_for_shipped, ZERO), unshipped)
    is_whole = max(reported, payment.received_amount + received) >= payment.amount
    if not is_whole:
        detail = _("%(paid)s of %(amount)s was paid.") % {"paid": reported, "amount": payment.amount}
        finding = staff_tasks.Finding("PAYMENT_SHORT", "ORDER", order.pk, order.number, detail)
        staff_tasks.open_tasks([finding], at=at, by=by)
    OrderPayment.objects.filter(pk=payment.pk).update(
        status=status if is_whole else payment.status, received_amount=F("received_amount") + received
    )
    _post_receipt(order, payment, received, at=at, by=by)
    if received and order.cancelled_at is not None:
        owe_deposits_back(order, at=at, by=by)


def _post_receipt(order: Order, payment: OrderPayment, amount: Decimal, *, at: dt.datetime, by: Actor) -> None:
    if not amount or not payment.role:
        return
    draft = postings.advance_receipt(
        document=Document("ORDER", order.pk, order.number),
        money=MoneyPart(amount, payment.role, counterparty(payment)),
        customer=customer_party(order),
        on=business_date(at),
        dimensions=dimensions_of(order),
    )
    post_entries(drafts=[draft], at=at, by=by)


def owe_deposits_back(order: Order, *, at: dt.datetime, by: Actor) -> None:
    """What was received for goods that will not leave becomes a refund we owe. Needs the order's channel and account beside it."""
    customer = customer_party(order)
    deposits = [
        MoneyPart(item.remaining, "deposits", customer, settles=item.id)
        for item in open_items(document_type="ORDER", document_ids=[order.pk], roles=["deposits"])
    ]
    if deposits:
        draft = postings.deposit_to_refund(
            document=Document("ORDER", order.pk, order.number),
            deposits=deposits,
            customer=customer,
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


def find_routes(*, order_id: int, at: dt.datetime, by: Actor) -> None:
    """Give payments that came before their route was set up the route they have now, and post what was received on them.

    Raises NotAllowedNow when one still has none. Part of a transaction that holds the order's lock.
    """
    order = Order.objects.select_related("channel", "account").get(pk=order_id)
    routes = payment_routes()
    waiting = order.payments.filter(role="", amount__gt=0).exclude(method=PaymentMethod.NONE)
    for payment in waiting.order_by("line_no"):
        route = routes.find(order.channel_id, payment.method, payment.provider)
        if route is None:
            label = f"{PaymentMethod(payment.method).label} {payment.provider}".strip()
            raise NotAllowedNow(_("Say first where money of “%(method)s” comes from.") % {"method": label})
        payment.role, payment.must_be_paid_first = route.role, route.must_be_paid_first
        payment.counterparty_id = route.party.id if route.party else None
        OrderPayment.objects.filter(pk=payment.pk).update(
            role=payment.role, must_be_paid_first=payment.must_be_paid_first, counterparty_id=payment.counterparty_id
        )
        _post_receipt(order, payment, payment.received_amount, at=at, by=by)


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


def counterparty(payment: OrderPayment | Payment) -> Party | None:
    if payment.counterparty_id is None:
        return None
    return Party("COUNTERPARTY", payment.counterparty_id, payment.provider or str(PaymentMethod(payment.method).label))


def customer_party(order: Order | ParcelOrder) -> Party:
    return Party("CUSTOMER", order.customer_record_id or 0, order.orderer_name or order.number)


def dimensions_of(order: Order) -> Dimensions:
    """Needs the order's channel and account loaded beside it."""
    department = order.account.department_id if order.account else None
    return Dimensions(order.channel_id, department or order.channel.department_id, order.currency)


def _orderer_label(draft: Draft) -> str:
    person = draft.order.orderer
    name = f"{person.company} {person.family_name} {person.given_name}".strip() if person else ""
    return name[:150] or draft.number
