"""Polling with overlap: the guarantee behind the webhooks. News go into the inbox in the transaction that moves the cursor behind them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from functools import partial

import structlog
from django.db import transaction
from django.utils.translation import gettext as _

from ec_gateway.inbox.webhook_watch import watch_webhooks
from ec_gateway.models import Activity, InboundEvent
from ec_gateway.platforms.calling import Line, NotNow, trouble_of
from ec_gateway.platforms.interface import News, OrderPage, Platform, PlatformError
from ec_gateway.platforms.patience import Wait, call_patiently
from ec_gateway.platforms.taking_in import take_in_again, take_in_page
from ec_gateway.services import leases
from ec_gateway.services.troubles import Trouble

OVERLAP = dt.timedelta(minutes=10)
NO_OVERLAP = dt.timedelta(0)
# A run that never ends is a bug on one of the two sides; what is left is fetched by the next.
MAX_PAGES = 10_000

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Polled:
    """What one run brought. ``error`` says why it ended before the end of the news, if it did."""

    pages: int = 0
    taken: int = 0
    error: str = ""
    trouble: Trouble | None = None

    def __str__(self) -> str:
        told = _("%(taken)d new on %(pages)d page(s)") % {"taken": self.taken, "pages": self.pages}
        return f"{told}: {self.error}" if self.error else told


def poll(*, line: Line, holder: str, wait: Wait) -> Polled:
    """Fetch what changed on the site since last time, all pages of it. Does nothing while somebody else polls it (who then looks again).

    A failed call ends the run and is counted; nothing that was fetched before is lost.
    """
    run = Polled()
    lease = leases.take(site_id=line.site.pk, activity=Activity.POLL, holder=holder, at=line.clock())
    if lease is None:
        return run
    try:
        while True:
            wakes = lease.wakes
            # Each page keeps the lease and sees the wake-ups until then; only those from before this reading count as looked after.
            lease = replace(_read_on(line, wait, lease, run), wakes=wakes)
            if leases.give_back(
                lease, at=line.clock(), detail=str(run), force=bool(run.error), trouble=run.trouble
            ):  # fmt: skip
                break
            lease = leases.heartbeat(lease, at=line.clock())
    except leases.LeaseLost:
        log.warning("poll_lease_lost", site=line.site.pk)
    except BaseException as fault:
        leases.give_back(lease, at=line.clock(), detail=str(run), force=True, trouble=trouble_of(fault))
        raise
    return run


def _read_on(line: Line, wait: Wait, lease: leases.Lease, run: Polled) -> leases.Lease:
    """Read from the cursor, less the overlap, to the end of the news."""
    overlap = OVERLAP
    try:
        for _number in range(MAX_PAGES):
            before = lease.cursor
            page = call_patiently(line, partial(_fetch, cursor=lease.cursor, overlap=overlap), wait=wait)
            run.pages += 1
            # The lease is kept in the same transaction: whoever lost it neither stores nor moves the cursor.
            with transaction.atomic():
                lease = leases.heartbeat(lease, at=line.clock())
                taken = take_in_page(
                    site_id=line.site.pk, news=page.news, source=InboundEvent.Source.POLL, at=line.clock()
                )
                lease = leases.move_cursor(lease, page.cursor)
            run.taken += len(taken)
            if page.is_last:
                break
            if page.cursor == before and not overlap:
                raise PlatformError(_("The site answers the same page for ever."), is_retryable=False)
            overlap = NO_OVERLAP
        watch_webhooks(line)
    except (PlatformError, NotNow) as error:
        run.error, run.trouble = str(error), trouble_of(error)
    return lease


def _fetch(platform: Platform, *, cursor: str, overlap: dt.timedelta) -> OrderPage:
    return platform.fetch_orders(cursor=cursor, overlap=overlap)


def fetch_by_hand(*, line: Line, external_id: str) -> tuple[list[News], list[int]]:
    """Fetch one order from the site as it is now, into the inbox. Returns what the site said, and the events that are to be applied.

    Raises PlatformError, NotNow.
    """
    news = line.call(lambda platform: platform.fetch_order(external_id=external_id))
    with transaction.atomic():
        return news, take_in_again(site_id=line.site.pk, news=news, at=line.clock())
