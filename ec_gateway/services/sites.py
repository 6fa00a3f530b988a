"""The rows every site has beside its master: its state, and one row per activity."""

from __future__ import annotations

from collections.abc import Collection

from ec_gateway.models import Activity, EcSite, SiteActivity, SiteState


def ensure_rows(*, site_ids: Collection[int]) -> None:
    """Every site has its state and its activities. Repeatable; called when a site is saved and when somebody misses a row."""
    known = sorted(EcSite.objects.filter(pk__in=site_ids).values_list("pk", flat=True))
    SiteState.objects.bulk_create([SiteState(site_id=site_id) for site_id in known], ignore_conflicts=True)
    SiteActivity.objects.bulk_create(
        [SiteActivity(site_id=site_id, activity=activity) for site_id in known for activity in Activity.values],
        ignore_conflicts=True,
    )
