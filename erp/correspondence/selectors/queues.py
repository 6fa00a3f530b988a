"""What waits for a person before a shopper hears of it."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from erp.core.work_queues import WorkQueue, register
from erp.correspondence.models import Mail

MAILS, WORKED_BY = "admin:correspondence_mail_changelist", "correspondence.change_mail"


def register_queues() -> None:
    register(
        WorkQueue(
            "correspondence.drafts", _("Mails to be looked at"), _drafts, MAILS, "state__exact=DRAFT", worked_by=WORKED_BY,
            since="owed_at", order="owed_at",
        ),
        WorkQueue(
            "correspondence.failed", _("Mails that could not be sent"), _failed, MAILS, "state__in=FAILED,UNKNOWN",
            worked_by=WORKED_BY, since="owed_at", order="owed_at", parts="state",
        ),
    )  # fmt: skip


def _drafts(_viewer: Any) -> QuerySet[Mail]:
    return Mail.objects.filter(state=Mail.State.DRAFT)


def _failed(_viewer: Any) -> QuerySet[Mail]:
    """Whether it was sent again or given up, its row stays; what was seen to is discarded by whoever saw to it."""
    return Mail.objects.filter(state__in=[Mail.State.FAILED, Mail.State.UNKNOWN])
