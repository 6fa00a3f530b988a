"""Where a site shows something else than we allow, or has other orders, as far as the last comparison found it and nothing has set it right since."""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, F, Max, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce

from ec_gateway.models import EcSite, InboundEvent, ReconciliationRow, ReconciliationRun, SitePush

Cause, Kind, State = ReconciliationRow.Cause, ReconciliationRow.Kind, ReconciliationRun.State


def open_drift(site: EcSite) -> list[ReconciliationRow]:
    """Rows of the last finished run: figures that the site has not acknowledged since, orders of which no news was applied since. What was only
    a matter of moments is none."""
    return list(open_drift_rows().filter(run__site=site).select_related("sku").order_by("pk"))


def open_drift_rows() -> QuerySet[ReconciliationRow]:
    """The same of all sites."""
    return _still_open(ReconciliationRow.objects.filter(run__in=_latest_runs()))


def with_open_drift(rows: QuerySet[ReconciliationRow]) -> QuerySet[ReconciliationRow]:
    """Those of the rows of a list. Runs that are named are few in PostgreSQL's eyes, and their rows are found; of a question about runs it expects a
    hundredth of all rows, and reads them all."""
    return _still_open(rows.filter(run__in=list(_latest_runs())))


def _latest_runs() -> QuerySet[Any, Any]:
    finished = ReconciliationRun.objects.filter(state=State.DONE)
    latest: QuerySet[Any, Any] = finished.order_by().values("site").annotate(latest=Max("pk"))
    return latest.values_list("latest", flat=True)


def _still_open(rows: QuerySet[ReconciliationRow]) -> QuerySet[ReconciliationRow]:
    return rows.filter(_open_stock() | _open_orders())


def _open_stock() -> Q:
    acknowledged = SitePush.objects.filter(
        site=OuterRef("run__site"),
        sku=OuterRef("sku"),
        dirty_since__isnull=True,
        shown_at__gte=OuterRef("run__finished_at"),
    )
    has_come_right = Q(cause=Cause.TIMING_ONLY) | Q(ours=F("theirs"), ours__isnull=False) | Q(Exists(acknowledged))
    return Q(kind=Kind.STOCK) & ~has_come_right


# Where the order was not here, news of it that change nothing say that it is here now.
_CAME = (Cause.THERE_NOT_HERE, Cause.WAITS_IN_INBOX)


def _open_orders() -> Q:
    """An entry that cannot be read is open until a comparison can read it."""
    heard = InboundEvent.objects.filter(
        site=OuterRef("run__site"),
        external_id=OuterRef("external_id"),
        kind__in=[InboundEvent.Kind.ORDER, InboundEvent.Kind.CANCEL],
        processed_at__gte=Coalesce(OuterRef("repaired_at"), OuterRef("run__started_at")),
    )
    applied = Q(Exists(heard.filter(state=InboundEvent.State.DONE)))
    known = Q(Exists(heard.filter(state__in=[InboundEvent.State.UNCHANGED, InboundEvent.State.STALE])))
    has_come_right = applied | (Q(cause__in=_CAME) & known)
    return Q(kind=Kind.ORDER) & (Q(cause=Cause.UNREADABLE_THERE) | ~has_come_right)
