"""Which sites are due for their nightly comparison, asked of the runs themselves: lost wake-ups and runs that broke off are made up for."""

from __future__ import annotations

import datetime as dt

from django.db.models import Exists, OuterRef

from ec_gateway.models import Activity, EcSite, ReconciliationRun
from ec_gateway.services import wakes
from erp.core.actors import Actor
from erp.core.clock import TOKYO

NIGHTLY = dt.time(2, 30)


def due_sites(*, at: dt.datetime) -> list[int]:
    """Sites that were not compared, and repaired, since last night's hour."""
    here = at.astimezone(TOKYO)
    night = dt.datetime.combine(here.date(), NIGHTLY, tzinfo=TOKYO)
    if night > here:
        night -= dt.timedelta(days=1)
    done = ReconciliationRun.objects.filter(
        site=OuterRef("pk"), started_at__gte=night, is_dry_run=False, state=ReconciliationRun.State.DONE
    )
    sites = EcSite.objects.filter(~Exists(done), channel__is_active=True).exclude(platform="")
    return list(sites.order_by("pk").values_list("pk", flat=True))


def wake_due_sites(*, at: dt.datetime, by: Actor) -> str:
    """A job. Returns what it woke."""
    due = due_sites(at=at)
    for site_id in due:
        wakes.wake(site_id=site_id, activity=Activity.RECONCILE)
    return f"{len(due)} due"


def ask_for_run(*, site_id: int, is_dry_run: bool) -> None:
    """Have a worker compare a site soon. Raises OperationalError when the broker is gone: whoever asks by hand must know."""
    from erp.celery import app

    app.send_task(
        wakes.TASKS[Activity.RECONCILE],
        kwargs={"site_id": site_id, "is_dry_run": is_dry_run},
        queue=wakes.QUEUE,
        ignore_result=True,
        retry=False,
    )
