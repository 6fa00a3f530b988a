"""Revenue: posted when its basis is met (出荷, 着荷, 検収), with the billable items an invoice will print. Levels: document … open items."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Sum
from django.utils.translation import gettext as _

from accounting.services import BillableDraft, EntryDraft, add_billable_items, post_entries
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
from erp.orders.models import Order, OrderEvent, OrderFee, Shipment, ShipmentLine
from erp.orders.postings import Document, SalePart
from erp.orders.services.allocation import lock_orders
from erp.orders.services.payments import dimensions_of
from erp.orders.services.purses import open_purses, save_purses
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
    lock_orders(Shipment.objects.filter(pk__in=shipment_ids).values_list("order_id", flat=True))
    found = Shipment.objects.filter(pk__in=shipment_ids).order_by("pk").select_for_update(of=("self",), no_key=True)
    shipments = [
        item for item in found.select_related("order__channel", "order__account") if item.state not in _REACHED[reached]
    ]
    wrong = [item for item in shipments if item.state not in (Shipment.State.SHIPPED, Shipment.State.DELIVERED)]
    if wrong:
        raise NotShippable(
            _("These shipments have not left."),
            problems=[Problem(item.number, item.state, str(Shipment.State(item.state).label)) for item in wrong],
        )
    if not shipments:
        return
    column = "delivered_date" if reached is Shipment.State.DELIVERED else "accepted_date"
    rows.update(
        Shipment,
        "id",
        ["state", column, "version"],
        [(item.pk, reached.value, on, item.version + 1) for item in shipments],
    )
    kind = "DELIVERED" if reached is Shipment.State.DELIVERED else "ACCEPTED"
    rows.insert(
        OrderEvent, EVENT_COLUMNS, [(item.order_id, kind, "", "", item.number, at, str(by)) for item in shipments]
    )
    due = [item for item in shipments if item.revenue_date is None and item.revenue_basis in _MET_BY[reached]]
    if due:
        _leave_transit(due, on=on, at=at, by=by)
    move_states(order_ids=[item.order_id for item in shipments], at=at, by=by)
    for channel in sorted({item.order.channel.code for item in shipments}):
        keys = [item.number for item in shipments if item.order.channel.code == channel]
        changes.record(topic="shipment", keys=keys, audience=channel)


def _leave_transit(shipments: Sequence[Shipment], *, on: dt.date, at: dt.datetime, by: Actor) -> None:
    """Goods that were 積送品 become cost of sales at exactly the value they left with."""
    ids = [item.pk for item in shipments]
    unbilled = unbilled_exposure(ids)
    move_exposure(
        [
            ExposureMove(item.order, ExposureEntry.Kind.UNBILLED, -unbilled.get(item.pk, ZERO), "SHIPMENT", item.pk)
            for item in shipments
        ],
        at=at,
        by=by,
    )
    shipment_of = dict(ShipmentLine.objects.filter(shipment__in=ids).values_list("pk", "shipment_id"))
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
    recognise(ids, cost_roles=costs, on=on, at=at, by=by)


@dataclass(frozen=True, slots=True)
class Parcel:
    """A shipment with what is posted with it: its lines (with their order lines) and fees. Its order, channel and account are loaded."""

    shipment: Shipment
    lines: Sequence[ShipmentLine]
    fees: Sequence[OrderFee]


def recognise(
    shipment_ids: Sequence[int],
    *,
    cost_roles: Mapping[int, Mapping[str, Decimal]],
    loaded: Sequence[Parcel] | None = None,
    on: dt.date,
    at: dt.datetime,
    by: Actor,
) -> None:
    """Post the sales of shipments whose basis is met and leave their billable items. ``cost_roles``: per shipment, cost by the
    inventory account it leaves. ``loaded``: the shipments with their amounts as written, where the caller has them at hand. Part of a
    transaction that holds the orders' locks; a constant number of statements."""
    if not shipment_ids:
        return
    parcels = _load(shipment_ids) if loaded is None else loaded
    purses = open_purses(list({item.shipment.order_id: item.shipment.order for item in parcels}.values()))
    entries: list[EntryDraft] = []
    billables: list[BillableDraft] = []
    reduced = reduced_codes()
    for parcel in parcels:
        shipment = parcel.shipment
        money = purses[shipment.order_id].take(shipment.gross_amount, on=on)
        entries += _sale_entries(shipment, parcel.lines, parcel.fees, money, cost_roles.get(shipment.pk, {}), on)
        billables += _billables(shipment, parcel.lines, parcel.fees, on, reduced)
    save_purses(purses.values())
    if entries:
        post_entries(drafts=entries, at=at, by=by)
    add_billable_items(items=billables, at=at, by=by)
    undated = [(item.shipment.pk, on) for item in parcels if item.shipment.revenue_date is None]
    rows.update(Shipment, "id", ["revenue_date"], undated)


def _load(shipment_ids: Sequence[int]) -> list[Parcel]:
    shipments = Shipment.objects.filter(pk__in=shipment_ids).order_by("pk")
    lines = lines_of(shipment_ids)
    fees: dict[int, list[OrderFee]] = {}
    for fee in OrderFee.objects.filter(shipment__in=shipment_ids).order_by("shipment_id", "line_no"):
        if fee.shipment_id is not None:
            fees.setdefault(fee.shipment_id, []).append(fee)
    return [
        Parcel(item, lines.get(item.pk, []), fees.get(item.pk, []))
        for item in shipments.select_related("order__channel", "order__account", "delivery")
    ]


