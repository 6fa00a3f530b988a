"""The calls of docs/generic-platform.md that Mamori makes. Each is safe to repeat."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import hmac
import json
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from ec_gateway.sandbox import events
from ec_gateway.sandbox.faults import Parameters
from ec_gateway.sandbox.past import as_event
from ec_gateway.sandbox.site import Site, now

MOST_ITEMS, MOST_ORDERS, MOST_QUANTITIES, LIST_PAGE = 100, 200, 1_000, 100
ANSWERS_KEPT = 20_000
View = Callable[..., HttpResponse]


class BadRequest(Exception):
    """The request will fail again as it is."""

    def __init__(self, detail: str, status: int = 400) -> None:
        super().__init__(detail)
        self.status = status


def this_site() -> Site:
    site: Site = settings.SANDBOX_SITE  # type: ignore[misc] # settings of the site, not of Mamori
    return site


def call_of_mamori(**views: View) -> View:
    """One view per method, behind the bearer token of the site."""

    @csrf_exempt
    def view(request: HttpRequest, **arguments: Any) -> HttpResponse:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), this_site().options.token.encode()):
            return refusal("The token is wrong.", 401)
        if (found := views.get(request.method or "")) is None:
            return refusal("This method is not allowed here.", 405)
        request.META["sandbox.summary"] = _summary_of(request.body)
        try:
            return found(request, **arguments)
        except BadRequest as problem:
            return refusal(str(problem), problem.status)

    return view


def refusal(detail: str, status: int) -> JsonResponse:
    return JsonResponse({"detail": detail}, status=status, json_dumps_params={"ensure_ascii": False})


def body_of(request: HttpRequest) -> dict[str, Any]:
    try:
        body = json.loads(request.body)
    except ValueError:
        raise BadRequest("The body is no JSON.") from None
    if not isinstance(body, dict):
        raise BadRequest("The body is no JSON object.")
    return body


def push_stock(request: HttpRequest) -> HttpResponse:
    """Take the figures of a batch, item by item. The same key with the same content is answered as the first time."""
    site = this_site()
    items = body_of(request).get("items")
    if not isinstance(items, list) or not 1 <= len(items) <= MOST_ITEMS:
        raise BadRequest(f"items: a list of 1 to {MOST_ITEMS} is needed.")
    _check_items(items)
    half, lie = site.faults.decide("half_batch"), site.faults.decide("lying_stock")
    is_told = not site.faults.is_on("stock_silent")
    key = request.headers.get("Idempotency-Key", "")
    fingerprint = hashlib.sha256(request.body).hexdigest()
    taken = len(items) // 2 if half else len(items)
    with site.database.writing() as connection:
        if earlier := _earlier_answer(connection, key):
            if earlier["fingerprint"] != fingerprint:
                raise BadRequest("This Idempotency-Key was used for other content.", 409)
            return _json(json.loads(earlier["body"]), headers={"Idempotent-Replay": "true"})
        results = [_set(connection, item, lie, at=now(), is_told=is_told) for item in items[:taken]]
        results += [_failed(connection, item["sku"]) for item in items[taken:]]
        answer = {"items": results}
        # What ended in an error was not answered, so nothing of it is kept.
        breaks = half is not None and half["then_error"]
        if key and not breaks:
            _keep_answer(connection, key, fingerprint, answer)
    site.has_news.set()
    if breaks:
        return refusal("The batch broke off.", 500)
    return _json(answer)


def _check_items(items: list[Any]) -> None:
    for number, item in enumerate(items):
        if not isinstance(item, dict) or not isinstance(item.get("sku"), str):
            raise BadRequest(f"items/{number}: an object with a sku is needed.")
        if type(item.get("quantity")) is not int or type(item.get("version")) is not int:
            raise BadRequest(f"items/{number}: quantity and version are whole numbers.")
        if item.get("expected") is not None and type(item["expected"]) is not int:
            raise BadRequest(f"items/{number}: expected is a whole number or null.")
        _seen(item.get("orders_seen"), number)
    if len({item["sku"] for item in items}) < len(items):
        raise BadRequest("items: no sku twice.")


def _seen(value: Any, number: int = 0) -> int | None:
    if value is None or value == "":
        return None
    if type(value) is int:
        return value
    if isinstance(value, str) and value.isdecimal():
        return int(value)
    raise BadRequest(f"items/{number}: orders_seen is a cursor of /mamori/orders.")


def _set(
    connection: sqlite3.Connection, item: Mapping[str, Any], lie: Parameters | None, *, at: dt.datetime, is_told: bool
) -> dict[str, Any]:
    """Decide one item, in the order of the contract."""
    row = connection.execute("SELECT * FROM product WHERE sku = ?", [item["sku"]]).fetchone()
    if row is None:
        return _result(item["sku"], "unknown_item", None, "")
    shown, version, seen = row["quantity"], row["version"], _seen(item.get("orders_seen"))
    if version is not None and version == item["version"]:
        return _result(item["sku"], "done", shown, "")
    if version is not None and version > item["version"]:
        return _result(item["sku"], "stale", shown, "a higher version is known")
    if seen is not None and row["last_order"] > seen:
        return _result(item["sku"], "stale", shown, "an order changed after orders_seen")
    if item.get("expected") is not None and item["expected"] != shown:
        return _result(item["sku"], "stale", shown, "another figure is shown")
    if lie is None or lie["how"] != "keeps":
        update = "UPDATE product SET quantity = ?, version = ?, told_at = ? WHERE sku = ?"
        connection.execute(update, [item["quantity"], item["version"], at.isoformat(), item["sku"]])
        if is_told and item["quantity"] != shown:
            events.tell_stock(connection, sku=item["sku"], quantity=item["quantity"], at=at)
    return _result(item["sku"], "done", item["quantity"], "")


def _failed(connection: sqlite3.Connection, sku: str) -> dict[str, Any]:
    row = connection.execute("SELECT quantity FROM product WHERE sku = ?", [sku]).fetchone()
    return _result(sku, "failed", row["quantity"] if row else None, "not processed")


def _result(sku: str, outcome: str, shown: int | None, detail: str) -> dict[str, Any]:
    return {"sku": sku, "outcome": outcome, "shown": shown, "detail": detail}


def _earlier_answer(connection: sqlite3.Connection, key: str) -> sqlite3.Row | None:
    found: sqlite3.Row | None = connection.execute("SELECT * FROM answer WHERE key = ?", [key]).fetchone()
    return found


def _keep_answer(connection: sqlite3.Connection, key: str, fingerprint: str, answer: Mapping[str, Any]) -> None:
    kept = connection.execute("INSERT INTO answer VALUES (?, ?, ?)", [key, fingerprint, json.dumps(answer)])
    connection.execute("DELETE FROM answer WHERE rowid <= ?", [(kept.lastrowid or 0) - ANSWERS_KEPT])


def read_stock(request: HttpRequest) -> HttpResponse:
    site = this_site()
    limit = _number(request, "limit", default=MOST_QUANTITIES, most=MOST_QUANTITIES)
    lie = site.faults.decide("lying_stock")
    with site.database.reading() as connection:
        query = "SELECT sku, quantity FROM product WHERE sku > ? ORDER BY sku LIMIT ?"
        found = connection.execute(query, [request.GET.get("after", ""), limit + 1]).fetchall()
    items = [{"sku": row["sku"], "quantity": row["quantity"]} for row in found[:limit]]
    if lie is not None and lie["how"] == "reports":
        chance = site.faults.chance("lying_stock")
        items = [{**item, "quantity": item["quantity"] + chance.randint(1, 5)} for item in items]
    return _json({"items": items, "next": items[-1]["sku"] if len(found) > limit else None})


def read_orders(request: HttpRequest) -> HttpResponse:
    after = _number(request, "after", default=0)
    limit = _number(request, "limit", default=MOST_ORDERS, most=MOST_ORDERS)
    with this_site().database.reading() as connection:
        found = events.after(connection, position=after, limit=limit + 1)
    page = found[:limit]
    cursor = page[-1]["position"] if page else after
    return _json(
        {"orders": [events.as_sent(row) for row in page], "cursor": str(cursor), "is_last": len(found) <= limit}
    )


def read_order(request: HttpRequest, external_id: str) -> HttpResponse:
    with this_site().database.reading() as connection:
        found = [events.as_sent(row) for row in events.of_order(connection, external_id)]
        if not found:
            kept = connection.execute("SELECT * FROM shop_order WHERE external_id = ?", [external_id]).fetchone()
            found = [] if kept is None else [as_event(kept)]
    if not found:
        raise BadRequest("This order is not known.", 404)
    return _json({"events": found})


def list_orders(request: HttpRequest) -> HttpResponse:
    try:
        since = dt.datetime.fromisoformat(request.GET.get("since", "1970-01-01T00:00:00+00:00"))
        since_utc = since.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise BadRequest("since: a time with offset is needed.") from None
    if since.tzinfo is None:
        raise BadRequest("since: a time with offset is needed.")
    query = (
        "SELECT external_id, changed_at, is_cancelled, total FROM shop_order"
        " WHERE changed_at >= ? AND external_id > ? ORDER BY external_id LIMIT ?"
    )
    values = [since_utc.isoformat(), request.GET.get("after", ""), LIST_PAGE + 1]
    with this_site().database.reading() as connection:
        found = connection.execute(query, values).fetchall()
    page = [
        {
            "external_id": row["external_id"],
            "changed_at": row["changed_at"],
            "is_cancelled": bool(row["is_cancelled"]),
            "total": str(row["total"]),
        }
        for row in found[:LIST_PAGE]
    ]
    return _json({"orders": page, "next": page[-1]["external_id"] if len(found) > LIST_PAGE else None})


def push_shipment(request: HttpRequest) -> HttpResponse:
    """A parcel left. The same number again changes its carrier and tracking number, and nothing else."""
    body = body_of(request)
    texts = ("number", "order_external_id", "carrier", "tracking_number", "shipped_at")
    units = body.get("lines")
    if any(not isinstance(body.get(name), str) for name in texts) or not body["number"]:
        raise BadRequest(f"{', '.join(texts)} are texts.")
    if not isinstance(units, dict) or any(type(count) is not int or count < 1 for count in units.values()):
        raise BadRequest("lines: line id → units.")
    external_id = body["order_external_id"]
    with this_site().database.writing() as connection:
        if connection.execute("SELECT 1 FROM shipment WHERE number = ?", [body["number"]]).fetchone():
            tracked = "UPDATE shipment SET carrier = ?, tracking_number = ? WHERE number = ?"
            connection.execute(tracked, [body["carrier"], body["tracking_number"], body["number"]])
            return _json({"number": body["number"], "is_new": False})
        known = connection.execute("SELECT line_id FROM order_line WHERE external_id = ?", [external_id]).fetchall()
        if not known:
            raise BadRequest("This order is not known.", 404)
        if set(units) - {row["line_id"] for row in known}:
            raise BadRequest("The order has no such line.")
        values = [body["number"], external_id, body["carrier"], body["tracking_number"], body["shipped_at"]]
        connection.execute("INSERT INTO shipment VALUES (?, ?, ?, ?, ?, ?)", [*values, json.dumps(units)])
        for line_id, count in units.items():
            more = "UPDATE order_line SET shipped = shipped + ? WHERE external_id = ? AND line_id = ?"
            connection.execute(more, [count, external_id, line_id])
        changed = "UPDATE shop_order SET changed_at = ? WHERE external_id = ?"
        connection.execute(changed, [now().isoformat(), external_id])
    return _json({"number": body["number"], "is_new": True})


def ask_webhooks(request: HttpRequest) -> HttpResponse:
    return _json({"is_on": not this_site().faults.is_on("webhooks_off")})


def _number(request: HttpRequest, name: str, *, default: int, most: int = 2**62) -> int:
    value = request.GET.get(name) or str(default)
    if not value.isdecimal():
        raise BadRequest(f"{name}: a whole number is needed.")
    return min(int(value), most)


def _json(content: Mapping[str, Any], *, headers: Mapping[str, str] | None = None) -> JsonResponse:
    return JsonResponse(content, headers=headers, json_dumps_params={"ensure_ascii": False})


def _summary_of(body: bytes) -> str:
    """A few words about a request for the list of calls."""
    with contextlib.suppress(ValueError):
        content = json.loads(body)
        if isinstance(content, dict) and isinstance(content.get("items"), list):
            parts = [f"{item.get('sku')}={item.get('quantity')}" for item in content["items"][:5]]
            return ", ".join(parts) + (f" … {len(content['items'])}" if len(content["items"]) > 5 else "")
        if isinstance(content, dict):
            return ", ".join(f"{name}={value}" for name, value in list(content.items())[:4])[:200]
    return ""
