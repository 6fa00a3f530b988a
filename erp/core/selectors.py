"""Questions to the kernel's own tables."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Q, QuerySet

from erp.core import rows, task_kinds
from erp.core.models import DeductibleShare, StaffTask
from erp.core.tax import Rate


def tax_rates() -> list[Rate]:
    """All dated rates, newest first; pick from them with ``erp.core.tax.rate_on``."""
    return ask_tax_rates()()


def ask_tax_rates() -> Callable[[], list[Rate]]:
    """The same as a question: call the result when its pipeline has been left."""
    answer = rows.ask(
        "SELECT tax_class, code, percent, valid_from, valid_to FROM core_taxrate ORDER BY valid_from DESC, code",
        row=tuple[str, str, Decimal, date, date | None],
    )
    return lambda: [Rate(*row) for row in answer.all()]


def deductible_share_on(on: date) -> Decimal:
    """Percent of purchase tax that may be deducted without the supplier's registration number. All of it before the invoice system."""
    row = DeductibleShare.objects.filter(valid_from__lte=on).order_by("-valid_from").first()
    return Decimal(100) if row is None else row.percent


def open_tasks() -> QuerySet[StaffTask]:
    """要対応: what a person has to look at and nobody has said what became of it."""
    return StaffTask.objects.filter(closed_at__isnull=True)


def tasks_of(user: Any) -> Q:
    """Which tasks are somebody's work, by their kinds. Whoever closes none, and only oversees, looks at all. Nobody is told of a task whose words
    tell amounts that they may not know."""
    hidden = task_kinds.hidden_from(user)
    others = task_kinds.others_than_of(user) if user.has_perm("core.change_stafftask") else []
    return ~task_kinds.any_of([*others, *hidden]) if others or hidden else Q()
