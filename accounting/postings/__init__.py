"""Which entries money and closings make. Orders and stock hold their own rules and use the same drafts."""

from accounting.postings.closings import tax_difference, year_end_tax
from accounting.postings.drafts import CREDIT, DEBIT, EntryDraft, Line, NewItem
from accounting.postings.settlements import (
    Settled,
    TaxSplit,
    payout,
    receipt,
    refund,
    signed_sum,
    supplier_payment,
    tax_inside,
)
from accounting.selectors.chart import Party

__all__ = [
    "CREDIT",
    "DEBIT",
    "EntryDraft",
    "Line",
    "NewItem",
    "Party",
    "Settled",
    "TaxSplit",
    "payout",
    "receipt",
    "refund",
    "signed_sum",
    "supplier_payment",
    "tax_difference",
    "tax_inside",
    "year_end_tax",
]
