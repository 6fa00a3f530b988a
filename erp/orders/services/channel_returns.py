"""Returns in the words of a channel: its order, its line ids. Levels: document (the order's name and row, the return's name), then as a return.

Which parcel the units left in is our matter: they come back from the parcels in the order in which they left.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.db.models import F
from django.utils.translation import gettext as _

from erp.core import locks, messages, staff_tasks
from erp.core.actors import Actor
from erp.core.clock import business_date, unbookable
from erp.core.errors import InvalidInput, Problem
from erp.core.messages import Message, store
from erp.core.models import MessageLog
from erp.core.use_case import use_case
from erp.orders import selectors
from erp.orders.exceptions import NotReturnable, OrderConflict
from erp.orders.models import Order, OrderLine, ParkedMessage, Return, ReturnLine, ShipmentLine
from erp.orders.selectors.units import GONE
from erp.orders.services.drafting import Draft
from erp.orders.services.return_parts import ReturnedLine
from erp.orders.services.returns import record_return

MESSAGE_KIND = "return"
MAX_LINES = 2_000
LONGEST_LINE_ID = 60  # as an order may name its lines
Outcome = MessageLog.Outcome


@dataclass(frozen=True, slots=True)
class ReturnedUnits:
    """Units of one order line that came back, in one condition."""

    line_id: str
    quantity: int
    condition: str = ReturnLine.Condition.SELLABLE


@dataclass(frozen=True, slots=True)
class ChannelReturn:
    """``external_id`` is the channel's own number of the return. ``returned_on`` is its business date, today if it says nothing."""

    external_id: str
    lines: tuple[ReturnedUnits, ...]
    refund_fees: bool = False
    reason: str = ""
    returned_on: dt.date | None = None


@dataclass(frozen=True, slots=True)
class ReturnOutcome:
    """``document`` is ``None`` while the return waits for its order."""

    document: Return | None
    is_replay: bool = False


@use_case
def record_channel_return(
    *, channel: str, external_id: str, request: ChannelReturn, body: Any = None, at: dt.datetime, by: Actor
) -> ReturnOutcome:
    """Take back units of the order ``external_id``. The same return again gets the first answer; before its order it is parked.

    What came back in a month that is closed by now stands in the books on the first open day, as any fact. ``body`` is the raw message as it came.
    Raises:
        InvalidInput: names every malformed field.
        NotReturnable: names every line that is unknown or of which fewer units left than came back.
        OrderConflict: the return is recorded with other content.
        NotFound: no such channel.
    """
    channel_id = selectors.channel_id_of(channel)
    if problems := find_return_problems(request, at=at):
        raise InvalidInput(problems)
    locks.hold(f"order:{channel}:{external_id}")
    order = Order.objects.filter(channel_id=channel_id, external_id=external_id).select_for_update(no_key=True).first()
    locks.hold(f"return:{channel_id}:{request.external_id}")
    content = {"order": external_id, **asdict(request)}
    fingerprint = messages.fingerprint(content)
    known = _known(channel_id, request.external_id, fingerprint)
    if known is not None and (known.document is not None or order is None):
        outcome, result = Outcome.REPLAYED, known
    elif order is None:
        _park(channel_id, external_id, request.external_id, content, at=at, by=by)
        outcome, result = Outcome.PARKED, ReturnOutcome(None)
    else:
        document = record_return(
            order_id=order.pk,
            external_id=request.external_id,
            lines=_spread(order.pk, request.lines),
            refund_fees=request.refund_fees,
            reason=request.reason,
            return_date=request.returned_on or business_date(at),
            is_told=True,
            at=at,
            by=by,
        )
        outcome, result = Outcome.DONE, ReturnOutcome(document)
    message = Message(MESSAGE_KIND, request.external_id, 1, content if body is None else body, fingerprint, outcome)
    store([message], channel_id=channel_id, at=at, by=by)
    return result


