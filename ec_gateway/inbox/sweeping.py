"""What needs no wake-up: twice a minute each site is polled, and each inbox in which something is due is worked off."""

from __future__ import annotations

import datetime as dt

from ec_gateway.inbox.working import waiting_sites
from ec_gateway.models import Activity, EcSite
from ec_gateway.services import wakes
from erp.core.actors import Actor


def wake_sites(*, at: dt.datetime, by: Actor) -> str:
    """A job: losing a wake-up loses nothing, since this looks at the rows themselves. Returns what it woke."""
    polled = list(
        EcSite.objects.filter(is_polling=True).exclude(platform="").order_by("pk").values_list("pk", flat=True)
    )
    waiting = waiting_sites(at=at)
    for site_id in polled:
        wakes.wake(site_id=site_id, activity=Activity.POLL)
    for site_id in waiting:
        wakes.wake(site_id=site_id, activity=Activity.INBOX)
    return f"{len(polled)} polled, {len(waiting)} waiting"
