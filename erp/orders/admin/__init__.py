"""The order desk's and the warehouse's lists. Pages look; acts are actions that call services."""

from erp.orders.admin import allocation, distributions, labels, orders, prints, receipts, returns, shipments, waiting

__all__ = ["allocation", "distributions", "labels", "orders", "prints", "receipts", "returns", "shipments", "waiting"]
