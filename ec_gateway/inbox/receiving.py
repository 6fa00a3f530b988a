"""Webhooks into the inbox. Nothing is understood here beyond what their platform translated."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace

import structlog
from django.db import transaction

from ec_gateway.inbox.webhook_watch import note_webhook
from ec_gateway.models import EcSite, InboundEvent
from ec_gateway.platforms.interface import News, NewsKind, Platform
from ec_gateway.platforms.taking_in import take_in
from ec_gateway.platforms.unreadable import not_read, unreadable
from ec_gateway.services.echoes import is_echo
from erp.core.actors import Actor
from erp.core.errors import InvalidInput
from erp.core.retries import is_passing

log = structlog.get_logger(__name__)


def receive_webhook(
    *, site: EcSite, platform: Platform, headers: Mapping[str, str], body: bytes, at: dt.datetime
) -> list[int]:
    """Keep what a verified webhook says, in one short transaction, the body as it came; returns the numbers of the new events.

    What the site signed and nobody understands, or could keep as it was understood, is kept too, once per content: the worker refuses it, which
    tells staff.
    """
    try:
        told = [replace(item, raw=body) for item in platform.read_webhook(headers=headers, body=body)]
        return _keep(site, [item for item in told if not _is_echo(site.pk, item, at)], at)
    except InvalidInput as problems:
        told = [unreadable(body, str(problems))]
    except Exception as fault:
        if is_passing(fault):
            raise
        # An edge: the site sends it once, so whatever goes wrong here must not lose it.
        log.exception("webhook_not_read", site=site.pk)
        told = [unreadable(body, not_read(fault))]
    return _keep(site, told, at)


def _keep(site: EcSite, news: Sequence[News], at: dt.datetime) -> list[int]:
    with transaction.atomic():
        note_webhook(site_id=site.pk, at=at, by=Actor.channel(site.channel.code, "webhook"))
        return take_in(site_id=site.pk, news=news, source=InboundEvent.Source.WEBHOOK, at=at)


def _is_echo(site_id: int, item: News, at: dt.datetime) -> bool:
    """Our own pushes come back, one message per figure: they say nothing, and are too many to keep."""
    if item.kind != NewsKind.STOCK_ECHO:
        return False
    code, quantity = item.document["external_code"], item.document["quantity"]
    return is_echo(site_id=site_id, external_code=code, quantity=quantity, at=at)
