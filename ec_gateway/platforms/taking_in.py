"""What a platform says, into the inbox: one statement, each event of a site once. For webhooks, polling and reconciliation alike."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
import structlog
from django.db import DatabaseError, connection, transaction

from ec_gateway.models import InboundEvent
from ec_gateway.platforms.interface import News
from ec_gateway.platforms.unreadable import not_read, text_of, unreadable
from erp.core import messages
from erp.core.clock import NotAMoment, moment_of
from erp.core.retries import is_passing

Source, State = InboundEvent.Source, InboundEvent.State

log = structlog.get_logger(__name__)

# Written in the order of their ids, so that two who bring the same events queue up; numbered in the order in which they came.
_TAKE_IN = """
INSERT INTO ec_gateway_inboundevent
    (id, site_id, event_id, kind, external_id, source, changed_at, document, raw, received_at, state, attempts, open_attempts, error,
     result)
SELECT numbered.id, %(site)s, event_id, kind, external_id, %(source)s, changed_at, document, raw, %(at)s, 'RECEIVED', 0, 0, '', ''
FROM (
    SELECT nextval('ec_gateway_inboundevent_id_seq') AS id, came.*
    FROM (
        SELECT * FROM json_to_recordset(%(news)s::json) AS one
            (place integer, event_id text, kind text, external_id text, changed_at timestamptz, document jsonb, raw text)
        ORDER BY place
    ) came
) numbered
ORDER BY event_id
ON CONFLICT (site_id, event_id) DO NOTHING
RETURNING id
"""


def take_in(*, site_id: int, news: Sequence[News], source: str, at: dt.datetime) -> list[int]:
    """Keep what is new of ``news``; events of the site that are known already change nothing. Returns the numbers of the new rows.

    Part of the caller's transaction.
    """
    if not news:
        return []
    parameters: dict[str, Any] = {"site": site_id, "source": source, "at": at, "news": _encoded(news)}
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_IN, parameters)
        return sorted(row[0] for row in cursor.fetchall())


def take_in_page(*, site_id: int, news: Sequence[News], source: str, at: dt.datetime) -> list[int]:
    """As ``take_in``, for what the site will never send otherwise: news that cannot be kept as it was read is kept as unreadable, and stops
    nothing behind it. Needs a transaction around it."""
    try:
        with transaction.atomic():
            return take_in(site_id=site_id, news=news, source=source, at=at)
    except (DatabaseError, ValueError) as fault:
        if is_passing(fault):
            raise
        log.exception("page_not_kept", site=site_id, count=len(news))
    return sorted(key for item in news for key in _take_in_one(site_id, item, source, at))


def _take_in_one(site_id: int, item: News, source: str, at: dt.datetime) -> list[int]:
    try:
        with transaction.atomic():
            return take_in(site_id=site_id, news=[item], source=source, at=at)
    except (DatabaseError, ValueError) as fault:
        if is_passing(fault):
            raise
        spoilt = unreadable(item.raw, not_read(fault), external_id=item.external_id)
    return take_in(site_id=site_id, news=[spoilt], source=source, at=at)


def take_in_again(*, site_id: int, news: Sequence[News], at: dt.datetime) -> list[int]:
    """Keep what was fetched by hand. Returns the numbers of all events that are to be applied for it.

    An event that was refused or had failed stays as it came, and what the site says now stands beside it, once per content.
    """
    known = InboundEvent.objects.filter(site_id=site_id, event_id__in=[_short(item.event_id, 200) for item in news])
    states = dict(known.values_list("event_id", "state"))
    wanted = [
        replace(item, event_id=f"{_short(item.event_id, 180)}#{messages.fingerprint(dict(item.document))[:16]}")
        if states.get(_short(item.event_id, 200)) in (State.REFUSED, State.FAILED)
        else item
        for item in news
    ]
    take_in(site_id=site_id, news=wanted, source=Source.REPLAY, at=at)
    unfinished = InboundEvent.objects.filter(
        site_id=site_id,
        event_id__in=[_short(item.event_id, 200) for item in wanted],
        state__in=[State.RECEIVED, State.REFUSED, State.FAILED],
    )
    return list(unfinished.order_by("pk").values_list("pk", flat=True))


def _encoded(news: Sequence[News]) -> str:
    unique: dict[str, News] = {}
    for item in map(_in_our_time, news):
        unique.setdefault(_short(item.event_id, 200), item)
    rows = [
        {
            "place": place,
            "event_id": event_id,
            "kind": item.kind.value,
            "external_id": text_of(item.external_id)[:100],
            "changed_at": item.changed_at,
            "document": msgspec.Raw(messages.encode(dict(item.document)).encode()),
            "raw": text_of(item.raw),
        }
        for place, (event_id, item) in enumerate(unique.items())
    ]
    return msgspec.json.encode(rows).decode()


def _in_our_time(item: News) -> News:
    """Whatever a platform made of a time, none is stored that could not be read back."""
    if item.changed_at is None:
        return item
    try:
        return replace(item, changed_at=moment_of(item.changed_at))
    except NotAMoment as fault:
        return unreadable(item.raw, f"changed_at: {fault.detail}", external_id=item.external_id)


def _short(event_id: str, longest: int) -> str:
    """An id that is too long for its column is replaced by its hash: it must stay unique, not readable."""
    text = text_of(event_id)
    return text if len(text) <= longest else "sha256:" + hashlib.sha256(text.encode()).hexdigest()
