"""A channel cancelled an order of which something had left already: the channel counts all of it as cancelled, so staff must know what is out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from django.db.models import F, Sum
from django.utils.translation import gettext as _

from erp.core import staff_tasks
from erp.core.actors import Actor
from erp.core.models import StaffTask
from erp.orders.models import CANCEL_AFTER_PART_LEFT, Order, OrderLine, Shipment

_OUT = F("shipped_quantity") - F("returned_quantity")


def tell(order: Order, *, reason: str, at: dt.datetime, by: Actor) -> None:
    """Open the task where pieces are with the customer or on their way, once an order. Part of the transaction that heard the cancellation, also
    where staff had cancelled the rest before."""
    out = OrderLine.objects.filter(order=order).aggregate(units=Sum(_OUT))["units"]
    was_told = StaffTask.objects.filter(kind=CANCEL_AFTER_PART_LEFT, subject_type="ORDER", subject_id=order.pk)
    if not out or was_told.exists():
        return
    parcels = Shipment.objects.filter(order=order, shipped_at__isnull=False).exclude(state=Shipment.State.RETURNED)
    detail = _("The channel cancelled the order when %(units)s units had left (%(parcels)s). %(reason)s") % {
        "units": f"{out:,}",
        "parcels": ", ".join(parcels.order_by("pk").values_list("number", flat=True)),
        "reason": reason,
    }
    staff_tasks.open_tasks(
        [staff_tasks.Finding(CANCEL_AFTER_PART_LEFT, "ORDER", order.pk, order.number, detail.strip())], at=at, by=by
    )


def close_returned(orders: Iterable[Order], *, at: dt.datetime, by: Actor) -> None:
    """Everything that had left came back: nobody has to ask for it any more."""
    cancelled = {order.pk for order in orders if order.cancelled_at is not None}
    if not cancelled:
        return
    still_out = OrderLine.objects.filter(order__in=cancelled).alias(out=_OUT).filter(out__gt=0)
    staff_tasks.close_open(
        kind=CANCEL_AFTER_PART_LEFT,
        subject_type="ORDER",
        subject_ids=sorted(cancelled - set(still_out.values_list("order_id", flat=True))),
        resolution=_("It came back."),
        at=at,
        by=by,
    )
