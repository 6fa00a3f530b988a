"""News other than orders, as the domain takes them: pure translation of the bodies of ``…/cancel`` and ``…/payment-events``."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ec_gateway.json_reader import JsonReader, text_problems
from ec_gateway.order_document import upper_case
from erp.core import messages
from erp.core.errors import InvalidInput, Problem
from erp.orders.services import OrderInput, PaymentNews

PAYMENT_KINDS = upper_case("authorized", "failed", "paid", "captured", "refunded")
_NO_TIME = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


def read_cancel(document: Mapping[str, Any]) -> str:
    """The reason of a cancellation. Raises InvalidInput."""
    problems: list[Problem] = text_problems(document)
    body = JsonReader(dict(document), "", problems)
    body.text("external_id")
    reason = body.text("reason")
    body.refuse_unknown()
    if problems:
        raise InvalidInput(problems)
    return reason


def read_payment(document: Mapping[str, Any], *, event_id: str) -> PaymentNews:
    """News about a payment; without an id of its own it has the event's. Raises InvalidInput with every fault of the form."""
    problems: list[Problem] = text_problems(document)
    body = JsonReader(dict(document), "", problems)
    body.text("external_id")
    news = PaymentNews(
        event_id=body.text("event_id") or event_id[:100],
        kind=body.choice("kind", PAYMENT_KINDS, default="PAID", required=True),
        occurred_at=body.moment("occurred_at", required=True) or _NO_TIME,
        amount=body.decimal("amount"),
        line_no=body.integer("line_no", default=1),
        reference=body.text("reference"),
    )
    body.refuse_unknown()
    if problems:
        raise InvalidInput(problems)
    return news


def content_of(order: OrderInput) -> str:
    """The hash of what an order says, whatever its revision, key order or spelling of numbers."""
    return messages.fingerprint(messages.Encoded(replace(order, revision=1).canonical()))
