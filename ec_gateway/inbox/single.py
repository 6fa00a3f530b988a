"""All other news, one event in one transaction with its effect: cancellations, payments, returns, echoes of our own pushes, hints."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection

from django.utils.translation import gettext as _

from ec_gateway.inbox.documents import read_cancel, read_payment, read_return
from ec_gateway.inbox.orders import lock_events, note_later_change
from ec_gateway.inbox.settling import Settled, settle
from ec_gateway.models import Activity, EcSite, InboundEvent
from ec_gateway.services import echoes, leases
from erp.core import locks
from erp.core.actors import Actor
from erp.core.errors import DomainError
from erp.core.use_case import use_case
from erp.orders import services
from erp.orders.selectors import standings

Kind, State = InboundEvent.Kind, InboundEvent.State


class NotUnderstood(DomainError):
    """The site signed it and nothing here knows what it means. It is kept for a person to look at."""

    code = "not_understood"


@use_case
def apply_one(*, site: EcSite, event_id: int, states: Collection[str], at: dt.datetime, by: Actor) -> Settled | None:
    """Apply one event, or nothing when it is in none of ``states`` any more. A refusal is raised, with nothing written."""
    found = lock_events([event_id], states)
    if not found:
        return None
    event = found[0]
    outcome = _ACTS[event.kind](site, event, at, by)
    settle([outcome], at=at, by=by)
    return outcome


def _cancel(site: EcSite, event: InboundEvent, at: dt.datetime, by: Actor) -> Settled:
    reason = read_cancel(event.document)
    locks.hold(f"order:{site.channel.code}:{event.external_id}")
    state = services.cancel_order(
        channel=site.channel.code, external_id=event.external_id, reason=reason, message_id=event.event_id[:100], at=at, by=by
    )  # fmt: skip
    if state is None:
        return Settled(event.pk, State.PARKED)
    if event.changed_at is not None:
        note_later_change(site_id=site.pk, changes={event.external_id: event.changed_at})
    return _done(site, event)


def _payment(site: EcSite, event: InboundEvent, at: dt.datetime, by: Actor) -> Settled:
    news = read_payment(event.document, event_id=event.event_id, currency=site.channel.currency)
    state = services.record_payment_event(
        channel=site.channel.code, external_id=event.external_id, event=news, at=at, by=by
    )
    return Settled(event.pk, State.PARKED) if state is None else _done(site, event)


def _hint(site: EcSite, event: InboundEvent, at: dt.datetime, by: Actor) -> Settled:
    """The site should be polled now: whoever polls sees the wake-up, and looks again. What nobody understands is a matter for staff."""
    if problem := event.document.get("problem"):
        raise NotUnderstood(_("This message is not understood: %(problem)s") % {"problem": problem})
    leases.count_wake(site_ids=[site.pk], activity=Activity.POLL)
    return Settled(event.pk, State.DONE)


def _return(site: EcSite, event: InboundEvent, at: dt.datetime, by: Actor) -> Settled:
    outcome = services.record_channel_return(
        channel=site.channel.code, external_id=event.external_id, request=read_return(event.document, at=at), body=event.document,
        at=at, by=by,
    )  # fmt: skip
    if outcome.document is None:
        return Settled(event.pk, State.PARKED)
    return Settled(event.pk, State.UNCHANGED if outcome.is_replay else State.DONE, outcome.document.number)


def _figure(site: EcSite, event: InboundEvent, at: dt.datetime, by: Actor) -> Settled:
    """The site shows something else than we told it: ours is pushed again, unless it was our own after all."""
    code, quantity = str(event.document["external_code"]), int(event.document["quantity"])
    is_edit = echoes.note_figure(site_id=site.pk, external_code=code, quantity=quantity, at=at)
    return Settled(event.pk, State.DONE if is_edit else State.UNCHANGED, f"{code}: {quantity}")


def _done(site: EcSite, event: InboundEvent) -> Settled:
    standing = standings(channel_id=site.channel_id, external_ids=[event.external_id]).get(event.external_id)
    if standing is None:
        return Settled(event.pk, State.DONE)
    return Settled(event.pk, State.DONE, standing.number)


_ACTS: dict[str, Callable[[EcSite, InboundEvent, dt.datetime, Actor], Settled]] = {
    Kind.CANCEL: _cancel,
    Kind.PAYMENT: _payment,
    Kind.RETURN: _return,
    Kind.STOCK_ECHO: _figure,
    Kind.HINT: _hint,
}
