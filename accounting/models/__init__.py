"""The ledger of trade. Entries, postings and billable items are append-only: the database refuses change, corrections are reversals.

Private to this app; other rooms call ``accounting.services`` and ``accounting.selectors``. Accounting knows no order: documents are named by
(type, id) values.
"""

from accounting.models.chart import AccountRole, Counterparty, LedgerAccount, PartyKind, PaymentRoute, Side
from accounting.models.exports import ExportedEntry, ExportFormat, ExportRun, ExportTaxLabel
from accounting.models.ledger import JournalEntry, OpenItem, Posting
from accounting.models.periods import Period, PeriodTotal, Seal
from accounting.models.trade import BillableItem, Settlement

__all__ = [
    "AccountRole",
    "BillableItem",
    "Counterparty",
    "ExportFormat",
    "ExportRun",
    "ExportTaxLabel",
    "ExportedEntry",
    "JournalEntry",
    "LedgerAccount",
    "OpenItem",
    "PartyKind",
    "PaymentRoute",
    "Period",
    "PeriodTotal",
    "Posting",
    "Seal",
    "Settlement",
    "Side",
]
