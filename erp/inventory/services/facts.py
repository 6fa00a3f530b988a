"""What physical facts do to the stock of one location while they are booked. Internal to ``services``; see ``physical``.

One booking may carry the facts of many documents, each line with its own document and moment: the tills of a day arrive in one call.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

from django.db import connection
from django.utils.translation import gettext as _

from catalog.selectors import cost_on
from erp.core import rows, staff_tasks
from erp.core.actors import Actor
from erp.core.clock import business_date
from erp.core.money import ZERO, round_fraction
from erp.core.staff_tasks import Finding
from erp.inventory.models import Reason, StockBalance
from erp.inventory.postings import Sums
from erp.inventory.services import balances, claims, provisional
from erp.inventory.services.balances import BalanceKey
from erp.inventory.services.movements import Booking
from erp.inventory.services.posting import post_facts

STOCKTAKE = "STOCKTAKE"
FOUND = "FOUND"

# The first count that is booked of each SKU at or after a moment.
_COUNTED_SINCE = """
SELECT n.place, (SELECT min(r.counted_at) FROM inventory_countrecord r
                 WHERE r.sku_id = n.sku_id AND r.location_id = %s AND r.counted_at >= n.moment)
FROM unnest(%s::int[], %s::bigint[], %s::timestamptz[]) AS n (place, sku_id, moment)
"""


@dataclass(frozen=True, slots=True)
class Touched:
    """Pieces of one line of a document, in or out, and when that was."""

    document_id: int
    line_no: int
    sku_id: int
    pieces: int
    occurred_at: dt.datetime


class Fact:
    """The facts of one call at one location, and the news they leave."""

    def __init__(self, location_id: int, channel_id: int | None, *, at: dt.datetime, by: Actor) -> None:
        self._location_id, self._channel_id = location_id, channel_id
        self._at, self._by = at, by
        # What is posted, by the document that says why and its date.
        self._sums: dict[tuple[int, dt.date], Sums] = defaultdict(Sums)
        self._findings: list[Finding] = []
        self._provisional: list[tuple[Touched, Decimal]] = []
        self.taken: list[tuple[Decimal, str]] = []

    def lock(self, sku_ids: Iterable[int], *, occurred_at: dt.datetime) -> Booking:
        keys = [(sku_id, self._location_id) for sku_id in sku_ids]
        balances.ensure(keys)
        locked = balances.lock(keys, at=self._at)
        # Claims may be taken away behind the cost rows, and the quotas that they used come before those.
        if claimed := {sku_id for (sku_id, _place), row in locked.items() if row.allocated}:
            balances.lock_quotas(claimed)
        expired = balances.release_expired_holds(locked.values(), at=self._at)
        costs = balances.lock_costs(
            {(key[0], row.cost_pool_id) for key, row in locked.items()}, create=True, on=business_date(self._at)
        )
        booking = Booking(locked, costs, occurred_at=occurred_at, at=self._at, channel_id=self._channel_id)
        for key, pieces in expired.items():
            booking.claim(key, -pieces)
        return booking

    def put_back_counted(self, booking: Booking, gone: Sequence[Touched]) -> None:
        """What was gone already when somebody counted, and is told only now, was missing in that count: it is found where it went, at the
        moment of the count, before it leaves. Otherwise it would be gone twice."""
        asked = [list(range(len(gone))), [line.sku_id for line in gone], [line.occurred_at for line in gone]]
        found: dict[dt.datetime, dict[int, Touched]] = defaultdict(dict)
        for place, moment in rows.ask(_COUNTED_SINCE, [self._location_id, *asked]).all():
            if moment is not None:
                line = gone[place]
                earlier = found[moment].get(line.sku_id)
                pieces = line.pieces + (earlier.pieces if earlier else 0)
                found[moment][line.sku_id] = replace(line, pieces=pieces, occurred_at=moment)
        if found:
            why = Reason.objects.get(code=FOUND)
            for _moment, lines in sorted(found.items()):
                self.bring(booking, list(lines.values()), why)

    def make_room(self, booking: Booking, gone: Sequence[Touched]) -> None:
        """Make the pieces free to take: receive what the books lack, take claims away."""
        wanted: dict[BalanceKey, int] = defaultdict(int)
        first: dict[BalanceKey, Touched] = {}
        for line in gone:
            wanted[line.sku_id, self._location_id] += line.pieces
            first.setdefault((line.sku_id, self._location_id), line)
        beyond = {key: pieces - booking.on_hand(key) for key, pieces in wanted.items() if pieces > booking.on_hand(key)}
        self._receive_provisionally(booking, beyond, first)
        claimed = {
            key: pieces - booking.unclaimed(key) for key, pieces in wanted.items() if pieces > booking.unclaimed(key)
        }
        if claimed:
            for key, pieces in claimed.items():
                booking.claim(key, -pieces)
            self._findings += claims.take_away(claimed, at=self._at)

    def _receive_provisionally(
        self, booking: Booking, beyond: Mapping[BalanceKey, int], first: Mapping[BalanceKey, Touched]
    ) -> None:
        if not beyond:
            return
        why = provisional.reason()
        on = min(business_date(first[key].occurred_at) for key in beyond)
        for key, value in self._worth(booking, beyond, on=on).items():
            line = first[key]
            _move(booking, key, beyond[key], value, line, why)
            self._sums_of(line).debit(booking.account_role(key), value)
            self._sums_of(line).credit(why.account_role, value)
            came = Touched(line.document_id, line.line_no, line.sku_id, beyond[key], line.occurred_at)
            self._provisional.append((came, value))
        told = _("%(pieces)d pieces left that the books did not have. Count what is there.")
        self._findings += count_wanted({key: told % {"pieces": pieces} for key, pieces in beyond.items()})

    def _worth(self, booking: Booking, pieces: Mapping[BalanceKey, int], *, on: dt.date) -> dict[BalanceKey, Decimal]:
        """What pieces nobody bought are taken for: the average of what is there, else the latest cost, else nothing."""
        unknown = [key[0] for key in pieces if booking.average_cost(key) is None]
        costs = _latest_costs(unknown) | cost_on(unknown, on) if unknown else {}
        worth = {}
        for key, count in pieces.items():
            unit = booking.average_cost(key)
            if unit is None:
                unit = Fraction(costs.get(key[0], ZERO))
            worth[key] = round_fraction(unit * count)
        return worth

    def take(self, booking: Booking, line: Touched, reason: Reason | None) -> None:
        key = (line.sku_id, self._location_id)
        booking.happened(line.occurred_at)
        value = booking.take(
            key,
            line.pieces,
            document_id=line.document_id,
            document_line=line.line_no,
            reason_id=None if reason is None else reason.pk,
        )
        self.taken.append((value, booking.account_role(key)))
        if reason is not None:
            self._sums_of(line).credit(booking.account_role(key), value)
            self._sums_of(line).debit(reason.account_role, value)

    def bring(self, booking: Booking, found: Sequence[Touched], reason: Reason) -> None:
        """Pieces that were found, each SKU once."""
        if not found:
            return
        on = business_date(found[0].occurred_at)
        worth = self._worth(booking, {(line.sku_id, self._location_id): line.pieces for line in found}, on=on)
        for line in found:
            key = (line.sku_id, self._location_id)
            _move(booking, key, line.pieces, worth[key], line, reason)
            self._sums_of(line).debit(booking.account_role(key), worth[key])
            self._sums_of(line).credit(reason.account_role, worth[key])

    def file(self) -> None:
        """Post what is ours to post, remember what is provisional, tell staff."""
        provisional.note(
            [
                ((line.sku_id, self._location_id), line.pieces, value, line.line_no, line.document_id, line.occurred_at)
                for line, value in self._provisional
            ],
            channel_id=self._channel_id,
        )
        staff_tasks.open_tasks(self._findings, at=self._at, by=self._by)
        description = _("Stock difference")
        post_facts(self._sums, description=description, channel_id=self._channel_id, at=self._at, by=self._by)

    def _sums_of(self, line: Touched) -> Sums:
        return self._sums[line.document_id, business_date(line.occurred_at)]


def count_wanted(why: Mapping[BalanceKey, str]) -> list[Finding]:
    """Tasks for staff to count balances that there are."""
    skus, locations = {sku for sku, _loc in why}, {loc for _sku, loc in why}
    found = StockBalance.objects.filter(sku__in=skus, location__in=locations).order_by("pk")
    named = found.values_list("pk", "sku_id", "location_id", "sku__code", "location__code")
    return [
        Finding(STOCKTAKE, "BALANCE", balance_id, f"{code} @ {place}", why[sku_id, location_id])
        for balance_id, sku_id, location_id, code, place in named
        if (sku_id, location_id) in why
    ]


def _move(booking: Booking, key: BalanceKey, pieces: int, value: Decimal, line: Touched, reason: Reason) -> None:
    booking.happened(line.occurred_at)
    booking.move(
        key,
        pieces,
        value=value,
        document_id=line.document_id,
        document_line=line.line_no,
        reason_id=reason.pk,
    )


_LATEST_COSTS = """
SELECT DISTINCT ON (sku_id) sku_id, value / quantity FROM inventory_stockmovement
WHERE sku_id = ANY(%s) AND quantity > 0 AND value > 0 ORDER BY sku_id, id DESC
"""


def _latest_costs(sku_ids: Sequence[int]) -> dict[int, Decimal]:
    with connection.cursor() as cursor:
        cursor.execute(_LATEST_COSTS, [list(sku_ids)])
        return dict(cursor.fetchall())
