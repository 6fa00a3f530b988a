"""One order with everything that became of it (受注伝票), for the people of the house. As many queries for fifty lines as for one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from accounting import selectors as books
from erp.core.models import MessageLog, StaffTask
from erp.core.money import ZERO
from erp.correspondence import selectors as correspondence
from erp.correspondence.models import Mail
from erp.inventory.selectors import PromisedPart, issued_values, place_names, promised, reserved
from erp.orders.models import (
    OVER,
    PAID_AGAIN,
    Delivery,
    LateRevision,
    Order,
    OrderAdjustment,
    OrderEvent,
    OrderFee,
    OrderHold,
    OrderLine,
    OrderLineComponent,
    OrderPayment,
    OrderState,
    OrderTaxTotal,
    OrderWait,
    PaymentEvent,
    Return,
    ReturnLine,
    SalesReport,
    Shipment,
    ShipmentLine,
)
from erp.orders.selectors.orders import MAY_LACK_STOCK

MESSAGES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Pieces:
    """Pieces of one SKU at one place: reserved there, or gone from there. ``sku`` is named where it is a part of a kit."""

    place: str
    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class SheetLine:
    """``lacking`` is how many units are open and not fully reserved; ``promised`` what of them is expected, from which purchase and when."""

    row: OrderLine
    reserved: tuple[Pieces, ...]
    taken_from: tuple[Pieces, ...]
    lacking: int
    promised: tuple[PromisedPart, ...]

    @property
    def open(self) -> int:
        return self.row.quantity - self.row.shipped_quantity - self.row.cancelled_quantity


@dataclass(frozen=True, slots=True)
class SheetShipment:
    row: Shipment
    lines: tuple[ShipmentLine, ...]


@dataclass(frozen=True, slots=True)
class SheetReturn:
    row: Return
    lines: tuple[ReturnLine, ...]


@dataclass(frozen=True, slots=True)
class Sum:
    net: Decimal
    tax: Decimal
    gross: Decimal


@dataclass(frozen=True, slots=True)
class OrderSheet:
    order: Order
    holds: tuple[OrderHold, ...]
    waits: tuple[OrderWait, ...]
    lines: tuple[SheetLine, ...]
    deliveries: tuple[Delivery, ...]
    fees: tuple[OrderFee, ...]
    adjustments: tuple[OrderAdjustment, ...]
    taxes: tuple[OrderTaxTotal, ...]
    payments: tuple[OrderPayment, ...]
    payment_events: tuple[PaymentEvent, ...]
    shipments: tuple[SheetShipment, ...]
    reports: tuple[SalesReport, ...]
    returns: tuple[SheetReturn, ...]
    late_revisions: tuple[LateRevision, ...]
    events: tuple[OrderEvent, ...]

    @property
    def documents(self) -> list[tuple[str, int]]:
        """The order and what came of it, as the books and the tasks name them."""
        return [
            ("ORDER", self.order.pk),
            *(("SHIPMENT", parcel.row.pk) for parcel in self.shipments),
            *(("SALES_REPORT", report.pk) for report in self.reports),
            *(("RETURN", back.row.pk) for back in self.returns),
        ]

    @property
    def open_holds(self) -> list[OrderHold]:
        return [hold for hold in self.holds if hold.resolved_at is None]

    @property
    def memos(self) -> list[OrderEvent]:
        """The newest first."""
        return [event for event in self.events if event.kind == OrderEvent.Kind.MEMO]

    @property
    def lines_sum(self) -> Sum:
        return _sum([line.row for line in self.lines])

    @property
    def fees_sum(self) -> Sum:
        return _sum(self.fees)

    @property
    def tax_sum(self) -> Sum:
        return _sum(self.taxes)

    @property
    def adds_up(self) -> bool:
        """Lines and fees are the total, and so are the amounts of all tax rates."""
        lines, fees, taxes = self.lines_sum, self.fees_sum, self.tax_sum
        return self.order.total is None or self.order.total == lines.gross + fees.gross == taxes.gross

    @property
    def paid_by_others(self) -> Decimal:
        """Discounts that a mall, a maker or a provider pays us."""
        others = (item.amount for item in self.adjustments if item.funded_by != OrderAdjustment.Funder.SHOP)
        return sum(others, ZERO)

    @property
    def acts(self) -> list[str]:
        """The acts of the order desk that are possible now, the one that leads on first."""
        state, is_cancelled = self.order.state, self.order.cancelled_at is not None
        lacks = any(line.lacking for line in self.lines)
        has_pieces = any(line.open > line.lacking for line in self.lines)
        is_called_back = all(parcel.row.state == Shipment.State.CANCELLED for parcel in self.shipments)
        is_overtaken = any(late.revision > self.order.revision for late in self.late_revisions)
        possible = {
            "apply_late_revision": is_overtaken and is_called_back and not is_cancelled,
            "release": state == OrderState.READY,
            "make_final": self.order.is_provisional and not is_cancelled,
            "allocate": state in MAY_LACK_STOCK and lacks,
            "release_in_part": state == OrderState.AWAITING_STOCK and has_pieces,
            "hold": state not in OVER and all(hold.reason != OrderHold.Reason.MANUAL for hold in self.open_holds),
            "cancel": not is_cancelled and any(line.open for line in self.lines),
        }
        return [act for act, is_possible in possible.items() if is_possible]

    def can_be_resolved(self, hold: OrderHold) -> bool:
        """Whether staff can resolve this reason here; some wait for the sales channel, or for something to be done first."""
        if hold.reason == OrderHold.Reason.AMOUNT_UNKNOWN:
            return self.order.total is not None
        if hold.reason == OrderHold.Reason.UNKNOWN_SKU:
            return all(line.row.sku_id for line in self.lines)
        return hold.reason != OrderHold.Reason.CURRENCY


@dataclass(frozen=True, slots=True)
class SheetItem:
    """An open item of the order with everything that lowered it."""

    item: books.OpenItemView
    reductions: tuple[books.Reduction, ...]


def order_sheet(order: Order) -> OrderSheet:
    """``order`` was read with its channel and customer."""
    lines = list(OrderLine.objects.filter(order=order).select_related("sku", "delivery").order_by("line_no"))
    parcels = list(Shipment.objects.filter(order=order).select_related("delivery").order_by("pk"))
    contents = list(
        ShipmentLine.objects.filter(shipment__order=order).select_related("order_line__sku").order_by("shipment", "pk")
    )
    returns = list(Return.objects.filter(order=order).order_by("pk"))
    back = list(ReturnLine.objects.filter(document__order=order).select_related("sku").order_by("pk"))
    return OrderSheet(
        order=order,
        holds=tuple(OrderHold.objects.filter(order=order).order_by("pk")),
        waits=tuple(OrderWait.objects.filter(order=order, closed_at__isnull=True).order_by("pk")),
        lines=_with_places(order, lines, contents),
        deliveries=tuple(Delivery.objects.filter(order=order).order_by("pk")),
        fees=tuple(OrderFee.objects.filter(order=order).select_related("shipment", "delivery").order_by("line_no")),
        adjustments=tuple(OrderAdjustment.objects.filter(order=order).select_related("line").order_by("line_no")),
        taxes=tuple(OrderTaxTotal.objects.filter(order=order).order_by("-tax_percent", "tax_code")),
        payments=tuple(OrderPayment.objects.filter(order=order).order_by("line_no")),
        payment_events=tuple(PaymentEvent.objects.filter(order=order).select_related("payment").order_by("pk")),
        shipments=tuple(
            SheetShipment(parcel, tuple(line for line in contents if line.shipment_id == parcel.pk))
            for parcel in parcels
        ),
        reports=tuple(
            SalesReport.objects.filter(lines__shipment_line__shipment__order=order).distinct().order_by("pk")
        ),
        returns=tuple(
            SheetReturn(document, tuple(line for line in back if line.document_id == document.pk))
            for document in returns
        ),
        late_revisions=tuple(LateRevision.objects.filter(order=order).order_by("-revision")),
        events=tuple(OrderEvent.objects.filter(order=order).order_by("-pk")),
    )


def entries_of(sheet: OrderSheet) -> list[books.EntryView]:
    return books.entry_views(sheet.documents)


def items_of(sheet: OrderSheet) -> list[SheetItem]:
    items = books.items_of_documents(sheet.documents)
    lowered: dict[int, list[books.Reduction]] = {}
    for reduction in books.reductions([item.id for item in items]):
        lowered.setdefault(reduction.item_id, []).append(reduction)
    return [SheetItem(item, tuple(lowered.get(item.id, ()))) for item in items]


def refund_is_owed(sheet: OrderSheet) -> bool:
    """Whether money of the order is to go back to the customer: owed by a cancellation or a return, or more than is to be paid."""
    items = [item for item in books.items_of_documents(sheet.documents) if item.remaining]
    is_too_much = any(row.beyond_amount for row in sheet.payments)
    if is_too_much and sheet.order.cancelled_at is None and any(item.role == "deposits" for item in items):
        return True
    return any(item.role == "refunds_payable" and item.party.kind == "CUSTOMER" for item in items)


def is_paid_again(order_id: int) -> bool:
    """Whether somebody has to say if a transfer came twice."""
    asked = StaffTask.objects.filter(kind=PAID_AGAIN, subject_type="ORDER", subject_id=order_id)
    return asked.filter(closed_at__isnull=True).exists()


def tasks_of(sheet: OrderSheet) -> list[StaffTask]:
    """Open and closed ones, the open ones first."""
    keys: dict[str, list[int]] = {}
    for kind, key in sheet.documents:
        keys.setdefault(kind, []).append(key)
    found = StaffTask.objects.none()
    for kind, ids in keys.items():
        found |= StaffTask.objects.filter(subject_type=kind, subject_id__in=ids)
    return sorted(found.order_by("pk"), key=lambda task: task.closed_at is not None)


def messages_of(order: Order) -> list[MessageLog]:
    """The latest raw messages about the order, newest first."""
    found = MessageLog.objects.filter(channel=order.channel_id, external_id=order.external_id)
    return list(found.order_by("-pk")[:MESSAGES_SHOWN])


def mails_of(order: Order) -> list[Mail]:
    """What was, or is to be, written to the shopper, the newest first."""
    return correspondence.mails_of("ORDER", order.pk)


def _with_places(order: Order, lines: Sequence[OrderLine], contents: Sequence[ShipmentLine]) -> tuple[SheetLine, ...]:
    components = OrderLineComponent.objects.filter(line__order=order).select_related("sku").order_by("pk")
    parts: dict[int, list[OrderLineComponent]] = {}
    for part in components:
        parts.setdefault(part.line_id, []).append(part)
    claims = reserved("ORDER", [order.pk])
    due: dict[int, list[PromisedPart]] = {}
    for part_due in promised("ORDER", [order.pk]):
        due.setdefault(part_due.document_line, []).append(part_due)
    issued = issued_values(
        "SHIPMENT", [line.pk for line in contents], source_ids={line.shipment_id for line in contents}
    )
    names = place_names(
        {claim.location_id for claim in claims} | {move.location_id for moves in issued.values() for move in moves}
    )
    kept: dict[int, dict[tuple[int, int], int]] = {}
    for claim in claims:
        _add(kept.setdefault(claim.document_line, {}), (claim.sku_id, claim.location_id), claim.quantity)
    gone: dict[int, dict[tuple[int, int], int]] = {}
    for line in contents:
        for move in issued.get(line.pk, ()):
            _add(gone.setdefault(line.order_line_id, {}), (move.sku_id, move.location_id), move.quantity)
    return tuple(
        SheetLine(
            row,
            _pieces(kept.get(row.pk, {}), names, parts.get(row.pk, ())),
            _pieces(gone.get(row.pk, {}), names, parts.get(row.pk, ())),
            _lacking(row, kept.get(row.pk, {}), parts.get(row.pk, ())),
            tuple(due.get(row.pk, ())),
        )
        for row in lines
    )


def _add(sums: dict[tuple[int, int], int], key: tuple[int, int], quantity: int) -> None:
    sums[key] = sums.get(key, 0) + quantity


def _pieces(
    sums: Mapping[tuple[int, int], int], names: Mapping[int, str], parts: Sequence[OrderLineComponent]
) -> tuple[Pieces, ...]:
    codes = {part.sku_id: part.sku.code for part in parts} if len(parts) > 1 else {}
    return tuple(Pieces(names[place], codes.get(sku, ""), quantity) for (sku, place), quantity in sums.items())


def _lacking(row: OrderLine, kept: Mapping[tuple[int, int], int], parts: Sequence[OrderLineComponent]) -> int:
    """Units of a line are reserved as far as its scarcest component is."""
    of_sku: dict[int, int] = {}
    for (sku, _place), quantity in kept.items():
        of_sku[sku] = of_sku.get(sku, 0) + quantity
    units = min((of_sku.get(part.sku_id, 0) // part.quantity_per_unit for part in parts), default=0)
    return max(row.quantity - row.shipped_quantity - row.cancelled_quantity - units, 0)


def _sum(rows: Iterable[OrderLine] | Iterable[OrderFee] | Iterable[OrderTaxTotal]) -> Sum:
    net = tax = gross = ZERO
    for row in rows:
        net, tax, gross = net + (row.net_amount or 0), tax + (row.tax_amount or 0), gross + (row.gross_amount or 0)
    return Sum(net, tax, gross)
