"""Pieces that came in before somebody counted and are told only now: the count found them already, so they explain what it found. Internal to
``services``; the mirror of ``Fact.put_back_counted``.

A count leaves a surplus at its moment: what it posted, with what sales that were told late put back there, and the provisional pieces that it
explained. What explains a surplus takes it back, so what is left of one is asked of the ledger, behind the lock of the balance.
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
from erp.core.clock import business_date, written_moment
from erp.core.money import ZERO, share_of, share_of_next
from erp.core.staff_tasks import Finding
from erp.inventory import postings
from erp.inventory.models import ProvisionalReceipt, Reason, StockDocument
from erp.inventory.postings import Sums
from erp.inventory.services import documents, provisional
from erp.inventory.services.balances import BalanceKey
from erp.inventory.services.facts import FOUND, count_wanted
from erp.inventory.services.movements import Booking, Came
from erp.inventory.services.posting import post_facts
from erp.inventory.services.provisional import PROVISIONAL

COUNT_EXPLAINED = "COUNT_EXPLAINED"

# Each moment at which these SKUs were counted since, and what its count found more than the books had, signed: a count posts it as found or lost,
# what was sold before and told after it put pieces back at that moment, and what explained a part took that back. What staff adjusted is no count.
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


@dataclass(slots=True)
class _Surplus:
    """What a count found, as far as nothing has explained it yet."""

    moment: dt.datetime
    found: int
    value: Decimal
    provisional: list[ProvisionalReceipt] = field(default_factory=list)

    @property
    def pieces(self) -> int:
        return max(self.found + sum(row.counted_quantity for row in self.provisional), 0)


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
    surpluses = _surpluses(counted, occurred_at)
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
    staff_tasks.open_tasks(_findings(unseen, {key: of[-1].moment for key, of in surpluses.items()}), at=at, by=by)
    return explained


def _surpluses(keys: Collection[BalanceKey], since: dt.datetime) -> dict[BalanceKey, list[_Surplus]]:
    if not keys:
        return {}
    columns = [list(column) for column in zip(*sorted(keys), strict=True)]
    found: dict[BalanceKey, list[_Surplus]] = defaultdict(list)
    for sku_id, location_id, moment, pieces, value in rows.ask(_FOUND_SINCE, [*columns, since]).all():
        found[sku_id, location_id].append(_Surplus(moment, pieces, value))
    if found:
        skus, locations = {sku for sku, _loc in found}, {loc for _sku, loc in found}
        counted = ProvisionalReceipt.objects.filter(sku_id__in=skus, location_id__in=locations, counted_quantity__gt=0)
        for row in counted.order_by("id"):
            for one in found.get((row.sku_id, row.location_id), ()):
                if one.moment == row.counted_at:
                    one.provisional.append(row)
    return dict(found)


def _parts(line: Came, surpluses: Iterable[_Surplus], occurred_at: dt.datetime) -> list[_Part]:
    """What of a line each count had found, the earliest first. Lowers what is left of them."""
    parts: list[_Part] = []
    done = 0

    def part(moment: dt.datetime, pieces: int, assumed: Decimal, *, is_gone: bool) -> None:
        nonlocal done
        cost = share_of_next(line.value, pieces, done=done, of=line.pieces)
        done += pieces
        parts.append(_Part(line, moment, pieces, cost, assumed, is_gone))

    for one in surpluses:
        left = min(line.pieces - done, one.pieces)
        for row in one.provisional:
            if pieces := min(left, row.counted_quantity):
                part(max(row.occurred_at, occurred_at), pieces, provisional.take_counted(row, pieces), is_gone=True)
                left -= pieces
        if left:
            assumed = max(one.value if left == one.found else share_of(one.value, left, one.found), ZERO)
            one.found, one.value = one.found - left, one.value - assumed
            part(one.moment, left, assumed, is_gone=False)
    return parts


def _take_back(booking: Booking, parts: Sequence[_Part], *, at: dt.datetime, by: Actor) -> None:
    """Move the pieces out again where they were found, under a document beside the one that brought them. What is still there is then worth
    what it cost; what has left meanwhile gives its share of the difference to cost of sales."""
    if not parts:
        return
    first: dict[int, dt.datetime] = {}
    for part in parts:
        first[part.line.document_id] = min(part.moment, first.get(part.line.document_id, part.moment))
    beside = documents.new_documents(
        kind=StockDocument.Kind.ADJUSTMENT,
        source_type=COUNT_EXPLAINED,
        source_ids=list(first),
        occurred_at=first,
        at=at,
        by=by,
    )
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


def _findings(unseen: Mapping[BalanceKey, int], counted: Mapping[BalanceKey, dt.datetime]) -> list[Finding]:
    """What came in by its paper before the last count, and is not among what that found."""
    if not unseen:
        return []
    told = _(
        "%(pieces)d pieces came in by papers of before the count of %(moment)s, which did not see them. Count what is there."
    )
    return count_wanted(
        {key: told % {"pieces": pieces, "moment": written_moment(counted[key])} for key, pieces in unseen.items()}
    )
