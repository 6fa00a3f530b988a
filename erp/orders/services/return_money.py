"""What a return changes in the books and what its 適格返還請求書 will print. Reads what is still owed; writes nothing.

The rate and amount of the original sale are taken back from whoever paid it, the customer before a third party (``funders``): first what is
still owed is lowered, the rest is owed to the customer, or to who paid their discount.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Container, Iterable, Mapping, Sequence
from decimal import Decimal

from accounting.selectors import OpenItemView, open_items
from accounting.services import BillableDraft, EntryDraft, Party
from erp.core.models import RevenueBasis
from erp.core.money import ZERO, Rounding
from erp.core.selectors import tax_rates
from erp.core.tax import rate_on
from erp.orders import postings, selectors
from erp.orders.models import Order, OrderFee, OrderPayment, PaymentMethod, Return, SalesReportLine, Shipment
from erp.orders.postings import Freight, MoneyPart
from erp.orders.services import funders
from erp.orders.services.amounts import tax_inside
from erp.orders.services.funders import Share, owed_by_others
from erp.orders.services.parties import counterparty, customer_party, dimensions_of
from erp.orders.services.return_parts import Condition, Taking

# The shopper is paid back by whom he paid, who reports it.
PAID_THROUGH = frozenset(
    {
        PaymentMethod.CARD, PaymentMethod.WALLET, PaymentMethod.CARRIER_BILLING, PaymentMethod.DEFERRED, PaymentMethod.MALL,
    }
)  # fmt: skip


def entries_of(kind: str, takings: Sequence[Taking], freight: Decimal, on: dt.date) -> list[EntryDraft | None]:
    takings = [taking for taking in takings if taking.sold_parts]
    shipments = {part.line.shipment_id for taking in takings for part in taking.sold_parts}
    ids = {taking.order.pk for taking in takings}
    payments = selectors.payments_of(ids)
    payers = funders.payers_of(ids, payments, before=[taking.document.id for taking in takings])
    besides = _parcels_sold(order_id for order_id in ids if payers[order_id].others)
    items = _items_of(shipments.union(*besides.values()), _consigned(takings))
    taken_over = _taken_over(order_id for order_id in ids if payers[order_id].parts)
    parties = _parties(payments)
    through = _paid_through(payments)
    on_delivery = {payment.order_id for payment in payments if payment.method == PaymentMethod.COD}
    left = _left(items, taken_over)
    entries = []
    for taking in takings:
        gross = sum((part.net + part.tax for part in taking.sale_parts), ZERO)
        taking.is_on_delivery = taking.order.pk in on_delivery
        own = taking.shipment_ids
        keys = [*sorted(own), *(key for key in besides.get(taking.order.pk, []) if key not in own)]
        owed = [item for key in keys for item in items.get(key, [])]
        owed += taken_over.get(taking.order.pk, [])
        money = []
        for share in payers[taking.order.pk].take_back(gross):
            parts = _money_back(taking.order, share, owed, left, parties.get(taking.order.pk, {}))
            if share.funder is None:
                taking.taken_off += _taken_off(taking.order, parts, through)
            money += parts
        entries.append(_entry(kind, taking, money, freight, on))
    return entries


class Relief:
    """Of what customers have paid or owe for sales that stand, a third party takes over a part: what is still owed is lowered, the rest is owed to
    them. Asks once, for all orders that are named."""

    def __init__(self, order_ids: Iterable[int]) -> None:
        ids = list(order_ids)
        payments = selectors.payments_of(ids) if ids else []
        self._parcels, self._parties, self._through = _parcels_sold(ids), _parties(payments), _paid_through(payments)
        self._others = {key: owed_by_others(one for one in payments if one.order_id == key) for key in ids}
        sold = sorted({key for found in self._parcels.values() for key in found})
        consigned = Shipment.objects.filter(pk__in=sold, revenue_basis=RevenueBasis.SALES_REPORT)
        self._items = _items_of(sold, consigned.values_list("pk", flat=True)) if sold else {}
        self._left = _left(self._items)

    def of(self, taking: Taking, amount: Decimal) -> list[MoneyPart]:
        """The next ``amount`` of what the customer of a return has paid."""
        key = taking.order.pk
        owed = (item for parcel in self._parcels.get(key, []) for item in self._items.get(parcel, []))
        share = Share(amount, others=self._others[key])
        parts = _money_back(taking.order, share, owed, self._left, self._parties.get(key, {}))
        taking.taken_off += _taken_off(taking.order, parts, self._through)
        return parts


def _parcels_sold(order_ids: Iterable[int]) -> dict[int, list[int]]:
    """Of orders for which a third party pays: who is the next to be paid back for one parcel may still owe for another."""
    found: dict[int, list[int]] = {}
    if funded := list(order_ids):
        sold = Shipment.objects.filter(order__in=funded, revenue_date__isnull=False).order_by("pk")
        for order_id, key in sold.values_list("order_id", "pk"):
            found.setdefault(order_id, []).append(key)
    return found


def _taken_over(order_ids: Iterable[int]) -> dict[int, list[OpenItemView]]:
    """What third parties owe since they took it over from a customer, as earlier returns say."""
    ids = list(order_ids)
    backs = dict(Return.objects.filter(order__in=ids).values_list("pk", "order_id")) if ids else {}
    found: dict[int, list[OpenItemView]] = {}
    for item in open_items(document_type="RETURN", document_ids=sorted(backs)) if backs else []:
        found.setdefault(backs[item.document_id] or 0, []).append(item)
    return found


def _items_of(shipment_ids: Iterable[int], consigned: Iterable[int]) -> dict[int, list[OpenItemView]]:
    """By shipment, what is still owed for it."""
    items: dict[int, list[OpenItemView]] = {}
    for item in open_items(document_type="SHIPMENT", document_ids=sorted(shipment_ids)):
        items.setdefault(item.document_id, []).append(item)
    for key, found in _reported_items(consigned).items():
        items.setdefault(key, []).extend(found)
    return items


def _left(*found: Mapping[int, list[OpenItemView]]) -> dict[int, Decimal]:
    return {item.id: item.remaining for by_document in found for items in by_document.values() for item in items}


def _consigned(takings: Iterable[Taking]) -> set[int]:
    return {
        part.line.shipment_id
        for taking in takings
        for part in taking.sold_parts
        if part.line.shipment.revenue_basis == RevenueBasis.SALES_REPORT
    }


def _reported_items(shipment_ids: Iterable[int]) -> dict[int, list[OpenItemView]]:
    """What is still owed for consigned goods: by shipment, the items of the reports that sold units of it. An item of several shipments
    stands with the first one that asks."""
    consigned = set(shipment_ids)
    if not consigned:
        return {}
    reports: dict[int, int] = {}
    sold = SalesReportLine.objects.filter(shipment_line__shipment__in=consigned).order_by("report_id")
    for report_id, shipment_id in sold.values_list("report_id", "shipment_line__shipment_id"):
        reports.setdefault(report_id, shipment_id)
    found: dict[int, list[OpenItemView]] = {}
    for item in open_items(document_type="SALES_REPORT", document_ids=sorted(reports)):
        found.setdefault(reports[item.document_id], []).append(item)
    return found


def _paid_through(payments: Iterable[OrderPayment]) -> set[tuple[int, str]]:
    return {(payment.order_id, payment.role) for payment in payments if payment.method in PAID_THROUGH}


def _taken_off(order: Order, parts: Iterable[MoneyPart], through: Container[tuple[int, str]]) -> Decimal:
    """So much of it is no money of ours: who paid the shopper back owes us less."""
    return sum((part.amount for part in parts if (order.pk, part.role) in through), ZERO)


def _parties(payments: Iterable[OrderPayment]) -> dict[int, dict[str, Party | None]]:
    """Who owes on each receivable of an order."""
    found: dict[int, dict[str, Party | None]] = {}
    for payment in payments:
        found.setdefault(payment.order_id, {})[payment.role] = counterparty(payment)
    return found


def _money_back(
    order: Order,
    share: Share,
    owed: Iterable[OpenItemView],
    left: dict[int, Decimal],
    parties: Mapping[str, Party | None],
) -> list[MoneyPart]:
    """First what this payer still owes is lowered, the rest we owe to them (未払金・返金)."""
    parts = []
    gross = share.amount
    for item in owed:
        part = min(gross, left[item.id]) if item.side == "DEBIT" and share.is_of(item) else ZERO
        if part:
            parts.append(MoneyPart(part, item.role, parties.get(item.role) or item.party, settles=item.id))
            left[item.id] -= part
            gross -= part
    if gross:
        parts.append(MoneyPart(gross, "refunds_payable", share.funder or customer_party(order)))
    return parts


def _entry(kind: str, taking: Taking, money: Sequence[MoneyPart], freight: Decimal, on: dt.date) -> EntryDraft | None:
    restocked, written_down = taking.cost_in(Condition.SELLABLE), taking.cost_in(Condition.DEFECTIVE)
    dimensions = dimensions_of(taking.order)
    if kind != Return.Kind.REFUSED:
        return postings.sale_return(
            document=taking.document, parts=taking.sale_parts, money=money, restocked=restocked,
            written_down=written_down, on=on, dimensions=dimensions,
        )  # fmt: skip
    return postings.refused_delivery(
        document=taking.document, parts=taking.sale_parts, money=money, restocked=restocked, written_down=written_down,
        freight=freight_of(freight, on=on, currency=taking.order.currency), on=on, dimensions=dimensions,
    )  # fmt: skip


def freight_of(freight: Decimal, *, on: dt.date, currency: str) -> Freight | None:
    """The carrier's charge (tax included) parted at the standard rate of the day."""
    if not freight:
        return None
    rate = rate_on(tax_rates(), tax_class="STANDARD", on=on)
    tax = tax_inside(freight, rate.percent, rounding=Rounding.DOWN, currency=currency)
    return Freight(freight - tax, tax, rate.code)


def billables_of(taking: Taking, on: dt.date, reduced: frozenset[str]) -> list[BillableDraft]:
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
        for p in taking.sold_parts
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
