"""Writes the rows of drafted orders: one statement per table, whatever the number of orders."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import models

from erp.core import numbering, rows
from erp.core.actors import Actor
from erp.core.messages import encode
from erp.inventory.services import Demand
from erp.orders.models import (
    Delivery,
    Order,
    OrderAdjustment,
    OrderFee,
    OrderLine,
    OrderLineComponent,
    OrderPayment,
    OrderTaxTotal,
)
from erp.orders.services.documents import OrderInput
from erp.orders.services.drafting import Draft, PaymentDraft, priced_fees, priced_lines, tax_totals

LINE_COLUMNS = (
    "id", "order_id", "delivery_id", "line_no", "line_id", "sku_id", "sku_code", "channel_item_code", "name", "options",
    "quantity", "shipped_quantity", "cancelled_quantity", "returned_quantity", "unit_price", "tax_included", "tax_class",
    "tax_code", "tax_percent", "charged_amount", "discount_amount", "net_amount", "tax_amount", "gross_amount",
    "promised_date", "release_date",
)  # fmt: skip
FEE_COLUMNS = (
    "order_id", "delivery_id", "line_no", "kind", "amount", "tax_included", "tax_class", "tax_code", "tax_percent",
    "discount_amount", "net_amount", "tax_amount", "gross_amount",
)  # fmt: skip
DELIVERY_COLUMNS = (
    "id", "order_id", "ref", "recipient_name", "recipient_phone", "postal_code", "prefecture", "city", "street", "building",
    "ship_to", "sender", "method", "carrier", "wish_date", "time_slot", "pickup_point", "hide_prices", "gift",
)  # fmt: skip
PAYMENT_COLUMNS = (
    "id", "order_id", "line_no", "method", "provider", "amount", "status", "sent_status", "reference", "due_at",
    "authorization_expires_at", "must_be_paid_first", "role", "counterparty_id", "received_amount", "applied_amount",
    "refunded_amount",
)  # fmt: skip
ORDER_COLUMNS = (
    "id", "channel_id", "external_id", "number", "revision", "fingerprint", "order_type", "is_provisional", "state",
    "state_since", "priority", "ordered_at", "order_date", "currency", "prices_include_tax", "customer_record_id", "account_id",
    "bill_to_id", "customer_po_number", "orderer_name", "orderer_kana", "orderer_phone", "orderer_email", "orderer",
    "revenue_basis", "net_amount", "tax_amount", "total", "amount_due", "stated_total", "stated_tax", "tax_difference",
    "exposure_amount", "receipt", "customer_note", "shop_note", "attributes", "ship_after", "cancel_reason", "recorded_at",
    "actor", "version",
)  # fmt: skip


@dataclass(slots=True)
class Written:
    """What was written for one order: its line keys by line id, and what it wants from stock."""

    line_keys: dict[str, int]
    demands: list[Demand]


class Keys:
    """Primary keys taken beforehand, by table, and numbers for new orders."""

    def __init__(self, blocks: Mapping[Any, Sequence[int]], numbers: Sequence[int]) -> None:
        self._blocks = {model: iter(block) for model, block in blocks.items()}
        self.numbers = iter([numbering.format_number(numbering.ORDER, number) for number in numbers])

    def __getitem__(self, model: type[models.Model]) -> Iterator[int]:
        return self._blocks[model]


_NUMBERS = "core_number_order"


def ask_keys(orders: Iterable[OrderInput]) -> Callable[[], Keys]:
    """Ask for enough keys for all orders to be new (those of repeats leave gaps); call the result when the pipeline has been left."""
    wanted = list(orders)
    counts: dict[type[models.Model] | str, int] = {
        _NUMBERS: len(wanted),
        Order: len(wanted),
        Delivery: sum(max(1, len(order.deliveries)) for order in wanted),
        OrderLine: sum(len(order.lines) for order in wanted),
        OrderPayment: sum(max(1, len(order.payments)) + len(order.adjustments) for order in wanted),
    }
    blocks = rows.ask_ids(counts)

    def keys() -> Keys:
        taken = blocks()
        return Keys(taken, taken.get(_NUMBERS, []))

    return keys


def write_children(drafts: Sequence[Draft], keys: Keys) -> dict[int, Written]:
    """Insert everything below the orders (whose own rows follow in the same transaction; the keys are deferred). By order id."""
    tables: dict[Any, list[tuple[Any, ...]]] = {}
    written = {draft.order_id: _child_rows(draft, keys, tables) for draft in drafts}
    batch = rows.Batch()
    for model, columns in _CHILDREN:
        batch.insert(model, columns, tables.get(model, []))
    batch.run()
    return written


def _child_rows(draft: Draft, ids: Keys, tables: dict[Any, list[tuple[Any, ...]]]) -> Written:
    deliveries = {delivery.ref: next(ids[Delivery]) for delivery in draft.deliveries}
    first_delivery = next(iter(deliveries.values()))
    line_keys = {line.line_id: next(ids[OrderLine]) for line, _facts, _rate in draft.lines}
    tables.setdefault(Delivery, []).extend(_delivery_rows(draft, deliveries))
    tables.setdefault(OrderLine, []).extend(_line_rows(draft, line_keys, deliveries, first_delivery))
    tables.setdefault(OrderLineComponent, []).extend(
        (line_keys[line.line_id], sku_id, per_unit)
        for line, facts, _rate in draft.lines
        if facts
        for sku_id, per_unit in facts.components
    )
    tables.setdefault(OrderFee, []).extend(_fee_rows(draft, deliveries))
    tables.setdefault(OrderAdjustment, []).extend(
        (draft.order_id, line_keys.get(item.line_id), number, item.kind, item.funded_by, item.code, item.amount)
        for number, item in enumerate(draft.order.adjustments, 1)
    )
    tables.setdefault(OrderTaxTotal, []).extend(_tax_rows(draft))
    tables.setdefault(OrderPayment, []).extend(
        _payment_row(draft.order_id, number, next(ids[OrderPayment]), payment)
        for number, payment in enumerate(draft.payments, 1)
        if payment.goes_on is None
    )
    return Written(line_keys, _demands(draft, line_keys))


_CHILDREN: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (Delivery, DELIVERY_COLUMNS),
    (OrderLine, LINE_COLUMNS),
    (OrderLineComponent, ("line_id", "sku_id", "quantity_per_unit")),
    (OrderFee, FEE_COLUMNS),
    (OrderAdjustment, ("order_id", "line_id", "line_no", "kind", "funded_by", "code", "amount")),
    (OrderTaxTotal, ("order_id", "tax_code", "tax_percent", "net_amount", "tax_amount", "gross_amount", "stated_tax")),
    (OrderPayment, PAYMENT_COLUMNS),
)


def _demands(draft: Draft, line_keys: Mapping[str, int]) -> list[Demand]:
    if not draft.may_reserve:
        return []
    return [
        Demand(draft.order_id, line_keys[line.line_id], sku_id, line.quantity * per_unit, draft.priority)
        for line, facts, _rate in draft.lines
        if facts
        for sku_id, per_unit in facts.components
    ]


def _delivery_rows(draft: Draft, keys: Mapping[str, int]) -> Iterator[tuple[Any, ...]]:
    for item in draft.deliveries:
        yield (
            keys[item.ref], draft.order_id, item.ref, item.recipient_name, item.recipient_phone, item.postal_code,
            item.prefecture, item.city, item.street, item.building, json(item.ship_to), json(item.sender), item.method,
            item.carrier, item.wish_date, item.time_slot, item.pickup_point, item.hide_prices, json(item.gift),
        )  # fmt: skip


def _line_rows(
    draft: Draft, keys: Mapping[str, int], deliveries: Mapping[str, int], first_delivery: int
) -> Iterator[tuple[Any, ...]]:
    for number, ((line, facts, rate), item) in enumerate(zip(draft.lines, priced_lines(draft), strict=True), 1):
        amounts = (
            (item.charged, item.discount, item.net, item.tax, item.gross)
            if item
            else (None, Decimal(0), None, None, None)
        )
        yield (
            keys[line.line_id], draft.order_id, deliveries.get(line.delivery_ref, first_delivery), number, line.line_id,
            facts.sku_id if facts else None, line.sku, line.channel_item_code, (line.name or (facts.name if facts else ""))[:300],
            encode(line.options), line.quantity, 0, 0, 0, line.unit_price, line.tax_included, rate.tax_class, rate.code,
            rate.percent, *amounts, line.promised_date, facts.release_date if facts else None,
        )  # fmt: skip


def _fee_rows(draft: Draft, deliveries: Mapping[str, int]) -> Iterator[tuple[Any, ...]]:
    fees = zip(draft.order.fees, draft.fee_rates, priced_fees(draft), strict=True)
    for number, (fee, rate, item) in enumerate(fees, 1):
        amounts = (item.discount, item.net, item.tax, item.gross) if item else (Decimal(0), None, None, None)
        yield (
            draft.order_id, deliveries.get(fee.delivery_ref), number, fee.kind, fee.amount, fee.tax_included, fee.tax_class,
            rate.code, rate.percent, *amounts,
        )  # fmt: skip


def _tax_rows(draft: Draft) -> Iterator[tuple[Any, ...]]:
    stated = {item.percent: item.tax for item in draft.order.stated_taxes}
    for total in tax_totals(draft):
        yield (
            draft.order_id, total.rate.code, total.rate.percent, total.net, total.tax, total.gross,
            stated.get(total.rate.percent),
        )  # fmt: skip


def _payment_row(order_id: int, number: int, key: int, draft: PaymentDraft) -> tuple[Any, ...]:
    payment = draft.payment
    return (
        key, order_id, number, payment.method, payment.provider, payment.amount, payment.status, payment.status,
        payment.reference, payment.due_at, payment.authorization_expires_at, draft.must_be_paid_first, draft.role,
        draft.counterparty_id, draft.received, Decimal(0), Decimal(0),
    )  # fmt: skip


def order_row(
    draft: Draft, *, state: str, exposure: Decimal, at: dt.datetime, by: Actor, version: int = 1
) -> tuple[Any, ...]:
    order, priced, account = draft.order, draft.priced, draft.account
    person = order.orderer
    stated = [
        {"tax_class": item.tax_class, "percent": str(item.percent), "amount": str(item.amount), "tax": str(item.tax)}
        for item in order.stated_taxes
    ]
    return (
        draft.order_id, draft.channel.pk, order.external_id, draft.number, order.revision, draft.fingerprint,
        order.order_type, order.is_provisional, state, at, draft.priority, order.ordered_at, draft.order_date,
        order.currency, order.prices_include_tax, draft.customer_record_id, account.account_id if account else None,
        account.bill_to_id if account else None, order.customer_po_number,
        f"{person.company} {person.family_name} {person.given_name}".strip()[:200] if person else "",
        f"{person.family_kana} {person.given_kana}".strip()[:200] if person else "",
        person.phone[:30] if person else "", person.email[:254] if person else "", json(order.orderer_as_sent),
        (account.revenue_basis if account else "") or draft.channel.revenue_basis,
        priced.net if priced else None, priced.tax if priced else None, priced.total if priced else None,
        priced.total - priced.third_party if priced else None, order.total, json(stated or None),
        priced.tax - sum(item.tax for item in order.stated_taxes) if priced and stated else None,
        exposure, json(order.receipt), order.customer_note, order.shop_note, encode(dict(order.attributes)),
        draft.ship_after, "", at, str(by), version,
    )  # fmt: skip


def hold_rows(draft: Draft, *, at: dt.datetime, by: Actor) -> list[tuple[Any, ...]]:
    return [(draft.order_id, reason, detail[:300], at, str(by), "", "") for reason, detail in draft.holds.items()]


def wait_rows(draft: Draft, *, at: dt.datetime, by: Actor) -> list[tuple[Any, ...]]:
    return [(draft.order_id, *draft.waits_for, at, str(by))] if draft.waits_for else []


WAIT_COLUMNS = ("order_id", "reason", "due_on", "opened_at", "opened_by")
HOLD_COLUMNS = ("order_id", "reason", "detail", "opened_at", "opened_by", "resolved_by", "resolution")
EVENT_COLUMNS = ("order_id", "kind", "from_state", "to_state", "detail", "recorded_at", "actor")


def json(value: Any) -> str | None:
    return None if value is None else encode(value)
