"""Questions about orders. Reads only; each answers for many orders in a constant number of queries."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, F, OuterRef
from django.utils.translation import gettext as _

from erp.core.errors import NotFound
from erp.core.models import Channel
from erp.orders.models import (
    Order,
    OrderHold,
    OrderLine,
    OrderLineComponent,
    OrderPayment,
    OrderState,
    Shipment,
)


@dataclass(frozen=True, slots=True)
class Need:
    """Pieces that an order line still has to take from stock. Without a SKU nothing can be taken: the line is not understood yet."""

    order_id: int
    line_id: int
    sku_id: int | None
    quantity_per_unit: int
    units: int
    release_date: dt.date | None

    @property
    def pieces(self) -> int:
        return self.units * self.quantity_per_unit


def channel_id_of(code: str) -> int:
    """Raises NotFound for a channel that does not exist."""
    found = Channel.objects.filter(code=code).values_list("pk", flat=True).first()
    if found is None:
        raise NotFound(_("The sales channel “%(code)s” does not exist or is off.") % {"code": code})
    return found


def order_heads(ids: Iterable[int]) -> list[dict[str, Any]]:
    """The columns that decide about states and announcements."""
    shipped = OrderLine.objects.filter(order=OuterRef("pk"), shipped_quantity__gt=0)
    found: list[Any] = list(
        Order.objects.filter(pk__in=list(ids))
        .annotate(has_shipped=Exists(shipped))
        .values(
            "id", "number", "state", "version", "cancelled_at", "ship_after", "channel_id", "channel__code",
            "external_id", "has_shipped", "priority",
        )
        .order_by("pk")
    )  # fmt: skip
    return found


def open_needs(ids: Iterable[int]) -> dict[int, list[Need]]:
    """What is neither shipped nor cancelled, by order, component by component."""
    wanted = list(ids)
    open_lines = OrderLine.objects.filter(
        order__in=wanted, quantity__gt=F("shipped_quantity") + F("cancelled_quantity")
    ).values_list("id", "order_id", "sku_id", "quantity", "shipped_quantity", "cancelled_quantity", "release_date")
    lines = {row[0]: row for row in open_lines.order_by("order_id", "line_no")}
    parts: dict[int, list[tuple[int, int]]] = {}
    for line_id, sku_id, per_unit in (
        OrderLineComponent.objects.filter(line__in=lines)
        .values_list("line_id", "sku_id", "quantity_per_unit")
        .order_by("pk")
    ):
        parts.setdefault(line_id, []).append((sku_id, per_unit))
    found: dict[int, list[Need]] = {}
    for line_id, order_id, _sku, quantity, shipped, cancelled, release_date in lines.values():
        components: Sequence[tuple[int | None, int]] = parts.get(line_id) or [(None, 1)]
        for component_id, per_unit in components:
            found.setdefault(order_id, []).append(
                Need(order_id, line_id, component_id, per_unit, quantity - shipped - cancelled, release_date)
            )
    return found


def orders_on_hold(ids: Iterable[int]) -> set[int]:
    return set(
        OrderHold.objects.filter(order__in=list(ids), resolved_at__isnull=True).values_list("order_id", flat=True)
    )


def orders_being_picked(ids: Iterable[int]) -> set[int]:
    return set(
        Shipment.objects.filter(order__in=list(ids), state=Shipment.State.INSTRUCTED).values_list("order_id", flat=True)
    )


def orders_with_unsettled_payment(ids: Iterable[int], is_settled: Callable[..., bool]) -> set[int]:
    """Orders of which one payment does not yet let goods leave. ``is_settled(method=, status=, must_be_paid_first=)`` is the rule."""
    payments = OrderPayment.objects.filter(order__in=list(ids), amount__gt=0).values_list(
        "order_id", "method", "status", "must_be_paid_first"
    )
    return {
        order_id
        for order_id, method, status, first in payments
        if not is_settled(method=method, status=status, must_be_paid_first=first)
    }


def count_in_state(state: OrderState) -> int:
    return Order.objects.filter(state=state).count()


def due_orders(*, today: dt.date, limit: int) -> list[int]:
    """Orders that wait for a date which has come."""
    waiting = Order.objects.filter(state__in=[OrderState.AWAITING_RELEASE_DATE, OrderState.AWAITING_SHIP_DATE])
    dated = OrderLine.objects.filter(order=OuterRef("pk"), release_date__gt=today)
    return list(
        waiting.exclude(ship_after__gt=today, state=OrderState.AWAITING_SHIP_DATE)
        .exclude(Exists(dated), state=OrderState.AWAITING_RELEASE_DATE)
        .order_by("pk")
        .values_list("pk", flat=True)[:limit]
    )


def orders_awaiting_stock(*, after: tuple[int, int], limit: int) -> Sequence[tuple[int, int]]:
    """(priority, id) of orders that wait for stock, in the order in which they are served, from a position on."""
    priority, order_id = after
    waiting = Order.objects.filter(state=OrderState.AWAITING_STOCK).order_by("priority", "pk")
    beyond = waiting.filter(priority=priority, pk__gt=order_id) | waiting.filter(priority__gt=priority)
    return list(beyond.values_list("priority", "pk")[:limit])
