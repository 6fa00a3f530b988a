"""What waits at the order desk and in the warehouse."""

from __future__ import annotations

import datetime as dt
from functools import partial
from typing import Any

from django.db.models import F, Max, Min, OuterRef, QuerySet, Subquery
from django.db.models.functions import Least
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from erp.core import task_kinds
from erp.core.models import Channel, StaffTask
from erp.core.work_queues import WorkQueue, register
from erp.inventory.selectors import shop_channels_of
from erp.orders.models import (
    OVER,
    Order,
    OrderHold,
    OrderLine,
    OrderPayment,
    OrderState,
    PaymentStatus,
    Shipment,
)

DESK, WAREHOUSE, MONEY = "orders.change_order", "orders.change_shipment", "orders.change_orderpayment"
ORDERS, SHIPMENTS, TASKS = (
    "admin:orders_order_changelist",
    "admin:orders_shipment_changelist",
    "admin:core_stafftask_changelist",
)
OVERSOLD = ("OVERSOLD", "RESERVATION_LOST")
MONEY_ODD = (
    "REFUND_DUE", "PAYMENT_SHORT", "PAID_AGAIN", "UNKNOWN_PAYMENT", "REFUND_NOT_OWED", "MONEY_NOT_BOOKED", "COD_DIFFERENCE",
)  # fmt: skip
# Whose work an order is, by its state; everything else is the desk's.
WORKED_BY = {OrderState.AWAITING_PAYMENT: MONEY, OrderState.PICKING: WAREHOUSE}
# Parcels without a number are asked for as long as somebody still asks where they are.
TRACKED_FOR = dt.timedelta(days=14)
WITHOUT_PARCELS = (Channel.Kind.SHOP,)


def register_queues() -> None:
    register(*(_state(state) for state in OrderState if state not in OVER))
    register(
        WorkQueue(
            "orders.holds", _("On hold, by reason"), _open_holds, "admin:orders_orderhold_changelist",
            worked_by="orders.change_orderhold", since="opened_at", parts="reason",
        ),
        _tasks("orders.oversold", _("Oversold"), OVERSOLD, worked_by=DESK),
        WorkQueue(
            "orders.untracked", _("Shipped without a tracking number"), untracked, SHIPMENTS, "tracking=missing",
            worked_by=WAREHOUSE, since="shipped_at", order="ship_date",
        ),
        _tasks("orders.money", _("Money of orders to set right"), MONEY_ODD, worked_by=MONEY),
    )  # fmt: skip


def orders_seen_by(viewer: Any) -> QuerySet[Order]:
    """Orders of the channels that a user sees; None: of all."""
    channels = None if viewer is None else shop_channels_of(viewer)
    return Order.objects.all() if channels is None else Order.objects.filter(channel__in=channels)


def untracked(viewer: Any = None) -> QuerySet[Shipment]:
    """Parcels that left in the last days, and nobody can follow."""
    first = timezone.localdate() - TRACKED_FOR
    found = Shipment.objects.filter(ship_date__gte=first, state=Shipment.State.SHIPPED, tracking_number="")
    channels = None if viewer is None else shop_channels_of(viewer)
    found = found if channels is None else found.filter(order__channel__in=channels)
    return found.exclude(order__channel__kind__in=WITHOUT_PARCELS)


def shipped_on(day: dt.date, viewer: Any = None) -> QuerySet[Shipment]:
    channels = None if viewer is None else shop_channels_of(viewer)
    found = Shipment.objects.filter(ship_date=day)
    return found if channels is None else found.filter(order__channel__in=channels)


def _state(state: OrderState) -> WorkQueue:
    return WorkQueue(
        f"orders.{state.lower()}",
        state.label,
        partial(_in_state, state),
        ORDERS,
        f"state__exact={state}",
        worked_by=WORKED_BY.get(state, DESK),
        since="state_since",
        due=_due(state),
    )


def _due(state: OrderState) -> Any:
    """When an order is late: what it waits for has to happen until then. Nothing for one that nobody set a day for."""
    match state:
        case OrderState.AWAITING_PAYMENT:
            awaited = OrderPayment.objects.filter(
                order=OuterRef("pk"), must_be_paid_first=True, status=PaymentStatus.PENDING, amount__gt=0
            )
            return _first_of(awaited, "due_at", Min)
        case OrderState.AWAITING_RELEASE_DATE:
            return _first_of(OrderLine.objects.filter(order=OuterRef("pk")), "release_date", Max)
        case OrderState.AWAITING_STOCK:
            coming = OrderLine.objects.filter(order=OuterRef("pk"), arrival_date__isnull=False)
            return Least("ship_after", _first_of(coming, "arrival_date", Min))
        case _:
            # The day on which it has to leave, so that it arrives on the wished date.
            return F("ship_after")


def _first_of(rows: QuerySet[Any], name: str, which: type[Min] | type[Max]) -> Subquery:
    return Subquery(rows.order_by().values("order").annotate(first=which(name)).values("first"))


def _in_state(state: OrderState, viewer: Any) -> QuerySet[Order]:
    return orders_seen_by(viewer).filter(state=state)


def _open_holds(viewer: Any) -> QuerySet[OrderHold]:
    channels = None if viewer is None else shop_channels_of(viewer)
    found = OrderHold.objects.filter(resolved_at__isnull=True)
    return found if channels is None else found.filter(order__channel__in=channels)


def _tasks(code: str, title: Any, kinds: tuple[str, ...], *, worked_by: str) -> WorkQueue:
    query = f"kind__in={','.join(kinds)}&closed_at__isempty=1"
    return WorkQueue(
        code,
        title,
        lambda viewer: open_tasks(kinds, viewer),
        TASKS,
        query,
        worked_by=worked_by,
        since="opened_at",
        due="due_at",
    )


def open_tasks(kinds: tuple[str, ...], viewer: Any) -> QuerySet[StaffTask]:
    hidden = [] if viewer is None else task_kinds.hidden_from(viewer)
    shown = [kind for kind in kinds if not task_kinds.is_any_of(kind, hidden)]
    return StaffTask.objects.filter(closed_at__isnull=True, kind__in=shown)
