"""Which state an order is in (pure), and moving stored orders there when their facts changed. Nobody sets a state by hand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from erp.core import changes, rows
from erp.core.actors import Actor
from erp.core.clock import business_date
from erp.inventory.selectors import ReservedPart, reserved
from erp.orders import selectors
from erp.orders.models import Order, OrderEvent, OrderState, PaymentMethod, PaymentStatus

_CREDITED_FIRST = frozenset(
    {PaymentMethod.CARD, PaymentMethod.WALLET, PaymentMethod.CARRIER_BILLING, PaymentMethod.DEFERRED}
)
_RECEIVED = frozenset({PaymentStatus.CAPTURED, PaymentStatus.PAID})


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """All that decides where an order stands."""

    is_cancelled: bool
    is_on_hold: bool
    is_all_shipped: bool
    is_being_picked: bool
    is_fully_reserved: bool
    is_payment_settled: bool
    release_date: dt.date | None
    ship_after: dt.date | None


def state_of(facts: OrderFacts, *, today: dt.date) -> OrderState:
    """The first thing the rest of the order waits for, in the order in which staff would ask."""
    if facts.is_cancelled:
        return OrderState.CANCELLED
    if facts.is_all_shipped:
        return OrderState.SHIPPED
    if facts.is_being_picked:
        return OrderState.PICKING
    if facts.is_on_hold:
        return OrderState.ON_HOLD
    if not facts.is_payment_settled:
        return OrderState.AWAITING_PAYMENT
    if facts.release_date is not None and facts.release_date > today:
        return OrderState.AWAITING_RELEASE_DATE
    if not facts.is_fully_reserved:
        return OrderState.AWAITING_STOCK
    if facts.ship_after is not None and facts.ship_after > today:
        return OrderState.AWAITING_SHIP_DATE
    return OrderState.READY


def is_payment_settled(*, method: str, status: str, must_be_paid_first: bool) -> bool:
    """Whether goods may leave: money is here where it must come first, credit was granted where a provider grants it."""
    if must_be_paid_first:
        return status in _RECEIVED
    if method in _CREDITED_FIRST:
        return status in _RECEIVED or status == PaymentStatus.AUTHORIZED
    return True


def move_states(*, order_ids: Iterable[int], at: dt.datetime, by: Actor, why: str = "") -> dict[int, str]:
    """Re-evaluate orders whose rows the caller has locked; write the transition, its event and the announcement of those that moved.

    Returns the state of every order. Part of the caller's transaction.
    """
    ids = sorted(set(order_ids))
    today = business_date(at)
    current = {row["id"]: row for row in selectors.order_heads(ids)}
    facts = _facts_of(ids, current)
    states = {order_id: state_of(facts[order_id], today=today) for order_id in current}
    moved = [order_id for order_id in current if states[order_id] != current[order_id]["state"]]
    if moved:
        rows.update(Order, "id", ["state", "version"], [(i, states[i].value, current[i]["version"] + 1) for i in moved])
        rows.insert(
            OrderEvent,
            ["order_id", "kind", "from_state", "to_state", "detail", "recorded_at", "actor"],
            [(i, "STATE", current[i]["state"], states[i].value, why[:300], at, str(by)) for i in moved],
        )
        announce(current[order_id] for order_id in moved)
    return {order_id: state.value for order_id, state in states.items()}


def announce(heads: Iterable[Mapping[str, object]]) -> None:
    """Change rows for orders, each for its own channel only."""
    by_channel: dict[str, list[str]] = {}
    for head in heads:
        by_channel.setdefault(str(head["channel__code"]), []).append(str(head["external_id"]))
    for channel, keys in sorted(by_channel.items()):
        changes.record(topic="order", keys=keys, audience=channel)


def _facts_of(ids: Sequence[int], heads: Mapping[int, Mapping[str, object]]) -> dict[int, OrderFacts]:
    unfinished = selectors.orders_with_open_lines(ids)
    picking = selectors.orders_being_picked(ids)
    # What is shipped or being picked is decided by that alone; only the others are looked into line by line.
    waiting = sorted(unfinished - picking)
    needs = selectors.open_needs(waiting) if waiting else {}
    parts: dict[tuple[int, int], int] = {}
    for part in reserved("ORDER", waiting) if waiting else ():
        parts[part.document_line, part.sku_id] = parts.get((part.document_line, part.sku_id), 0) + part.quantity
    held = selectors.orders_on_hold(ids)
    unsettled = selectors.orders_with_unsettled_payment(ids, is_payment_settled)
    found = {}
    for order_id in heads:
        order_needs = needs.get(order_id, [])
        found[order_id] = OrderFacts(
            is_cancelled=heads[order_id]["cancelled_at"] is not None and not heads[order_id]["has_shipped"],
            is_on_hold=order_id in held,
            is_all_shipped=order_id not in unfinished,
            is_being_picked=order_id in picking,
            is_fully_reserved=all(
                need.sku_id is not None and parts.get((need.line_id, need.sku_id), 0) >= need.pieces
                for need in order_needs
            ),
            is_payment_settled=order_id not in unsettled,
            release_date=max((need.release_date for need in order_needs if need.release_date), default=None),
            ship_after=heads[order_id]["ship_after"],  # type: ignore[arg-type]
        )
    return found


__all__ = ["OrderFacts", "ReservedPart", "announce", "is_payment_settled", "move_states", "state_of"]
