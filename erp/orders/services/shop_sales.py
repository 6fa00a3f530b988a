"""Sales that already happened over a counter. A physical fact is never refused: what is odd about it is a task, and the books say what was charged.

Each is an order that was placed, shipped and paid in one moment, so that returns, billing and insights see one kind of document. Takes the levels
document by name, customer identity, credit group, balances, cost rows, open items. A constant number of statements per business date.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from accounting.services import hold_open_dates
from customers.services import lock_credit
from erp.core import changes, locks, numbering, rows, staff_tasks
from erp.core.actors import Actor
from erp.core.clock import business_date, unbookable, written_day
from erp.core.errors import InvalidInput, Problem
from erp.core.messages import Message, store
from erp.core.models import MessageLog, RevenueBasis
from erp.core.money import ZERO, Rounding
from erp.core.staff_tasks import Finding
from erp.core.use_case import use_case
from erp.inventory.selectors import counter_location_id
from erp.inventory.services import CounterSale, Issued, PhysicalLine, take_sold
from erp.orders import selectors
from erp.orders.exceptions import SaleConflict
from erp.orders.models import Delivery, Order, OrderEvent, OrderHold, OrderLine, OrderState, Shipment, ShipmentLine
from erp.orders.services import parcels
from erp.orders.services.amounts import rate_totals, scale_to_gross
from erp.orders.services.documents import OrderInput
from erp.orders.services.drafting import Context, Draft, ask_context, draft_order, priced_lines
from erp.orders.services.placing import register_customers
from erp.orders.services.recognition import recognise
from erp.orders.services.sale_outcomes import SaleOutcome, kept_as, refuse_currencies, report_outcomes, tell_apart
from erp.orders.services.validation import find_problems
from erp.orders.services.writing import EVENT_COLUMNS, ORDER_COLUMNS, Keys, ask_keys, order_row, write_children

Reason = OrderHold.Reason
Outcome = MessageLog.Outcome
# What a sale that is over cannot wait for any more.
_NO_MATTER = frozenset({Reason.CUSTOMER_NOTE, Reason.SUSPICIOUS_ADDRESS})
_SHIPMENT_COLUMNS = (
    "id", "number", "order_id", "delivery_id", "state", "revenue_basis", "instructed_at", "shipped_at", "ship_date",
    "delivered_date", "revenue_date", "carrier", "tracking_number", "net_amount", "tax_amount", "gross_amount",
    "cost_amount", "actor", "version",
)  # fmt: skip
_LINE_COLUMNS = (
    "id", "shipment_id", "order_line_id", "quantity", "returned_quantity", "net_amount", "tax_amount", "gross_amount",
    "cost_amount",
)  # fmt: skip


@dataclass(slots=True)
class _Sale:
    """One sale while it is recorded. ``posted_on`` is its date in the books: the first open one."""

    draft: Draft
    posted_on: dt.date
    shipment_id: int
    shipment_number: str
    line_ids: list[int]
    line_keys: Mapping[str, int]
    problems: dict[str, str]
    delivery_id: int = 0
    issued: tuple[Issued, ...] = ()

    @property
    def sold_on(self) -> dt.date:
        return self.draft.order_date


@use_case
def record_shop_sales(
    *, channel: str, sales: Sequence[OrderInput], bodies: Sequence[Any] | None = None, at: dt.datetime, by: Actor
) -> list[SaleOutcome]:
    """Record what the tills of a shop sold: stock, revenue, tax, cost and money, each sale once by its external id.

    ``bodies`` are the raw messages. Only a malformed sale, one in a currency that the books do not keep, and other content under a known id
    are refused (in its outcome), kept and made a task. An unknown SKU, a closed period, a total that does not add up, a payment method
    without a route are recorded as what they are, each with a task too.

    Raises NotFound for an unknown channel, or one without a place to sell from.
    """
    bodies = [sale if body is None else body for sale, body in zip(sales, bodies or [None] * len(sales), strict=True)]
    outcomes = {
        index: SaleOutcome(sale.external_id, refusal=InvalidInput(problems))
        for index, sale in enumerate(sales)
        if (problems := find_sale_problems(sale, at=at))
    }
    wanted = {index: sale for index, sale in enumerate(sales) if index not in outcomes}
    with rows.pipeline():
        locks.hold_all(f"order:{channel}:{sale.external_id}" for sale in wanted.values())
        context_of, new_keys = ask_context(channel, wanted.values()), ask_keys(wanted.values())
    context, keys = context_of(), new_keys()
    drafts = {index: draft_order(sale, context) for index, sale in wanted.items()}
    refuse_currencies(drafts, outcomes)
    fresh = _tell_apart(drafts, context, outcomes)
    outcomes |= _record(fresh, keys, context, at=at, by=by)
    numbers = {draft.order.external_id: draft.number for draft in fresh.values()}
    for index, told in outcomes.items():
        outcomes[index] = replace(told, number=told.number or numbers.get(told.external_id, ""))
    messages = [_message(sale, bodies[i], drafts.get(i), outcomes[i]) for i, sale in enumerate(sales)]
    store(messages, channel_id=context.channel.pk, at=at, by=by)
    _report_conflicts(drafts, outcomes, context, at=at, by=by)
    report_outcomes(sales, bodies, outcomes, channel_id=context.channel.pk, at=at, by=by)
    return [outcomes[index] for index in range(len(sales))]


def find_sale_problems(sale: OrderInput, *, at: dt.datetime) -> list[Problem]:
    """Every fault of a sale: those of an order, what only an order to come may leave open, and a day that cannot be booked."""
    problems = find_problems(sale)
    if not any(problem.pointer == "/ordered_at" for problem in problems):
        problems += unbookable("/ordered_at", sale.ordered_at, at=at)
    problems = in_words_of_a_sale(problems)
    if sale.total is None:
        problems.append(Problem("/total", "required", _("This field is required.")))
    problems += [
        Problem(f"/lines/{index}/unit_price", "required", _("This field is required."))
        for index, line in enumerate(sale.lines)
        if line.unit_price is None
    ]
    return problems


def in_words_of_a_sale(problems: Iterable[Problem]) -> list[Problem]:
    """What is ``/ordered_at`` of an order is ``/sold_at`` of a receipt."""
    return [
        replace(problem, pointer="/sold_at") if problem.pointer == "/ordered_at" else problem for problem in problems
    ]


def _tell_apart(drafts: Mapping[int, Draft], context: Context, outcomes: dict[int, SaleOutcome]) -> dict[int, Draft]:
    """The sales that are new; the others are answered: the same again, or refused."""
    known = {
        external_id: (found.fingerprint, found.number)
        for external_id, found in selectors.recorded_orders(
            channel_id=context.channel.pk, external_ids=[draft.order.external_id for draft in drafts.values()]
        ).items()
    }
    fingerprints = {index: draft.fingerprint for index, draft in drafts.items()}
    return tell_apart(drafts, fingerprints, known, outcomes, refuse=_other_content)


def _other_content(external_id: str) -> SaleConflict:
    return SaleConflict(_("Sale %(id)s is recorded with other content.") % {"id": external_id})


def _record(
    fresh: Mapping[int, Draft], keys: Keys, context: Context, *, at: dt.datetime, by: Actor
) -> dict[int, SaleOutcome]:
    if not fresh:
        return {}
    drafts = list(fresh.values())
    location_id = counter_location_id(context.channel.pk)
    for draft in drafts:
        draft.order_id, draft.number = next(keys[Order]), next(keys.numbers)
    register_customers(drafts, at=at, by=by)
    groups = {draft.account.credit_group_id for draft in drafts if draft.account and draft.account.credit_group_id}
    if groups:
        lock_credit(credit_group_ids=groups, on=business_date(at))
    problems = {draft.order_id: as_charged(draft) for draft in drafts}
    written = write_children(drafts, keys)
    sales = _open_sales(drafts, {key: part.line_keys for key, part in written.items()}, problems)
    _take(sales, location_id, at=at, by=by)
    _write(sales, at=at, by=by)
    _post(sales, at=at, by=by)
    findings = [finding for sale in sales for finding in _findings(sale)]
    staff_tasks.open_tasks(findings, at=at, by=by)
    changes.record(topic="order", keys=[draft.order.external_id for draft in drafts], audience=context.channel.code)
    told: dict[int, list[str]] = {}
    for finding in findings:
        told.setdefault(finding.subject_id, []).append(finding.kind)
    return {
        index: SaleOutcome(draft.order.external_id, draft.number, tuple(told.get(draft.order_id, ())))
        for index, draft in fresh.items()
    }


def as_charged(draft: Draft) -> dict[str, str]:
    """Make the document say what was charged, for the money has changed hands. Returns what a person has to look at, in words."""
    problems = {reason: detail for reason, detail in draft.holds.items() if reason not in _NO_MATTER}
    draft.holds.clear()
    priced, total = draft.priced, draft.order.total
    if priced is None or total is None or priced.total == total or not priced.total:
        return problems
    rounding = Rounding(draft.account.tax_rounding if draft.account else draft.channel.tax_rounding)
    scaled = scale_to_gross(
        [*priced.lines, *priced.fees], total, rounding=rounding, currency=draft.order.currency
    )  # fmt: skip
    cut = len(priced.lines)
    totals = tuple(rate_totals(scaled))
    draft.priced = replace(priced, lines=tuple(scaled[:cut]), fees=tuple(scaled[cut:]), totals=totals, total=total)
    return problems


def _open_sales(
    drafts: Sequence[Draft], line_keys: Mapping[int, Mapping[str, int]], problems: Mapping[int, dict[str, str]]
) -> list[_Sale]:
    taken = rows.ask_ids(
        {
            Shipment: len(drafts),
            ShipmentLine: sum(len(draft.lines) for draft in drafts),
            f"core_number_{numbering.SHIPMENT}": len(drafts),
        }
    )()
    keys, part_keys, numbers = (iter(block) for block in taken.values())
    opened = hold_open_dates(draft.order_date for draft in drafts)
    deliveries = dict(
        Delivery.objects.filter(order__in=[draft.order_id for draft in drafts])
        .order_by("-pk")
        .values_list("order_id", "pk")
    )
    return [
        _Sale(
            draft,
            opened[draft.order_date],
            next(keys),
            numbering.format_number(numbering.SHIPMENT, next(numbers)),
            [next(part_keys) for _line in draft.lines],
            line_keys[draft.order_id],
            problems[draft.order_id],
            deliveries[draft.order_id],
        )
        for draft in drafts
    ]


def _take(sales: Sequence[_Sale], location_id: int, *, at: dt.datetime, by: Actor) -> None:
    """The pieces are gone, whatever the books say. A line whose SKU nobody knows takes none until somebody says which it was."""
    issued: dict[int, list[Issued]] = {}
    for part in take_sold(
        source_type="SHIPMENT",
        location_id=location_id,
        sales=[
            CounterSale(
                sale.shipment_id,
                sale.draft.order.ordered_at,
                tuple(
                    PhysicalLine(key, sku_id, line.quantity * per_unit)
                    for key, (line, facts, _rate) in zip(sale.line_ids, sale.draft.lines, strict=True)
                    if facts
                    for sku_id, per_unit in facts.components
                ),
            )
            for sale in sales
        ],
        channel_id=sales[0].draft.channel.pk,
        at=at,
        by=by,
    ):
        issued.setdefault(part.source_id, []).append(part)
    for sale in sales:
        sale.issued = tuple(issued.get(sale.shipment_id, ()))


def _write(sales: Sequence[_Sale], *, at: dt.datetime, by: Actor) -> None:
    basis = ORDER_COLUMNS.index("revenue_basis")
    orders, headers, lines, events = [], [], [], []
    shipped: list[tuple[int, int]] = []
    for sale in sales:
        draft = sale.draft
        # Goods that were handed over are delivered and accepted: no basis of revenue is left to wait for.
        row = list(order_row(draft, state=OrderState.SHIPPED, exposure=ZERO, at=at, by=by))
        row[basis] = RevenueBasis.SHIPMENT.value
        orders.append(row)
        parts = list(_parts(sale))
        lines += parts
        net, tax, gross, cost = (sum((part[place] for part in parts), ZERO) for place in (5, 6, 7, 8))
        moment, day = draft.order.ordered_at, sale.sold_on
        headers.append(
            (
                sale.shipment_id, sale.shipment_number, draft.order_id, sale.delivery_id, Shipment.State.DELIVERED.value,
                RevenueBasis.SHIPMENT.value, moment, moment, day, day, sale.posted_on, "", "", net, tax, gross, cost, str(by), 1,
            )
        )  # fmt: skip
        shipped += [(sale.line_keys[line.line_id], line.quantity) for line, _facts, _rate in draft.lines]
        events += [
            (draft.order_id, "PLACED", "", OrderState.SHIPPED.value, "", at, str(by)),
            (draft.order_id, "SHIPPED", "", "", sale.shipment_number, at, str(by)),
        ]
    batch = rows.Batch()
    batch.insert(Order, ORDER_COLUMNS, orders)
    batch.insert(Shipment, _SHIPMENT_COLUMNS, headers)
    batch.insert(ShipmentLine, _LINE_COLUMNS, lines)
    batch.insert(OrderEvent, EVENT_COLUMNS, events)
    batch.run()
    rows.update(OrderLine, "id", ["shipped_quantity"], shipped)


def _parts(sale: _Sale) -> Iterator[tuple[Any, ...]]:
    costs: dict[int, Decimal] = {}
    for part in sale.issued:
        costs[part.source_line] = costs.get(part.source_line, ZERO) + part.value
    lines = zip(sale.line_ids, sale.draft.lines, priced_lines(sale.draft), strict=True)
    for key, (line, _facts, _rate), item in lines:
        net, tax, gross = (item.net, item.tax, item.gross) if item else (ZERO, ZERO, ZERO)
        yield (
            key, sale.shipment_id, sale.line_keys[line.line_id], line.quantity, 0, net, tax, gross, costs.get(key, ZERO),
        )  # fmt: skip


def _post(sales: Sequence[_Sale], *, at: dt.datetime, by: Actor) -> None:
    """Revenue, tax, cost and money of each sale on the first open day from its own on; money goes where the payment's route says."""
    by_date: dict[dt.date, list[_Sale]] = {}
    for sale in sales:
        by_date.setdefault(sale.posted_on, []).append(sale)
    found = parcels.lock([sale.shipment_id for sale in sales])
    for day, of_day in sorted(by_date.items()):
        batch = rows.Batch()
        recognise(
            [found[sale.shipment_id] for sale in of_day],
            cost_roles={sale.shipment_id: _cost_by_role(sale) for sale in of_day},
            batch=batch,
            on=day,
            at=at,
            by=by,
        )
        batch.run()


