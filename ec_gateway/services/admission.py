"""May a call to a site go out now? Breaker and budget answer together, in one statement, for all activities and processes."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from ec_gateway.models import SiteState
from ec_gateway.services import sites

# Whoever tries a paused site has so long to tell the outcome before another one tries.
TRIAL = dt.timedelta(seconds=30)
STAFF_LOOKS_AGAIN_S = 5.0


class Reason(TextChoices):
    PAUSED_BY_STAFF = "PAUSED_BY_STAFF", _("Paused by staff")
    PAUSED = "PAUSED", _("Paused: nothing answers")
    BUDGET = "BUDGET", _("As many calls as may be made were made")


@dataclass(frozen=True, slots=True)
class Refusal:
    """No call now. ``wait_s`` is when asking again may make sense."""

    reason: Reason
    wait_s: float


_LEFT = "least(coalesce(tokens + extract(epoch FROM %(at)s::timestamptz - tokens_at) * %(rate)s, %(burst)s), %(burst)s)"

_ADMIT = f"""
UPDATE ec_gateway_sitestate
SET tokens = {_LEFT} - 1, tokens_at = greatest(%(at)s, tokens_at),
    open_until = CASE WHEN open_until IS NULL THEN NULL ELSE %(trial)s END
WHERE site_id = %(site)s AND NOT is_paused_by_staff AND (open_until IS NULL OR open_until <= %(at)s) AND {_LEFT} >= 1
RETURNING site_id
"""  # noqa: S608 - every part is ours


def ask(*, site_id: int, requests_per_s: float, burst: int, at: dt.datetime) -> Refusal | None:
    """None: one call may go out, and its place in the budget is taken. Of a site whose pause is over, one caller is let through."""
    values: dict[str, Any] = {
        "site": site_id,
        "at": at,
        "rate": requests_per_s,
        "burst": float(burst),
        "trial": at + TRIAL,
    }
    with connection.cursor() as cursor:
        cursor.execute(_ADMIT, values)
        if cursor.fetchone() is not None:
            return None
    state = SiteState.objects.filter(pk=site_id).first()
    if state is None:
        sites.ensure_rows(site_ids=[site_id])
        return Refusal(Reason.BUDGET, 0.0)
    if state.is_paused_by_staff:
        return Refusal(Reason.PAUSED_BY_STAFF, STAFF_LOOKS_AGAIN_S)
    if state.open_until is not None and state.open_until > at:
        return Refusal(Reason.PAUSED, (state.open_until - at).total_seconds())
    tokens_at = state.tokens_at or at
    left = min(state.tokens + (at - tokens_at).total_seconds() * requests_per_s, float(burst))
    return Refusal(Reason.BUDGET, max((1 - left) / requests_per_s, 0.001))
