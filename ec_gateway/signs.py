"""The signs of health that the gateway knows: the broker, what waits in it, and how each EC site fares."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import redis
from django.db.models import Count, Min
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ec_gateway import health
from ec_gateway.models import EcSite, ReconciliationRun, SiteActivity, SiteState
from ec_gateway.selectors import failing_activities, open_drift_rows, paused_sites
from ec_gateway.services import access
from erp.core.clock import written_moment
from erp.core.health import CannotTell, Part, Reading, Sign, State, judge, register
from erp.core.spans import exactly, in_words

Run = ReconciliationRun.State


def register_signs() -> None:
    register(
        Sign(
            "broker", Part.PARTS, gettext_lazy("Broker of messages"),
            gettext_lazy("Valkey or Redis wakes the workers up. What is to be done is in the database."),
            gettext_lazy("Start it again. Nothing is lost: workers look again by themselves."),
            _broker,
        ),
        Sign(
            "messages", Part.JOBS, gettext_lazy("Messages that wait for a worker"),
            gettext_lazy("Wake-ups that nobody has taken. Many of them mean that a worker stands still."),
            gettext_lazy("Look whether the worker of this queue runs, and start it again."),
            _messages,
        ),
        Sign(
            "inbox", Part.SITES, gettext_lazy("Oldest news in the inboxes"),
            gettext_lazy("What a site sent and nobody has worked off yet, though it could be."),
            gettext_lazy("Look whether the worker of the EC sites runs; then apply the oldest events again."),
            _inbox, "admin:ec_gateway_inboundevent_changelist",
        ),
        Sign(
            "push", Part.SITES, gettext_lazy("Oldest stock that is to be sent"),
            gettext_lazy("Until it is sent, a site offers what it was told last."),
            gettext_lazy("Look whether the site is paused or slow, and whether the worker of the EC sites runs."),
            _push, "admin:ec_gateway_sitepush_changelist",
        ),
        Sign(
            "connection", Part.SITES, gettext_lazy("Connection"),
            gettext_lazy("A site that does not answer is asked less and less; nothing is sent to one that is paused."),
            gettext_lazy("Read the reason, talk to whoever runs the site, then resume it."),
            _connections, "admin:ec_gateway_sitestate_changelist",
        ),
        Sign(
            "activities", Part.SITES, gettext_lazy("Work for the site"),
            gettext_lazy("Polling, inbox, sending and comparing each begin anew by themselves after a failure."),
            gettext_lazy("If it fails again and again, read the error in the list and have it put right."),
            _activities, "admin:ec_gateway_siteactivity_changelist",
        ),
        Sign(
            "drift", Part.SITES, gettext_lazy("Stock and orders that differ"),
            gettext_lazy("What the site shows other than we allow, and orders it has other than we, by the last comparison."),
            gettext_lazy("Open the rows, read the cause. What is not repaired by itself is a task."),
            _drift, "admin:ec_gateway_reconciliationrow_changelist",
        ),
        Sign(
            "reconciliation", Part.SITES, gettext_lazy("Last comparison"),
            gettext_lazy("Every night stock and orders are compared with what the site itself says."),
            gettext_lazy("Read why it broke off and compare the site again from the list of comparisons."),
            _reconciliations, "admin:ec_gateway_reconciliationrun_changelist",
        ),
        Sign(
            "keys", Part.SAFETY, gettext_lazy("API keys"),
            gettext_lazy("With its key a site calls us. After its last day it is refused."),
            gettext_lazy("Make a new key in time, give it to whoever runs the site, then revoke the old one."),
            _keys, "admin:ec_gateway_apikey_changelist",
        ),
        Sign(
            "credentials", Part.SAFETY, gettext_lazy("Credentials and certificates of sites"),
            gettext_lazy("With them we call the site. After their last day nothing is polled and nothing is sent."),
            gettext_lazy("Get new ones from whoever runs the site and enter them at the EC site with their last day."),
            _credentials, "admin:ec_gateway_ecsite_changelist",
        ),
    )  # fmt: skip


def _broker(at: dt.datetime) -> Iterator[Reading]:
    is_there = health.outcome("broker", health.CHECKS["broker"]) == "ok"
    yield Reading(State.OK, _("answers")) if is_there else Reading(State.TROUBLE, _("does not answer"))


def _messages(at: dt.datetime) -> Iterator[Reading]:
    try:
        lengths = health.queue_lengths()
    except redis.RedisError as error:
        raise CannotTell(str(error)) from error
    titles = {"celery": _("Worker of the house"), "ec_gateway": _("Worker of the EC sites")}
    for queue, count in lengths.items():
        yield Reading(judge("messages", count), f"{count:,}", titles.get(queue, queue))


def _inbox(at: dt.datetime) -> Iterator[Reading]:
    yield _waiting("inbox_waits_s", health.inbox_waits_s(at))


def _push(at: dt.datetime) -> Iterator[Reading]:
    yield _waiting("push_waits_s", health.push_waits_s(at))


def _waiting(limit: str, seconds: float) -> Reading:
    return Reading(judge(limit, seconds), exactly(seconds) if seconds else _("nothing waits"))


def _connections(at: dt.datetime) -> Iterator[Reading]:
    silent = set(paused_sites(SiteState.objects.all()).values_list("pk", flat=True))
    for state in SiteState.objects.select_related("site__channel").order_by("site__channel__code"):
        name = state.site.channel.name
        if state.pk in silent:
            by_staff = _("paused by staff") if state.is_paused_by_staff else ""
            why = by_staff or state.setup_error or state.last_error or _("does not answer")
            yield Reading(judge("not_talked_to", 1), why.splitlines()[0][:200], name, "trouble=1")
        elif state.webhooks_off_since is not None:
            told = _("webhooks are switched off since %(at)s") % {"at": written_moment(state.webhooks_off_since)}
            yield Reading(State.ATTENTION, told, name)
        elif state.last_success_at is None:
            yield Reading(State.OK, _("not called yet"), name)
        else:
            ago = exactly((at - state.last_success_at).total_seconds())
            yield Reading(State.OK, _("answered %(ago)s ago") % {"ago": ago}, name)


def _activities(at: dt.datetime) -> Iterator[Reading]:
    """Those that fail, each by name; one line per site for all others."""
    failing = failing_activities(SiteActivity.objects.select_related("site__channel"))
    troubled = set()
    for row in failing.order_by("site__channel__code", "activity"):
        troubled.add(row.site_id)
        told = _("%(what)s failed %(count)d times in a row: %(error)s") % {
            "what": row.get_activity_display(), "count": row.failures_in_row, "error": row.last_error[:200],
        }  # fmt: skip
        yield Reading(judge("failing_activities", row.failures_in_row), told, row.site.channel.name, "trouble=1")
    for site in EcSite.objects.exclude(platform="").exclude(pk__in=troubled).select_related("channel").order_by("pk"):
        yield Reading(State.OK, _("goes well"), site.channel.name)


def _drift(at: dt.datetime) -> Iterator[Reading]:
    counted = dict(open_drift_rows().order_by().values_list("run__site").annotate(count=Count("pk")))
    for site in EcSite.objects.exclude(platform="").select_related("channel").order_by("pk"):
        count = counted.get(site.pk, 0)
        query = f"open=1&run__site__channel__id__exact={site.channel_id}"
        told = ngettext("%(count)d row", "%(count)d rows", count) % {"count": count} if count else _("none")
        yield Reading(judge("drift", count), told, site.channel.name, query)


def _reconciliations(at: dt.datetime) -> Iterator[Reading]:
    """The last run that came to its end; a later one that broke off is told instead."""
    runs = ReconciliationRun.objects.exclude(state=Run.RUNNING).order_by("site", "-pk").distinct("site")
    last = {run.site_id: run for run in runs}
    first_seen = dict(SiteActivity.objects.values_list("site").annotate(first=Min("finished_at")))
    for site in EcSite.objects.exclude(platform="").select_related("channel").order_by("pk"):
        name, run = site.channel.name, last.get(site.pk)
        query = f"site__channel__id__exact={site.channel_id}"
        if run is None or run.finished_at is None:
            state = State.ATTENTION if first_seen.get(site.pk) else State.OK
            yield Reading(state, _("has not run yet"), name, query)
        elif run.state == Run.BROKEN_OFF:
            told = _("%(at)s: broke off. %(why)s") % {"at": written_moment(run.finished_at), "why": run.error[:200]}
            yield Reading(State.TROUBLE, told, name, query)
        else:
            age = (at - run.finished_at).total_seconds()
            told = _("%(at)s: %(stock)d differences of stock, %(orders)d of orders") % {
                "at": written_moment(run.finished_at), "stock": run.stock_rows, "orders": run.order_rows,
            }  # fmt: skip
            yield Reading(judge("reconciled_s", age), told, name, query)


def _keys(at: dt.datetime) -> Iterator[Reading]:
    for site, ends in access.ends(at=at):
        query = f"site__channel__id__exact={site.channel_id}"
        yield _ending(ends.key, site.channel.name, query, at)


def _credentials(at: dt.datetime) -> Iterator[Reading]:
    for site, ends in access.ends(at=at):
        if site.platform:
            yield _ending(ends.credentials, site.channel.name, "", at)


def _ending(ends: dt.datetime | None, subject: str, query: str, at: dt.datetime) -> Reading:
    if ends is None:
        return Reading(State.OK, _("without an end"), subject, query)
    seconds = (ends - at).total_seconds()
    day = timezone.localtime(ends - dt.timedelta(microseconds=1)).date()
    told = (
        _("until %(day)s, %(left)s left") % {"day": f"{day:%Y/%m/%d}", "left": in_words(seconds)}
        if seconds > 0
        else _("ended %(day)s") % {"day": f"{day:%Y/%m/%d}"}
    )
    return Reading(judge("ends_in_days", seconds / 86_400), told, subject, query)
