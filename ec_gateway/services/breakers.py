"""The circuit breaker of a site (連携一時停止): where nothing answers, we ask less and less often, and a person is told.

Closed: calls go out. Open: none does until ``open_until``; then one call may try, and its outcome decides. Staff may pause a site by hand, which
no success ends. Whether a call may go out is asked together with the rate budget, see ``admission``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from django.db import connection, transaction
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from ec_gateway.models import EcSite, SiteState
from ec_gateway.services import pushes
from erp.core import staff_tasks
from erp.core.actors import Actor
from erp.core.models import StaffTask
from erp.core.use_case import use_case

FAILURES_TO_OPEN = 5
FIRST_PAUSE_S = 5.0
LONGEST_PAUSE_S = 60.0
# A success is worth a write only now and then.
NOTE_SUCCESS_EVERY = dt.timedelta(seconds=10)

TASK_PAUSED = "SITE_PAUSED"
SUBJECT = "EC_SITE"

Jitter = Callable[[], float]

_FAIL = """
UPDATE ec_gateway_sitestate
SET failures_in_row = failures_in_row + 1, last_error = %(error)s, last_error_at = %(at)s,
    open_until = CASE WHEN failures_in_row + 1 >= %(limit)s
        THEN %(at)s::timestamptz + make_interval(secs =>
            least(%(first)s * 2 ^ least(failures_in_row + 1 - %(limit)s, 20), %(longest)s) * (0.8 + 0.4 * %(jitter)s))
        ELSE open_until END,
    silent_since = coalesce(silent_since, CASE WHEN failures_in_row + 1 >= %(limit)s THEN %(at)s::timestamptz END)
WHERE site_id = %(site)s
RETURNING failures_in_row, open_until
"""


def record_failure(
    *, site_id: int, error: str, at: dt.datetime, by: Actor, jitter: Jitter, is_hopeless: bool = False
) -> dt.datetime | None:
    """Nothing answered. Returns until when the site is paused, or None while it is still tried.

    ``is_hopeless`` (such as credentials that the site refuses) pauses at once. ``jitter`` gives numbers from 0 to 1.
    """
    values: dict[str, Any] = {
        "site": site_id, "error": error[:2000], "at": at, "jitter": jitter(), "limit": 1 if is_hopeless else FAILURES_TO_OPEN,
        "first": FIRST_PAUSE_S, "longest": LONGEST_PAUSE_S,
    }  # fmt: skip
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_FAIL, values)
            failures, open_until = cursor.fetchone() or (0, None)
        if open_until is not None:
            _file_task(
                site_id, _("Nothing answers (%(count)d times): %(error)s") % {"count": failures, "error": error}, at, by
            )
    return open_until if isinstance(open_until, dt.datetime) else None


_SUCCEED = """
UPDATE ec_gateway_sitestate AS state
SET failures_in_row = 0, open_until = NULL, last_success_at = %s,
    silent_since = CASE WHEN is_paused_by_staff OR setup_error <> '' THEN silent_since END
FROM (SELECT site_id, failures_in_row, open_until FROM ec_gateway_sitestate WHERE site_id = %s FOR NO KEY UPDATE) before
WHERE state.site_id = before.site_id AND (before.failures_in_row > 0 OR before.open_until IS NOT NULL
    OR state.last_success_at IS NULL OR state.last_success_at < %s)
RETURNING before.open_until IS NOT NULL
"""


def record_success(*, site_id: int, at: dt.datetime, by: Actor) -> bool:
    """The site answered. True when this ended a pause: the task about it is closed, and what waited to be tried again is due now."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_SUCCEED, [at, site_id, at - NOTE_SUCCESS_EVERY])
            found = cursor.fetchone()
        has_closed = bool(found and found[0])
        if has_closed:
            pushes.release_backoff(site_id=site_id, at=at)
        if has_closed and not SiteState.objects.filter(site_id=site_id, is_paused_by_staff=True).exists():
            _close_task(site_id, _("The site answers again."), at, by)
    return has_closed


@use_case
def pause(*, site_id: int, at: dt.datetime, by: Actor) -> bool:
    """Stop talking to a site until somebody resumes. Returns whether anything changed."""
    going = SiteState.objects.filter(site_id=site_id, is_paused_by_staff=False)
    changed = going.update(is_paused_by_staff=True, silent_since=Coalesce("silent_since", Value(at)))
    if changed:
        _file_task(site_id, _("Paused by staff."), at, by)
    return bool(changed)


@use_case
def resume(*, site_id: int, at: dt.datetime, by: Actor) -> bool:
    """Talk to a site again at once, whoever or whatever paused it. Returns whether anything changed."""
    paused = SiteState.objects.filter(site_id=site_id)
    changed = paused.filter(is_paused_by_staff=True) | paused.filter(open_until__isnull=False)
    still_silent = Case(When(~Q(setup_error=""), then=F("silent_since")))
    was_paused = bool(
        changed.update(is_paused_by_staff=False, open_until=None, failures_in_row=0, silent_since=still_silent)
    )
    if was_paused:
        pushes.release_backoff(site_id=site_id, at=at)
        _close_task(site_id, _("Resumed by staff."), at, by)
    return was_paused


def _file_task(site_id: int, detail: str, at: dt.datetime, by: Actor) -> None:
    label = str(EcSite.objects.select_related("channel").get(pk=site_id).channel)
    finding = staff_tasks.Finding(TASK_PAUSED, SUBJECT, site_id, label, detail)
    staff_tasks.open_tasks([finding], at=at, by=by)


def _close_task(site_id: int, resolution: str, at: dt.datetime, by: Actor) -> None:
    StaffTask.objects.filter(kind=TASK_PAUSED, subject_type=SUBJECT, subject_id=site_id, closed_at__isnull=True).update(
        closed_at=at, closed_by=str(by), resolution=resolution
    )
