"""News about the money of orders. Takes the levels document, open items.

Money captured or paid before shipment is a deposit (前受金) until goods leave; what a provider only authorised becomes its debt at shipment.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass
from decimal import Decimal

from django.db.models import F
from django.utils.translation import gettext as _

from erp.core import locks, rows, staff_tasks
from erp.core.actors import Actor
from erp.core.errors import NotAllowedNow, NotFound
from erp.core.messages import Message, store
from erp.core.models import MessageLog
from erp.core.money import ZERO, written
from erp.core.use_case import use_case
from erp.orders import selectors
from erp.orders.exceptions import OrderConflict
from erp.orders.models import (
    Order,
    OrderEvent,
    OrderHold,
    OrderPayment,
    ParkedMessage,
    PaymentEvent,
    PaymentMethod,
)
from erp.orders.services import paid, retold, second_transfers
from erp.orders.services.deposits import post_receipt
from erp.orders.services.payment_news import BY_DESK, PaymentNews, refuse_malformed
from erp.orders.services.refunds import hear_refund
from erp.orders.services.states import announce, move_states
from erp.orders.services.writing import EVENT_COLUMNS

_MONEY = (*paid.RECEIVED, PaymentEvent.Kind.REFUNDED)


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
def confirm_payment(*, payment_id: int, at: dt.datetime, by: Actor) -> str | None:
    """The desk saw that the money of a payment is here. Returns the order's state.

    The event names the payment and the revision that says what is to be paid: the same again changes nothing, until a revision asks for
    more. Raises NotFound, NotAllowedNow for what is sold on account: its money is matched with its bill; and where a revision came while the
    order was waited for: nobody saw what it asks for.
    """
    seen = OrderPayment.objects.select_related("order__channel").filter(pk=payment_id).first()
    if seen is None:
        raise NotFound(_("There is no such payment."))
    channel, external_id = seen.order.channel, seen.order.external_id
    order = _held(channel.pk, channel.code, external_id)
    payment = OrderPayment.objects.filter(pk=payment_id).first()
    if order is None or payment is None or order.revision != seen.order.revision:
        raise NotAllowedNow(_("The order was amended meanwhile. Look at its payments again."))
    if payment.method == PaymentMethod.ON_ACCOUNT:
        raise NotAllowedNow(_("Sold on account: money is matched with the open item of the bill."))
    event = PaymentNews(
        f"{BY_DESK}{payment.pk}:PAID:{order.revision}", PaymentEvent.Kind.PAID, at, line_no=payment.line_no
    )
    return hear_payment_news(channel=channel.code, external_id=external_id, event=event, at=at, by=by).state


def _held(channel_id: int, channel: str, external_id: str) -> Order | None:
    """An order, locked until the end of the transaction; also where there is none yet, its name."""
    locks.hold(f"order:{channel}:{external_id}")
    return Order.objects.filter(channel_id=channel_id, external_id=external_id).select_for_update(no_key=True).first()


@use_case
def hear_payment_news(
    *, channel: str, external_id: str, event: PaymentNews, at: dt.datetime, by: Actor
) -> PaymentOutcome:
    """Take in news about a payment; the same ``event_id`` again changes nothing, nor does another one of the same movement of money, where its
    ``reference`` names it. Where nobody can tell, staff are asked. Before its order it is parked.

    Raises:
        InvalidInput: an unknown kind, a bad amount, a time without offset or out of our time.
        NotFound: an unknown channel or payment line.
        OrderConflict: the ``event_id`` stands for other news.
    """
    from erp.orders.services.parking import park, parked_body  # parking applies payments: the two rooms know each other

    channel_id, currency = selectors.channel_with_currency(channel)
    refuse_malformed(event, currency)
    order = _held(channel_id, channel, external_id)
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
    said = PaymentEvent.objects.filter(order_id=order_id, event_id=event.event_id).values_list(
        "line_no", "kind", "amount"
    )
    if (known := said.first()) is not None:
        if known != (event.line_no, event.kind, event.amount):
            raise _other_news(event)
        return False
    payment = OrderPayment.objects.select_related("order").filter(order_id=order_id, line_no=event.line_no).first()
    if payment is None:
        raise NotFound(_("The order has no payment %(number)s.") % {"number": event.line_no})
    if retold.is_known(payment, event):
        return False
    why_not_booked = _why_not_booked(payment, event)
    PaymentEvent.objects.create(
        order_id=order_id,
        event_id=event.event_id,
        line_no=event.line_no,
        payment=payment,
        kind=event.kind,
        amount=event.amount,
        occurred_at=event.occurred_at,
        reference=event.reference[:300],
        is_news_only=bool(why_not_booked),
        recorded_at=at,
        actor=str(by),
    )
    detail = f"{PaymentEvent.Kind(event.kind).label} {event.reference}".strip()
    rows.insert(OrderEvent, EVENT_COLUMNS, [(order_id, "PAYMENT", "", "", detail[:300], at, str(by))])
    if why_not_booked:
        _ask_about_money(order_id, event, why_not_booked, at=at, by=by)
    else:
        _take_in(payment, event, at=at, by=by)
    announce(selectors.order_heads([order_id]), topic="payment")
    return True


def _take_in(payment: OrderPayment, event: PaymentNews, *, at: dt.datetime, by: Actor) -> None:
    """What news does that are recorded."""
    if event.kind in paid.RECEIVED and retold.may_be_known(payment, event):
        second_transfers.ask_about_a_part(payment, event, at=at, by=by)
    elif event.kind in paid.RECEIVED:
        if _settles(payment, event):
            paid.take_up(payment.order_id, at=at, by=by)
        _receive(payment, event, at=at, by=by)
    elif event.kind == PaymentEvent.Kind.REFUNDED:
        hear_refund(payment, event, at=at, by=by)
    elif payment.status not in paid.RECEIVED:
        _note_credit(payment, event, at=at, by=by)


def _waits_for_currency(order_id: int) -> bool:
    return OrderHold.objects.filter(order=order_id, reason=OrderHold.Reason.CURRENCY, resolved_at__isnull=True).exists()


def _why_not_booked(payment: OrderPayment, event: PaymentNews) -> str:
    """Words of the task about money that is kept as news only; nothing for money that is booked.

    In a currency that the books do not keep, the amended order has to state its payments. What is sold on account is owed by the bill-to and
    paid against its bill: accounting matches it there. Of a refund by a name that was heard before nobody knows whether it is another one.
    """
    if event.kind not in _MONEY:
        return ""
    if _waits_for_currency(payment.order_id):
        return _("%(kind)s %(amount)s %(currency)s is not booked: the order waits for its currency. %(reference)s")
    if event.kind in paid.RECEIVED and payment.method == PaymentMethod.ON_ACCOUNT:
        return _(
            "%(kind)s %(amount)s %(currency)s is not booked: sold on account, match it with the bill. %(reference)s"
        )
    if event.kind == PaymentEvent.Kind.REFUNDED and retold.is_named_as_before(payment, event):
        return _(
            "%(kind)s %(amount)s %(currency)s is not booked: as much was reported by this name before. Look at the statement. %(reference)s"
        )
    return ""


def _ask_about_money(order_id: int, event: PaymentNews, words: str, *, at: dt.datetime, by: Actor) -> None:
    number, currency = Order.objects.filter(pk=order_id).values_list("number", "currency").get()
    detail = words % {
        "kind": PaymentEvent.Kind(event.kind).label,
        "amount": "–" if event.amount is None else written(event.amount),
        "currency": currency,
        "reference": event.reference or event.event_id,
    }
    staff_tasks.open_tasks([staff_tasks.Finding("MONEY_NOT_BOOKED", "ORDER", order_id, number, detail)], at=at, by=by)


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
        paid.resolve_failure(payment.order_id, at=at, by=by)


def _receive(payment: OrderPayment, event: PaymentNews, *, at: dt.datetime, by: Actor) -> None:
    """Money is here. What is not shipped yet is a deposit; for the rest the receivable from the provider stands and nothing is posted.

    Less than the whole does not settle the payment. What comes beyond the whole is a deposit too (過入金), to be paid back; the whole
    told again may be the same money, and for a transfer a person looks. What comes for goods that will not be sold any more is owed back at once.
    """
    order = Order.objects.select_related("channel", "account").get(pk=payment.order_id)
    paid.resolve_failure(order.pk, at=at, by=by)
    told = payment.told_amount + _amount_told(payment, event)
    here = payment.attached_amount
    beyond = _beyond(payment, event)
    received = paid.deposit_of(payment, told=told) + beyond
    is_whole = max(told, here + received) >= payment.to_be_paid
    if not is_whole:
        paid.tell_short(order, payment, paid=max(told, here), at=at, by=by)
    OrderPayment.objects.filter(pk=payment.pk).update(
        status=event.kind if is_whole else payment.status,
        received_amount=F("received_amount") + received,
        told_amount=told,
    )
    post_receipt(order, payment, received, at=at, by=by)
    missing = payment.to_be_paid - max(told, here + received)
    settled_before = paid.settled_of(payment, told=payment.told_amount)
    booked = received + paid.settled_of(payment, told=told, received=received) - settled_before
    second_transfers.lower_asked(payment, event, booked=booked, missing=missing, at=at, by=by)
    if is_whole:
        paid.go_on(order, payment, at=at, by=by)
    if received:
        second_transfers.send_on(order, is_too_much=beyond > 0, at=at, by=by)
    if event.kind == PaymentEvent.Kind.PAID and not (event.amount is None and booked):
        heard = payment.amount if event.amount is None else event.amount
        second_transfers.ask(payment, event, amount=heard - booked, at=at, by=by)


def _beyond(payment: OrderPayment, event: PaymentNews) -> Decimal:
    """What news of further money tells beyond what is to be paid. Once all of it is here, where a revision asks for more, and where the news is of
    just the whole, nobody knows whether it is further money or tells of the same again."""
    told, here = payment.told_amount, payment.attached_amount
    if event.amount is None or event.amount == payment.amount:
        return ZERO
    if payment.carried_amount or told >= payment.amount or here > told:
        return ZERO
    return max(told + event.amount - payment.amount, ZERO)


def _settles(payment: OrderPayment, event: PaymentNews) -> bool:
    """Whether the payment is whole with this news."""
    return max(payment.told_amount + _amount_told(payment, event), payment.attached_amount) >= payment.to_be_paid


def _amount_told(payment: OrderPayment, event: PaymentNews) -> Decimal:
    """News without an amount is about the whole payment. Where a revision asks for more than was here, news of just what was here is old
    news, unless as much again is missing and it came later."""
    if event.amount is None:
        return payment.amount
    if not payment.carried_amount or event.amount != payment.carried_amount:
        return event.amount
    is_rest = event.amount == payment.amount - payment.told_amount
    is_later = payment.carried_at is not None and event.occurred_at > payment.carried_at
    return event.amount if is_rest and is_later else ZERO
