"""出荷指示 and its withdrawal: which parcels the warehouse shall pick. Level: document."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from django.utils.translation import gettext as _

from erp.core import numbering, rows
from erp.core.actors import Actor
from erp.core.errors import Problem
from erp.core.money import ZERO
from erp.core.use_case import use_case
from erp.orders.exceptions import NotReleasable, NotShippable
from erp.orders.models import OrderEvent, OrderState, Shipment, ShipmentLine
from erp.orders.services import late_revisions, parcels
from erp.orders.services.allocation import ask_order_locks
from erp.orders.services.release_plans import Plan, plan_parcels, print_of, releasable_states
from erp.orders.services.sales import announce_numbers, announce_shipments
from erp.orders.services.states import Standing, ask_standing, gather_moves, move_states
from erp.orders.services.writing import EVENT_COLUMNS

SHIPMENT_COLUMNS = (
    "id", "number", "order_id", "delivery_id", "state", "revenue_basis", "instructed_at", "carrier", "tracking_number",
    "net_amount", "tax_amount", "gross_amount", "cost_amount", "actor", "version",
)  # fmt: skip
SHIPMENT_LINE_COLUMNS = (
    "shipment_id", "order_line_id", "quantity", "returned_quantity", "net_amount", "tax_amount", "gross_amount", "cost_amount",
)  # fmt: skip


@use_case
def release_orders(
    *, order_ids: Sequence[int], in_part: bool = False, at: dt.datetime, by: Actor
) -> dict[int, list[int]]:
    """出荷指示: one shipment per destination for everything that is reserved. Returns the new shipment ids by order.

    An order that is being picked already is left as it is. ``in_part`` also releases what an order that awaits stock has so far.
    Raises NotReleasable naming every order that may not go, and why; then none goes.
    """
    ids = sorted(set(order_ids))
    with rows.pipeline():
        ask_order_locks(ids)
        orders_as_locked = ask_standing(ids)
    standing = orders_as_locked()
    wanted = {key: known for key, known in standing.items() if known.head["state"] != OrderState.PICKING}
    planned = plan_parcels(wanted)
    _refuse_unreleasable(wanted, planned, in_part=in_part)
    return _release(planned, wanted, at=at, by=by)


class ReleaseOutcome(Enum):
    """What became of one order of a list."""

    RELEASED = "RELEASED"
    ALREADY = "ALREADY"
    CHANGED = "CHANGED"
    REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True)
class ReleaseResult:
    """``shipments`` are those of this release, or those that are being picked already; ``why`` says why there are none."""

    outcome: ReleaseOutcome
    shipments: tuple[int, ...] = ()
    why: str = ""


@use_case
def release_as_seen(
    *, seen: Mapping[int, str], in_part: bool = False, at: dt.datetime, by: Actor
) -> dict[int, ReleaseResult]:
    """出荷指示 of those orders that still are what a person saw of them (``release_plans``), each wholly or not at all; one result for each.

    ``seen`` holds the fingerprint of the plan by order. Pressed twice, the second time finds the orders being picked and changes nothing.
    """
    ids = sorted(seen)
    with rows.pipeline():
        ask_order_locks(ids)
        orders_as_locked = ask_standing(ids)
    standing = orders_as_locked()
    planned = plan_parcels(standing)
    allowed = releasable_states(in_part=in_part)
    going: dict[int, Standing] = {}
    results: dict[int, ReleaseResult] = {}
    for key in ids:
        known = standing.get(key)
        if known is None:
            results[key] = ReleaseResult(ReleaseOutcome.REFUSED, why=_("There is no such order."))
        elif known.head["state"] == OrderState.PICKING:
            results[key] = ReleaseResult(ReleaseOutcome.ALREADY)
        elif print_of(known, planned) != seen[key]:
            why = _("It has changed since it was shown: %(state)s") % {"state": OrderState(known.head["state"]).label}
            results[key] = ReleaseResult(ReleaseOutcome.CHANGED, why=why)
        elif known.head["state"] not in allowed:
            results[key] = ReleaseResult(ReleaseOutcome.REFUSED, why=str(OrderState(known.head["state"]).label))
        elif not any(order_id == key for order_id, _delivery in planned):
            results[key] = ReleaseResult(ReleaseOutcome.REFUSED, why=_("Nothing is reserved for these orders."))
        else:
            going[key] = known
    plan = {(order_id, delivery): units for (order_id, delivery), units in planned.items() if order_id in going}
    for key, shipments in _release(plan, going, at=at, by=by).items():
        results[key] = ReleaseResult(ReleaseOutcome.RELEASED, tuple(shipments))
    return results


def _release(planned: Plan, wanted: Mapping[int, Standing], *, at: dt.datetime, by: Actor) -> dict[int, list[int]]:
    if not wanted:
        return {}
    batch = rows.Batch()
    shipments = _gather_parcels(planned, wanted, batch, at=at, by=by)
    picked = {key: replace(known, facts=replace(known.facts, is_being_picked=True)) for key, known in wanted.items()}
    gather_moves(picked, batch=batch, at=at, by=by)
    batch.run()
    return shipments


def _refuse_unreleasable(wanted: Mapping[int, Standing], planned: Plan, *, in_part: bool) -> None:
    allowed = releasable_states(in_part=in_part)
    heads = [known.head for known in wanted.values()]
    problems = [
        Problem(head["number"], head["state"], str(OrderState(head["state"]).label))
        for head in heads
        if head["state"] not in allowed
    ]
    if problems:
        raise NotReleasable(_("These orders cannot be released."), problems=problems)
    packed = {order_id for order_id, _delivery in planned}
    empty = [Problem(head["number"], "nothing_reserved", "") for head in heads if head["id"] not in packed]
    if empty:
        raise NotReleasable(_("Nothing is reserved for these orders."), problems=empty)


def _gather_parcels(
    planned: Plan, wanted: Mapping[int, Standing], batch: rows.Batch, *, at: dt.datetime, by: Actor
) -> dict[int, list[int]]:
    series = f"core_number_{numbering.SHIPMENT}"
    taken = rows.ask_ids({Shipment: len(planned), series: len(planned)})()
    found: dict[int, list[int]] = {}
    headers, lines = [], []
    for ((order_id, delivery_id), contents), key, count in zip(
        planned.items(), taken[Shipment], taken[series], strict=True
    ):
        found.setdefault(order_id, []).append(key)
        number = numbering.format_number(numbering.SHIPMENT, count)
        basis = wanted[order_id].head["revenue_basis"]
        head = (key, number, order_id, delivery_id, Shipment.State.INSTRUCTED.value, basis, at, "", "")
        headers.append((*head, ZERO, ZERO, ZERO, ZERO, str(by), 1))
        lines += [(key, line_id, units, 0, ZERO, ZERO, ZERO, ZERO) for line_id, units in contents.items()]
    batch.insert(Shipment, SHIPMENT_COLUMNS, headers)
    batch.insert(ShipmentLine, SHIPMENT_LINE_COLUMNS, lines)
    batch.insert(OrderEvent, EVENT_COLUMNS, [(order_id, "RELEASED", "", "", "", at, str(by)) for order_id in found])
    announce_numbers([(str(wanted[row[2]].head["channel__code"]), str(row[1])) for row in headers], batch=batch)
    return found


@use_case
def cancel_release(*, shipment_id: int, reason: str, at: dt.datetime, by: Actor) -> str:
    """Call an instructed shipment back (出荷指示取消): its goods stay reserved for the order. Returns the order's state.

    Where a revision came too late meanwhile, the order waits for a person (確認待ち), so that nobody picks again what is not wanted any more.
    """
    parcel = parcels.lock([shipment_id]).get(shipment_id)
    if parcel is None or parcel.state in parcels.GONE:
        raise NotShippable(_("Only a shipment that is still being picked can be called back."))
    batch = rows.Batch()
    batch.update(
        Shipment, "id", ["state", "version"], [(parcel.id, Shipment.State.CANCELLED.value, parcel.version + 1)]
    )
    announce_shipments([parcel], batch)
    batch.run()
    late_revisions.hold_called_back(parcel.order_id, at=at, by=by)
    state = move_states(order_ids=[parcel.order_id], batch=batch, at=at, by=by, why=reason)[parcel.order_id]
    batch.run()
    return state
