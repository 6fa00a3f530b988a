"""検品: pieces that wait to be looked at become sellable, defective or scrap, in one document.

Takes these levels of the house's lock order: the document by name, balances by primary key, cost rows by SKU.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from django.utils.translation import gettext as _

from erp.core.actors import Actor
from erp.core.clock import business_date
from erp.core.errors import InvalidInput, Problem
from erp.core.use_case import use_case
from erp.inventory.models import Location, Reason, StockDocument
from erp.inventory.postings import Sums
from erp.inventory.selectors.places import first_location_id
from erp.inventory.services import documents
from erp.inventory.services.documents import Booked
from erp.inventory.services.explaining import Left, open_for_leaving, settle_arrivals
from erp.inventory.services.figures import faults_of_pieces
from erp.inventory.services.posting import post

SORTING, SCRAP = "SORTING", "WRITE_OFF"


@dataclass(frozen=True, slots=True)
class SortedLine:
    """What was found of a SKU: fit for sale, defective, only fit for the bin."""

    sku_id: int
    sellable: int = 0
    defective: int = 0
    scrapped: int = 0

    @property
    def pieces(self) -> int:
        return self.sellable + self.defective + self.scrapped


@use_case
def sort_inspected(
    *,
    external_id: str,
    location_id: int,
    sellable_to_id: int,
    lines: Sequence[SortedLine],
    note: str = "",
    occurred_at: dt.datetime | None,
    at: dt.datetime,
    by: Actor,
) -> Booked:
    """Take pieces out of inspection at moving average: to a place that sells them, to the defective ones, or out of the books as 廃棄.

    Repeatable by ``external_id``. Where nobody says when (None), it is ``at``.

    Raises:
        InvalidInput: nothing was decided, or negative pieces.
        InsufficientStock: names every SKU of which fewer pieces wait there.
        NotFound: there is no place for defective ones.
        Conflict, PeriodClosed.
    """
    content = [location_id, sellable_to_id, [asdict(line) for line in lines]]
    if earlier := documents.replay(source_type=SORTING, external_id=external_id, content=content):
        return earlier
    occurred_at = occurred_at or at
    _refuse_senseless(lines, location_id, sellable_to_id)
    defects = first_location_id(Location.Kind.DEFECT) if any(line.defective for line in lines) else 0
    document_id = documents.new_document(
        kind=StockDocument.Kind.TRANSFER,
        source_type=SORTING,
        external_id=external_id,
        content=content,
        note=note,
        occurred_at=occurred_at,
        at=at,
        by=by,
    )
    scrap = Reason.objects.get(code=SCRAP)
    leaving = [
        Left(document_id, number, (line.sku_id, location_id), line.pieces) for number, line in enumerate(lines, 1)
    ]
    arriving = [(line.sku_id, sellable_to_id) for line in lines if line.sellable]
    arriving += [(line.sku_id, defects) for line in lines if line.defective]
    booking = open_for_leaving(leaving, arriving=arriving, occurred_at=occurred_at, at=at, by=by)
    sums = Sums()
    for number, line in enumerate(lines, start=1):
        source = (line.sku_id, location_id)
        for pieces, place in ((line.sellable, sellable_to_id), (line.defective, defects)):
            if pieces:
                value = booking.take(source, pieces, document_id=document_id, document_line=number)
                target = (line.sku_id, place)
                booking.move(target, pieces, value=value, document_id=document_id, document_line=number)
                sums.credit(booking.account_role(source), value)
                sums.debit(booking.account_role(target), value)
        if line.scrapped:
            value = booking.take(
                source, line.scrapped, document_id=document_id, document_line=number, reason_id=scrap.pk
            )
            sums.credit(booking.account_role(source), value)
            sums.debit(scrap.account_role, value)
    settle_arrivals(booking, sums, document_id, occurred_at=occurred_at, at=at, by=by)
    booking.write()
    told = _("Inspected goods %(id)s") % {"id": external_id}
    post(sums.lines(), on=business_date(occurred_at), description=told, source=(SORTING, document_id), at=at, by=by)
    return documents.booked(document_id)


def _refuse_senseless(lines: Sequence[SortedLine], location_id: int, sellable_to_id: int) -> None:
    problems = []
    for index, line in enumerate(lines):
        if min(line.sellable, line.defective, line.scrapped) < 0 or line.pieces < 1:
            problems.append(Problem(f"/lines/{index}/quantity", "invalid", _("A line needs at least one piece.")))
        problems += faults_of_pieces(index, line.pieces)
    if len({line.sku_id for line in lines}) < len(lines) or not lines:
        problems.append(Problem("/lines", "invalid", _("Each SKU once, and at least one.")))
    if location_id == sellable_to_id:
        problems.append(Problem("/sellable_to", "invalid", _("The pieces are there already.")))
    if problems:
        raise InvalidInput(problems)
