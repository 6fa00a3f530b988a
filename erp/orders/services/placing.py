"""Order intake. Takes these levels of the lock order: document by name, customer identity, credit group, balances, hold lines.

A well-formed order always enters. What can be reserved is reserved first come, first served; the rest is oversold or awaited, never refused.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from customers.models import ExposureEntry
from customers.selectors import CreditVerdict
from customers.services import ExposureDelta, OrdererNews, add_exposure, lock_credit, register_orderers
from erp.core import changes, locks, rows, staff_tasks
from erp.core.actors import Actor
from erp.core.clock import business_date
from erp.core.errors import DomainError, InvalidInput
from erp.core.messages import Encoded, Message, store
from erp.core.models import MessageLog
from erp.core.money import ZERO, written
from erp.core.use_case import pipelined
from erp.inventory.services import Granted, reserve
from erp.orders.exceptions import OrderConflict, StaleRevision
from erp.orders.models import Order, OrderEvent, OrderHold, OrderType, OrderWait, ParkedMessage
from erp.orders.services import amending, deposits, late_revisions, letters, parking
from erp.orders.services.documents import AllocatedLine, OrderInput, OrderOutcome
from erp.orders.services.drafting import Draft, Reason, ask_context, draft_order
from erp.orders.services.states import OrderFacts, is_payment_settled, state_of
from erp.orders.services.validation import find_problems
from erp.orders.services.writing import (
    EVENT_COLUMNS,
    HOLD_COLUMNS,
    ORDER_COLUMNS,
    WAIT_COLUMNS,
    Keys,
    Written,
    ask_keys,
    hold_rows,
    order_row,
    wait_rows,
    write_children,
)

Outcome = MessageLog.Outcome


@dataclass(frozen=True, slots=True)
class Known:
    """An order that is recorded, and the newest revision that came too late to amend it (0: none)."""

    order_id: int
    number: str
    revision: int
    fingerprint: str
    state: str
    late_revision: int = 0
    late_fingerprint: str = ""

    @property
    def newest(self) -> int:
        return max(self.revision, self.late_revision)

    def behind(self, draft: Draft, outcome: OrderOutcome) -> Known:
        """What is known once this draft was judged."""
        revision, fingerprint = draft.order.revision, draft.fingerprint
        if outcome.is_task:
            return replace(self, late_revision=revision, late_fingerprint=fingerprint)
        return Known(self.order_id, self.number, revision, fingerprint, outcome.state)


def place_order(*, channel: str, order: OrderInput, body: Any = None, at: dt.datetime, by: Actor) -> OrderOutcome:
    """Record one order, or amend it when it comes with a higher revision. Calling again with the same content returns the first answer.

    ``body`` is the raw message, kept as it came. Raises:
        InvalidInput: the order is malformed; every fault is named.
        OrderConflict: other content came under a revision that is known.
        StaleRevision: a newer revision is known. The message is kept in each of these cases.
    """
    outcome = place_orders(channel=channel, orders=[order], bodies=[body], at=at, by=by)[0]
    if outcome.refusal is not None:
        raise outcome.refusal
    return outcome


@pipelined
def place_orders(
    *, channel: str, orders: Sequence[OrderInput], bodies: Sequence[Any] | None = None, at: dt.datetime, by: Actor
) -> list[OrderOutcome]:
    """Record up to a few hundred orders of one channel in one transaction; one bad order harms no other (see ``OrderOutcome.refusal``).

    Raises NotFound for an unknown channel.
    """
    bodies = bodies or [None] * len(orders)
    outcomes = {
        index: OrderOutcome(order.external_id, refusal=InvalidInput(problems))
        for index, order in enumerate(orders)
        if (problems := find_problems(order))
    }
    wanted = {index: order for index, order in enumerate(orders) if index not in outcomes}
    with rows.pipeline():
        locks.hold_all(f"order:{channel}:{order.external_id}" for order in wanted.values())
        with rows.bundle():
            known_orders = _ask_known(channel, [order.external_id for order in wanted.values()])
            context_of = ask_context(channel, wanted.values())
            new_keys = ask_keys(wanted.values())
            parked = parking.ask_parked(channel, [order.external_id for order in wanted.values()])
    context, known, keys = context_of(), known_orders(), new_keys()

    drafts = {index: draft_order(order, context) for index, order in wanted.items()}
    fresh: dict[int, Draft] = {}
    in_turn: list[int] = []
    for index in sorted(drafts, key=lambda index: (orders[index].external_id, index)):
        draft = drafts[index]
        draft.told_on = business_date(at)
        if draft.order.external_id in known:
            in_turn.append(index)
            continue
        fresh[index] = draft
        draft.order_id, draft.number = next(keys[Order]), next(keys.numbers)
        # What follows under this number in the same call is judged against this one.
        known[draft.order.external_id] = Known(
            draft.order_id, draft.number, draft.order.revision, draft.fingerprint, ""
        )
    last_writes = rows.Batch()
    outcomes |= _record(fresh, keys, parked(), last_writes, at=at, by=by)
    if in_turn:
        rows.leave_pipeline()
        last_writes.run()
        outcomes |= _judge_known({index: drafts[index] for index in in_turn}, known, at=at, by=by)
    messages = [
        _message(order, bodies[index], drafts.get(index), outcomes[index]) for index, order in enumerate(orders)
    ]
    store(messages, channel_id=context.channel.pk, at=at, by=by, batch=last_writes)
    last_writes.run()
    late = [(drafts[i], outcomes[i]) for i in in_turn if outcomes[i].is_task and not outcomes[i].is_replay]
    late_revisions.keep(late, at=at, by=by)
    return [outcomes[index] for index in range(len(orders))]


_KNOWN = """
SELECT o.external_id, o.id, o.number, o.revision, o.fingerprint, o.state, coalesce(late.revision, 0), coalesce(late.fingerprint, '')
FROM orders_order o LEFT JOIN LATERAL (
    SELECT revision, fingerprint FROM orders_laterevision WHERE order_id = o.id AND revision > o.revision ORDER BY revision DESC LIMIT 1
) AS late ON true
WHERE o.channel_id = (SELECT id FROM core_channel WHERE code = %s) AND o.external_id = ANY(%s::text[])
"""


def _ask_known(channel: str, external_ids: Sequence[str]) -> Callable[[], dict[str, Known]]:
    row = tuple[str, int, str, int, str, str, int, str]
    answer = rows.ask(_KNOWN, [channel, rows.array(external_ids)], row=row)
    return lambda: {row[0]: Known(*row[1:]) for row in answer.all()}


def _judge_known(
    drafts: Mapping[int, Draft], known: dict[str, Known], *, at: dt.datetime, by: Actor
) -> dict[int, OrderOutcome]:
    """Messages about recorded orders, one after the other: each is judged by what those before it have changed."""
    outcomes: dict[int, OrderOutcome] = {}
    repeated: dict[int, Known] = {}
    for index, draft in drafts.items():
        recorded = known[draft.order.external_id]
        if draft.order.revision > recorded.newest:
            outcomes[index] = amending.amend(draft, order_id=recorded.order_id, at=at, by=by)
            known[draft.order.external_id] = recorded.behind(draft, outcomes[index])
        elif refused := _refuse_repeat(draft, recorded):
            outcomes[index] = refused
        else:
            repeated[index] = recorded
    as_they_are = amending.describe([recorded.order_id for recorded in repeated.values()])
    for index, recorded in repeated.items():
        is_late = drafts[index].order.revision == recorded.late_revision
        outcomes[index] = replace(as_they_are[recorded.order_id], is_replay=True, is_task=is_late)
    return outcomes


def _refuse_repeat(draft: Draft, known: Known) -> OrderOutcome | None:
    """Why a message that is no newer than what is known changes nothing; None when it says the same again."""
    order = draft.order
    prints = {known.revision: known.fingerprint, known.late_revision: known.late_fingerprint}
    refusal: DomainError
    if order.revision not in prints:
        refusal = StaleRevision(_("Revision %(revision)s is known.") % {"revision": known.newest})
    elif draft.fingerprint != prints[order.revision]:
        refusal = OrderConflict(
            _("Order %(id)s is recorded with other content; send a higher revision to amend it.")
            % {"id": order.external_id}
        )
    else:
        return None
    return OrderOutcome(order.external_id, known.order_id, known.number, known.state, known.revision, refusal=refusal)


def _record(
    fresh: Mapping[int, Draft],
    keys: Keys,
    parked: Sequence[ParkedMessage],
    last_writes: rows.Batch,
    *,
    at: dt.datetime,
    by: Actor,
) -> dict[int, OrderOutcome]:
    """Write new orders. Balances are locked as late as possible: only the orders' own rows follow, which need the outcome.

    Those are gathered in ``last_writes``, for the caller to write with its own.
    """
    if not fresh:
        return {}
    drafts = list(fresh.values())
    channel = drafts[0].channel
    register_customers(drafts, at=at, by=by)
    exposures = judge_credit(drafts, on=business_date(at), at=at, by=by)
    written = write_children(drafts, keys)
    granted = reserve(
        channel_id=channel.pk,
        document_type="ORDER",
        demands=[demand for draft in drafts for demand in written[draft.order_id].demands],
        hold_refs={draft.order_id: draft.order.hold_ref for draft in drafts if draft.order.hold_ref},
        at=at,
        by=by,
    )
    allocations = allocated_lines(drafts, written, granted)
    states = {draft.order_id: _first_state(draft, allocations[draft.order_id], at=at) for draft in drafts}
    last_writes.insert(
        Order,
        ORDER_COLUMNS,
        [
            order_row(draft, state=states[draft.order_id], exposure=exposures.get(draft.order_id, ZERO), at=at, by=by)
            for draft in drafts
        ],
    )
    last_writes.insert(OrderHold, HOLD_COLUMNS, [row for draft in drafts for row in hold_rows(draft, at=at, by=by)])
    last_writes.insert(OrderWait, WAIT_COLUMNS, [row for draft in drafts for row in wait_rows(draft, at=at, by=by)])
    events: list[tuple[object, ...]] = [
        (draft.order_id, "PLACED", "", states[draft.order_id], "", at, str(by)) for draft in drafts
    ]
    findings = report_shortages(drafts, allocations, at=at, by=by)
    short = {item.subject_id for item in findings}
    events += [(item.subject_id, "OVERSOLD", "", "", item.detail[:300], at, str(by)) for item in findings]
    last_writes.insert(OrderEvent, EVENT_COLUMNS, events)
    letters.tell_placed(drafts, short, batch=last_writes, at=at, by=by)
    keys_changed = [draft.order.external_id for draft in drafts]
    changes.record(topic="order", keys=keys_changed, audience=channel.code, batch=last_writes)
    if parked or any(payment.received for draft in drafts for payment in draft.payments):
        rows.leave_pipeline()
    deposits.post_advance_receipts(drafts, written, at=at, by=by)
    # What was parked changes what has just been decided, so the answer is read anew, as everybody will read it from now on.
    as_they_are: dict[int, OrderOutcome] = {}
    if parked:
        last_writes.run()
        as_they_are = amending.describe(parking.apply_parked(drafts, parked, at=at, by=by))
    return {
        index: as_they_are.get(draft.order_id)
        or OrderOutcome(
            external_id=draft.order.external_id,
            order_id=draft.order_id,
            number=draft.number,
            state=states[draft.order_id],
            revision=draft.order.revision,
            lines=tuple(allocations[draft.order_id]),
            holds=tuple(sorted(draft.holds)),
        )
        for index, draft in fresh.items()
    }


def register_customers(drafts: Sequence[Draft], *, at: dt.datetime, by: Actor) -> None:
    """Point each draft at the source record of its orderer; orders that name nobody have none."""
    named = [draft for draft in drafts if draft.order.orderer is not None]
    if not named:
        return
    news = [
        OrdererNews(draft.order.orderer_external_id or None, draft.order.orderer, draft.order.ordered_at)
        for draft in named
        if draft.order.orderer is not None
    ]
    records = register_orderers(channel_id=named[0].channel.pk, news=news, at=at, by=by)
    for draft, record_id in zip(named, records, strict=True):
        draft.customer_record_id = record_id


def judge_credit(drafts: Sequence[Draft], *, on: dt.date, at: dt.datetime, by: Actor) -> dict[int, Decimal]:
    """Check and reserve credit under the group's lock, one order after the other; returns the exposure each order adds."""
    groups = {
        draft.order_id: draft.account.credit_group_id
        for draft in drafts
        if draft.account and draft.account.credit_group_id and draft.credit_amount
    }
    if not groups:
        return {}
    rows.leave_pipeline()
    standings = lock_credit(credit_group_ids=set(groups.values()), on=on)
    taken: dict[int, Decimal] = {}
    deltas = []
    for draft in drafts:
        group_id = groups.get(draft.order_id)
        if group_id is None:
            continue
        already = taken.get(group_id, ZERO)
        verdict = standings[group_id].judge(already + draft.credit_amount)
        if verdict is CreditVerdict.EXCEEDED:
            available = standings[group_id].available - already
            draft.holds[Reason.CREDIT_EXCEEDED] = _("%(amount)s wanted, %(available)s available.") % {
                "amount": written(draft.credit_amount),
                "available": written(available),
            }
        elif verdict is CreditVerdict.WARNING:
            draft.holds[Reason.CREDIT_WARNING] = ""
        taken[group_id] = already + draft.credit_amount
        deltas.append(
            ExposureDelta(group_id, ExposureEntry.Kind.OPEN_ORDER, draft.credit_amount, "ORDER", draft.order_id)
        )
    add_exposure(deltas=deltas, at=at, by=by)
    return {delta.document_id: delta.amount for delta in deltas}


