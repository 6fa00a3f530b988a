"""One effect per ``Idempotency-Key``: the key's row and the effect are one transaction, so that neither is ever there without the other.

Two requests with one key meet at the unique index: the second waits for the first, then finds its answer.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from django.db import connection
from django.utils.translation import gettext as _

from ec_gateway.models import IdempotencyRecord
from erp.core.actors import Actor
from erp.core.errors import Conflict
from erp.core.use_case import use_case

KEPT_FOR = dt.timedelta(days=30)
PRUNE_AT_ONCE = 5_000


class OtherContent(Conflict):
    """The key was used before for another request."""

    code = "idempotency_conflict"


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer as it was, or is, given: a status and the text of the body."""

    status: int
    body: str
    is_replay: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """``line`` is method and path; ``fingerprint`` that of the body."""

    site_id: int
    key: str
    line: str
    fingerprint: str


_BEGIN = """
INSERT INTO ec_gateway_idempotencyrecord (site_id, key, request, fingerprint, body, created_at) VALUES (%s, %s, %s, %s, '', %s)
ON CONFLICT (site_id, key) DO NOTHING RETURNING id
"""
_FIND = "SELECT request, fingerprint, status, body FROM ec_gateway_idempotencyrecord WHERE site_id = %s AND key = %s"
_SETTLE = "UPDATE ec_gateway_idempotencyrecord SET status = %s, body = %s WHERE site_id = %s AND key = %s"


@use_case
def once(*, request: Request, effect: Callable[[], Kept], at: dt.datetime, by: Actor) -> Kept:
    """Run ``effect`` and keep its answer; for a request that was answered before give that answer again.

    A refusal leaves nothing: the same key may be sent again once the reason is gone.

    Raises:
        OtherContent: the key stands for another request.
    """
    known = _begin(request, at=at)
    if known is not None:
        return known
    answer = effect()
    _settle(request, answer)
    return answer


def once_in_steps(*, request: Request, effect: Callable[[], Kept], at: dt.datetime, by: Actor) -> Kept:
    """The same for an effect that commits in several steps, each repeatable by a natural key of its own: a request that broke off is
    worked off again under its key. Raises OtherContent."""
    known = _begin_alone(request=request, at=at, by=by)
    if known is not None:
        return known
    answer = effect()
    _settle(request, answer)
    return answer


@use_case
def _begin_alone(*, request: Request, at: dt.datetime, by: Actor) -> Kept | None:
    return _begin(request, at=at)


def _begin(request: Request, *, at: dt.datetime) -> Kept | None:
    """The answer kept under the key; None when there is none yet, and the key is this request's now."""
    with connection.cursor() as cursor:
        cursor.execute(_BEGIN, [request.site_id, request.key, request.line, request.fingerprint, at])
        if cursor.fetchone() is not None:
            return None
        # A statement of its own: the one before waited for the other request, and sees only what was there when it began.
        cursor.execute(_FIND, [request.site_id, request.key])
        line, fingerprint, status, body = cursor.fetchone()
    if (line, fingerprint) != (request.line, request.fingerprint):
        raise OtherContent(_("This Idempotency-Key was used for another request."))
    return None if status is None else Kept(status, body, is_replay=True)


def _settle(request: Request, answer: Kept) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_SETTLE, [answer.status, answer.body, request.site_id, request.key])


def prune_answers(*, at: dt.datetime, by: Actor) -> int:
    """The daily job: forget answers older than 30 days. Returns how many."""
    old = IdempotencyRecord.objects.filter(created_at__lt=at - KEPT_FOR).order_by("created_at")
    forgotten = 0
    while keys := list(old.values_list("pk", flat=True)[:PRUNE_AT_ONCE]):
        IdempotencyRecord.objects.filter(pk__in=keys).delete()
        forgotten += len(keys)
    return forgotten
