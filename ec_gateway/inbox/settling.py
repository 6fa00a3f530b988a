"""What became of an event, written in the transaction of its effect, or in a second one when there was none."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import F
from django.db.models.functions import Greatest
from django.utils.translation import gettext as _

from ec_gateway.models import InboundEvent
from erp.core import staff_tasks
from erp.core.actors import Actor
from erp.core.errors import DomainError
from erp.core.field_names import in_words
from erp.core.use_case import use_case

State = InboundEvent.State

TASK_REFUSED, TASK_FAILED = "INBOX_REFUSED", "INBOX_FAILED"
SUBJECT = "INBOUND_EVENT"

FIRST_PAUSE_S, LONGEST_PAUSE_S = 5.0, 1_800.0

Jitter = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of one event. ``result`` is short and for people, such as the number of the order; ``error`` says why not."""

    event_id: int
    state: str
    result: str = ""
    error: str = ""


_SETTLE = """
UPDATE ec_gateway_inboundevent event
SET state = CASE WHEN event.state = 'DONE' AND new.state IN ('UNCHANGED', 'STALE') THEN 'DONE' ELSE new.state END,
    result = CASE WHEN new.result = '' THEN event.result ELSE new.result END,
    error = new.error, open_attempts = 0, next_attempt_at = NULL, processed_at = %s
FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[]) AS new (id, state, result, error) WHERE event.id = new.id
"""


def settle(outcomes: Sequence[Settled], *, at: dt.datetime, by: Actor) -> None:
    """Write what became of these events; a repeat that changed nothing leaves "done" as it is. Part of the caller's transaction.

    Whoever refused an event tells staff; whatever was open about the others is closed.
    """
    if not outcomes:
        return
    columns = zip(*[(item.event_id, item.state, item.result[:200], item.error) for item in outcomes], strict=True)
    with connection.cursor() as cursor:
        cursor.execute(_SETTLE, [at, *(list(column) for column in columns)])
    refused = {item.event_id: item.error for item in outcomes if item.state == State.REFUSED}
    tell_staff(TASK_REFUSED, refused, at=at, by=by)
    _close_tasks(outcomes, at=at, by=by)


@use_case
def note_refusal(*, event_id: int, refusal: DomainError, at: dt.datetime, by: Actor) -> Settled:
    """The domain said no and wrote nothing: keep the event with every problem it named."""
    outcome = Settled(event_id, State.REFUSED, error=in_words(refusal))
    settle([outcome], at=at, by=by)
    return outcome


@use_case
def note_failure(*, event_id: int, error: str, at: dt.datetime, by: Actor, jitter: Jitter) -> Settled:
    """Something broke: try again later and later, and tell staff when it will not work by itself."""
    InboundEvent.objects.filter(pk=event_id).update(
        attempts=F("attempts") + 1, open_attempts=Greatest(F("open_attempts") - 1, 0)
    )
    attempts = InboundEvent.objects.values_list("attempts", flat=True).get(pk=event_id)
    if attempts >= settings.INBOX_ATTEMPTS:
        InboundEvent.objects.filter(pk=event_id).update(
            state=State.FAILED, error=error, next_attempt_at=None, processed_at=at
        )
        tell_staff(TASK_FAILED, {event_id: error}, at=at, by=by)
        return Settled(event_id, State.FAILED, error=error)
    pause = min(FIRST_PAUSE_S * 2 ** (attempts - 1), LONGEST_PAUSE_S) * (0.75 + 0.5 * jitter())
    InboundEvent.objects.filter(pk=event_id).update(
        state=State.RECEIVED, error=error, next_attempt_at=at + dt.timedelta(seconds=pause)
    )
    return Settled(event_id, State.RECEIVED, error=error)


def tell_staff(kind: str, errors: dict[int, str], *, at: dt.datetime, by: Actor) -> None:
    if not errors:
        return
    events = InboundEvent.objects.filter(pk__in=errors).select_related("site__channel")
    staff_tasks.open_tasks(
        [
            staff_tasks.Finding(
                kind,
                SUBJECT,
                event.pk,
                f"{event.site.channel.code} {event.get_kind_display()} {event.external_id}".strip(),
                errors[event.pk],
            )
            for event in events
        ],
        at=at,
        by=by,
    )


# An order that came through makes moot what was refused of it before. Driven by the open tasks, which are few.
_CLOSE = """
UPDATE core_stafftask task SET closed_at = %(at)s, closed_by = %(by)s, resolution = %(resolution)s
FROM ec_gateway_inboundevent told
WHERE task.closed_at IS NULL AND task.subject_type = %(subject)s AND task.kind = ANY(%(kinds)s) AND told.id = task.subject_id
  AND (told.id = ANY(%(finished)s) OR (told.kind = 'ORDER' AND EXISTS (
      SELECT FROM ec_gateway_inboundevent later
      WHERE later.id = ANY(%(applied)s) AND later.kind = 'ORDER' AND later.id > told.id
        AND later.site_id = told.site_id AND later.external_id = told.external_id)))
"""


def _close_tasks(outcomes: Sequence[Settled], *, at: dt.datetime, by: Actor) -> None:
    finished = [item.event_id for item in outcomes if item.state not in (State.REFUSED, State.FAILED)]
    if finished:
        applied = [item.event_id for item in outcomes if item.state in (State.DONE, State.UNCHANGED)]
        values: dict[str, Any] = {
            "at": at, "by": str(by), "resolution": _("The message was applied."), "subject": SUBJECT,
            "kinds": [TASK_REFUSED, TASK_FAILED], "finished": finished, "applied": applied,
        }  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute(_CLOSE, values)