def allocated_lines(
    drafts: Sequence[Draft], written: Mapping[int, Written], granted: Sequence[Granted]
) -> dict[int, list[AllocatedLine]]:
    """How many units of each line are reserved: as many as its scarcest component allows."""
    pieces: dict[tuple[int, int], int] = {}
    for grant in granted:
        pieces[grant.document_line, grant.sku_id] = pieces.get((grant.document_line, grant.sku_id), 0) + grant.quantity
    found: dict[int, list[AllocatedLine]] = {}
    for draft in drafts:
        keys = written[draft.order_id].line_keys
        found[draft.order_id] = [
            AllocatedLine(
                line.line_id,
                line.sku,
                line.quantity,
                min(pieces.get((keys[line.line_id], sku_id), 0) // per_unit for sku_id, per_unit in facts.components)
                if facts
                else 0,
            )
            for line, facts, _rate in draft.lines
        ]
    return found


def _first_state(draft: Draft, lines: Sequence[AllocatedLine], *, at: dt.datetime) -> str:
    releases = [facts.release_date for _line, facts, _rate in draft.lines if facts and facts.release_date]
    facts = OrderFacts(
        is_cancelled=False,
        is_on_hold=bool(draft.holds),
        is_all_shipped=False,
        is_being_picked=False,
        is_fully_reserved=all(line.reserved_quantity == line.quantity for line in lines),
        is_payment_settled=all(
            is_payment_settled(
                method=item.payment.method, status=item.payment.status, must_be_paid_first=item.must_be_paid_first
            )
            for item in draft.payments
            if item.payment.amount
        ),
        release_date=max(releases, default=None),
        ship_after=draft.ship_after,
        is_provisional=draft.order.is_provisional,
    )
    return state_of(facts, today=business_date(at)).value


def report_shortages(
    drafts: Sequence[Draft], allocations: Mapping[int, Sequence[AllocatedLine]], *, at: dt.datetime, by: Actor
) -> list[staff_tasks.Finding]:
    """An order that an EC site took beyond the stock is a task for staff (売り越し), unless it was sold as a pre-order. Returns what was found."""
    findings = []
    for draft in drafts:
        promised = {line.line_id for line, _facts, _rate in draft.lines if line.promised_date}
        short = [
            line
            for line in allocations[draft.order_id]
            if line.reserved_quantity < line.quantity and line.line_id not in promised
        ]
        if short and draft.may_reserve and draft.order.order_type != OrderType.PREORDER:
            detail = ", ".join(f"{line.sku} {line.reserved_quantity}/{line.quantity}" for line in short)
            findings.append(staff_tasks.Finding("OVERSOLD", "ORDER", draft.order_id, draft.number, detail))
    if findings:
        staff_tasks.open_tasks(findings, at=at, by=by)
    return findings


def _message(order: OrderInput, body: Any, draft: Draft | None, outcome: OrderOutcome) -> Message:
    refusal = outcome.refusal
    if refusal is None:
        kind = Outcome.REPLAYED if outcome.is_replay else Outcome.TASK if outcome.is_task else Outcome.DONE
    elif isinstance(refusal, StaleRevision):
        kind = Outcome.STALE
    else:
        kind = Outcome.REFUSED
    if body is None:
        body = Encoded(draft.canonical) if draft else order
    return Message(
        kind="order",
        external_id=order.external_id[:100],
        revision=max(0, min(int(order.revision), 2_000_000_000)),
        body=body,
        fingerprint=draft.fingerprint if draft else "",
        outcome=kind,
        detail=str(refusal or ""),
    )
