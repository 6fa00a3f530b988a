from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

# Owned by the EC site: the order as it was placed. Everything after acceptance is Mamori's.
AS_PLACED = [
    "external_id", "revision", "ordered_at", "currency", "prices_include_tax", "order_type", "acceptance", "orderer",
    "deliveries", "lines", "fees", "adjustments", "tax_summary", "total", "amount_due", "payments", "receipt",
    "customer_note", "attributes", "customer_po_number", "account_code", "hold_ref", "bill_to", "stated_total", "sold_at",
]  # fmt: skip
AFTER_ACCEPTANCE = [
    "number",
    "state",
    "holds",
    "waits",
    "allocation",
    "shipments",
    "returns",
    "shop_note",
    "ship_after",
    "version",
    "net_amount",
    "tax_amount",
    "tax_difference",
    "taxes",
    "cancelled_at",
    "cancel_reason",
    "late_revision",
]

# What tasks are called.
TASKS = {
    "OVERSOLD": _("Oversold"),
    "PROMISE_LATER": _("Goods come later than was told"),
    "AMEND_AFTER_RELEASE": _("Revision after release"),
    "RETURN_BEFORE_SHIPMENT": _("Return before the shipment"),
    "SALE_REFUSED": _("Shop sale that was refused"),
    "SALE_CONFLICT": _("Shop sale under a known number"),
    "SALE_SKU_UNKNOWN": _("Shop sale of an unknown SKU"),
}
# What a till sent and what does not add up, with the sums.
COUNTER_TASKS = {
    "RETURN_TO_CHECK": _("Return to be checked"),
    "SALE_TO_CHECK": _("Shop sale to be checked"),
}
# Of these the order desk asks the customer or the channel, and accounting books.
MONEY_TASKS = {
    "PAYMENT_SHORT": _("Paid too little"),
    "PAID_AGAIN": _("Paid a second time?"),
    "UNKNOWN_PAYMENT": _("News of an unknown payment"),
    "REFUND_DUE": _("Refund is due"),
    "REFUND_OF_DIFFERENCE": _("Refund of a difference"),
    "REFUND_NOT_OWED": _("Refund that is not owed"),
    "MONEY_NOT_BOOKED": _("Money that is not booked"),
    "COD_DIFFERENCE": _("Cash on delivery: too much or too little"),
}
CLOSING_TASKS = {"SALE_IN_CLOSED_PERIOD": _("Shop sale of a closed month")}

# Who pays for a method, beside carriers, where the channel names it.
PROVIDERS = {"mall": _("Mall")}


class OrdersConfig(AppConfig):
    name = "erp.orders"
    label = "orders"
    verbose_name = _("Orders")

    def ready(self) -> None:
        from erp.core import documents, ownership, task_kinds, words
        from erp.inventory.selectors.reorder import register_demand
        from erp.inventory.selectors.stocktakes import register_picking
        from erp.inventory.selectors.valuation import register_sales
        from erp.orders.models import (
            CANCEL_AFTER_PART_LEFT,
            CANCEL_WHILE_PICKING,
            Order,
            PaymentMethod,
            Return,
            SalesReport,
            Shipment,
        )
        from erp.orders.selectors.carriers import carrier_name
        from erp.orders.selectors.demand import open_demand
        from erp.orders.selectors.finding import register_findables
        from erp.orders.selectors.goods_sales import sales_of_goods
        from erp.orders.selectors.letters import register_letters
        from erp.orders.selectors.outside_numbers import number_from_outside
        from erp.orders.selectors.picking import picked_at
        from erp.orders.selectors.queues import register_queues
        from erp.orders.selectors.verification import register_checks

        register_checks()
        register_demand(open_demand)
        register_letters()
        register_picking(picked_at)
        register_sales(sales_of_goods)
        mamori, ec = ownership.Owner.MAMORI, ownership.Owner.EC
        ownership.register("orders", owner=ec, delivery=ownership.Delivery.INTAKE, fields=AS_PLACED)
        ownership.register("orders", owner=mamori, delivery=ownership.Delivery.READ_API, fields=AFTER_ACCEPTANCE)
        task_kinds.register(
            TASKS
            | {
                CANCEL_WHILE_PICKING: _("Cancellation while being picked"),
                CANCEL_AFTER_PART_LEFT: _("Cancellation after a part had left"),
            },
            worked_by=["orders.change_order"],
        )
        task_kinds.register(COUNTER_TASKS, worked_by=["orders.change_order"], tells_amounts=True)
        task_kinds.register(
            MONEY_TASKS, worked_by=["orders.change_order", "orders.change_orderpayment"], tells_amounts=True
        )
        task_kinds.register(CLOSING_TASKS, worked_by=["accounting.change_period"])
        # Closing it says that the order desk has decided: what a channel cancelled is shipped all the same.
        task_kinds.register_decisions({CANCEL_WHILE_PICKING: "orders.change_order"})
        documents.register("ORDER", label=_("Order"), url_name="admin:orders_order_change", numbers=(Order, "number"))
        documents.register(
            "SHIPMENT", label=_("Shipment"), url_name="admin:orders_shipment_change", numbers=(Shipment, "number")
        )
        documents.register(
            "SALES_REPORT",
            label=_("Sales report"),
            url_name="admin:orders_salesreport_change",
            numbers=(SalesReport, "number"),
        )
        documents.register(
            "RETURN", label=_("Return"), url_name="admin:orders_return_change", numbers=(Return, "number")
        )
        words.register("method", dict(PaymentMethod.choices))
        words.register("carrier", carrier_name)
        words.register("orders.return.external_id", number_from_outside)
        words.register("provider", lambda code: str(PROVIDERS.get(code.lower()) or carrier_name(code)))
        register_queues()
        register_findables()
