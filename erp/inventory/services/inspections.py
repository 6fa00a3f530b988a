"""入荷検品: what was counted of an expected delivery, parted by condition, becomes receipts at the places for it. All of it, or nothing.

Levels: document by name, then as ``receive``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from operator import attrgetter

from django.utils.translation import gettext as _

from catalog.selectors import cost_on
from erp.core import locks
from erp.core.actors import Actor
from erp.core.clock import business_date
from erp.core.errors import Conflict, InvalidInput, Problem
from erp.core.use_case import use_case
from erp.inventory.models import ExpectedReceipt, Location, StockDocument
from erp.inventory.selectors.places import first_location_id
from erp.inventory.services.documents import Booked
from erp.inventory.services.receipts import RECEIPT, PurchaseBooks, ReceiptLine, receive


@dataclass(frozen=True, slots=True)
class InspectedLine:
    """What was counted of one expectation: fit for sale, defective (不良), and still to be looked at (検品待ち)."""

    expected_receipt_id: int
    sellable: int = 0
    defective: int = 0
    waiting: int = 0

    @property
    def pieces(self) -> int:
        return self.sellable + self.defective + self.waiting


@use_case
def receive_inspected(
    *,
    external_id: str,
    purchase: str,
    lines: Sequence[InspectedLine],
    books: PurchaseBooks = PurchaseBooks.NOT_INVOICED,
    accepts_more: bool = False,
    occurred_at: dt.datetime | None,
    at: dt.datetime,
    by: Actor,
) -> list[Booked]:
    """Receive what was counted of a purchase, in part or whole: sellable pieces where they were expected, others at the place of their kind.

    Costs are those of the expectation, else the master's of that day, so whoever counts need not know them. Repeatable by ``external_id``; where
    nobody says when (None: ``at``), at any later moment too.

    Raises:
        InvalidInput: names every line that was counted wrongly, costs nobody knows what, or brings more than is expected while
            ``accepts_more`` was not said.
        NotFound: there is no place for defective or waiting pieces.
        Conflict: ``external_id`` was booked with other counts.
    """
    locks.hold(f"expected:{purchase}")
    counted = [line for line in lines if line.pieces]
    expected = ExpectedReceipt.objects.select_related("sku").in_bulk([line.expected_receipt_id for line in counted])
    known = {key: row for key, row in expected.items() if row.external_id == purchase}
    before = _booked_before(external_id, purchase)
    costs = _costs(known, on=business_date(occurred_at or at))
    _refuse(counted, known, costs, accepts_more=accepts_more or bool(before))

    receipts: dict[str, tuple[int, int | None, list[ReceiptLine]]] = {}
    for name, kind, pieces_of in zip(_names(external_id), _KINDS, _PARTS, strict=True):
        by_place: dict[tuple[int, int | None], list[ReceiptLine]] = {}
        for number, line in enumerate(counted, start=1):
            row = known[line.expected_receipt_id]
            if pieces := pieces_of(line):
                place = row.location_id if kind is None else first_location_id(kind)
                part = ReceiptLine(number, row.sku_id, pieces, costs[row.pk], row.pk)
                by_place.setdefault((place, row.supplier_id), []).append(part)
        for index, ((place, supplier), parts) in enumerate(sorted(by_place.items(), key=lambda item: str(item[0]))):
            receipts[f"{name}#{index + 1}" if index else name] = (place, supplier, parts)
    # Each receipt knows its own content; that there are no others is for the slip as a whole to say.
    if before and before != receipts.keys():
        raise Conflict(_("%(id)s was booked before with other content.") % {"id": external_id})
    return [
        receive(
            external_id=name,
            location_id=place,
            lines=parts,
            supplier_id=supplier,
            books=books if supplier else PurchaseBooks.PAYABLE,
            occurred_at=occurred_at,
            at=at,
            by=by,
        )
        for name, (place, supplier, parts) in receipts.items()
    ]


_KINDS = (None, Location.Kind.DEFECT, Location.Kind.INSPECTION)
_PARTS = tuple(map(attrgetter, ("sellable", "defective", "waiting")))


def _names(external_id: str) -> tuple[str, str, str]:
    return external_id, f"{external_id}:defective", f"{external_id}:inspection"


def _booked_before(external_id: str, purchase: str) -> set[str]:
    """The receipts of this slip. One that goes to several places, or comes of several suppliers, has several."""
    parts = ExpectedReceipt.objects.filter(external_id=purchase).values("location", "supplier").distinct().count()
    names = [*_names(external_id), *(f"{name}#{n}" for name in _names(external_id) for n in range(2, parts + 1))]
    booked = StockDocument.objects.filter(source_type=RECEIPT, external_id__in=names)
    return set(booked.values_list("external_id", flat=True))


def _costs(known: dict[int, ExpectedReceipt], *, on: dt.date) -> dict[int, Decimal]:
    master = cost_on([row.sku_id for row in known.values() if row.unit_cost is None], on) if known else {}
    found = {key: row.unit_cost if row.unit_cost is not None else master.get(row.sku_id) for key, row in known.items()}
    return {key: cost for key, cost in found.items() if cost is not None}


def _refuse(
    counted: Sequence[InspectedLine],
    known: dict[int, ExpectedReceipt],
    costs: dict[int, Decimal],
    *,
    accepts_more: bool,
) -> None:
    problems = []
    if not counted:
        problems.append(Problem("", "empty", _("Nothing was counted.")))
    for line in counted:
        row = known.get(line.expected_receipt_id)
        if row is None or row.cancelled_at is not None:
            told = _("Line %(id)s is not expected any more.") % {"id": line.expected_receipt_id}
            problems.append(Problem("", "not_expected", told))
            continue
        left = row.quantity - row.received_quantity
        if min(line.sellable, line.defective, line.waiting) < 0:
            problems.append(Problem(row.sku.code, "invalid", _("A count is not negative.")))
        if row.pk not in costs:
            problems.append(Problem(row.sku.code, "no_cost", _("Its cost is not known. Merchandise enters it first.")))
        if line.pieces > left and not accepts_more:
            told = _("%(left)d are expected, %(counted)d were counted.") % {"left": left, "counted": line.pieces}
            problems.append(Problem(row.sku.code, "more_than_expected", told))
    if problems:
        raise InvalidInput(problems)
