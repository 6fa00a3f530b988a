"""Questions to the kernel's own tables."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from erp.core.models import DeductibleShare, StaffTask, TaxRate
from erp.core.tax import Rate


def tax_rates() -> list[Rate]:
    """All dated rates, newest first; pick from them with ``erp.core.tax.rate_on``."""
    rows = TaxRate.objects.order_by("-valid_from", "code")
    return [Rate(row.tax_class, row.code, row.percent, row.valid_from, row.valid_to) for row in rows]


def deductible_share_on(on: date) -> Decimal:
    """Percent of purchase tax that may be deducted without the supplier's registration number. All of it before the invoice system."""
    row = DeductibleShare.objects.filter(valid_from__lte=on).order_by("-valid_from").first()
    return Decimal(100) if row is None else row.percent


def open_task_count() -> int:
    return StaffTask.objects.filter(closed_at__isnull=True).count()
