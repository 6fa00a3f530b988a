"""Every write to the books. Other rooms post through here, with lines named by role."""

from accounting.postings.drafts import CREDIT, DEBIT, EntryDraft, Line, NewItem
from accounting.selectors.chart import Party
from accounting.services.billing import BillableDraft, add_billable_items
from accounting.services.entries import PostedEntry, post_entries

__all__ = [
    "CREDIT",
    "DEBIT",
    "BillableDraft",
    "EntryDraft",
    "Line",
    "NewItem",
    "Party",
    "PostedEntry",
    "add_billable_items",
    "post_entries",
]
