"""What keeps an activity of a site from doing its work: counted on its row, shown there, and told to staff. The first run that goes well ends it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.utils.translation import gettext as _

from ec_gateway.models import SiteActivity
from erp.core import staff_tasks
from erp.core.actors import Actor
from erp.core.models import StaffTask
from erp.core.use_case import use_case

TASK_FAILS = "SITE_ACTIVITY_FAILS"
SUBJECT = "SITE_ACTIVITY"
BY = Actor.job("site-activities")
# What may go away by itself has so many runs for it.
OFTEN = 3


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a run failed. Staff are told after so many in a row; 0: somebody else tells them (the breaker of a site that is silent)."""

    error: str
    tell_after: int = 1


# Nothing could be tried, as the site is paused or its budget is spent: this says nothing of how the activity fares.
NOT_TRIED = Trouble("", tell_after=0)


def tell_staff(*, row_id: int, trouble: Trouble | None, failures: int, at: dt.datetime) -> None:
    """Open the task of an activity that fails, or close it after a run that went well. In the transaction that counts the run."""
    if trouble is None:
        _close(row_id=row_id, at=at, by=BY)
    elif trouble.tell_after and failures >= trouble.tell_after:
        _open(row_id=row_id, trouble=trouble, failures=failures, at=at, by=BY)


@use_case
def _open(*, row_id: int, trouble: Trouble, failures: int, at: dt.datetime, by: Actor) -> None:
    row = SiteActivity.objects.select_related("site__channel").get(pk=row_id)
    label = f"{row.site.channel.code} {row.get_activity_display()}"
    detail = _("Failed %(count)d times in a row: %(error)s") % {"count": failures, "error": trouble.error}
    staff_tasks.open_tasks([staff_tasks.Finding(TASK_FAILS, SUBJECT, row_id, label, detail)], at=at, by=by)


@use_case
def _close(*, row_id: int, at: dt.datetime, by: Actor) -> None:
    tasks = StaffTask.objects.filter(kind=TASK_FAILS, subject_type=SUBJECT, subject_id=row_id, closed_at__isnull=True)
    tasks.update(closed_at=at, closed_by=str(by), resolution=_("It works again."))
