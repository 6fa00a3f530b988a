"""Where a site shows something else than we allow, as far as the last comparison found it and nothing has set it right since."""

from __future__ import annotations

from django.db.models import Exists, F, Max, OuterRef, QuerySet

from ec_gateway.models import EcSite, ReconciliationRow, ReconciliationRun, SitePush

Cause, State = ReconciliationRow.Cause, ReconciliationRun.State


def open_drift(site: EcSite) -> list[ReconciliationRow]:
    """Rows of the last finished run whose figure the site has not acknowledged since. What was only a matter of moments is none."""
    return list(open_drift_rows().filter(run__site=site).select_related("sku").order_by("pk"))


def open_drift_rows() -> QuerySet[ReconciliationRow]:
    """The same of all sites, as a query for lists."""
    finished = ReconciliationRun.objects.filter(state=State.DONE)
    latest = finished.order_by().values("site").annotate(latest=Max("pk")).values("latest")
    acknowledged = SitePush.objects.filter(
        site=OuterRef("run__site"),
        sku=OuterRef("sku"),
        dirty_since__isnull=True,
        shown_at__gte=OuterRef("run__finished_at"),
    )
    rows = ReconciliationRow.objects.filter(run__in=latest, kind=ReconciliationRow.Kind.STOCK)
    return rows.exclude(cause=Cause.TIMING_ONLY).exclude(ours=F("theirs")).exclude(Exists(acknowledged))
