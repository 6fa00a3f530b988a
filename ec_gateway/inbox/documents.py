"""What news carry, as the domain takes it: the bodies of the REST contract, in the words that platforms use for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ec_gateway.order_news_document import read_cancellation, read_payment_event, read_return
from erp.core import messages
from erp.orders.services import OrderInput, PaymentNews

__all__ = ["content_of", "read_cancel", "read_payment", "read_return"]


def read_cancel(document: Mapping[str, Any]) -> str:
    """The reason of a cancellation. Raises InvalidInput."""
    return read_cancellation(_without_order(document))[0]


def read_payment(document: Mapping[str, Any], *, event_id: str, currency: str) -> PaymentNews:
    """News about a payment; without an id of its own it has the event's. Raises InvalidInput with every fault of the form."""
    body = _without_order(document)
    if "line_no" in body:
        body["payment"] = body.pop("line_no")
    return read_payment_event({"event_id": event_id[:100], **body}, currency=currency)


def content_of(order: OrderInput) -> str:
    """The hash of what an order says, whatever its revision, key order or spelling of numbers."""
    return messages.fingerprint(messages.Encoded(replace(order, revision=1).canonical()))


def _without_order(document: Mapping[str, Any]) -> dict[str, Any]:
    """The order stands in the address of the REST call, and in the body of a webhook."""
    return {name: value for name, value in document.items() if name != "external_id"}
