"""What PostgreSQL keeps for the orders: events are final, documents are never deleted, every change of content is in the audit trail."""

from django.db import migrations

from erp.core.triggers import append_only, audited, never_deleted

LINE_CONTENT = (
    "order_id", "delivery_id", "sku_id", "quantity", "unit_price", "tax_code", "charged_amount", "discount_amount",
    "net_amount", "tax_amount", "gross_amount", "promised_date",
)  # fmt: skip


class Migration(migrations.Migration):
    dependencies = [("orders", "0001_initial"), ("core", "0002_guards")]

    operations = [
        append_only("orders_orderevent"),
        append_only("orders_paymentevent"),
        append_only("orders_laterevision"),
        append_only("orders_receipt"),
        append_only("orders_salesreport"),
        append_only("orders_salesreportline"),
        append_only("orders_labelrun"),
        append_only("orders_labelrunline"),
        append_only("orders_printrun"),
        append_only("orders_printrunline"),
        audited("orders_carrieraccount"),
        never_deleted("orders_order"),
        never_deleted("orders_shipment"),
        never_deleted("orders_return"),
        never_deleted("orders_returnline"),
        never_deleted("orders_parkedmessage"),
        never_deleted("orders_orderdistribution"),
        never_deleted("orders_orderdistributionline"),
        audited("orders_order", inserts=False),
        audited("orders_delivery", inserts=False),
        audited("orders_orderline", inserts=False, columns=LINE_CONTENT),
        audited("orders_orderlinecomponent", inserts=False),
        audited(
            "orders_orderfee", inserts=False, columns=("order_id", "amount", "net_amount", "tax_amount", "gross_amount")
        ),
        audited("orders_orderadjustment", inserts=False),
        audited("orders_ordertaxtotal", inserts=False),
        audited("orders_orderpayment", inserts=False),
        audited("orders_orderhold", inserts=False),
        audited("orders_orderwait", inserts=False),
        audited("orders_allocationrule"),
        audited("orders_shipment", inserts=False),
        audited("orders_shipmentline", inserts=False, columns=("shipment_id", "order_line_id", "quantity")),
        audited("orders_return", inserts=False),
        audited("orders_returnline", inserts=False),
        audited("orders_orderdistribution", inserts=False),
    ]
