"""``/metrics``: how it goes, in the text format of Prometheus. Each figure is asked when it is scraped; none is counted in a process.

Only for whoever has METRICS_TOKEN, or calls from this machine itself: names of sites and what is late is nobody else's business.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import redis
import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from ec_gateway import health
from ec_gateway.models import ApiKey, EcSite, SiteActivity, SiteState
from erp.core import changes, work_queues
from erp.core.models import JobRun

log = structlog.get_logger(__name__)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
LOOPBACK = ("127.0.0.1", "::1")

Sample = tuple[Mapping[str, str], float]


@dataclass(frozen=True)
class Gauge:
    """One figure with its labels. ``read`` may fail: then it is missing, and the rest is still told."""

    name: str
    help: str
    read: Callable[[dt.datetime], Iterable[Sample]]


def _up(at: dt.datetime) -> Iterable[Sample]:
    for name, ask in health.CHECKS.items():
        yield {"part": name}, float(health.outcome(name, ask) == "ok")


def _feed_lag(at: dt.datetime) -> Iterable[Sample]:
    yield {}, changes.lag().behind_s


def _oldest_transaction(at: dt.datetime) -> Iterable[Sample]:
    yield {}, changes.lag().oldest_transaction_s


def _paused(at: dt.datetime) -> Iterable[Sample]:
    for state in SiteState.objects.select_related("site__channel").order_by("pk"):
        is_open = state.is_paused_by_staff or (state.open_until is not None and state.open_until > at)
        yield {"site": state.site.channel.code}, float(is_open)


def _failures(at: dt.datetime) -> Iterable[Sample]:
    for state in SiteState.objects.select_related("site__channel").order_by("pk"):
        yield {"site": state.site.channel.code}, float(state.failures_in_row)


def _failing(at: dt.datetime) -> Iterable[Sample]:
    for row in SiteActivity.objects.select_related("site__channel").order_by("pk"):
        yield {"site": row.site.channel.code, "activity": row.activity.lower()}, float(row.failures_in_row)


def _keys(at: dt.datetime) -> Iterable[Sample]:
    keys = ApiKey.objects.filter(revoked=False, expiry_date__isnull=False).select_related("site__channel")
    for key in keys.order_by("prefix"):
        assert key.expiry_date is not None
        labels = {"site": key.site.channel.code, "key": key.prefix, "name": key.name}
        yield labels, (key.expiry_date - at).total_seconds()


def _credentials(at: dt.datetime) -> Iterable[Sample]:
    today = timezone.localdate(at)
    for site in EcSite.objects.filter(credentials_expire_on__isnull=False).select_related("channel").order_by("pk"):
        assert site.credentials_expire_on is not None
        yield {"site": site.channel.code}, float((site.credentials_expire_on - today).days * 86_400)


def _work(at: dt.datetime) -> Iterable[Sample]:
    for queue in work_queues.registered():
        yield {"queue": queue.code}, float(work_queues.measure(queue).count)


def _messages(at: dt.datetime) -> Iterable[Sample]:
    for name, count in health.queue_lengths().items():
        yield {"queue": name}, float(count)


_LAST_RUNS = (
    "SELECT job, extract(epoch FROM %s - max(finished_at))::float8 FROM core_jobrun"
    " WHERE finished_at IS NOT NULL GROUP BY job ORDER BY job"
)


def _jobs(at: dt.datetime) -> Iterable[Sample]:
    assert JobRun._meta.db_table == "core_jobrun"
    with connection.cursor() as cursor:
        cursor.execute(_LAST_RUNS, [at])
        for job, seconds in cursor.fetchall():
            yield {"job": job}, seconds


GAUGES = (
    Gauge("mamori_up", "Whether a part that Mamori needs answers.", _up),
    Gauge("mamori_feed_lag_seconds", "Age of the oldest change that readers cannot see yet.", _feed_lag),
    Gauge("mamori_oldest_transaction_seconds", "Age of the transaction that holds the feed.", _oldest_transaction),
    Gauge("mamori_site_paused", "1 while nothing is sent to a site (連携一時停止).", _paused),
    Gauge("mamori_site_failures_in_row", "Calls of a site that failed since one succeeded.", _failures),
    Gauge("mamori_site_activity_failures_in_row", "Runs of work for a site that failed since one went well.", _failing),
    Gauge("mamori_api_key_expires_seconds", "Time until a key expires; negative: it has.", _keys),
    Gauge("mamori_site_credentials_expire_seconds", "Time until the credentials of a site expire.", _credentials),
    Gauge("mamori_waiting_work", "What waits for people or for a date, up to what is counted.", _work),
    Gauge("mamori_queue_messages", "Messages that wait for a worker.", _messages),
    Gauge("mamori_job_finished_seconds_ago", "How long ago a job was last done.", _jobs),
)


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    if not _may_read(request):
        return HttpResponse("forbidden\n", status=403, content_type="text/plain")
    return HttpResponse(exposition(at=timezone.now()), content_type=CONTENT_TYPE)


def exposition(*, at: dt.datetime) -> str:
    lines = []
    for gauge in GAUGES:
        lines += [f"# HELP {gauge.name} {gauge.help}", f"# TYPE {gauge.name} gauge"]
        try:
            lines += [f"{gauge.name}{_labels(labels)} {value:g}" for labels, value in gauge.read(at)]
        except (DatabaseError, redis.RedisError) as error:
            log.warning("metric_missing", name=gauge.name, error=str(error))
    return "\n".join([*lines, ""])


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    named = (f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return "{" + ",".join(named) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _may_read(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "")
        return constant_time_compare(given, f"Bearer {settings.METRICS_TOKEN}")
    # Behind a proxy on this machine everybody seems to be local.
    return request.META.get("REMOTE_ADDR") in LOOPBACK and "X-Forwarded-For" not in request.headers
