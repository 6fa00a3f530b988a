"""The hash chain over the books, sealed in batches by a job so that no sale waits for it. Locks: the chain by name."""

from __future__ import annotations

import datetime as dt

from django.db import connection

from accounting.models import Seal
from accounting.selectors.verification import hash_of_batch
from erp.core import locks
from erp.core.actors import Actor
from erp.core.use_case import use_case

FIRST_LINK = "0" * 64

# Transactions below the horizon are all over. A batch that would be too large ends where its last transaction ends.
_UNTIL = """
WITH horizon AS (SELECT pg_snapshot_xmin(pg_current_snapshot()) AS xid),
too_far AS (SELECT created_xid AS xid FROM accounting_journalentry, horizon
            WHERE created_xid >= %(first)s::text::xid8 AND created_xid < horizon.xid
            ORDER BY created_xid OFFSET %(limit)s LIMIT 1)
SELECT coalesce((SELECT greatest(xid::text::bigint, %(first)s::bigint + 1) FROM too_far), (SELECT xid::text::bigint FROM horizon))
"""


@use_case
def seal_entries(*, at: dt.datetime, by: Actor, limit: int = 10_000) -> int:
    """Seal the next batch of entries behind the feed horizon. Returns how many; 0 means that all are sealed.

    An entry may commit after one with a higher number, so a batch is a range of transactions, not of numbers.
    """
    locks.hold("accounting seals")
    last = Seal.objects.order_by("-until_xid").first()
    from_xid = last.until_xid if last else 0
    previous = last.hash if last else FIRST_LINK
    with connection.cursor() as cursor:
        cursor.execute(_UNTIL, {"first": from_xid, "limit": limit})
        until_xid = cursor.fetchone()[0]
    batch = hash_of_batch(from_xid=from_xid, until_xid=until_xid, previous=previous)
    if batch.count:
        Seal.objects.create(
            from_xid=from_xid,
            until_xid=until_xid,
            first_entry_id=batch.first_id,
            last_entry_id=batch.last_id,
            entry_count=batch.count,
            previous_hash=previous,
            hash=batch.hash,
            sealed_at=at,
        )
    return batch.count
