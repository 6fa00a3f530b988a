"""One activity of one site is done by one process at a time. A lease ends by itself, so a killed holder blocks nobody for long.

A wake-up that comes while somebody holds the lease is counted in ``wakes``; the holder may give back only what it saw, otherwise it must look
again. So no wake-up is lost, and nothing is ever marked "started".
"""

from __future__ import annotations

import datetime as dt
import os
import socket
import uuid
from collections.abc import Collection
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

from django.db import connection, transaction

from ec_gateway.models import EcSite, SiteActivity
from ec_gateway.services.troubles import Trouble, tell_staff

LEASE_S = 30.0


def new_holder() -> str:
    """A name for a lease that nobody else uses, ever."""
    return f"{socket.gethostname()[:50]}:{os.getpid()}:{uuid.uuid4().hex[:12]}"


class LeaseLost(Exception):
    """Somebody else has the activity by now: the holder was silent for too long. It stops, and writes nothing more."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to do one activity of one site until ``until``. ``wakes`` is how many wake-ups the holder has seen, ``failures`` how many runs
    before this one failed in a row."""

    site_id: int
    activity: str
    holder: str
    wakes: int
    cursor: str
    until: dt.datetime
    failures: int = 0


# Everything that does not get the lease leaves its wake-up, in the same statement: the holder either sees it or has given back before.
_TAKE = """
UPDATE ec_gateway_siteactivity AS a
SET wakes = a.wakes + 1,
    lease_holder = CASE WHEN free.is_free THEN %(holder)s ELSE a.lease_holder END,
    lease_until = CASE WHEN free.is_free THEN %(until)s ELSE a.lease_until END
FROM (
    SELECT id, lease_holder = '' OR lease_until <= %(at)s AS is_free FROM ec_gateway_siteactivity
    WHERE site_id = %(site)s AND activity = %(activity)s FOR NO KEY UPDATE
) free
WHERE a.id = free.id
RETURNING free.is_free, a.wakes, a.cursor, a.failures_in_row
"""


def take(
    *, site_id: int, activity: str, holder: str, at: dt.datetime, lease_s: float = LEASE_S, ensure: bool = True
) -> Lease | None:
    """Take the lease if nobody has it, or its holder fell silent; otherwise wake the holder up and return None.

    None also for a site that does not exist. ``holder`` is a name that nobody else uses, ever.
    """
    until = at + dt.timedelta(seconds=lease_s)
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, {"site": site_id, "activity": activity, "holder": holder, "at": at, "until": until})
        found = cursor.fetchone()
    if found is None and ensure and EcSite.objects.filter(pk=site_id).exists():
        SiteActivity.objects.bulk_create([SiteActivity(site_id=site_id, activity=activity)], ignore_conflicts=True)
        return take(site_id=site_id, activity=activity, holder=holder, at=at, lease_s=lease_s, ensure=False)
    if found is None or not found[0]:
        return None
    return Lease(site_id, activity, holder, found[1], found[2], until, found[3])


def heartbeat(lease: Lease, *, at: dt.datetime, lease_s: float = LEASE_S) -> Lease:
    """Keep the lease for longer and see the wake-ups of meanwhile. Raises LeaseLost.

    Inside a transaction it is also the fence: what is written with it is written by the holder, or not at all.
    """
    until = at + dt.timedelta(seconds=lease_s)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE ec_gateway_siteactivity SET lease_until = %s"
            " WHERE site_id = %s AND activity = %s AND lease_holder = %s RETURNING wakes, cursor",
            [until, lease.site_id, lease.activity, lease.holder],
        )
        found = cursor.fetchone()
    if found is None:
        raise LeaseLost(f"{lease.activity} of site {lease.site_id}")
    return replace(lease, wakes=found[0], cursor=found[1], until=until)


def move_cursor(lease: Lease, cursor_text: str) -> Lease:
    """Note how far the holder has come. Raises LeaseLost. Call it in the transaction of what was done up to there."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE ec_gateway_siteactivity SET cursor = %s"
            " WHERE site_id = %s AND activity = %s AND lease_holder = %s RETURNING id",
            [cursor_text, lease.site_id, lease.activity, lease.holder],
        )
        if cursor.fetchone() is None:
            raise LeaseLost(f"{lease.activity} of site {lease.site_id}")
    return replace(lease, cursor=cursor_text)


_GIVE_BACK = """
UPDATE ec_gateway_siteactivity
SET lease_holder = '', lease_until = NULL, finished_at = %(at)s, detail = %(detail)s, failures_in_row = %(failures)s,
    last_error = CASE WHEN %(error)s = '' THEN last_error ELSE %(error)s END,
    last_error_at = CASE WHEN %(error)s = '' THEN last_error_at ELSE %(at)s END
WHERE site_id = %(site)s AND activity = %(activity)s AND lease_holder = %(holder)s AND (wakes = %(wakes)s OR %(force)s)
RETURNING id
"""


def give_back(
    lease: Lease, *, at: dt.datetime, detail: str = "", force: bool = False, trouble: Trouble | None = None
) -> bool:
    """Give the lease back, unless somebody woke the holder since it last looked: then False, take a ``heartbeat`` and look again.

    ``force`` gives it back in any case, for a holder that must stop; whoever comes next finds what is left. A lease that was lost
    counts as given back. ``trouble`` says that the run failed, which is counted, shown and told to staff; without it all went well.
    """
    failures = 0 if trouble is None else lease.failures + bool(trouble.error)
    values: dict[str, Any] = {
        "at": at, "detail": detail[:500], "failures": failures, "error": trouble.error[:2000] if trouble else "",
        "site": lease.site_id, "activity": lease.activity, "holder": lease.holder, "wakes": lease.wakes, "force": force,
    }  # fmt: skip
    is_news = failures != lease.failures
    # Only news is two writes; a run like the one before costs one statement.
    with transaction.atomic() if is_news else nullcontext(), connection.cursor() as cursor:
        cursor.execute(_GIVE_BACK, values)
        found = cursor.fetchone()
        if found is not None and is_news:
            tell_staff(row_id=found[0], trouble=trouble, failures=failures, at=at)
    return (
        found is not None
        or not SiteActivity.objects.filter(
            site_id=lease.site_id, activity=lease.activity, lease_holder=lease.holder
        ).exists()
    )


def count_wake(*, site_ids: Collection[int], activity: str) -> None:
    """Leave a wake-up for whoever holds the lease; somebody who holds none sees nothing of it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE ec_gateway_siteactivity SET wakes = wakes + 1 WHERE activity = %s AND site_id IN"
            " (SELECT site_id FROM ec_gateway_siteactivity WHERE activity = %s AND site_id = ANY(%s)"
            "  ORDER BY id FOR NO KEY UPDATE)",
            [activity, activity, list(site_ids)],
        )
