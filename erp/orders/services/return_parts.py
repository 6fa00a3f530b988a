"""What each return takes back: the shipment lines, checked under their lock, with their share of the sale's amounts, cost and pieces.

Part of the caller's transaction, which holds the orders. Level: document.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from django.utils.translation import gettext as _

from erp.core.errors import Problem
from erp.core.money import ZERO
from erp.inventory.selectors import IssuedPart, issued_values, location_id_of
from erp.inventory.services import BroughtBack, PutBack
from erp.orders import postings
from erp.orders.exceptions import NotReturnable
from erp.orders.models import Order, OrderFee, OrderLine, ReturnLine, ShipmentLine
from erp.orders.postings import Document, SalePart
from erp.orders.selectors.units import GONE, Units, outside, sold
from erp.orders.services.parcel_days import before_it_left
from erp.orders.services.recognition import fee_part
from erp.orders.services.sales import places_outside

Condition = ReturnLine.Condition
DEFECT_LOCATION = "DEFECT"


@dataclass(frozen=True, slots=True)
class ReturnedLine:
    """Units of one shipment line that came back, and in which condition."""

    shipment_line_id: int
    quantity: int
    condition: str = Condition.SELLABLE


@dataclass(frozen=True, slots=True)
class ReturnRequest:
    """One return of goods of one order."""

    order_id: int
    external_id: str
    lines: tuple[ReturnedLine, ...]
    refund_fees: bool = False
    reason: str = ""


@dataclass(slots=True)
class Part:
    """One line of a return with its share of the sale."""

    line: ShipmentLine
    order_line: OrderLine
    quantity: int
    condition: str
    net: Decimal
    tax: Decimal
    cost: Decimal
    back: list[PutBack]
    values: list[Decimal] = field(default_factory=list)
    key: int = 0
    # Of goods that were not sold yet: where they come back from, what they are worth there, and what a customer may have paid for them.
    is_unsold: bool = False
    outside: list[BroughtBack] = field(default_factory=list)
    unsold_gross: Decimal = ZERO


@dataclass(slots=True)
class Taking:
    """One return while it is recorded."""

    request: ReturnRequest
    order: Order
    fingerprint: str
    parts: list[Part] = field(default_factory=list)
    fees: list[OrderFee] = field(default_factory=list)
    fee_keys: list[int] = field(default_factory=list)
    # Fees of a parcel whose sale was not posted: nothing to take back, but a customer may have paid them.
    unsold_fees: list[OrderFee] = field(default_factory=list)
    document: Document = field(default_factory=lambda: Document("RETURN", 0, ""))
    # By so much the debt of whoever pays the shopper back (card, wallet, mall …) is lowered.
    taken_off: Decimal = ZERO
    # 代引: a driver collects for the order, whatever comes back.
    is_on_delivery: bool = False

    @property
    def shipment_ids(self) -> set[int]:
        return {part.line.shipment_id for part in self.parts}

    @property
    def all_fees(self) -> list[tuple[OrderFee, bool]]:
        """What is given back of fees, and whether it was not sold yet. Each stands on the return, so that it is given back once."""
        return [*((fee, False) for fee in self.fees), *((fee, True) for fee in self.unsold_fees)]

    @property
    def sold_parts(self) -> list[Part]:
        """What takes a sale back. The others only come back from outside."""
        return [part for part in self.parts if not part.is_unsold]

    @property
    def unsold_parts(self) -> list[Part]:
        return [part for part in self.parts if part.is_unsold]

    @property
    def sale_parts(self) -> list[SalePart]:
        role = postings.SALES_ROLE[self.order.channel.kind]
        goods = [SalePart(role, p.net, p.tax, p.order_line.tax_code, p.key) for p in self.sold_parts]
        return [*goods, *(fee_part(fee) for fee in self.fees)]

    def cost_in(self, condition: str, *, is_unsold: bool = False) -> Decimal:
        return sum(
            (part.cost for part in self.parts if part.condition == condition and part.is_unsold == is_unsold), ZERO
        )


def find_parts(takings: Sequence[Taking], *, on: dt.date) -> None:
    """Check the shipment lines, whose orders are locked, and give each return its share of amounts, cost and pieces. The last unit takes the rest."""
    wanted = {line.shipment_line_id for taking in takings for line in taking.request.lines}
    in_order = ShipmentLine.objects.filter(pk__in=wanted).select_related("order_line", "shipment").order_by("pk")
    found = {line.pk: line for line in in_order}
    left = {key: _Left(line) for key, line in found.items()}
    issued = issued_values("SHIPMENT", list(found), source_ids={line.shipment_id for line in found.values()})
    with_unsold = {item.line.shipment.order_id for item in left.values() if item.unsold}
    places = places_outside(taking.order for taking in takings if taking.order.pk in with_unsold) if with_unsold else {}
    is_defective = any(line.condition == Condition.DEFECTIVE for t in takings for line in t.request.lines)
    defect_id = location_id_of(DEFECT_LOCATION) if is_defective else None
    problems = []
    for taking in takings:
        mine = {key: line for key, line in found.items() if line.shipment.order_id == taking.order.pk}
        if faults := _faults(taking.request, mine, left, on=on):
            problems += faults
            continue
        for asked in sorted(taking.request.lines, key=lambda line: line.shipment_line_id):
            line = mine[asked.shipment_line_id]
            taking.parts += [
                _unsold(part, units, places[taking.order.pk]) if is_unsold else part
                for units, is_unsold in left[line.pk].take(asked.quantity)
                for part in [_part(line, units, asked.condition, issued.get(line.pk, ()), defect_id)]
            ]
    if problems:
        raise NotReturnable(_("This cannot be taken back."), problems=problems)
    with_fees = {key for taking in takings if taking.request.refund_fees for key in taking.shipment_ids}
    if with_fees:
        posted = {line.shipment_id for line in found.values() if line.shipment.revenue_date is not None}
        for fee in OrderFee.objects.filter(shipment__in=with_fees, refunds__isnull=True).order_by(
            "order_id", "line_no"
        ):
            taking = next(t for t in takings if fee.shipment_id in t.shipment_ids and t.request.refund_fees)
            (taking.fees if fee.shipment_id in posted else taking.unsold_fees).append(fee)


class _Left:
    """What can still come back of a line while one call takes it: first what was not sold yet, then what was."""

    def __init__(self, line: ShipmentLine) -> None:
        self.line = line
        self._outside, self._sold = outside(line, line.shipment), sold(line, line.shipment)
        self._sold_back = line.returned_quantity - line.unsold_quantity

    @property
    def unsold(self) -> int:
        return self._outside.quantity

    @property
    def units(self) -> int:
        return self.unsold + self._sold.quantity - self._sold_back

    def take(self, quantity: int) -> list[tuple[Units, bool]]:
        """``quantity`` units, parted in unsold (from the back of what is outside) and sold ones (from the front)."""
        taken = []
        if unsold := min(quantity, self.unsold):
            end = self._outside.last
            taken.append((Units(self.line, end - unsold, end), True))
            self._outside = Units(self.line, self._outside.first, end - unsold)
        if quantity > unsold:
            first = self._sold_back
            self._sold_back += quantity - unsold
            taken.append((Units(self.line, first, self._sold_back), False))
        return taken


def _faults(
    request: ReturnRequest, mine: Mapping[int, ShipmentLine], left: Mapping[int, _Left], *, on: dt.date
) -> list[Problem]:
    problems = []
    before: dict[int, int] = {}
    for asked in request.lines:
        line = mine.get(asked.shipment_line_id)
        # The units of one line may come back in several conditions.
        possible = left[line.pk].units - before.get(line.pk, 0) if line else 0
        before[asked.shipment_line_id] = before.get(asked.shipment_line_id, 0) + asked.quantity
        if line is not None and line.shipment.state not in GONE:
            problems.append(Problem(line.shipment.number, "not_shipped", _("The parcel has not left.")))
        elif not 0 < asked.quantity <= possible:
            detail = _("%(asked)s came back, %(possible)s can.") % {"asked": asked.quantity, "possible": possible}
            problems.append(Problem(str(asked.shipment_line_id), "not_returnable", detail))
        elif asked.condition == Condition.NOT_RETURNED and left[asked.shipment_line_id].unsold:
            detail = _("What was not sold yet has to come back; there is nothing to refund.")
            problems.append(Problem(str(asked.shipment_line_id), "not_sold", detail))
        if asked.condition not in Condition.values:
            detail = _("“%(value)s” is not known here.") % {"value": asked.condition[:50]}
            problems.append(Problem(str(asked.shipment_line_id), "unknown_value", detail))
    named = {line.shipment for line in mine.values()}
    for parcel in sorted(named, key=lambda parcel: parcel.pk):
        problems += before_it_left(parcel.number, parcel.ship_date, on)
    if not request.lines or len({(line.shipment_line_id, line.condition) for line in request.lines}) < len(
        request.lines
    ):
        detail = _("Name each line once per condition, at least one.")
        problems.append(Problem(request.external_id, "wrong_lines", detail))
    return problems


def _part(
    line: ShipmentLine, units: Units, condition: str, issued: Iterable[IssuedPart], defect_id: int | None
) -> Part:
    pieces = [] if condition == Condition.NOT_RETURNED else units.pieces(issued)
    # What the pieces were worth when they left, so that stock and books move by one figure; of defective ones it is the loss.
    cost = sum((item.value for item in pieces), ZERO)
    back = [
        PutBack(line.pk, item.sku_id, item.quantity, item.location_id, item.value)
        if defect_id is None or condition != Condition.DEFECTIVE
        else PutBack(line.pk, item.sku_id, item.quantity, defect_id, ZERO)
        for item in pieces
    ]
    part = Part(line, line.order_line, units.quantity, condition, units.net, units.tax, cost, back)
    part.values = [item.value for item in pieces]
    return part


def _unsold(part: Part, units: Units, place_id: int) -> Part:
    """The part as one that comes back from outside: no sale is taken back, the pieces leave the place outside with what they left with."""
    part.is_unsold, part.unsold_gross, part.net, part.tax = True, units.gross, ZERO, ZERO
    part.outside = [
        BroughtBack(part.line.pk, home.sku_id, home.quantity, place_id, home.location_id, value, home.value)
        for home, value in zip(part.back, part.values, strict=True)
    ]
    part.back = []
    return part
