"""Money beyond what an order asks for: what becomes of it, and money that may have come twice (二重入金). Level: open items."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from django.utils.translation import gettext as _

from erp.core import rows, staff_tasks
from erp.core.actors import Actor
from erp.core.errors import NotAllowedNow, NotFound
from erp.core.money import ZERO, round_money, written
from erp.core.use_case import use_case
from erp.orders import selectors
from erp.orders.models import PAID_AGAIN, Order, OrderEvent, OrderPayment, PaymentMethod, PaymentStatus
from erp.orders.services import paid, refunds, surplus
from erp.orders.services.deposits import owe_back_what_no_sale_takes, post_receipt
from erp.orders.services.payment_news import BY_DESK, PaymentNews
from erp.orders.services.states import announce, move_states
from erp.orders.services.writing import EVENT_COLUMNS


def send_on(order: Order, *, is_too_much: bool, at: dt.datetime, by: Actor) -> None:
    """Money came in, as a deposit: what no sale will take is owed back at once, what is too much when it goes back, and staff are told."""
    if owed := owe_back_what_no_sale_takes(order, at=at, by=by):
        detail = _("%(amount)s came in after the order was cancelled or its goods came back. It is owed back.")
        finding = staff_tasks.Finding(
            "REFUND_DUE", "ORDER", order.pk, order.number, detail % {"amount": f"{round_money(owed):,}"}
        )
        staff_tasks.open_tasks([finding], at=at, by=by)
        refunds.book_what_was_reported([order], at=at, by=by)
    if is_too_much:
        surplus.tell(order.pk, at=at, by=by)


def ask(payment: OrderPayment, event: PaymentNews, *, amount: Decimal, at: dt.datetime, by: Actor) -> None:
    """``amount`` of what was told is not in the books. A transfer is told by whoever looks at the bank account, so that it may be a second one; card
    companies and shops tell of one payment several times. What the desk has confirmed is what a channel tells, too. What somebody has decided
    about is not asked again."""
    is_desk_s = payment.events.filter(event_id__startswith=BY_DESK)
    if payment.method != PaymentMethod.BANK_TRANSFER or amount <= 0 or is_desk_s.exists():
        return
    said = _("Transfers of %(amount)s were reported beside those in the books. Look at the bank account. %(reference)s")
    _ask(payment, event, said, amount=amount, at=at, by=by)


def ask_about_a_part(payment: OrderPayment, event: PaymentNews, *, at: dt.datetime, by: Actor) -> None:
    """As much was told of the payment before, and may be the same money under another message: it is not booked until somebody has looked."""
    amount = payment.to_be_paid - payment.told_amount if event.amount is None else event.amount
    said = _(
        "%(amount)s was reported again, and may be what is in the books already. Look at the account, or ask who reports it. %(reference)s"
    )
    _ask(payment, event, said, amount=amount, at=at, by=by)


def lower_asked(
    payment: OrderPayment, event: PaymentNews, *, booked: Decimal, missing: Decimal, at: dt.datetime, by: Actor
) -> None:
    """News of money are in the books with so much, and so much is ``missing`` now: what somebody is asked about may have come with them. Who says
    without an amount that all is here speaks of that, too. Of a card or a shop nothing comes beyond what is missing; each further transfer may be
    money."""
    asked = payment.not_booked_amount
    if payment.method != PaymentMethod.BANK_TRANSFER:
        asked = min(asked, max(missing, ZERO))
    elif event.amount is None:
        asked = max(asked - booked, ZERO)
    set_asked(payment, asked, at=at, by=by)


def set_asked(payment: OrderPayment, amount: Decimal, *, resolution: str = "", at: dt.datetime, by: Actor) -> None:
    """The books hold what was asked about, but for ``amount``: without any the task is done, unless another payment of the order is asked about."""
    if payment.not_booked_amount == amount:
        return
    payment.not_booked_amount = amount
    OrderPayment.objects.filter(pk=payment.pk).update(not_booked_amount=amount)
    if not OrderPayment.objects.filter(order=payment.order_id, not_booked_amount__gt=0).exists():
        staff_tasks.close_open(
            kind=PAID_AGAIN,
            subject_type="ORDER",
            subject_ids=[payment.order_id],
            resolution=resolution or _("It is in the books now."),
            at=at,
            by=by,
        )


def _ask(payment: OrderPayment, event: PaymentNews, said: str, *, amount: Decimal, at: dt.datetime, by: Actor) -> None:
    order = payment.order
    if selectors.is_paid_again(order.pk):
        amount += payment.not_booked_amount
    else:
        # What was asked about before, of whichever payment, somebody has decided.
        OrderPayment.objects.filter(order=order, not_booked_amount__gt=0).update(not_booked_amount=ZERO)
    OrderPayment.objects.filter(pk=payment.pk).update(not_booked_amount=amount)
    words = said % {"amount": written(amount), "reference": event.reference or event.event_id}
    staff_tasks.open_tasks(
        [staff_tasks.Finding(PAID_AGAIN, "ORDER", order.pk, order.number, words.strip())], at=at, by=by
    )


@use_case
def book_second_transfer(*, payment_id: int, at: dt.datetime, by: Actor) -> Decimal:
    """The desk saw on the account that the money came again: what was told and is not here becomes a deposit. Where it is what was missing of
    the payment, that is paid; the rest is to be paid back as a difference. Returns the amount. Raises NotFound, NotAllowedNow when nobody is asked
    about it (any more)."""
    payment = OrderPayment.objects.filter(pk=payment_id).first()
    if payment is None:
        raise NotFound(_("There is no such payment."))
    order = (
        Order.objects.select_related("channel", "account")
        .select_for_update(of=("self",), no_key=True)
        .get(pk=payment.order_id)
    )
    payment.refresh_from_db()
    amount = payment.not_booked_amount
    if not amount or not selectors.is_paid_again(order.pk):
        raise NotAllowedNow(_("No second transfer of this payment was reported, or it is decided."))
    came, told = _came(payment, amount)
    here = payment.attached_amount + came
    # What was paid once the goods had left is attached to their sale and not to the payment: such a payment is whole all the same.
    was_short = payment.status not in paid.RECEIVED and payment.attached_amount < payment.to_be_paid
    if is_paid_now := was_short and max(here, told) >= payment.to_be_paid:
        paid.take_up(order.pk, at=at, by=by)
    OrderPayment.objects.filter(pk=payment.pk).update(
        received_amount=payment.received_amount + came,
        told_amount=told,
        status=_status_of(payment) if is_paid_now else payment.status,
    )
    post_receipt(order, payment, came, at=at, by=by)
    paid.resolve_failure(order.pk, at=at, by=by)
    if is_paid_now:
        paid.go_on(order, payment, at=at, by=by)
    elif was_short:
        paid.tell_short(order, payment, paid=max(here, told), at=at, by=by)
    send_on(order, is_too_much=True, at=at, by=by)
    set_asked(payment, ZERO, resolution=_("Booked as a deposit."), at=at, by=by)
    detail = _("Booked of what was reported again: %(amount)s") % {"amount": written(amount)}
    rows.insert(OrderEvent, EVENT_COLUMNS, [(order.pk, "PAYMENT", "", "", detail, at, str(by))])
    move_states(order_ids=[order.pk], at=at, by=by)
    announce(selectors.order_heads([order.pk]), topic="payment")
    return amount


def _came(payment: OrderPayment, amount: Decimal) -> tuple[Decimal, Decimal]:
    """What becomes a deposit of money that came beside what is in the books, and what is told as received with it. Of a transfer it is all; for
    goods that have left a provider owes since their sale."""
    if payment.method == PaymentMethod.BANK_TRANSFER:
        here, settled = payment.attached_amount, paid.settled_of(payment, told=payment.told_amount)
        of_shipped = min(amount, payment.owed_amount - settled)
        came = amount - of_shipped
        return came, max(payment.told_amount + of_shipped, here + came + settled + of_shipped)
    told = payment.told_amount + amount
    beyond = min(max(told - payment.amount, ZERO), amount)
    return paid.deposit_of(payment, told=told) + beyond, told


def _status_of(payment: OrderPayment) -> str:
    """As the last news of its money calls it."""
    last = payment.events.filter(kind__in=paid.RECEIVED).order_by("pk").last()
    return last.kind if last else PaymentStatus.PAID
