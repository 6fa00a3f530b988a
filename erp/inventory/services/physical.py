"""What happened to the goods, whatever the books say: a shop sale, damage, a count. A physical fact is never refused; only what one of the staff
counted alone and exceeds a limit waits for the stocktake that a second person approves.

Pieces that others had claimed are taken from the claim that matters least, pieces beyond the books come in provisionally first. So ``allocated``
never exceeds ``on_hand``, stock is never negative, and the truth still gets in.

Takes these levels of the house's lock order: the document by name, balances by primary key, hold lines, cost rows by SKU.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from erp.core import rows, staff_tasks
from erp.core.actors import Actor
from erp.core.clock import business_date
from erp.core.errors import InvalidInput, Problem
from erp.core.use_case import use_case
from erp.inventory.models import CountRecord, Reason, StockBalance, StockDocument
from erp.inventory.services import alone, documents, provisional
from erp.inventory.services.documents import Booked
from erp.inventory.services.facts import FOUND, STOCKTAKE, Fact, Touched
from erp.inventory.services.figures import faults_of_kits, faults_of_pieces
from erp.inventory.services.issues import Issued
from erp.inventory.services.stocktake_review import PROVISIONALLY, SUPERSEDED

COUNT = "COUNT"
LOSS = "LOSS"


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
    gone = [Touched(document_id, line.line_no, line.sku_id, line.quantity, occurred_at) for line in lines]
    fact = Fact(location_id, channel_id, at=at, by=by)
    booking = fact.lock((line.sku_id for line in lines), occurred_at=occurred_at)
    fact.put_back_counted(booking, gone)
    fact.make_room(booking, gone)
    for line in gone:
        fact.take(booking, line, reason)
    booking.write()
    fact.file()
    return [
        Issued(source_id or document_id, line.line_no, line.sku_id, line.quantity, value, role)
        for line, (value, role) in zip(lines, fact.taken, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class CounterSale:
    """What one document of another room sold over the counter, and when. Line numbers are unique over all documents of a call."""

    source_id: int
    occurred_at: dt.datetime
    lines: tuple[PhysicalLine, ...]


@use_case
def take_sold(
    *, source_type: str, location_id: int, sales: Sequence[CounterSale], channel_id: int, at: dt.datetime, by: Actor
) -> list[Issued]:
    """Take out what was sold over the counter of a shop: as ``record_physical_fact`` without a reason, for many documents in a constant
    number of statements. Never refused; the caller is repeatable by its documents and posts the sales with the values returned.

    Raises:
        InvalidInput: a line without pieces.
    """
    _refuse_senseless([line.quantity for sale in sales for line in sale.lines], at_least=1)
    with_pieces = [replace(sale, occurred_at=_not_ahead(sale.occurred_at, at)) for sale in sales if sale.lines]
    if not with_pieces:
        return []
    headers = documents.new_documents(
        kind=StockDocument.Kind.ISSUE,
        source_type=source_type,
        source_ids=[sale.source_id for sale in with_pieces],
        occurred_at={sale.source_id: sale.occurred_at for sale in with_pieces},
        at=at,
        by=by,
    )
    gone = [
        (sale.source_id, Touched(headers[sale.source_id], line.line_no, line.sku_id, line.quantity, sale.occurred_at))
        for sale in sorted(with_pieces, key=lambda sale: sale.occurred_at)
        for line in sale.lines
    ]
    fact = Fact(location_id, channel_id, at=at, by=by)
    booking = fact.lock((line.sku_id for _source, line in gone), occurred_at=at)
    fact.put_back_counted(booking, [line for _source, line in gone])
    fact.make_room(booking, [line for _source, line in gone])
    for _source, line in gone:
        fact.take(booking, line, None)
    booking.write()
    fact.file()
    return [
        Issued(source_id, line.line_no, line.sku_id, line.pieces, value, role)
        for (source_id, line), (value, role) in zip(gone, fact.taken, strict=True)
    ]


def _not_ahead(sold_at: dt.datetime, at: dt.datetime) -> dt.datetime:
    """The clock of a till may run ahead. What it has told is gone by then, or a count in between would lose it once more. A sale of another day
    stays there, where its entry stands."""
    return min(sold_at, at) if business_date(sold_at) == business_date(at) else sold_at


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
    provisionally are explained by this. Where a later count is booked already, it knows better, and nothing is posted. That the SKUs were
    counted stays on record (``CountRecord``), also where nothing differs. Repeatable by ``external_id``.

    Raises:
        InvalidInput: a negative count, or pieces of a kit.
        NeedsTwoPeople: it differs by more than one of the staff may book there on a day (``alone``).
        Conflict: ``external_id`` was booked with other content.
    """
    _refuse_senseless([count.counted for count in counts], at_least=0)
    _refuse_problems(faults_of_kits([(count.sku_id, count.counted) for count in counts]))
    content = [location_id, occurred_at, [asdict(count) for count in counts]]
    if earlier := documents.replay(source_type=COUNT, external_id=external_id, content=content):
        return earlier
    alone.queue(location_id, by=by)
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
    fact = Fact(location_id, None, at=at, by=by)
    booking = fact.lock((count.sku_id for count in counts), occurred_at=occurred_at)
    if len({count.sku_id for count in counts}) < len(counts):
        raise InvalidInput([Problem("/lines", "invalid", _("Count a SKU once per place."))])
    since = moved_since(location_id, {count.sku_id: occurred_at for count in counts})
    differences, seen = [], []
    for count in counts:
        one = Seen.against(
            since[count.sku_id], booking.on_hand((count.sku_id, location_id)), count.sku_id, count.counted, occurred_at
        )
        seen.append(one)
        differences.append((count, one.difference))
    missing = [_touched(document_id, count, -pieces, occurred_at) for count, pieces in differences if pieces < 0]
    fact.make_room(booking, missing)
    for line in missing:
        fact.take(booking, line, reasons[LOSS])
    found = [_touched(document_id, count, pieces, occurred_at) for count, pieces in differences if pieces > 0]
    fact.bring(booking, found, reasons[FOUND])
    settle(seen, location_id=location_id)
    booking.write()
    alone.refuse_beyond_limit(location_id=location_id, sku_ids=[count.sku_id for count in counts], at=at, by=by)
    fact.file()
    keep_on_record(seen, document_id=document_id, location_id=location_id, at=at, by=by)
    return documents.booked(document_id)


