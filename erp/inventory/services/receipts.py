"""Pieces that come in: from suppliers and as opening stock. Each receipt is booked once per external id and posted with it.

Takes these levels of the house's lock order: the document by name, balances by primary key, quotas, cost rows by SKU, expected receipts, open items.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from django.db import connection
from django.utils.translation import gettext as _

from accounting.services import Line, NewItem, Party
from catalog.models import Supplier
from catalog.selectors import sku_facts_by_id
from erp.core import selectors as core
from erp.core.actors import Actor
from erp.core.business_days import closing_date, due_date
from erp.core.clock import business_date
from erp.core.errors import InvalidInput, NotFound, Problem
from erp.core.money import Rounding
from erp.core.use_case import use_case
from erp.inventory import postings
from erp.inventory.models import StockDocument
from erp.inventory.postings import Purchase, Sums
from erp.inventory.services import documents, movements, promises
from erp.inventory.services.documents import Booked
from erp.inventory.services.explaining import settle_arrivals
from erp.inventory.services.figures import faults_of_cost, faults_of_pieces
from erp.inventory.services.posting import post

RECEIPT = "RECEIPT"
OPENING_CONTRA = "retained_earnings"


class PurchaseBooks(StrEnum):
    """When the payable is booked: with the goods (検収), or with the supplier's invoice (仕入未請求)."""

    PAYABLE = "PAYABLE"
    NOT_INVOICED = "NOT_INVOICED"


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """``unit_cost`` is tax-exclusive. ``expected_receipt_id`` names the expectation that these pieces fulfil, in part or whole."""

    line_no: int
    sku_id: int
    quantity: int
    unit_cost: Decimal
    expected_receipt_id: int | None = None


@use_case
def receive(
    *,
    external_id: str,
    location_id: int,
    lines: Sequence[ReceiptLine],
    supplier_id: int | None = None,
    contra_role: str = OPENING_CONTRA,
    books: PurchaseBooks = PurchaseBooks.PAYABLE,
    tax_rounding: Rounding = Rounding.DOWN,
    note: str = "",
    occurred_at: dt.datetime | None,
    at: dt.datetime,
    by: Actor,
) -> Booked:
    """Book goods in at cost. With a supplier the payable (or 仕入未請求) opens with tax; without one it is opening stock against ``contra_role``.

    Tax is rounded once per rate. From a supplier without registration number on that day, the share that may not be deducted is cost. Pieces
    that provisional receipts had already let out are taken out again at their true cost. What a count at a later moment had found
    of them is found no more. Repeatable by ``external_id``; where nobody says when (None: ``at``), at any later moment too.

    Raises:
        InvalidInput: names every line without pieces, with a negative cost or an unknown SKU.
        Conflict: ``external_id`` was booked with other content.
        PeriodClosed: the books of that day are closed.
    """
    content = [location_id, supplier_id, contra_role, books, occurred_at, [asdict(line) for line in lines]]
    if earlier := documents.replay(source_type=RECEIPT, external_id=external_id, content=content):
        return earlier
    occurred_at = occurred_at or at
    on = business_date(occurred_at)
    facts = sku_facts_by_id(line.sku_id for line in lines)
    refuse_senseless(lines, {sku_id for sku_id, fact in facts.items() if not fact.is_kit})
    supplier = None if supplier_id is None else supplier_of(supplier_id)
    nets = [postings.line_amount(line.unit_cost, line.quantity) for line in lines]
    bought = purchase_of(supplier, nets, [facts[line.sku_id].tax_class for line in lines], on, tax_rounding)

    document_id = documents.new_document(
        kind=StockDocument.Kind.RECEIPT,
        source_type=RECEIPT,
        external_id=external_id,
        content=content,
        supplier_id=supplier_id,
        awaits_invoice=supplier is not None and books is PurchaseBooks.NOT_INVOICED,
        note=note,
        occurred_at=occurred_at,
        at=at,
        by=by,
    )
    keys = [(line.sku_id, location_id) for line in lines]
    expected = {line.sku_id for line in lines if line.expected_receipt_id is not None}
    booking = movements.open_booking((), arriving=keys, occurred_at=occurred_at, at=at, claiming=expected)
    sums = Sums()
    # Goods that wait for their invoice are no purchase for the tax return yet.
    is_purchase = books is PurchaseBooks.PAYABLE
    for line, key, cost, tax_code in zip(lines, keys, bought.costs, bought.tax_codes, strict=True):
        booking.move(key, line.quantity, value=cost, document_id=document_id, document_line=line.line_no)
        sums.debit(booking.account_role(key), cost, tax_code=tax_code if is_purchase else "")
    settle_arrivals(booking, sums, document_id, occurred_at=occurred_at, at=at, by=by)
    booking.write()
    _fulfil_expectations(lines, location_id=location_id, at=at, by=by)
    post(
        [*sums.lines(), *_contra(supplier, bought, contra_role, books, document_id, external_id, on)],
        on=on,
        description=_("Receipt %(id)s") % {"id": external_id},
        source=(RECEIPT, document_id),
        at=at,
        by=by,
    )
    return documents.booked(document_id)


