"""Pieces that came in or left before somebody counted and are told only now. The count knew of them: what came, it found already, and what had
left, it lacked. Internal to ``services``; what is told as a fact (a sale, a loss) is ``Fact.put_back_counted``.

A count leaves a difference at its moment: what it posted, with what was put back there since, and the provisional pieces that it explained. What
explains a part of it takes that back, so what is left of one is asked of the ledger, behind the lock of the balance.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from django.utils.translation import gettext as _

from erp.core import rows, staff_tasks
from erp.core.actors import Actor
from erp.core.clock import business_date, end_of, written_moment
from erp.core.money import ZERO, share_of, share_of_next
from erp.core.staff_tasks import Finding
from erp.inventory import postings
from erp.inventory.models import ProvisionalReceipt, Reason, StockDocument
from erp.inventory.postings import Sums
from erp.inventory.services import documents, provisional
from erp.inventory.services.balances import BalanceKey
from erp.inventory.services.facts import FOUND, count_wanted
from erp.inventory.services.movements import Booking, Came, open_booking, refuse_shortage
from erp.inventory.services.posting import post_facts
from erp.inventory.services.provisional import PROVISIONAL

COUNT_EXPLAINED, COUNT_LACKED = "COUNT_EXPLAINED", "COUNT_LACKED"
SOLD_AGAIN = "SOLD_AGAIN"

# Each moment at which these SKUs were counted since, and what its count found more than the books had, signed: a count posts it as found or lost,
# what left before and was told after it put pieces back at that moment, and what explained a part took that back. What staff adjusted is no count.
_FOUND_SINCE = """
SELECT c.sku_id, c.location_id, c.counted_at, coalesce(sum(m.quantity), 0)::int, coalesce(sum(m.value), 0)
FROM (SELECT DISTINCT r.sku_id, r.location_id, r.counted_at
      FROM unnest(%s::bigint[], %s::bigint[]) AS n (sku_id, location_id) JOIN inventory_countrecord r USING (sku_id, location_id)
      WHERE r.counted_at >= %s) c
