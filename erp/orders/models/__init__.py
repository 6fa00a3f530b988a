"""Orders and what becomes of them: order → reservation → shipment → sale, cancellation and return. Every act leaves an event with who and why."""

from erp.orders.models.allocation import AllocationRule, OrderWait
from erp.orders.models.carriers import Carrier, CarrierAccount, LabelRun, LabelRunLine
from erp.orders.models.distributions import OrderDistribution, OrderDistributionLine, OrderDistributionShare
from erp.orders.models.orders import (
    OVER,
    Delivery,
    Order,
    OrderAdjustment,
    OrderFee,
    OrderLine,
    OrderLineComponent,
    OrderState,
    OrderTaxTotal,
    OrderType,
)
from erp.orders.models.payments import OrderPayment, PaymentEvent, PaymentMethod, PaymentStatus, is_of_funder
from erp.orders.models.prints import PrintRun, PrintRunLine
from erp.orders.models.progress import (
    CANCEL_AFTER_PART_LEFT,
    CANCEL_WHILE_PICKING,
    PAID_AGAIN,
    LateRevision,
    OrderEvent,
    OrderHold,
    ParkedMessage,
)
from erp.orders.models.receipts import Receipt
from erp.orders.models.reports import SalesReport, SalesReportLine
from erp.orders.models.returns import Return, ReturnLine
from erp.orders.models.shipments import Shipment, ShipmentLine

__all__ = [
    "CANCEL_AFTER_PART_LEFT",
    "CANCEL_WHILE_PICKING",
    "OVER",
    "PAID_AGAIN",
    "AllocationRule",
    "Carrier",
    "CarrierAccount",
    "Delivery",
    "LabelRun",
    "LabelRunLine",
    "LateRevision",
    "Order",
    "OrderAdjustment",
    "OrderDistribution",
    "OrderDistributionLine",
    "OrderDistributionShare",
    "OrderEvent",
    "OrderFee",
    "OrderHold",
    "OrderLine",
    "OrderLineComponent",
    "OrderPayment",
    "OrderState",
    "OrderTaxTotal",
    "OrderType",
    "OrderWait",
    "ParkedMessage",
    "PaymentEvent",
    "PaymentMethod",
    "PaymentStatus",
    "PrintRun",
    "PrintRunLine",
    "Receipt",
    "Return",
    "ReturnLine",
    "SalesReport",
    "SalesReportLine",
    "Shipment",
    "ShipmentLine",
    "is_of_funder",
]
