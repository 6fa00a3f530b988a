"""Sessions of staff: they begin with a sign-in and end by sign-out, by the clock, by a change of their user, or by a hand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db.models import Q

from erp.access import selectors
from erp.access.models import AccessLog, StaffSession
from erp.access.services.log import Visit, note
from erp.core.actors import Actor
from erp.core.use_case import use_case

Kind = AccessLog.Kind


@use_case
def start_session(
    *, user: Any, has_second_factor: bool, visit: Visit, at: dt.datetime, by: Actor, detail: str = ""
) -> int:
    """Somebody signed in. Returns the number of the session, which goes into the browser session."""
    session = StaffSession.objects.create(
        user=user,
        started_at=at,
        last_seen_at=at,
        address=visit.address or None,
        agent=visit.agent[:300],
        stand=selectors.stand_of(user.pk),
        has_second_factor=has_second_factor,
    )
    note(Kind.SIGNED_IN, user=user, visit=visit, at=at, detail=detail)
    return session.pk


def touch(*, session_id: int, at: dt.datetime) -> None:
    """Note that a session is in use. Called at most once a minute, outside of everything else."""
    StaffSession.objects.filter(pk=session_id, ended_at__isnull=True).update(last_seen_at=at)


@use_case
def note_end(*, session_id: int, end: str, user: Any, visit: Visit, at: dt.datetime, by: Actor) -> bool:
    """One session ended by itself: signed out, idle, too old, its user changed. False when it had ended before."""
    ended = StaffSession.objects.filter(pk=session_id, ended_at__isnull=True).update(ended_at=at, end=end)
    if ended:
        is_sign_out = end == StaffSession.End.SIGNED_OUT
        told = "" if is_sign_out else str(StaffSession.End(end).label)
        note(Kind.SIGNED_OUT if is_sign_out else Kind.SESSION_ENDED, user=user, visit=visit, at=at, detail=told)
    return bool(ended)


@use_case
def end_sessions(*, session_ids: Sequence[int], end: str, user: Any, visit: Visit, at: dt.datetime, by: Actor) -> int:
    """End sessions by hand: a user's own, or anybody's by the system staff. Returns how many were still open."""
    rows = StaffSession.objects.select_for_update(of=("self",), no_key=True).select_related("user")
    open_rows = list(rows.filter(pk__in=session_ids, ended_at__isnull=True).order_by("pk"))
    for row in open_rows:
        note(
            Kind.SESSION_ENDED,
            user=user,
            subject=row.user.get_username(),
            visit=visit,
            at=at,
            detail=str(StaffSession.End(end).label),
        )
    StaffSession.objects.filter(pk__in=[row.pk for row in open_rows]).update(ended_at=at, end=end)
    return len(open_rows)  # fmt: skip


@use_case
def end_changed_sessions(*, user_id: int, user: Any, visit: Visit, at: dt.datetime, by: Actor) -> int:
    """End what is not valid any more after ``user_id`` was changed. The gate would notice at the next click; the list is true at once."""
    stand = selectors.stand_of(user_id)
    gone = StaffSession.objects.filter(user_id=user_id, ended_at__isnull=True).exclude(stand=stand)
    ids = list(gone.values_list("pk", flat=True))
    return end_sessions(session_ids=ids, end=StaffSession.End.CHANGED, user=user, visit=visit, at=at, by=by)


@use_case
def end_overdue_sessions(*, at: dt.datetime, by: Actor) -> int:
    """A job: end what ran out without another click, so that the list of who is signed in is true. Returns how many."""
    old, idle = at - settings.SESSION_LIFETIME, at - settings.SESSION_IDLE_TIME
    rows = StaffSession.objects.select_for_update(of=("self",), no_key=True, skip_locked=True).select_related("user")
    overdue = list(
        rows.filter(Q(started_at__lte=old) | Q(last_seen_at__lte=idle), ended_at__isnull=True).order_by("pk")[:500]
    )
    for row in overdue:
        row.ended_at = at
        row.end = StaffSession.End.LIFETIME if row.started_at <= old else StaffSession.End.IDLE
        note(Kind.SESSION_ENDED, user=row.user, visit=Visit(), at=at, detail=str(StaffSession.End(row.end).label))
    StaffSession.objects.bulk_update(overdue, ["ended_at", "end"])
    return len(overdue)
