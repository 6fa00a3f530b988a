"""Which entries money and closings make. Orders and stock hold their own rules and use the same drafts."""

from accounting.postings.drafts import CREDIT, DEBIT, EntryDraft, Line, NewItem, Party

__all__ = ["CREDIT", "DEBIT", "EntryDraft", "Line", "NewItem", "Party"]
