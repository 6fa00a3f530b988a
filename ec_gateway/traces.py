"""How the facts of each asset last went to and from the sites, for the map of ownership."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from django.db.models import Count, Max
from django.utils.translation import gettext as _

from ec_gateway.models import Activity, ApiKey, EcSite, ReconciliationRow, ReconciliationRun, SiteActivity
from ec_gateway.selectors import open_drift_rows
from erp.core import ownership
from erp.core.ownership import Delivery, Trace

Scope = ApiKey.Scope
ROWS = "admin:ec_gateway_reconciliationrow_changelist"
# Which keys open what a site reads, or says, by itself.
READ_BY = {
    "product": Scope.PRODUCTS_READ,
    "price": Scope.PRODUCTS_READ,
    "customer": Scope.CUSTOMERS_READ,
    "credit": Scope.CREDIT_READ,
    "orders": Scope.ORDERS_READ,
}


def register_traces() -> None:
    ownership.register_traces("stock", Delivery.PUSH, _stock)
    ownership.register_traces("orders", Delivery.INTAKE, _orders)
    ownership.register_traces("customer", Delivery.INTAKE, _by_key(Scope.CUSTOMERS_WRITE))
    for asset, scope in READ_BY.items():
        ownership.register_traces(asset, Delivery.READ_API, _by_key(scope))


def _stock() -> list[Trace]:
    """What was pushed, and what the last comparison found that nothing has set right since."""
    drift = dict(open_drift_rows().order_by().values_list("run__site").annotate(count=Count("pk")))
    pushed = _finished(Activity.PUBLISH)
    return [
        Trace(
            site.channel.code, _("sent"), pushed.get(site.pk), drift.get(site.pk, 0), ROWS,
            f"open=1&run__site__channel__id__exact={site.channel_id}",
        )
        for site in _sites()
        if site.platform
    ]  # fmt: skip


def _orders() -> list[Trace]:
    """What was polled, and in which orders the last comparison found a difference. Sites that are not called send by themselves."""
    latest = (
        ReconciliationRun.objects.filter(state=ReconciliationRun.State.DONE)
        .order_by().values("site").annotate(latest=Max("pk")).values("latest")
    )  # fmt: skip
    rows = ReconciliationRow.objects.filter(run__in=latest, kind=ReconciliationRow.Kind.ORDER)
    found = {
        site: (run, count) for site, run, count in rows.order_by().values_list("run__site", "run").annotate(Count("pk"))
    }
    polled, sent = _finished(Activity.POLL), {trace.site: trace for trace in _by_key(Scope.ORDERS_WRITE)()}
    traces = []
    for site in _sites():
        code = site.channel.code
        if site.platform:
            run, count = found.get(site.pk, (0, 0))
            query = f"kind__exact=ORDER&run__id__exact={run}" if run else "kind__exact=ORDER"
            traces.append(Trace(code, _("polled"), polled.get(site.pk), count, ROWS, query))
        elif code in sent:
            traces.append(sent[code])
    return traces


def _by_key(scope: ApiKey.Scope) -> Callable[[], list[Trace]]:
    """When a key that opens this was last used: the site asks or tells by itself."""

    def read() -> list[Trace]:
        keys = ApiKey.objects.filter(revoked=False, scopes__contains=[scope]).order_by()
        used = dict(keys.values_list("site").annotate(last=Max("last_used_at")))
        return [
            Trace(site.channel.code, _("key last used"), used[site.pk]) for site in _sites() if site.pk in used
        ]  # fmt: skip

    return read


def _sites() -> list[EcSite]:
    return list(EcSite.objects.select_related("channel").order_by("channel__code"))


def _finished(activity: Activity) -> dict[int, dt.datetime | None]:
    return dict(SiteActivity.objects.filter(activity=activity).values_list("site", "finished_at"))
