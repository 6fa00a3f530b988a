"""What of an order's money sales may still take: of goods that have not left, of goods that are outside, of fees that go with them."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal

from django.db.models import Exists, OuterRef, Q

from erp.core.money import ZERO, share_so_far
from erp.orders.models import Order, OrderFee, OrderLine, OrderPayment, ReturnLine, ShipmentLine
from erp.orders.selectors.units import outside


def still_to_be_sold(order_id: int) -> Decimal:
    """Gross, as far as the customer is to pay it. What came back unsold is not in it, nor a fee that was given back; of a cancelled order it is
    what is outside, with its fees."""
    return all_still_to_be_sold([order_id])[order_id]


def all_still_to_be_sold(order_ids: Collection[int]) -> dict[int, Decimal]:
    """The same of many orders, in four queries."""
    total, to_pay = dict.fromkeys(order_ids, ZERO), dict.fromkeys(order_ids, ZERO)
    for line in OrderLine.objects.filter(order__in=order_ids):
        done = line.shipped_quantity + line.cancelled_quantity
        for amount in (line.net_amount or ZERO, line.tax_amount or ZERO):
            total[line.order_id] += amount - share_so_far(amount, done=done, of=line.quantity)
    for part in ShipmentLine.objects.filter(shipment__order__in=order_ids).select_related("shipment"):
        total[part.shipment.order_id] += outside(part, part.shipment).gross
    not_sold = Q(shipment__isnull=True, order__cancelled_at__isnull=True) | Q(
        shipment__isnull=False, shipment__revenue_date__isnull=True
    )
    for fee in OrderFee.objects.filter(not_sold, order__in=order_ids, refunds__isnull=True):
        total[fee.order_id] += fee.gross_amount or ZERO
    for payment in OrderPayment.objects.filter(order__in=order_ids).exclude(role=""):
        to_pay[payment.order_id] += ZERO if payment.is_of_funder else payment.to_be_applied
    return {key: min(total[key], to_pay[key]) for key in order_ids}


def is_rest_owed_back(order_id: int) -> bool:
    """Whether all deposits but those of what is still to be sold go back: the order is cancelled, or goods of it came back before they were sold."""
    unsold = ShipmentLine.objects.filter(shipment__order=OuterRef("pk"), unsold_quantity__gt=0)
    return Order.objects.filter(Q(cancelled_at__isnull=False) | Exists(unsold), pk=order_id).exists()


def given_back_unsold() -> Exists:
    """Of a fee: it came back with goods of its parcel before their sale was posted."""
    return Exists(ReturnLine.objects.filter(fee=OuterRef("pk"), is_unsold=True))
