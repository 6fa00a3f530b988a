"""What holds for a session at this moment, in one question per click."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.checks import Error
from django.db import connection, connections

from erp.access.models import BackupCode, SecondFactor, StaffSession

SUPERUSER = "superuser"

# What a user is, as far as a session hangs on it. Whatever way it changes, by a form, a service or plain SQL, the digest does.
_STAND = """
encode(sha256(convert_to(concat_ws('|', u.password, u.is_active, u.is_staff, u.is_superuser,
    (SELECT string_agg(g.group_id::text, ',' ORDER BY g.group_id) FROM auth_user_groups g WHERE g.user_id = u.id), '/',
    (SELECT string_agg(p.permission_id::text, ',' ORDER BY p.permission_id) FROM auth_user_user_permissions p WHERE p.user_id = u.id)
), 'UTF8')), 'hex')
"""
_NEEDS = """
(NOT coalesce(a.is_practice, false) AND (u.is_superuser AND %(superuser)s::boolean OR EXISTS (
    SELECT FROM auth_user_groups m JOIN auth_group r ON r.id = m.group_id WHERE m.user_id = u.id AND r.name = ANY(%(roles)s::text[]))))
"""
_SESSION = f"""
SELECT s.started_at, s.last_seen_at, s.ended_at IS NOT NULL, s.has_second_factor, s.stand = {_STAND} AND u.is_active,
       coalesce(a.must_change_password, false), EXISTS (SELECT FROM access_secondfactor f WHERE f.user_id = u.id), {_NEEDS}
FROM access_staffsession s JOIN auth_user u ON u.id = s.user_id LEFT JOIN access_staffaccess a ON a.user_id = u.id
WHERE s.id = %(session)s AND s.user_id = %(user)s
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Standing:
    """``is_same``: its user is what they were when it began."""

    started_at: dt.datetime
    last_seen_at: dt.datetime
    is_ended: bool
    has_shown_factor: bool
    is_same: bool
    must_change_password: bool
    has_factor: bool
    needs_factor: bool

    def end(self, at: dt.datetime) -> str:
        """Why it is over at ``at``; nothing while it is not."""
        if not self.is_same:
            return StaffSession.End.CHANGED
        if at - self.started_at >= settings.SESSION_LIFETIME:
            return StaffSession.End.LIFETIME
        if at - self.last_seen_at >= settings.SESSION_IDLE_TIME:
            return StaffSession.End.IDLE
        return ""


def standing(*, session_id: int, user_id: int) -> Standing | None:
    """None for a session that is not this user's, or is none of ours."""
    asked = {"session": session_id, "user": user_id, **_required()}
    with connection.cursor() as cursor:
        cursor.execute(_SESSION, asked)
        found = cursor.fetchone()
    return Standing(*found) if found else None


def stand_of(user_id: int) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {_STAND} FROM auth_user u WHERE u.id = %s", [user_id])  # noqa: S608
        return str(cursor.fetchone()[0])


def needs_second_factor(user_id: int) -> bool:
    """Whether a role of the user asks for one."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {_NEEDS} FROM auth_user u LEFT JOIN access_staffaccess a ON a.user_id = u.id WHERE u.id = %(user)s",  # noqa: S608
            {"user": user_id, **_required()},
        )
        return bool(cursor.fetchone()[0])


def has_second_factor(user_id: int) -> bool:
    return SecondFactor.objects.filter(user_id=user_id).exists()


def backup_codes_left(user_id: int) -> int:
    return BackupCode.objects.filter(user_id=user_id, used_at__isnull=True).count()


def open_sessions(user_id: int, *, at: dt.datetime) -> list[StaffSession]:
    """Where a user is signed in, the latest first. One that ran out and was not seen since is not among them."""
    rows = StaffSession.objects.filter(
        user_id=user_id,
        ended_at__isnull=True,
        last_seen_at__gt=at - settings.SESSION_IDLE_TIME,
        started_at__gt=at - settings.SESSION_LIFETIME,
    )
    return list(rows.order_by("-last_seen_at", "-pk"))


_BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Version", "Safari"))
_SYSTEMS = ("iPhone", "iPad", "Android", "Windows", "Mac OS X", "CrOS", "Linux")


def device_of(agent: str) -> str:
    """A browser and a system as people call them, of what the browser says of itself; that itself where it is neither."""
    found = (f"{name} {match[1]}" for word, name in _BROWSERS if (match := re.search(rf"{word}/(\d+)", agent)))
    parts = [next(found, ""), next((system for system in _SYSTEMS if system in agent), "")]
    return " / ".join(filter(None, parts)) or agent[:40]


def username_of(user_id: int) -> str:
    from django.contrib.auth.models import User

    return User.objects.values_list("username", flat=True).get(pk=user_id)


def unknown_roles(*, databases: Any = None, **_asked: Any) -> list[Error]:
    """A check of Django, run by ``migrate``: a role that is misspelt in a setting would ask nobody for a second factor."""
    from django.contrib.auth.models import Group

    wanted = set(settings.SECOND_FACTOR_ROLES) - {SUPERUSER}
    if not wanted or not databases or "auth_group" not in connections["default"].introspection.table_names():
        return []
    known = set(Group.objects.values_list("name", flat=True))
    missing = sorted(wanted - known) if known else []
    return (
        [Error(f"SECOND_FACTOR_ROLES names what is no role: {', '.join(missing)}.", id="access.E001")]
        if missing
        else []
    )


def _required() -> dict[str, Any]:
    roles = settings.SECOND_FACTOR_ROLES
    return {"superuser": SUPERUSER in roles, "roles": [role for role in roles if role != SUPERUSER]}
