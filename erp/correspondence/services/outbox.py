"""Mails that became due, written in the transaction of what they tell: no commit, no mail, and once per document, kind and occasion.

Takes no locks of its own: a unique key decides between two that owe the same.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection

from erp.core import rows
from erp.core.actors import Actor
from erp.correspondence.models import Mail


@dataclass(frozen=True, slots=True)
class Owed:
    """A mail that tells of one occasion, such as ``shipment:12``. ``due_at`` keeps it back until then; None: at once."""

    kind: str
    channel_id: int
    document_type: str
    document_id: int
    document_label: str
    occasion: str
    about_type: str = ""
    about_id: int | None = None
    due_at: dt.datetime | None = None


# One statement, whatever the number of mails, that only reads the rules: it can go in a batch beside the rows of the documents.
_OWE = """
INSERT INTO correspondence_mail (channel_id, kind, document_type, document_id, document_label, about_type, about_id, occasion, state,
    owed_at, due_at, actor, recipient, from_header, reply_to, subject, body, message_id, attempts, reason)
SELECT owed.channel_id, owed.kind, owed.document_type, owed.document_id, owed.label, owed.about_type, owed.about_id, owed.occasion,
    CASE rule.sender WHEN 'MAMORI' THEN 'WAITING' ELSE 'DRAFT' END, %s, coalesce(owed.due_at, %s), %s, '', '', '', '', '', '', 0, ''
FROM unnest(%s::text[], %s::bigint[], %s::text[], %s::bigint[], %s::text[], %s::text[], %s::bigint[], %s::text[], %s::timestamptz[])
    WITH ORDINALITY AS owed (kind, channel_id, document_type, document_id, label, about_type, about_id, occasion, due_at, place)
JOIN correspondence_channelmail setting ON setting.channel_id = owed.channel_id
JOIN correspondence_mailrule rule ON rule.setting_id = setting.id AND rule.kind = owed.kind
WHERE rule.sender IN ('MAMORI', 'MAMORI_CHECKED')
ORDER BY owed.place
ON CONFLICT (document_type, document_id, kind, occasion) DO NOTHING
"""


# Each that is taken back says so among its events, for whoever has it open.
_WITHDRAW = """
WITH withdrawn AS (
    UPDATE correspondence_mail SET state = 'DISCARDED', reason = %s, withdrawn_at = %s, claim = NULL, claimed_at = NULL
    WHERE document_type = %s AND document_id = ANY(%s::bigint[]) AND kind = %s AND state IN ('DRAFT', 'WAITING', 'CLAIMED')
    RETURNING id
)
INSERT INTO correspondence_mailevent (mail_id, kind, detail, recorded_at, actor)
SELECT id, 'DISCARDED', %s, %s, %s FROM withdrawn ORDER BY id
"""


def owe(owed: Sequence[Owed], *, at: dt.datetime, by: Actor, batch: rows.Batch | None = None) -> None:
    """Owe these mails, where the rule of their channel says that Mamori sends this kind. Part of the caller's transaction.

    Repeatable: what is owed already stays as it is. With a ``batch`` they are written with what is gathered there.
    """
    if not owed:
        return
    columns = [
        [getattr(item, name) for item in owed]
        for name in (
            "kind", "channel_id", "document_type", "document_id", "document_label", "about_type", "about_id", "occasion", "due_at",
        )
    ]  # fmt: skip
    own = rows.Batch() if batch is None else batch
    own.add(_OWE, [at, at, str(by), *columns])
    if batch is None:
        own.run()


def hasten(*, kind: str, about_type: str, about_id: int, at: dt.datetime) -> None:
    """What a mail was kept back for is known now. Part of the caller's transaction."""
    waiting = Mail.objects.filter(about_type=about_type, about_id=about_id, kind=kind, state=Mail.State.WAITING)
    waiting.filter(due_at__gt=at).update(due_at=at)


def withdraw(
    *, kind: str, document_type: str, document_ids: Sequence[int], reason: str, at: dt.datetime, by: Actor
) -> None:
    """What a mail would tell is not so any more: those that nobody has sent yet are not sent. Part of the caller's transaction.

    One that a worker has taken is not begun. One that is being handed over cannot be called back; it is not tried again if the server puts it off.
    """
    unsent = Mail.objects.filter(document_type=document_type, document_id__in=document_ids, kind=kind)
    # The mail's own row decides between this and the worker that begins it: whoever comes second finds what the first one left.
    with connection.cursor() as cursor:
        cursor.execute(_WITHDRAW, [reason, at, document_type, list(document_ids), kind, reason, at, str(by)])
    unsent.filter(state=Mail.State.SENDING).update(reason=reason, withdrawn_at=at)
