"""Parcels while they are handled: locked, then read in one round trip with everything that shipping and posting ask of them.

Plain dataclasses from one set-based statement per table. Level: document.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from customers.selectors import AccountTerms, accounts_by_id
from erp.core import rows
from erp.core.money import ZERO
from erp.orders.models import CANCEL_WHILE_PICKING, is_of_funder
from erp.orders.postings import Dimensions, Document
from erp.orders.selectors.units import GONE


@dataclass(slots=True)
class ParcelOrder:
    """What a parcel's order says about money and about who pays. ``exposure_amount`` is carried along while parcels leave."""

    id: int
    number: str
    channel_id: int
    channel_code: str
    channel_kind: str
    department_id: int | None
    account_id: int | None
    bill_to_id: int | None
    addressee: str
    customer_record_id: int | None
    customer_po_number: str
    orderer_name: str
    currency: str
    revenue_basis: str
    exposure_amount: Decimal
    terms: AccountTerms | None = None
    payments: list[Payment] = field(default_factory=list)

    @property
    def dimensions(self) -> Dimensions:
        return Dimensions(self.channel_id, self.department_id, self.currency)


@dataclass(slots=True)
class Payment:
    """One way in which the order is paid, and how far it is used up. ``received_amount`` is without what went back as a surplus,
    ``unsold_amount`` is not to be paid any more."""

    id: int
    order_id: int
    method: str
    provider: str
    amount: Decimal
    role: str
    counterparty_id: int | None
    received_amount: Decimal
    applied_amount: Decimal
    unsold_amount: Decimal
    owed_amount: Decimal

    @property
    def is_of_funder(self) -> bool:
        return is_of_funder(self.method, self.provider)

    @property
    def to_be_applied(self) -> Decimal:
        return max(self.amount - self.applied_amount - self.unsold_amount, ZERO)


@dataclass(slots=True)
class ParcelLine:
    """Units of one order line in a parcel. ``pieces`` lists what one unit takes from stock: [SKU, count]."""

    id: int
    shipment_id: int
    quantity: int
    net_amount: Decimal
    tax_amount: Decimal
    gross_amount: Decimal
    order_line_id: int
    ordered_quantity: int
    shipped_quantity: int
    ordered_net: Decimal | None
    ordered_tax: Decimal | None
    sku_code: str
    channel_item_code: str
    name: str
    unit_price: Decimal
    tax_included: bool
    tax_code: str
    tax_percent: Decimal
    is_reduced: bool
    reported_quantity: int
    unsold_quantity: int
    pieces: list[list[int]]


@dataclass(slots=True)
class ParcelFee:
    """A fee of the order. Without a shipment it waits for the first parcel of its delivery (of any, if it names none)."""

    id: int
    order_id: int
    delivery_id: int | None
    shipment_id: int | None
    line_no: int
    kind: str
    amount: Decimal
    tax_included: bool
    tax_code: str
    tax_percent: Decimal
    is_reduced: bool
    net_amount: Decimal
    tax_amount: Decimal
    gross_amount: Decimal


@dataclass(slots=True)
class Parcel:
    """A shipment. ``fees`` are those posted with it, ``waiting_fees`` those of its order that no shipment has taken yet. ``report`` is the
    document that says so where not all of it is sold at once. ``is_asked_back``: a cancellation came while it was being picked, and nobody
    has decided yet (the task is open)."""

    id: int
    number: str
    order_id: int
    delivery_id: int
    state: str
    revenue_basis: str
    revenue_date: dt.date | None
    version: int
    gross_amount: Decimal
    carrier: str
    tracking_number: str
    recipient_name: str
    ship_date: dt.date | None
    delivered_date: dt.date | None
    is_asked_back: bool
    order: ParcelOrder
    lines: list[ParcelLine] = field(default_factory=list)
    fees: list[ParcelFee] = field(default_factory=list)
    waiting_fees: list[ParcelFee] = field(default_factory=list)
    report: Document | None = None

    @property
    def parts(self) -> list[ParcelLine | ParcelFee]:
        """Everything in it that has an amount."""
        return [*self.lines, *self.fees]

    @property
    def document(self) -> Document:
        return self.report or Document("SHIPMENT", self.id, self.number)


_LOCK_ORDERS = """
SELECT id FROM orders_order WHERE id IN (SELECT order_id FROM orders_shipment WHERE id = ANY(%s::bigint[])) ORDER BY id FOR NO KEY UPDATE
"""


def lock(ids: Iterable[int]) -> dict[int, Parcel]:
    """Lock the orders in key order, then read the shipments as they are under the lock, by id. Nobody writes a shipment without its order."""
    wanted = [list(ids)]
    with rows.pipeline():
        rows.ask(_LOCK_ORDERS, wanted)
        found = _ask(wanted)
    return _with_terms(found())


