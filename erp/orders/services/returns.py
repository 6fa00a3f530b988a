"""What came back: returns, refused parcels, refunds without goods. The only documents that re-stock.

Takes the levels document, balances, cost rows, open items. A return uses the rate and amount of the original sale and the cost of the original issue.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal

from django.utils.translation import gettext as _

from accounting.selectors import open_items
from accounting.services import BillableDraft, Party, add_billable_items, post_entries
from erp.core import changes, locks, messages, numbering, rows
from erp.core.actors import Actor
from erp.core.clock import business_date
from erp.core.errors import Conflict, Problem
from erp.core.models import Channel
from erp.core.money import ZERO, Rounding, share_so_far
from erp.core.selectors import tax_rates
from erp.core.tax import Rate, RateTotal, TaxedAmount, allocate_tax, document_tax, rate_on
from erp.core.use_case import use_case
from erp.inventory.selectors import IssuedPart, issued_values, location_id_of
from erp.inventory.services import PutBack, put_back
from erp.orders import postings, selectors
from erp.orders.exceptions import NotReturnable, OrderNotFound
from erp.orders.models import Order, OrderEvent, OrderFee, OrderLine, Return, ReturnLine, Shipment, ShipmentLine
from erp.orders.postings import Dimensions, Document, MoneyPart, SalePart
from erp.orders.services.amounts import tax_inside
from erp.orders.services.payments import counterparty, customer_party, dimensions_of
from erp.orders.services.sales import fee_part, moment_of, reduced_codes
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
class UnlinkedLine:
    """Units of a SKU sold before these books began (or a mere amount, without SKU): the net refunded, and the cost at which they come back."""

    description: str
    quantity: int
    net_amount: Decimal
    sku_id: int | None = None
    sku_code: str = ""
    condition: str = Condition.SELLABLE
    cost: Decimal = ZERO
    tax_class: str = "STANDARD"


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
    return _take_back(
        Return.Kind.RETURN,
        order_id,
        external_id,
        lines,
        refund_fees,
        ZERO,
        reason,
        return_date or business_date(at),
        at,
        by,
    )


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
    lines = [
        ReturnedLine(line.pk, line.quantity - line.returned_quantity, condition)
        for line in ShipmentLine.objects.filter(shipment=shipment).order_by("pk")
    ]
    document = _take_back(
        Return.Kind.REFUSED,
        shipment.order_id,
        external_id,
        lines,
        True,
        freight,
        "",
        return_date or business_date(at),
        at,
        by,
    )
    Shipment.objects.filter(pk=shipment_id).update(state=Shipment.State.RETURNED)
    return document


def _take_back(
    kind: str, order_id: int, external_id: str, lines: Sequence[ReturnedLine], refund_fees: bool, freight: Decimal,
    reason: str, on: dt.date, at: dt.datetime, by: Actor,
) -> Return:  # fmt: skip
    order = (
        Order.objects.select_related("channel", "account")
        .select_for_update(of=("self",), no_key=True)
        .filter(pk=order_id)
        .first()
    )
    if order is None:
        raise OrderNotFound(_("There is no such order."))
    content = {
        "kind": kind,
        "order": order_id,
        "lines": sorted(map(str, map(asdict, lines))),
        "fees": refund_fees,
        "freight": freight,
    }
    fingerprint = messages.fingerprint(content)
    locks.hold(f"return:{order.channel_id}:{external_id}")
    if existing := _replay(order.channel_id, external_id, fingerprint, is_refusal=kind == Return.Kind.REFUSED):
        return existing
    number = numbering.next_numbers(numbering.RETURN)[0]
    document_id = next(rows.allocate_ids({Return: 1})[Return])
    parts = _parts_of(order, lines, on=on)
    shipments = {part.line.shipment_id for part in parts}
    fees = list(OrderFee.objects.filter(shipment__in=shipments, refunds__isnull=True)) if refund_fees else []
    sale_parts = [
        *(
            SalePart(postings.SALES_ROLE[order.channel.kind], p.net, p.tax, p.order_line.tax_code, p.line.pk)
            for p in parts
        ),
        *(fee_part(fee) for fee in fees),
    ]
    net = sum((part.net for part in sale_parts), ZERO)
    tax = sum((part.tax for part in sale_parts), ZERO)
    line_keys = _write_document(
        document_id, number, kind, order, external_id, fingerprint, parts, fees, net, tax, reason, on, at, by
    )
    _restock(document_id, order, parts, line_keys, on=on, at=at, by=by)
    document = Document("RETURN", document_id, number)
    money = _money_back(order, shipments, net + tax)
    _post(kind, document, order, parts, sale_parts, money, freight, on, at=at, by=by)
    add_billable_items(items=_billables(document, order, parts, fees, line_keys, on), at=at, by=by)
    rows.insert(OrderEvent, EVENT_COLUMNS, [(order.pk, "RETURNED", "", "", f"{number} {reason}"[:300], at, str(by))])
    changes.record(topic="return", keys=[number], audience=order.channel.code)
    announce(selectors.order_heads([order.pk]))
    return Return.objects.get(pk=document_id)


def _replay(channel_id: int, external_id: str, fingerprint: str, *, is_refusal: bool = False) -> Return | None:
    existing = Return.objects.filter(channel_id=channel_id, external_id=external_id).first()
    if existing is None:
        return None
    # A refused parcel has nothing left to come back, so its repeat cannot carry the same lines: the id alone decides.
    if existing.fingerprint != fingerprint and not (is_refusal and existing.kind == Return.Kind.REFUSED):
        raise Conflict(_("Return %(id)s is recorded with other content.") % {"id": external_id})
    return existing


def _parts_of(order: Order, lines: Sequence[ReturnedLine], *, on: dt.date) -> list[_Part]:
    """Lock and check the shipment lines, and give each its share of amounts, cost and pieces. The last unit takes the rest."""
    wanted = {line.shipment_line_id: line for line in lines}
    found = {
        line.pk: line
        for line in ShipmentLine.objects.filter(pk__in=wanted, shipment__order=order)
        .select_related("order_line", "shipment")
        .order_by("pk")
        .select_for_update(of=("self",), no_key=True)
    }
    problems = [
        Problem(
            str(key),
            "not_returnable",
            _("%(asked)s came back, %(possible)s can.") % {"asked": line.quantity, "possible": _left(found.get(key))},
        )
        for key, line in wanted.items()
        if not 0 < line.quantity <= _left(found.get(key))
    ]
    problems += [
        Problem(line.shipment.number, "revenue_not_met", _("The sale was not posted yet."))
        for line in found.values()
        if line.shipment.revenue_date is None
    ]
    if problems or not wanted or len(wanted) != len(lines):
        raise NotReturnable(_("This cannot be taken back."), problems=problems)
    issued = issued_values("SHIPMENT", list(found), source_ids={line.shipment_id for line in found.values()})
    defect_id = location_id_of(DEFECT_LOCATION) if any(x.condition == Condition.DEFECTIVE for x in lines) else None
    parts = []
    for key, line in sorted(found.items()):
        before, after = line.returned_quantity, line.returned_quantity + wanted[key].quantity

        def part_of(total: Decimal, line: ShipmentLine = line, before: int = before, after: int = after) -> Decimal:
            return share_so_far(total, done=after, of=line.quantity) - share_so_far(
                total, done=before, of=line.quantity
            )

        condition = wanted[key].condition
        back = _pieces_back(key, issued.get(key, []), line, before, after, condition, defect_id)
        cost = part_of(line.cost_amount) if condition != Condition.NOT_RETURNED else ZERO
        parts.append(
            _Part(
                line,
                line.order_line,
                after - before,
                condition,
                part_of(line.net_amount),
                part_of(line.tax_amount),
                cost,
                back,
            )
        )
    _settle_cost(parts)
    return parts


def _left(line: ShipmentLine | None) -> int:
    return line.quantity - line.returned_quantity if line else 0


def _pieces_back(
    key: int,
    issued: Iterable[IssuedPart],
    line: ShipmentLine,
    before: int,
    after: int,
    condition: str,
    defect_id: int | None,
) -> list[PutBack]:
    """The pieces of each issued part that belong to the returned units, at their share of its value; defective ones at no value."""
    if condition == Condition.NOT_RETURNED:
        return []
    back = []
    for part in issued:
        pieces = part.quantity * after // line.quantity - part.quantity * before // line.quantity
        value = share_so_far(part.value, done=after, of=line.quantity) - share_so_far(
            part.value, done=before, of=line.quantity
        )
        if pieces and condition == Condition.DEFECTIVE and defect_id is not None:
            back.append(PutBack(key, part.sku_id, pieces, defect_id, ZERO))
        elif pieces:
            back.append(PutBack(key, part.sku_id, pieces, part.location_id, value))
    return back


def _settle_cost(parts: Sequence[_Part]) -> None:
    """Cost is what the pieces carry back, so that stock and books move by one figure; defective pieces keep their share as the loss."""
    for part in parts:
        if part.condition == Condition.SELLABLE:
            part.cost = sum((item.value for item in part.back), ZERO)


def _write_document(
    document_id: int, number: str, kind: str, order: Order, external_id: str, fingerprint: str, parts: Sequence[_Part],
    fees: Sequence[OrderFee], net: Decimal, tax: Decimal, reason: str, on: dt.date, at: dt.datetime, by: Actor,
) -> dict[int, int]:  # fmt: skip
    """Returns the key of each return line by its shipment line."""
    Return.objects.bulk_create(
        [
            Return(
                pk=document_id, number=number, kind=kind, channel_id=order.channel_id, external_id=external_id,
                fingerprint=fingerprint, order=order, customer_record_id=order.customer_record_id, return_date=on,
                reason=reason[:200], currency=order.currency, net_amount=net, tax_amount=tax, gross_amount=net + tax,
                cost_amount=sum((part.cost for part in parts), ZERO), recorded_at=at, actor=str(by),
            )
        ]
    )  # fmt: skip
    lines = ReturnLine.objects.bulk_create(
        [
            ReturnLine(
                document_id=document_id, shipment_line=p.line, sku_id=p.order_line.sku_id, description=p.order_line.name[:300],
                condition=p.condition, quantity=p.quantity, tax_code=p.order_line.tax_code,
                tax_percent=p.order_line.tax_percent or ZERO, net_amount=p.net, tax_amount=p.tax, gross_amount=p.net + p.tax,
                cost_amount=p.cost,
            )
            for p in parts
        ]
        + [
            ReturnLine(
                document_id=document_id, fee=fee, description=str(OrderFee.Kind(fee.kind).label), condition=Condition.NOT_RETURNED,
                quantity=1, tax_code=fee.tax_code, tax_percent=fee.tax_percent or ZERO, net_amount=fee.net_amount or ZERO,
                tax_amount=fee.tax_amount or ZERO, gross_amount=fee.gross_amount or ZERO,
            )
            for fee in fees
        ]
    )  # fmt: skip
    rows.update(
        ShipmentLine, "id", ["returned_quantity"], [(p.line.pk, p.line.returned_quantity + p.quantity) for p in parts]
    )
    by_line: dict[int, int] = {}
    for part in parts:
        by_line[part.order_line.pk] = by_line.get(part.order_line.pk, part.order_line.returned_quantity) + part.quantity
    rows.update(OrderLine, "id", ["returned_quantity"], list(by_line.items()))
    return {line.shipment_line_id: line.pk for line in lines if line.shipment_line_id is not None}


def _restock(
    document_id: int,
    order: Order,
    parts: Sequence[_Part],
    line_keys: Mapping[int, int],
    *,
    on: dt.date,
    at: dt.datetime,
    by: Actor,
) -> None:
    back = [
        PutBack(line_keys[part.line.pk], item.sku_id, item.quantity, item.location_id, item.value)
        for part in parts
        for item in part.back
    ]
    if back:
        put_back(
            source_type="RETURN", source_id=document_id, lines=back, channel_id=order.channel_id,
            occurred_at=moment_of(on, at), at=at, by=by,
        )  # fmt: skip


def _money_back(order: Order, shipment_ids: Iterable[int], gross: Decimal) -> list[MoneyPart]:
    """First what is still owed for these shipments is lowered, the rest we owe the customer (未払金・返金)."""
    left, parts = gross, []
    parties: dict[str, Party | None] = {payment.role: counterparty(payment) for payment in order.payments.all()}
    for item in open_items(document_type="SHIPMENT", document_ids=list(shipment_ids)):
        part = min(left, item.remaining) if item.side == "DEBIT" else ZERO
        if part:
            parts.append(MoneyPart(part, item.role, parties.get(item.role) or item.party, settles=item.id))
            left -= part
    if left:
        parts.append(MoneyPart(left, "refunds_payable", customer_party(order)))
    return parts


def _post(
    kind: str, document: Document, order: Order, parts: Sequence[_Part], sale_parts: Sequence[SalePart],
    money: Sequence[MoneyPart], freight: Decimal, on: dt.date, *, at: dt.datetime, by: Actor,
) -> None:  # fmt: skip
    restocked = sum((part.cost for part in parts if part.condition == Condition.SELLABLE), ZERO)
    written_down = sum((part.cost for part in parts if part.condition == Condition.DEFECTIVE), ZERO)
    dimensions = dimensions_of(order)
    if kind == Return.Kind.REFUSED:
        rate = rate_on(tax_rates(), tax_class="STANDARD", on=on)
        freight_tax = tax_inside(freight, rate.percent, rounding=Rounding.DOWN, currency=order.currency)
        entry = postings.refused_delivery(
            document=document, parts=sale_parts, money=money, restocked=restocked, written_down=written_down,
            freight_net=freight - freight_tax, freight_tax=freight_tax, freight_tax_code=rate.code, on=on, dimensions=dimensions,
        )  # fmt: skip
        post_entries(drafts=[entry], at=at, by=by)
        return
    draft = postings.sale_return(
        document=document, parts=sale_parts, money=money, restocked=restocked, written_down=written_down, on=on,
        dimensions=dimensions,
    )  # fmt: skip
    if draft is not None:
        post_entries(drafts=[draft], at=at, by=by)


def _billables(
    document: Document,
    order: Order,
    parts: Sequence[_Part],
    fees: Sequence[OrderFee],
    line_keys: Mapping[int, int],
    on: dt.date,
) -> list[BillableDraft]:
    """What a 適格返還請求書 prints: the return's date, the date of the original sale, amounts and tax per rate."""
    reduced = reduced_codes()
    common = {
        "kind": "RETURN", "channel_id": order.channel_id, "bill_to_id": order.bill_to_id, "account_id": order.account_id,
        "addressee": (order.account.name if order.account else order.orderer_name)[:150], "document_type": "RETURN",
        "document_id": document.id, "document_number": document.number, "order_number": order.number,
        "customer_po_number": order.customer_po_number, "transaction_date": on, "currency": order.currency,
    }  # fmt: skip
    items = [
        BillableDraft(
            **common,  # type: ignore[arg-type]
            document_line=line_keys[p.line.pk], original_date=p.line.shipment.revenue_date, item_code=p.order_line.sku_code,
            description=p.order_line.name or p.order_line.sku_code, quantity=-p.quantity,
            unit_price=p.order_line.unit_price or ZERO, tax_included=p.order_line.tax_included,
            tax_code=p.order_line.tax_code, tax_percent=p.order_line.tax_percent or ZERO,
            is_reduced=p.order_line.tax_code in reduced, net_amount=-p.net, tax_amount=-p.tax, gross_amount=-(p.net + p.tax),
        )
        for p in parts
    ]  # fmt: skip
    items += [
        BillableDraft(
            **common,  # type: ignore[arg-type]
            document_line=-fee.line_no, description=str(OrderFee.Kind(fee.kind).label), quantity=-1, unit_price=fee.amount or ZERO,
            tax_included=fee.tax_included, tax_code=fee.tax_code, tax_percent=fee.tax_percent or ZERO,
            is_reduced=fee.tax_code in reduced, net_amount=-(fee.net_amount or ZERO), tax_amount=-(fee.tax_amount or ZERO),
            gross_amount=-(fee.gross_amount or ZERO),
        )
        for fee in fees
    ]  # fmt: skip
    return items


