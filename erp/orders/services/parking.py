"""Messages about an order that has not come yet: kept, and applied in the transaction that brings the order."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from erp.core import messages, rows, staff_tasks
from erp.core.actors import Actor
from erp.orders.models import OrderState, ParkedMessage
from erp.orders.services import cancelling, channel_returns, payments
from erp.orders.services.drafting import Draft
from erp.orders.services.payment_news import PaymentNews, event_from_body
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
        # In the words of the message log: dates and decimals as text.
        defaults={"body": json.loads(messages.encode(dict(body))), "parked_at": at, "actor": str(by)},
    )


def parked_body(channel_id: int, external_id: str, kind: str, message_id: str) -> dict[str, Any] | None:
    """What a message said that waits under this id; None when there is none. The caller holds the order's lock by name."""
    found = ParkedMessage.objects.filter(
        channel_id=channel_id, external_id=external_id, kind=kind, message_id=message_id
    )
    return found.values_list("body", flat=True).first()


_PARKED = """
SELECT p.id, p.external_id, p.kind, p.body FROM orders_parkedmessage p JOIN core_channel c ON c.id = p.channel_id
WHERE c.code = %s AND p.external_id = ANY(%s::text[]) AND p.applied_at IS NULL ORDER BY p.id
"""


def ask_parked(channel: str, external_ids: Sequence[str]) -> Callable[[], list[ParkedMessage]]:
    """What waits for these orders; call the result when the pipeline has been left."""
    answer = rows.ask(_PARKED, [channel, rows.array(external_ids)], row=tuple[int, str, str, Any])
    return lambda: [
        ParkedMessage(
            pk=key, external_id=external_id, kind=kind, body=json.loads(body) if isinstance(body, str) else body
        )
        for key, external_id, kind, body in answer.all()
    ]


def apply_parked(drafts: Sequence[Draft], waiting: Sequence[ParkedMessage], *, at: dt.datetime, by: Actor) -> set[int]:
    """Apply what was parked for orders that have just been written. Returns the orders that it was about."""
    by_external_id = {draft.order.external_id: draft for draft in drafts}
    states: dict[int, str] = {}
    for message in waiting:
        draft = by_external_id[message.external_id]
        order_id = draft.order_id
        if message.kind == ParkedMessage.Kind.PAYMENT:
            _apply_payment(draft, event_from_body(message.body), at=at, by=by)
        elif message.kind == ParkedMessage.Kind.RETURN:
            channel_returns.ask_about_return(draft, message.body, at=at, by=by)
        elif states.get(order_id) != OrderState.CANCELLED:
            cancelling.cancel_unshipped(order_id=order_id, reason=str(message.body.get("reason", "")), at=at, by=by)
        states |= move_states(order_ids=[order_id], at=at, by=by)
    rows.update(ParkedMessage, "id", ["applied_at"], [(message.pk, at) for message in waiting])
    return set(states)


def _apply_payment(draft: Draft, event: PaymentNews, *, at: dt.datetime, by: Actor) -> None:
    """News about a payment that the order turned out not to have is a matter for staff: it must not keep the order out."""
    if payments.has_payment(draft.order_id, event.line_no):
        payments.apply_event(order_id=draft.order_id, event=event, at=at, by=by)
        return
    detail = f"{event.kind} {event.line_no} {event.amount or ''} {event.reference}".strip()
    finding = staff_tasks.Finding("UNKNOWN_PAYMENT", "ORDER", draft.order_id, draft.number, detail)
    staff_tasks.open_tasks([finding], at=at, by=by)
