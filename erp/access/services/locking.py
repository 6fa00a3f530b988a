"""Lock-out: who tries too often waits. A name that is no user's is counted like any other, so that nothing tells which names exist."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection

from erp.access.models import AccessLog, SignInLock
from erp.access.services.log import Visit, note
from erp.core.actors import Actor
from erp.core.use_case import use_case

Scope = SignInLock.Scope


@dataclass(frozen=True, slots=True)
class Attempt:
    """A try that was counted. ``is_locked``: it may not be judged."""

    keys: tuple[tuple[str, str], ...]
    is_locked: bool


# A try that comes after the cool-off begins anew; one that comes during a lock-out changes nothing, so that nobody keeps another one out by
# going on. Sorted, so that two callers who share keys queue up.
_COUNT = """
INSERT INTO access_signinlock AS known (scope, key, username, address, failures, last_at, locked_until)
SELECT scope, key, username, address::inet, 1, %(at)s::timestamptz, CASE WHEN most <= 1 THEN %(at)s::timestamptz + %(cool_off)s::interval END
FROM unnest(%(scopes)s::text[], %(keys)s::text[], %(names)s::text[], %(addresses)s::text[], %(limits)s::int[])
     AS tried (scope, key, username, address, most)
ORDER BY scope, key
ON CONFLICT (scope, key) DO UPDATE SET
    failures = CASE WHEN known.locked_until > %(at)s::timestamptz THEN known.failures + 1
                    WHEN known.locked_until IS NOT NULL OR known.last_at < %(at)s::timestamptz - %(cool_off)s::interval THEN 1
                    ELSE known.failures + 1 END,
    locked_until = CASE WHEN known.locked_until > %(at)s::timestamptz THEN known.locked_until
                        WHEN (CASE WHEN known.locked_until IS NOT NULL OR known.last_at < %(at)s::timestamptz - %(cool_off)s::interval THEN 1
                                   ELSE known.failures + 1 END) >= (%(limits)s::int[])[array_position(%(scopes)s::text[], known.scope::text)]
                        THEN %(at)s::timestamptz + %(cool_off)s::interval END,
    last_at = %(at)s::timestamptz
RETURNING scope, failures
"""


@use_case
def begin_attempt(*, name: str, visit: Visit, at: dt.datetime, by: Actor, code_of: int | None = None) -> Attempt:
    """Count one try to sign in as ``name``, or to give a code of the user ``code_of``, before anything of it is judged."""
    limits = _limits(code_of)
    keys = _keys(name, visit.address, code_of, limits)
    shown = name if code_of is not None or _is_user(name) else ""
    asked: dict[str, Any] = {
        "at": at,
        "cool_off": settings.SIGN_IN_COOL_OFF,
        "scopes": [scope for scope, _key in keys],
        "keys": [key for _scope, key in keys],
        "names": ["" if scope == Scope.ADDRESS else shown for scope, _key in keys],
        "addresses": [visit.address or None if scope in (Scope.PAIR, Scope.ADDRESS) else None for scope, _key in keys],
        "limits": [limits[scope] for scope, _key in keys],
    }
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, asked)
        tried: dict[str, int] = dict(cursor.fetchall())
    return Attempt(tuple(keys), any(count > limits[scope] for scope, count in tried.items()))


@use_case
def settle_attempt(*, attempt: Attempt, at: dt.datetime, by: Actor) -> None:
    """The try was right: it does not count, and what was counted against this user is forgotten. Other names from the same address stay counted."""
    for scope, key in attempt.keys:
        rows = SignInLock.objects.filter(scope=scope, key=key)
        if scope == Scope.ADDRESS:
            with connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE access_signinlock SET failures = greatest(failures - 1, 0), locked_until = NULL WHERE scope = %s AND key = %s",
                    [scope, key],
                )
        else:
            rows.delete()


@use_case
def note_refusal(*, name: str, kind: str, visit: Visit, at: dt.datetime, by: Actor) -> None:
    """Write down a try that failed or was not judged."""
    note(kind, user=_user(name), visit=visit, at=at)


@use_case
def lift_lock(*, lock_id: int, visit: Visit, user: Any, at: dt.datetime, by: Actor) -> bool:
    """Let somebody try again at once. Returns False when there was nothing to lift any more."""
    lock = SignInLock.objects.select_for_update(no_key=True).filter(pk=lock_id).first()
    if lock is None:
        return False
    note(
        AccessLog.Kind.UNLOCKED,
        user=user,
        subject=lock.username,
        visit=visit,
        at=at,
        detail=f"{SignInLock.Scope(lock.scope).label} {lock.address or ''}".strip(),
    )
    lock.delete()
    return True


def _limits(code_of: int | None) -> dict[str, int]:
    if code_of is not None:
        return {Scope.CODE: settings.SIGN_IN_FAILURES}
    wanted = {
        Scope.PAIR: settings.SIGN_IN_FAILURES,
        Scope.NAME: settings.SIGN_IN_FAILURES_PER_USER,
        Scope.ADDRESS: settings.SIGN_IN_FAILURES_PER_ADDRESS,
    }
    return {scope.value: limit for scope, limit in wanted.items() if limit}


def _keys(name: str, address: str, code_of: int | None, limits: dict[str, int]) -> list[tuple[str, str]]:
    named = _digest(name.casefold())
    found = {
        Scope.PAIR: f"{named[:32]}{_digest(address)[:32]}",
        Scope.NAME: named,
        Scope.ADDRESS: _digest(address),
        Scope.CODE: str(code_of),
    }
    return [(scope.value, found[scope]) for scope in sorted(found) if scope in limits]


def _digest(text: str) -> str:
    """Keyed, so that a typed name (or a password in its place) cannot be read back."""
    return hmac.new(b"mamori.sign-in:" + settings.SECRET_KEY.encode(), text.encode(), hashlib.sha256).hexdigest()


def _user(name: str) -> Any:
    from django.contrib.auth.models import User

    return User.objects.filter(username=name).first()


def _is_user(name: str) -> bool:
    return _user(name) is not None
