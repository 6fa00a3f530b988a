"""The switches of the panel for programs: JSON on the loopback only, behind a token of its own."""

from __future__ import annotations

import hmac
import json
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from ec_gateway.sandbox import events, shop
from ec_gateway.sandbox.faults import BadParameter, FaultState
from ec_gateway.sandbox.mamori_calls import BadRequest, View, body_of, refusal, this_site
from ec_gateway.sandbox.site import now

LOOPBACK = {"127.0.0.1", "::1"}


def by_program(**views: View) -> View:
    @csrf_exempt
    def view(request: HttpRequest, **arguments: Any) -> HttpResponse:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        is_known = hmac.compare_digest(given.encode(), this_site().options.control_token.encode())
        if request.META.get("REMOTE_ADDR") not in LOOPBACK or not is_known:
            return refusal("Only with the control token, from this machine.", 403)
        if (found := views.get(request.method or "")) is None:
            return refusal("This method is not allowed here.", 405)
        try:
            return found(request, **arguments)
        except KeyError as unknown:
            return refusal(f"Not known here: {unknown}", 404)
        except (BadParameter, shop.Refused) as refused:
            return refusal(str(refused), 400)
        except BadRequest as problem:
            return refusal(str(problem), problem.status)

    return view


def show_state(request: HttpRequest) -> HttpResponse:
    site = this_site()
    with site.database.reading() as connection:
        outgoing = dict(connection.execute("SELECT outcome, count(*) FROM outgoing GROUP BY outcome").fetchall())
        position = connection.execute("SELECT coalesce(max(position), 0) FROM event").fetchone()[0]
    return _json(
        {
            "name": site.options.name,
            "channel": site.options.channel,
            "stock": {row["sku"]: row["quantity"] for row in shop.products(site)},
            "faults": {state.fault.name: _fault(state) for state in site.faults.states()},
            "events": position,
            "webhooks": {outcome or "waiting": count for outcome, count in outgoing.items()},
        }
    )


def list_orders(request: HttpRequest) -> HttpResponse:
    site = this_site()
    with site.database.reading() as connection:
        payments = events.news_by_order(connection, events.PAYMENT_CHANGED)
        returns = events.news_by_order(connection, events.RETURN_REQUESTED)
    found = shop.orders(site, limit=1_000_000)
    return _json(
        {
            "orders": [
                {
                    "external_id": order.external_id,
                    "revision": order.revision,
                    "state": order.state,
                    "is_cancelled": order.is_cancelled,
                    "is_paid": order.is_paid,
                    "total": order.total,
                    "shipments": [row["number"] for row in order.shipments],
                    "payments": [each["event_id"] for each in payments.get(order.external_id, [])],
                    "returns": [each["external_id"] for each in returns.get(order.external_id, [])],
                }
                for order in reversed(found)
            ]
        }
    )


def list_calls(request: HttpRequest) -> HttpResponse:
    return _json(
        {
            "calls": [
                {"name": call.name, "path": call.path, "status": call.status, "fault": call.fault}
                for call in list(this_site().calls)
            ]
        }
    )


def switch_fault(request: HttpRequest, name: str) -> HttpResponse:
    """``{"on": true, "parameters": {…}}``"""
    body = body_of(request)
    if type(body.get("on")) is not bool or not isinstance(body.get("parameters", {}), dict):
        raise BadRequest("on: true or false; parameters: an object.")
    state = this_site().faults.switch(name, on=body["on"], parameters=body.get("parameters"))
    this_site().has_news.set()
    return _json(_fault(state))


def all_faults_off(request: HttpRequest) -> HttpResponse:
    this_site().faults.all_off()
    this_site().has_news.set()
    return _json({})


def set_stock(request: HttpRequest, sku: str) -> HttpResponse:
    """``{"quantity": 7}``: as if somebody typed it on the site."""
    quantity = body_of(request).get("quantity")
    if type(quantity) is not int:
        raise BadRequest("quantity: a whole number is needed.")
    shop.set_by_hand(this_site(), sku=sku, quantity=quantity, at=now())
    return _json({"sku": sku, "quantity": quantity})


def load_products(request: HttpRequest) -> HttpResponse:
    """``{"products": […]}``: what the shop offers from now on."""
    products = body_of(request).get("products")
    problem = product_problem(products)
    if problem or not isinstance(products, list):
        raise BadRequest(problem)
    shop.load_products(this_site(), products)
    return _json({"count": len(products)})


def product_problem(products: Any) -> str:
    """What is wrong with a list of products; empty when nothing is."""
    if not isinstance(products, list):
        return "products: a list is needed."
    numbers = {"price", "tax_rate"}
    for place, product in enumerate(products):
        for name in shop.PRODUCT_FIELDS:
            wanted = int if name in numbers else str
            if not isinstance(product, dict) or type(product.get(name)) is not wanted:
                return f"products/{place}/{name}: {'a whole number' if wanted is int else 'a text'} is needed."
    return ""


def _fault(state: FaultState) -> dict[str, Any]:
    is_on = this_site().faults.is_on(state.fault.name)
    return {"is_on": is_on, "parameters": state.parameters, "asked": state.asked, "hit": state.hit}


def _json(content: dict[str, Any]) -> JsonResponse:
    return JsonResponse(content, json_dumps_params={"ensure_ascii": False})


def read_products(text: str) -> list[dict[str, Any]]:
    """Raises ValueError for what is no list of products."""
    found = json.loads(text)
    if problem := product_problem(found):
        raise ValueError(problem)
    products: list[dict[str, Any]] = found
    return products
