"""A shop to talk to in tests: Shopify's official schema executed over a small state, behind a real socket on the loopback.

Every document is validated against the schema before anything runs: an unknown field, a missing argument or a wrong type is refused as Shopify
would. What the schema only says in prose is modelled: @idempotent is demanded, a key with other content is refused, compare-and-set, batches that
are refused as a whole, the cost budget, 429 and time-outs. It is no Shopify; what it does not model, it refuses.
"""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from graphql import (
    GraphQLSchema,
    build_client_schema,
    execute_sync,
    get_directive_values,
    get_named_type,
    parse,
    validate,
)

INTROSPECTION = Path(__file__).parent / "data" / "shopify_admin_2026-10.json.gz"
LOCATION = "gid://shopify/Location/1"
TOKEN = "shpat_test"


@cache
def official_schema() -> GraphQLSchema:
    with gzip.open(INTROSPECTION) as file:
        # The published schema itself fails the strict validation of the specification.
        return build_client_schema(json.load(file)["data"], assume_valid=True)


class Shop:
    """``levels``: inventory item → available; ``orders``: number → the order as the schema shapes it."""

    def __init__(self) -> None:
        self.levels: dict[str, int] = {}
        self.skus: dict[str, str] = {}
        self.orders: dict[str, dict[str, Any]] = {}
        self.subscriptions: list[dict[str, str]] = []
        self.known_keys: dict[str, str] = {}
        self.requests: list[dict[str, Any]] = []
        self.faults: list[str] = []
        self.fulfilled: list[dict[str, Any]] = []

    def item(self, sku: str, available: int) -> str:
        gid = f"gid://shopify/InventoryItem/{len(self.levels) + 1}"
        self.levels[gid], self.skus[gid] = available, sku
        return gid

    # --- the fields of Query and Mutation that are modelled -------------------------------------------------------------

    def location(self, id: str) -> dict[str, Any] | None:  # noqa: A002 - the schema's name
        return {"levels": True} if id == LOCATION else None

    def inventory_levels(self, first: int, after: str | None) -> dict[str, Any]:
        gids = sorted(self.levels, key=lambda gid: int(gid.rpartition("/")[2]))
        begin = int(after or 0)
        nodes = [
            {
                "item": {"id": gid, "sku": self.skus[gid]},
                "quantities": [{"name": "available", "quantity": self.levels[gid]}],
            }
            for gid in gids[begin : begin + first]
        ]
        end = begin + len(nodes)
        return {"nodes": nodes, "pageInfo": {"hasNextPage": end < len(gids), "endCursor": str(end)}}

    def search_orders(self, first: int, after: str | None, query: str) -> dict[str, Any]:
        since = query.removeprefix("updated_at:>=").strip("'")
        found = sorted(self.orders.values(), key=lambda one: one["updatedAt"])
        found = [one for one in found if not since or one["updatedAt"] >= since]
        begin = int(after or 0)
        nodes = found[begin : begin + first]
        end = begin + len(nodes)
        return {"nodes": nodes, "pageInfo": {"hasNextPage": end < len(found), "endCursor": str(end)}}

    def set_quantities(self, content: dict[str, Any], key: str) -> dict[str, Any]:
        said = json.dumps(content, sort_keys=True)
        if key in self.known_keys:
            if self.known_keys[key] != said:
                return _refused("IDEMPOTENCY_KEY_PARAMETER_MISMATCH", [], "other content under this key")
            return {"inventoryAdjustmentGroup": {"id": "gid://shopify/InventoryAdjustmentGroup/1"}, "userErrors": []}
        errors = [error for place, one in enumerate(content["quantities"]) for error in self._faults_of(place, one)]
        if errors:
            return {"inventoryAdjustmentGroup": None, "userErrors": errors}
        for one in content["quantities"]:
            self.levels[one["inventoryItemId"]] = one["quantity"]
        self.known_keys[key] = said
        return {"inventoryAdjustmentGroup": {"id": "gid://shopify/InventoryAdjustmentGroup/1"}, "userErrors": []}

    def _faults_of(self, place: int, one: dict[str, Any]) -> Iterator[dict[str, Any]]:
        field = ["input", "quantities", str(place)]
        if "changeFromQuantity" not in one:
            raise ValueError("changeFromQuantity must be said, null opts out")
        if one["inventoryItemId"] not in self.levels:
            yield {"code": "INVALID_INVENTORY_ITEM", "field": [*field, "inventoryItemId"], "message": "no such item"}
        elif one["changeFromQuantity"] not in (None, self.levels[one["inventoryItemId"]]):
            message = f"it is {self.levels[one['inventoryItemId']]}"
            yield {"code": "CHANGE_FROM_QUANTITY_STALE", "field": [*field, "changeFromQuantity"], "message": message}

    def create_fulfillment(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.fulfilled.append(asked)
        done = []
        for part in asked["lineItemsByFulfillmentOrder"]:
            order, task = self._task(part["fulfillmentOrderId"])
            lines = {line["id"]: line for line in task["lineItems"]["nodes"]}
            for one in part["fulfillmentOrderLineItems"]:
                line = lines[one["id"]]
                if one["quantity"] > line["remainingQuantity"]:
                    return {"fulfillment": None, "userErrors": [{"field": None, "message": "not that many left"}]}
                line["remainingQuantity"] -= one["quantity"]
                done.append({"quantity": one["quantity"], "lineItem": line["lineItem"]})
            if not any(line["remainingQuantity"] for line in lines.values()):
                task["status"] = "CLOSED"
            order["fulfillments"].append(
                {
                    "id": f"gid://shopify/Fulfillment/{len(self.fulfilled)}",
                    "status": "SUCCESS",
                    "trackingInfo": [_tracking(asked.get("trackingInfo", {}))],
                    "fulfillmentLineItems": {"nodes": done},
                }
            )
        return {"fulfillment": {"id": f"gid://shopify/Fulfillment/{len(self.fulfilled)}"}, "userErrors": []}

    def update_tracking(self, gid: str, asked: dict[str, Any]) -> dict[str, Any]:
        for order in self.orders.values():
            for item in order["fulfillments"]:
                if item.get("id") == gid:
                    item["trackingInfo"] = [_tracking(asked)]
                    return {"fulfillment": {"id": gid}, "userErrors": []}
        return {"fulfillment": None, "userErrors": [{"field": ["fulfillmentId"], "message": "no such fulfilment"}]}

    def _task(self, gid: str) -> tuple[dict[str, Any], dict[str, Any]]:
        for order in self.orders.values():
            for task in order["fulfillmentOrders"]["nodes"]:
                if task["id"] == gid:
                    return order, task
        raise ValueError(f"no fulfilment order {gid}")

    # --- the wire -------------------------------------------------------------------------------------------------------

    def answer(self, sent: dict[str, Any]) -> tuple[int, dict[str, str], Any]:
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "429":
            return 429, {"Retry-After": "2.5"}, {"errors": "Exceeded"}
        if fault == "503":
            return 503, {}, {"errors": "unavailable"}
        if fault == "throttle":
            budget = {"maximumAvailable": 2000, "currentlyAvailable": 10, "restoreRate": 100}
            cost = {"requestedQueryCost": 110, "throttleStatus": budget}
            error = {"message": "Throttled", "extensions": {"code": "THROTTLED"}}
            return 200, {}, {"errors": [error], "extensions": {"cost": cost}}
        self.requests.append(sent)
        body = self._execute(sent["query"], sent["variables"])
        return (504, {}, {"errors": "too late"}) if fault == "after" else (200, {}, body)

    def _execute(self, text: str, variables: dict[str, Any]) -> dict[str, Any]:
        document = parse(text)
        if problems := validate(official_schema(), document):
            raise AssertionError("\n".join(problem.message for problem in problems))
        result = execute_sync(
            official_schema(),
            document,
            root_value=self,
            variable_values=variables,
            field_resolver=_resolve,
            type_resolver=lambda value, _info, _type: value["__typename"],
        )
        body: dict[str, Any] = {"data": result.data}
        if result.errors:
            raise AssertionError("\n".join(str(error) for error in result.errors))
        return body


def _key_of(info: Any) -> str:
    """What @idempotent says on this field; without it Shopify refuses the call."""
    directive = official_schema().get_directive("idempotent")
    assert directive is not None
    values = get_directive_values(directive, info.field_nodes[0], info.variable_values)
    if not values or not values["key"]:
        raise ValueError("@idempotent is required")
    return str(values["key"])


def _resolve(source: Any, info: Any, **arguments: Any) -> Any:
    name = info.field_name
    if isinstance(source, Shop):
        return _resolve_root(source, name, info, arguments)
    if name == "inventoryLevel":
        return {"quantities": [{"name": "available", "quantity": info.root_value.levels[source["id"]]}]}
    if name == "inventoryLevels":
        return info.root_value.inventory_levels(arguments["first"], arguments.get("after"))
    if name not in source:
        kind = get_named_type(info.return_type)
        raise NotImplementedError(f"NOT_MODELLED: {info.parent_type}.{name} ({kind})")
    return source[name]


def _resolve_root(shop: Shop, name: str, info: Any, arguments: dict[str, Any]) -> Any:
    if name == "location":
        return shop.location(arguments["id"])
    if name == "nodes":
        return [{"__typename": "InventoryItem", "id": gid} if gid in shop.levels else None for gid in arguments["ids"]]
    if name == "orders":
        return shop.search_orders(arguments["first"], arguments.get("after"), arguments["query"])
    if name == "order":
        return shop.orders.get(arguments["id"].rpartition("/")[2])
    if name == "webhookSubscriptions":
        wanted = [one for one in shop.subscriptions if one["uri"] == arguments["uri"]]
        return {"nodes": [one for one in wanted if one["topic"] in arguments["topics"]]}
    if name == "inventorySetQuantities":
        return shop.set_quantities(arguments["input"], _key_of(info))
    if name == "fulfillmentCreate":
        return shop.create_fulfillment(arguments["fulfillment"])
    if name == "fulfillmentTrackingInfoUpdate":
        assert arguments["notifyCustomer"] is False
        return shop.update_tracking(arguments["fulfillmentId"], arguments["trackingInfoInput"])
    raise NotImplementedError(f"NOT_MODELLED: {name}")


def _tracking(asked: dict[str, Any]) -> dict[str, Any]:
    return {"number": asked.get("number"), "company": asked.get("company")}


def _refused(code: str, field: list[str], message: str) -> dict[str, Any]:
    return {"inventoryAdjustmentGroup": None, "userErrors": [{"code": code, "field": field, "message": message}]}


@contextmanager
def serving(shop: Shop) -> Iterator[str]:
    """The shop's address while it is open."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/admin/api/2026-10/graphql.json", self.path
            assert self.headers["X-Shopify-Access-Token"] == TOKEN
            sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, headers, body = shop.answer(sent)
            text = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(text))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
