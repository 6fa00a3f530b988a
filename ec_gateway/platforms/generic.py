"""The generic platform: what ``docs/generic-platform.md`` says, from our side. Webhooks follow Standard Webhooks."""

from __future__ import annotations

import binascii
import datetime as dt
import hashlib
import hmac
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, TypeGuard
from urllib.parse import quote

from django.utils.translation import gettext as _
from standardwebhooks import Webhook

from ec_gateway.json_reader import text_problems
from ec_gateway.platforms.http import HttpClient
from ec_gateway.platforms.interface import (
    BadSignature,
    Limits,
    News,
    NewsKind,
    OrderPage,
    OrderSummary,
    PlatformError,
    PushOutcome,
    PushResult,
    QuantityPush,
    ShipmentPush,
    ShownQuantity,
    UnreadableOrder,
    UnreadableQuantity,
)
from ec_gateway.platforms.setup import SetupReader
from ec_gateway.platforms.unreadable import figures_of, read_each, summaries_of
from erp.core.clock import NotAMoment, moment_of
from erp.core.errors import InvalidInput, Problem

BATCH = 100
ORDERS_PER_PAGE = 200
# How many changes are read again where an overlap is asked for; less than a page, so that reading always comes forward.
CHANGES_AGAIN = 50
STOCK_PER_PAGE = 1000
# No shop shows more pieces of one SKU, and no column holds more.
LARGEST_FIGURE = 1_000_000_000
LAST_CURSOR = 2**63 - 1
# A call must end within the lease of whoever makes it, after the longest wait for the budget.
LONGEST_TIMEOUT_S = 12.0
OLDEST_WEBHOOK = dt.timedelta(minutes=5)

_SIGNING_SECRET = re.compile(r"(whsec_)?[A-Za-z0-9+/]+=*")
_OUTCOMES = {
    "done": PushOutcome.DONE,
    "stale": PushOutcome.STALE,
    "unknown_item": PushOutcome.UNKNOWN_ITEM,
    "failed": PushOutcome.FAILED,
}
_KINDS = {
    "order.changed": NewsKind.ORDER,
    "order.cancelled": NewsKind.CANCEL,
    "payment.changed": NewsKind.PAYMENT,
    "return.requested": NewsKind.RETURN,
    "stock.changed": NewsKind.STOCK_ECHO,
}


