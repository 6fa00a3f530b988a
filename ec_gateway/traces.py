"""How the facts of each asset last went to and from the sites, for the map of ownership."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from django.db.models import Count, Max
from django.utils.translation import gettext as _

from ec_gateway.models import Activity, ApiKey, EcSite, ReconciliationRow, SiteActivity
from ec_gateway.selectors import open_drift_rows
from erp.core import ownership
from erp.core.ownership import Delivery, Trace

Scope, Kind = ApiKey.Scope, ReconciliationRow.Kind
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
    drift = _open(Kind.STOCK)
    pushed = _finished(Activity.PUBLISH)
    return [
        Trace(
            site.channel.name, _("sent"), pushed.get(site.pk), drift.get(site.pk, 0), ROWS, _rows_of(site, Kind.STOCK),
        )
        for site in _sites()
        if site.platform
    ]  # fmt: skip


def _orders() -> list[Trace]:
    """What was polled, and in which orders the last comparison found a difference that is still open. Sites that are not called send by
    themselves."""
    drift = _open(Kind.ORDER)
    polled, used = _finished(Activity.POLL), _used(Scope.ORDERS_WRITE)
    traces = []
    for site in _sites():
        name = site.channel.name
        if site.platform:
            traces.append(
                Trace(name, _("polled"), polled.get(site.pk), drift.get(site.pk, 0), ROWS, _rows_of(site, Kind.ORDER))
            )
        elif site.pk in used:
            traces.append(Trace(name, _("key last used"), used[site.pk]))
    return traces


def _open(kind: ReconciliationRow.Kind) -> dict[int, int]:
    """How many differences of each site are open."""
    rows = open_drift_rows().filter(kind=kind).order_by()
    return dict(rows.values_list("run__site").annotate(count=Count("pk")))


def _rows_of(site: EcSite, kind: ReconciliationRow.Kind) -> str:
    return f"open=1&kind__exact={kind}&run__site__channel__id__exact={site.channel_id}"


def _by_key(scope: ApiKey.Scope) -> Callable[[], list[Trace]]:
    """When a key that opens this was last used: the site asks or tells by itself."""

    def read() -> list[Trace]:
        used = _used(scope)
        return [
            Trace(site.channel.name, _("key last used"), used[site.pk]) for site in _sites() if site.pk in used
        ]  # fmt: skip

    return read


def _used(scope: ApiKey.Scope) -> dict[int, dt.datetime | None]:
    """When a key of each site that opens this was last used."""
    keys = ApiKey.objects.filter(revoked=False, scopes__contains=[scope]).order_by()
    return dict(keys.values_list("site").annotate(last=Max("last_used_at")))


def _sites() -> list[EcSite]:
    return list(EcSite.objects.select_related("channel").order_by("channel__code"))


def _finished(activity: Activity) -> dict[int, dt.datetime | None]:
    return dict(SiteActivity.objects.filter(activity=activity).values_list("site", "finished_at"))
