"""The order desk's and the warehouse's lists. Pages look; acts are actions that call services."""

from erp.orders.admin import allocation, labels, orders, prints, receipts, returns, shipments, waiting

__all__ = ["allocation", "labels", "orders", "prints", "receipts", "returns", "shipments", "waiting"]
