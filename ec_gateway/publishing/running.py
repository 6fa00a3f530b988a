"""The publisher of one site: takes the lease, reads the feed, pushes, lingers a little for what comes next, and gives the lease back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from ec_gateway import platforms
from ec_gateway.models import Activity, EcSite, SiteActivity, SiteState
from ec_gateway.platforms.calling import Line, NotNow, trouble_of
from ec_gateway.publishing.marking import mark_from_feed
from ec_gateway.publishing.pushing import Round, push_due
from ec_gateway.publishing.shipments import push_due_shipments
from ec_gateway.services import leases, pushes, wakes
from ec_gateway.services.admission import Reason
from ec_gateway.services.leases import Lease, LeaseLost
from ec_gateway.services.troubles import NOT_TRIED
from erp.core.actors import Actor

log = structlog.get_logger(__name__)

# The lease must outlive a call that takes as long as it may.
KEEP_BELOW_S = 20.0


@dataclass(frozen=True)
class Pace:
    """``wait`` pauses for some seconds, ``should_stop`` says that the process wants to end. Both belong to the edge.

    ``linger_s`` is how long a publisher with nothing to do looks on: a wake-up that was left out because another had just been sent is made up for
    by that. ``longest_run_s`` lets others have the thread, and a new release of the code in.
    """

    wait: Callable[[float], object]
    should_stop: Callable[[], bool] = lambda: False
    linger_s: float = 2.0
    look_every_s: float = 0.15
    longest_run_s: float = 20.0


class Ended(StrEnum):
    """Why a publisher ended. After BREAK there may be more to do at once."""

    BUSY = "BUSY"
    IDLE = "IDLE"
    NOT_NOW = "NOT_NOW"
    BREAK = "BREAK"
    LOST = "LOST"


def publish(*, line: Line, holder: str, pace: Pace) -> Ended:
    """Tell one site everything that is due. BUSY when somebody else is doing so, who then looks again."""
    lease = leases.take(site_id=line.site.pk, activity=Activity.PUBLISH, holder=holder, at=line.clock())
    if lease is None:
        return Ended.BUSY
    run = _Run(line, lease, pace)
    try:
        return run.until_idle()
    except LeaseLost:
        log.warning("publish_lease_lost", site=line.site.pk)
        return Ended.LOST
    except BaseException as fault:
        leases.give_back(run.lease, at=line.clock(), detail=run.told(), force=True, trouble=trouble_of(fault))
        raise


class _Run:
    def __init__(self, line: Line, lease: Lease, pace: Pace) -> None:
        self.line, self.lease, self.pace = line, lease, pace
        self.handled = 0
        self.began_at = self.busy_at = line.clock()

    def until_idle(self) -> Ended:
        while True:
            refusal = self._look()
            at = self.line.clock()
            if refusal is not None and refusal.refusal.reason != Reason.BUDGET:
                return self._end(Ended.NOT_NOW)
            if self.pace.should_stop() or (at - self.began_at).total_seconds() >= self.pace.longest_run_s:
                return self._end(Ended.BREAK)
            if refusal is not None:
                if refusal.refusal.wait_s > self.pace.linger_s:
                    return self._end(Ended.NOT_NOW)
                self.pace.wait(refusal.refusal.wait_s)
            elif (at - self.busy_at).total_seconds() >= self.pace.linger_s:
                if leases.give_back(self.lease, at=at, detail=self.told()):
                    return Ended.IDLE
                # Somebody came meanwhile and left a wake-up: look once more.
                self.lease = leases.heartbeat(self.lease, at=at)
            else:
                self.pace.wait(self.pace.look_every_s)

    def _look(self) -> NotNow | None:
        """One look at the feed and at what is due; goes on while there is something to push."""
        self.keep()
        self.lease, read = mark_from_feed(site=self.line.site, lease=self.lease, clock=self.line.clock)
        while True:
            rounds: list[Round] = [push_due(line=self.line, keep=self.keep)]
            if rounds[0].not_now is None:
                rounds.append(push_due_shipments(line=self.line, keep=self.keep))
            handled = sum(item.handled for item in rounds)
            self.handled += handled
            if handled or read:
                self.busy_at, read = self.line.clock(), 0
            refusal = next((item.not_now for item in rounds if item.not_now is not None), None)
            if refusal is not None or not handled or self._must_break():
                return refusal

    def _must_break(self) -> bool:
        spent = (self.line.clock() - self.began_at).total_seconds()
        return self.pace.should_stop() or spent >= self.pace.longest_run_s

    def keep(self) -> None:
        """Keep the lease while there is enough of it left for one call. Raises LeaseLost."""
        at = self.line.clock()
        if (self.lease.until - at).total_seconds() < KEEP_BELOW_S:
            # Wake-ups of meanwhile are not seen by this: nobody has looked after them yet.
            self.lease = replace(leases.heartbeat(self.lease, at=at), wakes=self.lease.wakes)

    def _end(self, how: Ended) -> Ended:
        trouble = NOT_TRIED if how == Ended.NOT_NOW else None
        leases.give_back(self.lease, at=self.line.clock(), detail=self.told(), force=True, trouble=trouble)
        return how

    def told(self) -> str:
        return _("%(count)d told") % {"count": self.handled}


def tend_listings(*, at: dt.datetime, by: Actor) -> int:
    """A job: what was listed without anybody saying so is pushed, what is listed no longer is forgotten."""
    found = 0
    for site_id in EcSite.objects.filter(is_publishing=True).order_by("pk").values_list("pk", flat=True):
        with transaction.atomic():
            found += pushes.mark_never_pushed(site_id=site_id, at=at) + pushes.forget_unlisted(site_id=site_id)
    return found


def sweep(*, at: dt.datetime, by: Actor) -> str:
    """A job: what no wake-up told is found by looking. Returns whom it woke."""
    found = sites_to_publish(at=at)
    for site_id in found:
        wakes.send(activity=Activity.PUBLISH, site_id=site_id, lingers=False)
    return f"{len(found)} woken"


def sites_to_publish(*, at: dt.datetime) -> list[int]:
    """Sites that may be told something now and that nobody is telling."""
    held = SiteActivity.objects.filter(activity=Activity.PUBLISH, lease_until__gt=at).exclude(lease_holder="")
    paused = SiteState.objects.filter(Q(is_paused_by_staff=True) | Q(open_until__gt=at))
    sites = EcSite.objects.filter(is_publishing=True, platform__in=platforms.PLATFORMS, channel__is_active=True)
    wanted = sites.exclude(base_url="").exclude(pk__in=held.values("site_id")).exclude(pk__in=paused.values("site_id"))
    return list(wanted.order_by("pk").values_list("pk", flat=True))
