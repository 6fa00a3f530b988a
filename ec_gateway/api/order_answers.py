"""Orders in the words of the contract: lower case, decimals as texts."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal
from typing import Any

from ec_gateway.api.errors import bug_body, refusal_body
from ec_gateway.api.frame import plain
from erp.core.errors import DomainError
from erp.orders.exceptions import StaleRevision
from erp.orders.selectors import LineView, OrderView
from erp.orders.services import AllocatedLine, ChannelReturn, OrderOutcome, ReturnOutcome

PLACED, REPLAYED, AMENDED, STAFF, STALE = "placed", "replayed", "amended", "task", "stale"
RECORDED, PARKED = "recorded", "parked"
_ENUMERATIONS = frozenset({"state", "order_type", "reason", "condition", "kind", "method", "status"})


def order_body(view: OrderView) -> dict[str, Any]:
    """Everything a channel may know of its order."""
    body: dict[str, Any] = _lower(asdict(view))
    body["acceptance"] = "provisional" if body.pop("is_provisional") else "final"
    for payment in body["payments"]:
        payment["payment"] = payment.pop("line_no")
    return body


def _lower(value: Any) -> Any:
    """Enumerations are lower case on the wire. Only what is one: reasons in words and texts of the channel stay."""
    if isinstance(value, dict):
        return {
            name: inner.lower() if name in _ENUMERATIONS and isinstance(inner, str) else _lower(inner)
            for name, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [_lower(inner) for inner in value]
    return plain(value) if isinstance(value, Decimal) else value


def outcome_of(outcome: OrderOutcome) -> str:
    if isinstance(outcome.refusal, StaleRevision):
        return STALE
    if outcome.is_task:
        return STAFF
    if outcome.is_replay:
        return REPLAYED
    return AMENDED if outcome.is_amendment else PLACED


STATUS = {PLACED: 201, REPLAYED: 200, AMENDED: 200, STALE: 200, STAFF: 202, RECORDED: 200, PARKED: 202}


def status_of(outcome: OrderOutcome) -> int:
    """A repeat is 200, also of what was left to staff."""
    return 200 if outcome.is_replay else STATUS[outcome_of(outcome)]


def placed_body(outcome: OrderOutcome, what: str) -> dict[str, Any]:
    """The answer to an order: its number, where it stands, what is reserved of each line, what it waits for."""
    return {
        "external_id": outcome.external_id,
        "number": outcome.number,
        "revision": outcome.revision,
        "state": outcome.state.lower(),
        "outcome": what,
        "lines": [_line_body(line) for line in outcome.lines],
        "holds": [{"reason": reason.lower()} for reason in outcome.holds],
    }


def _line_body(line: AllocatedLine | LineView) -> dict[str, Any]:
    return {
        "line_id": line.line_id,
        "sku": line.sku,
        "quantity": line.quantity,
        "reserved_quantity": line.reserved_quantity,
    }


def stale_body(view: OrderView) -> dict[str, Any]:
    """The answer to a revision older than the recorded one: what is recorded."""
    return {
        "external_id": view.external_id,
        "number": view.number,
        "revision": view.revision,
        "state": view.state.lower(),
        "outcome": STALE,
        "lines": [_line_body(line) for line in view.lines],
        "holds": [{"reason": hold.reason.lower()} for hold in view.holds],
    }


def refused_body(external_id: str, refusal: DomainError) -> dict[str, Any]:
    """One refused item of a bulk call: a problem with its status, beside the results of the others."""
    return {"external_id": external_id, **refusal_body(refusal)}


def failed_body(external_id: str, fault: Exception, *, path: str) -> dict[str, Any]:
    """The same for one that failed here. A fault of ours is reported as if it had ended the call."""
    if isinstance(fault, DomainError):
        return refused_body(external_id, fault)
    return {"external_id": external_id, **bug_body(fault, path=path)}


def return_body(order: str, request: ChannelReturn, outcome: ReturnOutcome) -> dict[str, Any]:
    document = outcome.document
    what = REPLAYED if outcome.is_replay else RECORDED
    amounts = ("net_amount", "tax_amount", "gross_amount")
    return {
        "external_id": request.external_id,
        "order": order,
        "number": document.number if document else None,
        "outcome": what if document else PARKED,
        "return_date": document.return_date if document else None,
        **{name: plain(getattr(document, name)) if document else None for name in amounts},
    }


def state_body(external_id: str, view: OrderView | None, what: str) -> dict[str, Any]:
    return {
        "external_id": external_id,
        "number": view.number if view else None,
        "state": view.state.lower() if view else None,
        "outcome": what,
    }
