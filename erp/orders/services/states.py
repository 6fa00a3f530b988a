"""Which state an order is in (pure), and moving stored orders there when their facts changed. Nobody sets a state by hand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from erp.core import changes, rows
from erp.core.actors import Actor
from erp.core.clock import business_date
from erp.inventory.selectors import ask_reserved
from erp.orders import selectors
from erp.orders.models import Order, OrderEvent, OrderState, PaymentMethod, PaymentStatus
from erp.orders.selectors import Need
from erp.orders.services.writing import EVENT_COLUMNS

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


def move_states(
    *, order_ids: Iterable[int], at: dt.datetime, by: Actor, why: str = "", batch: rows.Batch | None = None
) -> dict[int, str]:
    """Re-evaluate orders whose rows the caller has locked; write the transition, its event and the announcement of those that moved.

    Returns the state of every order. Part of the caller's transaction. With a ``batch``, what it holds is written on the way, so that it
    counts, and the last writes are left in it for the caller.
    """
    own = rows.Batch() if batch is None else batch
    with own.before_questions():
        standing = ask_standing(sorted(set(order_ids)))
    states = gather_moves(standing(), batch=own, at=at, by=by, why=why)
    if batch is None:
        own.run()
    return states


@dataclass(frozen=True, slots=True)
class Standing:
    """An order's row (``selectors.order_heads``), what it still needs, what is reserved of it (line and SKU → pieces), and what follows."""

    head: Mapping[str, Any]
    needs: Sequence[Need]
    reserved: Mapping[tuple[int, int | None], int]
    facts: OrderFacts


def ask_standing(ids: Sequence[int]) -> Callable[[], dict[int, Standing]]:
    """Where orders stand, by id: heads, open needs and reservations, asked together. Call the result when the pipeline has been left."""
    heads, open_needs, parts = selectors.ask_order_heads(ids), selectors.ask_open_needs(ids), ask_reserved("ORDER", ids)

    def standing() -> dict[int, Standing]:
        held: dict[int, dict[tuple[int, int | None], int]] = {}
        for part in parts():
            mine = held.setdefault(part.document_id, {})
            mine[part.document_line, part.sku_id] = mine.get((part.document_line, part.sku_id), 0) + part.quantity
        needs, found = open_needs(), {}
        for head in heads():
            order_id = head["id"]
            needed, reserved = needs.get(order_id, []), held.get(order_id, {})
            found[order_id] = Standing(head, needed, reserved, _facts_of(head, needed, reserved))
        return found

    return standing


def gather_moves(
    standing: Mapping[int, Standing], *, batch: rows.Batch, at: dt.datetime, by: Actor, why: str = ""
) -> dict[int, str]:
    """Leave the transitions of these orders in the ``batch``, with their events and announcements. Returns the state of every order."""
    today = business_date(at)
    states = {order_id: state_of(known.facts, today=today) for order_id, known in standing.items()}
    heads = {i: known.head for i, known in standing.items() if states[i] != known.head["state"]}
    moves = [(i, states[i].value, at, head["version"] + 1) for i, head in heads.items()]
    events = [(i, "STATE", head["state"], states[i].value, why[:300], at, str(by)) for i, head in heads.items()]
    batch.update(Order, "id", ["state", "state_since", "version"], moves)
    batch.insert(OrderEvent, EVENT_COLUMNS, events)
    announce(heads.values(), batch=batch)
    return {order_id: state.value for order_id, state in states.items()}


def announce(heads: Iterable[Mapping[str, object]], *, topic: str = "order", batch: rows.Batch | None = None) -> None:
    """Change rows for orders, or ``payment`` for the money of them, each for its own channel only; with the writes of a ``batch`` if one is
    given."""
    by_channel: dict[str, list[str]] = {}
    for head in heads:
        by_channel.setdefault(str(head["channel__code"]), []).append(str(head["external_id"]))
    for channel, keys in sorted(by_channel.items()):
        changes.record(topic=topic, keys=keys, audience=channel, batch=batch)


def _facts_of(
    head: Mapping[str, Any], needs: Sequence[Need], reserved: Mapping[tuple[int, int | None], int]
) -> OrderFacts:
    return OrderFacts(
        is_cancelled=head["cancelled_at"] is not None and not head["has_shipped"],
        is_on_hold=head["is_on_hold"],
        is_all_shipped=not head["has_open_lines"],
        is_being_picked=head["is_being_picked"],
        is_fully_reserved=all(
            need.sku_id is not None and reserved.get((need.line_id, need.sku_id), 0) >= need.pieces for need in needs
        ),
        is_payment_settled=all(_is_settled(payment) for payment in head["payments"]),
        release_date=max((need.release_date for need in needs if need.release_date), default=None),
        ship_after=head["ship_after"],
        is_provisional=head["is_provisional"],
    )


def _is_settled(payment: str) -> bool:
    method, status, *first = payment.split()
    return is_payment_settled(method=method, status=status, must_be_paid_first=bool(first))
