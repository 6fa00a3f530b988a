"""What a channel may know of its orders: where they stand, what waits, what left and came back, money and tax. Reads only.

Any number of orders costs two round trips: what orders say travels in one pipeline, then stock is asked what it keeps for them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

from django.utils.translation import gettext as _

from erp.core import changes, rows
from erp.inventory.selectors import reserved
from erp.orders.exceptions import OrderNotFound

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class HoldView:
    """A reason why the order waits for a person. What staff wrote beside it stays in the house."""

    reason: str
    opened_at: dt.datetime


@dataclass(frozen=True, slots=True)
class WaitView:
    """Why stock is not reserved yet, and on which day it is by itself."""

    reason: str
    due_on: dt.date | None


@dataclass(frozen=True, slots=True)
class LineView:
    """Units of one line: ordered, kept in stock for it, gone, given up, come back. ``expected_date``: when the last one it lacks should come."""

    line_id: str
    sku: str
    name: str
    quantity: int
    reserved_quantity: int
    shipped_quantity: int
    cancelled_quantity: int
    returned_quantity: int
    unit_price: Decimal | None
    gross_amount: Decimal | None
    expected_date: dt.date | None = None


@dataclass(frozen=True, slots=True)
class ParcelLineView:
    line_id: str
    quantity: int


@dataclass(frozen=True, slots=True)
class ShipmentView:
    number: str
    state: str
    delivery_ref: str
    carrier: str
    tracking_number: str
    shipped_at: dt.datetime | None
    ship_date: dt.date | None
    delivered_date: dt.date | None
    lines: tuple[ParcelLineView, ...]


@dataclass(frozen=True, slots=True)
class ReturnLineView:
    """``line_id`` is empty for a fee that was refunded."""

    line_id: str
    description: str
    quantity: int
    condition: str
    gross_amount: Decimal


@dataclass(frozen=True, slots=True)
class ReturnView:
    number: str
    external_id: str
    kind: str
    return_date: dt.date
    net_amount: Decimal
    tax_amount: Decimal
    gross_amount: Decimal
    lines: tuple[ReturnLineView, ...]


@dataclass(frozen=True, slots=True)
class PaymentView:
    line_no: int
    method: str
    provider: str
    amount: Decimal
    status: str
    received_amount: Decimal
    refunded_amount: Decimal


@dataclass(frozen=True, slots=True)
class TaxView:
    """The tax of the document at one rate: ours, and what the channel printed."""

    tax_code: str
    percent: Decimal
    net_amount: Decimal
    tax_amount: Decimal
    gross_amount: Decimal
    stated_tax: Decimal | None


@dataclass(frozen=True, slots=True)
class OrderView:
    """``late_revision`` is the newest one that came too late to amend the order."""

    external_id: str
    number: str
    revision: int
    order_type: str
    is_provisional: bool
    state: str
    ordered_at: dt.datetime
    currency: str
    net_amount: Decimal | None
    tax_amount: Decimal | None
    total: Decimal | None
    amount_due: Decimal | None
    stated_total: Decimal | None
    tax_difference: Decimal | None
    ship_after: dt.date | None
    cancelled_at: dt.datetime | None
    cancel_reason: str
    late_revision: int | None
    holds: tuple[HoldView, ...]
    waits: tuple[WaitView, ...]
    lines: tuple[LineView, ...]
    shipments: tuple[ShipmentView, ...]
    returns: tuple[ReturnView, ...]
    payments: tuple[PaymentView, ...]
    taxes: tuple[TaxView, ...]


# Every question finds the orders by the same condition, so that none waits for the keys of another.
_MINE = """
(SELECT o.id FROM orders_order o WHERE o.channel_id = (SELECT id FROM core_channel WHERE code = %s) AND o.external_id = ANY(%s::text[]))
"""
_ORDERS = f"""
SELECT o.id, o.external_id, o.number, o.revision, o.order_type, o.is_provisional, o.state, o.ordered_at, o.currency, o.net_amount,
       o.tax_amount, o.total, o.amount_due, o.stated_total, o.tax_difference, o.ship_after, o.cancelled_at, o.cancel_reason,
       (SELECT max(late.revision) FROM orders_laterevision late WHERE late.order_id = o.id AND late.revision > o.revision)
