"""Questions about orders. Reads only; each answers for many orders in a constant number of queries."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _

from erp.core import rows
from erp.core.errors import NotFound
from erp.core.models import Channel, MessageLog
from erp.orders.models import (
    Order,
    OrderLine,
    OrderPayment,
    OrderState,
    OrderWait,
    PaymentStatus,
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
    delivery_id: int

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


_HEADS = """
SELECT o.id, o.number, o.state, o.version, o.cancelled_at, o.ship_after, o.channel_id, c.code, o.external_id, o.priority, o.revenue_basis,
       o.is_provisional,
       EXISTS (SELECT FROM orders_orderline l WHERE l.order_id = o.id AND l.shipped_quantity > 0),
       EXISTS (SELECT FROM orders_orderline l WHERE l.order_id = o.id AND l.quantity > l.shipped_quantity + l.cancelled_quantity),
       EXISTS (SELECT FROM orders_orderhold h WHERE h.order_id = o.id AND h.resolved_at IS NULL),
       EXISTS (SELECT FROM orders_shipment s WHERE s.order_id = o.id AND s.state = 'INSTRUCTED'),
       ARRAY(SELECT p.method || ' ' || p.status || CASE WHEN p.must_be_paid_first THEN ' first' ELSE '' END
             FROM orders_orderpayment p WHERE p.order_id = o.id AND p.amount > 0)
FROM orders_order o JOIN core_channel c ON c.id = o.channel_id WHERE o.id = ANY(%s::bigint[]) ORDER BY o.id
"""
_HEAD_NAMES = (
    "id", "number", "state", "version", "cancelled_at", "ship_after", "channel_id", "channel__code", "external_id",
    "priority", "revenue_basis", "is_provisional", "has_shipped", "has_open_lines", "is_on_hold", "is_being_picked",
    "payments",
)  # fmt: skip


def order_heads(ids: Iterable[int]) -> list[dict[str, Any]]:
    """The columns that decide about states and announcements; ``payments`` are texts of method, status and ``first``."""
    return ask_order_heads(ids)()


def ask_order_heads(ids: Iterable[int]) -> Callable[[], list[dict[str, Any]]]:
    """The same as a question: call the result when its pipeline has been left."""
    answer = rows.ask(_HEADS, [list(ids)])
    return lambda: [dict(zip(_HEAD_NAMES, row, strict=True)) for row in answer.all()]


_NEEDS = """
SELECT l.order_id, l.id, part.sku_id, coalesce(part.quantity_per_unit, 1),
       l.quantity - l.shipped_quantity - l.cancelled_quantity, l.release_date, l.delivery_id
FROM orders_orderline l LEFT JOIN orders_orderlinecomponent part ON part.line_id = l.id
WHERE l.order_id = ANY(%s::bigint[]) AND l.quantity > l.shipped_quantity + l.cancelled_quantity
ORDER BY l.order_id, l.line_no, part.id
"""


def open_needs(ids: Iterable[int]) -> dict[int, list[Need]]:
    """What is neither shipped nor cancelled, by order, component by component."""
    return ask_open_needs(ids)()


def ask_open_needs(ids: Iterable[int]) -> Callable[[], dict[int, list[Need]]]:
    """The same as a question: call the result when its pipeline has been left."""
    answer = rows.ask(_NEEDS, [list(ids)])

    def needs() -> dict[int, list[Need]]:
        found: dict[int, list[Need]] = {}
        for row in answer.all():
            found.setdefault(row[0], []).append(Need(*row))
        return found

    return needs


def orders_being_picked(ids: Iterable[int]) -> set[int]:
    return set(
        Shipment.objects.filter(order__in=list(ids), state=Shipment.State.INSTRUCTED).values_list("order_id", flat=True)
    )


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
    OrderState.NEW,
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
    number: str


def recorded_orders(*, channel_id: int, external_ids: Iterable[str]) -> dict[str, RecordedOrder]:
    """What is known of a channel's orders, by their external id."""
    found = Order.objects.filter(channel_id=channel_id, external_id__in=list(external_ids))
    rows = found.values_list("external_id", "pk", "fingerprint", "state", "number")
    return {external_id: RecordedOrder(pk, print_, state, number) for external_id, pk, print_, state, number in rows}


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


@dataclass(frozen=True, slots=True)
class DuePayment:
    """A payment in advance that has not come, and its order."""

    payment_id: int
    due_at: dt.datetime
    order_id: int
    number: str
    channel_id: int


def payments_due(*, after: dt.datetime, until: dt.datetime) -> list[DuePayment]:
    """Payments in advance that orders still wait for and that are due between two moments."""
    found = OrderPayment.objects.filter(
        must_be_paid_first=True, status=PaymentStatus.PENDING, amount__gt=0, due_at__gt=after, due_at__lte=until,
        order__state=OrderState.AWAITING_PAYMENT,
    )  # fmt: skip
    names = ("pk", "due_at", "order_id", "order__number", "order__channel_id")
    return [DuePayment(*row) for row in found.order_by("pk").values_list(*names)]


@dataclass(frozen=True, slots=True)
class OverduePayment:
    """Money in advance that was due, and the order that waits for it and has its stock still."""

    order_id: int
    due_at: dt.datetime
    channel_id: int
    order_type: str
    account_id: int | None


def overdue_payments(*, at: dt.datetime, order_id: int | None = None) -> list[OverduePayment]:
    """Of all orders, or of one; the earliest due date of each. Orders whose reservation was given up are not among them."""
    found = OrderPayment.objects.filter(
        must_be_paid_first=True, status=PaymentStatus.PENDING, amount__gt=0, due_at__lte=at, order__state=OrderState.AWAITING_PAYMENT
    ).exclude(Exists(OrderWait.objects.filter(order=OuterRef("order"), reason=OrderWait.Reason.PAYMENT_OVERDUE, closed_at__isnull=True)))  # fmt: skip
    if order_id is not None:
        found = found.filter(order=order_id)
    names = ("order_id", "due_at", "order__channel_id", "order__order_type", "order__account_id")
    first: dict[int, OverduePayment] = {}
    for row in found.order_by("due_at", "pk").values_list(*names):
        first.setdefault(row[0], OverduePayment(*row))
    return list(first.values())
