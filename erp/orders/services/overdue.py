"""Money in advance that does not come in time (前払い期限切れ): the reservation is given up, or the order cancelled, as the rule says; and money
that comes later all the same. Takes the levels document, promises, balances; cancelling, those of ``cancelling``.
"""

from __future__ import annotations

import datetime as dt

from django.db.models import F
from django.utils.translation import gettext as _

from erp.core import rows
from erp.core.actors import Actor
from erp.core.clock import business_date, written_day
from erp.core.use_case import use_case
from erp.inventory.services import let_go_promises, release
from erp.orders import selectors
from erp.orders.models import Order, OrderEvent, OrderWait
from erp.orders.services import waiting
from erp.orders.services.allocation import allocate_locked, lock_orders
from erp.orders.services.cancelling import cancel_unshipped
from erp.orders.services.states import announce, move_states
from erp.orders.services.writing import EVENT_COLUMNS

Reason = OrderWait.Reason


def give_up_overdue(*, at: dt.datetime, by: Actor) -> int:
    """A job: what rules say of orders that wait for money which is overdue, each in a transaction of its own. Returns how many orders."""
    rules = selectors.allocation_rules()
    if not rules.gives_up:
        return 0
    done = 0
    for late in selectors.overdue_payments(at=at):
        terms = rules.of(channel_id=late.channel_id, order_type=late.order_type, account_id=late.account_id)
        if terms.overdue != "KEEP" and late.due_at + dt.timedelta(days=terms.overdue_days) <= at:
            done += _give_up(
                order_id=late.order_id, due_at=late.due_at, cancels=terms.overdue == "CANCEL", at=at, by=by
            )
    return done


@use_case
def _give_up(*, order_id: int, due_at: dt.datetime, cancels: bool, at: dt.datetime, by: Actor) -> bool:
    """Whether anything was done: the money may have come while we waited for the order."""
    lock_orders([order_id])
    if order_id not in {late.order_id for late in selectors.overdue_payments(at=at, order_id=order_id)}:
        return False
    why = _("Payment was due on %(day)s.") % {"day": written_day(business_date(due_at))}
    if cancels:
        cancel_unshipped(order_id=order_id, reason=why, at=at, by=by)
    else:
        let_go_promises(document_type="ORDER", document_ids=[order_id])
        release(document_type="ORDER", document_ids=[order_id], at=at, by=by)
        waiting.open_wait(order_id, Reason.PAYMENT_OVERDUE, at=at, by=by)
        rows.insert(OrderEvent, EVENT_COLUMNS, [(order_id, "UNRESERVED", "", "", why[:300], at, str(by))])
        Order.objects.filter(pk=order_id).update(version=F("version") + 1)
        announce(selectors.order_heads([order_id]))
    move_states(order_ids=[order_id], at=at, by=by, why=why)
    return True


def pay_late(*, order_id: int, at: dt.datetime, by: Actor) -> None:
    """All money of an order is here whose reservation was given up: its stock is acquired again, or it waits for stock with that reason.

    Part of a transaction that holds the order, before anything of the money is posted.
    """
    if waiting.end([order_id], reasons=[Reason.PAYMENT_OVERDUE], at=at, by=by):
        waiting.open_wait(order_id, Reason.PAID_LATE, at=at, by=by)
        allocate_locked([order_id], at=at, by=by)