@dataclass(frozen=True, slots=True)
class Since:
    """What moved after a SKU was counted; how many pieces more came in provisionally by then than receipts explained; and whether a later count
    knows better."""

    moved: int
    provisional: int
    is_superseded: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """What was counted of a SKU, against the books of that moment. ``explained`` pieces of the books came in provisionally afterwards: what left
    beyond the books lay there when it was counted, and is found once only."""

    sku_id: int
    counted: int
    book: int
    explained: int
    counted_at: dt.datetime
    is_superseded: bool

    @classmethod
    def against(cls, since: Since, on_hand: int, sku_id: int, counted: int, counted_at: dt.datetime) -> Seen:
        book = on_hand - since.moved
        explained = min(max(counted - book, 0), since.provisional)
        return cls(sku_id, counted, book + explained, explained, counted_at, since.is_superseded)

    @property
    def difference(self) -> int:
        return 0 if self.is_superseded else self.counted - self.book


def settle(seen: Sequence[Seen], *, location_id: int) -> None:
    """What the counts explain of pieces that came in provisionally. One that a later count knows better than explains nothing."""
    provisional.settle_by_count(
        {(each.sku_id, location_id): (each.counted_at, each.explained) for each in seen if not each.is_superseded}
    )


def keep_on_record(seen: Sequence[Seen], *, document_id: int, location_id: int, at: dt.datetime, by: Actor) -> None:
    """Leave behind that these SKUs were counted, with or without a difference, and when each was last; who asked for it has the answer. Behind
    the lock of their balances."""
    rows.insert(
        CountRecord,
        ("sku_id", "location_id", "counted", "book", "counted_at", "recorded_at", "document_id"),
        [(each.sku_id, location_id, each.counted, each.book, each.counted_at, at, document_id) for each in seen],
    )
    moments: list[Any] = [[each.sku_id for each in seen], [each.counted_at for each in seen]]
    with connection.cursor() as cursor:
        cursor.execute(_LAST_COUNTED, [*moments, location_id])
    answered = {(each.sku_id, location_id) for each in seen if not each.is_superseded}
    # What left beyond the books after it was counted is still to be explained.
    answered -= {(row.sku_id, row.location_id) for row in provisional.open_provisionals(answered)}
    counted = StockBalance.objects.filter(location=location_id, sku__in=[sku_id for sku_id, _location in answered])
    staff_tasks.close_open(
        kind=STOCKTAKE,
        subject_type="BALANCE",
        subject_ids=list(counted.values_list("pk", flat=True)),
        resolution=_("It was counted."),
        at=at,
        by=by,
    )


# A count that is typed late leaves the day of a later one.
_LAST_COUNTED = """
UPDATE inventory_stockbalance balance SET last_counted_at = n.counted_at
FROM unnest(%s::bigint[], %s::timestamptz[]) AS n (sku_id, counted_at)
WHERE balance.sku_id = n.sku_id AND balance.location_id = %s
  AND (balance.last_counted_at IS NULL OR balance.last_counted_at < n.counted_at)
"""


def _touched(document_id: int, count: Count, pieces: int, occurred_at: dt.datetime) -> Touched:
    return Touched(document_id, count.line_no, count.sku_id, pieces, occurred_at)


_MOVED_SINCE = f"""
SELECT m.sku_id,
       coalesce((SELECT sum(x.quantity) FROM inventory_stockmovement x
                 WHERE x.sku_id = m.sku_id AND x.location_id = %(location)s AND x.occurred_at > m.counted_at), 0)::int,
       {PROVISIONALLY}, {SUPERSEDED}
FROM unnest(%(skus)s::bigint[], %(moments)s::timestamptz[]) AS m (sku_id, counted_at)
"""  # noqa: S608 - made of our own constants only


def moved_since(location_id: int, moments: Mapping[int, dt.datetime]) -> dict[int, Since]:
    """What happened after each SKU was counted. Asked behind the lock of the balances."""
    asked: dict[str, Any] = {
        "location": location_id,
        "skus": list(moments),
        "moments": list(moments.values()),
    }
    with connection.cursor() as cursor:
        cursor.execute(_MOVED_SINCE, asked)
        return {sku_id: Since(*row) for sku_id, *row in cursor.fetchall()}


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
    for index, quantity in enumerate(quantities):
        problems += faults_of_pieces(index, quantity)
    _refuse_problems(problems)


def _refuse_problems(problems: list[Problem]) -> None:
    if problems:
        raise InvalidInput(problems)
