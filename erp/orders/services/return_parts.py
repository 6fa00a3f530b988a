"""What each return takes back: the shipment lines, checked under their lock, with their share of the sale's amounts, cost and pieces.

Part of the caller's transaction, which holds the orders. Level: document.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from django.utils.translation import gettext as _

from erp.core.errors import Problem
from erp.core.money import ZERO, share_so_far
from erp.inventory.selectors import IssuedPart, issued_values, location_id_of
from erp.inventory.services import PutBack
from erp.orders import postings
from erp.orders.exceptions import NotReturnable
from erp.orders.models import Order, OrderFee, OrderLine, ReturnLine, ShipmentLine
from erp.orders.postings import Document, SalePart
from erp.orders.services.recognition import fee_part

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
    key: int = 0


@dataclass(slots=True)
class Taking:
    """One return while it is recorded."""

    request: ReturnRequest
    order: Order
    fingerprint: str
    parts: list[Part] = field(default_factory=list)
    fees: list[OrderFee] = field(default_factory=list)
    fee_keys: list[int] = field(default_factory=list)
    document: Document = field(default_factory=lambda: Document("RETURN", 0, ""))

    @property
    def shipment_ids(self) -> set[int]:
        return {part.line.shipment_id for part in self.parts}

    @property
    def sale_parts(self) -> list[SalePart]:
        role = postings.SALES_ROLE[self.order.channel.kind]
        goods = [SalePart(role, p.net, p.tax, p.order_line.tax_code, p.key) for p in self.parts]
        return [*goods, *(fee_part(fee) for fee in self.fees)]

    def cost_in(self, condition: str) -> Decimal:
        return sum((part.cost for part in self.parts if part.condition == condition), ZERO)


def find_parts(takings: Sequence[Taking]) -> None:
    """Lock and check the shipment lines, and give each return its share of amounts, cost and pieces. The last unit takes the rest."""
    wanted = {line.shipment_line_id for taking in takings for line in taking.request.lines}
    locked = (
        ShipmentLine.objects.filter(pk__in=wanted)
        .select_related("order_line", "shipment")
        .order_by("pk")
        .select_for_update(of=("self",), no_key=True)
    )
    found = {line.pk: line for line in locked}
    returned = {key: line.returned_quantity for key, line in found.items()}
    issued = issued_values("SHIPMENT", list(found), source_ids={line.shipment_id for line in found.values()})
    is_defective = any(line.condition == Condition.DEFECTIVE for t in takings for line in t.request.lines)
    defect_id = location_id_of(DEFECT_LOCATION) if is_defective else None
    problems = []
    for taking in takings:
        mine = {key: line for key, line in found.items() if line.shipment.order_id == taking.order.pk}
        problems += _faults(taking.request, mine, returned)
        for asked in sorted(taking.request.lines, key=lambda line: line.shipment_line_id):
            if (line := mine.get(asked.shipment_line_id)) is not None:
                before = returned[line.pk]
                returned[line.pk] = before + asked.quantity
                taking.parts.append(_part(line, asked, before, issued.get(line.pk, ()), defect_id))
    if problems:
        raise NotReturnable(_("This cannot be taken back."), problems=problems)
    with_fees = {key for taking in takings if taking.request.refund_fees for key in taking.shipment_ids}
    if with_fees:
        for fee in OrderFee.objects.filter(shipment__in=with_fees, refunds__isnull=True).order_by(
            "order_id", "line_no"
        ):
            next(t for t in takings if fee.shipment_id in t.shipment_ids and t.request.refund_fees).fees.append(fee)


def _faults(request: ReturnRequest, mine: Mapping[int, ShipmentLine], returned: Mapping[int, int]) -> list[Problem]:
    problems = []
    before: dict[int, int] = {}
    for asked in request.lines:
        line = mine.get(asked.shipment_line_id)
        # The units of one line may come back in several conditions.
        left = line.quantity - returned[line.pk] - before.get(line.pk, 0) if line else 0
        before[asked.shipment_line_id] = before.get(asked.shipment_line_id, 0) + asked.quantity
        if not 0 < asked.quantity <= left:
            detail = _("%(asked)s came back, %(possible)s can.") % {"asked": asked.quantity, "possible": left}
            problems.append(Problem(str(asked.shipment_line_id), "not_returnable", detail))
        if line is not None and line.shipment.revenue_date is None:
            problems.append(Problem(line.shipment.number, "revenue_not_met", _("The sale was not posted yet.")))
        if asked.condition not in Condition.values:
            detail = _("“%(value)s” is not known here.") % {"value": asked.condition[:50]}
            problems.append(Problem(str(asked.shipment_line_id), "unknown_value", detail))
    if not request.lines or len({(line.shipment_line_id, line.condition) for line in request.lines}) < len(
        request.lines
    ):
        detail = _("Name each line once per condition, at least one.")
        problems.append(Problem(request.external_id, "wrong_lines", detail))
    return problems


def _part(
    line: ShipmentLine, asked: ReturnedLine, before: int, issued: Iterable[IssuedPart], defect_id: int | None
) -> Part:
    after = before + asked.quantity
    if after > line.quantity:  # refused in a moment, with every other fault
        return Part(line, line.order_line, asked.quantity, asked.condition, ZERO, ZERO, ZERO, [])

    def share(total: Decimal) -> Decimal:
        return share_so_far(total, done=after, of=line.quantity) - share_so_far(total, done=before, of=line.quantity)

    pieces = [] if asked.condition == Condition.NOT_RETURNED else _pieces_back(line, issued, before, after)
    # What the pieces were worth when they left, so that stock and books move by one figure; of defective ones it is the loss.
    cost = sum((item.value for item in pieces), ZERO)
    back = [
        PutBack(line.pk, item.sku_id, item.quantity, item.location_id, item.value)
        if defect_id is None or asked.condition != Condition.DEFECTIVE
        else PutBack(line.pk, item.sku_id, item.quantity, defect_id, ZERO)
        for item in pieces
    ]
    return Part(
        line,
        line.order_line,
        asked.quantity,
        asked.condition,
        share(line.net_amount),
        share(line.tax_amount),
        cost,
        back,
    )


def _pieces_back(line: ShipmentLine, issued: Iterable[IssuedPart], before: int, after: int) -> list[IssuedPart]:
    """The pieces that belong to the returned units, at their share of the value they left with.

    The pieces of one SKU are counted through in the order they were taken, whichever location each came from.
    """
    taken: dict[int, list[IssuedPart]] = {}
    for part in issued:
        taken.setdefault(part.sku_id, []).append(part)
    back = []
    for parts in taken.values():
        pieces = sum(part.quantity for part in parts)
        first, last = pieces * before // line.quantity, pieces * after // line.quantity
        for part in parts:
            low, high = (min(max(edge, 0), part.quantity) for edge in (first, last))
            if low < high:
                value = share_so_far(part.value, done=high, of=part.quantity) - share_so_far(
                    part.value, done=low, of=part.quantity
                )
                back.append(IssuedPart(part.sku_id, part.location_id, high - low, value))
            first, last = first - part.quantity, last - part.quantity
    return back
