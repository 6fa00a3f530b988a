"""Which of many orders or parcels an act of a list would leave as they are, and why. Reads only."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _

from erp.orders.models import OVER, Order, OrderHold, OrderState, Shipment
from erp.orders.selectors.orders import MAY_LACK_STOCK

_PARCEL = Shipment.State
# The states of a parcel that an act of the warehouse leads on from.
LEADS_ON_FROM = {
    "deliver": (_PARCEL.SHIPPED,),
    "accept": (_PARCEL.SHIPPED, _PARCEL.DELIVERED),
    "call_back": (_PARCEL.INSTRUCTED,),
}


def nothing_to_do_with(act: str, parcels: Sequence[Shipment]) -> dict[int, str]:
    """Why an act changes nothing of a parcel, by id; those of which it may change something are not named."""
    told = _("There is nothing to do: the shipment is “%(state)s”.")
    idle = [parcel for parcel in parcels if parcel.state not in LEADS_ON_FROM[act]]
    return {parcel.pk: told % {"state": parcel.get_state_display()} for parcel in idle}


def nothing_to_do(act: str, orders: Sequence[Order]) -> dict[int, str]:
    """Why an act changes nothing of an order, by id; those of which it may change something are not named. At most one question."""
    held = set()
    if act == "hold":
        by_hand = OrderHold.objects.filter(order__in=orders, reason=OrderHold.Reason.MANUAL, resolved_at__isnull=True)
        held = set(by_hand.values_list("order_id", flat=True))
    found = ((order.pk, _why(act, order, is_held=order.pk in held)) for order in orders)
    return {key: why for key, why in found if why}


def _why(act: str, order: Order, *, is_held: bool) -> str:
    state = OrderState(order.state)
    if state in OVER and act not in ("make_final", "cancel"):
        return _("There is nothing to do: the order is “%(state)s”.") % {"state": state.label}
    if act == "cancel" and order.cancelled_at is not None:
        return _("It is cancelled already.")
    if act == "make_final" and not order.is_provisional:
        return _("It is final already.")
    if act == "hold" and is_held:
        return _("It is on hold already.")
    if act == "allocate" and state not in MAY_LACK_STOCK:
        return _("It lacks no stock: the order is “%(state)s”.") % {"state": state.label}
    return ""
