"""The supplier's invoice for goods that came before it (仕入未請求). It clears what was accrued, opens the payable and corrects the cost.

Takes these levels of the house's lock order: the receipt and the invoice by name, balances by primary key, cost rows by SKU, open items.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal

from django.utils.translation import gettext as _

from erp.core import locks
from erp.core.actors import Actor
from erp.core.clock import business_date
from erp.core.errors import NotAllowedNow, NotFound
from erp.core.money import ZERO, Rounding, split_by_weight
from erp.core.use_case import use_case
from erp.inventory import postings
from erp.inventory.models import StockDocument
from erp.inventory.postings import Sums
from erp.inventory.services import documents
from erp.inventory.services.adjustments import spread_late_cost
from erp.inventory.services.documents import Booked
from erp.inventory.services.posting import post
from erp.inventory.services.receipts import RECEIPT, purchase_of, supplier_item

SUPPLIER_INVOICE = "SUPPLIER_INVOICE"


@dataclass(frozen=True, slots=True)
class InvoicedAmount:
    """What the invoice charges under one tax class, tax-exclusive."""

    tax_class: str
    net: Decimal


@use_case
def book_supplier_invoice(
    *,
    external_id: str,
    receipt_id: int,
    amounts: Sequence[InvoicedAmount],
    tax_rounding: Rounding = Rounding.DOWN,
    occurred_at: dt.datetime,
    at: dt.datetime,
    by: Actor,
) -> Booked:
    """Book the invoice for a receipt that came before it. A price that differs is a late cost of the goods. Repeatable by ``external_id``.

    Raises:
        NotFound: no such receipt.
        NotAllowedNow: the receipt waits for no invoice, or has it already.
        Conflict, PeriodClosed: as for ``receive``.
    """
    content = [receipt_id, occurred_at, [asdict(amount) for amount in amounts]]
    if earlier := documents.replay(source_type=SUPPLIER_INVOICE, external_id=external_id, content=content):
        return earlier
    locks.hold(f"invoice of receipt:{receipt_id}")
    receipt = StockDocument.objects.select_related("supplier").filter(pk=receipt_id, source_type=RECEIPT).first()
    if receipt is None:
        raise NotFound(_("There is no receipt %(id)s.") % {"id": receipt_id})
    booked_before = StockDocument.objects.filter(source_type=SUPPLIER_INVOICE, source_id=receipt_id).exists()
    if receipt.supplier is None or not receipt.awaits_invoice or booked_before:
        raise NotAllowedNow(_("This receipt waits for no invoice."))
    on = business_date(occurred_at)
    bought = purchase_of(
        receipt.supplier, [amount.net for amount in amounts], [amount.tax_class for amount in amounts], on, tax_rounding
    )
    document_id = documents.new_document(
        kind=StockDocument.Kind.REVALUATION,
        source_type=SUPPLIER_INVOICE,
        source_id=receipt_id,
        supplier_id=receipt.supplier.pk,
        external_id=external_id,
        content=content,
        occurred_at=occurred_at,
        at=at,
        by=by,
    )
    # What the receipt brought in, provisional pieces that left it again included.
    received = {line.line_no: line for line in documents.booked(receipt_id).lines if line.quantity > 0}
    accrued = sum((line.value for line in received.values()), ZERO)
    difference = sum(bought.costs, ZERO) - accrued
    sums = Sums()
    sums.debit(postings.NOT_INVOICED, accrued)
    if difference:
        parts = split_by_weight(difference, [line.value for line in received.values()])
        shares = list(zip(received, parts, strict=True))
        spread_late_cost(shares, received, sums, document_id=document_id, occurred_at=occurred_at, at=at)
    for tax_code, tax in bought.deductible.items():
        sums.debit(postings.INPUT_TAX, tax, tax_code=tax_code)
    item = supplier_item(
        receipt.supplier, on=on, document_type=SUPPLIER_INVOICE, document_id=document_id, label=external_id
    )
    post(
        [*sums.lines(), *postings.owed_to_supplier(bought.gross, item)],
        on=on,
        description=_("Supplier's invoice %(id)s") % {"id": external_id},
        source=(SUPPLIER_INVOICE, document_id),
        at=at,
        by=by,
    )
    return documents.booked(document_id)
