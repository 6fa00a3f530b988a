"""The addresses of a practice site: for shoppers, for its operator, for Mamori, for programs that test."""

from django.urls import path

from ec_gateway.sandbox import control, mamori_calls, pages, panel
from ec_gateway.sandbox.control import by_program
from ec_gateway.sandbox.mamori_calls import call_of_mamori

urlpatterns = [
    path("", pages.product_list),
    path("products/<str:style>", pages.product),
    path("cart", pages.cart),
    path("checkout", pages.checkout),
    path("orders", pages.order_list),
    path("orders/<str:external_id>", pages.order),
    path("orders/<str:external_id>/<str:act>", pages.act_on_order),
    path("panel", panel.show),
    path("panel/stock", panel.set_stock),
    path("panel/faults", panel.switch_fault),
    path("panel/orders/<str:external_id>/<str:act>", panel.act_on_order),
    path("mamori/stock", call_of_mamori(PUT=mamori_calls.push_stock, GET=mamori_calls.read_stock)),
    path("mamori/orders", call_of_mamori(GET=mamori_calls.read_orders)),
    path("mamori/orders/<str:external_id>", call_of_mamori(GET=mamori_calls.read_order)),
    path("mamori/order-list", call_of_mamori(GET=mamori_calls.list_orders)),
    path("mamori/shipments", call_of_mamori(POST=mamori_calls.push_shipment)),
    path("mamori/webhooks", call_of_mamori(GET=mamori_calls.ask_webhooks)),
    path("control/state", by_program(GET=control.show_state)),
    path("control/orders", by_program(GET=control.list_orders)),
    path("control/calls", by_program(GET=control.list_calls)),
    path("control/faults", by_program(DELETE=control.all_faults_off)),
    path("control/faults/<str:name>", by_program(PUT=control.switch_fault)),
    path("control/stock/<str:sku>", by_program(PUT=control.set_stock)),
    path("control/products", by_program(PUT=control.load_products)),
]
