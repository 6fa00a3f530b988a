"""What goes into the order use-cases and what comes out: frozen dataclasses, already typed, amounts in the order's currency."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec

from customers.services import CustomerData
from erp.core import messages
from erp.core.errors import DomainError
from erp.orders.models import OrderType, PaymentStatus


@dataclass(frozen=True, slots=True)
class LineInput:
    """``unit_price`` is ``None`` while the EC site does not know it; ``tax_percent`` is what the site printed, if it did.

    An empty ``tax_class`` means: as the product says.
    """

    line_id: str
    sku: str
    quantity: int
    unit_price: Decimal | None
    tax_included: bool = True
    tax_class: str = ""
    tax_percent: Decimal | None = None
    delivery_ref: str = ""
    channel_item_code: str = ""
    name: str = ""
    options: tuple[Any, ...] = ()
    promised_date: dt.date | None = None


@dataclass(frozen=True, slots=True)
class FeeInput:
    kind: str
    amount: Decimal | None
    tax_included: bool = True
    tax_class: str = "STANDARD"
    delivery_ref: str = ""


@dataclass(frozen=True, slots=True)
class AdjustmentInput:
    """A discount: ``amount`` is positive and lowers what the customer pays. ``line_id`` empty: it spreads over all lines."""

    kind: str
    funded_by: str
    amount: Decimal
    code: str = ""
    line_id: str = ""


@dataclass(frozen=True, slots=True)
class PaymentInput:
    method: str
    amount: Decimal
    status: str = PaymentStatus.PENDING
    provider: str = ""
    reference: str = ""
    due_at: dt.datetime | None = None
    authorization_expires_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class DeliveryInput:
    ref: str = "1"
    recipient_name: str = ""
    recipient_phone: str = ""
    postal_code: str = ""
    prefecture: str = ""
    city: str = ""
    street: str = ""
    building: str = ""
    ship_to: Mapping[str, Any] | None = None
    sender: Mapping[str, Any] | None = None
    method: str = ""
    carrier: str = ""
    wish_date: dt.date | None = None
    time_slot: str = ""
    pickup_point: str = ""
    hide_prices: bool = False
    gift: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class StatedTax:
    """What the EC site printed for one rate: ``amount`` is the gross under the rate, ``tax`` the tax in it."""

    tax_class: str
    percent: Decimal
    amount: Decimal
    tax: Decimal


@dataclass(frozen=True, slots=True)
class OrderInput:
    """One order as a channel sends it. ``total`` is what was charged incl. tax; ``None`` means not yet known."""

    external_id: str
    ordered_at: dt.datetime
    lines: tuple[LineInput, ...]
    total: Decimal | None
    revision: int = 1
    currency: str = "JPY"
    prices_include_tax: bool = True
    order_type: str = OrderType.NORMAL
    is_provisional: bool = False
    hold_ref: str = ""
    account_code: str = ""
    customer_po_number: str = ""
    orderer_external_id: str = ""
    orderer: CustomerData | None = None
    orderer_as_sent: Mapping[str, Any] | None = None
    deliveries: tuple[DeliveryInput, ...] = ()
    fees: tuple[FeeInput, ...] = ()
    adjustments: tuple[AdjustmentInput, ...] = ()
    stated_taxes: tuple[StatedTax, ...] = ()
    amount_due: Decimal | None = None
    payments: tuple[PaymentInput, ...] = ()
    receipt: Mapping[str, Any] | None = None
    customer_note: str = ""
    shop_note: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def canonical(self) -> str:
        """The validated content as JSON with sorted keys, so that a repeat with other spacing or key order is still a repeat."""
        return messages.encode(self)

    @classmethod
    def of(cls, content: Any) -> OrderInput:
        """The way back from canonical JSON that was read."""
        return msgspec.convert(content, type=cls)


@dataclass(frozen=True, slots=True)
class AllocatedLine:
    """How many of a line's units are reserved, and how many pieces are missing over all components."""

    line_id: str
    sku: str
    quantity: int
    reserved_quantity: int


@dataclass(frozen=True, slots=True)
class OrderOutcome:
    """The answer to one order of a call. ``refusal`` says why nothing happened; the other orders of the call are not harmed.

    ``is_replay`` marks an order that was there already with the same content, ``is_amendment`` one that a newer revision rewrote, ``is_task``
    an amendment that came too late and went to the staff instead, ``why_staff`` says why. A replay of one has both marks.
    """

    external_id: str
    order_id: int | None = None
    number: str = ""
    state: str = ""
    revision: int = 0
    lines: tuple[AllocatedLine, ...] = ()
    holds: tuple[str, ...] = ()
    is_replay: bool = False
    is_amendment: bool = False
    is_task: bool = False
    why_staff: str = ""
    refusal: DomainError | None = None