FROM orders_order o WHERE o.id IN {_MINE}
"""  # noqa: S608 - made of our own constants, here and below
_HOLDS = f"""
SELECT h.order_id, h.reason, h.opened_at FROM orders_orderhold h WHERE h.order_id IN {_MINE} AND h.resolved_at IS NULL ORDER BY h.reason
"""  # noqa: S608
_WAITS = f"""
SELECT w.order_id, w.reason, w.due_on FROM orders_orderwait w WHERE w.order_id IN {_MINE} AND w.closed_at IS NULL ORDER BY w.reason
"""  # noqa: S608
_LINES = f"""
SELECT l.order_id, l.id, l.line_id, l.sku_code, l.name, l.quantity, l.shipped_quantity, l.cancelled_quantity, l.returned_quantity,
       l.unit_price, l.gross_amount, l.arrival_date
FROM orders_orderline l WHERE l.order_id IN {_MINE} ORDER BY l.order_id, l.line_no
"""  # noqa: S608
_COMPONENTS = f"""
SELECT part.line_id, part.sku_id, part.quantity_per_unit FROM orders_orderline l JOIN orders_orderlinecomponent part ON part.line_id = l.id
WHERE l.order_id IN {_MINE}
"""  # noqa: S608
_SHIPMENTS = f"""
SELECT s.order_id, s.id, s.number, s.state, d.ref, s.carrier, s.tracking_number, s.shipped_at, s.ship_date, s.delivered_date
FROM orders_shipment s JOIN orders_delivery d ON d.id = s.delivery_id WHERE s.order_id IN {_MINE} ORDER BY s.id
"""  # noqa: S608
_SHIPMENT_LINES = f"""
SELECT sl.shipment_id, l.line_id, sl.quantity FROM orders_orderline l JOIN orders_shipmentline sl ON sl.order_line_id = l.id
WHERE l.order_id IN {_MINE} ORDER BY sl.shipment_id, l.line_no
"""  # noqa: S608
_RETURNS = f"""
SELECT r.order_id, r.id, r.number, r.external_id, r.kind, r.return_date, r.net_amount, r.tax_amount, r.gross_amount
FROM orders_return r WHERE r.order_id IN {_MINE} ORDER BY r.id
"""  # noqa: S608
_RETURN_LINES = f"""
SELECT rl.document_id, coalesce(l.line_id, ''), rl.description, rl.quantity, rl.condition, rl.gross_amount
FROM orders_return r JOIN orders_returnline rl ON rl.document_id = r.id
LEFT JOIN orders_shipmentline sl ON sl.id = rl.shipment_line_id LEFT JOIN orders_orderline l ON l.id = sl.order_line_id
WHERE r.order_id IN {_MINE} ORDER BY rl.id
"""  # noqa: S608
_PAYMENTS = f"""
SELECT p.order_id, p.line_no, p.method, p.provider, p.amount, p.status, p.received_amount, p.refunded_amount
FROM orders_orderpayment p WHERE p.order_id IN {_MINE} ORDER BY p.order_id, p.line_no
"""  # noqa: S608
_TAXES = f"""
SELECT t.order_id, t.tax_code, t.tax_percent, t.net_amount, t.tax_amount, t.gross_amount, t.stated_tax
FROM orders_ordertaxtotal t WHERE t.order_id IN {_MINE} ORDER BY t.order_id, t.tax_percent DESC, t.tax_code
"""  # noqa: S608


def order_view(*, channel: str, external_id: str) -> OrderView:
    """Raises OrderNotFound, for an order of another channel too."""
    found = orders_view(channel=channel, external_ids=[external_id])
    if external_id not in found:
        raise OrderNotFound(_("There is no such order."))
    return found[external_id]


def orders_view(*, channel: str, external_ids: Collection[str]) -> dict[str, OrderView]:
    """By external id; orders that the channel does not have are missing. A constant number of queries for any number of orders."""
    mine = [channel, list(external_ids)]
    with rows.pipeline():
        heads, lines = rows.ask(_ORDERS, mine), rows.ask(_LINES, mine)
        components, holds = _grouped(_COMPONENTS, mine, _Component), _grouped(_HOLDS, mine, HoldView)
        waits = _grouped(_WAITS, mine, WaitView)
        parcels, contents = rows.ask(_SHIPMENTS, mine), _grouped(_SHIPMENT_LINES, mine, ParcelLineView)
        documents, taken_back = rows.ask(_RETURNS, mine), _grouped(_RETURN_LINES, mine, ReturnLineView)
        payments, taxes = _grouped(_PAYMENTS, mine, PaymentView), _grouped(_TAXES, mine, TaxView)
    orders = heads.all()
    # In the order of the fields that follow the order's own columns.
    by_field: list[dict[int, list[Any]]] = [
        holds(),
        waits(),
        _lines(lines.all(), components(), [key for key, *_head in orders]),
        _documents(parcels.all(), contents(), ShipmentView),
        _documents(documents.all(), taken_back(), ReturnView),
        payments(),
        taxes(),
    ]
    return {head[0]: OrderView(*head, *(tuple(found.get(key, ())) for found in by_field)) for key, *head in orders}


@dataclass(frozen=True, slots=True)
class _Component:
    sku_id: int
    per_unit: int


def _lines(
    found: Iterable[Sequence[Any]], components: dict[int, list[_Component]], order_ids: Sequence[int]
) -> dict[int, list[LineView]]:
    """Units of a line are reserved as far as its scarcest component is."""
    pieces: dict[tuple[int, int], int] = {}
    for claim in reserved("ORDER", order_ids) if order_ids else ():
        pieces[claim.document_line, claim.sku_id] = pieces.get((claim.document_line, claim.sku_id), 0) + claim.quantity
    lines: dict[int, list[LineView]] = {}
    for order_id, key, line_id, sku, name, quantity, *rest in found:
        units = (pieces.get((key, part.sku_id), 0) // part.per_unit for part in components.get(key, ()))
        lines.setdefault(order_id, []).append(LineView(line_id, sku, name, quantity, min(units, default=0), *rest))
    return lines


def _grouped(statement: str, parameters: Sequence[Any], make: Callable[..., T]) -> Callable[[], dict[int, list[T]]]:
    """Rows by their first column, each made into what it means."""
    answer = rows.ask(statement, parameters)

    def grouped() -> dict[int, list[T]]:
        found: dict[int, list[T]] = {}
        for key, *row in answer.all():
            found.setdefault(key, []).append(make(*row))
        return found

    return grouped


def _documents(
    heads: Iterable[Sequence[Any]], lines: dict[int, list[Any]], make: Callable[..., T]
) -> dict[int, list[T]]:
    found: dict[int, list[T]] = {}
    for order_id, key, *head in heads:
        found.setdefault(order_id, []).append(make(*head, lines=tuple(lines.get(key, ()))))
    return found


TOPICS = ("order", "payment", "shipment", "return")
_OF_DOCUMENTS = """
SELECT o.external_id FROM orders_order o JOIN core_channel c ON c.id = o.channel_id WHERE c.code = %s AND o.id IN (
    SELECT order_id FROM orders_shipment WHERE number = ANY(%s::text[]) UNION SELECT order_id FROM orders_return WHERE number = ANY(%s::text[]))
