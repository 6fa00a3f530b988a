"""The supplier's invoice for goods that came before it (仕入未請求). It clears what was accrued, opens the payable and corrects the cost.

Takes these levels of the house's lock order: the receipt and the invoice by name, balances by primary key, cost rows by SKU, open items.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal

from django.utils.translation import gettext as _

from catalog.models import Supplier
from catalog.selectors import sku_facts_by_id
from erp.core import locks
from erp.core.actors import Actor
from erp.core.clock import business_date
from erp.core.errors import InvalidInput, NotAllowedNow, Problem
from erp.core.models import TaxClass
from erp.core.money import ZERO, Rounding, is_amount, split_by_weight
from erp.core.use_case import use_case
from erp.inventory import postings
from erp.inventory.models import StockDocument
from erp.inventory.postings import Sums
from erp.inventory.services import documents
from erp.inventory.services.adjustments import spread_late_cost
from erp.inventory.services.documents import Booked, BookedLine
from erp.inventory.services.posting import post
from erp.inventory.services.receipts import purchase_of, receipt_of, supplier_item

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

    Rates, and what of the tax may be deducted, are those of the day on which the goods came: that was the purchase (消基通11-3-1).

    Raises:
        InvalidInput: names every amount that is none, and every tax class that is unknown or there twice.
        NotFound: no such receipt.
        NotAllowedNow: the receipt waits for no invoice, or has it already.
        Conflict, PeriodClosed: as for ``receive``.
    """
    content = [receipt_id, occurred_at, [asdict(amount) for amount in amounts]]
    if earlier := documents.replay(source_type=SUPPLIER_INVOICE, external_id=external_id, content=content):
        return earlier
    locks.hold(f"invoice of receipt:{receipt_id}")
    _refuse_senseless(amounts)
    receipt, supplier = _receipt_to_invoice(receipt_id)
    on = business_date(occurred_at)
    bought = purchase_of(
        supplier,
        [amount.net for amount in amounts],
        [amount.tax_class for amount in amounts],
        business_date(receipt.occurred_at),
        tax_rounding,
    )
    document_id = documents.new_document(
        kind=StockDocument.Kind.REVALUATION,
        source_type=SUPPLIER_INVOICE,
        source_id=receipt_id,
        supplier_id=supplier.pk,
        external_id=external_id,
        content=content,
        occurred_at=occurred_at,
        at=at,
        by=by,
    )
    # What the receipt brought in, provisional pieces that left it again included.
    received = {line.line_no: line for line in documents.booked(receipt_id).lines if line.quantity > 0}
    facts = sku_facts_by_id(line.sku_id for line in received.values())
    classes = {line_no: facts[line.sku_id].tax_class for line_no, line in received.items()}
    codes = dict(zip((amount.tax_class for amount in amounts), bought.tax_codes, strict=True))
    tax_codes = {line_no: codes.get(tax_class, "") for line_no, tax_class in classes.items()}
    sums = Sums()
    for line_no, line in received.items():
        sums.debit(postings.NOT_INVOICED, line.value, tax_code=tax_codes[line_no])
    costs = dict(zip(codes, bought.costs, strict=True))
    if shares := _differences(received, classes, costs):
        spread_late_cost(
            shares, received, sums, tax_codes=tax_codes, document_id=document_id, occurred_at=occurred_at, at=at
        )
    for tax_code, tax in bought.deductible.items():
        sums.debit(postings.INPUT_TAX, tax, tax_code=tax_code)
    item = supplier_item(supplier, on=on, document_type=SUPPLIER_INVOICE, document_id=document_id, label=external_id)
    post(
        [*sums.lines(), *postings.owed_to_supplier(bought.gross, item)],
        on=on,
        description=_("Supplier's invoice %(id)s") % {"id": external_id},
        source=(SUPPLIER_INVOICE, document_id),
        at=at,
        by=by,
    )
    return documents.booked(document_id)


def _receipt_to_invoice(receipt_id: int) -> tuple[StockDocument, Supplier]:
    """Raises NotFound, and NotAllowedNow for a receipt that waits for no invoice, or has it already."""
    receipt = receipt_of(receipt_id)
    booked_before = StockDocument.objects.filter(source_type=SUPPLIER_INVOICE, source_id=receipt_id).exists()
    if receipt.supplier is None or not receipt.awaits_invoice or booked_before:
        raise NotAllowedNow(_("This receipt waits for no invoice."))
    return receipt, receipt.supplier


def _differences(
    received: Mapping[int, BookedLine], classes: Mapping[int, str], costs: Mapping[str, Decimal]
) -> list[tuple[int, Decimal]]:
    """What the invoice charges more (or less) than was accrued, per receipt line: each class its own difference, if both name the same classes."""
    if set(classes.values()) == set(costs):
        groups = [([n for n, tax_class in classes.items() if tax_class == own], cost) for own, cost in costs.items()]
    else:
        groups = [(list(received), sum(costs.values(), ZERO))]
    shares: list[tuple[int, Decimal]] = []
    for lines, cost in groups:
        accrued = sum((received[line_no].value for line_no in lines), ZERO)
        if cost != accrued:
            # What came for nothing is told apart by its pieces.
            weights = [received[n].value if accrued else Decimal(received[n].quantity) for n in lines]
            shares += zip(lines, split_by_weight(cost - accrued, weights), strict=True)
    return shares


def _refuse_senseless(amounts: Sequence[InvoicedAmount]) -> None:
    problems = []
    for index, amount in enumerate(amounts):
        if not is_amount(amount.net) or amount.net <= 0:
            detail = _("An amount is whole yen, more than nothing.")
            problems.append(Problem(f"/amounts/{index}/net", "invalid", detail))
        if amount.tax_class not in TaxClass.values:
            detail = _("Unknown tax class: %(code)s.") % {"code": amount.tax_class}
            problems.append(Problem(f"/amounts/{index}/tax_class", "unknown_tax_class", detail))
    if len({amount.tax_class for amount in amounts}) < len(amounts):
        problems.append(Problem("/amounts", "invalid", _("Each tax class once.")))
    if not amounts:
        problems.append(Problem("/amounts", "invalid", _("An invoice needs an amount.")))
    if problems:
        raise InvalidInput(problems)
