"""Cancellation. Takes the levels document, credit group, balances, open items.

The goods go back; the deposit becomes a refund we owe, but for that of goods that have left and are not sold yet.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import F
from django.utils.translation import gettext as _

from customers.models import ExposureEntry
from customers.selectors import accounts_by_id
from customers.services import ExposureDelta, add_exposure
from erp.core import locks, rows, staff_tasks
from erp.core.actors import Actor
from erp.core.messages import Message, store
from erp.core.models import MessageLog, StaffTask
from erp.core.money import ZERO
from erp.core.use_case import use_case
from erp.inventory.services import let_go_promises, release
from erp.orders import selectors
from erp.orders.exceptions import NotCancellable, OrderNotFound
from erp.orders.models import CANCEL_WHILE_PICKING, Order, OrderEvent, OrderHold, OrderLine, ParkedMessage, Shipment
from erp.orders.services import collecting, late_revisions, left_in_part, letters, refunds, surplus, waiting
from erp.orders.services.allocation import close_shortages
from erp.orders.services.deposits import owe_deposits_back
from erp.orders.services.sales import announce_of
from erp.orders.services.states import announce, move_states
from erp.orders.services.writing import EVENT_COLUMNS

# Under this id a cancellation without one waits for its order.
_WITHOUT_ID = "cancel"


@dataclass(frozen=True, slots=True)
class CancelOutcome:
    """The order's state after the news, ``None`` while it is parked. ``is_task``: staff decide. ``is_replay``: it was known before."""

    state: str | None
    is_task: bool = False
    is_replay: bool = False


@use_case
def cancel_order(
    *, channel: str, external_id: str, reason: str = "", message_id: str = "", at: dt.datetime, by: Actor
) -> str | None:
    """As ``hear_cancellation``. Returns the order's state, ``None`` when the cancel was parked."""
    return hear_cancellation(
        channel=channel, external_id=external_id, reason=reason, message_id=message_id, at=at, by=by
    ).state


@use_case
def hear_cancellation(
    *, channel: str, external_id: str, reason: str = "", message_id: str = "", at: dt.datetime, by: Actor
) -> CancelOutcome:
    """Cancel what has not left the house. Again = no change. Before its order a cancel is parked.

    When the warehouse already picks the order, the cancellation becomes a task for staff and the order stays as it is. Once they have decided,
    the same message (id and reason) again is no news; another one is, and so is every one without a ``message_id``: nobody can tell it from a
    second wish of the customer. Of an order that left in part the rest is cancelled, and staff are told what is out. Raises NotCancellable when
    everything was shipped: that is a return.
    """
    from erp.orders.services.parking import park  # parking applies cancellations: the two rooms know each other

    channel_id = selectors.channel_id_of(channel)
    locks.hold(f"order:{channel}:{external_id}")
    order = Order.objects.filter(channel_id=channel_id, external_id=external_id).select_for_update(no_key=True).first()
    body = {"external_id": external_id, "message_id": message_id, "reason": reason}
    outcome = MessageLog.Outcome.DONE
    if order is None:
        park(
            channel_id=channel_id, external_id=external_id, kind=ParkedMessage.Kind.CANCEL,
            message_id=message_id or _WITHOUT_ID, body=body, at=at, by=by,
        )  # fmt: skip
        outcome = MessageLog.Outcome.PARKED
    elif order.cancelled_at is None:
        outcome = _cancel_or_ask(order, body, at=at, by=by)
    if order is not None and outcome == MessageLog.Outcome.DONE:
        left_in_part.tell(order, reason=reason, at=at, by=by)
    store([Message("cancel", external_id[:100], 1, body, "", outcome)], channel_id=channel_id, at=at, by=by)
    if order is None:
        return CancelOutcome(None)
    return CancelOutcome(
        move_states(order_ids=[order.pk], at=at, by=by, why=reason)[order.pk],
        is_task=outcome == MessageLog.Outcome.TASK,
        is_replay=order.cancelled_at is not None or outcome == MessageLog.Outcome.REPLAYED,
    )


