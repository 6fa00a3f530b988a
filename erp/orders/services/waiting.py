"""Why stock is not reserved for an order yet (引当待ちの理由): by hand, shortly before the wished date, or money that came late. Part of
transactions that hold the order."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence

from erp.core import rows
from erp.core.actors import Actor
from erp.core.clock import business_date
from erp.orders.models import Order, OrderEvent, OrderWait, PaymentStatus
from erp.orders.services.drafting import Draft, PaymentDraft
from erp.orders.services.writing import WAIT_COLUMNS, wait_rows

Reason = OrderWait.Reason
# With one of these stock is not reserved by itself.
KEEP_BACK = (Reason.BY_HAND, Reason.WISHED_DATE, Reason.PAYMENT_OVERDUE)
_UNPAID = (PaymentStatus.PENDING, PaymentStatus.FAILED)


def kept_back(order_ids: Collection[int], *, at: dt.datetime) -> set[int]:
    """Orders for which nothing is reserved now."""
    found = OrderWait.objects.filter(order__in=order_ids, closed_at__isnull=True, reason__in=KEEP_BACK)
    return set(found.exclude(due_on__lte=business_date(at)).values_list("order_id", flat=True))


def begin(draft: Draft, *, at: dt.datetime, by: Actor) -> None:
    """After a revision: the order waits for what its rule says now, and goes on waiting for its money, unless that came with it or is due later."""
    mine = OrderWait.objects.filter(order=draft.order_id, closed_at__isnull=True)
    ended = (Reason.BY_HAND, Reason.WISHED_DATE) if draft.is_overdue else KEEP_BACK
    mine.filter(reason__in=ended).update(closed_at=at, closed_by=str(by))
    rows.insert(OrderWait, WAIT_COLUMNS, wait_rows(draft, at=at, by=by))


def open_wait(order_id: int, reason: str, *, at: dt.datetime, by: Actor) -> None:
    rows.insert(OrderWait, WAIT_COLUMNS, [(order_id, reason, None, at, str(by))])


def end(order_ids: Sequence[int], *, reasons: Collection[str] = Reason.values, at: dt.datetime, by: Actor) -> int:
    """Close these reasons to wait. Returns how many were open."""
    found = OrderWait.objects.filter(order__in=order_ids, reason__in=list(reasons), closed_at__isnull=True)
    return found.update(closed_at=at, closed_by=str(by))


def is_open(order_id: int, reason: str) -> bool:
    return OrderWait.objects.filter(order=order_id, reason=reason, closed_at__isnull=True).exists()


def carry_over(order: Order, draft: Draft, *, at: dt.datetime) -> None:
    """What was decided about the order before its revision came: its own priority, that it was allocated, or that its reservation was given up."""
    if OrderEvent.objects.filter(order=order, kind=OrderEvent.Kind.PRIORITY).exists():
        draft.own_priority = order.priority
    draft.told_on = business_date(at)
    waited = OrderWait.objects.filter(order=order, reason__in=(Reason.BY_HAND, Reason.WISHED_DATE))
    # Its day has come, though it may still lack pieces: those that it has by now are its own.
    keeps_back = waited.filter(closed_at__isnull=True).exclude(due_on__lte=business_date(at))
    draft.was_allocated = waited.exists() and not keeps_back.exists()
    draft.is_overdue = is_open(order.pk, Reason.PAYMENT_OVERDUE) and any(
        _is_overdue(item, at=at) for item in draft.payments
    )


def _is_overdue(item: PaymentDraft, *, at: dt.datetime) -> bool:
    if not item.must_be_paid_first or not item.payment.amount or item.payment.status not in _UNPAID:
        return False
    due_at = item.payment.due_at or (item.goes_on.due_at if item.goes_on else None)
    return due_at is None or due_at <= at
