"""The addresses of the API below ``/api/``.

Numbers, codes and names may contain anything, slashes too. What an address means is told by its method and its last step: where the call
of that step has no such method, the step belongs to the name (``GET /orders/A/cancel`` reads the order ``A/cancel``).
"""

from django.urls import URLPattern, include, path, re_path, register_converter

from ec_gateway.api.frame import UnknownPath
from ec_gateway.api.schema import DocsView, SchemaView
from ec_gateway.api.views import (
    changes,
    customers,
    holds,
    order_news,
    orders,
    prices,
    products,
    segments,
    shop_sales,
    stock,
)


class NameConverter:
    """A name that somebody else gave: any text, slashes and line breaks too."""

    regex = r"[\s\S]+"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(NameConverter, "name")
one_order, one_hold = orders.OneOrder.as_view(), holds.HoldOfRef.as_view()
one_customer = customers.CustomerOfChannel.as_view()

# Each call also stands in the table of tests/ec_gateway/api/calls.py: a test fails for one that is missing there.
CALLS: list[URLPattern] = [
    path("stock", stock.StockList.as_view()),
    # A call that follows a name comes first; ``whole`` is who serves the methods it does not have, with its last step as part of the name.
    path("stock/<name:sku>", stock.StockOfSku.as_view()),
    path("holds", holds.HoldList.as_view()),
    path("holds/<name:ref>/extend", holds.HoldExtension.as_view(step="extend", whole=one_hold)),
    path("holds/<name:ref>", one_hold),
    path("changes", changes.ChangeList.as_view()),
    path("products", products.ProductList.as_view()),
    path("products/<name:code>", products.ProductOfCode.as_view()),
    path("prices", prices.PriceList.as_view()),
    path("customers/<name:external_id>/credit", customers.CreditOfCustomer.as_view(step="credit", whole=one_customer)),
    path("customers/<name:external_id>", one_customer),
    path("segments/<name:code>/customers", segments.SegmentMembers.as_view()),
    path("orders", orders.Orders.as_view()),
    path("orders/bulk", orders.BulkOrders.as_view(step="bulk", whole=one_order)),
    path("orders/<name:external_id>/cancel", order_news.Cancellation.as_view(step="cancel", whole=one_order)),
    path("orders/<name:external_id>/returns", order_news.Returns.as_view(step="returns", whole=one_order)),
    path(
        "orders/<name:external_id>/payment-events",
        order_news.PaymentEvents.as_view(step="payment-events", whole=one_order),
    ),
    path("orders/<name:external_id>", one_order),
    path("shop-sales", shop_sales.ShopSales.as_view()),
]

urlpatterns = [
    path("v1/", include(CALLS)),
    path("schema/", SchemaView.as_view(), name="api-schema"),
    path("docs/", DocsView.as_view(), name="api-docs"),
    re_path("", UnknownPath.as_view()),
]
