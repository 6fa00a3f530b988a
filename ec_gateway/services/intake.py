"""Orders and what is told about them, on their way in: one domain call per transaction, and the raw message kept whatever becomes of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from erp.core.actors import Actor
from erp.core.errors import DomainError
from erp.core.messages import Message, encode, store
from erp.core.models import MessageLog
from erp.core.use_case import use_case
from erp.orders.exceptions import StaleRevision
from erp.orders.services import OrderInput, OrderOutcome, place_orders


@use_case
def place(*, channel: str, order: OrderInput, body: Any, at: dt.datetime, by: Actor) -> OrderOutcome:
    """One order. A refusal leaves nothing, so that its message can be kept with it (``keep_refused``); an older revision is no refusal.

    Raises what ``place_order`` raises, but for StaleRevision.
    """
    outcome = place_orders(channel=channel, orders=[order], bodies=[body], at=at, by=by)[0]
    if outcome.refusal is not None and not isinstance(outcome.refusal, StaleRevision):
        raise outcome.refusal
    return outcome


@use_case
def keep_refused(
    *, channel_id: int, kind: str, refused: Sequence[tuple[str, Any, DomainError]], at: dt.datetime, by: Actor
) -> None:
    """Keep raw messages (external id, body, refusal) whose effect was refused. A transaction of its own, after that of the effect."""
    store(
        [
            Message(kind, external_id[:100], 1, storable(body), "", MessageLog.Outcome.REFUSED, str(refusal))
            for external_id, body, refusal in refused
        ],
        channel_id=channel_id,
        at=at,
        by=by,
    )


def storable(body: Any) -> Any:
    """A column of JSON takes the JSON null, and what becomes it, for no value at all."""
    return "null" if encode(body) == "null" else body
