"""The pages of accounting: masters in plain forms, ledgers to look at, reports, and vouchers through the service."""

from accounting.admin import chart, ledger, periods, trade

__all__ = ["chart", "ledger", "periods", "trade"]
