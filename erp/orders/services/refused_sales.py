"""Sales of tills that could not be recorded. The goods are gone and the money is in the drawer, so each is kept as it came and a person has to know.

One task per message: a till that keeps sending the same opens no other, not even when somebody closed it. When the sale is recorded after all,
the tasks of its number close by themselves.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from erp.core import messages, staff_tasks
from erp.core.actors import Actor
from erp.core.errors import DomainError
from erp.core.messages import Message, outcome_of, reason_of, store
from erp.core.staff_tasks import Finding
from erp.core.use_case import use_case

KIND = "SALE_REFUSED"


@dataclass(frozen=True, slots=True)
class RefusedSale:
    """A message as it came, the number that it names if it names one, and why it was refused, or what broke here."""

    external_id: str
    body: Any
    refusal: Exception


@use_case
def keep_refused_sales(*, channel_id: int, refused: Sequence[RefusedSale], at: dt.datetime, by: Actor) -> None:
    """Keep messages of which no sale could be recorded, in a transaction of their own, and tell staff. Repeatable; each call keeps them again."""
    store(
        [
            Message(
                "order", sale.external_id[:100], 1, sale.body, "", outcome_of(sale.refusal), reason_of(sale.refusal)
            )
            for sale in refused
        ],
        channel_id=channel_id,
        at=at,
        by=by,
    )
    report_refused(refused, channel_id=channel_id, at=at, by=by)


# The first time that this very message came. A number alone does not tell: a message may name none, or come again with other content.
_FIRST_OF = """
SELECT wanted.place, min(message.id)
FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY AS wanted (external_id, body, place)
JOIN core_messagelog message ON message.external_id = wanted.external_id AND message.channel_id = %s
    AND message.direction = 'IN' AND message.outcome IN ('REFUSED', 'FAILED') AND message.body = wanted.body::jsonb
GROUP BY wanted.place
HAVING NOT EXISTS (SELECT FROM core_stafftask task WHERE task.kind = %s AND task.subject_type = 'MESSAGE'
                   AND task.subject_id = min(message.id) AND task.closed_at IS NOT NULL)
"""


def report_refused(refused: Sequence[RefusedSale], *, channel_id: int, at: dt.datetime, by: Actor) -> None:
    """Part of a transaction that has stored the messages."""
    if not refused:
        return
    named = [messages.cleaned(sale.external_id[:100]) for sale in refused]
    bodies = [messages.encode(sale.body) for sale in refused]
    with connection.cursor() as cursor:
        cursor.execute(_FIRST_OF, [named, bodies, channel_id, KIND])
        first = dict(cursor.fetchall())
    findings = []
    for place, sale in enumerate(refused, start=1):
        if place in first:
            detail = _("Not in the books, and no stock was taken: %(why)s") % {
                "why": messages.cleaned(_told(sale.refusal))
            }
            findings.append(Finding(KIND, "MESSAGE", first[place], named[place - 1], detail))
    staff_tasks.open_tasks(findings, at=at, by=by)


def _told(refusal: Exception) -> str:
    if not isinstance(refusal, DomainError):
        return reason_of(refusal)[:2_000]
    named = (
        f"{problem.pointer}: {problem.detail}" if problem.pointer else problem.detail for problem in refusal.problems
    )
    return "; ".join(text for text in (str(refusal.detail), *named) if text)[:2_000]


_CLOSE = """
UPDATE core_stafftask task SET closed_at = %s, closed_by = %s, resolution = %s
FROM core_messagelog message
WHERE task.kind = %s AND task.subject_type = 'MESSAGE' AND task.closed_at IS NULL AND message.id = task.subject_id
  AND message.channel_id = %s AND message.external_id = ANY(%s)
"""


def close_recorded(external_ids: Iterable[str], *, channel_id: int, at: dt.datetime, by: Actor) -> None:
    """The sales of these numbers are in the books now."""
    recorded = sorted(set(external_ids))
    if recorded:
        with connection.cursor() as cursor:
            cursor.execute(_CLOSE, [at, str(by), _("The sale was recorded."), KIND, channel_id, recorded])
