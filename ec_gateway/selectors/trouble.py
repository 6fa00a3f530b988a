"""What somebody must look at: sites that are not talked to, and what keeps failing. The same question counts a work queue and filters its list."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet

from ec_gateway.models import ShipmentNotice, SitePush, SiteState
from erp.core.work_queues import capped

# What failed once or twice is about to be tried again, and nobody's business.
OFTEN = 3


def paused_sites(states: QuerySet[Any]) -> QuerySet[Any]:
    return states.filter(Q(is_paused_by_staff=True) | Q(open_until__isnull=False))


def failed_pushes(pushes: QuerySet[Any]) -> QuerySet[Any]:
    return pushes.exclude(error="").filter(Q(dirty_since__isnull=True) | Q(attempts__gte=OFTEN))


def failed_notices(notices: QuerySet[Any]) -> QuerySet[Any]:
    return notices.exclude(error="").filter(Q(due_at__isnull=True) | Q(attempts__gte=OFTEN))


def paused_count() -> int:
    return capped(paused_sites(SiteState.objects.all()))


def failed_push_count() -> int:
    return capped(failed_pushes(SitePush.objects.all()))


def failed_notice_count() -> int:
    return capped(failed_notices(ShipmentNotice.objects.all()))
