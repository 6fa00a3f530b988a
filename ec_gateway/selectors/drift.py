"""Where a site shows something else than we allow, as far as the last comparison found it and nothing has set it right since."""

from __future__ import annotations

from django.db.models import Exists, F, OuterRef

from ec_gateway.models import EcSite, ReconciliationRow, ReconciliationRun, SitePush

Cause, State = ReconciliationRow.Cause, ReconciliationRun.State


def open_drift(site: EcSite) -> list[ReconciliationRow]:
    """Rows of the last finished run whose figure the site has not acknowledged since. What was only a matter of moments is none."""
    latest = ReconciliationRun.objects.filter(site=site, state=State.DONE).order_by("-pk").first()
    if latest is None:
        return []
    acknowledged = SitePush.objects.filter(
        site=site, sku=OuterRef("sku"), dirty_since__isnull=True, shown_at__gte=OuterRef("run__finished_at")
    )
    stock = ReconciliationRow.objects.filter(run=latest, kind=ReconciliationRow.Kind.STOCK)
    open_rows = stock.exclude(cause=Cause.TIMING_ONLY).exclude(ours=F("theirs")).exclude(Exists(acknowledged))
    return list(open_rows.select_related("sku").order_by("pk"))
