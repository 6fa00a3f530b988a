"""The same message again, because a person asks for it: the domain answers what it answered, or does now what it could not do then."""

from __future__ import annotations

from collections.abc import Collection

from ec_gateway.inbox.settling import Jitter, Settled
from ec_gateway.inbox.working import Clock, apply
from ec_gateway.models import EcSite, InboundEvent
from erp.core.actors import Actor

Kind = InboundEvent.Kind


def replay(*, event_ids: Collection[int], clock: Clock, jitter: Jitter, by: Actor) -> list[Settled]:
    """Apply these events again, whatever became of them, in the order in which they came. Twice is once: nothing is done a second time.

    Each is on its own, so that a person sees what becomes of it.
    """
    outcomes: list[Settled] = []
    sites: dict[int, EcSite] = {}
    events = InboundEvent.objects.filter(pk__in=event_ids).order_by("pk").values_list("pk", "site_id", "kind")
    for event_id, site_id, kind in list(events):
        if site_id not in sites:
            sites[site_id] = EcSite.objects.select_related("channel").get(pk=site_id)
        is_order = kind == Kind.ORDER
        outcomes += apply(
            site=sites[site_id],
            order_ids=[event_id] if is_order else [],
            other_ids=[] if is_order else [event_id],
            states=InboundEvent.State.values,
            clock=clock,
            by=by,
            jitter=jitter,
        )
    return outcomes
