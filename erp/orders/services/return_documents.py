"""Rows of return documents, linked or not: one statement per table, whatever the number of documents. Part of the caller's transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from erp.core import rows
from erp.core.actors import Actor
from erp.core.money import ZERO
from erp.inventory.services import BroughtBack, PutBack, bring_back, lock_ahead, put_back_all
from erp.orders.exceptions import OrderConflict
from erp.orders.models import Return, ReturnLine
from erp.orders.services.sales import moment_of

HEADER_COLUMNS = (
    "id", "number", "kind", "channel_id", "external_id", "fingerprint", "order_id", "customer_record_id", "has_original",
    "return_date", "posted_date", "reason", "currency", "net_amount", "tax_amount", "gross_amount", "cost_amount", "recorded_at", "actor",
)  # fmt: skip
LINE_COLUMNS = (
    "id", "document_id", "shipment_line_id", "fee_id", "sku_id", "description", "condition", "quantity", "tax_code",
    "tax_percent", "net_amount", "tax_amount", "gross_amount", "cost_amount", "is_unsold",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class NewLine:
    """One line to be written, with the pieces that go back to stock for it."""

    id: int
    sku_id: int | None
    description: str
    condition: str
    quantity: int
    tax_code: str
    tax_percent: Decimal
    net: Decimal
    tax: Decimal
    cost: Decimal = ZERO
    shipment_line_id: int | None = None
    fee_id: int | None = None
    back: tuple[PutBack, ...] = ()
    is_unsold: bool = False
    outside: tuple[BroughtBack, ...] = ()


@dataclass(slots=True)
class NewReturn:
    id: int
    number: str
    kind: str
    channel_id: int
    external_id: str
    fingerprint: str
    on: dt.date
    currency: str
    reason: str = ""
    order_id: int | None = None
    customer_record_id: int | None = None
    lines: list[NewLine] = field(default_factory=list)
    # Where the books of that day are closed: the one on which it is posted.
    posted_on: dt.date | None = None

    @property
    def net(self) -> Decimal:
        return sum((line.net for line in self.lines), ZERO)

    @property
    def tax(self) -> Decimal:
        return sum((line.tax for line in self.lines), ZERO)

    @property
    def cost(self) -> Decimal:
        return sum((line.cost for line in self.lines), ZERO)

    @property
    def restocked(self) -> Decimal:
        """The value that went back to stock."""
        return sum((back.value for line in self.lines for back in line.back), ZERO)


def find_replays(channel_id: int, fingerprints: Mapping[str, str]) -> dict[str, Return]:
    """Documents that are there, by external id. Raises OrderConflict for one with other content."""
    known = {
        item.external_id: item
        for item in Return.objects.filter(channel_id=channel_id, external_id__in=list(fingerprints))
    }
    for external_id, existing in known.items():
        # A refused parcel has nothing left to come back, so its repeat cannot carry the same lines: the id alone decides.
        if existing.fingerprint != fingerprints[external_id] and existing.kind != Return.Kind.REFUSED:
            raise OrderConflict(_("Return %(id)s is recorded with other content.") % {"id": external_id})
    return known


def write(documents: Sequence[NewReturn], *, at: dt.datetime, by: Actor) -> None:
    headers: list[tuple[Any, ...]] = [
        (
            item.id, item.number, item.kind, item.channel_id, item.external_id, item.fingerprint, item.order_id,
            item.customer_record_id, item.order_id is not None, item.on, item.posted_on or item.on,
            item.reason[:200], item.currency, item.net, item.tax,
            item.net + item.tax, item.cost, at, str(by),
        )
        for item in documents
    ]  # fmt: skip
    lines: list[tuple[Any, ...]] = [
        (
            line.id, item.id, line.shipment_line_id, line.fee_id, line.sku_id, line.description[:300], line.condition,
            line.quantity, line.tax_code, line.tax_percent, line.net, line.tax, line.net + line.tax, line.cost, line.is_unsold,
        )
        for item in documents
        for line in item.lines
    ]  # fmt: skip
    with rows.pipeline():
        rows.insert(Return, HEADER_COLUMNS, headers)
        rows.insert(ReturnLine, LINE_COLUMNS, lines)


def restock(documents: Sequence[NewReturn], *, channel_id: int, at: dt.datetime, by: Actor) -> None:
    """The pieces of each document arrive on its day, on which their value is posted. What several calls touch is locked before the first."""
    back = [piece for item in documents for line in item.lines for piece in line.back]
    outside = [piece for item in documents for line in item.lines for piece in line.outside]
    by_day: dict[dt.date, list[NewReturn]] = {}
    for item in documents:
        by_day.setdefault(item.on, []).append(item)
    if len(by_day) > 1 or (back and outside):
        lock_ahead(
            leaving=[(piece.sku_id, piece.from_location_id) for piece in outside],
            arriving=[
                *((piece.sku_id, piece.location_id) for piece in back),
                *((piece.sku_id, piece.to_location_id) for piece in outside),
            ],
            at=at,
        )
    for day, of_day in sorted(by_day.items()):
        _restock(of_day, channel_id=channel_id, occurred_at=moment_of(day, at), at=at, by=by)


def _restock(
    documents: Sequence[NewReturn], *, channel_id: int, occurred_at: dt.datetime, at: dt.datetime, by: Actor
) -> None:
    back = {item.id: [piece for line in item.lines for piece in line.back] for item in documents}
    outside = {item.id: [piece for line in item.lines for piece in line.outside] for item in documents}
    if any(back.values()):
        put_back_all(
            source_type="RETURN",
            lines={document_id: pieces for document_id, pieces in back.items() if pieces},
            channel_id=channel_id,
            occurred_at=occurred_at,
            at=at,
            by=by,
        )
    if any(outside.values()):
        bring_back(
            source_type="RETURN",
            lines={document_id: pieces for document_id, pieces in outside.items() if pieces},
            channel_id=channel_id,
            occurred_at=occurred_at,
            at=at,
            by=by,
        )


def stored(documents: Sequence[NewReturn], replays: Mapping[str, Return], external_ids: Sequence[str]) -> list[Return]:
    """The documents in the order in which they were asked for."""
    fresh = {item.external_id: item for item in Return.objects.filter(pk__in=[item.id for item in documents])}
    return [fresh.get(external_id) or replays[external_id] for external_id in external_ids]
