"""Orders out of the inbox into the order room: up to a hundred in one transaction, each judged against what is known of it.

Takes the levels of ``place_orders``, after the rows of the events (which nobody else locks) and the names of the orders.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from django.db import connection
from django.utils.translation import gettext as _

from ec_gateway.inbox.documents import content_of
from ec_gateway.inbox.settling import Settled, settle
from ec_gateway.models import EcSite, InboundEvent, OrderSeen
from ec_gateway.order_document import read_order
from erp.core import locks
from erp.core.actors import Actor
from erp.core.clock import written_moment
from erp.core.errors import InvalidInput
from erp.core.field_names import in_words
from erp.core.use_case import use_case
from erp.orders import services
from erp.orders.exceptions import StaleRevision
from erp.orders.selectors import Standing, standings
from erp.orders.services import OrderInput, OrderOutcome

State = InboundEvent.State


@dataclass(frozen=True, slots=True)
class Reading:
    """An event with the order it carries. ``is_numbered``: the site itself says which revision this is."""

    event: InboundEvent
    order: OrderInput
    content: str
    is_numbered: bool


@use_case
def apply_orders(
    *, site: EcSite, event_ids: Collection[int], states: Collection[str], at: dt.datetime, by: Actor
) -> list[Settled]:
    """Apply these events, at most one per order, as far as they are in one of ``states``: all in one transaction with their effect.

    A malformed order is refused and harms no other. Whatever else is raised leaves nothing written.
    """
    events = lock_events(event_ids, states)
    readings, outcomes = _read(events)
    locks.hold_all(f"order:{site.channel.code}:{reading.order.external_id}" for reading in readings)
    ids = [reading.order.external_id for reading in readings]
    known = standings(channel_id=site.channel_id, external_ids=ids)
    seen = {row.external_id: row for row in OrderSeen.objects.filter(site=site, external_id__in=ids)}
    to_place: list[Reading] = []
    for reading in readings:
        external_id = reading.order.external_id
        judged = judge(reading, seen.get(external_id), known.get(external_id))
        if isinstance(judged, Settled):
            outcomes.append(judged)
        else:
            to_place.append(judged)
    if to_place:
        answers = services.place_orders(
            channel=site.channel.code,
            orders=[reading.order for reading in to_place],
            bodies=[reading.event.document for reading in to_place],
            at=at,
            by=by,
        )
        outcomes += [_settled(reading, answer) for reading, answer in zip(to_place, answers, strict=True)]
        _remember(site, to_place, answers)
    settle(outcomes, at=at, by=by)
    return outcomes


def lock_events(event_ids: Collection[int], states: Collection[str]) -> list[InboundEvent]:
    """The events that are still in one of ``states`` when their rows are ours. Two workers on one site queue up here."""
    rows = InboundEvent.objects.filter(pk__in=event_ids, state__in=states)
    return list(rows.order_by("pk").select_for_update(no_key=True))


def _read(events: Sequence[InboundEvent]) -> tuple[list[Reading], list[Settled]]:
    readings, refused = [], []
    for event in events:
        try:
            order = read_order(event.document)
        except InvalidInput as problems:
            refused.append(Settled(event.pk, State.REFUSED, error=in_words(problems)))
        else:
            is_numbered = event.document.get("revision") is not None
            readings.append(Reading(event, order, content_of(order), is_numbered))
    return readings, refused


def judge(reading: Reading, seen: OrderSeen | None, known: Standing | None) -> Settled | Reading:
    """Whether an order is news, and under which revision. What is older or says the same is settled here.

    A site that numbers its revisions is taken at its word. Elsewhere what changed later is the next revision; of two changes in the same
    instant the one that came later counts.
    """
    event = reading.event
    if seen is None or known is None:
        return reading if reading.is_numbered or known is None else _numbered(reading, known)
    if reading.content == seen.content and known.newest_revision == seen.revision:
        return Settled(event.pk, State.UNCHANGED, known.number)
    if reading.is_numbered:
        return reading
    if event.changed_at is not None and seen.changed_at is not None and event.changed_at < seen.changed_at:
        return Settled(
            event.pk,
            State.STALE,
            known.number,
            _("The site changed this order again at %(moment)s.") % {"moment": written_moment(seen.changed_at)},
        )
    return _numbered(reading, known)


def _numbered(reading: Reading, known: Standing) -> Reading:
    return replace(reading, order=replace(reading.order, revision=known.newest_revision + 1))


def _settled(reading: Reading, answer: OrderOutcome) -> Settled:
    event_id, refusal = reading.event.pk, answer.refusal
    if refusal is None:
        return Settled(event_id, State.UNCHANGED if answer.is_replay else State.DONE, answer.number)
    state = State.STALE if isinstance(refusal, StaleRevision) else State.REFUSED
    return Settled(event_id, state, answer.number, in_words(refusal))


_REMEMBER = """
INSERT INTO ec_gateway_orderseen AS seen (site_id, external_id, content, revision, changed_at)
SELECT %s, external_id, content, revision, changed_at
FROM unnest(%s::text[], %s::text[], %s::integer[], %s::timestamptz[]) AS new (external_id, content, revision, changed_at)
ON CONFLICT (site_id, external_id) DO UPDATE
SET content = EXCLUDED.content, revision = EXCLUDED.revision, changed_at = greatest(seen.changed_at, EXCLUDED.changed_at)
"""


def _remember(site: EcSite, readings: Sequence[Reading], answers: Sequence[OrderOutcome]) -> None:
    """What was applied is what later news is compared with. Needs the orders' names held."""
    applied = [
        (reading.order.external_id, reading.content, _newest(reading, answer), reading.event.changed_at)
        for reading, answer in zip(readings, answers, strict=True)
        if answer.refusal is None
    ]
    if applied:
        with connection.cursor() as cursor:
            cursor.execute(_REMEMBER, [site.pk, *(list(column) for column in zip(*applied, strict=True))])


def _newest(reading: Reading, answer: OrderOutcome) -> int:
    """What was left to staff is known under its own revision, while the recorded one stays."""
    return reading.order.revision if answer.is_task else answer.revision


def note_later_change(*, site_id: int, changes: Mapping[str, dt.datetime]) -> None:
    """A cancellation is a change of its order too: what the site says of the order from before it is old. Needs the orders' names held."""
    for external_id, changed_at in changes.items():
        OrderSeen.objects.filter(site_id=site_id, external_id=external_id, changed_at__lt=changed_at).update(
            changed_at=changed_at
        )