@dataclass(frozen=True, slots=True)
class UnlinkedReturn:
    """A return or refund whose sale these books do not know; the document says so (``has_original`` is off)."""

    external_id: str
    lines: tuple[UnlinkedLine, ...]
    return_date: dt.date
    customer_record_id: int | None = None
    customer_label: str = ""
    reason: str = ""


@use_case
def record_unlinked_returns(
    *, channel: str, returns: Sequence[UnlinkedReturn], location_id: int, at: dt.datetime, by: Actor
) -> list[Return]:
    """Record returns without an original sale. Tax at the rate of the return date, since no other date is known. Again = first answer."""
    shop = Channel.objects.get(code=channel)
    locks.hold_all(f"return:{shop.pk}:{item.external_id}" for item in returns)
    documents = []
    for item in returns:
        fingerprint = messages.fingerprint(asdict(item))
        existing = _replay(shop.pk, item.external_id, fingerprint)
        documents.append(existing or _record_unlinked(shop, item, fingerprint, location_id, at, by))
    return documents


def _record_unlinked(
    shop: Channel, item: UnlinkedReturn, fingerprint: str, location_id: int, at: dt.datetime, by: Actor
) -> Return:
    number = numbering.next_numbers(numbering.RETURN)[0]
    on = item.return_date
    known = tax_rates()
    rates = [rate_on(known, tax_class=line.tax_class, on=on) for line in item.lines]
    taxes = _unlinked_taxes(item, rates, shop)
    net = sum((line.net_amount for line in item.lines), ZERO)
    tax = sum(taxes, ZERO)
    document = Return.objects.create(
        number=number, kind=Return.Kind.RETURN if any(i.sku_id for i in item.lines) else Return.Kind.REFUND_ONLY,
        channel=shop, external_id=item.external_id, fingerprint=fingerprint, customer_record_id=item.customer_record_id,
        has_original=False, return_date=on, reason=item.reason[:200], currency=shop.currency, net_amount=net, tax_amount=tax,
        gross_amount=net + tax, cost_amount=sum((line.cost for line in item.lines), ZERO), recorded_at=at, actor=str(by),
    )  # fmt: skip
    lines = ReturnLine.objects.bulk_create(
        ReturnLine(
            document=document, sku_id=line.sku_id, description=line.description[:300], condition=line.condition,
            quantity=line.quantity, tax_code=rate.code, tax_percent=rate.percent, net_amount=line.net_amount, tax_amount=share,
            gross_amount=line.net_amount + share, cost_amount=line.cost,
        )
        for line, rate, share in zip(item.lines, rates, taxes, strict=True)
    )  # fmt: skip
    back = [
        PutBack(row.pk, line.sku_id, line.quantity, location_id, line.cost)
        for row, line in zip(lines, item.lines, strict=True)
        if line.sku_id is not None and line.condition == Condition.SELLABLE
    ]
    if back:
        put_back(
            source_type="RETURN",
            source_id=document.pk,
            lines=back,
            channel_id=shop.pk,
            occurred_at=moment_of(on, at),
            at=at,
            by=by,
        )
    party = Party("CUSTOMER", item.customer_record_id or 0, item.customer_label or number)
    draft = postings.sale_return(
        document=Document("RETURN", document.pk, number),
        parts=[
            SalePart("sales.returns", line.net_amount, share, rate.code, row.pk)
            for row, line, rate, share in zip(lines, item.lines, rates, taxes, strict=True)
        ],
        money=[MoneyPart(net + tax, "refunds_payable", party)],
        restocked=sum((entry.value for entry in back), ZERO),
        written_down=ZERO,
        on=on,
        dimensions=Dimensions(shop.pk, shop.department_id, shop.currency),
    )
    if draft is not None:
        post_entries(drafts=[draft], at=at, by=by)
    changes.record(topic="return", keys=[number], audience=shop.code)
    return document


def _unlinked_taxes(item: UnlinkedReturn, rates: Sequence[Rate], shop: Channel) -> list[Decimal]:
    """Tax of the refund as one document, once per rate, shared out to its lines."""
    totals: Mapping[str, RateTotal] = document_tax(
        [TaxedAmount(rate, line.net_amount, False) for line, rate in zip(item.lines, rates, strict=True)],
        rounding=Rounding(shop.tax_rounding),
        currency=shop.currency,
    )
    shares = [ZERO] * len(rates)
    for code, total in totals.items():
        members = [index for index, rate in enumerate(rates) if rate.code == code]
        parts = allocate_tax(total, [item.lines[index].net_amount for index in members], currency=shop.currency)
        for index, part in zip(members, parts, strict=True):
            shares[index] = part
    return shares
