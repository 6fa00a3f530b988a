"""Who owes or is owed in an order's entries, and where those are reported."""

from __future__ import annotations

from accounting.services import Party
from erp.orders.models import Order, OrderPayment, PaymentMethod
from erp.orders.postings import Dimensions
from erp.orders.services.parcels import ParcelOrder, Payment


def counterparty(payment: OrderPayment | Payment) -> Party | None:
    if payment.counterparty_id is None:
        return None
    return Party("COUNTERPARTY", payment.counterparty_id, payment.provider or str(PaymentMethod(payment.method).label))


def customer_party(order: Order | ParcelOrder) -> Party:
    return Party("CUSTOMER", order.customer_record_id or 0, order.orderer_name or order.number)


def dimensions_of(order: Order) -> Dimensions:
    """Needs the order's channel and account loaded beside it."""
    department = order.account.department_id if order.account else None
    return Dimensions(order.channel_id, department or order.channel.department_id, order.currency)
