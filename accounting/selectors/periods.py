"""Questions to the months of the books."""

from __future__ import annotations

from datetime import date

from accounting.models import Period


def open_period_ids(*, ended_by: date) -> list[int]:
    """Months that are open and ended by a day, in the order in which they can be closed."""
    found = Period.objects.filter(state=Period.State.OPEN, ends_on__lte=ended_by).order_by("starts_on")
    return list(found.values_list("pk", flat=True))
