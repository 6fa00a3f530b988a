"""Pieces that leave: issues of reserved stock, of stock in transit, and returns to stock at the value they left with.

Takes these levels of the house's lock order: balances by primary key, cost rows by SKU. Whoever owns the event (a shipment, a return) posts it:
the values come back for that. Where goods outside are not worth any more what they left with, the difference is posted here.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from erp.core import rows
from erp.core.actors import Actor
from erp.core.clock import business_date
from erp.core.money import ZERO
from erp.core.use_case import use_case
from erp.inventory import postings
from erp.inventory.exceptions import NotReserved, Uncovered
from erp.inventory.models import StockDocument
from erp.inventory.postings import Sums
from erp.inventory.services import balances, documents, movements
from erp.inventory.services.balances import Balance, BalanceKey, Cost, CostKey
from erp.inventory.services.explaining import Left, explain_losses, settle_returns
from erp.inventory.services.movements import Booking
from erp.inventory.services.posting import post_facts


@dataclass(frozen=True, slots=True)
class Issue:
    """Pieces of one line of a source (a shipment) that consume the reservation of a document's line."""

    source_id: int
    source_line: int
    document_id: int
    document_line: int
    sku_id: int
    quantity: int


@dataclass(frozen=True, slots=True)
class Issued:
    """What left, at moving average. ``account_role`` names the inventory account its value left."""

    source_id: int
    source_line: int
    sku_id: int
    quantity: int
    value: Decimal
    account_role: str = "inventory.goods"


@dataclass(frozen=True, slots=True)
class TransitIssue:
    source_id: int
    source_line: int
    sku_id: int
    quantity: int
    value: Decimal


@dataclass(frozen=True, slots=True)
class PutBack:
    source_line: int
    sku_id: int
    quantity: int
    location_id: int
    value: Decimal


@dataclass(frozen=True, slots=True)
class BroughtBack:
    """Pieces that come back from outside (transit, an account) with the value they left with. ``worth`` is what they are carried at now."""

    source_line: int
    sku_id: int
    quantity: int
    from_location_id: int
    to_location_id: int
    value: Decimal
    worth: Decimal


@dataclass(slots=True)
class _Claim:
    """An open reservation while it is consumed. Its pieces lay on their shelf when it was made."""

    id: int
    key: BalanceKey
    left: int
    reserved_at: dt.datetime
    consumed: int = 0


