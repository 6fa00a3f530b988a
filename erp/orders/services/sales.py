"""Revenue: posted when its basis is met (出荷, 着荷, 検収), with the billable items an invoice will print. Levels: document … open items."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Sum
from django.utils.translation import gettext as _

from customers.models import ExposureEntry
from customers.selectors import accounts_by_id
from customers.services import ExposureDelta, add_exposure, lock_credit
from erp.core import changes, rows
from erp.core.actors import Actor
from erp.core.clock import TOKYO, business_date
from erp.core.errors import Problem
from erp.core.models import RevenueBasis, TaxRate
from erp.core.money import ZERO
from erp.core.use_case import use_case
from erp.inventory.selectors import issued_values, transit_location_id
from erp.inventory.services import TransitIssue, issue_from_transit
from erp.orders import postings
from erp.orders.exceptions import NotShippable
from erp.orders.models import Order, OrderEvent, Shipment
from erp.orders.services import parcels
from erp.orders.services.parcels import Parcel, ParcelOrder
from erp.orders.services.recognition import recognise
from erp.orders.services.states import move_states
from erp.orders.services.writing import EVENT_COLUMNS


@use_case
def deliver(*, shipment_ids: Sequence[int], delivered_date: dt.date, at: dt.datetime, by: Actor) -> None:
    """The carrier delivered (着荷). Posts the sale where delivery is the revenue basis. Again = no change."""
    _progress(shipment_ids, Shipment.State.DELIVERED, delivered_date, at=at, by=by)


@use_case
def accept(*, shipment_ids: Sequence[int], accepted_date: dt.date, at: dt.datetime, by: Actor) -> None:
    """The customer accepted (検収), or reported the sale of consigned goods. Posts the sale where that is the revenue basis. Again = no change."""
    _progress(shipment_ids, Shipment.State.ACCEPTED, accepted_date, at=at, by=by)


_REACHED = {
    Shipment.State.DELIVERED: (Shipment.State.DELIVERED, Shipment.State.ACCEPTED),
    Shipment.State.ACCEPTED: (Shipment.State.ACCEPTED,),
}
_MET_BY = {
    Shipment.State.DELIVERED: (RevenueBasis.DELIVERY,),
    Shipment.State.ACCEPTED: (RevenueBasis.DELIVERY, RevenueBasis.ACCEPTANCE, RevenueBasis.SALES_REPORT),
}


def _progress(shipment_ids: Sequence[int], reached: Shipment.State, on: dt.date, *, at: dt.datetime, by: Actor) -> None:
    shipments = [item for item in parcels.lock(shipment_ids).values() if item.state not in _REACHED[reached]]
    wrong = [item for item in shipments if item.state not in (Shipment.State.SHIPPED, Shipment.State.DELIVERED)]
    if wrong:
        raise NotShippable(
            _("These shipments have not left."),
            problems=[Problem(item.number, item.state, str(Shipment.State(item.state).label)) for item in wrong],
        )
    if not shipments:
        return
    column = "delivered_date" if reached is Shipment.State.DELIVERED else "accepted_date"
    kind = "DELIVERED" if reached is Shipment.State.DELIVERED else "ACCEPTED"
    batch = rows.Batch()
    batch.update(
        Shipment,
        "id",
        ["state", column, "version"],
        [(item.id, reached.value, on, item.version + 1) for item in shipments],
    )
    batch.insert(
        OrderEvent, EVENT_COLUMNS, [(item.order_id, kind, "", "", item.number, at, str(by)) for item in shipments]
    )
    batch.run()
    due = [item for item in shipments if item.revenue_date is None and item.revenue_basis in _MET_BY[reached]]
    if due:
        _leave_transit(due, batch, on=on, at=at, by=by)
    announce_shipments(shipments, batch)
    move_states(order_ids=[item.order_id for item in shipments], batch=batch, at=at, by=by)
    batch.run()


def announce_shipments(shipments: Sequence[Parcel], batch: rows.Batch) -> None:
    """Change rows for shipments, each for its own channel only."""
    for channel in sorted({item.order.channel_code for item in shipments}):
        keys = [item.number for item in shipments if item.order.channel_code == channel]
        changes.record(topic="shipment", keys=keys, audience=channel, batch=batch)


def _leave_transit(shipments: Sequence[Parcel], batch: rows.Batch, *, on: dt.date, at: dt.datetime, by: Actor) -> None:
    """Goods that were 積送品 become cost of sales at exactly the value they left with."""
    ids = [item.id for item in shipments]
    unbilled = unbilled_exposure(ids)
    move_exposure(
        [
            ExposureMove(item.order, ExposureEntry.Kind.UNBILLED, -unbilled.get(item.id, ZERO), "SHIPMENT", item.id)
            for item in shipments
        ],
        at=at,
        by=by,
    )
    shipment_of = {line.id: item.id for item in shipments for line in item.lines}
    issues = [
        TransitIssue(shipment_of[line_id], line_id, part.sku_id, part.quantity, part.value)
        for line_id, parts in sorted(issued_values("SHIPMENT", list(shipment_of), source_ids=ids).items())
        for part in parts
    ]
    issue_from_transit(
        source_type="SHIPMENT",
        issues=issues,
        transit_location_id=transit_location_id(),
        occurred_at=moment_of(on, at),
        at=at,
        by=by,
    )
    costs: dict[int, dict[str, Decimal]] = {}
    for issue in issues:
        by_role = costs.setdefault(issue.source_id, {})
        by_role[postings.IN_TRANSIT] = by_role.get(postings.IN_TRANSIT, ZERO) + issue.value
    recognise(shipments, cost_roles=costs, batch=batch, on=on, at=at, by=by)


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


def hold_credit_of(orders: Iterable[Order], *, on: dt.date) -> None:
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
