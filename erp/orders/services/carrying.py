"""Payments of an order that a newer revision amends: money that was received stays with the payment that it came on. Level: document.

A revision says anew how the order is paid. A payment that it still names goes on in its row, with its news and its money; one that it does
not name any more is set aside where it has either. What differs from what is to be paid is a reason to wait, or a surplus (``surplus``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from erp.core import rows
from erp.core.actors import Actor
from erp.core.money import ZERO
from erp.orders.models import Order, OrderHold, OrderPayment, PaymentMethod, PaymentStatus
from erp.orders.services import second_transfers
from erp.orders.services.documents import PaymentInput
from erp.orders.services.drafting import Draft, PaymentDraft, Reason
from erp.orders.services.parties import counterparty

_RECEIVED = (PaymentStatus.CAPTURED, PaymentStatus.PAID)


def carry_over(order: Order, draft: Draft) -> None:
    """Let the payments of a draft go on from those recorded, and add what that means to its reasons to wait. Writes nothing.

    The caller holds the order's row.
    """
    recorded = list(OrderPayment.objects.filter(order=order).order_by("line_no"))
    if not draft.order.payments and any(payment.attached_amount for payment in recorded):
        draft.payments = _as_before(draft, recorded)
        draft.holds.pop(Reason.NO_PAYMENT_ROUTE, None)
    draft.payments = _going_on(draft.payments, recorded)
    _judge_routes(draft, recorded)
    _judge_failures(order, draft)
    _judge_amounts(draft)


def _as_before(draft: Draft, recorded: Sequence[OrderPayment]) -> list[PaymentDraft]:
    """A revision that says nothing of payment changes nothing about it but the amount: the last payments take the difference."""
    mine = [payment for payment in recorded if payment.line_no < OrderPayment.SET_ASIDE and not payment.is_of_funder]
    mine = mine or [payment for payment in recorded if payment.attached_amount]
    due = draft.priced.total - draft.priced.third_party if draft.priced else draft.order.total
    amounts = [payment.amount for payment in mine]
    difference = ZERO if due is None else due - sum(amounts, ZERO)
    for index in reversed(range(len(mine))):
        changed = max(amounts[index] + difference, ZERO)
        difference -= changed - amounts[index]
        amounts[index] = changed
    of_funders = sum(1 for item in draft.order.adjustments if item.funded_by != "SHOP" and item.amount)
    return [
        *(_unchanged(payment, amount, draft) for payment, amount in zip(mine, amounts, strict=True)),
        *draft.payments[len(draft.payments) - of_funders :],
    ]


def _unchanged(payment: OrderPayment, amount: Decimal, draft: Draft) -> PaymentDraft:
    is_paid = payment.sent_status in _RECEIVED
    sent = PaymentInput(
        payment.method,
        amount,
        # "Captured" was said of the amount that there was.
        PaymentStatus.PENDING if is_paid or not payment.sent_status else payment.sent_status,
        payment.provider,
        payment.reference,
        payment.due_at,
        payment.authorization_expires_at,
    )
    party = counterparty(payment)
    return PaymentDraft(
        sent,
        payment.role,
        payment.counterparty_id,
        party.label if party else "",
        payment.must_be_paid_first,
        Reason.CURRENCY not in draft.holds,
    )


def _going_on(payments: Sequence[PaymentDraft], recorded: Sequence[OrderPayment]) -> list[PaymentDraft]:
    """Match by what identifies a payment: method, provider, reference. Where several fit, the amount decides, then the order."""
    free = [payment for payment in recorded if payment.line_no < OrderPayment.SET_ASIDE or payment.attached_amount]
    found: dict[int, OrderPayment] = {}
    for is_the_same in _BY_CLOSENESS:
        for index, draft in enumerate(payments):
            same = next((one for one in free if _may_be(draft.payment, one) and is_the_same(draft.payment, one)), None)
            if index not in found and same is not None:
                found[index] = same
                free.remove(same)
    return [_gone_on(draft, found[index]) if index in found else draft for index, draft in enumerate(payments)]


def _may_be(sent: PaymentInput, recorded: OrderPayment) -> bool:
    is_same_reference = sent.reference == recorded.reference or not (sent.reference and recorded.reference)
    return is_same_reference and (sent.method, sent.provider) == (recorded.method, recorded.provider)


_BY_CLOSENESS: tuple[Callable[[PaymentInput, OrderPayment], bool], ...] = (
    lambda sent, recorded: (
        bool(sent.reference) and (sent.reference, sent.amount) == (recorded.reference, recorded.amount)
    ),
    lambda sent, recorded: bool(sent.reference) and sent.reference == recorded.reference,
    lambda sent, recorded: sent.amount == recorded.amount,
    lambda sent, recorded: True,
)


def _gone_on(draft: PaymentDraft, recorded: OrderPayment) -> PaymentDraft:
    if recorded.attached_amount and recorded.role:
        # Its money stands in the books where it was received.
        party = counterparty(recorded)
        label = party.label if party else ""
        draft = replace(draft, role=recorded.role, counterparty_id=recorded.counterparty_id, party_label=label)
    payment = replace(draft.payment, reference=draft.payment.reference or recorded.reference)
    return replace(draft, payment=payment, goes_on=recorded)


def _judge_routes(draft: Draft, recorded: Sequence[OrderPayment]) -> None:
    """Money that waits for its route waits on, also where the revision says nothing of its payment any more."""
    going_on = {payment.goes_on.pk for payment in draft.payments if payment.goes_on}
    aside = [
        payment for payment in recorded if payment.pk not in going_on and payment.attached_amount and not payment.role
    ]
    unknown: list[PaymentInput | OrderPayment] = [payment.payment for payment in draft.payments if not payment.role]
    for payment in (*unknown, *aside):
        if payment.method != PaymentMethod.NONE:
            draft.holds.setdefault(Reason.NO_PAYMENT_ROUTE, f"{payment.method} {payment.provider}".strip())


def _judge_failures(order: Order, draft: Draft) -> None:
    """What failed as far as we heard is no better because the order says again what it said; what succeeded is no worse."""
    failed = [payment for payment in draft.payments if status_of(payment) == PaymentStatus.FAILED]
    if failed:
        open_hold = OrderHold.objects.filter(
            order=order, reason=Reason.PAYMENT_FAILED, resolved_at__isnull=True
        ).first()
        draft.holds.setdefault(Reason.PAYMENT_FAILED, open_hold.detail if open_hold else failed[0].payment.reference)
    elif not any(
        payment.payment.status == PaymentStatus.FAILED and not _is_repeated(payment) for payment in draft.payments
    ):
        draft.holds.pop(Reason.PAYMENT_FAILED, None)


def _judge_amounts(draft: Draft) -> None:
    details = []
    for payment in draft.payments:
        figures = {"received": f"{payment.received:,.0f}", "amount": f"{payment.payment.amount:,.0f}"}
        if payment.here and payment.payment.status == PaymentStatus.REFUNDED:
            details.append(_("%(received)s is here, the channel says that it went back.") % figures)
        elif payment.goes_on and ZERO < payment.received < payment.payment.amount:
            figures["missing"] = f"{payment.payment.amount - payment.received:,.0f}"
            details.append(_("%(received)s of %(amount)s is here, %(missing)s is missing.") % figures)
    if details:
        draft.holds[Reason.PAYMENT_DIFFERENCE] = " ".join(details)


def _is_repeated(draft: PaymentDraft) -> bool:
    """Whether the order says of a payment what its last revision said, of no more money."""
    recorded, sent = draft.goes_on, draft.payment
    return recorded is not None and sent.status == recorded.sent_status and sent.amount <= recorded.amount


def status_of(draft: PaymentDraft) -> str:
    """Where a payment stands: paid when all of it is here, else as the channel says now, or as we heard since it said the same."""
    recorded, sent = draft.goes_on, draft.payment
    if recorded is None or sent.status == PaymentStatus.REFUNDED:
        return sent.status
    if draft.here and draft.received >= sent.amount:
        return next((status for status in (recorded.status, sent.status) if status in _RECEIVED), PaymentStatus.PAID)
    return recorded.status if _is_repeated(draft) and recorded.status not in _RECEIVED else sent.status


_COLUMNS = (
    "line_no", "amount", "status", "sent_status", "reference", "due_at", "authorization_expires_at", "must_be_paid_first",
    "role", "counterparty_id", "received_amount", "told_amount", "carried_amount", "carried_at",
)  # fmt: skip
# Beyond every number that a payment has for longer than a moment.
_OUT_OF_THE_WAY = 1_000_000


def write(order: Order, draft: Draft, *, at: dt.datetime, by: Actor) -> None:
    """Write the payments that go on, set aside those that the revision does not name any more, forget what was only planned.

    The new ones follow with the other rows of the draft.
    """
    going_on = {item.goes_on.pk: number for number, item in enumerate(draft.payments, 1) if item.goes_on is not None}
    others = OrderPayment.objects.filter(order=order).exclude(pk__in=going_on)
    others.filter(events__isnull=True, received_amount=0).delete()
    aside = _numbers_aside(list(others.order_by("line_no")))
    numbers = going_on | aside
    moved = [
        key
        for key, number in OrderPayment.objects.filter(order=order).values_list("pk", "line_no")
        if numbers[key] != number
    ]
    # Numbers are unique at every moment: all that change go out of the way first.
    rows.update(OrderPayment, "id", ["line_no"], [(key, _OUT_OF_THE_WAY + numbers[key]) for key in moved])
    rows.update(OrderPayment, "id", ["line_no", "amount"], [(key, number, ZERO) for key, number in aside.items()])
    changed = [
        (item.goes_on.pk, *_row(order, item, number))
        for number, item in enumerate(draft.payments, 1)
        if item.goes_on is not None
    ]
    rows.update(OrderPayment, "id", _COLUMNS, changed)
    for item in draft.payments:
        # What somebody is asked about may be what the revision says is here.
        if item.goes_on is not None and (booked := item.received - item.here):
            asked = max(item.goes_on.not_booked_amount - booked, ZERO)
            second_transfers.set_asked(item.goes_on, asked, at=at, by=by)


def _numbers_aside(payments: Sequence[OrderPayment]) -> dict[int, int]:
    """Those set aside before keep their numbers."""
    numbers = {payment.pk: payment.line_no for payment in payments if payment.line_no >= OrderPayment.SET_ASIDE}
    following = max(numbers.values(), default=OrderPayment.SET_ASIDE - 1) + 1
    fresh = [payment.pk for payment in payments if payment.pk not in numbers]
    return numbers | {key: following + place for place, key in enumerate(fresh)}


def _row(order: Order, draft: PaymentDraft, number: int) -> tuple[Any, ...]:
    sent, recorded = draft.payment, draft.goes_on
    assert recorded is not None
    is_short = ZERO < draft.received < sent.amount
    return (
        number, sent.amount, status_of(draft), sent.status, sent.reference, sent.due_at, sent.authorization_expires_at,
        draft.must_be_paid_first, draft.role, draft.counterparty_id, recorded.received_amount + draft.received - draft.here,
        draft.received, draft.received if is_short else ZERO, _came_at(order, recorded) if is_short else None,
    )  # fmt: skip


def _came_at(order: Order, recorded: OrderPayment) -> dt.datetime:
    """When the last of the money that is here is said to have come. By the clock of the channel: news may reach us much later."""
    told = recorded.events.filter(kind__in=_RECEIVED).values_list("occurred_at", flat=True)
    return max([recorded.carried_at or order.ordered_at, *told])