def lines_of(shipment_ids: Iterable[int]) -> dict[int, list[ShipmentLine]]:
    """The lines of shipments with their order lines, in the order of the order. By shipment."""
    lines: dict[int, list[ShipmentLine]] = {}
    found = ShipmentLine.objects.filter(shipment__in=list(shipment_ids)).select_related("order_line")
    for line in found.order_by("shipment_id", "order_line__line_no"):
        lines.setdefault(line.shipment_id, []).append(line)
    return lines


def _sale_entries(
    shipment: Shipment,
    lines: Sequence[ShipmentLine],
    fees: Sequence[OrderFee],
    money: Sequence[postings.MoneyPart],
    costs: Mapping[str, Decimal],
    on: dt.date,
) -> list[EntryDraft]:
    """The sale, and where goods left several inventory accounts, one entry more for each further one."""
    sales_role = postings.SALES_ROLE[shipment.order.channel.kind]
    document = Document("SHIPMENT", shipment.pk, shipment.number)
    dimensions = dimensions_of(shipment.order)
    first, *others = list(costs.items()) or [(postings.GOODS, ZERO)]
    drafts = [
        postings.sale(
            document=document,
            money=money,
            parts=[
                *(SalePart(sales_role, i.net_amount, i.tax_amount, i.order_line.tax_code, i.pk) for i in lines),
                *(fee_part(fee) for fee in fees),
            ],
            cost=first[1],
            inventory_role=first[0],
            on=on,
            dimensions=dimensions,
        )
    ]
    drafts += [
        postings.sale(
            document=document, money=[], parts=[], cost=cost, inventory_role=role, on=on, dimensions=dimensions
        )
        for role, cost in others
    ]
    return [draft for draft in drafts if draft is not None]


def fee_part(fee: OrderFee) -> SalePart:
    role = postings.FEE_ROLE.get(fee.kind, "sales.other_fee")
    return SalePart(role, fee.net_amount or ZERO, fee.tax_amount or ZERO, fee.tax_code, None)


def _billables(
    shipment: Shipment, lines: Iterable[ShipmentLine], fees: Iterable[OrderFee], on: dt.date, reduced: frozenset[str]
) -> list[BillableDraft]:
    order = shipment.order
    common = {
        "channel_id": order.channel_id,
        "bill_to_id": order.bill_to_id,
        "account_id": order.account_id,
        "addressee": (order.account.name if order.account else order.orderer_name)[:150],
        "document_type": "SHIPMENT",
        "document_id": shipment.pk,
        "document_number": shipment.number,
        "order_number": order.number,
        "customer_po_number": order.customer_po_number,
        "transaction_date": on,
        "ship_to_name": shipment.delivery.recipient_name[:150],
        "currency": order.currency,
    }
    items = [
        BillableDraft(
            **common,  # type: ignore[arg-type]
            kind="GOODS",
            document_line=line.pk,
            item_code=line.order_line.sku_code or line.order_line.channel_item_code[:60],
            description=line.order_line.name or line.order_line.sku_code,
            quantity=line.quantity,
            unit_price=line.order_line.unit_price or ZERO,
            tax_included=line.order_line.tax_included,
            tax_code=line.order_line.tax_code,
            tax_percent=line.order_line.tax_percent or ZERO,
            is_reduced=line.order_line.tax_code in reduced,
            net_amount=line.net_amount,
            tax_amount=line.tax_amount,
            gross_amount=line.gross_amount,
        )
        for line in lines
    ]
    items += [
        BillableDraft(
            **common,  # type: ignore[arg-type]
            kind="FEE",
            document_line=-fee.line_no,
            description=str(OrderFee.Kind(fee.kind).label),
            quantity=1,
            unit_price=fee.amount or ZERO,
            tax_included=fee.tax_included,
            tax_code=fee.tax_code,
            tax_percent=fee.tax_percent or ZERO,
            is_reduced=fee.tax_code in reduced,
            net_amount=fee.net_amount or ZERO,
            tax_amount=fee.tax_amount or ZERO,
            gross_amount=fee.gross_amount or ZERO,
        )
        for fee in fees
    ]
    return items


@dataclass(frozen=True, slots=True)
class ExposureMove:
    """A change of what an order's account is exposed by, noted under the document that causes it."""

    order: Order
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
    accounts = accounts_by_id({move.order.account_id for move in moves if move.order.account_id})
    deltas = []
    for move in moves:
        terms = accounts.get(move.order.account_id or 0)
        if terms is not None and terms.credit_group_id and move.amount:
            deltas.append(
                ExposureDelta(terms.credit_group_id, move.kind, move.amount, move.document_type, move.document_id)
            )
    if deltas:
        add_exposure(deltas=deltas, at=at, by=by)


def hold_credit_of(orders: Iterable[Order], *, on: dt.date) -> None:
    """Lock the credit groups behind orders on account, before balances, where a later step posts their receivables."""
    accounts = accounts_by_id({order.account_id for order in orders if order.account_id})
    groups = {terms.credit_group_id for terms in accounts.values() if terms.credit_group_id}
    if groups:
        lock_credit(credit_group_ids=groups, on=on)


def reduced_codes() -> frozenset[str]:
    return frozenset(TaxRate.objects.filter(is_reduced=True).values_list("code", flat=True))


def moment_of(on: dt.date, at: dt.datetime) -> dt.datetime:
    """When a stock movement of a business date happened: now if it is today's, else noon of that day."""
    return at if business_date(at) == on else dt.datetime.combine(on, dt.time(12), tzinfo=TOKYO)
