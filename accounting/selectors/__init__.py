"""Questions to the books. Everything returned is a figure or a dataclass; the tables stay private."""

from accounting.selectors.chart import Party, PaymentRoutes, Route, account_of, payment_routes
from accounting.selectors.items import OpenItemView, open_items, open_items_of_party

__all__ = [
    "OpenItemView",
    "Party",
    "PaymentRoutes",
    "Route",
    "account_of",
    "open_items",
    "open_items_of_party",
    "payment_routes",
]