class GenericPlatform:
    """One site on the generic platform.

    Settings: ``batch_size`` (≤ 100), ``requests_per_s``, ``burst``, ``timeout_s``. Credentials: ``token`` and ``webhook_secret``; while the
    secret is being changed, the one before as ``webhook_secret_before``.
    """

    secrets = frozenset({"token", "webhook_secret", "webhook_secret_before"})

    def __init__(self, *, base_url: str, settings: Any, credentials: Mapping[str, str]) -> None:
        setup = SetupReader(settings, credentials)
        self.limits = Limits(
            batch_size=setup.whole("batch_size", default=BATCH, least=1, most=BATCH),
            requests_per_s=setup.number("requests_per_s", default=20.0, least=0.01, most=1_000),
            burst=setup.whole("burst", default=40, least=1, most=10_000),
            timeout_s=setup.number("timeout_s", default=10.0, least=0.1, most=LONGEST_TIMEOUT_S),
        )
        signing = [_signing(setup, name) for name in ("webhook_secret", "webhook_secret_before")]
        token = setup.secret("token")
        setup.close()
        self._webhooks = [webhook for webhook in signing if webhook is not None]
        headers = {"Authorization": f"Bearer {token}"}
        self._http = HttpClient(base_url, headers=headers, timeout_s=self.limits.timeout_s)

    def verify_webhook(self, *, headers: Mapping[str, str], body: bytes, at: dt.datetime) -> None:
        try:
            event_id, signed = headers["webhook-id"], headers["webhook-signature"]
            moment = dt.datetime.fromtimestamp(int(headers["webhook-timestamp"]), tz=dt.UTC)
            text = body.decode()
        except (KeyError, ValueError, OverflowError, OSError) as error:
            raise BadSignature(_("The webhook is not signed.")) from error
        if abs(moment - at) > OLDEST_WEBHOOK:
            raise BadSignature(_("The webhook was signed too long ago, or in the future."))
        given = [part.removeprefix("v1,") for part in signed.split(" ") if part.startswith("v1,")]
        for webhook in self._webhooks:
            expected = _decoded(webhook.sign(event_id, moment, text).removeprefix("v1,"))
            if any(hmac.compare_digest(expected, _decoded(signature)) for signature in given):
                return
        raise BadSignature(_("The signature of the webhook is wrong."))

    def read_webhook(self, *, headers: Mapping[str, str], body: bytes) -> list[News]:
        try:
            event = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise InvalidInput([Problem("", "not_json", _("The body is no JSON."))]) from error
        if not isinstance(event, dict):
            raise InvalidInput([Problem("", "not_an_object", _("A JSON object is needed."))])
        return [_news({**event, "id": headers.get("webhook-id", "")})]

    def fetch_orders(self, *, cursor: str, overlap: dt.timedelta) -> OrderPage:
        since = int(cursor) if cursor.isdecimal() else 0
        after = max(since - CHANGES_AGAIN, 0) if overlap else since
        page = self._get("/mamori/orders", {"after": after, "limit": ORDERS_PER_PAGE})
        try:
            reached = max(_whole(page["cursor"], most=LAST_CURSOR), since)
            return OrderPage(tuple(_polled(page["orders"])), str(reached), bool(page["is_last"]))
        except (KeyError, TypeError, ValueError) as error:
            raise _not_as_agreed("GET /mamori/orders", error) from error

    def fetch_order(self, *, external_id: str) -> list[News]:
        answer = self._http.send("GET", f"/mamori/orders/{quote(external_id, safe='')}", accept=(404,))
        if answer.status == 404:
            return []
        try:
            return _polled(answer.json()["events"])
        except (KeyError, TypeError) as error:
            raise _not_as_agreed("GET /mamori/orders/…", error) from error

    def push_quantities(self, pushes: Sequence[QuantityPush]) -> list[PushResult]:
        assert len(pushes) <= self.limits.batch_size, "a batch is at most as long as the limits say"
        items = [
            {
                "sku": push.external_code,
                "quantity": push.quantity,
                "expected": push.expected,
                "version": push.version,
                "orders_seen": int(push.orders_seen) if push.orders_seen.isdecimal() else None,
            }
            for push in pushes
        ]
        key = {"Idempotency-Key": _key_of([push.idempotency_key for push in pushes])}
        answer = self._http.send("PUT", "/mamori/stock", body={"items": items}, headers=key).json()
        told = answer.get("items") if isinstance(answer, dict) else None
        items_told = [item for item in told if isinstance(item, dict)] if isinstance(told, list) else []
        of_item = {item["sku"]: item for item in items_told if isinstance(item.get("sku"), str)}
        return [_result(push.external_code, of_item.get(push.external_code)) for push in pushes]

    def read_quantities(self) -> Iterator[ShownQuantity | UnreadableQuantity]:
        for page in self._pages("/mamori/stock", {"limit": STOCK_PER_PAGE}, "items"):
            yield from figures_of(page, _figure, name=lambda item: item["sku"])

    def list_orders(self, *, since: dt.datetime) -> Iterator[OrderSummary | UnreadableOrder]:
        for page in self._pages("/mamori/order-list", {"since": since.isoformat()}, "orders"):
            yield from summaries_of(page, _summary, name=lambda item: item["external_id"])

    def push_shipment(self, shipment: ShipmentPush) -> None:
        body = {
            "number": shipment.number,
            "order_external_id": shipment.order_external_id,
            "carrier": shipment.carrier,
            "tracking_number": shipment.tracking_number,
            "shipped_at": shipment.shipped_at.isoformat(),
            "lines": dict(shipment.lines),
        }
        headers = {"Idempotency-Key": shipment.idempotency_key}
        self._http.send("POST", "/mamori/shipments", body=body, headers=headers)

    def are_webhooks_on(self) -> bool | None:
        answer = self._http.send("GET", "/mamori/webhooks", accept=(404,))
        told = None if answer.status == 404 else answer.json()
        return bool(told["is_on"]) if isinstance(told, dict) and "is_on" in told else None

    def _get(self, path: str, params: Mapping[str, str | int]) -> dict[str, Any]:
        found = self._http.send("GET", path, params=params).json()
        if not isinstance(found, dict):
            raise _not_as_agreed(f"GET {path}", TypeError("no object"))
        return found

    def _pages(self, path: str, params: Mapping[str, str | int], name: str) -> Iterator[list[Any]]:
        """The lists under ``name``, page by page."""
        after: str | None = None
        seen: set[str] = set()
        while True:
            page = self._get(path, params if after is None else {**params, "after": after})
            try:
                found = page[name]
                if not isinstance(found, list):
                    raise TypeError(f"{name} is no list")
                after = None if page["next"] is None else str(page["next"])
            except (KeyError, TypeError) as error:
                raise _not_as_agreed(f"GET {path}", error) from error
            yield found
            if after is None:
                return
            if after in seen:
                told = _("%(call)s: the pages go round in a circle") % {"call": f"GET {path}"}
                raise PlatformError(told, is_retryable=False)
            seen.add(after)


