"""One Shopify shop behind the interface of the gateway.

Settings: ``location_id`` (``gid://shopify/Location/…``, whose "available" is ours to set), ``webhook_uri`` (where its subscriptions must point),
``payment_methods`` (gateway name → method of our contract), ``wish_date_attribute``, ``time_slot_attribute``. Credentials: ``access_token``,
``client_secret``. A listing's ``external_ref`` holds ``inventory_item_id``; its ``external_code`` is the variant's SKU.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

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
from ec_gateway.platforms.shopify import parcels, queries
from ec_gateway.platforms.shopify.client import ShopifyClient
from ec_gateway.platforms.shopify.orders import Wording, news_of
from ec_gateway.platforms.unreadable import figures_of, read_each, summaries_of
from erp.core.clock import NotAMoment, moment_of
from erp.core.errors import InvalidInput, Problem

LOCATION = r"gid://shopify/Location/[0-9]+"
PAGE = 25
LEVELS_PAGE = 250
WATCHED = ["ORDERS_CREATE", "ORDERS_UPDATED", "ORDERS_CANCELLED"]
# A batch is refused as a whole; what is refused by itself is taken out and the rest is tried again.
ATTEMPTS = 3

_STALE = {"CHANGE_FROM_QUANTITY_STALE", "COMPARE_QUANTITY_STALE"}
_UNKNOWN = {"INVALID_INVENTORY_ITEM", "NON_MUTABLE_INVENTORY_ITEM", "INVALID_LOCATION"}


class ShopifyPlatform:
    """Fulfils ``interface.Platform``. Orders are named by Shopify's own number, not by ``#1001``, which a shop may change."""

    limits = Limits(batch_size=100, requests_per_s=2.0, burst=10)

    secrets = frozenset({"access_token", "client_secret"})

    def __init__(self, *, base_url: str, settings: Any, credentials: Mapping[str, str]) -> None:
        setup = SetupReader(settings, credentials)
        self._location = setup.word("location_id", LOCATION, example="gid://shopify/Location/123", required=True)
        self._webhook_uri = setup.word("webhook_uri", r"https?://\S+", example="https://mamori.example/webhooks/EC1")
        self._wording = Wording.of(setup)
        access_token, self._secret = setup.secret("access_token"), setup.secret("client_secret")
        setup.close()
        self._client = ShopifyClient(base_url=base_url, access_token=access_token, timeout_s=self.limits.timeout_s)

    def verify_webhook(self, *, headers: Mapping[str, str], body: bytes, at: dt.datetime) -> None:
        """Base64 of the HMAC-SHA256 of the raw body under the app's client secret."""
        expected = base64.b64encode(hmac.new(self._secret.encode(), body, hashlib.sha256).digest()).decode()
        given = headers.get("x-shopify-hmac-sha256", "")
        if not self._secret or not hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace")):
            raise BadSignature

    def read_webhook(self, *, headers: Mapping[str, str], body: bytes) -> list[News]:
        """Orders are fetched anew, whatever the webhook says of them: it may be late, and it may be the older of two."""
        topic = headers.get("x-shopify-topic", "")
        event_id = headers.get("x-shopify-event-id") or headers.get("x-shopify-webhook-id", "")
        try:
            payload = json.loads(body)
            raw = payload if isinstance(payload, dict) else {}
        except (ValueError, RecursionError) as error:
            raise InvalidInput([Problem("", "not_json", _("A JSON object is needed."))]) from error
        if not topic or not event_id or not raw:
            raise InvalidInput([Problem("", "not_a_webhook", _("This is no webhook of Shopify."))])
        external_id = _order_number(topic, raw)
        triggered = headers.get("x-shopify-triggered-at")
        try:
            changed_at = moment_of(triggered) if triggered else None
        except NotAMoment as fault:
            raise InvalidInput([Problem("/header/x-shopify-triggered-at", fault.code, fault.detail)]) from fault
        return [News(NewsKind.HINT, f"{topic}:{event_id}", external_id, changed_at, raw=raw)] if external_id else []

    def fetch_orders(self, *, cursor: str, overlap: dt.timedelta) -> OrderPage:
        """``cursor`` is the time of the last change seen and, within one search, Shopify's place in it."""
        since, _bar, after = cursor.partition("|")
        begin = since
        if since and not after:
            begin = (dt.datetime.fromisoformat(since) - overlap).isoformat()
        search = {"query": f"updated_at:>='{begin}'" if begin else "", "first": PAGE, "after": after or None}
        found = self._client.ask(queries.FETCH_ORDERS, search)["orders"]
        orders = found["nodes"]
        latest = max([since, *(order["updatedAt"] for order in orders)], key=_place_in_time)
        info = found["pageInfo"]
        news = tuple(read_each(orders, self._read_order, name=_number_in))
        if info["hasNextPage"]:
            # The search stays the same until its last page, so its place stays valid; the latest change travels behind it.
            return OrderPage(news, f"{begin or _BEGINNING}|{info['endCursor']}", False)
        return OrderPage(news, latest, True)

    def fetch_order(self, *, external_id: str) -> list[News]:
        order = self._client.ask(queries.FETCH_ORDER, {"id": f"gid://shopify/Order/{external_id}"})["order"]
        if order is None:
            return []
        return read_each([order], self._read_order, name=_number_in)

    def _read_order(self, order: Mapping[str, Any]) -> list[News]:
        """Raises InvalidInput for an order of which Shopify does not tell everything in one page."""
        if order["lineItems"]["pageInfo"]["hasNextPage"]:
            problem = Problem("/lineItems", "too_many_lines", _("The order has more than 250 lines."))
            raise InvalidInput([problem])
        return news_of(order, self._wording)

    def push_quantities(self, pushes: Sequence[QuantityPush]) -> list[PushResult]:
        results: dict[str, PushResult] = {}
        for _attempt in range(ATTEMPTS):
            open_pushes = [push for push in pushes if push.external_code not in results]
            if not open_pushes:
                break
            errors = self._set_quantities(open_pushes)
            results |= {result.external_code: result for result in _results(open_pushes, errors)}
        rest = _("Not applied: other items of the batch were refused.")
        answered = [
            results.get(push.external_code, PushResult(push.external_code, PushOutcome.FAILED, detail=rest))
            for push in pushes
        ]
        return self._with_what_is_shown(pushes, answered)

    def _with_what_is_shown(self, pushes: Sequence[QuantityPush], results: Sequence[PushResult]) -> list[PushResult]:
        """A stale item is answered without its figure; the next push needs it to compare again."""
        gids = [
            str(push.external_ref.get("inventory_item_id", ""))
            for push, result in zip(pushes, results, strict=True)
            if result.outcome is PushOutcome.STALE
        ]
        if not gids:
            return list(results)
        found = self._client.ask(queries.READ_SOME, {"ids": gids, "location": self._location})["nodes"]
        shown = {
            node["id"]: one["quantity"]
            for node in found
            if node and node["inventoryLevel"]
            for one in node["inventoryLevel"]["quantities"]
        }
        return [
            replace(result, shown=shown.get(str(push.external_ref.get("inventory_item_id", ""))))
            if result.outcome is PushOutcome.STALE
            else result
            for push, result in zip(pushes, results, strict=True)
        ]

    def _set_quantities(self, pushes: Sequence[QuantityPush]) -> list[dict[str, Any]]:
        quantities = [
            {
                "inventoryItemId": str(push.external_ref.get("inventory_item_id", "")),
                "locationId": self._location,
                "quantity": push.quantity,
                "changeFromQuantity": push.expected,
            }
            for push in pushes
        ]
        content = {"name": "available", "reason": "correction", "quantities": quantities}
        # The same pushes in the same order are the same call, however often it is repeated.
        key = hashlib.sha256("\n".join(push.idempotency_key for push in pushes).encode()).hexdigest()
        errors = self._send_quantities(content, key)
        if any(error["code"] == "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED" for error in errors):
            errors = self._send_quantities(content, hashlib.sha256(f"{key} again".encode()).hexdigest())
        return errors

    def _send_quantities(self, content: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
        answer = self._client.ask(queries.SET_QUANTITIES, {"input": content, "key": key})["inventorySetQuantities"]
        errors: list[dict[str, Any]] = answer["userErrors"]
        if any(error["code"] == "IDEMPOTENCY_CONCURRENT_REQUEST" for error in errors):
            raise PlatformError(_("The same call is still under way at Shopify."), retry_after_s=1.0)
        return errors

    def read_quantities(self) -> Iterator[ShownQuantity | UnreadableQuantity]:
        after = None
        while True:
            asked = {"location": self._location, "first": LEVELS_PAGE, "after": after}
            place = self._client.ask(queries.READ_QUANTITIES, asked)["location"]
            if place is None:
                told = _("Shopify knows no location %(id)s.") % {"id": self._location}
                raise PlatformError(told, is_retryable=False)
            levels = place["inventoryLevels"]
            named = [level for level in levels["nodes"] if _is_shown(level)]
            yield from figures_of(named, _figure, name=lambda level: level["item"]["sku"])
            if not levels["pageInfo"]["hasNextPage"]:
                return
            after = levels["pageInfo"]["endCursor"]

    def list_orders(self, *, since: dt.datetime) -> Iterator[OrderSummary | UnreadableOrder]:
        after = None
        while True:
            search = {"query": f"updated_at:>='{since.isoformat()}'", "first": LEVELS_PAGE, "after": after}
            found = self._client.ask(queries.LIST_ORDERS, search)["orders"]
            yield from summaries_of(found["nodes"], _summary, name=_number_in)
            if not found["pageInfo"]["hasNextPage"]:
                return
            after = found["pageInfo"]["endCursor"]

    def push_shipment(self, shipment: ShipmentPush) -> None:
        """Shopify repeats a fulfilment without complaint, so what it has is looked at first, and only brought up to date."""
        gid = f"gid://shopify/Order/{shipment.order_external_id}"
        order = self._client.ask(queries.PARCELS, {"id": gid})["order"]
        if order is None:
            told = _("Shopify knows no order %(id)s.") % {"id": shipment.order_external_id}
            raise PlatformError(told, is_retryable=False)
        tracking = {"company": shipment.carrier, "number": shipment.tracking_number}
        tracking = {name: value for name, value in tracking.items() if value}
        if (known := parcels.known_fulfillment(shipment, order)) is not None:
            if tracking and not parcels.says(known, tracking):
                asked = {"fulfillment": known["id"], "tracking": tracking}
                self._refuse_errors(self._client.ask(queries.UPDATE_TRACKING, asked)["fulfillmentTrackingInfoUpdate"])
            return
        fulfillment = {
            "lineItemsByFulfillmentOrder": parcels.parts(shipment, order),
            "trackingInfo": tracking,
            "notifyCustomer": False,
        }
        self._refuse_errors(
            self._client.ask(queries.CREATE_FULFILLMENT, {"fulfillment": fulfillment})["fulfillmentCreate"]
        )

    @staticmethod
    def _refuse_errors(answer: Mapping[str, Any]) -> None:
        if errors := answer["userErrors"]:
            detail = "; ".join(error["message"] for error in errors)
            raise PlatformError(_("Shopify refused the shipment: %(why)s") % {"why": detail}, is_retryable=False)

    def are_webhooks_on(self) -> bool | None:
        """Shopify deletes a subscription that failed eight times in four hours."""
        if not self._webhook_uri:
            return None
        asked = {"topics": WATCHED, "uri": self._webhook_uri}
        found = self._client.ask(queries.WEBHOOKS, asked)["webhookSubscriptions"]["nodes"]
        return {"ORDERS_CREATE", "ORDERS_UPDATED"} <= {item["topic"] for item in found}


_BEGINNING = "1970-01-01T00:00:00+00:00"


def _place_in_time(text: str) -> dt.datetime:
    """A change whose time cannot be read does not move the cursor: its order is for staff to see."""
    try:
        return moment_of(text)
    except NotAMoment:
        return dt.datetime.fromisoformat(_BEGINNING)


def _number_in(order: Mapping[str, Any]) -> str:
    return str(order.get("legacyResourceId") or "")


def _summary(order: Mapping[str, Any]) -> OrderSummary:
    """Raises InvalidInput."""
    try:
        changed_at = moment_of(order["updatedAt"])
    except NotAMoment as fault:
        raise InvalidInput([Problem("/updatedAt", fault.code, fault.detail)]) from fault
    total = Decimal(str(order["totalPriceSet"]["shopMoney"]["amount"]))
    return OrderSummary(order["legacyResourceId"], changed_at, order["cancelledAt"] is not None, total)


def _is_shown(level: Any) -> bool:
    """Whether a level is a figure of ours to compare: of an item with a SKU that Shopify counts here. What has another shape is, to be told."""
    try:
        return bool(level["item"]["sku"]) and any(one["name"] == "available" for one in level["quantities"])
    except (KeyError, TypeError):
        return True


def _figure(level: Mapping[str, Any]) -> ShownQuantity:
    shown = {one["name"]: one["quantity"] for one in level["quantities"]}
    return ShownQuantity(level["item"]["sku"], int(shown["available"]), {"inventory_item_id": level["item"]["id"]})


def _order_number(topic: str, raw: Mapping[str, Any]) -> str:
    """Which order a webhook is about; empty for what says nothing of orders, such as the echo of our own stock."""
    if topic.startswith("orders/"):
        return str(raw.get("id") or (raw.get("order_edit") or {}).get("order_id") or "")
    if topic.startswith(("fulfillments/", "refunds/", "order_transactions/")):
        return str(raw.get("order_id") or "")
    return ""


def _results(pushes: Sequence[QuantityPush], errors: Sequence[Mapping[str, Any]]) -> list[PushResult]:
    """What is settled by an answer: everything where nothing was refused, else the refused items only."""
    if not errors:
        return [PushResult(push.external_code, PushOutcome.DONE, push.quantity) for push in pushes]
    settled = []
    for error in errors:
        push = _push_of(error, pushes)
        if push is None:
            raise PlatformError(_("Shopify refused: %(why)s") % {"why": error["message"]}, is_retryable=False)
        settled.append(PushResult(push.external_code, _outcome_of(error["code"]), detail=error["message"]))
    return settled


def _push_of(error: Mapping[str, Any], pushes: Sequence[QuantityPush]) -> QuantityPush | None:
    """A refused item is named by its place: ["input", "quantities", "3", "quantity"]."""
    places = [int(step) for step in error["field"] or [] if step.isdecimal()]
    return pushes[places[0]] if places and places[0] < len(pushes) else None


def _outcome_of(code: str | None) -> PushOutcome:
    if code in _STALE:
        return PushOutcome.STALE
    return PushOutcome.UNKNOWN_ITEM if code in _UNKNOWN else PushOutcome.FAILED