def find_return_problems(request: ChannelReturn, *, at: dt.datetime) -> list[Problem]:
    """Every fault of a return, with JSON pointers into the contract's body."""
    problems = []
    if not request.external_id or len(request.external_id) > 100:
        problems.append(Problem("/external_id", "bad_external_id", _("1 to 100 characters are needed.")))
    if not 1 <= len(request.lines) <= MAX_LINES:
        detail = _("1 to %(most)s lines are needed.") % {"most": MAX_LINES}
        problems.append(Problem("/lines", "bad_line_count", detail))
    seen = set()
    for index, line in enumerate(request.lines):
        if not 1 <= len(line.line_id) <= LONGEST_LINE_ID:
            detail = _("A line id of 1 to %(most)s characters is needed.") % {"most": LONGEST_LINE_ID}
            problems.append(Problem(f"/lines/{index}/line_id", "bad_line_id", detail))
        if not 1 <= line.quantity <= 1_000_000:
            detail = _("1 to %(most)s pieces are possible.") % {"most": 1_000_000}
            problems.append(Problem(f"/lines/{index}/quantity", "bad_quantity", detail))
        if line.condition not in ReturnLine.Condition.values:
            detail = _("“%(value)s” is not known here.") % {"value": line.condition[:50]}
            problems.append(Problem(f"/lines/{index}/condition", "unknown_value", detail))
        if (line.line_id, line.condition) in seen:
            detail = _("Name a line once per condition.")
            problems.append(Problem(f"/lines/{index}/line_id", "repeated_line", detail))
        seen.add((line.line_id, line.condition))
    if request.returned_on is not None:
        problems += unbookable("/returned_on", request.returned_on, at=at)
    return problems


def _known(channel_id: int, external_id: str, fingerprint: str) -> ReturnOutcome | None:
    """What the first message under this number did. Raises OrderConflict for other content, or for a number that somebody else used."""
    first = (
        MessageLog.objects.filter(
            channel_id=channel_id,
            external_id=external_id,
            kind=MESSAGE_KIND,
            outcome__in=[Outcome.DONE, Outcome.PARKED],
        )
        .order_by("pk")
        .values_list("fingerprint", flat=True)
        .first()
    )
    document = Return.objects.filter(channel_id=channel_id, external_id=external_id).first()
    if (first is None and document is not None) or (first is not None and first != fingerprint):
        raise OrderConflict(_("Return %(id)s is recorded with other content.") % {"id": external_id})
    return None if first is None else ReturnOutcome(document, is_replay=True)


def _park(
    channel_id: int, external_id: str, message_id: str, content: Mapping[str, Any], *, at: dt.datetime, by: Actor
) -> None:
    from erp.orders.services.parking import park  # parking hands parked returns over: the two rooms know each other

    kind = ParkedMessage.Kind.RETURN
    park(
        channel_id=channel_id, external_id=external_id, kind=kind, message_id=message_id, body=content, at=at, by=by
    )  # fmt: skip


def ask_about_return(draft: Draft, body: Mapping[str, Any], *, at: dt.datetime, by: Actor) -> None:
    """A return that came before its order cannot be booked when the order comes: nothing has left yet. A person finds out."""
    detail = _("Return %(id)s was reported before the order came, so nothing had left.") % {"id": body["external_id"]}
    finding = staff_tasks.Finding("RETURN_BEFORE_SHIPMENT", "ORDER", draft.order_id, draft.number, detail)
    staff_tasks.open_tasks([finding], at=at, by=by)


def _spread(order_id: int, wanted: Sequence[ReturnedUnits]) -> list[ReturnedLine]:
    """Units by line id → units by shipment line, the earliest parcel first. The order is locked, so nothing moves meanwhile.

    Raises NotReturnable.
    """
    known = set(OrderLine.objects.filter(order=order_id).values_list("line_id", flat=True))
    gone = ShipmentLine.objects.filter(
        order_line__order=order_id, shipment__state__in=GONE, returned_quantity__lt=F("quantity")
    )
    left: dict[str, list[list[int]]] = {}
    for line_id, key, units in gone.order_by("pk").values_list(
        "order_line__line_id", "pk", F("quantity") - F("returned_quantity")
    ):
        left.setdefault(line_id, []).append([key, units])
    spread, problems = [], []
    for index, asked in enumerate(wanted):
        parts = left.get(asked.line_id, [])
        if asked.line_id not in known:
            problems.append(Problem(f"/lines/{index}/line_id", "unknown_line", _("The order has no such line.")))
        elif (possible := sum(units for _key, units in parts)) < asked.quantity:
            detail = _("%(asked)s came back, %(possible)s can.") % {"asked": asked.quantity, "possible": possible}
            problems.append(Problem(f"/lines/{index}/quantity", "not_returnable", detail))
        spread += [ReturnedLine(key, units, asked.condition) for key, units in _take(parts, asked.quantity)]
    if problems:
        raise NotReturnable(_("This cannot be taken back."), problems=problems)
    return spread


def _take(parts: Iterable[list[int]], quantity: int) -> list[tuple[int, int]]:
    """Take ``quantity`` units off the parts, the first one first; the parts keep what is left."""
    taken = []
    for part in parts:
        units = min(part[1], quantity)
        if units:
            part[1] -= units
            quantity -= units
            taken.append((part[0], units))
    return taken