def _signing(setup: SetupReader, name: str) -> Webhook | None:
    """The secret of webhooks: ``whsec_`` and base64."""
    secret = setup.secret(name)
    if not secret:
        return None
    key = _decoded(secret.removeprefix("whsec_").rstrip("=") + "==")
    if not key or not _SIGNING_SECRET.fullmatch(secret):
        detail = _("A value such as %(example)s is needed.") % {"example": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
        setup.secret_fault(name, "bad_form", detail)
        return None
    return Webhook(key)


def _result(code: str, told: Mapping[str, Any] | None) -> PushResult:
    """What is not answered ``done`` counts as not done."""
    if told is None:
        return PushResult(code, PushOutcome.FAILED, detail="the site said nothing of this item")
    shown = told.get("shown")
    return PushResult(
        code,
        _OUTCOMES.get(str(told.get("outcome")), PushOutcome.FAILED),
        shown if _is_figure(shown) else None,
        str(told.get("detail") or "")[:500],
    )


def _key_of(keys: Sequence[str]) -> str:
    """The same batch again has the same key, any other batch another one."""
    return keys[0] if len(keys) == 1 else hashlib.sha256(" ".join(keys).encode()).hexdigest()


def _not_as_agreed(call: str, error: Exception) -> PlatformError:
    """An answer that the contract does not know: the same again would be the same."""
    told = _("%(call)s: the answer is not as agreed (%(error)r)") % {"call": call, "error": error}
    return PlatformError(told, is_retryable=False)


def _polled(events: Any) -> list[News]:
    """Events of a page. One that cannot be read must not stop those behind it: it becomes news without a document, for a person to see."""
    if not isinstance(events, list):
        raise TypeError("a list of events is needed")
    return read_each(events, lambda event: [_news(event)], name=_order_named)


def _summary(item: Any) -> OrderSummary:
    """One entry of the site's own list of orders. Raises InvalidInput naming every fault."""
    if not isinstance(item, dict):
        raise InvalidInput([Problem("", "not_an_object", _("A JSON object is needed."))])
    problems = []
    external_id, is_cancelled, changed_at = item.get("external_id"), item.get("is_cancelled"), None
    if not isinstance(external_id, str) or not external_id:
        problems.append(Problem("/external_id", "required", _("This field is required.")))
    try:
        changed_at = moment_of(item.get("changed_at"))
    except NotAMoment as fault:
        problems.append(Problem("/changed_at", fault.code, fault.detail))
    if not isinstance(is_cancelled, bool):
        problems.append(Problem("/is_cancelled", "not_a_boolean", _("true or false is needed.")))
    try:
        total = None if item.get("total") is None else Decimal(str(item["total"]))
    except InvalidOperation:
        total = Decimal("NaN")
    if total is not None and not total.is_finite():
        detail = _('A decimal number in a text is needed, such as "1980".')
        problems.append(Problem("/total", "not_a_decimal", detail))
    if problems or changed_at is None:
        raise InvalidInput(problems)
    return OrderSummary(str(external_id), changed_at, bool(is_cancelled), total)


def _figure(item: Any) -> ShownQuantity:
    """One entry of what the site shows. Raises InvalidInput naming every fault."""
    if not isinstance(item, dict):
        raise InvalidInput([Problem("", "not_an_object", _("A JSON object is needed."))])
    problems, code, quantity = [], item.get("sku"), 0
    if isinstance(code, int) and not isinstance(code, bool):
        code = str(code)  # as some languages write a code of digits only
    if not isinstance(code, str) or not code:
        problems.append(Problem("/sku", "required", _("This field is required.")))
    try:
        quantity = _whole(item.get("quantity"))
    except (TypeError, ValueError, OverflowError):
        problems.append(Problem("/quantity", "not_an_integer", _("A whole number is needed.")))
    if problems:
        raise InvalidInput(problems)
    return ShownQuantity(str(code), quantity)


def _order_named(event: Any) -> str:
    """Which order an event is about, as far as it says one."""
    data = event.get("data") if isinstance(event, dict) else None
    named = data.get("external_id") or data.get("order_external_id") if isinstance(data, dict) else None
    return named if isinstance(named, str) else ""


def _news(event: Any) -> News:
    """Raises InvalidInput. An event of a type that we do not know is a hint: something happened, so ask."""
    if not isinstance(event, dict):
        raise InvalidInput([Problem("", "not_an_object", _("A JSON object is needed."))])
    if too_deep := [problem for problem in text_problems(event) if problem.code == "too_deep"]:
        raise InvalidInput(too_deep)
    data, problems = event.get("data"), []
    event_id = event.get("id")
    if not isinstance(event_id, str) or not 0 < len(event_id) <= 100:
        problems.append(Problem("/id", "required", _("An event needs an id of at most 100 characters.")))
    if not isinstance(data, dict):
        problems.append(Problem("/data", "not_an_object", _("A JSON object is needed.")))
        data = {}
    kind = _KINDS.get(str(event.get("type")), NewsKind.HINT)
    changed_at = None
    try:
        changed_at = moment_of(event.get("timestamp"))
    except NotAMoment as fault:
        problems.append(Problem("/timestamp", fault.code, fault.detail))
    external_id, document = _document(kind, data, problems)
    if problems:
        raise InvalidInput(problems)
    return News(kind, str(event_id), external_id, changed_at, document, raw=event)


def _document(kind: NewsKind, data: dict[str, Any], problems: list[Problem]) -> tuple[str, dict[str, Any]]:
    """The number of the order, and the body of the REST call that says the same."""
    if kind == NewsKind.HINT:
        return "", {}
    if kind == NewsKind.STOCK_ECHO:
        code, quantity = data.get("sku"), data.get("quantity")
        if not isinstance(code, str) or not _is_figure(quantity):
            problems.append(Problem("/data", "invalid", _("A SKU and a whole number are needed.")))
        problems += text_problems({"data": {"sku": code}})
        return "", {"external_code": code, "quantity": quantity}
    name = "order_external_id" if kind == NewsKind.RETURN else "external_id"
    external_id = data.get(name)
    if not isinstance(external_id, str) or not external_id:
        problems.append(Problem(f"/data/{name}", "required", _("This field is required.")))
        external_id = ""
    is_whole = kind == NewsKind.ORDER
    return external_id, {key: value for key, value in data.items() if is_whole or key != name}


def _is_figure(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST_FIGURE


def _whole(value: Any, *, most: int = LARGEST_FIGURE) -> int:
    """Raises TypeError, ValueError for what is no number that could be kept."""
    if isinstance(value, float) and not value.is_integer():
        raise ValueError(f"{value} is no whole number")
    number = int(value)
    if abs(number) > most:
        raise ValueError("a number is too large")
    return number


def _decoded(signature: str) -> bytes:
    try:
        return binascii.a2b_base64(signature)
    except (binascii.Error, ValueError):
        return b""
