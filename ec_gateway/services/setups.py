"""Whether a site can be connected at all with what was typed for it. Where it cannot, its state says why, and staff are told once."""

from __future__ import annotations

import datetime as dt

from django.db.models import Case, F, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from ec_gateway.models import EcSite, SiteState
from erp.core import staff_tasks
from erp.core.actors import Actor
from erp.core.models import StaffTask
from erp.core.use_case import use_case

TASK_SETUP = "SITE_SETUP"
SUBJECT = "EC_SITE_SETUP"


@use_case
def note_unusable(*, site: EcSite, why: str, at: dt.datetime, by: Actor) -> bool:
    """Settings, address or credentials cannot be used. Tried every few seconds, so what is known already is not written again."""
    state = SiteState.objects.get_or_create(pk=site.pk)[0]
    if state.setup_error == why and _open_tasks(site.pk).exists():
        return False
    silent_since = Coalesce("silent_since", Value(at))
    SiteState.objects.filter(pk=site.pk).update(setup_error=why, silent_since=silent_since)
    finding = staff_tasks.Finding(TASK_SETUP, SUBJECT, site.pk, str(site.channel), why)
    staff_tasks.open_tasks([finding], at=at, by=by)
    return True


@use_case
def note_usable(*, site: EcSite, at: dt.datetime, by: Actor) -> bool:
    """It can be connected again."""
    paused = Q(is_paused_by_staff=True) | Q(open_until__isnull=False)
    still_silent = Case(When(paused, then=F("silent_since")))
    unusable = SiteState.objects.filter(pk=site.pk).exclude(setup_error="")
    changed = unusable.update(setup_error="", silent_since=still_silent)
    resolution = _("The set-up of the site can be used again.")
    _open_tasks(site.pk).update(closed_at=at, closed_by=str(by), resolution=resolution)
    return bool(changed)


def _open_tasks(site_id: int) -> QuerySet[StaffTask]:
    return StaffTask.objects.filter(kind=TASK_SETUP, subject_type=SUBJECT, subject_id=site_id, closed_at__isnull=True)
