"""What waits in the books."""

from __future__ import annotations

from typing import Any

from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounting.models import OpenItem, Side
from erp.core.work_queues import WorkQueue, register

ITEMS, SETTLES = "admin:accounting_openitem_changelist", "accounting.add_settlement"


def register_queues() -> None:
    register(
        WorkQueue(
            "accounting.unsettled", _("Open items that are owed to us"), unsettled, ITEMS, f"state=open&side__exact={Side.DEBIT}",
            worked_by=SETTLES, since="item_date", due="due_date",
        ),
        WorkQueue(
            "OVERDUE_ITEMS", _("Overdue open items"), overdue, ITEMS, f"state=overdue&side__exact={Side.DEBIT}",
            worked_by=SETTLES, since="due_date", due="due_date", order="due_date",
        ),
    )  # fmt: skip


def unsettled(_viewer: Any = None) -> QuerySet[OpenItem]:
    """What others owe us."""
    return OpenItem.objects.filter(side=Side.DEBIT).exclude(settled_amount=F("amount"))


def overdue(_viewer: Any = None) -> QuerySet[OpenItem]:
    """What they owe us past its due date, today in Tokyo."""
    return unsettled().filter(due_date__lt=timezone.localdate())
