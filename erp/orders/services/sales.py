"""What sales share, whenever they are posted: where goods are that are not sold yet, exposure, credit, announcements. Levels: credit group."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from django.db.models import Sum

from customers.models import ExposureEntry
from customers.selectors import accounts_by_id
from customers.services import ExposureDelta, add_exposure, lock_credit
from erp.core import changes, rows
from erp.core.actors import Actor
from erp.core.clock import TOKYO, business_date
from erp.core.models import RevenueBasis, TaxRate
from erp.inventory.selectors import consigned_location_ids, transit_location_id
from erp.orders import postings
from erp.orders.models import Shipment
from erp.orders.services.parcels import Parcel, ParcelOrder


class Owed(Protocol):
    """An order, as a row of its table or as read with its parcels."""

    @property
    def id(self) -> int: ...
    @property
    def revenue_basis(self) -> str: ...
    @property
    def account_id(self) -> int | None: ...


def outside_role(order: Owed) -> str:
    """The account that carries goods of an order that have left and are not sold: 委託先在庫 of an account that reports its sales, else 積送品."""
    is_consigned = order.revenue_basis == RevenueBasis.SALES_REPORT and order.account_id is not None
    return postings.CONSIGNED if is_consigned else postings.IN_TRANSIT


def places_outside(orders: Iterable[Owed]) -> dict[int, int]:
    """The place of each order's goods that have left and are not sold, by order id."""
    found = {order.id: order for order in orders}
    holders = {key: order.account_id or 0 for key, order in found.items() if outside_role(order) == postings.CONSIGNED}
    held = consigned_location_ids(holders.values()) if holders else {}
    transit = transit_location_id() if len(holders) < len(found) else 0
    return {key: held[holders[key]] if key in holders else transit for key in found}


def announce_shipments(shipments: Sequence[Parcel], batch: rows.Batch) -> None:
    """Change rows for shipments, each for its own channel only."""
    announce_numbers([(item.order.channel_code, item.number) for item in shipments], batch=batch)


def announce_of(shipment_ids: Collection[int]) -> None:
    """The same for what is known by its id only."""
    if shipment_ids:
        found = Shipment.objects.filter(pk__in=shipment_ids).order_by("pk")
        announce_numbers(list(found.values_list("order__channel__code", "number")))


def announce_numbers(shipments: Sequence[tuple[str, str]], *, batch: rows.Batch | None = None) -> None:
    """The same for what is known by channel and number only."""
    for channel in sorted({code for code, _number in shipments}):
        keys = [number for code, number in shipments if code == channel]
        changes.record(topic="shipment", keys=keys, audience=channel, batch=batch)


@dataclass(frozen=True, slots=True)
class ExposureMove:
    """A change of what an order's account is exposed by, noted under the document that causes it."""

    order: ParcelOrder
    kind: str
    amount: Decimal
    document_type: str
    document_id: int


def unbilled_exposure(shipment_ids: Sequence[int]) -> dict[int, Decimal]:
    """What these shipments count as shipped and unbilled: nothing where the goods were paid in another way than on account."""
    noted = ExposureEntry.objects.filter(
        kind=ExposureEntry.Kind.UNBILLED, document_type="SHIPMENT", document_id__in=shipment_ids
    )
    return dict(noted.values_list("document_id").annotate(Sum("amount")))


def move_exposure(moves: Sequence[ExposureMove], *, at: dt.datetime, by: Actor) -> None:
    """Exposure of sales on account. Called before balances are locked: the credit group comes earlier in the house's lock order."""
    deltas = []
    for move in moves:
        terms = move.order.terms
        if terms is not None and terms.credit_group_id and move.amount:
            deltas.append(
                ExposureDelta(terms.credit_group_id, move.kind, move.amount, move.document_type, move.document_id)
            )
    if deltas:
        add_exposure(deltas=deltas, at=at, by=by)


def hold_credit_of(orders: Iterable[Owed], *, on: dt.date) -> None:
    """Lock the credit groups behind orders on account, before balances, where a later step posts their receivables."""
    on_account = {order.account_id for order in orders if order.account_id}
    accounts = accounts_by_id(on_account) if on_account else {}
    groups = {terms.credit_group_id for terms in accounts.values() if terms.credit_group_id}
    if groups:
        lock_credit(credit_group_ids=groups, on=on)


def reduced_codes() -> frozenset[str]:
    return frozenset(TaxRate.objects.filter(is_reduced=True).values_list("code", flat=True))


def moment_of(on: dt.date, at: dt.datetime) -> dt.datetime:
    """When a stock movement of a business date happened: now if it is today's, else noon of that day."""
    return at if business_date(at) == on else dt.datetime.combine(on, dt.time(12), tzinfo=TOKYO)
