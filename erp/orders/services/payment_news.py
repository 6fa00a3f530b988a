"""News about a payment as a channel or its provider sends it: what it says, and what makes it malformed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from erp.core.errors import InvalidInput, Problem
from erp.core.money import DECIMALS
from erp.orders.models import PaymentEvent
from erp.orders.services.validation import bad_time

# News that the desk makes of what it saw has ids that begin so.
BY_DESK = "desk:"


@dataclass(frozen=True, slots=True)
class PaymentNews:
    """What the EC site or its provider says about a payment. ``line_no`` picks one of several payments, the first by default."""

    event_id: str
    kind: str
    occurred_at: dt.datetime
    amount: Decimal | None = None
    line_no: int = 1
    reference: str = ""


def event_from_body(body: Mapping[str, Any]) -> PaymentNews:
    """The way back from a parked message."""
    amount = body.get("amount")
    return PaymentNews(
        event_id=str(body["event_id"]),
        kind=str(body["kind"]),
        occurred_at=dt.datetime.fromisoformat(str(body["occurred_at"])),
        amount=None if amount is None else Decimal(str(amount)),
        line_no=int(body.get("line_no", 1)),
        reference=str(body.get("reference", "")),
    )


def refuse_malformed(event: PaymentNews, currency: str) -> None:
    """Raises InvalidInput naming every fault."""
    if problems := find_payment_problems(event, currency):
        raise InvalidInput(problems)


def find_payment_problems(event: PaymentNews, currency: str) -> list[Problem]:
    """Every fault of news about a payment, with JSON pointers into the contract's body."""
    problems = []
    if event.kind not in PaymentEvent.Kind.values:
        problems.append(
            Problem("/kind", "unknown_value", _("“%(value)s” is not known here.") % {"value": event.kind[:50]})
        )
    if not event.event_id or len(event.event_id) > 100:
        problems.append(Problem("/event_id", "bad_event_id", _("1 to 100 characters are needed.")))
    problems += bad_time("/occurred_at", event.occurred_at)
    amount = event.amount
    if amount is not None and not (
        amount.is_finite() and 0 < amount < 10**12 and amount == round(amount, DECIMALS[currency])
    ):
        problems.append(
            Problem("/amount", "bad_amount", _("A positive amount in whole units of the currency is needed."))
        )
    return problems
