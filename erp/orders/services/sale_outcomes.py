"""What becomes of each receipt of a call of a till, whether goods were sold or brought back: one answer each, and nothing refused unnoticed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from erp.core.actors import Actor
from erp.core.errors import DomainError, InvalidInput, Problem
from erp.core.models import MessageLog
from erp.orders.exceptions import SaleConflict
from erp.orders.models import OrderHold
from erp.orders.services.documents import OrderInput
from erp.orders.services.drafting import Draft
from erp.orders.services.refused_sales import RefusedSale, close_recorded, report_refused

Outcome = MessageLog.Outcome


@dataclass(frozen=True, slots=True)
class SaleOutcome:
    """The answer to one sale. ``tasks`` are the kinds of what a person has to look at; ``refusal`` says why it was not recorded."""

    external_id: str
    number: str = ""
    tasks: tuple[str, ...] = ()
    is_replay: bool = False
    refusal: DomainError | None = None


def refuse_currencies(drafts: dict[int, Draft], outcomes: dict[int, SaleOutcome]) -> None:
    """Answer, and take out of ``drafts``, those in a currency that the books do not keep."""
    for index in [index for index, draft in drafts.items() if OrderHold.Reason.CURRENCY in draft.holds]:
        draft = drafts.pop(index)
        problem = Problem("/currency", "wrong_currency", draft.holds[OrderHold.Reason.CURRENCY])
        outcomes[index] = SaleOutcome(draft.order.external_id, refusal=InvalidInput([problem]))


def tell_apart(
    drafts: Mapping[int, Draft],
    fingerprints: Mapping[int, str],
    recorded: Mapping[str, tuple[str, str]],
    outcomes: dict[int, SaleOutcome],
    *,
    refuse: Callable[[str], DomainError],
) -> dict[int, Draft]:
    """The receipts that are new; the others are answered: the same again, or refused, also where both come in one call.

    ``recorded``: fingerprint and number by external id.
    """
    known = dict(recorded)
    fresh: dict[int, Draft] = {}
    for index, draft in drafts.items():
        name = draft.order.external_id
        if name not in known:
            known[name], fresh[index] = (fingerprints[index], ""), draft
        elif known[name][0] == fingerprints[index]:
            outcomes[index] = SaleOutcome(name, known[name][1], is_replay=True)
        else:
            outcomes[index] = SaleOutcome(name, known[name][1], refusal=refuse(name))
    return fresh


def kept_as(outcome: SaleOutcome) -> str:
    """What the message log says of it."""
    return Outcome.REFUSED if outcome.refusal else Outcome.REPLAYED if outcome.is_replay else Outcome.DONE


def report_outcomes(
    receipts: Sequence[OrderInput],
    bodies: Sequence[Any],
    outcomes: Mapping[int, SaleOutcome],
    *,
    channel_id: int,
    at: dt.datetime,
    by: Actor,
) -> None:
    """Make a task of each that is refused, and close that of each that is in the books now. Follows the storing of the messages, ``bodies``.

    Other content under the number of a sale (SaleConflict) is a task of the sale's own.
    """
    refused = [
        RefusedSale(receipt.external_id, bodies[index], refusal)
        for index, receipt in enumerate(receipts)
        if (refusal := outcomes[index].refusal) is not None and not isinstance(refusal, SaleConflict)
    ]
    report_refused(refused, channel_id=channel_id, at=at, by=by)
    recorded = (told.external_id for told in outcomes.values() if told.refusal is None)
    close_recorded(recorded, channel_id=channel_id, at=at, by=by)