_PARCELS = """
SELECT s.id, s.number, s.order_id, s.delivery_id, s.state, s.revenue_basis, s.revenue_date, s.version, s.gross_amount,
       coalesce(nullif(s.carrier, ''), d.carrier), s.tracking_number,
       d.recipient_name, s.ship_date, s.delivered_date,
       EXISTS (SELECT FROM core_stafftask task WHERE task.kind = '{asked_back}' AND task.subject_type = 'ORDER'
               AND task.subject_id = s.order_id AND task.closed_at IS NULL),
       o.id, o.number, o.channel_id, c.code, c.kind, coalesce(a.department_id, c.department_id), o.account_id, o.bill_to_id,
       coalesce(a.name, o.orderer_name), o.customer_record_id, o.customer_po_number, o.orderer_name, o.currency, o.revenue_basis,
       o.exposure_amount
FROM orders_shipment s JOIN orders_order o ON o.id = s.order_id JOIN core_channel c ON c.id = o.channel_id
JOIN orders_delivery d ON d.id = s.delivery_id LEFT JOIN customers_account a ON a.id = o.account_id
WHERE s.id = ANY(%s::bigint[]) ORDER BY s.id
""".replace("{asked_back}", CANCEL_WHILE_PICKING)
_PARCEL_WIDTH = 15

_LINES = """
SELECT part.id, part.shipment_id, part.quantity, part.net_amount, part.tax_amount, part.gross_amount, line.id, line.quantity,
       line.shipped_quantity, line.net_amount, line.tax_amount, line.sku_code, line.channel_item_code, line.name,
       coalesce(line.unit_price, 0), line.tax_included, line.tax_code, coalesce(line.tax_percent, 0),
       EXISTS (SELECT FROM core_taxrate rate WHERE rate.code = line.tax_code AND rate.is_reduced),
       part.reported_quantity, part.unsold_quantity,
       ARRAY(SELECT ARRAY[piece.sku_id, piece.quantity_per_unit] FROM orders_orderlinecomponent piece
             WHERE piece.line_id = line.id ORDER BY piece.id)
FROM orders_shipmentline part JOIN orders_orderline line ON line.id = part.order_line_id
WHERE part.shipment_id = ANY(%s::bigint[]) ORDER BY part.shipment_id, line.line_no
"""

# One that was given back before it was sold belongs to no sale any more.
_FEES = """
SELECT fee.id, fee.order_id, fee.delivery_id, fee.shipment_id, fee.line_no, fee.kind, coalesce(fee.amount, 0), fee.tax_included,
       fee.tax_code, coalesce(fee.tax_percent, 0),
       EXISTS (SELECT FROM core_taxrate rate WHERE rate.code = fee.tax_code AND rate.is_reduced),
       coalesce(fee.net_amount, 0), coalesce(fee.tax_amount, 0), coalesce(fee.gross_amount, 0)
FROM orders_orderfee fee
WHERE fee.order_id IN (SELECT order_id FROM orders_shipment WHERE id = ANY(%s::bigint[]))
  AND NOT EXISTS (SELECT FROM orders_returnline back WHERE back.fee_id = fee.id AND back.is_unsold)
ORDER BY fee.order_id, fee.line_no
"""

_PAYMENTS = """
SELECT pay.id, pay.order_id, pay.method, pay.provider, pay.amount, pay.role, pay.counterparty_id,
       pay.received_amount - pay.surplus_refunded_amount, pay.applied_amount, pay.unsold_amount, pay.owed_amount
FROM orders_orderpayment pay
WHERE pay.order_id IN (SELECT order_id FROM orders_shipment WHERE id = ANY(%s::bigint[])) ORDER BY pay.order_id, pay.line_no
"""


def _ask(wanted: Sequence[list[int]]) -> Callable[[], dict[int, Parcel]]:
    parcels, lines, fees, payments = (rows.ask(text, wanted) for text in (_PARCELS, _LINES, _FEES, _PAYMENTS))
    return lambda: _assemble(parcels.all(), lines.all(), fees.all(), payments.all())


Row = Sequence[Any]


def _assemble(
    parcels: Iterable[Row], lines: Iterable[Row], fees: Iterable[Row], payments: Iterable[Row]
) -> dict[int, Parcel]:
    """Parcels of one order share it, and the fees that wait for a parcel."""
    orders: dict[int, ParcelOrder] = {}
    waiting: dict[int, list[ParcelFee]] = {}
    found: dict[int, Parcel] = {}
    for row in parcels:
        order_id = row[2]
        if order_id not in orders:
            orders[order_id] = ParcelOrder(*row[_PARCEL_WIDTH:])
        shared: tuple[Any, ...] = (orders[order_id], [], [], waiting.setdefault(order_id, []))
        found[row[0]] = Parcel(*(*row[:_PARCEL_WIDTH], *shared))
    for row in lines:
        found[row[1]].lines.append(ParcelLine(*row))
    for fee in (ParcelFee(*row) for row in fees):
        if fee.shipment_id is None:
            waiting[fee.order_id].append(fee)
        elif fee.shipment_id in found:
            found[fee.shipment_id].fees.append(fee)
    for payment in (Payment(*row) for row in payments):
        orders[payment.order_id].payments.append(payment)
    return found


def _with_terms(found: dict[int, Parcel]) -> dict[int, Parcel]:
    orders = [parcel.order for parcel in found.values() if parcel.order.account_id is not None]
    terms = accounts_by_id({order.account_id for order in orders if order.account_id}) if orders else {}
    for order in orders:
        order.terms = terms.get(order.account_id or 0)
    return found


__all__ = ["GONE", "Parcel", "ParcelFee", "ParcelLine", "ParcelOrder", "Payment", "lock"]
