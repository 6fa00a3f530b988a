"""How much of what came in waits for somebody."""

from __future__ import annotations

from ec_gateway.models import InboundEvent
from erp.core import work_queues

State = InboundEvent.State
UNFINISHED = (State.RECEIVED, State.REFUSED, State.FAILED, State.PARKED)


def inbox_count(state: State) -> int:
    return work_queues.capped(InboundEvent.objects.filter(state=state))
