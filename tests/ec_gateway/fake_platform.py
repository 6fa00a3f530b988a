"""A site in memory that fulfils ``ec_gateway.platforms.interface``: it has orders and stock of its own, and can be told to fail."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ec_gateway.models import EcSite
from ec_gateway.platforms.calling import Line
from ec_gateway.platforms.interface import (
    BadSignature,
    Limits,
    News,
    NewsKind,
    OrderPage,
    OrderSummary,
    PlatformError,
    PushResult,
    QuantityPush,
    ShipmentPush,
    ShownQuantity,
    UnreadableOrder,
    UnreadableQuantity,
)
from erp.core.errors import InvalidInput, Problem
from tests.ec_gateway.factories import NOON, ROBOT


@dataclass
class FakePlatform:
    """``changes`` are the news in the order in which they happened; their place is the cursor. ``fails`` are errors that calls raise, in turn."""

    changes: list[News] = field(default_factory=list)
    stock: dict[str, int] = field(default_factory=dict)
    unread: list[UnreadableQuantity] = field(default_factory=list)
    summaries: list[OrderSummary | UnreadableOrder] = field(default_factory=list)
    fails: list[PlatformError] = field(default_factory=list)
    webhooks_on: bool | None = True
    page_size: int = 2
    calls: list[str] = field(default_factory=list)
    limits: Limits = field(default_factory=lambda: Limits(batch_size=100, requests_per_s=100, burst=1_000))

    def _answer(self, call: str) -> None:
        self.calls.append(call)
        if self.fails:
            raise self.fails.pop(0)

    def verify_webhook(self, *, headers: Mapping[str, str], body: bytes, at: dt.datetime) -> None:
        if headers.get("x-signature") != "right":
            raise BadSignature

    def read_webhook(self, *, headers: Mapping[str, str], body: bytes) -> list[News]:
        try:
            sent = json.loads(body)
        except ValueError as error:
            raise InvalidInput([Problem("", "not_json", "JSON is needed.")]) from error
        return [news(**sent)]

    def fetch_orders(self, *, cursor: str, overlap: dt.timedelta) -> OrderPage:
        self._answer(f"fetch_orders {cursor}")
        start = max(int(cursor or 0) - (1 if overlap else 0), 0)
        end = start + self.page_size
        return OrderPage(tuple(self.changes[start:end]), str(min(end, len(self.changes))), end >= len(self.changes))

    def fetch_order(self, *, external_id: str) -> list[News]:
        self._answer(f"fetch_order {external_id}")
        return [item for item in self.changes if item.external_id == external_id][-1:]

    def push_quantities(self, pushes: Sequence[QuantityPush]) -> list[PushResult]:
        raise AssertionError("the inbox pushes nothing")

    def read_quantities(self) -> Iterator[ShownQuantity | UnreadableQuantity]:
        yield from self.unread
        for place, (code, quantity) in enumerate(sorted(self.stock.items())):
            if place % self.page_size == 0:
                self._answer(f"read_quantities {place}")
            yield ShownQuantity(code, quantity)

    def list_orders(self, *, since: dt.datetime) -> Iterator[OrderSummary | UnreadableOrder]:
        self._answer("list_orders")
        yield from (item for item in self.summaries if isinstance(item, UnreadableOrder) or item.changed_at >= since)

    def push_shipment(self, shipment: ShipmentPush) -> None:
        raise AssertionError("the inbox pushes nothing")

    def are_webhooks_on(self) -> bool | None:
        self._answer("are_webhooks_on")
        return self.webhooks_on


def news(
    kind: str, event_id: str, external_id: str = "", changed_at: str | dt.datetime | None = None, document: Any = None
) -> News:
    moment = dt.datetime.fromisoformat(changed_at) if isinstance(changed_at, str) else changed_at
    return News(NewsKind(kind), event_id, external_id, moment, document or {}, raw=document)


def document(external_id: str, *goods: Any, **fields: Any) -> dict[str, Any]:
    """An order as sites send it: one piece of each of ``goods`` for 1,100 yen, paid by card."""
    quantity = fields.pop("quantity", 1)
    total = str(1100 * quantity * len(goods))
    return {
        "external_id": external_id,
        "ordered_at": "2026-11-23T10:00:00+09:00",
        "lines": [
            {"line_id": str(place), "sku": item.code, "quantity": quantity, "unit_price": "1100"}
            for place, item in enumerate(goods, 1)
        ],
        "total": total,
        "payments": [{"method": "card", "amount": total, "status": "authorized"}],
        **fields,
    }


def order_news(
    external_id: str, *goods: Any, event_id: str = "", changed_at: dt.datetime = NOON, **fields: Any
) -> News:
    return news(
        "ORDER", event_id or f"e-{external_id}", external_id, changed_at, document(external_id, *goods, **fields)
    )


def line_to(site: EcSite, platform: FakePlatform, at: dt.datetime = NOON) -> Line:
    return Line(site, platform, clock=lambda: at, by=ROBOT, jitter=lambda: 0.5)


def never_wait(seconds: float) -> None:
    raise AssertionError("nothing waits in this test")
