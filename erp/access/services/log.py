"""Lines of the access log, and their end after their time."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from erp.access.models import AccessLog
from erp.core.actors import Actor
from erp.core.messages import cleaned


@dataclass(frozen=True, slots=True)
class Visit:
    """From where and with what somebody asks, and for which page."""

    address: str = ""
    agent: str = ""
    path: str = ""


def note(
    kind: str,
    *,
    visit: Visit,
    at: dt.datetime,
    user: Any = None,
    subject: str = "",
    is_personal: bool = False,
    is_cost: bool = False,
    detail: str = "",
) -> None:
    """Write one line, in the transaction of what it tells of. ``user`` is who acts, ``subject`` whose access was changed."""
    is_known = user is not None and user.pk is not None
    AccessLog.objects.create(
        occurred_at=at,
        kind=kind,
        user_id=user.pk if is_known else None,
        username=user.get_username() if is_known else "",
        subject=subject,
        address=visit.address or None,
        agent=cleaned(visit.agent)[:300],
        path=cleaned(visit.path)[:500],
        is_personal=is_personal,
        is_cost=is_cost,
        detail=cleaned(detail)[:300],
    )


_PRUNE_LOG = """
DELETE FROM access_accesslog WHERE id IN (SELECT id FROM access_accesslog WHERE occurred_at < %s ORDER BY occurred_at LIMIT %s)
"""
_PRUNE_SESSIONS = "DELETE FROM access_staffsession WHERE ended_at < %s OR started_at < %s"
_PRUNE_LOCKS = "DELETE FROM access_signinlock WHERE last_at < %s"


def prune_access(*, at: dt.datetime, by: Actor, limit: int = 5_000) -> int:
    """A job: forget accesses older than ``ACCESS_LOG_KEPT_DAYS`` in short transactions, sessions that ended as long ago, and old counts of
    tries. Returns how many accesses."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_PRUNE_LOCKS, [at - dt.timedelta(days=1)])
    if not settings.ACCESS_LOG_KEPT_DAYS:
        return 0
    before = at - dt.timedelta(days=settings.ACCESS_LOG_KEPT_DAYS)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_PRUNE_SESSIONS, [before, before - settings.SESSION_LIFETIME])
    pruned = 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('mamori.prune', 'on', true)")
            cursor.execute(_PRUNE_LOG, [before, limit])
            gone = int(cursor.rowcount)
        pruned += gone
        if gone < limit:
            return pruned
