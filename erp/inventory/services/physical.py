"""What happened to the goods, whatever the books say: a shop sale, damage, a count. A physical fact is never refused.

Pieces that others had claimed are taken from the claim that matters least, pieces beyond the books come in provisionally first. So ``allocated``
never exceeds ``on_hand``, stock is never negative, and the truth still gets in.

Takes these levels of the house's lock order: the document by name, balances by primary key, hold lines, cost rows by SKU.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from fractions import Fraction

from django.db import connection
from django.utils.translation import gettext as _

from accounting.selectors.periods import first_open_date
from catalog.models import Sku
from catalog.selectors import cost_on
from erp.core import staff_tasks
from erp.core.actors import Actor
from erp.core.clock import business_date
from erp.core.errors import InvalidInput, Problem
from erp.core.money import ZERO, round_fraction
from erp.core.staff_tasks import Finding
from erp.core.use_case import use_case
from erp.inventory.models import Location, Reason, StockDocument
from erp.inventory.postings import Sums
from erp.inventory.services import balances, claims, documents, provisional
from erp.inventory.services.balances import BalanceKey
from erp.inventory.services.documents import Booked
from erp.inventory.services.issues import Issued
from erp.inventory.services.movements import Booking
from erp.inventory.services.posting import post

COUNT = "COUNT"
STOCKTAKE = "STOCKTAKE"
LOSS, FOUND = "LOSS", "FOUND"


@dataclass(frozen=True, slots=True)
class PhysicalLine:
    """Pieces that are gone."""

    line_no: int
    sku_id: int
    quantity: int


@use_case
def record_physical_fact(
    *,
    source_type: str,
    location_id: int,
    lines: Sequence[PhysicalLine],
    source_id: int | None = None,
    external_id: str = "",
    reason_code: str = "",
    channel_id: int | None = None,
    note: str = "",
    occurred_at: dt.datetime,
    at: dt.datetime,
    by: Actor,
) -> list[Issued]:
    """Take pieces out that are gone: sold over a counter, broken, stolen. Never refused for a shortage or a closed period.

    With ``reason_code`` the loss is posted here; without one it is a sale, which the caller posts with the values returned. The caller names
    its own document by ``source_id`` and is repeatable by it; a fact without a document needs an ``external_id``.

    Raises:
        InvalidInput: a line without pieces. That is a typing error, no fact.
        Conflict: ``external_id`` was booked with other content.
    """
    _refuse_senseless([line.quantity for line in lines], at_least=1)
    content = [location_id, reason_code, occurred_at, [asdict(line) for line in lines]]
    if source_id is None and (
        earlier := documents.replay(source_type=source_type, external_id=external_id, content=content)
    ):
        return _issued(earlier)
    reason = Reason.objects.get(code=reason_code) if reason_code else None
    document_id = documents.new_document(
        kind=StockDocument.Kind.ISSUE if reason is None else StockDocument.Kind.ADJUSTMENT,
        source_type=source_type,
        source_id=source_id,
        external_id=external_id,
        content=content,
        note=note,
        occurred_at=occurred_at,
        at=at,
        by=by,
    )
    fact = _Fact(location_id, document_id, channel_id, occurred_at, at, by)
    booking = fact.lock(line.sku_id for line in lines)
    fact.make_room(booking, [(line.line_no, line.sku_id, line.quantity) for line in lines])
    for line in lines:
        fact.take(booking, line.line_no, line.sku_id, line.quantity, reason)
    booking.write()
    fact.file()
    return [
        Issued(source_id or document_id, line.line_no, line.sku_id, line.quantity, value, role)
        for line, (value, role) in zip(lines, fact.taken, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Count:
    """How many pieces were seen of a SKU."""

    line_no: int
    sku_id: int
    counted: int


@use_case
def record_count(
    *,
    external_id: str,
    location_id: int,
    counts: Sequence[Count],
    note: str = "",
    occurred_at: dt.datetime,
    at: dt.datetime,
    by: Actor,
) -> Booked:
    """Bring stock to what was counted (実地棚卸), comparing with the books as of the moment of the count, not of the typing.

    Missing pieces are 棚卸減耗損 and may cost reservations their pieces; found ones come in at the average. Pieces that were received
    provisionally are explained by this. Repeatable by ``external_id``.

    Raises:
        InvalidInput: a negative count.
        Conflict: ``external_id`` was booked with other content.
    """
    _refuse_senseless([count.counted for count in counts], at_least=0)
    content = [location_id, occurred_at, [asdict(count) for count in counts]]
    if earlier := documents.replay(source_type=COUNT, external_id=external_id, content=content):
        return earlier
    document_id = documents.new_document(
        kind=StockDocument.Kind.ADJUSTMENT,
        source_type=COUNT,
        external_id=external_id,
        content=content,
        note=note,
        occurred_at=occurred_at,
        at=at,
        by=by,
    )
    reasons = {reason.code: reason for reason in Reason.objects.filter(code__in=[LOSS, FOUND])}
    fact = _Fact(location_id, document_id, None, occurred_at, at, by)
    booking = fact.lock(count.sku_id for count in counts)
    if len({count.sku_id for count in counts}) < len(counts):
        raise InvalidInput([Problem("/lines", "invalid", _("Count a SKU once per place."))])
    since = _moved_since(location_id, [count.sku_id for count in counts], occurred_at)
    differences = [
        (count, count.counted - (booking.on_hand((count.sku_id, location_id)) - since.get(count.sku_id, 0)))
        for count in counts
    ]
    missing = [(count.line_no, count.sku_id, -pieces) for count, pieces in differences if pieces < 0]
    fact.make_room(booking, missing)
    for line_no, sku_id, pieces in missing:
        fact.take(booking, line_no, sku_id, pieces, reasons[LOSS])
    fact.bring(
        booking, [(count.line_no, count.sku_id, pieces) for count, pieces in differences if pieces > 0], reasons[FOUND]
    )
    provisional.settle_by_count([(count.sku_id, location_id) for count in counts])
    booking.write()
    fact.file()
    return documents.booked(document_id)


class _Fact:
    """One physical fact while it is booked: what it does to the stock of one location, and the news it leaves."""

    def __init__(
        self,
        location_id: int,
        document_id: int,
        channel_id: int | None,
        occurred_at: dt.datetime,
        at: dt.datetime,
        by: Actor,
    ) -> None:
        self._location_id, self._document_id, self._channel_id = location_id, document_id, channel_id
        self._occurred_at, self._at, self._by = occurred_at, at, by
        self._sums = Sums()
        self._findings: list[Finding] = []
        self._provisional: list[tuple[BalanceKey, int, Decimal, int]] = []
        self._balance_ids: dict[BalanceKey, int] = {}
        self.taken: list[tuple[Decimal, str]] = []

    def lock(self, sku_ids: Iterable[int]) -> Booking:
        keys = [(sku_id, self._location_id) for sku_id in sku_ids]
        balances.ensure(keys)
        locked = balances.lock(keys, at=self._at)
        self._balance_ids = {key: row.id for key, row in locked.items()}
        expired = balances.release_expired_holds(locked.values(), at=self._at)
        costs = balances.lock_costs({(key[0], row.cost_pool_id) for key, row in locked.items()}, create=True)
        booking = Booking(locked, costs, occurred_at=self._occurred_at, at=self._at, channel_id=self._channel_id)
        for key, pieces in expired.items():
            booking.claim(key, -pieces)
        return booking

    def make_room(self, booking: Booking, lines: Sequence[tuple[int, int, int]]) -> None:
        """Make the pieces of ``lines`` (line, SKU, pieces) free to take: receive what the books lack, take claims away."""
        wanted: dict[BalanceKey, int] = defaultdict(int)
        first_line: dict[BalanceKey, int] = {}
        for line_no, sku_id, pieces in lines:
            wanted[sku_id, self._location_id] += pieces
            first_line.setdefault((sku_id, self._location_id), line_no)
        beyond = {key: pieces - booking.on_hand(key) for key, pieces in wanted.items() if pieces > booking.on_hand(key)}
        self._receive_provisionally(booking, beyond, first_line)
        claimed = {
            key: pieces - booking.unclaimed(key) for key, pieces in wanted.items() if pieces > booking.unclaimed(key)
        }
        if claimed:
            for key, pieces in claimed.items():
                booking.claim(key, -pieces)
            self._findings += claims.take_away(claimed, at=self._at)

    def _receive_provisionally(
        self, booking: Booking, beyond: Mapping[BalanceKey, int], lines: Mapping[BalanceKey, int]
    ) -> None:
        if not beyond:
            return
        why = provisional.reason()
        for key, value in self._worth(booking, beyond).items():
            booking.move(
                key,
                beyond[key],
                value=value,
                document_id=self._document_id,
                document_line=lines[key],
                reason_id=why.pk,
            )
            self._sums.debit(booking.account_role(key), value)
            self._sums.credit(why.account_role, value)
            self._provisional.append((key, beyond[key], value, lines[key]))
        self._findings += self._stocktakes(beyond)

    def _worth(self, booking: Booking, pieces: Mapping[BalanceKey, int]) -> dict[BalanceKey, Decimal]:
        """What pieces nobody bought are taken for: the average of what is there, else the latest cost, else nothing."""
        on = business_date(self._occurred_at)
        unknown = [key[0] for key in pieces if booking.average_cost(key) is None]
        costs = _latest_costs(unknown) | cost_on(unknown, on) if unknown else {}
        worth = {}
        for key, count in pieces.items():
            unit = booking.average_cost(key)
            if unit is None:
                unit = Fraction(costs.get(key[0], ZERO))
            worth[key] = round_fraction(unit * count)
        return worth

    def _stocktakes(self, beyond: Mapping[BalanceKey, int]) -> list[Finding]:
        codes = dict(Sku.objects.filter(pk__in={sku_id for sku_id, _loc in beyond}).values_list("pk", "code"))
        place = Location.objects.get(pk=self._location_id).code
        return [
            Finding(
                STOCKTAKE,
                "BALANCE",
                self._balance_ids[key],
                f"{codes[key[0]]} @ {place}",
                _("%(pieces)d pieces left that the books did not have. Count what is there.") % {"pieces": pieces},
            )
            for key, pieces in beyond.items()
        ]

    def take(self, booking: Booking, line_no: int, sku_id: int, pieces: int, reason: Reason | None) -> None:
        key = (sku_id, self._location_id)
        reason_id = None if reason is None else reason.pk
        value = booking.take(key, pieces, document_id=self._document_id, document_line=line_no, reason_id=reason_id)
        self.taken.append((value, booking.account_role(key)))
        if reason is not None:
            self._sums.credit(booking.account_role(key), value)
            self._sums.debit(reason.account_role, value)

    def bring(self, booking: Booking, lines: Sequence[tuple[int, int, int]], reason: Reason) -> None:
        """Pieces (line, SKU, pieces) that were found."""
        worth = self._worth(booking, {(sku_id, self._location_id): pieces for _line, sku_id, pieces in lines})
        for line_no, sku_id, pieces in lines:
            key = (sku_id, self._location_id)
            value = worth[key]
            booking.move(
                key,
                pieces,
                value=value,
                document_id=self._document_id,
                document_line=line_no,
                reason_id=reason.pk,
            )
            self._sums.debit(booking.account_role(key), value)
            self._sums.credit(reason.account_role, value)

    def file(self) -> None:
        """Post what is ours to post, remember what is provisional, tell staff."""
        provisional.note(
            self._provisional,
            document_id=self._document_id,
            channel_id=self._channel_id,
            occurred_at=self._occurred_at,
        )
        staff_tasks.open_tasks(self._findings, at=self._at, by=self._by)
        post(
            self._sums.lines(channel_id=self._channel_id),
            # The fact gets in on the first day that is open; the movement keeps the day it happened.
            on=first_open_date(business_date(self._occurred_at)),
            description=_("Stock difference"),
            source=("STOCK", self._document_id),
            at=self._at,
            by=self._by,
        )


_LATEST_COSTS = """
SELECT DISTINCT ON (sku_id) sku_id, value / quantity FROM inventory_stockmovement
WHERE sku_id = ANY(%s) AND quantity > 0 AND value > 0 ORDER BY sku_id, id DESC
"""


def _latest_costs(sku_ids: Sequence[int]) -> dict[int, Decimal]:
    with connection.cursor() as cursor:
        cursor.execute(_LATEST_COSTS, [list(sku_ids)])
        return dict(cursor.fetchall())


_MOVED_SINCE = """
SELECT sku_id, sum(quantity)::int FROM inventory_stockmovement
WHERE location_id = %s AND sku_id = ANY(%s) AND occurred_at > %s GROUP BY sku_id
"""


def _moved_since(location_id: int, sku_ids: Sequence[int], moment: dt.datetime) -> dict[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(_MOVED_SINCE, [location_id, list(sku_ids), moment])
        return dict(cursor.fetchall())


def _issued(earlier: Booked) -> list[Issued]:
    return [
        Issued(earlier.document_id, line.line_no, line.sku_id, -line.quantity, -line.value)
        for line in earlier.lines
        if line.quantity < 0
    ]


def _refuse_senseless(quantities: Sequence[int], *, at_least: int) -> None:
    problems = [
        Problem(f"/lines/{index}/quantity", "invalid", _("At least %(count)d pieces.") % {"count": at_least})
        for index, quantity in enumerate(quantities)
        if quantity < at_least
    ]
    if problems:
        raise InvalidInput(problems)
