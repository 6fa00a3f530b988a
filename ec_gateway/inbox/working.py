"""The worker of one site's inbox: in order of arrival for each order, and no order waits for another one that fails.

Safe to run twice at once: each event is applied in the transaction that locks its row. The lease only spares the work.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import structlog
from django.db import connection, transaction
from django.db.models import F, OuterRef, Q, QuerySet, Subquery

from ec_gateway.inbox.beginning import begin
from ec_gateway.inbox.orders import apply_orders
from ec_gateway.inbox.settling import Jitter, Settled, note_failure, note_refusal, settle
from ec_gateway.inbox.single import apply_one
from ec_gateway.models import Activity, EcSite, InboundEvent, SiteActivity
from ec_gateway.platforms.calling import trouble_of
from ec_gateway.services import leases
from erp.core.actors import Actor
from erp.core.errors import DomainError
from erp.core.retries import retried
from erp.orders.selectors import standings

Kind, State = InboundEvent.Kind, InboundEvent.State
Clock = Callable[[], dt.datetime]

CHUNK = 100
# News by which the site's own figures move: pushes say up to which of them they are complete.
MOVES_FIGURES = (Kind.ORDER, Kind.CANCEL)
# A worker that never comes to an end never lets a new release of the code in.
ROUNDS = 500

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Run:
    """What one run did: how many events went into each state, and whether the site should be polled, or told of stock."""

    counts: dict[str, int]
    wants_poll: bool = False
    wants_publish: bool = False

    def add(self, outcomes: Sequence[Settled]) -> None:
        for outcome in outcomes:
            self.counts[outcome.state] = self.counts.get(outcome.state, 0) + 1

    def __str__(self) -> str:
        return ", ".join(f"{State(state).label} {count}" for state, count in sorted(self.counts.items()))


def work_off(*, site_id: int, holder: str, clock: Clock, jitter: Jitter) -> Run:
    """Apply everything that waits for one site. Does nothing when somebody else is at it (who then looks again) or there is no such site.

    The cursor of this activity follows that of polling: up to there every order was not only fetched but applied. Pushes say so.
    """
    run = Run({})
    lease = leases.take(site_id=site_id, activity=Activity.INBOX, holder=holder, at=clock())
    site = EcSite.objects.select_related("channel").filter(pk=site_id).first()
    if lease is None or site is None:
        return run
    try:
        while True:
            polled = _polled_so_far(site_id)
            for _round in range(ROUNDS):
                lease = leases.heartbeat(lease, at=clock())
                if not _apply_next(site, run, clock, jitter):
                    break
            if polled is not None and not _is_waiting(site_id, up_to=polled.last_event):
                lease = leases.move_cursor(lease, polled.cursor)
            unpark(site=site, at=clock(), by=actor_of(site))
            if leases.give_back(lease, at=clock(), detail=str(run)):
                return run
            lease = leases.heartbeat(lease, at=clock())
    except leases.LeaseLost:
        log.warning("inbox_lease_lost", site=site_id)
        return run
    except BaseException as fault:
        # The next one need not wait until the lease ends by itself.
        leases.give_back(lease, at=clock(), detail=str(run), force=True, trouble=trouble_of(fault))
        raise


@dataclass(frozen=True, slots=True)
class _Polled:
    cursor: str
    last_event: int


def _polled_so_far(site_id: int) -> _Polled | None:
    """How far the site was polled, and the newest event by then: both move in one transaction, and both are read in one statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT cursor, (SELECT max(id) FROM ec_gateway_inboundevent WHERE site_id = %s)"
            " FROM ec_gateway_siteactivity WHERE site_id = %s AND activity = %s AND cursor <> ''",
            [site_id, site_id, Activity.POLL],
        )
        found = cursor.fetchone()
    return None if found is None else _Polled(found[0], found[1] or 0)


def _is_waiting(site_id: int, *, up_to: int) -> bool:
    """Whether an order or a cancellation that had come by then waits for another attempt: only these move the site's own figures.

    Anything else that fails must not hold back what the site may show. What was refused or failed for good waits for a person.
    """
    waiting = InboundEvent.objects.filter(site_id=site_id, state=State.RECEIVED, kind__in=MOVES_FIGURES)
    return waiting.filter(pk__lte=up_to).exists()


def actor_of(site: EcSite) -> Actor:
    return Actor.channel(site.channel.code, "inbox")


@dataclass(frozen=True, slots=True)
class Due:
    """An event that may be applied now. ``was_cut_short``: an attempt began and no end of it is known."""

    event_id: int
    kind: str
    was_cut_short: bool = False


_NEXT = """
SELECT id, kind, open_attempts > 0 FROM ec_gateway_inboundevent event
WHERE site_id = %s AND state = 'RECEIVED' AND (next_attempt_at IS NULL OR next_attempt_at <= %s)
  AND (external_id = '' OR NOT EXISTS (
      SELECT FROM ec_gateway_inboundevent earlier
      WHERE earlier.site_id = event.site_id AND earlier.external_id = event.external_id AND earlier.id < event.id
        AND earlier.state = 'RECEIVED'))
ORDER BY id LIMIT %s
"""


