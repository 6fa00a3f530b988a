"""What came back of known sales: returns, refused parcels. With ``unlinked_returns`` the only documents that re-stock.

Takes the levels document, balances, cost rows, open items. A return uses the rate and amount of the original sale and the cost of the original
issue. One call takes any number of returns in a constant number of statements.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from decimal import Decimal

from django.utils.translation import gettext as _

from accounting.selectors import OpenItemView, open_items
from accounting.services import BillableDraft, EntryDraft, Party, add_billable_items, post_entries
from erp.core import changes, locks, messages, numbering, rows
from erp.core.actors import Actor
from erp.core.clock import business_date
from erp.core.errors import Problem
from erp.core.money import ZERO, Rounding, share_so_far
from erp.core.selectors import tax_rates
from erp.core.tax import rate_on
from erp.core.use_case import use_case
from erp.inventory.selectors import IssuedPart, issued_values, location_id_of
from erp.inventory.services import PutBack
from erp.orders import postings, selectors
from erp.orders.exceptions import NotReturnable, OrderNotFound
from erp.orders.models import Order, OrderEvent, OrderFee, OrderLine, Return, ReturnLine, Shipment, ShipmentLine
from erp.orders.postings import Document, MoneyPart, SalePart
from erp.orders.services import return_documents
from erp.orders.services.amounts import tax_inside
from erp.orders.services.payments import counterparty, customer_party, dimensions_of
from erp.orders.services.return_documents import NewLine, NewReturn
from erp.orders.services.sales import fee_part, hold_credit_of, moment_of, reduced_codes
from erp.orders.services.states import announce
from erp.orders.services.writing import EVENT_COLUMNS

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
class _Part:
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
class _Taking:
    """One return while it is recorded."""

    request: ReturnRequest
    order: Order
    fingerprint: str
    parts: list[_Part] = field(default_factory=list)
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


@use_case
def record_return(
    *,
    order_id: int,
    external_id: str,
    lines: Sequence[ReturnedLine],
    refund_fees: bool = False,
    reason: str = "",
    return_date: dt.date | None = None,
    at: dt.datetime,
    by: Actor,
) -> Return:
    """Take goods of an order back and owe the money back, or lower what is still owed. The same ``external_id`` again returns the first document.

    Raises OrderNotFound, NotReturnable (more than was shipped, revenue not yet met), Conflict for other content under the same id.
    """
    request = ReturnRequest(order_id, external_id, tuple(lines), refund_fees, reason)
    return _take_back(Return.Kind.RETURN, [request], ZERO, return_date or business_date(at), at=at, by=by)[0]


@use_case
def record_returns(
    *, returns: Sequence[ReturnRequest], return_date: dt.date | None = None, at: dt.datetime, by: Actor
) -> list[Return]:
    """As ``record_return`` for many returns of one channel and one day, all or none, in a constant number of statements.

    Several may take from the same shipment line, one after the other. Raises as ``record_return``, naming every line of every return.
    """
    return _take_back(Return.Kind.RETURN, returns, ZERO, return_date or business_date(at), at=at, by=by)


@use_case
def record_refusal(
    *,
    shipment_id: int,
    external_id: str,
    freight: Decimal = ZERO,
    condition: str = Condition.SELLABLE,
    return_date: dt.date | None = None,
    at: dt.datetime,
    by: Actor,
) -> Return:
    """受取拒否: the whole parcel came back unopened. The sale is taken back with its fees; ``freight`` (incl. tax) both ways is our cost."""
    shipment = Shipment.objects.filter(pk=shipment_id).first()
    if shipment is None:
        raise OrderNotFound(_("There is no such shipment."))
    lines = tuple(
        ReturnedLine(line.pk, line.quantity - line.returned_quantity, condition)
        for line in ShipmentLine.objects.filter(shipment=shipment).order_by("pk")
        if line.returned_quantity < line.quantity
    )
    request = ReturnRequest(shipment.order_id, external_id, lines, refund_fees=True)
    on = return_date or business_date(at)
    document = _take_back(Return.Kind.REFUSED, [request], freight, on, at=at, by=by)[0]
    Shipment.objects.filter(pk=shipment_id).update(state=Shipment.State.RETURNED)
    return document


def _take_back(
    kind: str, requests: Sequence[ReturnRequest], freight: Decimal, on: dt.date, *, at: dt.datetime, by: Actor
) -> list[Return]:
    takings = _lock(kind, requests, freight)
    if not takings:
        return []
    channel = takings[0].order.channel
    replays = return_documents.find_replays(
        channel.pk, {taking.request.external_id: taking.fingerprint for taking in takings}
    )
    fresh = [taking for taking in takings if taking.request.external_id not in replays]
    documents: list[NewReturn] = []
    if fresh:
        # Posting lowers what a bill-to owes; its credit group comes before the balances that restocking locks.
        hold_credit_of([taking.order for taking in fresh], on=on)
        _find_parts(fresh)
        documents = _documents(kind, fresh, on)
        return_documents.write(documents, at=at, by=by)
        _count_returned(fresh)
        return_documents.restock(documents, channel_id=channel.pk, occurred_at=moment_of(on, at), at=at, by=by)
        entries = _entries(kind, fresh, freight, on)
        post_entries(drafts=[entry for entry in entries if entry is not None], at=at, by=by)
        reduced = reduced_codes()
        billables = [item for taking in fresh for item in _billables(taking, on, reduced)]
        add_billable_items(items=billables, at=at, by=by)
        events = [
            (t.order.pk, "RETURNED", "", "", f"{t.document.number} {t.request.reason}"[:300], at, str(by))
            for t in fresh
        ]
        rows.insert(OrderEvent, EVENT_COLUMNS, events)
        changes.record(topic="return", keys=[taking.document.number for taking in fresh], audience=channel.code)
        announce(selectors.order_heads({taking.order.pk for taking in fresh}))
    return return_documents.stored(documents, replays, [request.external_id for request in requests])


def _lock(kind: str, requests: Sequence[ReturnRequest], freight: Decimal) -> list[_Taking]:
    """Lock the orders in key order, then the names of the returns."""
    found = (
        Order.objects.select_related("channel", "account")
        .filter(pk__in={request.order_id for request in requests})
        .order_by("pk")
        .select_for_update(of=("self",), no_key=True)
    )
    orders = {order.pk: order for order in found}
    if any(request.order_id not in orders for request in requests):
        raise OrderNotFound(_("There is no such order."))
    channels = {order.channel_id for order in orders.values()}
    if len(channels) > 1 or len({request.external_id for request in requests}) < len(requests):
        raise AssertionError("one call takes back goods of one channel, each return under an id of its own")
    locks.hold_all(f"return:{orders[request.order_id].channel_id}:{request.external_id}" for request in requests)
    return [_Taking(request, orders[request.order_id], _fingerprint(kind, request, freight)) for request in requests]


def _fingerprint(kind: str, request: ReturnRequest, freight: Decimal) -> str:
    content = {
        "kind": kind,
        "order": request.order_id,
        "lines": sorted(map(str, map(asdict, request.lines))),
        "fees": request.refund_fees,
        "freight": freight,
    }
    return messages.fingerprint(content)


def _find_parts(takings: Sequence[_Taking]) -> None:
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
    for asked in request.lines:
        line = mine.get(asked.shipment_line_id)
        left = line.quantity - returned[line.pk] if line else 0
        if not 0 < asked.quantity <= left:
            detail = _("%(asked)s came back, %(possible)s can.") % {"asked": asked.quantity, "possible": left}
            problems.append(Problem(str(asked.shipment_line_id), "not_returnable", detail))
        if line is not None and line.shipment.revenue_date is None:
            problems.append(Problem(line.shipment.number, "revenue_not_met", _("The sale was not posted yet.")))
        if asked.condition not in Condition.values:
            detail = _("“%(value)s” is not known here.") % {"value": asked.condition[:50]}
            problems.append(Problem(str(asked.shipment_line_id), "unknown_value", detail))
    if not request.lines or len({line.shipment_line_id for line in request.lines}) < len(request.lines):
        problems.append(Problem(request.external_id, "wrong_lines", _("Name each line once, at least one.")))
    return problems


def _part(
    line: ShipmentLine, asked: ReturnedLine, before: int, issued: Iterable[IssuedPart], defect_id: int | None
) -> _Part:
    after = before + asked.quantity
    if after > line.quantity:  # refused in a moment, with every other fault
        return _Part(line, line.order_line, asked.quantity, asked.condition, ZERO, ZERO, ZERO, [])

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
    return _Part(
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


def _documents(kind: str, takings: Sequence[_Taking], on: dt.date) -> list[NewReturn]:
    """Number the documents and key their lines."""
    lines = sum(len(taking.parts) + len(taking.fees) for taking in takings)
    ids = rows.allocate_ids({Return: len(takings), ReturnLine: lines})
    numbers = numbering.next_numbers(numbering.RETURN, len(takings))
    documents = []
    for taking, number in zip(takings, numbers, strict=True):
        order, request = taking.order, taking.request
        taking.document = Document("RETURN", next(ids[Return]), number)
        for part in taking.parts:
            part.key = next(ids[ReturnLine])
        taking.fee_keys = [next(ids[ReturnLine]) for _fee in taking.fees]
        documents.append(
            NewReturn(
                taking.document.id, number, kind, order.channel_id, request.external_id, taking.fingerprint, on,
                order.currency, request.reason, order.pk, order.customer_record_id, _lines(taking),
            )
        )  # fmt: skip
    return documents


def _lines(taking: _Taking) -> list[NewLine]:
    goods = [
        NewLine(
            p.key, p.order_line.sku_id, p.order_line.name, p.condition, p.quantity, p.order_line.tax_code,
            p.order_line.tax_percent or ZERO, p.net, p.tax, p.cost, p.line.pk,
            back=tuple(PutBack(p.key, item.sku_id, item.quantity, item.location_id, item.value) for item in p.back),
        )
        for p in taking.parts
    ]  # fmt: skip
    fees = [
        NewLine(
            key, None, str(OrderFee.Kind(fee.kind).label), Condition.NOT_RETURNED, 1, fee.tax_code, fee.tax_percent or ZERO,
            fee.net_amount or ZERO, fee.tax_amount or ZERO, fee_id=fee.pk,
        )
        for fee, key in zip(taking.fees, taking.fee_keys, strict=True)
    ]  # fmt: skip
    return [*goods, *fees]


def _count_returned(takings: Sequence[_Taking]) -> None:
    by_shipment_line: dict[int, int] = {}
    by_order_line: dict[int, int] = {}
    for part in (part for taking in takings for part in taking.parts):
        line, order_line = part.line, part.order_line
        by_shipment_line[line.pk] = by_shipment_line.get(line.pk, line.returned_quantity) + part.quantity
        by_order_line[order_line.pk] = by_order_line.get(order_line.pk, order_line.returned_quantity) + part.quantity
    with rows.pipeline():
        rows.update(ShipmentLine, "id", ["returned_quantity"], list(by_shipment_line.items()))
        rows.update(OrderLine, "id", ["returned_quantity"], list(by_order_line.items()))


def _entries(kind: str, takings: Sequence[_Taking], freight: Decimal, on: dt.date) -> list[EntryDraft | None]:
    shipments = {key for taking in takings for key in taking.shipment_ids}
    items: dict[int, list[OpenItemView]] = {}
    for item in open_items(document_type="SHIPMENT", document_ids=sorted(shipments)):
        items.setdefault(item.document_id, []).append(item)
    parties = _parties({taking.order.pk: taking.order for taking in takings})
    left = {item.id: item.remaining for found in items.values() for item in found}
    entries = []
    for taking in takings:
        gross = sum((part.net + part.tax for part in taking.sale_parts), ZERO)
        owed = [item for key in sorted(taking.shipment_ids) for item in items.get(key, [])]
        money = _money_back(taking.order, gross, owed, left, parties.get(taking.order.pk, {}))
        entries.append(_entry(kind, taking, money, freight, on))
    return entries


def _parties(orders: Mapping[int, Order]) -> dict[int, dict[str, Party | None]]:
    """Who owes on each receivable of an order."""
    found: dict[int, dict[str, Party | None]] = {}
    for payment in selectors.payments_of(orders):
        found.setdefault(payment.order_id, {})[payment.role] = counterparty(payment)
    return found


def _money_back(
    order: Order,
    gross: Decimal,
    owed: Iterable[OpenItemView],
    left: dict[int, Decimal],
    parties: Mapping[str, Party | None],
) -> list[MoneyPart]:
    """First what is still owed for these shipments is lowered, the rest we owe the customer (未払金・返金)."""
    parts = []
    for item in owed:
        part = min(gross, left[item.id]) if item.side == "DEBIT" else ZERO
        if part:
            parts.append(MoneyPart(part, item.role, parties.get(item.role) or item.party, settles=item.id))
            left[item.id] -= part
            gross -= part
    if gross:
        parts.append(MoneyPart(gross, "refunds_payable", customer_party(order)))
    return parts


def _entry(kind: str, taking: _Taking, money: Sequence[MoneyPart], freight: Decimal, on: dt.date) -> EntryDraft | None:
    restocked, written_down = taking.cost_in(Condition.SELLABLE), taking.cost_in(Condition.DEFECTIVE)
    dimensions = dimensions_of(taking.order)
    if kind != Return.Kind.REFUSED:
        return postings.sale_return(
            document=taking.document, parts=taking.sale_parts, money=money, restocked=restocked,
            written_down=written_down, on=on, dimensions=dimensions,
        )  # fmt: skip
    rate = rate_on(tax_rates(), tax_class="STANDARD", on=on)
    freight_tax = tax_inside(freight, rate.percent, rounding=Rounding.DOWN, currency=taking.order.currency)
    return postings.refused_delivery(
        document=taking.document, parts=taking.sale_parts, money=money, restocked=restocked, written_down=written_down,
        freight_net=freight - freight_tax, freight_tax=freight_tax, freight_tax_code=rate.code, on=on, dimensions=dimensions,
    )  # fmt: skip


def _billables(taking: _Taking, on: dt.date, reduced: frozenset[str]) -> list[BillableDraft]:
    """What a 適格返還請求書 prints: the return's date, the date of the original sale, amounts and tax per rate."""
    order, document = taking.order, taking.document
    common = {
        "kind": "RETURN", "channel_id": order.channel_id, "bill_to_id": order.bill_to_id, "account_id": order.account_id,
        "addressee": (order.account.name if order.account else order.orderer_name)[:150], "document_type": "RETURN",
        "document_id": document.id, "document_number": document.number, "order_number": order.number,
        "customer_po_number": order.customer_po_number, "transaction_date": on, "currency": order.currency,
    }  # fmt: skip
    items = [
        BillableDraft(
            **common,  # type: ignore[arg-type]
            document_line=p.key, original_date=p.line.shipment.revenue_date, item_code=p.order_line.sku_code,
            description=p.order_line.name or p.order_line.sku_code, quantity=-p.quantity,
            unit_price=p.order_line.unit_price or ZERO, tax_included=p.order_line.tax_included,
            tax_code=p.order_line.tax_code, tax_percent=p.order_line.tax_percent or ZERO,
            is_reduced=p.order_line.tax_code in reduced, net_amount=-p.net, tax_amount=-p.tax, gross_amount=-(p.net + p.tax),
        )
        for p in taking.parts
    ]  # fmt: skip
    items += [
        BillableDraft(
            **common,  # type: ignore[arg-type]
            document_line=-fee.line_no, description=str(OrderFee.Kind(fee.kind).label), quantity=-1, unit_price=fee.amount or ZERO,
            tax_included=fee.tax_included, tax_code=fee.tax_code, tax_percent=fee.tax_percent or ZERO,
            is_reduced=fee.tax_code in reduced, net_amount=-(fee.net_amount or ZERO), tax_amount=-(fee.tax_amount or ZERO),
            gross_amount=-(fee.gross_amount or ZERO),
        )
        for fee in taking.fees
    ]  # fmt: skip
    return items
