"""What 出荷指示 would do: per order the parcels, or why it may not go. Reads only; ``releasing.release_as_seen`` does it, if it is still so."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from catalog.models import Sku
from erp.core import rows
from erp.core.clock import business_date, written_day
from erp.inventory.selectors import ReservedPart, place_names, reserved
from erp.orders.models import Delivery, Order, OrderHold, OrderLine, OrderState
from erp.orders.services.states import Standing, ask_standing

Plan = Mapping[tuple[int, int], Mapping[int, int]]
"""(order, delivery) → units by line"""


def plan_parcels(wanted: Mapping[int, Standing]) -> Plan:
    """Whole units that are reserved, as many as the scarcest component allows."""
    planned: dict[tuple[int, int], dict[int, int]] = {}
    for known in wanted.values():
        for need in known.needs:
            possible = known.reserved.get((need.line_id, need.sku_id), 0) // need.quantity_per_unit
            units = planned.setdefault((need.order_id, need.delivery_id), {})
            units[need.line_id] = min(units.get(need.line_id, need.units), possible)
    packed = {key: {line: count for line, count in units.items() if count} for key, units in planned.items()}
    return {key: units for key, units in packed.items() if units}


def releasable_states(*, in_part: bool) -> frozenset[str]:
    """States from which an order may go to the warehouse."""
    states = {OrderState.READY.value}
    return frozenset(states | {OrderState.AWAITING_STOCK.value} if in_part else states)


def print_of(known: Standing, planned: Plan) -> str:
    """What a person saw of an order and its plan, in few letters: another print means that something changed since."""
    mine = sorted((key, sorted(units.items())) for key, units in planned.items() if key[0] == known.head["id"])
    told = f"{known.head['state']} {known.head['version']} {mine}"
    return hashlib.sha256(told.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class PlannedLine:
    sku_code: str
    name: str
    units: int
    open_units: int


@dataclass(frozen=True, slots=True)
class PlannedParcel:
    """What goes to one destination. ``places`` says how many pieces of it lie at which place."""

    delivery: Delivery
    lines: tuple[PlannedLine, ...]
    places: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class ReleasePlan:
    """One order of a preview. ``why_not`` is empty for one that may go; ``notes`` are worth a look though it goes."""

    order: Order
    parcels: tuple[PlannedParcel, ...]
    why_not: tuple[str, ...]
    notes: tuple[str, ...]
    fingerprint: str

    @property
    def may_go(self) -> bool:
        return not self.why_not


@dataclass(slots=True)
class PlaceTotal:
    """What a place has to pick. A parcel whose pieces lie at two places counts at both."""

    place: str
    orders: set[int] = field(default_factory=set)
    parcels: int = 0
    pieces: int = 0


def plan_releases(*, order_ids: Sequence[int], in_part: bool, at: dt.datetime) -> list[ReleasePlan]:
    """A plan for each order, in the given order. As many questions for a hundred orders as for one."""
    ids = list(dict.fromkeys(order_ids))
    with rows.pipeline():
        asked = ask_standing(ids)
    standing = asked()
    planned = plan_parcels(standing)
    lacking = {need.sku_id for known in standing.values() for need in known.needs if need.sku_id}
    sheet = _Sheet(ids, reserved("ORDER", ids), lacking)
    return [
        _plan_of(standing[key], planned, sheet, in_part=in_part, today=business_date(at))
        for key in ids
        if key in standing
    ]


def release_totals(plans: Iterable[ReleasePlan]) -> list[PlaceTotal]:
    """Orders, parcels and pieces of the plans that may go, by place."""
    found: dict[str, PlaceTotal] = {}
    for plan in plans:
        for parcel in plan.parcels if plan.may_go else ():
            for place, pieces in parcel.places:
                total = found.setdefault(place, PlaceTotal(place))
                total.orders.add(plan.order.pk)
                total.parcels += 1
                total.pieces += pieces
    return sorted(found.values(), key=lambda total: total.place)


class _Sheet:
    """The rows that the plans are written with, read once for all orders."""

    def __init__(self, ids: Sequence[int], parts: Sequence[ReservedPart], sku_ids: set[int]) -> None:
        self.orders = Order.objects.select_related("channel").in_bulk(ids)
        self.deliveries = Delivery.objects.filter(order__in=ids).in_bulk()
        self.lines = OrderLine.objects.filter(order__in=ids).in_bulk()
        self.holds: dict[int, list[OrderHold]] = {}
        for hold in OrderHold.objects.filter(order__in=ids, resolved_at__isnull=True).order_by("pk"):
            self.holds.setdefault(hold.order_id, []).append(hold)
        self.parts: dict[int, list[ReservedPart]] = {}
        for part in parts:
            self.parts.setdefault(part.document_line, []).append(part)
        self.places = place_names(part.location_id for part in parts)
        self.codes = dict(Sku.objects.filter(pk__in=sku_ids).values_list("pk", "code"))


def _plan_of(known: Standing, planned: Plan, sheet: _Sheet, *, in_part: bool, today: dt.date) -> ReleasePlan:
    mine = {delivery: units for (order, delivery), units in planned.items() if order == known.head["id"]}
    per_unit = {(need.line_id, need.sku_id): need.quantity_per_unit for need in known.needs}
    parcels = tuple(
        PlannedParcel(sheet.deliveries[key], _lines(units, sheet), _places(units, per_unit, sheet))
        for key, units in mine.items()
    )
    state = known.head["state"]
    may_go = state in releasable_states(in_part=in_part)
    why_not = [] if may_go else _why_not(known, sheet)
    if may_go and not parcels:
        why_not = [_("Nothing is reserved for these orders.")]
    notes = _notes(parcels, today=today)
    if may_go and state == OrderState.AWAITING_STOCK:
        notes += _shortages(known, sheet)
    order = sheet.orders[known.head["id"]]
    return ReleasePlan(order, parcels, tuple(why_not), tuple(notes), print_of(known, planned))


def _lines(units: Mapping[int, int], sheet: _Sheet) -> tuple[PlannedLine, ...]:
    rows_of = [(sheet.lines[key], count) for key, count in units.items()]
    return tuple(
        PlannedLine(
            row.sku_code or row.channel_item_code,
            row.name,
            count,
            row.quantity - row.shipped_quantity - row.cancelled_quantity,
        )
        for row, count in rows_of
    )


def _places(
    units: Mapping[int, int], per_unit: Mapping[tuple[int, int | None], int], sheet: _Sheet
) -> tuple[tuple[str, int], ...]:
    """Pieces by place. Claims are used in the order in which they were made, as shipping does."""
    found: dict[str, int] = {}
    for line_id, count in units.items():
        left: dict[int, int] = {}
        for part in sheet.parts.get(line_id, []):
            wanted = left.setdefault(part.sku_id, count * per_unit.get((line_id, part.sku_id), 0))
            taken = min(wanted, part.quantity)
            left[part.sku_id] -= taken
            if taken:
                place = sheet.places[part.location_id]
                found[place] = found.get(place, 0) + taken
    return tuple(sorted(found.items()))


def _why_not(known: Standing, sheet: _Sheet) -> list[str]:
    """The first thing the order waits for, with its details."""
    head = known.head
    match head["state"]:
        case OrderState.ON_HOLD:
            return [
                ": ".join(filter(None, (hold.get_reason_display(), hold.detail)))
                for hold in sheet.holds.get(head["id"], [])
            ] or [str(OrderState.ON_HOLD.label)]
        case OrderState.AWAITING_STOCK:
            return _shortages(known, sheet) or [str(OrderState.AWAITING_STOCK.label)]
        case OrderState.AWAITING_SHIP_DATE if head["ship_after"]:
            wished = [sheet.deliveries[need.delivery_id].wish_date for need in known.needs]
            told = _("Not before %(day)s") % {"day": written_day(head["ship_after"])}
            dates = sorted({day for day in wished if day})
            return [told + "".join(_(" (wished for %(day)s)") % {"day": written_day(day)} for day in dates[:1])]
        case OrderState.AWAITING_RELEASE_DATE:
            last = max((need.release_date for need in known.needs if need.release_date), default=None)
            return (
                [_("On sale from %(day)s") % {"day": written_day(last)}]
                if last
                else [str(OrderState(head["state"]).label)]
            )
        case _:
            return [str(OrderState(head["state"]).label)]


def _shortages(known: Standing, sheet: _Sheet) -> list[str]:
    short = []
    for need in known.needs:
        there = known.reserved.get((need.line_id, need.sku_id), 0)
        if need.sku_id is None:
            short.append(_("%(item)s has no SKU yet") % {"item": sheet.lines[need.line_id].name})
        elif there < need.pieces:
            told = {"sku": sheet.codes[need.sku_id], "there": there, "wanted": need.pieces}
            short.append(_("%(sku)s: %(there)d of %(wanted)d reserved") % told)
    return short


def _notes(parcels: Iterable[PlannedParcel], *, today: dt.date) -> list[str]:
    late = sorted({parcel.delivery.wish_date for parcel in parcels if parcel.delivery.wish_date} - {None})
    return [_("The wished date %(day)s is over") % {"day": written_day(day)} for day in late if day and day < today]