def next_events(*, site_id: int, at: dt.datetime, limit: int = CHUNK) -> list[Due]:
    """The events that may be applied now: of each order the first that waits, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(_NEXT, [site_id, at, limit])
        return [Due(*row) for row in cursor.fetchall()]


def _apply_next(site: EcSite, run: Run, clock: Clock, jitter: Jitter) -> bool:
    """One round; False when nothing is due."""
    due = next_events(site_id=site.pk, at=clock())
    run.add(apply(site=site, events=due, states=[State.RECEIVED], clock=clock, by=actor_of(site), jitter=jitter))
    run.wants_poll |= any(event.kind == Kind.HINT for event in due)
    run.wants_publish |= any(event.kind == Kind.STOCK_ECHO for event in due)
    return bool(due)


def apply(
    *, site: EcSite, events: Sequence[Due], states: Collection[str], clock: Clock, by: Actor, jitter: Jitter
) -> list[Settled]:
    """Apply events and say what became of each. Orders go together; when that breaks, one by one, so that only the bad one stays.

    What may have ended a process goes last and alone: only the one that did so is counted out.
    """
    outcomes: list[Settled] = []
    alone = [[event] for event in events if event.was_cut_short]
    for group in ([event for event in events if not event.was_cut_short], *alone):
        ids = [event.event_id for event in group]
        begun, set_aside = begin(event_ids=ids, states=states, at=clock(), by=by, jitter=jitter)
        outcomes += set_aside
        outcomes += _apply_begun(site, [event for event in group if event.event_id in begun], states, clock, by, jitter)
    return outcomes


def _apply_begun(
    site: EcSite, events: Sequence[Due], states: Collection[str], clock: Clock, by: Actor, jitter: Jitter
) -> list[Settled]:
    outcomes: list[Settled] = []
    order_ids = [event.event_id for event in events if event.kind == Kind.ORDER]
    if len(order_ids) > 1:
        try:
            outcomes += retried(apply_orders, site=site, event_ids=order_ids, states=states, at=clock(), by=by)
        except Exception:
            log.exception("inbox_chunk_failed", site=site.pk, first=order_ids[0], count=len(order_ids))
            for event_id in order_ids:
                outcomes += _apply_alone(site, event_id, Kind.ORDER, states, clock, by, jitter)
    else:
        for event_id in order_ids:
            outcomes += _apply_alone(site, event_id, Kind.ORDER, states, clock, by, jitter)
    for event in events:
        if event.kind != Kind.ORDER:
            outcomes += _apply_alone(site, event.event_id, event.kind, states, clock, by, jitter)
    return outcomes


def _apply_alone(
    site: EcSite, event_id: int, kind: str, states: Collection[str], clock: Clock, by: Actor, jitter: Jitter
) -> list[Settled]:
    """An edge: whatever happens is kept with the event, and the next one gets its turn. A dead database ends the run."""
    at = clock()
    try:
        if kind == Kind.ORDER:
            return retried(apply_orders, site=site, event_ids=[event_id], states=states, at=at, by=by)
        outcome = retried(apply_one, site=site, event_id=event_id, states=states, at=at, by=by)
        return [] if outcome is None else [outcome]
    except DomainError as refusal:
        return [note_refusal(event_id=event_id, refusal=refusal, at=at, by=by)]
    except Exception as fault:
        log.exception("inbox_event_failed", site=site.pk, number=event_id)
        told = f"{type(fault).__name__}: {fault}"
        return [note_failure(event_id=event_id, error=told, at=clock(), by=by, jitter=jitter)]


def unpark(*, site: EcSite, at: dt.datetime, by: Actor, limit: int = 500) -> None:
    """What waited for its order was applied with it, whichever way the order came: say so in the inbox."""
    parked = InboundEvent.objects.filter(site=site, state=State.PARKED).order_by("pk")
    waiting = dict(parked.values_list("pk", "external_id")[:limit])
    if not waiting:
        return
    known = standings(channel_id=site.channel_id, external_ids=set(waiting.values()))
    done = [Settled(key, State.DONE, known[order].number) for key, order in waiting.items() if order in known]
    with transaction.atomic():
        settle(done, at=at, by=by)


def waiting_sites(*, at: dt.datetime) -> list[int]:
    """Sites in whose inbox something is due, or whose inbox has not said yet how far it is, for the sweep that needs no wake-up."""
    due = Q(next_attempt_at__isnull=True) | Q(next_attempt_at__lte=at)
    waiting = InboundEvent.objects.filter(due, state=State.RECEIVED).values_list("site_id", flat=True).distinct()
    return sorted({*waiting, *_behind().values_list("site_id", flat=True)})


def is_behind(*, site_id: int) -> bool:
    """Whether the site was polled further than its inbox has said: what polling found may all have come by webhooks and be applied already,
    but pushes may only claim to contain it when the inbox says so."""
    return _behind().filter(site_id=site_id).exists()


def _behind() -> QuerySet[SiteActivity]:
    polled = SiteActivity.objects.filter(site=OuterRef("site"), activity=Activity.POLL).exclude(cursor="")
    inboxes = SiteActivity.objects.filter(activity=Activity.INBOX).annotate(polled=Subquery(polled.values("cursor")))
    return inboxes.filter(polled__isnull=False).exclude(polled=F("cursor"))
