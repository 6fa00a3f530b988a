"""Money that goes back: what is owed for an order is posted as paid. Takes the levels document, open items."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounting.selectors import OpenItemView, open_items
from accounting.services import Party, post_entries
from erp.core import rows, staff_tasks
from erp.core.actors import Actor
from erp.core.errors import NotAllowedNow, NotFound
from erp.core.models import StaffTask
from erp.core.money import ZERO, written
from erp.core.use_case import use_case
from erp.orders import postings, selectors
from erp.orders.models import Order, OrderEvent, OrderPayment, PaymentEvent, PaymentStatus
from erp.orders.postings import Document, MoneyPart
from erp.orders.services import surplus
from erp.orders.services.open_days import money_day
from erp.orders.services.parties import counterparty, customer_party, dimensions_of
from erp.orders.services.payment_news import PaymentNews
from erp.orders.services.return_money import PAID_THROUGH
from erp.orders.services.states import announce, move_states
from erp.orders.services.writing import EVENT_COLUMNS

NOT_OWED = "REFUND_NOT_OWED"
# Where money of ours lies: what came there goes back from there.
OUR_OWN = ("bank", "cash")
# Who owes us, on which account: role, kind and id of the party.
_Owing = tuple[str, str, int]


def hear_refund(payment: OrderPayment, event: PaymentNews, *, at: dt.datetime, by: Actor) -> None:
    """News that money went back, in a transaction that holds the order's lock. What is owed is posted; of the rest a return may have taken as
    much off what the payer owes, with no money of ours; what neither explains is a matter for a person, until it is owed after all."""
    order = Order.objects.get(pk=payment.order_id)
    posted = pay_refund(payment=payment, amount=event.amount, on=money_day(at), at=at, by=by)
    if event.amount is not None:
        beyond = event.amount - posted
    elif posted:
        beyond = ZERO
    else:
        # All that is to go back: what was taken off, else the whole payment.
        whole = max(payment.amount, payment.received_amount) - payment.refunded_amount
        beyond = order.refund_gap_amount if order.refund_gap_amount > 0 else whole
    _keep_gap(order, _gap_of(order) - beyond, at=at, by=by)


def book_what_was_reported(
    orders: Iterable[Order],
    *,
    taken_off: Mapping[int, Decimal] | None = None,
    batch: rows.Batch | None = None,
    at: dt.datetime,
    by: Actor,
) -> None:
    """Something became owed for these orders, which are locked, or a return took it off what the payer owes (``taken_off``, by order): refunds
    that were reported before are in the books with it, and no task any more. What is only expected now is written with the ``batch``."""
    expected = []
    for order in orders:
        less = (taken_off or {}).get(order.pk, ZERO)
        if order.refund_gap_amount < 0:
            _explain(order, less, at=at, by=by)
        elif less:
            order.refund_gap_amount += less
            expected.append((order.pk, order.refund_gap_amount))
    if expected:
        (batch or rows).update(Order, "id", ["refund_gap_amount"], expected)


def _explain(order: Order, taken_off: Decimal, *, at: dt.datetime, by: Actor) -> None:
    gap = _gap_of(order) + taken_off
    news = PaymentEvent.objects.filter(order=order, kind=PaymentEvent.Kind.REFUNDED).select_related("payment")
    if gap < 0 and (last := news.order_by("pk").last()) is not None and (wanted := min(-gap, _not_counted(order.pk))):
        gap += pay_refund(payment=last.payment, amount=wanted, on=money_day(at), at=at, by=by)
    _keep_gap(order, gap, at=at, by=by)


def _not_counted(order_id: int) -> Decimal:
    """What was reported beyond all that was paid back, by news or by the desk: news of what the desk has paid may be late, and is no reason to take
    what becomes owed next for paid."""
    payments = OrderPayment.objects.filter(order=order_id).in_bulk()
    news = PaymentEvent.objects.filter(order=order_id, kind=PaymentEvent.Kind.REFUNDED, is_news_only=False)
    reported = ZERO
    for amount, payment_id in news.values_list("amount", "payment"):
        payment = payments[payment_id]
        reported += max(payment.amount, payment.received_amount) if amount is None else amount
    return max(reported - sum((payment.refunded_amount for payment in payments.values()), ZERO), ZERO)


def _gap_of(order: Order) -> Decimal:
    """What somebody has closed the task about is settled in another way."""
    if order.refund_gap_amount >= 0 or _asked(order.pk).exists():
        return order.refund_gap_amount
    return ZERO


def _asked(order_id: int) -> QuerySet[StaffTask]:
    return StaffTask.objects.filter(kind=NOT_OWED, subject_type="ORDER", subject_id=order_id, closed_at__isnull=True)


def _keep_gap(order: Order, gap: Decimal, *, at: dt.datetime, by: Actor) -> None:
    was, order.refund_gap_amount = order.refund_gap_amount, gap
    if gap != was:
        Order.objects.filter(pk=order.pk).update(refund_gap_amount=gap)
    if gap < 0:
        detail = _("%(amount)s went back by the news of it, and no cancellation, return or revision says why.")
        said = detail % {"amount": written(-gap)}
        staff_tasks.open_tasks([staff_tasks.Finding(NOT_OWED, "ORDER", order.pk, order.number, said)], at=at, by=by)
    elif was < 0:
        staff_tasks.close_open(
            kind=NOT_OWED,
            subject_type="ORDER",
            subject_ids=[order.pk],
            resolution=_("It is in the books now."),
            at=at,
            by=by,
        )


@use_case
def confirm_refund(*, payment_id: int, at: dt.datetime, by: Actor) -> Decimal:
    """The desk paid what is owed back for an order, a surplus included. Returns the amount posted. Raises NotAllowedNow when nothing is
    owed."""
    payment = OrderPayment.objects.filter(pk=payment_id).first()
    if payment is None:
        raise NotFound(_("There is no such payment."))
    Order.objects.select_for_update(no_key=True).get(pk=payment.order_id)
    posted = pay_refund(payment=payment, amount=None, on=money_day(at), at=at, by=by)
    if not posted:
        raise NotAllowedNow(_("Nothing is owed back for this order; cancel it or take the goods back first."))
    detail = _("Refunded %(amount)s") % {"amount": written(posted)}
    rows.insert(OrderEvent, EVENT_COLUMNS, [(payment.order_id, "PAYMENT", "", "", detail, at, str(by))])
    move_states(order_ids=[payment.order_id], at=at, by=by)
    announce(selectors.order_heads([payment.order_id]), topic="payment")
    return posted


def pay_refund(*, payment: OrderPayment, amount: Decimal | None, on: dt.date, at: dt.datetime, by: Actor) -> Decimal:
    """Post that refunds owed for the payment's order were paid: by the provider that the shopper paid, who pays out so much less, else from the bank.

    What was received beyond what is to be paid is owed as soon as it goes back. Returns what was posted; what went back beyond that is told
    to staff by whoever calls.
    """
    order = Order.objects.select_related("channel", "account").get(pk=payment.order_id)
    due = sum((item.remaining for item in _owed(order)), ZERO)
    # Without an amount it is all that is owed, and all that is too much.
    beyond = sum((item.amount for item in surplus.find(order.pk)), ZERO) if amount is None else max(amount - due, ZERO)
    taken = surplus.owe_back(order, beyond, first=payment, on=on, at=at, by=by) if beyond else []
    of_surplus = sum((item.amount for item in taken), ZERO)
    left = wanted = due + of_surplus if amount is None else min(amount, due + of_surplus)
    if not wanted:
        return ZERO
    customer = customer_party(order)
    payables = []
    for item in _owed(order):
        part = min(left, item.remaining)
        if part:
            payables.append(MoneyPart(part, "refunds_payable", customer, settles=item.id))
            left -= part
    draft = postings.refund(
        document=Document("ORDER", order.pk, order.number),
        payables=payables,
        sources=_refund_sources(order, wanted, taken={item.payment.pk: item.amount for item in taken}, told=payment.pk),
        on=on,
        dimensions=dimensions_of(order),
    )
    post_entries(drafts=[draft], at=at, by=by)
    if wanted == due + of_surplus:
        staff_tasks.close_open(
            kind="REFUND_DUE", subject_type="ORDER", subject_ids=[order.pk], resolution=_("Refunded."), at=at, by=by
        )
    _count(payment, wanted - of_surplus)
    surplus.tell(order.pk, at=at, by=by)
    return wanted


def _owed(order: Order) -> list[OpenItemView]:
    """To the customer. What is owed to who paid for a discount goes into the next settlement with them."""
    documents = {"ORDER": [order.pk], "RETURN": list(order.returns.values_list("pk", flat=True))}
    return [
        item
        for kind, ids in documents.items()
        if ids
        for item in open_items(document_type=kind, document_ids=ids, roles=["refunds_payable"])
        if item.remaining and item.party.kind == "CUSTOMER"
    ]


def _count(payment: OrderPayment, posted: Decimal) -> None:
    """A payment is refunded when all of it went back; until then the rest still pays for what is to be shipped."""
    if not posted:
        return
    payment.refresh_from_db()
    refunded = payment.refunded_amount + posted
    is_whole = refunded >= max(payment.amount, payment.received_amount)
    OrderPayment.objects.filter(pk=payment.pk).update(
        status=PaymentStatus.REFUNDED if is_whole else payment.status, refunded_amount=refunded
    )


def _refund_sources(order: Order, amount: Decimal, *, taken: Mapping[int, Decimal], told: int) -> list[MoneyPart]:
    """Money goes back the way it came: beginning with the payments of which a surplus was ``taken``, and with that of which the refund was ``told``.

    Who pays the shopper back (card, wallet, mall …) pays out so much less: of what it still owes, else of what it will, and no more than came
    through it. What is told of a payment into our bank leaves it, and so does the rest.
    """
    first, left, parts = [*taken, told], amount, list[MoneyPart]()
    payments = sorted(
        order.payments.order_by("line_no"), key=lambda one: first.index(one.pk) if one.pk in first else len(first)
    )
    ours: defaultdict[str, Decimal] = defaultdict(lambda: ZERO)
    for payment in payments:
        if payment.pk in first and payment.role in OUR_OWN and (part := min(left, _kept(payment, taken))) > 0:
            ours[payment.role] += part
            left -= part
    parties: dict[_Owing, Party] = {}
    came: defaultdict[_Owing, Decimal] = defaultdict(lambda: ZERO)
    for payment in payments:
        party = counterparty(payment)
        if party is not None and payment.role and not payment.is_of_funder:
            owing = payment.role, party.kind, party.id
            parties.setdefault(owing, party)
            came[owing] += _kept(payment, taken) if payment.method in PAID_THROUGH else ZERO
    for owing, item in _receivables(order, parties):
        if part := min(left, item.remaining):
            parts.append(MoneyPart(part, owing[0], parties[owing], settles=item.id))
            came[owing] -= part
            left -= part
    for owing, party in parties.items():
        if (part := min(left, came[owing])) > 0:
            parts.append(MoneyPart(part, owing[0], party))
            left -= part
    if left:
        # What was paid in cash over a counter goes back over it.
        ours["cash" if any(payment.role == "cash" for payment in payments) else "bank"] += left
    return [*parts, *(MoneyPart(part, role) for role, part in ours.items())]


def _receivables(order: Order, owing: Iterable[_Owing]) -> Iterator[tuple[_Owing, OpenItemView]]:
    """What they still owe us for the order. Two payments of one way share the receivables of that way; others may owe on the same account."""
    documents = {"ORDER": [order.pk], "SHIPMENT": list(order.shipments.values_list("pk", flat=True))}
    for role, *party in owing:
        for kind, ids in documents.items():
            for item in open_items(document_type=kind, document_ids=ids, roles=[role]) if ids else []:
                if [item.party.kind, item.party.id] == party and item.side == "DEBIT":
                    yield (role, item.party.kind, item.party.id), item


def _kept(payment: OrderPayment, taken: Mapping[int, Decimal]) -> Decimal:
    """What came by it and did not go back, with what of it is going back now as too much."""
    return payment.received_amount + payment.owed_amount - payment.refunded_amount + taken.get(payment.pk, ZERO)
