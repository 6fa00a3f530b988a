"""Questions to the books. Everything returned is a figure or a dataclass; the tables stay private."""

from accounting.selectors.chart import (
    Party,
    PaymentRoutes,
    Route,
    account_of,
    ask_payment_routes,
    counterparties,
    payment_routes,
)
from accounting.selectors.documents import (
    AccountSum,
    DocumentSums,
    EntryHead,
    entries_of_documents,
    posted_by_account,
    sums_by_document,
)
from accounting.selectors.items import AgingRow, OpenItemView, aging, items_of_party, open_items, overdue_count
from accounting.selectors.ledgers import (
    Filter,
    LedgerLine,
    LedgerPage,
    TrialBalance,
    TrialBalanceRow,
    balance_of,
    business_year_start,
    general_ledger,
    subsidiary_ledger,
    trial_balance,
)
from accounting.selectors.periods import open_period_ids

__all__ = [
    "AccountSum",
    "AgingRow",
    "DocumentSums",
    "EntryHead",
    "Filter",
    "LedgerLine",
    "LedgerPage",
    "OpenItemView",
    "Party",
    "PaymentRoutes",
    "Route",
    "TrialBalance",
    "TrialBalanceRow",
    "account_of",
    "aging",
    "ask_payment_routes",
    "balance_of",
    "business_year_start",
    "counterparties",
    "entries_of_documents",
    "general_ledger",
    "items_of_party",
    "open_items",
    "open_period_ids",
    "overdue_count",
    "payment_routes",
    "posted_by_account",
    "subsidiary_ledger",
    "sums_by_document",
    "trial_balance",
]
