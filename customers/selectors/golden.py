"""Which customer stands behind which record. Reports join through here, documents keep naming their record."""

from __future__ import annotations

from collections.abc import Iterable

from customers.models import CustomerRecord


def golden_ids(record_ids: Iterable[int]) -> dict[int, int]:
    """Record id → id of its golden record now."""
    return dict(CustomerRecord.objects.filter(pk__in=set(record_ids)).values_list("pk", "golden_id"))
