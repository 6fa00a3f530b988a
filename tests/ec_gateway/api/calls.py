"""Every call of the API with one request that works in the company of ``world``. Whoever adds a call adds a line; a test counts them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ec_gateway.models import ApiKey

SCOPE = ApiKey.Scope
HOLD = {"hold_ref": "cart-2", "lines": [{"sku": "TS-001-WH-M", "quantity": 1}], "expires_in": 60}


@dataclass(frozen=True)
class Call:
    """``route`` as in ec_gateway/api/urls.py. ``for_another_site``: what a key of another channel is answered;
    ``secret``: what must not be in that answer. ``scope`` is None where any scope will do (``/changes``)."""

    method: str
    route: str
    path: str
    scope: str | None
    body: Any = None
    status: int = 200
    for_another_site: int = 200
    secret: str = ""


ORDER = {
    "external_id": "A-2",
    "ordered_at": "2026-11-23T10:00:00+09:00",
    "lines": [{"line_id": "1", "sku": "TS-001-WH-M", "quantity": 1, "unit_price": "3300"}],
    "total": "3300",
    "payments": [{"method": "card", "amount": "3300", "status": "authorized"}],
}
RETURN = {"external_id": "R-1", "lines": [{"line_id": "1", "quantity": 1}]}
SALE = {
    "external_id": "T-1",
    "sold_at": "2026-11-23T10:00:00+09:00",
    "lines": [{"line_id": "1", "sku": "TS-001-WH-M", "quantity": 1, "unit_price": "3300"}],
    "total": "3300",
}
PAID = {"event_id": "e-1", "kind": "captured", "occurred_at": "2026-11-23T10:00:00+09:00"}


CALLS = [
    Call("GET", "stock", "/stock?sku=TS-001-WH-M", SCOPE.STOCK_READ, secret='"available":10'),
    Call("GET", "stock/<name:sku>", "/stock/TS-001-WH-M", SCOPE.STOCK_READ, secret='"available":10'),
    Call("POST", "holds", "/holds", SCOPE.HOLDS_WRITE, HOLD, status=201, for_another_site=409),
    Call("GET", "holds/<name:ref>", "/holds/cart-1", SCOPE.HOLDS_WRITE, for_another_site=404),
    Call("DELETE", "holds/<name:ref>", "/holds/cart-1", SCOPE.HOLDS_WRITE, for_another_site=404),
    Call(
        "POST",
        "holds/<name:ref>/extend",
        "/holds/cart-1/extend",
        SCOPE.HOLDS_WRITE,
        {"expires_in": 60},
        for_another_site=404,
    ),
    Call("GET", "changes", "/changes?after=1.0", None, secret='"order"'),
    Call("GET", "products", "/products", SCOPE.PRODUCTS_READ),
    Call("GET", "products/<name:code>", "/products/TS-001", SCOPE.PRODUCTS_READ),
    Call("GET", "prices", "/prices?customer=b-1&sku=TS-001-WH-M", SCOPE.PRODUCTS_READ, for_another_site=404),
    Call("GET", "customers/<name:external_id>", "/customers/c-1", SCOPE.CUSTOMERS_READ, for_another_site=404),
    Call(
        "PUT",
        "customers/<name:external_id>",
        "/customers/c-1",
        SCOPE.CUSTOMERS_WRITE,
        {"family_name": "佐藤"},
        for_another_site=201,
        secret="髙橋",
    ),
    Call(
        "GET", "customers/<name:external_id>/credit", "/customers/b-1/credit", SCOPE.CREDIT_READ, for_another_site=404
    ),
    Call(
        "GET", "segments/<name:code>/customers", "/segments/champions/customers", SCOPE.CUSTOMERS_READ, secret='"c-9"'
    ),
    Call("POST", "orders", "/orders", SCOPE.ORDERS_WRITE, ORDER, status=201, for_another_site=201),
    Call("GET", "orders", "/orders", SCOPE.ORDERS_READ, secret='"A-1000"'),
    Call("POST", "orders/bulk", "/orders/bulk", SCOPE.ORDERS_WRITE, {"orders": [ORDER]}),
    Call("GET", "orders/<name:external_id>", "/orders/A-1000", SCOPE.ORDERS_READ, for_another_site=404),
    Call(
        "PUT",
        "orders/<name:external_id>",
        "/orders/A-2",
        SCOPE.ORDERS_WRITE,
        ORDER,
        status=201,
        for_another_site=201,
    ),
    Call(
        "POST",
        "orders/<name:external_id>/cancel",
        "/orders/A-1000/cancel",
        SCOPE.ORDERS_WRITE,
        {},
        for_another_site=202,
    ),
    Call(
        "POST",
        "orders/<name:external_id>/returns",
        "/orders/A-1002/returns",
        SCOPE.ORDERS_WRITE,
        RETURN,
        status=201,
        for_another_site=202,
    ),
    Call(
        "POST",
        "orders/<name:external_id>/payment-events",
        "/orders/A-1000/payment-events",
        SCOPE.ORDERS_WRITE,
        PAID,
        for_another_site=202,
    ),
    Call("POST", "shop-sales", "/shop-sales", SCOPE.ORDERS_WRITE, {"sales": [SALE]}, for_another_site=404),
]
