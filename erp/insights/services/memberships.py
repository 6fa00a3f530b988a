"""Which channel is told of whose segment: compared with what it was told last, so that merges and new numbers of customers count too."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import connection
from django.db.models import Max

from customers.models import ChannelIdentity
from erp.core import changes, locks
from erp.core.actors import Actor
from erp.core.use_case import use_case

CHUNK = 5_000

_DIFFERENT = """
SELECT identity.id, channel.code, identity.external_id, record.golden_id, rfm.segment_id,
       told.identity_id IS NOT NULL OR rfm.segment_id IS NOT NULL
FROM customers_channelidentity identity
JOIN customers_customerrecord record ON record.id = identity.record_id
JOIN core_channel channel ON channel.id = identity.channel_id
LEFT JOIN insights_customerrfm rfm ON rfm.golden_id = record.golden_id
LEFT JOIN insights_toldmembership told ON told.identity_id = identity.id
WHERE identity.id BETWEEN %s AND %s
  AND (told.identity_id IS NULL OR (told.golden_id, told.segment_id) IS DISTINCT FROM (record.golden_id, rfm.segment_id))
ORDER BY identity.id
"""
_REMEMBER = """
INSERT INTO insights_toldmembership (identity_id, golden_id, segment_id)
SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[])
ON CONFLICT (identity_id) DO UPDATE SET golden_id = EXCLUDED.golden_id, segment_id = EXCLUDED.segment_id
"""


def announce_memberships(*, at: dt.datetime, by: Actor) -> int:
    """Change rows ``segment`` for every customer whose segment, or golden customer, is another than its channel was told; by the channel's own
    number, to that channel only. In short transactions; again = nothing. Returns how many were announced."""
    last = ChannelIdentity.objects.aggregate(last=Max("pk"))["last"] or 0
    return sum(_announce(first=first, at=at, by=by) for first in range(1, last + 1, CHUNK))


@use_case
def _announce(*, first: int, at: dt.datetime, by: Actor) -> int:
    locks.hold("insights:memberships")
    with connection.cursor() as cursor:
        cursor.execute(_DIFFERENT, [first, first + CHUNK - 1])
        found: list[tuple[Any, ...]] = cursor.fetchall()
        if not found:
            return 0
        # What was read is what is remembered: whatever changes meanwhile differs again next time.
        cursor.execute(_REMEMBER, [[row[0] for row in found], [row[3] for row in found], [row[4] for row in found]])
    by_channel: dict[str, list[str]] = {}
    for _id, code, external_id, _golden_id, _segment_id, is_news in found:
        if is_news:
            by_channel.setdefault(code, []).append(external_id)
    for code, external_ids in sorted(by_channel.items()):
        changes.record(topic="segment", keys=external_ids, audience=code)
    return sum(map(len, by_channel.values()))
