"""What ``manage.py verify`` asks of the customer master."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connection

from customers.models import CreditGroup, MergeEvent
from erp.core.checks import Fault

_BROKEN_CHAINS = """
WITH chain AS (
    SELECT event.id, event.record_id, event.from_golden_id, event.to_golden_id, event.undoes_id,
           lag(event.to_golden_id) OVER (PARTITION BY event.record_id ORDER BY event.id) AS before,
           lead(event.id) OVER (PARTITION BY event.record_id ORDER BY event.id) IS NULL AS is_last, record.golden_id
    FROM customers_mergeevent event JOIN customers_customerrecord record ON record.id = event.record_id
)
SELECT record_id, format('merge %%s starts from golden record %%s, but the one before led to %%s', id, from_golden_id, before)
FROM chain WHERE before <> from_golden_id
UNION ALL
SELECT record_id, format('merge %%s leads to golden record %%s, but the record is under %%s', id, to_golden_id, golden_id)
FROM chain WHERE is_last AND to_golden_id <> golden_id
UNION ALL
SELECT back.record_id, format('merge %%s does not lead back the way merge %%s came', back.id, back.undoes_id)
FROM chain back JOIN customers_mergeevent merge ON merge.id = back.undoes_id
WHERE (back.record_id, back.from_golden_id, back.to_golden_id)
      IS DISTINCT FROM (merge.record_id, merge.to_golden_id, merge.from_golden_id)
ORDER BY 1
"""


def merge_count() -> int:
    return MergeEvent.objects.count()


def broken_merges() -> Iterator[Fault]:
    """P9: replayed from a record's first golden record, its merges lead to its present one, and each undoing mirrors its merge."""
    with connection.cursor() as cursor:
        cursor.execute(_BROKEN_CHAINS, [])
        for record_id, detail in cursor.fetchall():
            yield Fault("P9", "CUSTOMER_RECORD", record_id, f"customer record {record_id}", detail)


_WRONG_EXPOSURE = """
SELECT credit.id, credit.code, credit.exposure, coalesce(sum(entry.amount), 0)
FROM customers_creditgroup credit LEFT JOIN customers_exposureentry entry ON entry.credit_group_id = credit.id
GROUP BY credit.id HAVING credit.exposure <> coalesce(sum(entry.amount), 0) ORDER BY credit.id
"""


def credit_group_count() -> int:
    return CreditGroup.objects.count()


def wrong_exposures() -> Iterator[Fault]:
    with connection.cursor() as cursor:
        cursor.execute(_WRONG_EXPOSURE)
        for group_id, code, exposure, ledger in cursor.fetchall():
            yield Fault("P6", "CREDIT_GROUP", group_id, code, f"exposure {exposure}, ledger {ledger}")
