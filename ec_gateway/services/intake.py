"""Orders and what is told about them, on their way in: one domain call per transaction, and the raw message kept whatever becomes of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from erp.core import messages, staff_tasks
from erp.core.actors import Actor
from erp.core.messages import Message, encode, outcome_of, reason_of, store
from erp.core.models import MessageLog
from erp.core.retries import is_passing
from erp.core.staff_tasks import Finding
from erp.core.use_case import use_case
from erp.orders.exceptions import StaleRevision
from erp.orders.services import OrderInput, OrderOutcome, place_orders

TASK_FAILED = "MESSAGE_FAILED"


@use_case
def place(*, channel: str, order: OrderInput, body: Any, at: dt.datetime, by: Actor) -> OrderOutcome:
    """One order. A refusal leaves nothing, so that its message can be kept with it (``keep_messages``); an older revision is no refusal.

    Raises what ``place_order`` raises, but for StaleRevision.
    """
    outcome = place_orders(channel=channel, orders=[order], bodies=[body], at=at, by=by)[0]
    if outcome.refusal is not None and not isinstance(outcome.refusal, StaleRevision):
        raise outcome.refusal
    return outcome


@use_case
def keep_messages(
    *, channel_id: int, kind: str, lost: Sequence[tuple[str, Any, Exception]], at: dt.datetime, by: Actor
) -> None:
    """Keep raw messages (external id, body, why) of which nothing came. A transaction of its own, after that of the effect.

    What was refused is for the sender to repair; what failed here for no fault of the sender's, and not of a database that was away, is told
    to staff: one task per message, however often it comes.
    """
    store(
        [
            Message(kind, external_id[:100], 1, storable(body), "", outcome_of(why), reason_of(why))
            for external_id, body, why in lost
        ],
        channel_id=channel_id,
        at=at,
        by=by,
    )
    for external_id, _body, why in lost:
        if outcome_of(why) == MessageLog.Outcome.FAILED and not is_passing(why):
            _tell_staff(channel_id, kind, messages.cleaned(external_id[:100]), reason_of(why), at=at, by=by)


def _tell_staff(channel_id: int, kind: str, external_id: str, why: str, *, at: dt.datetime, by: Actor) -> None:
    """A bug is rare, so each message is asked for by itself."""
    failed = MessageLog.objects.filter(
        channel_id=channel_id, external_id=external_id, outcome=MessageLog.Outcome.FAILED
    )
    first = failed.filter(direction=MessageLog.Direction.IN, kind=kind).earliest("pk")
    detail = _("This message (%(kind)s) was kept and had no effect: %(why)s") % {"kind": kind, "why": why}
    staff_tasks.open_tasks([Finding(TASK_FAILED, "MESSAGE", first.pk, external_id, detail)], at=at, by=by)


def storable(body: Any) -> Any:
    """A column of JSON takes the JSON null, and what becomes it, for no value at all."""
    return "null" if encode(body) == "null" else body
