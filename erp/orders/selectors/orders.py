"""Questions about orders. Reads only; each answers for many orders in a constant number of queries."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import Exists, F, OuterRef
from django.utils.translation import gettext as _

from erp.core.errors import NotFound
from erp.core.models import Channel, MessageLog
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
    return channel_with_currency(code)[0]


def channel_with_currency(code: str) -> tuple[int, str]:
    """Raises NotFound for a channel that does not exist."""
    found = Channel.objects.filter(code=code).values_list("pk", "currency").first()
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


def orders_with_open_lines(ids: Iterable[int]) -> set[int]:
    """Orders of which something is neither shipped nor cancelled."""
    unfinished = OrderLine.objects.filter(
        order__in=list(ids), quantity__gt=F("shipped_quantity") + F("cancelled_quantity")
    )
    return set(unfinished.order_by().values_list("order_id", flat=True).distinct())


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


@dataclass(frozen=True, slots=True)
class Queued:
    """An order's place in the queue for stock."""

    priority: int
    order_id: int
    state: str


MAY_LACK_STOCK = [
    OrderState.ON_HOLD,
    OrderState.AWAITING_PAYMENT,
    OrderState.AWAITING_RELEASE_DATE,
    OrderState.AWAITING_STOCK,
]


def orders_to_serve(*, after: tuple[int, int], limit: int) -> list[Queued]:
    """Orders that may lack pieces, in the order in which they are served, from a position (priority, id) on."""
    priority, order_id = after
    waiting = Order.objects.filter(state__in=MAY_LACK_STOCK).order_by("priority", "pk")
    beyond = waiting.filter(priority=priority, pk__gt=order_id) | waiting.filter(priority__gt=priority)
    return [Queued(*row) for row in beyond.values_list("priority", "pk", "state")[:limit]]


def payments_of(order_ids: Iterable[int]) -> list[OrderPayment]:
    return list(OrderPayment.objects.filter(order__in=list(order_ids)).order_by("order_id", "line_no"))


@dataclass(frozen=True, slots=True)
class RecordedOrder:
    id: int
    fingerprint: str
    state: str


def recorded_orders(*, channel_id: int, external_ids: Iterable[str]) -> dict[str, RecordedOrder]:
    """What is known of a channel's orders, by their external id."""
    found = Order.objects.filter(channel_id=channel_id, external_id__in=list(external_ids))
    rows = found.values_list("external_id", "pk", "fingerprint", "state")
    return {external_id: RecordedOrder(pk, fingerprint, state) for external_id, pk, fingerprint, state in rows}


@dataclass(frozen=True, slots=True)
class SoldBefore:
    """What a customer says was bought: a SKU at a price, before a moment."""

    customer: str
    sku_code: str
    unit_price: Decimal
    before: dt.datetime


@dataclass(frozen=True, slots=True)
class Returnable:
    """Units of a shipment line that can still come back. ``index`` says which of the questions it answers."""

    index: int
    shipment_line_id: int
    order_id: int
    order_external_id: str
    units: int


_RETURNABLE = """
SELECT (asked.number - 1)::int, part.id, o.id, o.external_id, part.quantity - part.returned_quantity
FROM unnest(%s::text[], %s::text[], %s::numeric[], %s::timestamptz[]) WITH ORDINALITY AS asked (customer, code, price, before, number)
JOIN customers_channelidentity who ON who.channel_id = %s AND who.external_id = asked.customer
JOIN orders_order o ON o.channel_id = who.channel_id AND o.customer_record_id = who.record_id AND o.ordered_at <= asked.before
JOIN orders_orderline line ON line.order_id = o.id AND line.sku_code = asked.code AND line.unit_price = asked.price
JOIN orders_shipmentline part ON part.order_line_id = line.id AND part.quantity > part.returned_quantity
JOIN orders_shipment parcel ON parcel.id = part.shipment_id AND parcel.revenue_date IS NOT NULL
ORDER BY asked.number, o.ordered_at DESC, part.id
"""


def returnable(*, channel_id: int, wanted: Sequence[SoldBefore]) -> list[Returnable]:
    """Sold units that match, the latest sale first, for any number of questions in one statement."""
    if not wanted:
        return []
    columns = ("customer", "sku_code", "unit_price", "before")
    with connection.cursor() as cursor:
        cursor.execute(_RETURNABLE, [*([getattr(item, name) for item in wanted] for name in columns), channel_id])
        return [Returnable(*row) for row in cursor.fetchall()]


def parcels_being_picked(order_ids: Iterable[int]) -> list[int]:
    found = Shipment.objects.filter(order__in=list(order_ids), state=Shipment.State.INSTRUCTED)
    return list(found.order_by("pk").values_list("pk", flat=True))


def recorded_charges(*, channel_id: int, external_ids: Iterable[str]) -> dict[str, int]:
    """Documents about money only (``services.charges``), by external id."""
    found = MessageLog.objects.filter(
        channel_id=channel_id, external_id__in=list(external_ids), kind="charge", outcome=MessageLog.Outcome.DONE
    )
    return dict(found.values_list("external_id", "pk"))


_CHARGE_NETS = """
SELECT line ->> 'kind', sum((line ->> 'net_amount')::numeric) FROM core_messagelog m, jsonb_array_elements(m.body -> 'lines') AS line
WHERE m.id = ANY(%s) GROUP BY 1
"""


def charge_nets(keys: Iterable[int]) -> dict[str, Decimal]:
    """Net by kind over these documents; what it costs us is negative."""
    with connection.cursor() as cursor:
        cursor.execute(_CHARGE_NETS, [list(keys)])
        return dict(cursor.fetchall())


_RETURNS_BY_MESSAGE = """
SELECT split_part(external_id, %s, 1), id FROM orders_return
WHERE channel_id = %s AND split_part(external_id, %s, 1) = ANY(%s) ORDER BY id
"""


def returns_by_message(*, channel_id: int, numbers: Sequence[str], separator: str) -> list[tuple[str, int]]:
    """Return documents by the first part of their external id: one message of a channel may concern several orders."""
    with connection.cursor() as cursor:
        cursor.execute(_RETURNS_BY_MESSAGE, [separator, channel_id, separator, list(numbers)])
        return list(cursor.fetchall())
