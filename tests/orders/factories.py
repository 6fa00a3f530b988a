"""Orders for tests: a channel that sells from one warehouse, stock that came in through the ledger, and orders as a site sends them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from django.db.models import Sum

from accounting.models import AccountRole, Posting
from erp.core.actors import Actor
from erp.core.models import Channel
from erp.orders.models import Order, OrderEvent, Shipment
from erp.orders.services import (
    LineInput,
    OrderInput,
    PaymentInput,
    ShipRequest,
    place_order,
    release_orders,
    ship,
)
from tests.inventory import factories as stock_factories

NOON = dt.datetime(2026, 11, 23, 3, 0, tzinfo=dt.UTC)
TODAY = dt.date(2026, 11, 23)
DESK = Actor.staff("hanako", "test")


def shop(**fields: Any) -> tuple[Channel, Any]:
    """A channel and the warehouse it sells from."""
    place = stock_factories.location()
    return stock_factories.channel(place, **fields), place


def line(sku: Any, quantity: int = 1, price: int | None = 1100, **fields: Any) -> LineInput:
    code = sku if isinstance(sku, str) else sku.code
    fields.setdefault("line_id", code)
    return LineInput(sku=code, quantity=quantity, unit_price=None if price is None else Decimal(price), **fields)


def card(amount: int, status: str = "AUTHORIZED") -> PaymentInput:
    return PaymentInput("CARD", Decimal(amount), status)


def order(*lines: LineInput, total: int | None = None, external_id: str = "A-1", **fields: Any) -> OrderInput:
    """An order paid by authorised card, tax-inclusive, unless said otherwise."""
    charged = sum(int(item.unit_price or 0) * item.quantity for item in lines)
    due = charged if total is None else total
    fields.setdefault("payments", (card(due),) if due else ())
    fields.setdefault("ordered_at", NOON)
    fields.setdefault("total", Decimal(due))
    return OrderInput(external_id=external_id, lines=lines, **fields)


def placed(channel: Channel, sent: OrderInput) -> Order:
    outcome = place_order(channel=channel.code, order=sent, at=NOON, by=DESK)
    return Order.objects.get(pk=outcome.order_id)


def released(record: Order) -> list[Shipment]:
    release_orders(order_ids=[record.pk], at=NOON, by=DESK)
    return list(Shipment.objects.filter(order=record, state="INSTRUCTED").order_by("pk"))


def shipped(record: Order, **fields: Any) -> list[Shipment]:
    parcels = released(record)
    ship(requests=[ShipRequest(parcel.pk) for parcel in parcels], at=NOON, by=DESK, **fields)
    record.refresh_from_db()
    return list(Shipment.objects.filter(order=record, state="SHIPPED").order_by("pk"))


def kinds(record: Order) -> list[str]:
    return list(OrderEvent.objects.filter(order=record).order_by("pk").values_list("kind", flat=True))


def figure(role: str) -> int:
    """The balance of the account that plays a role, positive on its normal side."""
    account = AccountRole.objects.select_related("account").get(role=role).account
    sides = dict(Posting.objects.filter(account=account).values_list("side").annotate(total=Sum("amount")))
    debit = sides.get("DEBIT", 0) - sides.get("CREDIT", 0)
    return int(debit if account.normal_side == "DEBIT" else -debit)
