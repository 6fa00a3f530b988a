"""What the gateway asks of a platform: translate, call, translate back. A platform module knows one foreign contract and no business rule.

Facts that shape it: a webhook is a hint, polling with an overlapping cursor is the guarantee; quantities are absolute, with compare-and-set
where the platform has one; a batch may succeed for some items and fail for others; own pushes come back as webhooks.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol


class PlatformError(Exception):
    """A call failed. ``is_retryable``: a time-out, 429 or 5xx, where the work may or may not have been done; otherwise it will fail again.

    ``retry_after_s`` is how long the platform wants no call at all (a 429 always has one), ``is_unreachable`` says that nothing answered (this
    counts for the circuit breaker), ``is_unauthorised`` that it refuses our credentials (this pauses the site at once).
    """

    def __init__(
        self,
        detail: str,
        *,
        is_retryable: bool = True,
        is_unreachable: bool = False,
        is_unauthorised: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        # Words of the site are in it, and it is kept in tables: whatever they are, they must not be what keeps the failure from being noted.
        super().__init__(detail.encode("utf-8", "replace").decode().replace("\x00", "\ufffd"))
        self.is_retryable = is_retryable
        self.is_unreachable = is_unreachable
        self.is_unauthorised = is_unauthorised
        self.retry_after_s = retry_after_s


class BadSignature(Exception):
    """A webhook that the site did not sign. Nothing of it is believed; it is answered with 401 and not stored."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the platform allows: items per push or read, requests per second on average and at once."""

    batch_size: int
    requests_per_s: float
    burst: int
    timeout_s: float = 10.0


class NewsKind(StrEnum):
    ORDER = "ORDER"
    CANCEL = "CANCEL"
    PAYMENT = "PAYMENT"
    RETURN = "RETURN"
    STOCK_ECHO = "STOCK_ECHO"
    HINT = "HINT"


@dataclass(frozen=True, slots=True)
class News:
    """One thing that happened on the site, in our words.

    ``document`` is, by kind: the body of ``POST /orders`` (ORDER), of ``…/cancel``, ``…/payment-events``, ``…/returns``; for STOCK_ECHO
    ``{"external_code", "quantity"}``; a HINT says only that the site should be polled now. ``event_id`` is unique per site: the same
    id again is the same news. ``changed_at`` orders news of one order: what is older than what is known changes nothing.
    """

    kind: NewsKind
    event_id: str
    external_id: str = ""
    changed_at: dt.datetime | None = None
    document: Mapping[str, Any] = field(default_factory=dict)
    raw: Any = None


@dataclass(frozen=True, slots=True)
class OrderPage:
    """News of orders changed since a cursor, oldest change first. ``cursor`` continues behind them; ``is_last``: nothing follows now."""

    news: tuple[News, ...]
    cursor: str
    is_last: bool


@dataclass(frozen=True, slots=True)
class QuantityPush:
    """What the site shall show of one listing, absolute. ``expected`` is the figure it showed last as far as we know (None: unknown).

    ``version`` rises with our knowledge: a site that keeps it ignores a lower one. ``idempotency_key`` stays the same while the same
    content is repeated. ``orders_seen`` is the POLL cursor: the last order of the site that this figure already contains.
    """

    external_code: str
    external_ref: Mapping[str, Any]
    quantity: int
    expected: int | None
    version: int
    idempotency_key: str
    orders_seen: str = ""


class PushOutcome(StrEnum):
    DONE = "DONE"
    STALE = (
        "STALE"  # the site shows something else than expected, or has an order we have not seen: poll, then push again
    )
    UNKNOWN_ITEM = "UNKNOWN_ITEM"  # the site does not know this code: a task, not a retry
    FAILED = "FAILED"  # this item failed, others did not; retry it


@dataclass(frozen=True, slots=True)
class PushResult:
    external_code: str
    outcome: PushOutcome
    shown: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ShownQuantity:
    """What the site itself says it shows."""

    external_code: str
    quantity: int
    external_ref: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UnreadableQuantity:
    """An entry of what the site shows that nobody here can read. ``external_code`` as far as it says one, ``problem`` for people."""

    external_code: str
    problem: str
    raw: Any


@dataclass(frozen=True, slots=True)
class ShipmentPush:
    """One parcel that left, for the site to tell its customer. ``lines``: the order's line id → units.

    ``told_before``: the tracking number under which the site was told of this parcel before, maybe empty; None if it never was.
    """

    number: str
    order_external_id: str
    carrier: str
    tracking_number: str
    shipped_at: dt.datetime
    lines: Mapping[str, int]
    idempotency_key: str
    told_before: str | None = None


@dataclass(frozen=True, slots=True)
class OrderSummary:
    """What the site says of one order, for reconciliation."""

    external_id: str
    changed_at: dt.datetime
    is_cancelled: bool
    total: Decimal | None


@dataclass(frozen=True, slots=True)
class UnreadableOrder:
    """An entry of the site's own list that nobody here can read. ``external_id`` as far as it says one, ``problem`` for people."""

    external_id: str
    problem: str
    raw: Any


class Platform(Protocol):
    """One connection to one site. Made by the registry from the site's row and credentials; holds no state between calls.

    Every call may raise PlatformError. Nothing here touches the database.
    """

    limits: Limits

    def verify_webhook(self, *, headers: Mapping[str, str], body: bytes, at: dt.datetime) -> None:
        """Raises BadSignature unless the site signed ``body``. ``headers`` has lower-case names."""

    def read_webhook(self, *, headers: Mapping[str, str], body: bytes) -> list[News]:
        """What a verified webhook says. Raises InvalidInput for what no platform of this kind sends."""

    def fetch_orders(self, *, cursor: str, overlap: dt.timedelta) -> OrderPage:
        """Orders changed since ``cursor`` less ``overlap`` (repeats are harmless); an empty cursor means from the beginning."""

    def fetch_order(self, *, external_id: str) -> list[News]:
        """Everything about one order as it is now; empty when the site does not know it."""

    def push_quantities(self, pushes: Sequence[QuantityPush]) -> list[PushResult]:
        """At most ``limits.batch_size`` items, one result each, in their order."""

    def read_quantities(self) -> Iterator[ShownQuantity | UnreadableQuantity]:
        """Every quantity the site shows, page by page. An entry that cannot be read stands in nobody's way."""

    def list_orders(self, *, since: dt.datetime) -> Iterator[OrderSummary | UnreadableOrder]:
        """Every order of the site changed since then. An entry that cannot be read stands in nobody's way."""

    def push_shipment(self, shipment: ShipmentPush) -> None:
        """Safe to repeat: a shipment the site knows is left as it is."""

    def are_webhooks_on(self) -> bool | None:
        """Whether the site still sends us webhooks; None where it cannot be asked."""
