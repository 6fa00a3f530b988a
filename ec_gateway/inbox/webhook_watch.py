"""Platforms switch a webhook off after a few failures and tell nobody. Here it is noticed: by asking, or by news that no webhook announced."""

from __future__ import annotations

import datetime as dt

from django.db import connection
from django.utils.translation import gettext as _

from ec_gateway.models import EcSite, InboundEvent, SiteState
from ec_gateway.platforms.calling import Line
from erp.core import staff_tasks
from erp.core.actors import Actor
from erp.core.models import StaffTask
from erp.core.use_case import use_case

TASK_OFF = "WEBHOOKS_OFF"
SUBJECT = "EC_SITE"

ASK_EVERY = dt.timedelta(minutes=10)
# One webhook may get lost; when this many changes were found by polling only, and none was announced since, they no longer come.
UNANNOUNCED = 2
UNANNOUNCED_FOR = dt.timedelta(minutes=15)
# A webhook is worth a write only now and then.
NOTE_EVERY = dt.timedelta(seconds=5)

_SEEN = """
UPDATE ec_gateway_sitestate AS state SET webhook_seen_at = %(at)s, webhooks_off_since = NULL
FROM (SELECT site_id, webhooks_off_since FROM ec_gateway_sitestate WHERE site_id = %(site)s FOR NO KEY UPDATE) before
WHERE state.site_id = before.site_id
RETURNING before.webhooks_off_since IS NOT NULL
"""


def note_webhook(*, site_id: int, at: dt.datetime, by: Actor) -> None:
    """A webhook came: they are on. Part of the transaction that keeps its news."""
    state = SiteState.objects.get_or_create(pk=site_id)[0]
    is_noted = state.webhook_seen_at is not None and state.webhook_seen_at > at - NOTE_EVERY
    if is_noted and state.webhooks_off_since is None:
        return
    with connection.cursor() as cursor:
        cursor.execute(_SEEN, {"site": state.pk, "at": at})
        found = cursor.fetchone()
    if found and found[0]:
        StaffTask.objects.filter(
            kind=TASK_OFF, subject_type=SUBJECT, subject_id=state.pk, closed_at__isnull=True
        ).update(closed_at=at, closed_by=str(by), resolution=_("Webhooks come again."))


def watch_webhooks(line: Line) -> None:
    """Find out whether the site still announces its changes, and tell staff when it does not. Asks the site now and then."""
    at, site = line.clock(), line.site
    state = SiteState.objects.get_or_create(pk=site.pk)[0]
    answer = None
    if state.webhooks_asked_at is None or state.webhooks_asked_at <= at - ASK_EVERY:
        answer = line.call(lambda platform: platform.are_webhooks_on())
        SiteState.objects.filter(pk=site.pk).update(webhooks_asked_at=at)
    if answer is False:
        _note_off(site=site, why=_("The site says that it sends no webhooks any more."), at=at, by=line.by)
    elif state.webhooks_off_since is None and _are_changes_unannounced(state, at):
        _note_off(site=site, why=_("Changes are found by polling only; no webhook announced them."), at=at, by=line.by)


def _are_changes_unannounced(state: SiteState, at: dt.datetime) -> bool:
    """Whether the site, which once sent webhooks, has been silent while polling found its changes."""
    if state.webhook_seen_at is None:
        return False
    polled = InboundEvent.objects.filter(
        site_id=state.pk,
        source=InboundEvent.Source.POLL,
        received_at__gt=state.webhook_seen_at,
        received_at__lte=at - UNANNOUNCED_FOR,
    )
    return len(polled[:UNANNOUNCED]) >= UNANNOUNCED


@use_case
def _note_off(*, site: EcSite, why: str, at: dt.datetime, by: Actor) -> None:
    state = SiteState.objects.select_for_update(no_key=True).get(pk=site.pk)
    if state.webhooks_off_since is None:
        state.webhooks_off_since = at
        state.save(update_fields=["webhooks_off_since"])
    detail = _("%(why)s Orders still come in by polling. Switch the webhook on again on the site.") % {"why": why}
    finding = staff_tasks.Finding(TASK_OFF, SUBJECT, site.pk, str(site.channel), detail)
    staff_tasks.open_tasks([finding], at=at, by=by)
