from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

# What a channel is told of stock. The EC site owns only how it shows it.
STOCK_FIELDS = [
    "sku",
    "quantity",
    "available",
    "terms",
    "components",
    "version",
    "next_change_at",
    "reservations",
    "holds",
]


class InventoryConfig(AppConfig):
    name = "erp.inventory"
    label = "inventory"
    verbose_name = _("Inventory")

    def ready(self) -> None:
        from erp.core import documents, guards, ownership, task_kinds, who, words
        from erp.inventory.models import Hold, StockDocument, TransferOrder
        from erp.inventory.selectors.finding import register_findables
        from erp.inventory.selectors.queues import register_queues
        from erp.inventory.selectors.verification import register_checks
        from erp.inventory.services.masters import register_masters
        from erp.inventory.services.reference_data import load_reference_data

        # A flush between tests sends this signal too, so the rows are back after each one.
        post_migrate.connect(load_reference_data, sender=self, dispatch_uid="inventory.reference")
        register_checks()
        guards.register("snapshot_is_true", _("{table}: a sum differs from its movements."))
        for kind, label in (
            ("RECEIPT", _("Receipt")),
            ("SUPPLIER_INVOICE", _("Supplier's invoice")),
            ("SUPPLIER_RETURN", _("Return to a supplier")),
            ("ADJUSTMENT", _("Adjustment")),
            ("COUNT", _("Stock count")),
            ("COUNT_EXPLAINED", _("Found by a count before its receipt")),
            ("COUNT_LACKED", _("Missing in a count before its paper")),
            ("SOLD_AGAIN", _("Sold again before its return")),
            ("WRITE_DOWN", _("Write-down")),
            ("LATE_COST", _("Late cost")),
            ("WRITE_DOWN_BACK", _("Write-down taken back")),
            ("STANDARD_COST", _("Revaluation at standard cost")),
            ("TRANSFER", _("Transfer")),
            ("TRANSFER_ARRIVAL", _("Arrival of a transfer")),
            ("TRANSFER_REDIRECT", _("Another destination of a transfer")),
            ("TRANSFER_LOSS", _("Loss on the road")),
            ("SORTING", _("Inspection of goods")),
            ("STOCK", _("Stock document")),
        ):
            documents.register(
                kind,
                label=label,
                url_name="admin:inventory_stockdocument_change",
                numbers=(StockDocument, "external_id"),
            )
        for field in (
            "started_by", "requested_by", "approved_by", "created_by", "confirmed_by", "shipped_by", "received_by", "reported_by",
            "loss_approved_by", "made_by", "posted_by",
        ):  # fmt: skip
            words.register(field, who.told)
        documents.register("HOLD", label=_("Hold"), url_name="admin:inventory_hold_change", numbers=(Hold, "ref"))
        documents.register(
            "EXPECTED_RECEIPT", label=_("Expected receipt"), url_name="admin:inventory_expectedreceipt_change"
        )
        guards.register("promised_within_receipt", _("More would be promised than the expected receipt brings."))
        guards.register(
            "kit_without_stock", _("A SKU that has stock becomes no kit. Take its pieces out of stock first.")
        )
        guards.register("standard_cost_in_house", _("Goods on the road or at accounts are not kept at standard cost."))
        documents.register(
            "STOCK_COUNT", label=pgettext_lazy("document", "Stocktake"), url_name="admin:inventory_stockcount_change"
        )
        documents.register(
            "TRANSFER_ORDER",
            label=_("transfer order"),
            url_name="admin:inventory_transferorder_change",
            numbers=(TransferOrder, "external_id"),
        )
        mamori, ec = ownership.Owner.MAMORI, ownership.Owner.EC
        ownership.register("stock", owner=mamori, delivery=ownership.Delivery.PUSH, fields=STOCK_FIELDS)
        ownership.register("stock", owner=ec, delivery=ownership.Delivery.NEVER, fields=["display"])
        # Whose pieces are gone: an order's, or a transfer's.
        task_kinds.register(
            {"RESERVATION_LOST": _("Reserved pieces are gone")},
            worked_by=["orders.change_order", "inventory.transfer_stock"],
        )
        task_kinds.register(
            {
                "HOLD_LOST": _("Kept pieces are gone"),
                "CUSTOMER_ORDER_ARRIVED": _("Customer order is there: tell the customer"),
            },
            worked_by=["orders.change_order", "inventory.add_hold"],
        )
        task_kinds.register({"STOCKTAKE": _("Stock to be counted")}, worked_by=["inventory.count_stock"])
        guards.register(
            "counted_and_approved_by_two", _("Whoever has counted does not approve: somebody else has to look at it.")
        )
        register_queues()
        register_findables()
        register_masters()
