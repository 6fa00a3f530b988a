"""The addresses of the API below ``/api/``."""

from django.urls import URLPattern, include, path, re_path

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

# Each call also stands in the table of tests/ec_gateway/api/calls.py: a test fails for one that is missing there.
CALLS: list[URLPattern] = [
    path("stock", stock.StockList.as_view()),
    # Names and codes may contain slashes, so what follows one comes first.
    path("stock/<path:sku>", stock.StockOfSku.as_view()),
    path("holds", holds.HoldList.as_view()),
    path("holds/<path:ref>/extend", holds.HoldExtension.as_view()),
    path("holds/<path:ref>", holds.HoldOfRef.as_view()),
    path("changes", changes.ChangeList.as_view()),
    path("products", products.ProductList.as_view()),
    path("products/<path:code>", products.ProductOfCode.as_view()),
    path("prices", prices.PriceList.as_view()),
    path("customers/<path:external_id>/credit", customers.CreditOfCustomer.as_view()),
    path("customers/<path:external_id>", customers.CustomerOfChannel.as_view()),
    path("segments/<path:code>/customers", segments.SegmentMembers.as_view()),
    path("orders", orders.Orders.as_view()),
    path("orders/bulk", orders.BulkOrders.as_view()),
    path("orders/<path:external_id>/cancel", order_news.Cancellation.as_view()),
    path("orders/<path:external_id>/returns", order_news.Returns.as_view()),
    path("orders/<path:external_id>/payment-events", order_news.PaymentEvents.as_view()),
    path("orders/<path:external_id>", orders.OneOrder.as_view()),
    path("shop-sales", shop_sales.ShopSales.as_view()),
]

urlpatterns = [
    path("v1/", include(CALLS)),
    path("schema/", SchemaView.as_view(), name="api-schema"),
    path("docs/", DocsView.as_view(), name="api-docs"),
    re_path("", UnknownPath.as_view()),
]