LEFT JOIN LATERAL (
    SELECT x.quantity, x.value FROM inventory_stockmovement x
    JOIN inventory_reason why ON why.id = x.reason_id JOIN inventory_stockdocument d ON d.id = x.document_id
    WHERE x.sku_id = c.sku_id AND x.location_id = c.location_id AND x.occurred_at = c.counted_at
      AND (why.code = 'FOUND' AND d.source_type <> 'ADJUSTMENT' OR why.code = 'LOSS' AND d.source_type IN ('COUNT', 'STOCK_COUNT'))
) m ON true
GROUP BY 1, 2, 3 ORDER BY 3
"""


@dataclass(frozen=True, slots=True)
class Left:
    """Pieces that a line of a document is about to take from a balance. ``not_before``: they lay on their shelf until then at least."""

    document_id: int
    line_no: int
    key: BalanceKey
    pieces: int
    not_before: dt.datetime | None = None


@dataclass(slots=True)
class _Difference:
    """What a count found more than the books had (negative: lacked), as far as nothing has explained it yet."""

    moment: dt.datetime
    found: int
    value: Decimal
    provisional: list[ProvisionalReceipt] = field(default_factory=list)

    @property
    def surplus(self) -> int:
        return max(self.found + sum(row.counted_quantity for row in self.provisional), 0)

    @property
    def lack(self) -> int:
        return max(-self.found, 0)

    def give(self, pieces: int) -> Decimal:
        """So many of what was found, or of what lacked, are explained. Returns what the count took them for."""
        sign = 1 if self.found > 0 else -1
        of, value = sign * self.found, sign * self.value
        worth = max(value if pieces == of else share_of(value, pieces, of), ZERO)
        self.found, self.value = sign * (of - pieces), sign * (value - worth)
        return worth


@dataclass(frozen=True, slots=True)
class _Part:
    """Pieces of a line that a count had found: what they cost, and what they were taken for when nobody knew. ``is_gone``: they came in
    provisionally, when they had left."""

    line: Came
    moment: dt.datetime
    pieces: int
    cost: Decimal
    assumed: Decimal
    is_gone: bool


def explain_counts(
    booking: Booking, *, occurred_at: dt.datetime, at: dt.datetime, by: Actor
) -> dict[BalanceKey, tuple[int, Decimal]]:
    """Take back what counts at or after ``occurred_at`` had found of the pieces that this booking brings in. Returns how many that were per
    balance, and what they cost.

    What no count found stays, as it may have stood outside; that a count did not see it is a task for staff. What is on hand never falls below
    what was there, so no claim loses its pieces.
    """
    counted = {line.key for line in booking.came if booking.was_counted_since(line.key, occurred_at)}
    surpluses = _differences(counted, occurred_at)
    if not surpluses:
        return {}
    parts: list[_Part] = []
    explained: dict[BalanceKey, tuple[int, Decimal]] = {}
    unseen: dict[BalanceKey, int] = defaultdict(int)
    for line in booking.came:
        of_line = _parts(line, surpluses.get(line.key, ()), occurred_at)
        pieces, cost = sum(part.pieces for part in of_line), sum((part.cost for part in of_line), ZERO)
        before = explained.get(line.key, (0, ZERO))
        explained[line.key] = (before[0] + pieces, before[1] + cost)
        if pieces < line.pieces and line.key in surpluses:
            unseen[line.key] += line.pieces - pieces
        parts += of_line
    _take_back(booking, parts, at=at, by=by)
    booking.happened(occurred_at)
    rows.update(
        ProvisionalReceipt,
        "id",
        ("counted_quantity",),
        [(row.pk, row.counted_quantity) for of in surpluses.values() for one in of for row in one.provisional],
    )
    told = _(
        "%(pieces)d pieces came in by papers of before the count of %(moment)s, which did not see them. Count what is there."
    )
    staff_tasks.open_tasks(_findings(told, unseen, surpluses), at=at, by=by)
    return explained


def settle_arrivals(
    booking: Booking, sums: Sums, document_id: int, *, occurred_at: dt.datetime, at: dt.datetime, by: Actor
) -> None:
    """What was found by a count of the pieces that this booking brings in, or had left beyond the books before anybody noted that they came, is not
    there once more. All that it brings in comes under one document."""
    received = _unexplained(booking, occurred_at=occurred_at, at=at, by=by)
    provisional.settle_with_receipt(received, booking, sums, document_id=document_id)


def settle_returns(booking: Booking, *, occurred_at: dt.datetime, at: dt.datetime, by: Actor) -> None:
    """The same of pieces that came back. What left beyond the books on that day or later may have been they, sold again before anybody typed their
    return. Often only the day is known: it errs to fewer pieces, and the receipt that the sale waited for comes in as a whole.

    Posts by itself, under a document beside the return: what a return brings is counted by its own.
    """
    received = _unexplained(booking, occurred_at=occurred_at, at=at, by=by)
    since = business_date(occurred_at)
    sold_again = {(row.sku_id, row.location_id) for row in provisional.open_provisionals(received, since=since)}
    lines = [(line.document_id, occurred_at) for line in booking.came if line.key in sold_again]
    if not lines:
        return
    document_id = _documents_beside(SOLD_AGAIN, lines[:1], at=at, by=by)[lines[0][0]]
    sums = Sums()
    booking.happened(occurred_at)
    provisional.settle_with_receipt(
        {key: received[key] for key in sold_again}, booking, sums, document_id=document_id, since=since
    )
    told = _("What came back had been sold again")
    post_facts({(document_id, since): sums}, description=told, at=at, by=by)


def _unexplained(
    booking: Booking, *, occurred_at: dt.datetime, at: dt.datetime, by: Actor
) -> dict[BalanceKey, list[Decimal]]:
    """Pieces and cost per balance that came in, without those that counts had found."""
    received: dict[BalanceKey, list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
    for line in booking.came:
        received[line.key][0] += line.pieces
        received[line.key][1] += line.value
    for key, (pieces, worth) in explain_counts(booking, occurred_at=occurred_at, at=at, by=by).items():
        received[key][0] -= pieces
        received[key][1] -= worth
    return {key: of for key, of in received.items() if of[0]}


def open_for_leaving(
    leaving: Sequence[Left],
    *,
    arriving: Iterable[BalanceKey] = (),
    occurred_at: dt.datetime,
    at: dt.datetime,
    by: Actor,
) -> Booking:
    """Lock what free pieces leave and arrive on, put back what counts since then lacked of them, and see whether there are enough.

    Raises InsufficientStock naming every SKU of which there are not.
    """
    wanted: dict[BalanceKey, int] = defaultdict(int)
    for line in leaving:
        wanted[line.key] += line.pieces
    booking = open_booking(wanted, arriving=arriving, occurred_at=occurred_at, at=at)
    explain_losses(booking, leaving, occurred_at=occurred_at, at=at, by=by)
    refuse_shortage(wanted, booking)
    return booking


def explain_losses(
    booking: Booking,
    left: Sequence[Left],
    *,
    occurred_at: dt.datetime,
    is_day_only: bool = False,
    at: dt.datetime,
    by: Actor,
) -> None:
    """Put back what counts at or after ``occurred_at`` lacked of the pieces that are about to leave; otherwise they would be gone twice. Call it
    before anybody looks whether there are enough.

    What no count lacked leaves as ever: it lay there still, or it left later than its paper says. That is a task for staff.

    Where only the day is known, a count of that day may have come first: then counts of later days alone knew of it, and nobody is asked. It errs
    to fewer pieces; what was put back wrongly would be sold.
    """
    since = end_of(business_date(occurred_at)) if is_day_only else occurred_at
    counted = {line.key for line in left if booking.was_counted_since(line.key, max(since, line.not_before or since))}
    losses = _differences(counted, since)
    back: list[tuple[Left, dt.datetime, int, Decimal]] = []
    seen: dict[BalanceKey, int] = defaultdict(int)
    for line in left:
        missing = line.pieces
        for one in losses.get(line.key, ()):
            if line.not_before is not None and one.moment < line.not_before:
                continue
            if pieces := min(missing, one.lack):
                missing -= pieces
                back.append((line, one.moment, pieces, one.give(pieces)))
        if missing and line.key in losses:
            seen[line.key] += missing
    _put_back(booking, back, at=at, by=by)
    booking.happened(occurred_at)
    if not is_day_only:
        told = _(
            "%(pieces)d pieces left by papers of before the count of %(moment)s, which saw them. Count what is there."
        )
        staff_tasks.open_tasks(_findings(told, seen, losses), at=at, by=by)


def _put_back(
    booking: Booking, back: Sequence[tuple[Left, dt.datetime, int, Decimal]], *, at: dt.datetime, by: Actor
) -> None:
    """The pieces are found where they lacked, at what the count had taken them for, under a document beside the one that takes them."""
    if not back:
        return
    beside = _documents_beside(
        COUNT_LACKED, [(line.document_id, moment) for line, moment, *_rest in back], at=at, by=by
    )
    why = Reason.objects.get(code=FOUND)
    sums: dict[tuple[int, dt.date], Sums] = defaultdict(Sums)
    for line, moment, pieces, value in sorted(back, key=lambda each: each[1]):
        document_id = beside[line.document_id]
        booking.happened(moment)
        booking.move(
            line.key,
            pieces,
            value=value,
            document_id=document_id,
            document_line=line.line_no,
            reason_id=why.pk,
            is_news=False,
        )
        of_day = sums[document_id, business_date(moment)]
        of_day.debit(booking.account_role(line.key), value)
        of_day.credit(why.account_role, value)
    post_facts(sums, description=_("What a count had lacked had left"), at=at, by=by)


def _documents_beside(
    source_type: str, moments: Iterable[tuple[int, dt.datetime]], *, at: dt.datetime, by: Actor
) -> dict[int, int]:
    """One document beside each of these, as of the first moment at which it explains something."""
    first: dict[int, dt.datetime] = {}
    for document_id, moment in moments:
        first[document_id] = min(moment, first.get(document_id, moment))
    return documents.new_documents(
        kind=StockDocument.Kind.ADJUSTMENT,
        source_type=source_type,
        source_ids=list(first),
        occurred_at=first,
        at=at,
        by=by,
    )


def _differences(keys: Collection[BalanceKey], since: dt.datetime) -> dict[BalanceKey, list[_Difference]]:
    if not keys:
        return {}
    columns = [list(column) for column in zip(*sorted(keys), strict=True)]
    found: dict[BalanceKey, list[_Difference]] = defaultdict(list)
    for sku_id, location_id, moment, pieces, value in rows.ask(_FOUND_SINCE, [*columns, since]).all():
        found[sku_id, location_id].append(_Difference(moment, pieces, value))
    if found:
        skus, locations = {sku for sku, _loc in found}, {loc for _sku, loc in found}
        counted = ProvisionalReceipt.objects.filter(sku_id__in=skus, location_id__in=locations, counted_quantity__gt=0)
        for row in counted.order_by("id"):
            for one in found.get((row.sku_id, row.location_id), ()):
                if one.moment == row.counted_at:
                    one.provisional.append(row)
    return dict(found)


def _parts(line: Came, surpluses: Iterable[_Difference], occurred_at: dt.datetime) -> list[_Part]:
    """What of a line each count had found, the earliest first. Lowers what is left of them."""
    parts: list[_Part] = []
    done = 0

    def part(moment: dt.datetime, pieces: int, assumed: Decimal, *, is_gone: bool) -> None:
        nonlocal done
        cost = share_of_next(line.value, pieces, done=done, of=line.pieces)
        done += pieces
        parts.append(_Part(line, moment, pieces, cost, assumed, is_gone))

    for one in surpluses:
        left = min(line.pieces - done, one.surplus)
        for row in one.provisional:
            if pieces := min(left, row.counted_quantity):
                part(max(row.occurred_at, occurred_at), pieces, provisional.take_counted(row, pieces), is_gone=True)
                left -= pieces
        if left:
            part(one.moment, left, one.give(left), is_gone=False)
    return parts


def _take_back(booking: Booking, parts: Sequence[_Part], *, at: dt.datetime, by: Actor) -> None:
    """Move the pieces out again where they were found, under a document beside the one that brought them. What is still there is then worth
    what it cost; what has left meanwhile gives its share of the difference to cost of sales."""
    if not parts:
        return
    moments = [(part.line.document_id, part.moment) for part in parts]
    beside = _documents_beside(COUNT_EXPLAINED, moments, at=at, by=by)
    reasons = {reason.code: reason for reason in Reason.objects.filter(code__in=[FOUND, PROVISIONAL])}
    there = {part.line.key: booking.pieces_before(part.line.key) for part in parts}
    sums: dict[tuple[int, dt.date], Sums] = defaultdict(Sums)
    for part in sorted(parts, key=lambda part: part.moment):
        key, document_id, reason = (
            part.line.key,
            beside[part.line.document_id],
            reasons[PROVISIONAL if part.is_gone else FOUND],
        )
        wished = part.cost
        if not part.is_gone:
            still = min(part.pieces, there[key])
            there[key] -= still
            wished -= postings.stays_in_stock(part.cost - part.assumed, received=part.pieces, in_stock=still)
        value = booking.value_within(key, part.pieces, wished)
        booking.happened(part.moment)
        booking.move(
            key,
            -part.pieces,
            value=-value,
            document_id=document_id,
            document_line=part.line.line_no,
            reason_id=reason.pk,
        )
        of_day = sums[document_id, business_date(part.moment)]
        of_day.credit(booking.account_role(key), value)
        of_day.debit(reason.account_role, part.assumed)
        of_day.debit(postings.COST_OF_SALES, value - part.assumed)
    post_facts(sums, description=_("What a count had found came in"), at=at, by=by)


def _findings(
    told: str, pieces: Mapping[BalanceKey, int], counts: Mapping[BalanceKey, Sequence[_Difference]]
) -> list[Finding]:
    """What a paper of before the last count says, and that count contradicts."""
    if not pieces:
        return []
    words = {key: {"pieces": n, "moment": written_moment(counts[key][-1].moment)} for key, n in pieces.items()}
    return count_wanted({key: told % of for key, of in words.items()})
