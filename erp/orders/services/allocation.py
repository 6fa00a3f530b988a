"""Allocation after acceptance: when stock came, when a hold was resolved, when a date has come. Levels: document, balances, hold lines."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

from django.db.models import Exists, F, OuterRef

from erp.core import rows, staff_tasks
from erp.core.actors import Actor
from erp.core.clock import business_date
from erp.core.models import StaffTask
from erp.core.use_case import use_case
from erp.inventory.selectors import reserved
from erp.inventory.services import Demand, let_go_of_lines, lock_for_channels, lock_promises, reserve
from erp.orders import selectors
from erp.orders.models import Order, OrderEvent, OrderHold, OrderState, OrderWait
from erp.orders.services import letters, waiting
from erp.orders.services.states import announce, move_states
from erp.orders.services.writing import EVENT_COLUMNS

CHUNK = 100


@use_case
def allocate_orders(*, order_ids: Sequence[int], at: dt.datetime, by: Actor) -> dict[int, str]:
    """Reserve what these orders still lack, by priority and age, as far as stock goes. Returns the state of each."""
    ids = lock_orders(order_ids)
    allocate_locked(ids, at=at, by=by)
    return move_states(order_ids=ids, at=at, by=by)


@use_case
def allocate_by_hand(*, order_ids: Sequence[int], at: dt.datetime, by: Actor) -> dict[int, str]:
    """The same because somebody says so: whatever kept stock from being reserved for them (``OrderWait``) ends. Returns the state of each."""
    ids = lock_orders(order_ids)
    waiting.end(ids, reasons=waiting.KEEP_BACK, at=at, by=by)
    allocate_locked(ids, at=at, by=by)
    return move_states(order_ids=ids, at=at, by=by)


def allocate_waiting(*, at: dt.datetime, by: Actor) -> int:
    """Serve all orders that lack pieces, in short transactions, first by priority, then by age. Returns how many no longer await stock.

    Orders that wait for something else first (a release date, a payment, a person) are served in their turn too: who came earlier keeps
    the place in the queue.
    """
    served, position = 0, (-1, 0)
    while batch := selectors.orders_to_serve(after=position, limit=CHUNK):
        waiting = {row.order_id for row in batch if row.state == OrderState.AWAITING_STOCK}
        states = allocate_orders(order_ids=[row.order_id for row in batch], at=at, by=by)
        served += sum(states.get(order_id) != OrderState.AWAITING_STOCK for order_id in waiting)
        position = (batch[-1].priority, batch[-1].order_id)
    return served


def advance_due_orders(*, at: dt.datetime, by: Actor) -> int:
    """Move orders whose release or ship date has come. Safe to run as often as one likes."""
    moved = 0
    while batch := selectors.due_orders(today=business_date(at), limit=CHUNK):
        states = allocate_orders(order_ids=batch, at=at, by=by)
        progressed = [order_id for order_id, state in states.items() if state not in (
            OrderState.AWAITING_RELEASE_DATE, OrderState.AWAITING_SHIP_DATE
        )]  # fmt: skip
        moved += len(progressed)
        if not progressed:
            break
    return moved


@use_case
def reconsider_lost_reservations(*, at: dt.datetime, by: Actor) -> int:
    """Orders that lost pieces to a physical fact go back to awaiting stock, are served again where possible, and stay a task until they are.

    Whether they are is asked of their pieces: an order that is picked, or waits for something else, does not await stock and lacks it. Those that
    await stock come last: they are served with all others that do, and must not keep any from being looked at.
    """
    tasks = StaffTask.objects.filter(kind="RESERVATION_LOST", subject_type="ORDER", closed_at__isnull=True)
    awaiting = Order.objects.filter(pk=OuterRef("subject_id"), state=OrderState.AWAITING_STOCK)
    in_turn = tasks.annotate(is_awaiting=Exists(awaiting)).order_by("is_awaiting", "subject_id")
    ids = lock_orders(in_turn.values_list("subject_id", flat=True)[:CHUNK])
    allocate_locked(ids, at=at, by=by)
    move_states(order_ids=ids, at=at, by=by)
    whole = selectors.whole_orders(ids)
    close_shortages(whole, at=at, by=by)
    letters.tell_still_short(set(ids) - set(whole), at=at, by=by)
    return len(whole)


def close_shortages(order_ids: Sequence[int], *, resolution: str = "allocated", at: dt.datetime, by: Actor) -> None:
    """Orders that have all their pieces, or want none any more, are no exception."""
    for kind in ("OVERSOLD", "RESERVATION_LOST", "PROMISE_LATER"):
        staff_tasks.close_open(
            kind=kind, subject_type="ORDER", subject_ids=order_ids, resolution=resolution, at=at, by=by
        )
    waiting.end(order_ids, reasons=[OrderWait.Reason.PAID_LATE, OrderWait.Reason.WISHED_DATE], at=at, by=by)
    letters.short_no_more(order_ids, at=at, by=by)
    if resolution != "amended":
        letters.arrivals_no_more(order_ids, at=at, by=by)


_LOCK_ORDERS = "SELECT id FROM orders_order WHERE id = ANY(%s::bigint[]) ORDER BY id FOR NO KEY UPDATE"


def lock_orders(order_ids: Iterable[int]) -> list[int]:
    """Lock order rows in one order, so that two bulk acts queue up instead of deadlocking. Returns the ids that exist."""
    return [order_id for (order_id,) in ask_order_locks(order_ids).all()]


def ask_order_locks(order_ids: Iterable[int]) -> rows.Answer:
    """The same at the head of a pipeline: what is asked after it sees what the lock waited for."""
    return rows.ask(_LOCK_ORDERS, [sorted(set(order_ids))])


def allocate_locked(order_ids: Sequence[int], *, at: dt.datetime, by: Actor) -> int:
    """Reserve for orders the caller has locked, except those under a credit stop or kept back (``OrderWait``). Returns the pieces reserved."""
    if not order_ids:
        return 0
    stopped = set(
        OrderHold.objects.filter(
            order__in=order_ids, reason=OrderHold.Reason.CREDIT_EXCEEDED, resolved_at__isnull=True
        ).values_list("order_id", flat=True)
    )
    stopped |= waiting.kept_back(order_ids, at=at)
    heads = {row["id"]: row for row in selectors.order_heads(order_ids) if row["id"] not in stopped}
    # From here on no goods that come are reserved for them behind our back.
    lock_promises(document_type="ORDER", document_ids=list(heads))
    needs = selectors.open_needs(heads)
    have: dict[tuple[int, int], int] = {}
    for part in reserved("ORDER", list(heads)):
        have[part.document_line, part.sku_id] = have.get((part.document_line, part.sku_id), 0) + part.quantity
    total = 0
    missing_of = dict.fromkeys(heads, 0)
    by_channel: dict[int, list[Demand]] = {}
    for order_id in sorted(heads, key=lambda key: (heads[key]["priority"], key)):
        head = heads[order_id]
        for need in needs.get(order_id, []):
            missing = need.pieces - have.get((need.line_id, need.sku_id or 0), 0)
            missing_of[order_id] += max(missing, 0)
            if need.sku_id is not None and missing > 0:
                by_channel.setdefault(head["channel_id"], []).append(
                    Demand(order_id, need.line_id, need.sku_id, missing, head["priority"])
                )
    if len(by_channel) > 1:
        wanted = {(channel_id, demand.sku_id) for channel_id, demands in by_channel.items() for demand in demands}
        lock_for_channels(wanted=wanted, at=at)
    for channel_id, demands in sorted(by_channel.items()):
        granted = reserve(channel_id=channel_id, document_type="ORDER", demands=demands, at=at, by=by)
        for grant in granted:
            total += grant.quantity
            missing_of[grant.document_id] -= grant.quantity
        served = sorted({grant.document_id for grant in granted})
        lines = [(grant.document_id, grant.document_line, grant.sku_id) for grant in granted]
        let_go_of_lines(document_type="ORDER", lines=lines)
        rows.insert(OrderEvent, EVENT_COLUMNS, [(key, "ALLOCATED", "", "", "", at, str(by)) for key in served])
        Order.objects.filter(pk__in=served).update(version=F("version") + 1)
        # What is reserved of an order is told although it may go on waiting for the rest.
        announce([heads[key] for key in served])
    if by_channel:
        close_shortages([order_id for order_id, missing in missing_of.items() if missing == 0], at=at, by=by)
    return total