def _cancel_or_ask(order: Order, body: Mapping[str, str], *, at: dt.datetime, by: Actor) -> MessageLog.Outcome:
    """What became of a message about an order that is not cancelled."""
    was_left = MessageLog.objects.filter(
        channel=order.channel_id, external_id=order.external_id[:100], kind="cancel", outcome=MessageLog.Outcome.TASK, body=body
    )  # fmt: skip
    is_undecided = StaffTask.objects.filter(
        kind=CANCEL_WHILE_PICKING, subject_type="ORDER", subject_id=order.pk, closed_at__isnull=True
    ).exists()
    if body["message_id"] and not is_undecided and was_left.exists():
        return MessageLog.Outcome.REPLAYED
    if selectors.orders_being_picked([order.pk]):
        _leave_to_staff(order, body["reason"], at=at, by=by)
        return MessageLog.Outcome.TASK
    cancel_unshipped(order_id=order.pk, reason=body["reason"], at=at, by=by)
    return MessageLog.Outcome.DONE


@use_case
def cancel_by_staff(*, order_id: int, reason: str, at: dt.datetime, by: Actor) -> str:
    """Cancel on the order desk, also while the warehouse picks: its open shipments are called back with it.

    Raises OrderNotFound, NotCancellable.
    """
    order = Order.objects.filter(pk=order_id).select_for_update(no_key=True).first()
    if order is None:
        raise OrderNotFound(_("There is no such order."))
    if order.cancelled_at is None:
        instructed = Shipment.objects.filter(order=order, state=Shipment.State.INSTRUCTED)
        announce_of(list(instructed.values_list("pk", flat=True)))
        instructed.update(state=Shipment.State.CANCELLED, version=F("version") + 1)
        cancel_unshipped(order_id=order_id, reason=reason, at=at, by=by)
    return move_states(order_ids=[order_id], at=at, by=by, why=reason)[order_id]


def cancel_unshipped(*, order_id: int, reason: str, at: dt.datetime, by: Actor) -> None:
    """Part of a transaction that holds the order's lock: stock, credit and money of everything that has not left."""
    order = Order.objects.select_related("channel", "account").get(pk=order_id)
    open_lines = OrderLine.objects.filter(order=order, quantity__gt=F("shipped_quantity") + F("cancelled_quantity"))
    if not open_lines.exists():
        raise NotCancellable(_("%(number)s has left the house; take it back as a return.") % {"number": order.number})
    if order.exposure_amount and order.account and (group := _credit_group_id(order)):
        delta = ExposureDelta(group, ExposureEntry.Kind.OPEN_ORDER, -order.exposure_amount, "ORDER", order.pk)
        add_exposure(deltas=[delta], at=at, by=by)
    let_go_promises(document_type="ORDER", document_ids=[order.pk])
    release(document_type="ORDER", document_ids=[order.pk], at=at, by=by)
    open_lines.update(cancelled_quantity=F("quantity") - F("shipped_quantity"))
    OrderHold.objects.filter(order=order, resolved_at__isnull=True).update(
        resolved_at=at, resolved_by=str(by), resolution=_("Order cancelled.")
    )
    waiting.end([order.pk], at=at, by=by)
    Order.objects.filter(pk=order.pk).update(
        cancelled_at=at, cancel_reason=reason[:200], exposure_amount=ZERO, version=F("version") + 1
    )
    rows.insert(OrderEvent, EVENT_COLUMNS, [(order.pk, "CANCELLED", "", "", reason[:300], at, str(by))])
    was_short = letters.is_short(order.pk)
    close_shortages([order.pk], resolution="cancelled", at=at, by=by)
    letters.tell_cancelled(order, was_short=was_short, at=at, by=by)
    # What has left and is not sold yet will be: its money stays until it is, or until it comes back.
    owe_deposits_back(order, keep=selectors.still_to_be_sold(order.pk), at=at, by=by)
    refunds.book_what_was_reported([order], at=at, by=by)
    surplus.tell(order.pk, at=at, by=by)
    collecting.tell([order.pk], at=at, by=by)
    late_revisions.close(order.pk, resolution=_("Order cancelled."), at=at, by=by)
    staff_tasks.close_open(
        kind=CANCEL_WHILE_PICKING,
        subject_type="ORDER",
        subject_ids=[order.pk],
        resolution=_("Order cancelled."),
        at=at,
        by=by,
    )
    announce(selectors.order_heads([order.pk]))


def _leave_to_staff(order: Order, reason: str, *, at: dt.datetime, by: Actor) -> None:
    detail = _("The channel cancelled while the warehouse picks. %(reason)s") % {"reason": reason}
    finding = staff_tasks.Finding(CANCEL_WHILE_PICKING, "ORDER", order.pk, order.number, detail)
    staff_tasks.open_tasks([finding], at=at, by=by)


def _credit_group_id(order: Order) -> int | None:
    terms = accounts_by_id([order.account_id]) if order.account_id else {}
    return next((item.credit_group_id for item in terms.values()), None)
