"""How much of what came in waits for somebody."""

from __future__ import annotations

from ec_gateway.models import InboundEvent

State = InboundEvent.State
UNFINISHED = (State.RECEIVED, State.REFUSED, State.FAILED, State.PARKED)
