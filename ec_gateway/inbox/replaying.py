"""The same message again, because a person asks for it: the domain answers what it answered, or does now what it could not do then."""

from __future__ import annotations

from collections.abc import Collection

from ec_gateway.inbox.beginning import put_back
from ec_gateway.inbox.settling import Jitter, Settled
from ec_gateway.inbox.working import Clock, Due, apply
from ec_gateway.models import Activity, EcSite, InboundEvent
from ec_gateway.services import wakes
from erp.core.actors import Actor
from erp.core.retries import retried


def replay(*, event_ids: Collection[int], clock: Clock, jitter: Jitter, by: Actor) -> list[Settled]:
    """Apply these events again, whatever became of them, in the order in which they came. Twice is once: nothing is done a second time.

    Each is on its own, so that a person sees what becomes of it. What ended a process before is not tried in this one: the worker gets it.
    """
    outcomes: list[Settled] = retried(put_back, event_ids=event_ids, at=clock(), by=by)
    left_to_worker = {outcome.event_id for outcome in outcomes}
    sites: dict[int, EcSite] = {}
    events = InboundEvent.objects.filter(pk__in=event_ids).order_by("pk").values_list("pk", "site_id", "kind")
    for event_id, site_id, kind in list(events):
        if site_id not in sites:
            sites[site_id] = EcSite.objects.select_related("channel").get(pk=site_id)
        if event_id in left_to_worker:
            wakes.wake(site_id=site_id, activity=Activity.INBOX)
            continue
        outcomes += apply(
            site=sites[site_id],
            events=[Due(event_id, kind)],
            states=InboundEvent.State.values,
            clock=clock,
            by=by,
            jitter=jitter,
        )
    return outcomes
