"""Messages about an order that has not come yet: kept, and applied in the transaction that brings the order."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from erp.core import rows
from erp.core.actors import Actor
from erp.orders.models import ParkedMessage
from erp.orders.services import cancelling, payments
from erp.orders.services.drafting import Draft
from erp.orders.services.states import move_states


def park(
    *,
    channel_id: int,
    external_id: str,
    kind: str,
    message_id: str,
    body: Mapping[str, Any],
    at: dt.datetime,
    by: Actor,
) -> None:
    """Keep a message for an order to come. The caller holds the order's lock by name, so the order cannot slip in between."""
    ParkedMessage.objects.get_or_create(
        channel_id=channel_id,
        external_id=external_id,
        kind=kind,
        message_id=message_id,
        defaults={"body": dict(body), "parked_at": at, "actor": str(by)},
    )


def apply_parked(drafts: Sequence[Draft], *, at: dt.datetime, by: Actor) -> dict[int, str]:
    """Apply what was parked for orders that have just been written. Returns the states that changed by it."""
    by_external_id = {draft.order.external_id: draft for draft in drafts}
    waiting = list(
        ParkedMessage.objects.filter(
            channel=drafts[0].channel, external_id__in=list(by_external_id), applied_at__isnull=True
        ).order_by("pk")
    )
    states: dict[int, str] = {}
    for message in waiting:
        order_id = by_external_id[message.external_id].order_id
        if message.kind == ParkedMessage.Kind.PAYMENT:
            payments.apply_event(order_id=order_id, event=payments.event_from_body(message.body), at=at, by=by)
        else:
            cancelling.cancel_unshipped(order_id=order_id, reason=str(message.body.get("reason", "")), at=at, by=by)
        states |= move_states(order_ids=[order_id], at=at, by=by)
    rows.update(ParkedMessage, "id", ["applied_at"], [(message.pk, at) for message in waiting])
    return states
