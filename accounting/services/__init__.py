"""Every write to the books. Other rooms post through here, with lines named by role."""

from accounting.postings.drafts import CREDIT, DEBIT, EntryDraft, Line, NewItem
from accounting.selectors.chart import Party
from accounting.services.billing import BillableDraft, add_billable_items
from accounting.services.closings import post_tax_difference, post_year_end_tax
from accounting.services.entries import PostedEntry, post_entries
from accounting.services.exports import Exported, export_method, export_yayoi
from accounting.services.periods import close_period, hold_open_dates, open_periods, reopen_period
from accounting.services.seals import seal_entries
from accounting.services.settlements import (
    Settling,
    pay_refund,
    pay_supplier,
    record_payout,
    record_receipt,
    take_back_settlement,
)
from accounting.services.vouchers import post_voucher, reverse_entry

__all__ = [
    "CREDIT",
    "DEBIT",
    "BillableDraft",
    "EntryDraft",
    "Exported",
    "Line",
    "NewItem",
    "Party",
    "PostedEntry",
    "Settling",
    "add_billable_items",
    "close_period",
    "export_method",
    "export_yayoi",
    "hold_open_dates",
    "open_periods",
    "pay_refund",
    "pay_supplier",
    "post_entries",
    "post_tax_difference",
    "post_voucher",
    "post_year_end_tax",
    "record_payout",
    "record_receipt",
    "reopen_period",
    "reverse_entry",
    "seal_entries",
    "take_back_settlement",
]
