"""What somebody must look at: sites that are not talked to, and what keeps failing. The same question counts a work queue and filters its list."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet

from ec_gateway.models import NOT_TALKED_TO

# What failed once or twice is about to be tried again, and nobody's business.
OFTEN = 3


def paused_sites(states: QuerySet[Any]) -> QuerySet[Any]:
    """Sites that we do not talk to: paused, or set up in a way that cannot be used."""
    return states.filter(NOT_TALKED_TO)


def failing_activities(activities: QuerySet[Any]) -> QuerySet[Any]:
    """What does not do its work. Where a site is silent its pause says so already, but polling it fails all the same."""
    return activities.filter(failures_in_row__gt=0)


def failed_pushes(pushes: QuerySet[Any]) -> QuerySet[Any]:
    return pushes.exclude(error="").filter(Q(dirty_since__isnull=True) | Q(attempts__gte=OFTEN))


def failed_notices(notices: QuerySet[Any]) -> QuerySet[Any]:
    return notices.exclude(error="").filter(Q(due_at__isnull=True) | Q(attempts__gte=OFTEN))
