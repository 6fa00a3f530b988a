"""Which state an order is in (pure), and moving stored orders there when their facts changed. Nobody sets a state by hand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from erp.core import changes, rows
from erp.core.actors import Actor
from erp.core.clock import business_date
from erp.inventory.selectors import ReservedPart, ask_reserved
from erp.orders import selectors
from erp.orders.models import Order, OrderEvent, OrderState, PaymentMethod, PaymentStatus
from erp.orders.selectors import Need

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
    is_provisional: bool = False


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
    if facts.is_provisional:
        return OrderState.NEW
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
    current, needs, parts = _read(ids)
    facts = _facts_of(current, needs, parts)
    states = {order_id: state_of(facts[order_id], today=today) for order_id in current}
    moved = [order_id for order_id in current if states[order_id] != current[order_id]["state"]]
    if moved:
        batch = rows.Batch()
        batch.update(
            Order, "id", ["state", "version"], [(i, states[i].value, current[i]["version"] + 1) for i in moved]
        )
        batch.insert(
            OrderEvent,
            ["order_id", "kind", "from_state", "to_state", "detail", "recorded_at", "actor"],
            [(i, "STATE", current[i]["state"], states[i].value, why[:300], at, str(by)) for i in moved],
        )
        announce((current[order_id] for order_id in moved), batch=batch)
        batch.run()
    return {order_id: state.value for order_id, state in states.items()}


def announce(heads: Iterable[Mapping[str, object]], *, batch: rows.Batch | None = None) -> None:
    """Change rows for orders, each for its own channel only; with the writes of a ``batch`` if one is given."""
    by_channel: dict[str, list[str]] = {}
    for head in heads:
        by_channel.setdefault(str(head["channel__code"]), []).append(str(head["external_id"]))
    for channel, keys in sorted(by_channel.items()):
        changes.record(topic="order", keys=keys, audience=channel, batch=batch)


def _read(ids: Sequence[int]) -> tuple[dict[int, dict[str, Any]], dict[int, list[Need]], Sequence[ReservedPart]]:
    """Heads, open needs and reservations of orders, asked together."""
    with rows.pipeline():
        heads, needs, parts = (
            selectors.ask_order_heads(ids),
            selectors.ask_open_needs(ids),
            ask_reserved("ORDER", ids),
        )
    return {head["id"]: head for head in heads()}, needs(), parts()


def _facts_of(
    heads: Mapping[int, Mapping[str, Any]], needs: Mapping[int, Sequence[Need]], parts: Iterable[ReservedPart]
) -> dict[int, OrderFacts]:
    held: dict[tuple[int, int | None], int] = {}
    for part in parts:
        held[part.document_line, part.sku_id] = held.get((part.document_line, part.sku_id), 0) + part.quantity
    return {
        order_id: OrderFacts(
            is_cancelled=head["cancelled_at"] is not None and not head["has_shipped"],
            is_on_hold=head["is_on_hold"],
            is_all_shipped=not head["has_open_lines"],
            is_being_picked=head["is_being_picked"],
            is_fully_reserved=all(
                need.sku_id is not None and held.get((need.line_id, need.sku_id), 0) >= need.pieces
                for need in needs.get(order_id, ())
            ),
            is_payment_settled=all(_is_settled(payment) for payment in head["payments"]),
            release_date=max(
                (need.release_date for need in needs.get(order_id, ()) if need.release_date), default=None
            ),
            ship_after=head["ship_after"],
            is_provisional=head["is_provisional"],
        )
        for order_id, head in heads.items()
    }


def _is_settled(payment: str) -> bool:
    method, status, *first = payment.split()
    return is_payment_settled(method=method, status=status, must_be_paid_first=bool(first))


__all__ = ["OrderFacts", "ReservedPart", "announce", "is_payment_settled", "move_states", "state_of"]