def _cost_by_role(sale: _Sale) -> dict[str, Decimal]:
    costs: dict[str, Decimal] = {}
    for part in sale.issued:
        costs[part.account_role] = costs.get(part.account_role, ZERO) + part.value
    return costs


def _findings(sale: _Sale) -> Iterator[Finding]:
    key, number = sale.draft.order_id, sale.draft.number
    unknown = sale.problems.pop(Reason.UNKNOWN_SKU, None)
    if unknown is not None:
        detail = _("Sold, and stock was not taken for it: %(items)s.") % {"items": unknown}
        yield Finding("SALE_SKU_UNKNOWN", "ORDER", key, number, detail)
    if sale.posted_on != sale.sold_on:
        detail = _("Sold on %(sold)s, whose books are closed; posted on %(posted)s.") % {
            "sold": written_day(sale.sold_on),
            "posted": written_day(sale.posted_on),
        }
        yield Finding("SALE_IN_CLOSED_PERIOD", "ORDER", key, number, detail)
    if sale.problems:
        told = [f"{Reason(reason).label} {detail}".strip() for reason, detail in sale.problems.items()]
        yield Finding("SALE_TO_CHECK", "ORDER", key, number, "; ".join(told))


def _report_conflicts(
    drafts: Mapping[int, Draft], outcomes: Mapping[int, SaleOutcome], context: Context, *, at: dt.datetime, by: Actor
) -> None:
    """Two tills with one number: the second sale is not in the books, so a person has to know."""
    names = {drafts[i].order.external_id for i, found in outcomes.items() if isinstance(found.refusal, SaleConflict)}
    if not names:
        return
    recorded = selectors.recorded_orders(channel_id=context.channel.pk, external_ids=names)
    detail = _("A till sent another sale under this number; it is in the message log only.")
    findings = [Finding("SALE_CONFLICT", "ORDER", found.id, found.number, detail) for found in recorded.values()]
    staff_tasks.open_tasks(findings, at=at, by=by)


def _message(sale: OrderInput, body: Any, draft: Draft | None, outcome: SaleOutcome) -> Message:
    return Message(
        "order",
        sale.external_id[:100],
        max(0, min(int(sale.revision), 2_000_000_000)),
        body,
        draft.fingerprint if draft else "",
        kept_as(outcome),
        str(outcome.refusal or ""),
    )
