"""From released order to shipped goods. Levels: document, credit group, balances, cost rows, open items, in that order in one transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import F
from django.utils.translation import gettext as _

from accounting.services import post_entries
from customers.models import ExposureEntry
from erp.core import changes, numbering, rows
from erp.core.actors import Actor
from erp.core.clock import business_date
from erp.core.errors import Problem
from erp.core.models import RevenueBasis
from erp.core.money import ZERO, share_so_far
from erp.core.use_case import use_case
from erp.inventory.selectors import ask_reserved, transit_location_id
from erp.inventory.services import Issue, Issued, issue_reserved
from erp.orders import postings, selectors
from erp.orders.exceptions import NotReleasable, NotShippable
from erp.orders.models import (
    Order,
    OrderEvent,
    OrderFee,
    OrderLine,
    OrderLineComponent,
    OrderState,
    Shipment,
    ShipmentLine,
)
from erp.orders.postings import Document
from erp.orders.services import sales
from erp.orders.services.allocation import lock_orders
from erp.orders.services.payments import dimensions_of
from erp.orders.services.states import move_states
from erp.orders.services.writing import EVENT_COLUMNS

SHIPMENT_COLUMNS = (
    "id", "number", "order_id", "delivery_id", "state", "revenue_basis", "instructed_at", "carrier", "tracking_number",
    "net_amount", "tax_amount", "gross_amount", "cost_amount", "actor", "version",
)  # fmt: skip
SHIPMENT_LINE_COLUMNS = (
    "id", "shipment_id", "order_line_id", "quantity", "returned_quantity", "net_amount", "tax_amount", "gross_amount",
    "cost_amount",
)  # fmt: skip


@use_case
def release_orders(
    *, order_ids: Sequence[int], in_part: bool = False, at: dt.datetime, by: Actor
) -> dict[int, list[int]]:
    """出荷指示: one shipment per destination for everything that is reserved. Returns the new shipment ids by order.

    An order that is being picked already is left as it is. ``in_part`` also releases what an order that awaits stock has so far.
    Raises NotReleasable naming every order that may not go, and why; then none goes.
    """
    ids = lock_orders(order_ids)
    heads = {row["id"]: row for row in selectors.order_heads(ids)}
    wanted = [order_id for order_id in ids if heads[order_id]["state"] != OrderState.PICKING]
    allowed = {OrderState.READY, OrderState.AWAITING_STOCK} if in_part else {OrderState.READY}
    problems = [
        Problem(heads[order_id]["number"], heads[order_id]["state"], str(OrderState(heads[order_id]["state"]).label))
        for order_id in wanted
        if heads[order_id]["state"] not in allowed
    ]
    if problems:
        raise NotReleasable(_("These orders cannot be released."), problems=problems)
    planned = _plan_parcels(wanted)
    packed = {order_id for order_id, _delivery in planned}
    if empty := [order_id for order_id in wanted if order_id not in packed]:
        raise NotReleasable(
            _("Nothing is reserved for these orders."),
            problems=[Problem(heads[order_id]["number"], "nothing_reserved", "") for order_id in empty],
        )
    basis = {order_id: heads[order_id]["revenue_basis"] for order_id in wanted}
    shipments = _write_parcels(planned, basis, at=at, by=by)
    move_states(order_ids=wanted, at=at, by=by)
    return shipments


def _plan_parcels(order_ids: Sequence[int]) -> dict[tuple[int, int], dict[int, int]]:
    """(order, delivery) → units by line: whole units that are reserved, as many as the scarcest component allows."""
    with rows.pipeline():
        reserved_parts, open_needs = ask_reserved("ORDER", order_ids), selectors.ask_open_needs(order_ids)
    pieces: dict[tuple[int, int], int] = {}
    for part in reserved_parts():
        pieces[part.document_line, part.sku_id] = pieces.get((part.document_line, part.sku_id), 0) + part.quantity
    planned: dict[tuple[int, int], dict[int, int]] = {}
    for need in (need for needs in open_needs().values() for need in needs):
        possible = pieces.get((need.line_id, need.sku_id or 0), 0) // need.quantity_per_unit
        units = planned.setdefault((need.order_id, need.delivery_id), {})
        units[need.line_id] = min(units.get(need.line_id, need.units), possible)
    packed = {key: {line: count for line, count in units.items() if count} for key, units in planned.items()}
    return {key: units for key, units in packed.items() if units}


def _write_parcels(
    planned: Mapping[tuple[int, int], Mapping[int, int]], basis: Mapping[int, str], *, at: dt.datetime, by: Actor
) -> dict[int, list[int]]:
    if not planned:
        return {}
    taken = rows.ask_ids(
        {
            Shipment: len(planned),
            ShipmentLine: sum(map(len, planned.values())),
            f"core_number_{numbering.SHIPMENT}": len(planned),
        }
    )()
    keys, line_keys, numbers = (iter(block) for block in taken.values())
    found: dict[int, list[int]] = {}
    parcels, lines = [], []
    for (order_id, delivery_id), contents in planned.items():
        key = next(keys)
        found.setdefault(order_id, []).append(key)
        number = numbering.format_number(numbering.SHIPMENT, next(numbers))
        state = Shipment.State.INSTRUCTED.value
        head = (key, number, order_id, delivery_id, state, basis[order_id], at, "", "")
        parcels.append((*head, ZERO, ZERO, ZERO, ZERO, str(by), 1))
        lines += [
            (next(line_keys), key, line_id, count, 0, ZERO, ZERO, ZERO, ZERO) for line_id, count in contents.items()
        ]
    batch = rows.Batch()
    batch.insert(Shipment, SHIPMENT_COLUMNS, parcels)
    batch.insert(ShipmentLine, SHIPMENT_LINE_COLUMNS, lines)
    batch.insert(OrderEvent, EVENT_COLUMNS, [(order_id, "RELEASED", "", "", "", at, str(by)) for order_id in found])
    batch.run()
    return found


@dataclass(frozen=True, slots=True)
class ShipRequest:
    """Confirm one shipment. ``quantities`` (order line → units) ships less than instructed; the rest waits for a new release."""

    shipment_id: int
    quantities: Mapping[int, int] | None = None
    carrier: str = ""
    tracking_number: str = ""


@dataclass(slots=True)
class _Leaving:
    """One shipment on its way out, with its lines' parts of the order's amounts."""

    shipment: Shipment
    order: Order
    lines: list[tuple[ShipmentLine, OrderLine]]
    fees: list[OrderFee]
    request: ShipRequest

    @property
    def gross(self) -> Decimal:
        lines = sum((line.gross_amount for line, _order_line in self.lines), ZERO)
        return lines + sum((fee.gross_amount or ZERO for fee in self.fees), ZERO)


@use_case
def ship(
    *, requests: Sequence[ShipRequest], ship_date: dt.date | None = None, at: dt.datetime, by: Actor
) -> dict[int, str]:
    """出荷確定: stock leaves, and by the revenue basis the sale is posted or the goods go to 積送品. Returns shipment id → state.

    A shipment that left before is left as it is. ``ship_date`` is the business date of leaving (default: the day of ``at``).
    Raises NotShippable naming every shipment that cannot go, PeriodClosed, NotReserved; then none goes.
    """
    on = ship_date or business_date(at)
    shipments = _lock_shipments([request.shipment_id for request in requests])
    states = {key: shipment.state for key, shipment in shipments.items()}
    todo = {request.shipment_id: request for request in requests}
    for key in [key for key in todo if key in states and states[key] in _GONE]:
        del todo[key]
    _refuse_unshippable(todo, shipments)
    if not todo:
        return states
    leaving = _load(todo, shipments)
    _apply_partial(leaving)
    _share_amounts(leaving)
    sales.move_exposure(_exposure_moves(leaving), at=at, by=by)
    issued = _issue(leaving, on=on, at=at, by=by)
    _save(leaving, issued, on=on, at=at, by=by)
    parcels = [
        sales.Parcel(item.shipment, [line for line, _order_line in item.lines], item.fees)
        for item in leaving
        if item.order.revenue_basis == RevenueBasis.SHIPMENT
    ]
    recognised = [parcel.shipment.pk for parcel in parcels]
    sales.recognise(recognised, cost_roles=_cost_by_role(issued), loaded=parcels, on=on, at=at, by=by)
    _post_transit([item for item in leaving if item.shipment.pk not in recognised], issued, on=on, at=at, by=by)
    orders = sorted({item.order.pk for item in leaving})
    move_states(order_ids=orders, at=at, by=by)
    for channel in sorted({item.order.channel.code for item in leaving}):
        keys = [item.shipment.number for item in leaving if item.order.channel.code == channel]
        changes.record(topic="shipment", keys=keys, audience=channel)
    return {**states, **dict.fromkeys(todo, Shipment.State.SHIPPED.value)}


_GONE = frozenset({Shipment.State.SHIPPED, Shipment.State.DELIVERED, Shipment.State.ACCEPTED, Shipment.State.RETURNED})


_LOCK_ORDERS = """
SELECT id FROM orders_order WHERE id IN (SELECT order_id FROM orders_shipment WHERE id = ANY(%s::bigint[])) ORDER BY id FOR NO KEY UPDATE
"""


def _lock_shipments(ids: Sequence[int]) -> dict[int, Shipment]:
    """Lock the orders first, then their shipments, each in key order."""
    rows.ask(_LOCK_ORDERS, [list(ids)])
    found = Shipment.objects.filter(pk__in=ids).order_by("pk").select_for_update(of=("self",), no_key=True)
    return {shipment.pk: shipment for shipment in found.select_related("order__channel", "order__account", "delivery")}


def _refuse_unshippable(todo: Mapping[int, ShipRequest], shipments: Mapping[int, Shipment]) -> None:
    problems = []
    for key in todo:
        shipment = shipments.get(key)
        if shipment is None:
            problems.append(Problem(str(key), "unknown_shipment", _("There is no such shipment.")))
        elif shipment.state != Shipment.State.INSTRUCTED:
            problems.append(Problem(shipment.number, "cancelled", str(Shipment.State(shipment.state).label)))
    if problems:
        raise NotShippable(_("These shipments cannot leave."), problems=problems)


def _load(todo: Mapping[int, ShipRequest], shipments: Mapping[int, Shipment]) -> list[_Leaving]:
    lines = sales.lines_of(todo)
    order_ids = {shipments[key].order_id for key in todo}
    open_fees = list(
        OrderFee.objects.filter(order__in=order_ids, shipment__isnull=True).order_by("order_id", "line_no")
    )
    orders: dict[int, Order] = {}
    leaving = []
    for key, request in sorted(todo.items()):
        shipment = shipments[key]
        order = orders.setdefault(shipment.order_id, shipment.order)
        mine = [
            fee for fee in open_fees if fee.order_id == order.pk and fee.delivery_id in (None, shipment.delivery_id)
        ]
        open_fees = [fee for fee in open_fees if fee not in mine]
        contents = [(line, line.order_line) for line in lines.get(key, [])]
        leaving.append(_Leaving(shipment, order, contents, mine, request))
    return leaving


def _apply_partial(leaving: Sequence[_Leaving]) -> None:
    """Cut shipments to what really goes. Lines that do not go leave the shipment; their reservation stays with the order."""
    problems, dropped, reduced = [], [], []
    for item in leaving:
        wanted = item.request.quantities
        if wanted is None:
            continue
        known = {order_line.pk for _line, order_line in item.lines}
        kept = []
        for line, order_line in item.lines:
            count = wanted.get(order_line.pk, 0)
            if not 0 <= count <= line.quantity:
                problems.append(
                    Problem(item.shipment.number, "bad_quantity", f"{order_line.sku_code}: {count}/{line.quantity}")
                )
            elif count == 0:
                dropped.append(line.pk)
            else:
                if count < line.quantity:
                    line.quantity = count
                    reduced.append((line.pk, count))
                kept.append((line, order_line))
        if not kept or set(wanted) - known:
            problems.append(
                Problem(item.shipment.number, "wrong_lines", _("Name lines of this shipment, at least one piece."))
            )
        item.lines = kept
    if problems:
        raise NotShippable(_("These shipments cannot leave."), problems=problems)
    ShipmentLine.objects.filter(pk__in=dropped).delete()
    rows.update(ShipmentLine, "id", ["quantity"], reduced)


def _share_amounts(leaving: Sequence[_Leaving]) -> None:
    """Give each shipment line its part of the order line; the last part takes the rest. Several shipments of one line go one by one."""
    shipped: dict[int, int] = {}
    for item in leaving:
        for line, order_line in item.lines:
            if order_line.net_amount is None or order_line.tax_amount is None:
                raise AssertionError(f"{item.order.number} is being shipped with an unknown amount")
            before = shipped.get(order_line.pk, order_line.shipped_quantity)
            after = before + line.quantity
            shipped[order_line.pk] = after
            currency = item.order.currency
            line.net_amount = share_so_far(
                order_line.net_amount, done=after, of=order_line.quantity, currency=currency
            ) - share_so_far(order_line.net_amount, done=before, of=order_line.quantity, currency=currency)
            line.tax_amount = share_so_far(
                order_line.tax_amount, done=after, of=order_line.quantity, currency=currency
            ) - share_so_far(order_line.tax_amount, done=before, of=order_line.quantity, currency=currency)
            line.gross_amount = line.net_amount + line.tax_amount


def _exposure_moves(leaving: Sequence[_Leaving]) -> list[sales.ExposureMove]:
    """Open-order exposure ends when goods leave; until revenue is met they count as shipped and unbilled."""
    moves: list[sales.ExposureMove] = []
    left: dict[int, Decimal] = {}
    for item in leaving:
        order = item.order
        open_amount = left.get(order.pk, order.exposure_amount)
        ended = min(item.gross, open_amount)
        if not ended:
            continue
        left[order.pk] = order.exposure_amount = open_amount - ended
        moves.append(sales.ExposureMove(order, ExposureEntry.Kind.OPEN_ORDER, -ended, "ORDER", order.pk))
        if order.revenue_basis != RevenueBasis.SHIPMENT:
            moves.append(sales.ExposureMove(order, ExposureEntry.Kind.UNBILLED, ended, "SHIPMENT", item.shipment.pk))
    return moves


def _issue(leaving: Sequence[_Leaving], *, on: dt.date, at: dt.datetime, by: Actor) -> dict[int, list[Issued]]:
    """Take the pieces out of stock. One call per channel and way (out of the books, or to 積送品). By shipment."""
    line_keys = [order_line.pk for item in leaving for _line, order_line in item.lines]
    components: dict[int, list[tuple[int, int]]] = {}
    for line_id, sku_id, per_unit in (
        OrderLineComponent.objects.filter(line__in=line_keys)
        .order_by("line_id", "pk")
        .values_list("line_id", "sku_id", "quantity_per_unit")
    ):
        components.setdefault(line_id, []).append((sku_id, per_unit))
    groups: dict[tuple[int, bool], list[Issue]] = {}
    for item in leaving:
        to_transit = item.order.revenue_basis != RevenueBasis.SHIPMENT
        groups.setdefault((item.order.channel_id, to_transit), []).extend(
            Issue(item.shipment.pk, line.pk, item.order.pk, order_line.pk, sku_id, line.quantity * per_unit)
            for line, order_line in item.lines
            for sku_id, per_unit in components[order_line.pk]
        )
    issued: dict[int, list[Issued]] = {}
    for (channel_id, to_transit), issues in sorted(groups.items()):
        for part in issue_reserved(
            source_type="SHIPMENT",
            document_type="ORDER",
            issues=issues,
            channel_id=channel_id,
            occurred_at=sales.moment_of(on, at),
            transit_location_id=transit_location_id() if to_transit else None,
            at=at,
            by=by,
        ):
            issued.setdefault(part.source_id, []).append(part)
    return issued


_WRITTEN_AT_SHIPMENT = (
    "state", "shipped_at", "ship_date", "carrier", "tracking_number", "net_amount", "tax_amount", "gross_amount",
    "cost_amount", "version", "revenue_date",
)  # fmt: skip


def _save(
    leaving: Sequence[_Leaving], issued: Mapping[int, Sequence[Issued]], *, on: dt.date, at: dt.datetime, by: Actor
) -> None:
    line_costs: dict[int, Decimal] = {}
    for part in (part for parts in issued.values() for part in parts):
        line_costs[part.source_line] = line_costs.get(part.source_line, ZERO) + part.value
    shipped: dict[int, int] = {}
    lines, parcels, fees = [], [], []
    for item in leaving:
        for line, order_line in item.lines:
            cost = line_costs.get(line.pk, ZERO)
            lines.append((line.pk, line.net_amount, line.tax_amount, line.gross_amount, cost))
            shipped[order_line.pk] = shipped.get(order_line.pk, order_line.shipped_quantity) + line.quantity
        gross, cost = item.gross, sum((part.value for part in issued.get(item.shipment.pk, [])), ZERO)
        net = sum((line.net_amount for line, _order_line in item.lines), ZERO) + sum(
            (fee.net_amount or ZERO for fee in item.fees), ZERO
        )
        shipment = item.shipment
        shipment.state, shipment.shipped_at, shipment.ship_date = Shipment.State.SHIPPED, at, on
        shipment.carrier = item.request.carrier or shipment.delivery.carrier
        shipment.tracking_number = item.request.tracking_number
        shipment.net_amount, shipment.tax_amount = net, gross - net
        shipment.gross_amount, shipment.cost_amount = gross, cost
        shipment.version += 1
        shipment.revenue_date = on if item.order.revenue_basis == RevenueBasis.SHIPMENT else None
        parcels.append((shipment.pk, *(getattr(shipment, name) for name in _WRITTEN_AT_SHIPMENT)))
        fees += [(fee.pk, item.shipment.pk) for fee in item.fees]
    on_account = {item.order.pk: item.order.exposure_amount for item in leaving if item.order.account_id}
    batch = rows.Batch()
    batch.update(ShipmentLine, "id", ["net_amount", "tax_amount", "gross_amount", "cost_amount"], lines)
    batch.update(Shipment, "id", _WRITTEN_AT_SHIPMENT, parcels)
    batch.update(OrderLine, "id", ["shipped_quantity"], list(shipped.items()))
    batch.update(OrderFee, "id", ["shipment_id"], fees)
    batch.update(Order, "id", ["exposure_amount"], list(on_account.items()))
    batch.insert(
        OrderEvent,
        EVENT_COLUMNS,
        [(item.order.pk, "SHIPPED", "", "", item.shipment.number, at, str(by)) for item in leaving],
    )
    batch.run()


def _cost_by_role(issued: Mapping[int, Iterable[Issued]]) -> dict[int, dict[str, Decimal]]:
    costs: dict[int, dict[str, Decimal]] = {}
    for shipment_id, parts in issued.items():
        for part in parts:
            by_role = costs.setdefault(shipment_id, {})
            by_role[part.account_role] = by_role.get(part.account_role, ZERO) + part.value
    return costs


def _post_transit(
    leaving: Sequence[_Leaving], issued: Mapping[int, Sequence[Issued]], *, on: dt.date, at: dt.datetime, by: Actor
) -> None:
    drafts = [
        postings.into_transit(
            document=Document("SHIPMENT", item.shipment.pk, item.shipment.number),
            cost=sum((part.value for part in issued.get(item.shipment.pk, [])), ZERO),
            on=on,
            dimensions=dimensions_of(item.order),
        )
        for item in leaving
    ]
    if entries := [draft for draft in drafts if draft is not None]:
        post_entries(drafts=entries, at=at, by=by)


@use_case
def cancel_release(*, shipment_id: int, reason: str, at: dt.datetime, by: Actor) -> str:
    """Call an instructed shipment back (出荷指示取消): its goods stay reserved for the order. Returns the order's state."""
    shipment = _lock_shipments([shipment_id]).get(shipment_id)
    if shipment is None or shipment.state in _GONE:
        raise NotShippable(_("Only a shipment that is still being picked can be called back."))
    Shipment.objects.filter(pk=shipment_id).update(state=Shipment.State.CANCELLED, version=F("version") + 1)
    return move_states(order_ids=[shipment.order_id], at=at, by=by, why=reason)[shipment.order_id]
