"""Which dates the books are open for."""

from __future__ import annotations

from datetime import date, timedelta

from accounting.models import Period


def first_open_date(day: date) -> date:
    """``day`` itself, or the first one after it whose period is not closed. For facts that cannot be refused."""
    closed = Period.objects.filter(state=Period.State.CLOSED, ends_on__gte=day).order_by("starts_on")
    for starts_on, ends_on in closed.values_list("starts_on", "ends_on"):
        if starts_on <= day:
            day = ends_on + timedelta(days=1)
    return day
