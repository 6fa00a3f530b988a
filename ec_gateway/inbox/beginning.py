"""An attempt is counted and committed before it begins: whoever is ended in the middle of it (memory, a crash, kill -9) can count nothing any more.

What was ended too often is set aside for a person, and everything behind it goes on.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

from django.conf import settings
from django.db import connection
from django.db.models import F
from django.db.models.functions import Least
from django.utils.translation import gettext as _

from ec_gateway.inbox.settling import FIRST_PAUSE_S, LONGEST_PAUSE_S, TASK_FAILED, Jitter, Settled, tell_staff
from ec_gateway.models import InboundEvent
from erp.core.actors import Actor
from erp.core.retries import retried
from erp.core.use_case import use_case

State = InboundEvent.State

# Whoever waits is not due before the pause has passed, so that after the death of a process everything else comes first.
_BEGIN = """
WITH mine AS (
    SELECT id FROM ec_gateway_inboundevent
    WHERE id = ANY(%(ids)s) AND state = ANY(%(states)s) AND open_attempts < %(most)s ORDER BY id FOR NO KEY UPDATE)
UPDATE ec_gateway_inboundevent event
SET open_attempts = open_attempts + 1,
    next_attempt_at = CASE WHEN state = 'RECEIVED' THEN
        %(at)s + least(%(first)s * 2 ^ open_attempts, %(longest)s) * %(spread)s * interval '1 second' END
FROM mine WHERE event.id = mine.id RETURNING event.id
"""


def begin(
    *, event_ids: Collection[int], states: Collection[str], at: dt.datetime, by: Actor, jitter: Jitter
) -> tuple[set[int], list[Settled]]:
    """Note that these events are going to be applied; returns those that may be, and what was set aside instead.

    Must be committed before the work. ``settle`` and ``note_failure`` take the attempt off again: it ended.
    """
    if not event_ids:
        return set(), []
    begun = retried(_begin, event_ids=event_ids, states=states, at=at, spread=0.75 + 0.5 * jitter())
    rest = set(event_ids) - begun
    return begun, retried(set_aside, event_ids=rest, states=states, at=at, by=by) if rest else []


def _begin(*, event_ids: Collection[int], states: Collection[str], at: dt.datetime, spread: float) -> set[int]:
    values = {
        "ids": list(event_ids), "states": list(states), "at": at, "most": settings.INBOX_INTERRUPTED_ATTEMPTS,
        "first": FIRST_PAUSE_S, "longest": LONGEST_PAUSE_S, "spread": spread,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_BEGIN, values)
        return {event_id for (event_id,) in cursor.fetchall()}


@use_case
def set_aside(*, event_ids: Collection[int], states: Collection[str], at: dt.datetime, by: Actor) -> list[Settled]:
    """Events whose attempts ended too often with the process: they are left to staff, and hold nobody back any more."""
    most = settings.INBOX_INTERRUPTED_ATTEMPTS
    worn = InboundEvent.objects.filter(pk__in=event_ids, state__in=states, open_attempts__gte=most)
    ids = list(worn.order_by("pk").select_for_update(no_key=True).values_list("pk", flat=True))
    error = _("The process ended %(count)d times while it applied this message.") % {"count": most}
    InboundEvent.objects.filter(pk__in=ids).update(
        state=State.FAILED, error=error, next_attempt_at=None, processed_at=at
    )
    tell_staff(TASK_FAILED, dict.fromkeys(ids, error), at=at, by=by)
    return [Settled(event_id, State.FAILED, error=error) for event_id in ids]


@use_case
def put_back(*, event_ids: Collection[int], at: dt.datetime, by: Actor) -> list[Settled]:
    """Let the worker try once more what ended processes before: never the process of whoever asks. Its task stays until it was applied.

    One more death sets it aside again.
    """
    waiting = InboundEvent.objects.filter(pk__in=event_ids, open_attempts__gt=0)
    ids = list(waiting.order_by("pk").select_for_update(no_key=True).values_list("pk", flat=True))
    told = _("A worker tries it again: its last attempt ended with the process.")
    InboundEvent.objects.filter(pk__in=ids).update(
        state=State.RECEIVED,
        attempts=0,
        open_attempts=Least(F("open_attempts"), settings.INBOX_INTERRUPTED_ATTEMPTS - 1),
        next_attempt_at=None,
        processed_at=None,
        error=told,
    )
    return [Settled(event_id, State.RECEIVED, error=told) for event_id in ids]