def purchase_of(
    supplier: Supplier | None, nets: Sequence[Decimal], tax_classes: Sequence[str], on: dt.date, rounding: Rounding
) -> Purchase:
    if supplier is None:
        return Purchase(tuple(nets), ("",) * len(nets), {}, sum(nets, Decimal(0)))
    return postings.purchase(
        nets,
        tax_classes,
        rates=core.tax_rates(),
        on=on,
        share_percent=Decimal(100) if is_registered(supplier, on) else core.deductible_share_on(on),
        rounding=rounding,
    )


def is_registered(supplier: Supplier, on: dt.date) -> bool:
    """Whether the supplier issues 適格請求書 on that day."""
    return (
        bool(supplier.registration_number)
        and (supplier.registered_from is None or supplier.registered_from <= on)
        and (supplier.registered_to is None or on <= supplier.registered_to)
    )


def _contra(
    supplier: Supplier | None,
    bought: Purchase,
    contra_role: str,
    books: PurchaseBooks,
    document_id: int,
    external_id: str,
    on: dt.date,
) -> list[Line]:
    sums = Sums()
    if supplier is None:
        sums.credit(contra_role, bought.gross)
        return sums.lines()
    if books is PurchaseBooks.NOT_INVOICED:
        sums.credit(postings.NOT_INVOICED, sum(bought.costs, Decimal(0)))
        return sums.lines()
    for tax_code, tax in bought.deductible.items():
        sums.debit(postings.INPUT_TAX, tax, tax_code=tax_code)
    item = supplier_item(supplier, on=on, document_type=RECEIPT, document_id=document_id, label=external_id)
    return [*sums.lines(), *postings.owed_to_supplier(bought.gross, item)]


def supplier_item(supplier: Supplier, *, on: dt.date, document_type: str, document_id: int, label: str) -> NewItem:
    """What we owe a supplier, due by the supplier's terms."""
    closing = closing_date(on, supplier.closing_day)
    return NewItem(
        Party("SUPPLIER", supplier.pk, supplier.name),
        due_date(closing, supplier.payment_month_offset, supplier.payment_day),
        document_type,
        document_id,
        label,
    )


_FULFIL = """
UPDATE inventory_expectedreceipt e
SET quantity = greatest(e.quantity, e.received_quantity + n.pieces), received_quantity = e.received_quantity + n.pieces, version = e.version + 1
FROM (SELECT id, sum(pieces) AS pieces FROM unnest(%s::bigint[], %s::int[]) AS line (id, pieces) GROUP BY id) n WHERE e.id = n.id
"""


def _fulfil_expectations(lines: Sequence[ReceiptLine], *, location_id: int, at: dt.datetime, by: Actor) -> None:
    """Count what came on what was expected, and reserve it for whom it was promised. More than expected is a fact, so the expectation grows."""
    fulfilled = [(line.expected_receipt_id, line.quantity) for line in lines if line.expected_receipt_id is not None]
    if fulfilled:
        came: dict[int, int] = defaultdict(int)
        for expected, pieces in fulfilled:
            came[expected] += pieces
        promises.keep_promises_of(came, location_id=location_id, at=at, by=by)
        with connection.cursor() as cursor:
            cursor.execute(_FULFIL, [[expected for expected, _n in fulfilled], [pieces for _id, pieces in fulfilled]])


def receipt_of(receipt_id: int) -> StockDocument:
    """With its supplier beside it."""
    receipt = StockDocument.objects.select_related("supplier").filter(pk=receipt_id, source_type=RECEIPT).first()
    if receipt is None:
        raise NotFound(_("There is no receipt %(id)s.") % {"id": receipt_id})
    return receipt


def supplier_of(supplier_id: int) -> Supplier:
    supplier = Supplier.objects.filter(pk=supplier_id).first()
    if supplier is None:
        raise NotFound(_("There is no supplier %(id)s.") % {"id": supplier_id})
    return supplier


class PricedLine(Protocol):
    """Pieces at a cost each, as they come from a supplier or go back."""

    @property
    def line_no(self) -> int: ...
    @property
    def sku_id(self) -> int: ...
    @property
    def quantity(self) -> int: ...
    @property
    def unit_cost(self) -> Decimal: ...


def refuse_senseless(lines: Sequence[PricedLine], stocked: set[int]) -> None:
    problems = []
    for index, line in enumerate(lines):
        if line.quantity < 1:
            problems.append(Problem(f"/lines/{index}/quantity", "invalid", _("A line needs at least one piece.")))
        problems += faults_of_pieces(index, line.quantity)
        problems += faults_of_cost(index, line.unit_cost, line.quantity)
        if line.sku_id not in stocked:
            problems.append(Problem(f"/lines/{index}/sku", "unknown_sku", _("This SKU has no stock of its own.")))
    if len({line.line_no for line in lines}) < len(lines):
        problems.append(Problem("/lines", "invalid", _("Every line needs a number of its own.")))
    if not lines:
        problems.append(Problem("/lines", "invalid", _("The document needs lines.")))
    if problems:
        raise InvalidInput(problems)