@use_case
def issue_reserved(
    *,
    source_type: str,
    document_type: str,
    issues: Sequence[Issue],
    channel_id: int,
    occurred_at: dt.datetime,
    transit_location_id: int | None = None,
    batch: rows.Batch | None = None,
    at: dt.datetime,
    by: Actor,
) -> list[Issued]:
    """Consume reservations and write the movements at moving average, one stock document per source.

    With ``transit_location_id`` the pieces move there, value and all, instead of leaving. Posts nothing. With a ``batch``, what it holds is
    written on the way, and the last writes are left in it for the caller.

    Raises:
        NotReserved: names every line that reservations do not cover.
    """
    own = rows.Batch() if batch is None else batch
    sources = list(dict.fromkeys(issue.source_id for issue in issues))
    in_transit = [] if transit_location_id is None else [(issue.sku_id, transit_location_id) for issue in issues]
    keys, locked, claims, costs = _lock_reserved(document_type, issues, in_transit, len(sources), after=own, at=at)
    parts = _match(issues, claims)
    headers = dict(zip(sources, keys, strict=True))
    documents.gather_documents(
        headers,
        kind=StockDocument.Kind.ISSUE if transit_location_id is None else StockDocument.Kind.TRANSFER,
        source_type=source_type,
        occurred_at=occurred_at,
        batch=own,
        at=at,
        by=by,
    )
    booking = Booking(locked, costs, occurred_at=occurred_at, at=at, channel_id=channel_id)
    gone = [
        Left(headers[issue.source_id], issue.source_line, claim.key, pieces, not_before=claim.reserved_at)
        for issue, claim, pieces in parts
    ]
    explain_losses(
        booking, gone, occurred_at=occurred_at, is_day_only=_is_of_another_day(occurred_at, at), at=at, by=by
    )
    issued: dict[tuple[int, int, int, str], list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
    for issue, claim, pieces in parts:
        line: dict[str, Any] = {"document_id": headers[issue.source_id], "document_line": issue.source_line}
        booking.claim(claim.key, -pieces)
        value = booking.take(claim.key, pieces, **line)
        if transit_location_id is not None:
            booking.move((issue.sku_id, transit_location_id), pieces, value=value, **line)
        total = issued[issue.source_id, issue.source_line, issue.sku_id, booking.account_role(claim.key)]
        total[0] += pieces
        total[1] += value
    _consume(claims, own)
    booking.write(batch=own)
    if batch is None:
        own.run()
    return [
        Issued(source_id, source_line, sku_id, int(pieces), value, role)
        for (source_id, source_line, sku_id, role), (pieces, value) in issued.items()
    ]


def lock_ahead_of_issues(
    *, document_type: str, issues: Sequence[Issue], arriving: Sequence[BalanceKey], at: dt.datetime
) -> None:
    """Lock, before several ``issue_reserved`` of one transaction, what all of them touch: every balance, then every cost row.

    Each call alone locks in the house's order; the second would go back from cost rows to balances, and two bulk shipments would deadlock.
    """
    _lock_reserved(document_type, issues, arriving, 0, after=rows.Batch(), at=at)


def lock_ahead(*, leaving: Iterable[BalanceKey] = (), arriving: Iterable[BalanceKey] = (), at: dt.datetime) -> None:
    """The same before several calls that name their balances themselves: what pieces leave, and what they arrive on (created where missing)."""
    movements.open_booking(leaving, arriving=arriving, occurred_at=at, at=at).write()


def _is_of_another_day(occurred_at: dt.datetime, at: dt.datetime) -> bool:
    """What is told with the date of an earlier day stands at its noon, whenever that day it was."""
    return business_date(occurred_at) != business_date(at)


LineKey = tuple[int, int, int]
"""(document, line, SKU)"""


_OPEN_CLAIMS = """
SELECT r.id, r.sku_id, r.location_id, r.quantity, r.reserved_at, r.document_id, r.document_line FROM inventory_reservation r
JOIN unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS n (document_id, document_line, sku_id) USING (document_id, document_line, sku_id)
WHERE r.document_type = %s AND r.quantity > 0 ORDER BY r.id
"""


def _lock_reserved(
    document_type: str,
    issues: Sequence[Issue],
    arriving: Sequence[BalanceKey],
    documents_wanted: int,
    *,
    after: rows.Batch,
    at: dt.datetime,
) -> tuple[list[int], dict[BalanceKey, Balance], dict[LineKey, list[_Claim]], dict[CostKey, Cost]]:
    """Lock balances, then cost rows, in one round trip; each statement in it has a snapshot of its own, so the claims are read as they are
    under the lock. Gives keys for new documents, the balances, the open claims and the cost rows."""
    places = [[sku for sku, _location in arriving], [location for _sku, location in arriving]]
    wanted = [*_line_columns(issues), document_type]
    with after.before_questions():
        keys = rows.ask_ids({StockDocument: documents_wanted})
        balances.ensure(arriving)
        locked = balances.ask_locked(balances.LOCK_FOR_ISSUE, [at, *wanted, *places])
        claims = rows.ask(_OPEN_CLAIMS, wanted)
        if arriving:
            rows.ask(balances.ENSURE_COSTS_AT, places)
        costs = balances.ask_locked_costs(balances.LOCK_COSTS_FOR_ISSUE, [*wanted, *places])
    found = locked()
    return keys().get(StockDocument, []), found, _open_claims(claims.all(), found), costs()


def _open_claims(claimed: Iterable[Sequence[Any]], locked: Mapping[BalanceKey, Balance]) -> dict[LineKey, list[_Claim]]:
    """First reserved (best rank) is first consumed."""
    claims: dict[LineKey, list[_Claim]] = defaultdict(list)
    for claim_id, sku_id, location_id, quantity, reserved_at, document_id, document_line in claimed:
        if (sku_id, location_id) in locked:
            claim = _Claim(claim_id, (sku_id, location_id), quantity, reserved_at)
            claims[document_id, document_line, sku_id].append(claim)
    return claims


def _line_columns(issues: Sequence[Issue]) -> tuple[list[int], list[int], list[int]]:
    lines = list(dict.fromkeys((issue.document_id, issue.document_line, issue.sku_id) for issue in issues))
    return [line[0] for line in lines], [line[1] for line in lines], [line[2] for line in lines]


def _match(issues: Sequence[Issue], claims: Mapping[LineKey, Sequence[_Claim]]) -> list[tuple[Issue, _Claim, int]]:
    parts, uncovered = [], []
    for issue in issues:
        missing = issue.quantity
        for claim in claims.get((issue.document_id, issue.document_line, issue.sku_id), ()):
            pieces = min(missing, claim.left)
            if pieces > 0:
                claim.left -= pieces
                claim.consumed += pieces
                missing -= pieces
                parts.append((issue, claim, pieces))
        if missing:
            uncovered.append(
                Uncovered(issue.source_id, issue.source_line, issue.sku_id, issue.quantity, issue.quantity - missing)
            )
    if uncovered:
        raise NotReserved(uncovered)
    return parts


_CONSUME = """
UPDATE inventory_reservation r SET quantity = r.quantity - n.pieces, consumed = r.consumed + n.pieces
FROM unnest(%s::bigint[], %s::int[]) AS n (id, pieces) WHERE r.id = n.id
"""


def _consume(claims: Mapping[LineKey, Sequence[_Claim]], batch: rows.Batch) -> None:
    consumed = [(claim.id, claim.consumed) for group in claims.values() for claim in group if claim.consumed]
    if consumed:
        batch.add(_CONSUME, [[claim_id for claim_id, _n in consumed], [pieces for _id, pieces in consumed]])


@use_case
def issue_from_transit(
    *,
    source_type: str,
    issues: Sequence[TransitIssue],
    transit_location_id: int,
    occurred_at: dt.datetime,
    at: dt.datetime,
    by: Actor,
) -> None:
    """Take pieces out of transit (or of an account's consigned stock) at exactly the value they went in with. Posts nothing but what a count or a
    write-down out there made of that value: it is cost of sales, and the last piece takes the rest.

    Raises:
        InsufficientStock: names every SKU of which the place holds less.
    """
    headers = documents.new_documents(
        kind=StockDocument.Kind.ISSUE,
        source_type=source_type,
        source_ids=[issue.source_id for issue in issues],
        occurred_at=occurred_at,
        at=at,
        by=by,
    )
    booking = movements.open_booking(
        {(issue.sku_id, transit_location_id) for issue in issues}, occurred_at=occurred_at, at=at
    )
    wanted: dict[BalanceKey, int] = defaultdict(int)
    for issue in issues:
        wanted[issue.sku_id, transit_location_id] += issue.quantity
    gone = [
        Left(headers[issue.source_id], issue.source_line, (issue.sku_id, transit_location_id), issue.quantity)
        for issue in issues
    ]
    explain_losses(
        booking, gone, occurred_at=occurred_at, is_day_only=_is_of_another_day(occurred_at, at), at=at, by=by
    )
    movements.refuse_shortage(wanted, booking)
    outside = _Outside(booking, on=business_date(occurred_at))
    for issue in issues:
        outside.leave(
            (issue.sku_id, transit_location_id),
            issue.quantity,
            issue.value,
            headers[issue.source_id],
            issue.source_line,
        )
    booking.write()
    outside.post(at=at, by=by)


class _Outside:
    """Goods that leave a place outside. Their document posts what they went in with; what they are worth now may differ from it."""

    def __init__(self, booking: Booking, *, on: dt.date) -> None:
        self._booking, self._on = booking, on
        self._sums: dict[tuple[int, dt.date], Sums] = defaultdict(Sums)

    def leave(self, key: BalanceKey, pieces: int, value: Decimal, document_id: int, line: int) -> Decimal:
        """Returns by how much more (or less) than ``value`` the pieces took along."""
        worth = self._booking.value_within(key, pieces, value)
        self._booking.move(key, -pieces, value=-worth, document_id=document_id, document_line=line)
        self._differ(key, document_id, value - worth)
        return worth - value

    def arrive(self, key: BalanceKey, pieces: int, worth: Decimal, more: Decimal, document_id: int, line: int) -> None:
        """What is worth something takes the difference along; what is worth nothing stays so."""
        taken = max(more, -worth) if worth else ZERO
        self._booking.move(key, pieces, value=worth + taken, document_id=document_id, document_line=line)
        self._differ(key, document_id, taken)

    def _differ(self, key: BalanceKey, document_id: int, amount: Decimal) -> None:
        sums = self._sums[document_id, self._on]
        sums.debit(self._booking.account_role(key), amount)
        sums.credit(postings.COST_OF_SALES, amount)

    def post(self, *, at: dt.datetime, by: Actor) -> None:
        told = {key: sums for key, sums in self._sums.items() if sums.lines()}
        if told:
            post_facts(told, description=_("Goods outside were worth another value"), at=at, by=by)


@use_case
def put_back(
    *,
    source_type: str,
    source_id: int,
    lines: Sequence[PutBack],
    channel_id: int | None,
    occurred_at: dt.datetime,
    at: dt.datetime,
    by: Actor,
) -> None:
    """Return pieces to stock at the value they were issued with (zero for a piece that is worth nothing any more). Posts nothing but what of it
    had left beyond the books before the return was typed."""
    put_back_all(
        source_type=source_type,
        lines={source_id: lines},
        channel_id=channel_id,
        occurred_at=occurred_at,
        at=at,
        by=by,
    )


@use_case
def put_back_all(
    *,
    source_type: str,
    lines: Mapping[int, Sequence[PutBack]],
    channel_id: int | None,
    occurred_at: dt.datetime,
    at: dt.datetime,
    by: Actor,
) -> None:
    """As ``put_back``, for many sources (key of the source → its lines) in a constant number of statements."""
    headers = documents.new_documents(
        kind=StockDocument.Kind.RECEIPT,
        source_type=source_type,
        source_ids=list(lines),
        occurred_at=occurred_at,
        at=at,
        by=by,
    )
    booking = movements.open_booking(
        (),
        arriving={(line.sku_id, line.location_id) for pieces in lines.values() for line in pieces},
        occurred_at=occurred_at,
        at=at,
        channel_id=channel_id,
    )
    for source_id, pieces in lines.items():
        for line in pieces:
            booking.move(
                (line.sku_id, line.location_id),
                line.quantity,
                value=line.value,
                document_id=headers[source_id],
                document_line=line.source_line,
            )
    settle_returns(booking, occurred_at=occurred_at, at=at, by=by)
    booking.write()


@use_case
def bring_back(
    *,
    source_type: str,
    lines: Mapping[int, Sequence[BroughtBack]],
    channel_id: int | None,
    occurred_at: dt.datetime,
    at: dt.datetime,
    by: Actor,
) -> None:
    """Move pieces that were outside back into the house, at exactly the value they left with (key of the source → its lines). Posts nothing but
    what a count or a write-down out there made of that value.

    Raises:
        InsufficientStock: names every SKU of which the place outside holds less.
    """
    headers = documents.new_documents(
        kind=StockDocument.Kind.TRANSFER,
        source_type=source_type,
        source_ids=list(lines),
        occurred_at=occurred_at,
        at=at,
        by=by,
    )
    everything = [line for pieces in lines.values() for line in pieces]
    wanted: dict[BalanceKey, int] = defaultdict(int)
    for line in everything:
        wanted[line.sku_id, line.from_location_id] += line.quantity
    booking = movements.open_booking(
        wanted,
        arriving={(line.sku_id, line.to_location_id) for line in everything},
        occurred_at=occurred_at,
        at=at,
        channel_id=channel_id,
    )
    gone = [
        Left(headers[source_id], line.source_line, (line.sku_id, line.from_location_id), line.quantity)
        for source_id, pieces in lines.items()
        for line in pieces
    ]
    explain_losses(
        booking, gone, occurred_at=occurred_at, is_day_only=_is_of_another_day(occurred_at, at), at=at, by=by
    )
    movements.refuse_shortage(wanted, booking)
    outside = _Outside(booking, on=business_date(occurred_at))
    for source_id, pieces in lines.items():
        for line in pieces:
            place = (headers[source_id], line.source_line)
            more = outside.leave((line.sku_id, line.from_location_id), line.quantity, line.value, *place)
            outside.arrive((line.sku_id, line.to_location_id), line.quantity, line.worth, more, *place)
    settle_returns(booking, occurred_at=occurred_at, at=at, by=by)
    booking.write()
    outside.post(at=at, by=by)
