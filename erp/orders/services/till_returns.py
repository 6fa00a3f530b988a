"""Goods that came back over a counter without their receipt. They are there and the money is gone, so what is odd about it is a task.

Each is a return whose sale nobody knows, at what the till gave back. Takes the levels document by name, customer identity, balances, cost rows,
open items. A constant number of statements per business date.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from accounting.services import EntryDraft, Party, hold_open_dates, post_entries
from erp.core import changes, locks, messages, numbering, rows, staff_tasks
from erp.core.actors import Actor
from erp.core.clock import written_day
from erp.core.errors import InvalidInput, Problem
from erp.core.messages import Message, store
from erp.core.models import MessageLog
from erp.core.money import ZERO, round_fraction, written
from erp.core.staff_tasks import Finding
from erp.core.use_case import use_case
from erp.inventory.selectors import counter_location_id, location_id_of, unit_worth
from erp.inventory.services import PutBack
from erp.orders import postings
from erp.orders.exceptions import OrderConflict
from erp.orders.models import OrderHold, PaymentMethod, Return, ReturnLine
from erp.orders.postings import Dimensions, Document, MoneyPart, SalePart
from erp.orders.services import return_documents
from erp.orders.services.documents import OrderInput
from erp.orders.services.drafting import Context, Draft, ask_context, draft_order, priced_lines
from erp.orders.services.placing import register_customers
from erp.orders.services.return_documents import NewLine, NewReturn
from erp.orders.services.return_parts import DEFECT_LOCATION, Condition
from erp.orders.services.sale_outcomes import SaleOutcome, kept_as, refuse_currencies, report_outcomes, tell_apart
from erp.orders.services.shop_sales import as_charged, find_sale_problems

KIND = "RETURN_TO_CHECK"
Outcome, Reason = MessageLog.Outcome, OrderHold.Reason


@dataclass(frozen=True, slots=True)
class TillReturn:
    """A receipt of goods that came back, with positive quantities and amounts: what they were charged at, and how their money was given back.

    ``conditions``: of lines whose goods cannot be sold again, by line id.
    """

    receipt: OrderInput
    conditions: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Taken:
    """One return while it is recorded. ``posted_on`` is its date in the books: the first open one."""

    draft: Draft
    conditions: Mapping[str, str]
    fingerprint: str
    problems: dict[str, str]
    posted_on: dt.date
    document: NewReturn
    lost: Decimal = ZERO


@use_case
def record_till_returns(
    *, channel: str, returns: Sequence[TillReturn], bodies: Sequence[Any] | None = None, at: dt.datetime, by: Actor
) -> list[SaleOutcome]:
    """Take goods back that tills took back: stock at what such pieces are worth, the sale and its tax, and the money where it came from.

    Each once by its external id. Refused, kept and made a task are only a malformed one, one in a currency that the books do not keep, and
    other content under a known id. The tax rate is that of the day on which they came back, since no other day is known.

    Raises NotFound for an unknown channel, or one without a place to sell from.
    """
    bodies = [
        item if body is None else body for item, body in zip(returns, bodies or [None] * len(returns), strict=True)
    ]
    outcomes = {
        index: SaleOutcome(item.receipt.external_id, refusal=InvalidInput(problems))
        for index, item in enumerate(returns)
        if (problems := find_return_problems(item, at=at))
    }
    wanted = {index: item for index, item in enumerate(returns) if index not in outcomes}
    context = ask_context(channel, [item.receipt for item in wanted.values()])()
    locks.hold_all(f"return:{context.channel.pk}:{item.receipt.external_id}" for item in wanted.values())
    drafts = {index: draft_order(item.receipt, context) for index, item in wanted.items()}
    refuse_currencies(drafts, outcomes)
    fingerprints = {
        index: messages.fingerprint({"receipt": draft.fingerprint, "conditions": dict(returns[index].conditions)})
        for index, draft in drafts.items()
    }
    fresh = _tell_apart(drafts, fingerprints, context, outcomes)
    taken = _record(fresh, fingerprints, returns, context, at=at, by=by)
    outcomes |= _outcomes(taken, at=at, by=by)
    told = [
        Message(
            "return", item.receipt.external_id[:100], 1, bodies[index],
            fingerprints.get(index, ""), kept_as(outcomes[index]), str(outcomes[index].refusal or ""),
        )
        for index, item in enumerate(returns)
    ]  # fmt: skip
    store(told, channel_id=context.channel.pk, at=at, by=by)
    receipts = [item.receipt for item in returns]
    report_outcomes(receipts, bodies, outcomes, channel_id=context.channel.pk, at=at, by=by)
    return [outcomes[index] for index in range(len(returns))]


def find_return_problems(item: TillReturn, *, at: dt.datetime) -> list[Problem]:
    """Every fault of a return: those of a sale, and conditions that are none."""
    lines = {line.line_id: index for index, line in enumerate(item.receipt.lines)}
    return find_sale_problems(item.receipt, at=at) + [
        Problem(f"/lines/{lines.get(line_id, 0)}/condition", "unknown_value", _("Sellable or defective."))
        for line_id, condition in item.conditions.items()
        if condition not in (Condition.SELLABLE, Condition.DEFECTIVE)
    ]


def _tell_apart(
    drafts: Mapping[int, Draft],
    fingerprints: Mapping[int, str],
    context: Context,
    outcomes: dict[int, SaleOutcome],
) -> dict[int, Draft]:
    """The returns that are new; the others are answered: the same again, or refused."""
    names = [draft.order.external_id for draft in drafts.values()]
    recorded = Return.objects.filter(channel=context.channel.pk, external_id__in=names)
    known = {item.external_id: (item.fingerprint, item.number) for item in recorded}
    return tell_apart(drafts, fingerprints, known, outcomes, refuse=_other_content)


def _other_content(external_id: str) -> OrderConflict:
    return OrderConflict(_("Return %(id)s is recorded with other content.") % {"id": external_id})


def _record(
    fresh: Mapping[int, Draft],
    fingerprints: Mapping[int, str],
    returns: Sequence[TillReturn],
    context: Context,
    *,
    at: dt.datetime,
    by: Actor,
) -> dict[int, _Taken]:
    if not fresh:
        return {}
    drafts = list(fresh.values())
    register_customers(drafts, at=at, by=by)
    ids = rows.allocate_ids({Return: len(drafts), ReturnLine: sum(len(draft.lines) for draft in drafts)})
    numbers = numbering.next_numbers(numbering.RETURN, len(drafts))
    opened = hold_open_dates(draft.order_date for draft in drafts)
    taken = {
        index: _Taken(
            draft, returns[index].conditions, fingerprints[index], as_charged(draft), opened[draft.order_date],
            _document(draft, next(ids[Return]), number, fingerprints[index], opened[draft.order_date]),
        )
        for (index, draft), number in zip(fresh.items(), numbers, strict=True)
    }  # fmt: skip
    _add_lines(list(taken.values()), ids[ReturnLine], counter_location_id(context.channel.pk))
    return_documents.write([item.document for item in taken.values()], at=at, by=by)
    documents = [item.document for item in taken.values()]
    return_documents.restock(documents, channel_id=context.channel.pk, at=at, by=by)
    entries = [_entry(item) for item in taken.values()]
    post_entries(drafts=[entry for entry in entries if entry is not None], at=at, by=by)
    keys = [item.document.number for item in taken.values()]
    changes.record(topic="return", keys=keys, audience=context.channel.code)
    return taken


def _document(draft: Draft, key: int, number: str, fingerprint: str, posted_on: dt.date) -> NewReturn:
    return NewReturn(
        key, number, Return.Kind.RETURN, draft.channel.pk, draft.order.external_id, fingerprint, draft.order_date,
        draft.order.currency, draft.order.shop_note, customer_record_id=draft.customer_record_id,
        posted_on=posted_on,
    )  # fmt: skip


def _add_lines(taken: Sequence[_Taken], keys: Iterator[int], location_id: int) -> None:
    """What nobody knows the SKU of comes back in the books of money only. Defective pieces go where they are kept, at nothing."""
    pieces = {sku_id for item in taken for sku_id in item.draft.component_ids}
    days = {item.draft.order_date for item in taken}
    worth = {day: unit_worth(location_id=location_id, sku_ids=pieces, on=day) for day in days}
    defect_id = location_id_of(DEFECT_LOCATION)
    for item in taken:
        for (line, facts, rate), priced in zip(item.draft.lines, priced_lines(item.draft), strict=True):
            condition = item.conditions.get(line.line_id, Condition.SELLABLE)
            key, units = next(keys), worth[item.draft.order_date]
            components = facts.components if facts else ()
            values = [round_fraction(units[sku] * line.quantity * each) for sku, each in components]
            cost = sum(values, ZERO)
            is_defective = condition == Condition.DEFECTIVE
            item.lost += cost if is_defective else ZERO
            back = tuple(
                PutBack(
                    key, sku_id, line.quantity * each, *((defect_id, ZERO) if is_defective else (location_id, value))
                )
                for (sku_id, each), value in zip(components, values, strict=True)
            )
            net, tax = (priced.net, priced.tax) if priced else (ZERO, ZERO)
            description = line.name or (facts.code if facts else line.sku or line.channel_item_code)
            item.document.lines.append(
                NewLine(
                    key, facts.sku_id if facts else None, description, condition, line.quantity, rate.code, rate.percent,
                    net, tax, cost, back=back,
                )
            )  # fmt: skip


def _entry(item: _Taken) -> EntryDraft | None:
    draft, document = item.draft, item.document
    department = draft.account.department_id if draft.account else None
    return postings.sale_return(
        document=Document("RETURN", document.id, document.number),
        parts=[SalePart("sales.returns", line.net, line.tax, line.tax_code, line.id) for line in document.lines],
        money=_money(item),
        restocked=document.restocked,
        written_down=item.lost,
        on=item.posted_on,
        dimensions=Dimensions(draft.channel.pk, department or draft.channel.department_id, document.currency),
    )


def _money(item: _Taken) -> list[MoneyPart]:
    """Given back the way it was paid: out of the drawer, or by the provider, whose debt it lowers. What no route leads to is owed to the customer."""
    left = item.document.net + item.document.tax
    parts = []
    for payment in item.draft.payments:
        amount = min(payment.payment.amount, left)
        if amount and payment.role and payment.payment.method != PaymentMethod.ON_ACCOUNT:
            party = None
            if payment.counterparty_id:
                party = Party("COUNTERPARTY", payment.counterparty_id, payment.party_label)
            parts.append(MoneyPart(amount, payment.role, party))
            left -= amount
    if left:
        label = item.draft.order.orderer.family_name if item.draft.order.orderer else ""
        customer = Party("CUSTOMER", item.document.customer_record_id or 0, (label or item.document.number)[:150])
        parts.append(MoneyPart(left, "refunds_payable", customer))
        item.problems["OWED"] = _("%(amount)s is booked as owed to the customer.") % {"amount": written(left)}
    return parts


def _outcomes(taken: Mapping[int, _Taken], *, at: dt.datetime, by: Actor) -> dict[int, SaleOutcome]:
    findings = {index: finding for index, item in taken.items() if (finding := _finding(item))}
    staff_tasks.open_tasks(list(findings.values()), at=at, by=by)
    return {
        index: SaleOutcome(
            item.draft.order.external_id, item.document.number, (KIND,) if index in findings else ()
        )
        for index, item in taken.items()
    }  # fmt: skip


def _finding(item: _Taken) -> Finding | None:
    told = []
    if (unknown := item.problems.pop(Reason.UNKNOWN_SKU, None)) is not None:
        told.append(_("Came back, and was not put into stock: %(items)s.") % {"items": unknown})
    if item.posted_on != item.draft.order_date:
        told.append(
            _("Came back on %(day)s, whose books are closed; posted on %(posted)s.")
            % {"day": written_day(item.draft.order_date), "posted": written_day(item.posted_on)}
        )
    if (owed := item.problems.pop("OWED", None)) is not None:
        told.append(owed)
    told += [f"{Reason(reason).label} {detail}".strip() for reason, detail in item.problems.items()]
    return Finding(KIND, "RETURN", item.document.id, item.document.number, " ".join(told)) if told else None
