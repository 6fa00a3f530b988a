"""Goods that go back to their supplier (仕入返品). They lower what is owed for their receipt; what is not owed any more is a claim.

Takes these levels of the house's lock order: the document by name, balances by primary key, cost rows by SKU, open items.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal

from django.utils.translation import gettext as _

from accounting import selectors as accounting
from accounting.services import CREDIT, Line, NewItem
from catalog.selectors import sku_facts_by_id
from erp.core.actors import Actor
from erp.core.clock import business_date
from erp.core.errors import NotAllowedNow
from erp.core.money import Rounding
from erp.core.use_case import use_case
from erp.inventory import postings
from erp.inventory.models import StockDocument
from erp.inventory.postings import Sums
from erp.inventory.services import documents
from erp.inventory.services.documents import Booked
from erp.inventory.services.explaining import Left, open_for_leaving
from erp.inventory.services.invoices import SUPPLIER_INVOICE
from erp.inventory.services.posting import post
from erp.inventory.services.receipts import (
    RECEIPT,
    purchase_of,
    receipt_of,
    refuse_senseless,
    supplier_item,
    supplier_of,
)

SUPPLIER_RETURN = "SUPPLIER_RETURN"


@dataclass(frozen=True, slots=True)
class SupplierReturnLine:
    """``unit_cost`` is what the supplier credits per piece, tax-exclusive."""

    line_no: int
    sku_id: int
    quantity: int
    unit_cost: Decimal


@use_case
def return_to_supplier(
    *,
    external_id: str,
    location_id: int,
    lines: Sequence[SupplierReturnLine],
    supplier_id: int,
    receipt_id: int | None = None,
    tax_rounding: Rounding = Rounding.DOWN,
    note: str = "",
    occurred_at: dt.datetime,
    at: dt.datetime,
    by: Actor,
) -> Booked:
    """Send goods back (仕入返品). They leave at the cost that is credited; what the average makes of the difference is cost of sales.

    The credit lowers what is open of ``receipt_id`` or of its invoice, the rest becomes a claim against the supplier. Its tax is that of the
    day on which the goods were bought (消法32条), if the receipt is named. Repeatable by ``external_id``.

    Raises:
        InsufficientStock: names every SKU of which fewer pieces are free.
        NotFound: no such supplier or receipt.
        NotAllowedNow: the receipt is another supplier's, or still waits for its invoice.
        InvalidInput, Conflict, PeriodClosed: as for ``receive``.
    """
    content = [location_id, supplier_id, receipt_id, occurred_at, [asdict(line) for line in lines]]
    if earlier := documents.replay(source_type=SUPPLIER_RETURN, external_id=external_id, content=content):
        return earlier
    on = business_date(occurred_at)
    facts = sku_facts_by_id(line.sku_id for line in lines)
    refuse_senseless(lines, {sku_id for sku_id, fact in facts.items() if not fact.is_kit})
    supplier = supplier_of(supplier_id)
    receipt = None if receipt_id is None else _receipt_to_credit(receipt_id, supplier_id)
    bought_on = on if receipt is None else business_date(receipt.occurred_at)
    nets = [postings.line_amount(line.unit_cost, line.quantity) for line in lines]
    credited = purchase_of(supplier, nets, [facts[line.sku_id].tax_class for line in lines], bought_on, tax_rounding)
    document_id = documents.new_document(
        kind=StockDocument.Kind.ISSUE,
        source_type=SUPPLIER_RETURN,
        external_id=external_id,
        content=content,
        supplier_id=supplier_id,
        note=note,
        occurred_at=occurred_at,
        at=at,
        by=by,
    )
    leaving = [Left(document_id, line.line_no, (line.sku_id, location_id), line.quantity) for line in lines]
    booking = open_for_leaving(leaving, occurred_at=occurred_at, at=at, by=by)
    sums = Sums()
    for line, cost, tax_code in zip(lines, credited.costs, credited.tax_codes, strict=True):
        key = (line.sku_id, location_id)
        value = booking.value_within(key, line.quantity, cost)
        booking.move(key, -line.quantity, value=-value, document_id=document_id, document_line=line.line_no)
        sums.credit(booking.account_role(key), value, tax_code=tax_code)
        sums.debit(postings.COST_OF_SALES, value - cost, tax_code=tax_code)
    booking.write()
    for tax_code, tax in credited.deductible.items():
        sums.credit(postings.INPUT_TAX, tax, tax_code=tax_code)
    claim = supplier_item(supplier, on=on, document_type=SUPPLIER_RETURN, document_id=document_id, label=external_id)
    post(
        [*_credit_lines(credited.gross, receipt_id, claim), *sums.lines()],
        on=on,
        description=_("Return to supplier %(id)s") % {"id": external_id},
        source=(SUPPLIER_RETURN, document_id),
        at=at,
        by=by,
    )
    return documents.booked(document_id)


def _receipt_to_credit(receipt_id: int, supplier_id: int) -> StockDocument:
    """What is not invoiced is not owed yet, so there is nothing that a credit could lower."""
    receipt = receipt_of(receipt_id)
    if receipt.supplier_id != supplier_id:
        raise NotAllowedNow(_("Receipt %(id)s is not from this supplier.") % {"id": receipt_id})
    if receipt.awaits_invoice and not _invoices_of(receipt_id):
        raise NotAllowedNow(_("Receipt %(id)s still waits for its invoice; book that first.") % {"id": receipt_id})
    return receipt


def _invoices_of(receipt_id: int) -> list[int]:
    found = StockDocument.objects.filter(source_type=SUPPLIER_INVOICE, source_id=receipt_id)
    return list(found.order_by("pk").values_list("pk", flat=True))


def _credit_lines(amount: Decimal, receipt_id: int | None, rest: NewItem) -> list[Line]:
    owed = {RECEIPT: [receipt_id], SUPPLIER_INVOICE: _invoices_of(receipt_id)} if receipt_id is not None else {}
    payables = [
        (item.id, item.remaining)
        for kind, ids in owed.items()
        for item in accounting.open_items(document_type=kind, document_ids=ids, roles=[postings.PAYABLE])
        if item.side == CREDIT
    ]
    return postings.credited_by_supplier(amount, open_payables=payables, rest=rest)
