"""From picked parcel to shipped goods. Levels: document, credit group, balances, cost rows, open items, in that order in one transaction.

Every step leaves its last writes in one batch; the next step's questions take them along, so that a step costs one round trip.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from django.utils.translation import gettext as _

from accounting.services import post_entries
from customers.models import ExposureEntry
from erp.core import rows
from erp.core.actors import Actor
from erp.core.clock import business_date
from erp.core.errors import Problem
from erp.core.identifiers import plain
from erp.core.models import RevenueBasis
from erp.core.money import ZERO, share_of_next
from erp.core.use_case import use_case
from erp.inventory.services import Issue, Issued, issue_reserved, lock_ahead_of_issues, open_consigned_locations
from erp.orders import postings
from erp.orders.exceptions import NotShippable
from erp.orders.models import Order, OrderEvent, OrderFee, OrderLine, Shipment, ShipmentLine
from erp.orders.selectors.carriers import carrier_and_before, is_another_carrier
from erp.orders.services import collecting, letters, parcel_days, parcels, sales
from erp.orders.services.parcels import Parcel
from erp.orders.services.recognition import recognise
from erp.orders.services.states import move_states
from erp.orders.services.tracking_numbers import fault_of_number
from erp.orders.services.writing import EVENT_COLUMNS


@dataclass(frozen=True, slots=True)
class ShipRequest:
    """Confirm one shipment. ``quantities`` (order line → units) ships less than instructed; the rest waits for a new release."""

    shipment_id: int
    quantities: Mapping[int, int] | None = None
    carrier: str = ""
    tracking_number: str = ""


@use_case
def ship(
    *, requests: Sequence[ShipRequest], ship_date: dt.date | None = None, at: dt.datetime, by: Actor
) -> dict[int, str]:
    """出荷確定: stock leaves, and by the revenue basis the sale is posted or the goods go to 積送品. Returns shipment id → state.

    A shipment that left before is left as it is. ``ship_date`` is the business date of leaving (default: the day of ``at``).
    What was cancelled while it was being picked stays until the order desk has decided: closing that task lets it go all the same, also what
    a carrier has long taken along. Raises NotShippable naming every shipment that cannot go, InvalidInput for a day that has not come,
    PeriodClosed, NotReserved; then none goes.
    """
    on = ship_date or business_date(at)
    parcel_days.refuse_future("ship_date", on, at=at)
    found = parcels.lock(request.shipment_id for request in requests)
    states = {key: parcel.state for key, parcel in found.items()}
    todo = {
        request.shipment_id: replace(request, tracking_number=plain(request.tracking_number))
        for request in requests
        if states.get(request.shipment_id) not in parcels.GONE
    }
    _refuse_unshippable(todo, found)
    if not todo:
        return states
    leaving = [parcel for key, parcel in found.items() if key in todo]
    asked = collecting.asked_by_labels(leaving)
    batch = rows.Batch()
    _apply_partial(leaving, todo, batch)
    _take_fees(leaving)
    _share_amounts(leaving)
    sales.move_exposure(_exposure_moves(leaving), at=at, by=by)
    issued = _issue(leaving, batch, on=on, at=at, by=by)
    _write(leaving, todo, issued, asked, batch, on=on, at=at, by=by)
    sold = [parcel for parcel in leaving if parcel.order.revenue_basis == RevenueBasis.SHIPMENT]
    recognise(sold, cost_roles=_cost_by_role(issued), batch=batch, on=on, at=at, by=by)
    _post_transit([parcel for parcel in leaving if parcel not in sold], issued, batch, on=on, at=at, by=by)
    sales.announce_shipments(leaving, batch)
    untracked = frozenset(key for key in todo if not (todo[key].tracking_number or found[key].tracking_number))
    letters.tell_shipped(leaving, untracked, on=on, batch=batch, at=at, by=by)
    move_states(order_ids=[parcel.order_id for parcel in leaving], batch=batch, at=at, by=by)
    batch.run()
    return {**states, **dict.fromkeys(todo, Shipment.State.SHIPPED.value)}


def _refuse_unshippable(todo: Mapping[int, ShipRequest], found: Mapping[int, Parcel]) -> None:
    problems = []
    for key, request in todo.items():
        parcel = found.get(key)
        if parcel is None:
            problems.append(Problem(str(key), "unknown_shipment", _("There is no such shipment.")))
        elif parcel.state != Shipment.State.INSTRUCTED:
            problems.append(Problem(parcel.number, "cancelled", _told_not_waiting(parcel)))
        elif parcel.is_asked_back:
            problems.append(Problem(parcel.number, "cancellation_came", _told_asked_back(parcel)))
        elif request.tracking_number and (
            fault := fault_of_number(request.tracking_number, request.carrier or parcel.carrier)
        ):
            problems.append(Problem(parcel.number, "no_tracking_number", fault))
    if problems:
        raise NotShippable(_("These shipments cannot leave."), problems=problems)


def _told_not_waiting(parcel: Parcel) -> str:
    if parcel.state == Shipment.State.CANCELLED:
        return _("It was called back. Release the order anew, and ship the parcel that comes of it.")
    return _("Its state is “%(state)s”.") % {"state": Shipment.State(parcel.state).label}


def _told_asked_back(parcel: Parcel) -> str:
    told = _(
        "The channel cancelled order %(order)s while it was being picked. Hand the parcel to the order desk: it cancels the order, or closes the "
        "task “Cancellation while being picked” with why it is shipped all the same."
    )
    return told % {"order": parcel.order.number}


def _apply_partial(leaving: Sequence[Parcel], todo: Mapping[int, ShipRequest], batch: rows.Batch) -> None:
    """Cut shipments to what really goes. Lines that do not go leave the shipment; their reservation stays with the order."""
    problems, dropped, reduced = [], [], []
    for parcel in leaving:
        wanted = todo[parcel.id].quantities
        if wanted is None:
            continue
        known = {line.order_line_id for line in parcel.lines}
        kept = []
        for line in parcel.lines:
            count = wanted.get(line.order_line_id, 0)
            if not 0 <= count <= line.quantity:
                problems.append(Problem(parcel.number, "bad_quantity", f"{line.sku_code}: {count}/{line.quantity}"))
            elif count == 0:
                dropped.append(line.id)
            else:
                if count < line.quantity:
                    line.quantity = count
                    reduced.append((line.id, count))
                kept.append(line)
        if not kept or set(wanted) - known:
            problems.append(
                Problem(parcel.number, "wrong_lines", _("Name lines of this shipment, at least one piece."))
            )
        parcel.lines = kept
    if problems:
        raise NotShippable(_("These shipments cannot leave."), problems=problems)
    if dropped:
        batch.add("DELETE FROM orders_shipmentline WHERE id = ANY(%s::bigint[])", [dropped])
    batch.update(ShipmentLine, "id", ["quantity"], reduced)


def _take_fees(leaving: Sequence[Parcel]) -> None:
    """A fee goes with the first parcel of its delivery, or of the order if it names none."""
    for parcel in leaving:
        parcel.fees = [fee for fee in parcel.waiting_fees if fee.delivery_id in (None, parcel.delivery_id)]
        for fee in parcel.fees:
            parcel.waiting_fees.remove(fee)


def _share_amounts(leaving: Sequence[Parcel]) -> None:
    """Give each shipment line its part of the order line; the last part takes the rest. Several shipments of one line go one by one."""
    shipped: dict[int, int] = {}
    for parcel in leaving:
        for line in parcel.lines:
            if line.ordered_net is None or line.ordered_tax is None:
                raise AssertionError(f"{parcel.order.number} is being shipped with an unknown amount")
            before = shipped.get(line.order_line_id, line.shipped_quantity)
            shipped[line.order_line_id] = before + line.quantity
            line.net_amount, line.tax_amount = (
                share_of_next(
                    total, line.quantity, done=before, of=line.ordered_quantity, currency=parcel.order.currency
                )
                for total in (line.ordered_net, line.ordered_tax)
            )
            line.gross_amount = line.net_amount + line.tax_amount
        parcel.gross_amount = sum((part.gross_amount for part in parcel.parts), ZERO)


def _exposure_moves(leaving: Sequence[Parcel]) -> list[sales.ExposureMove]:
    """Open-order exposure ends when goods leave; until revenue is met they count as shipped and unbilled."""
    moves: list[sales.ExposureMove] = []
    for parcel in leaving:
        order = parcel.order
        ended = min(parcel.gross_amount, order.exposure_amount)
        if not ended:
            continue
        order.exposure_amount -= ended
        moves.append(sales.ExposureMove(order, ExposureEntry.Kind.OPEN_ORDER, -ended, "ORDER", order.id))
        if order.revenue_basis != RevenueBasis.SHIPMENT:
            moves.append(sales.ExposureMove(order, ExposureEntry.Kind.UNBILLED, ended, "SHIPMENT", parcel.id))
    return moves


def _issue(
    leaving: Sequence[Parcel], batch: rows.Batch, *, on: dt.date, at: dt.datetime, by: Actor
) -> dict[int, list[Issued]]:
    """Take the pieces out of stock. One call per channel and way (out of the books, or to a place outside). By shipment."""
    places = _places_outside(leaving, at=at, by=by)
    groups: dict[tuple[int, int], list[Issue]] = {}
    for parcel in leaving:
        groups.setdefault((parcel.order.channel_id, places.get(parcel.order_id, 0)), []).extend(
            Issue(parcel.id, line.id, parcel.order_id, line.order_line_id, sku_id, line.quantity * per_unit)
            for line in parcel.lines
            for sku_id, per_unit in line.pieces
        )
    if len(groups) > 1:
        arriving = [(issue.sku_id, place) for (_channel, place), issues in groups.items() if place for issue in issues]
        everything = [issue for issues in groups.values() for issue in issues]
        lock_ahead_of_issues(document_type="ORDER", issues=everything, arriving=arriving, at=at)
    issued: dict[int, list[Issued]] = {}
    for (channel_id, place_id), issues in sorted(groups.items()):
        for part in issue_reserved(
            source_type="SHIPMENT",
            document_type="ORDER",
            issues=issues,
            channel_id=channel_id,
            occurred_at=sales.moment_of(on, at),
            transit_location_id=place_id or None,
            batch=batch,
            at=at,
            by=by,
        ):
            issued.setdefault(part.source_id, []).append(part)
    return issued


def _places_outside(leaving: Sequence[Parcel], *, at: dt.datetime, by: Actor) -> dict[int, int]:
    """Where goods go that are not sold by leaving, by order. An account gets a place of its own with the first goods it holds."""
    unsold = {item.order_id: item.order for item in leaving if item.order.revenue_basis != RevenueBasis.SHIPMENT}
    if not unsold:
        return {}
    holders = [order for order in unsold.values() if sales.outside_role(order) == postings.CONSIGNED]
    if names := {order.account_id: order.addressee for order in holders if order.account_id is not None}:
        open_consigned_locations(accounts=names, at=at, by=by)
    return sales.places_outside(unsold.values())


_WRITTEN_TO_LINES = ("net_amount", "tax_amount", "gross_amount", "cost_amount")
_WRITTEN_TO_SHIPMENTS = (
    "state", "shipped_at", "ship_date", "carrier", "tracking_number", "net_amount", "tax_amount", "gross_amount",
    "cost_amount", "version", "revenue_date", "cod_amount",
)  # fmt: skip


def _write(
    leaving: Sequence[Parcel],
    todo: Mapping[int, ShipRequest],
    issued: Mapping[int, Sequence[Issued]],
    asked: Mapping[int, Decimal],
    batch: rows.Batch,
    *,
    on: dt.date,
    at: dt.datetime,
    by: Actor,
) -> None:
    costs: dict[int, Decimal] = {}
    for part in (part for parts in issued.values() for part in parts):
        costs[part.source_line] = costs.get(part.source_line, ZERO) + part.value
    shipped: dict[int, int] = {}
    lines, headers = [], []
    for parcel in leaving:
        for line in parcel.lines:
            amounts = (line.net_amount, line.tax_amount, line.gross_amount, costs.get(line.id, ZERO))
            lines.append((line.id, *amounts))
            shipped[line.order_line_id] = shipped.get(line.order_line_id, line.shipped_quantity) + line.quantity
        if parcel.order.revenue_basis == RevenueBasis.SHIPMENT:
            parcel.revenue_date = on
        gross, cost = parcel.gross_amount, _cost_of(parcel, issued)
        net = sum((part.net_amount for part in parcel.parts), ZERO)
        request = todo[parcel.id]
        sent = (Shipment.State.SHIPPED.value, at, on, request.carrier or parcel.carrier)
        tracking = request.tracking_number or parcel.tracking_number
        amounts = (net, gross - net, gross, cost)
        state = (parcel.version + 1, parcel.revenue_date, asked.get(parcel.id, ZERO))
        headers.append((parcel.id, *sent, tracking, *amounts, *state))
    exposures = {item.order_id: item.order.exposure_amount for item in leaving if item.order.account_id}
    events = [(parcel.order_id, "SHIPPED", "", "", parcel.number, at, str(by)) for parcel in leaving]
    events += [
        (parcel.order_id, "TRACKING", "", "", _told_other_carrier(parcel, todo[parcel.id]), at, str(by))
        for parcel in leaving
        if is_another_carrier(parcel.carrier, todo[parcel.id].carrier)
    ]
    batch.update(ShipmentLine, "id", _WRITTEN_TO_LINES, lines)
    batch.update(Shipment, "id", _WRITTEN_TO_SHIPMENTS, headers)
    batch.update(OrderLine, "id", ["shipped_quantity"], list(shipped.items()))
    batch.update(OrderFee, "id", ["shipment_id"], [(fee.id, parcel.id) for parcel in leaving for fee in parcel.fees])
    batch.update(Order, "id", ["exposure_amount"], list(exposures.items()))
    batch.insert(OrderEvent, EVENT_COLUMNS, events)


def _told_other_carrier(parcel: Parcel, request: ShipRequest) -> str:
    carrier = carrier_and_before(parcel.carrier, request.carrier)
    return f"{parcel.number} {carrier} {request.tracking_number or parcel.tracking_number}".strip()[:300]


def _cost_of(parcel: Parcel, issued: Mapping[int, Iterable[Issued]]) -> Decimal:
    return sum((part.value for part in issued.get(parcel.id, ())), ZERO)


def _cost_by_role(issued: Mapping[int, Iterable[Issued]]) -> dict[int, dict[str, Decimal]]:
    costs: dict[int, dict[str, Decimal]] = {}
    for shipment_id, parts in issued.items():
        for part in parts:
            by_role = costs.setdefault(shipment_id, {})
            by_role[part.account_role] = by_role.get(part.account_role, ZERO) + part.value
    return costs


def _post_transit(
    leaving: Sequence[Parcel],
    issued: Mapping[int, Sequence[Issued]],
    batch: rows.Batch,
    *,
    on: dt.date,
    at: dt.datetime,
    by: Actor,
) -> None:
    drafts = [
        postings.into_transit(
            document=parcel.document,
            cost=_cost_of(parcel, issued),
            role=sales.outside_role(parcel.order),
            on=on,
            dimensions=parcel.order.dimensions,
        )
        for parcel in leaving
    ]
    post_entries(drafts=[draft for draft in drafts if draft is not None], batch=batch, at=at, by=by)
