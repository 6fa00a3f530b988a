"""連携エラー: what waits for somebody between us and the sites."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import partial
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from ec_gateway.models import ApiKey, EcSite, InboundEvent, ShipmentNotice, SiteActivity, SitePush, SiteState
from ec_gateway.selectors.drift import open_drift_rows
from ec_gateway.selectors.inbox import UNFINISHED
from ec_gateway.selectors.trouble import failed_notices, failed_pushes, failing_activities, paused_sites
from erp.core.work_queues import WorkQueue, register

ENDS_SOON = dt.timedelta(days=30)


def register_queues() -> None:
    register(*(_inbox(state) for state in UNFINISHED))
    register(
        WorkQueue(
            "ec_gateway.drift", _("Stock and orders that differ on EC sites"), lambda _viewer: open_drift_rows(),
            "admin:ec_gateway_reconciliationrow_changelist", "open=1", worked_by="ec_gateway.change_reconciliationrun",
            since="run__finished_at",
        ),
        _trouble("paused", _("Sites that are not talked to"), SiteState, paused_sites, since="silent_since"),
        _trouble("activities", _("Work for a site that fails"), SiteActivity, failing_activities, since="last_error_at"),
        _trouble("pushes", _("Stock that a site does not take"), SitePush, failed_pushes, since="dirty_since"),
        _trouble("shipments", _("Shipments that a site does not take"), ShipmentNotice, failed_notices, since="created_at"),
        WorkQueue(
            "ec_gateway.keys", _("API keys that end soon"), lambda _viewer: ending_keys(), "admin:ec_gateway_apikey_changelist", "ends=soon",
            worked_by="ec_gateway.change_apikey", due="expiry_date", order="expiry_date",
        ),
        WorkQueue(
            "ec_gateway.credentials", _("Credentials of sites that end soon"), lambda _viewer: ending_credentials(),
            "admin:ec_gateway_ecsite_changelist", "ends=soon", worked_by="ec_gateway.change_ecsite", due="credentials_expire_on",
            order="credentials_expire_on",
        ),
    )  # fmt: skip


def ending_keys() -> QuerySet[ApiKey]:
    """Keys that opened something until now and will not for long, or not any more."""
    return ApiKey.objects.filter(revoked=False, expiry_date__lt=timezone.now() + ENDS_SOON)


def ending_credentials() -> QuerySet[EcSite]:
    return EcSite.objects.filter(credentials_expire_on__lt=timezone.localdate() + ENDS_SOON)


def _inbox(state: InboundEvent.State) -> WorkQueue:
    return WorkQueue(
        f"ec_gateway.inbox.{state.lower()}",
        format_lazy(_("Inbox: {state}"), state=state.label),
        partial(_events, state),
        "admin:ec_gateway_inboundevent_changelist",
        f"state__exact={state}",
        worked_by="ec_gateway.change_inboundevent",
        since="received_at",
    )


def _events(state: InboundEvent.State, _viewer: Any) -> QuerySet[InboundEvent]:
    return InboundEvent.objects.filter(state=state)


def _trouble(
    code: str, title: Any, model: Any, troubled: Callable[[QuerySet[Any]], QuerySet[Any]], *, since: str
) -> WorkQueue:
    name = model._meta.model_name
    return WorkQueue(
        f"ec_gateway.{code}",
        title,
        lambda _viewer: troubled(model.objects.all()),
        f"admin:ec_gateway_{name}_changelist",
        "trouble=1",
        worked_by=f"ec_gateway.change_{name}",
        since=since,
    )