"""


@dataclass(frozen=True, slots=True)
class ChangedOrders:
    """External ids of changed orders, sorted, and where to go on reading."""

    external_ids: list[str]
    cursor: changes.Cursor
    has_more: bool


def changed_orders(*, channel: str, after: changes.Cursor, limit: int) -> ChangedOrders:
    """The channel's orders of which something changed since ``after``, their money, shipments and returns too: about ``limit`` changes at a time.

    Raises CursorExpired.
    """
    page = changes.read_page(after, limit=limit, topics=TOPICS, audience=channel)
    keys: dict[str, list[str]] = {topic: [] for topic in TOPICS}
    for change in page.changes:
        keys[change.topic].append(change.key)
    external_ids = {*keys["order"], *keys["payment"]}
    if keys["shipment"] or keys["return"]:
        behind = rows.ask(_OF_DOCUMENTS, [channel, keys["shipment"], keys["return"]]).all()
        external_ids.update(row[0] for row in behind)
    return ChangedOrders(sorted(external_ids), page.cursor, page.has_more)


_LISTED = """
SELECT o.external_id FROM orders_order o JOIN core_channel c ON c.id = o.channel_id
WHERE c.code = %s AND o.external_id > %s ORDER BY o.external_id LIMIT %s
"""


def listed_orders(*, channel: str, after: str, limit: int) -> list[str]:
    """External ids of a channel's orders in their order, from beyond ``after``: the full list, page by page."""
    return [row[0] for row in rows.ask(_LISTED, [channel, after, limit]).all()]
