"""Corrections that staff decide: pieces with a reason, value without pieces. Movements are never rewritten, these are new rows.

Takes these levels of the house's lock order: the document by name, balances by primary key, cost rows by SKU, open items.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from fractions import Fraction

from django.utils.translation import gettext as _

from erp.core.actors import Actor
from erp.core.clock import business_date
from erp.core.errors import InvalidInput, NotFound, Problem
from erp.core.money import ZERO, round_fraction
from erp.core.use_case import use_case
from erp.inventory import postings
from erp.inventory.models import Reason, StockDocument
from erp.inventory.postings import Sums
from erp.inventory.selectors.worth import unit_worth
from erp.inventory.services import alone, documents, movements
from erp.inventory.services.balances import BalanceKey
from erp.inventory.services.documents import Booked
from erp.inventory.services.explaining import Left, explain_counts, explain_losses
from erp.inventory.services.figures import faults_of_cost, faults_of_kits, faults_of_pieces
from erp.inventory.services.posting import post

ADJUSTMENT, WRITE_DOWN, LATE_COST = "ADJUSTMENT", "WRITE_DOWN", "LATE_COST"


@dataclass(frozen=True, slots=True)
class AdjustmentLine:
    """Pieces more (positive) or less (negative). ``unit_cost`` values found pieces; without it they take the average, the cost of the
    master where none are there, else the latest."""

    line_no: int
    sku_id: int
    quantity: int
    unit_cost: Decimal | None = None


@use_case
def adjust(
    *,
    external_id: str,
    location_id: int,
    lines: Sequence[AdjustmentLine],
    reason_code: str,
    note: str = "",
    occurred_at: dt.datetime | None,
    at: dt.datetime,
    by: Actor,
) -> Booked:
    """Change stock for a reason, whose account bears the value. What is gone already is ``record_physical_fact``: this one asks first.

    Repeatable by ``external_id``; where nobody says when (None: ``at``), at any later moment too.

    Raises:
        InvalidInput: names every line without pieces or against the reason's direction.
        InsufficientStock: names every SKU of which fewer pieces are free.
        NeedsTwoPeople: more than one of the staff may lose or find there on a day (``alone``).
        Conflict, PeriodClosed: as for ``receive``.
    """
    content = [location_id, reason_code, occurred_at, [asdict(line) for line in lines]]
    if earlier := documents.replay(source_type=ADJUSTMENT, external_id=external_id, content=content):
        return earlier
    alone.queue(location_id, by=by)
    occurred_at = occurred_at or at
    reason = Reason.objects.filter(code=reason_code, is_active=True).first()
    if reason is None:
        raise NotFound(_("There is no reason %(code)s.") % {"code": reason_code})
    _refuse_against_direction(lines, reason)
    on = business_date(occurred_at)
    document_id = documents.new_document(
        kind=StockDocument.Kind.ADJUSTMENT,
        source_type=ADJUSTMENT,
        external_id=external_id,
        content=content,
        note=note,
        occurred_at=occurred_at,
        at=at,
        by=by,
    )
    wanted: dict[BalanceKey, int] = defaultdict(int)
    for line in lines:
        wanted[line.sku_id, location_id] -= line.quantity
    booking = movements.open_booking((), arriving=wanted, occurred_at=occurred_at, at=at)
    gone = [
        Left(document_id, line.line_no, (line.sku_id, location_id), -line.quantity)
        for line in lines
        if line.quantity < 0
    ]
    explain_losses(booking, gone, occurred_at=occurred_at, at=at, by=by)
    movements.refuse_shortage({key: pieces for key, pieces in wanted.items() if pieces > 0}, booking)
    costs = unit_worth(location_id=location_id, sku_ids=[line.sku_id for line in lines if line.quantity > 0], on=on)
    sums = Sums()
    # Found pieces first, so that a line that takes more than was there meets them.
    for line in sorted(lines, key=lambda line: line.quantity < 0):
        key = (line.sku_id, location_id)
        if line.quantity > 0:
            unit = line.unit_cost if line.unit_cost is not None else booking.average_cost(key)
            value = round_fraction(Fraction(costs[line.sku_id] if unit is None else unit) * line.quantity)
        else:
            value = -booking.average_value(key, -line.quantity)
        booking.move(
            key,
            line.quantity,
            value=value,
            document_id=document_id,
            document_line=line.line_no,
            reason_id=reason.pk,
        )
        sums.debit(booking.account_role(key), value)
        sums.credit(reason.account_role, value)
    explain_counts(booking, occurred_at=occurred_at, at=at, by=by)
    booking.write()
    adjusted = [line.sku_id for line in lines]
    alone.refuse_beyond_limit(location_id=location_id, sku_ids=adjusted, worth=costs, at=at, by=by)
    description = _("Adjustment %(id)s: %(reason)s") % {"id": external_id, "reason": reason.name}
    post(sums.lines(), on=on, description=description, source=(ADJUSTMENT, document_id), at=at, by=by)
    return documents.booked(document_id)


def _refuse_against_direction(lines: Sequence[AdjustmentLine], reason: Reason) -> None:
    forbidden = {Reason.Direction.UP: -1, Reason.Direction.DOWN: 1}.get(Reason.Direction(reason.direction))
    problems = []
    for index, line in enumerate(lines):
        if line.quantity == 0:
            problems.append(Problem(f"/lines/{index}/quantity", "invalid", _("A line needs at least one piece.")))
        elif forbidden is not None and line.quantity * forbidden > 0:
            problems.append(
                Problem(f"/lines/{index}/quantity", "wrong_direction", _("This reason is for the other direction."))
            )
        problems += faults_of_pieces(index, line.quantity)
        problems += faults_of_cost(index, line.unit_cost, line.quantity)
    problems += faults_of_kits([(line.sku_id, line.quantity) for line in lines])
    if not lines:
        problems.append(Problem("/lines", "invalid", _("An adjustment needs lines.")))
    if problems:
        raise InvalidInput(problems)


@dataclass(frozen=True, slots=True)
class WriteDownLine:
    """``amount`` is what the pieces lose, in all."""

    line_no: int
    sku_id: int
    amount: Decimal


@use_case
def write_down(
    *,
    external_id: str,
    location_id: int,
    lines: Sequence[WriteDownLine],
    note: str = "",
    occurred_at: dt.datetime,
    at: dt.datetime,
    by: Actor,
) -> Booked:
    """Lower the value of stock to what it will fetch (商品評価損). No piece moves. Repeatable by ``external_id``.

    Raises:
        InvalidInput: names every line that is not positive or exceeds the value there is.
        Conflict, PeriodClosed: as for ``receive``.
    """
    content = [location_id, occurred_at, [asdict(line) for line in lines]]
    if earlier := documents.replay(source_type=WRITE_DOWN, external_id=external_id, content=content):
        return earlier
    document_id = documents.new_document(
        kind=StockDocument.Kind.REVALUATION,
        source_type=WRITE_DOWN,
        external_id=external_id,
        content=content,
        note=note,
        occurred_at=occurred_at,
        at=at,
        by=by,
    )
    keys = [(line.sku_id, location_id) for line in lines]
    booking = movements.open_booking((), arriving=keys, occurred_at=occurred_at, at=at)
    sums, problems = Sums(), []
    for index, (line, key) in enumerate(zip(lines, keys, strict=True)):
        if booking.is_at_standard(key):
            detail = _("Kept at standard cost: lower the standard cost and revalue at it.")
            problems.append(Problem(f"/lines/{index}/amount", "at_standard", detail))
            continue
        if not 0 < line.amount <= booking.average_value(key, booking.on_hand(key)):
            problems.append(
                Problem(
                    f"/lines/{index}/amount", "invalid", _("More than nothing, and not more than the value there is.")
                )
            )
            continue
        booking.move(key, 0, value=-line.amount, document_id=document_id, document_line=line.line_no)
        sums.credit(booking.account_role(key), line.amount)
        sums.debit(postings.WRITE_DOWN, line.amount)
    if problems:
        raise InvalidInput(problems)
    booking.write()
    post(
        sums.lines(),
        on=business_date(occurred_at),
        description=_("Write-down %(id)s") % {"id": external_id},
        source=(WRITE_DOWN, document_id),
        at=at,
        by=by,
    )
    return documents.booked(document_id)


@use_case
def add_late_cost(
    *,
    external_id: str,
    receipt_id: int,
    amounts: Sequence[tuple[int, Decimal]],
    contra_role: str,
    note: str = "",
    occurred_at: dt.datetime,
    at: dt.datetime,
    by: Actor,
) -> Booked:
    """Add cost (freight, duty, a corrected price; negative lowers it) to lines of a receipt: (line number, amount).

    What is still in stock takes its share of it, what was sold is cost of sales of today: the past keeps its figures. Repeatable by
    ``external_id``.

    Raises:
        NotFound: the receipt has no such line.
        Conflict, PeriodClosed: as for ``receive``.
    """
    content = [receipt_id, contra_role, occurred_at, [list(amount) for amount in amounts]]
    if earlier := documents.replay(source_type=LATE_COST, external_id=external_id, content=content):
        return earlier
    received = {line.line_no: line for line in documents.booked(receipt_id).lines if line.quantity > 0}
    if unknown := [line_no for line_no, _amount in amounts if line_no not in received]:
        raise NotFound(_("The receipt has no lines %(lines)s.") % {"lines": ", ".join(map(str, unknown))})
    document_id = documents.new_document(
        kind=StockDocument.Kind.REVALUATION,
        source_type=LATE_COST,
        external_id=external_id,
        content=content,
        note=note,
        occurred_at=occurred_at,
        at=at,
        by=by,
    )
    sums = Sums()
    spread_late_cost(amounts, received, sums, document_id=document_id, occurred_at=occurred_at, at=at)
    sums.credit(contra_role, sum((amount for _line_no, amount in amounts), ZERO))
    post(
        sums.lines(),
        on=business_date(occurred_at),
        description=_("Late cost %(id)s") % {"id": external_id},
        source=(LATE_COST, document_id),
        at=at,
        by=by,
    )
    return documents.booked(document_id)


def spread_late_cost(
    amounts: Sequence[tuple[int, Decimal]],
    received: Mapping[int, documents.BookedLine],
    sums: Sums,
    *,
    tax_codes: Mapping[int, str] | None = None,
    document_id: int,
    occurred_at: dt.datetime,
    at: dt.datetime,
) -> None:
    """Give each receipt line its amount: what is still there takes its share of it, what was sold is cost of sales.

    ``tax_codes``, by line number, mark what is part of a taxed purchase.
    """
    keys = {line_no: (received[line_no].sku_id, received[line_no].location_id) for line_no, _amount in amounts}
    booking = movements.open_booking(keys.values(), occurred_at=occurred_at, at=at)
    for line_no, amount in amounts:
        key = keys[line_no]
        in_stock, value = booking.stock_of_pool((key[0], booking.cost_pool(key)))
        stays = postings.stays_in_stock(amount, received=received[line_no].quantity, in_stock=in_stock)
        stays = max(stays, -value)
        if stays:
            booking.move(key, 0, value=stays, document_id=document_id, document_line=line_no)
        tax_code = (tax_codes or {}).get(line_no, "")
        sums.debit(booking.account_role(key), stays, tax_code=tax_code)
        sums.debit(postings.COST_OF_SALES, amount - stays, tax_code=tax_code)
    booking.write()
