"""Celery's side of the gateway: each task is a wake-up for one site. Safe to run twice and late; unknown sites are no work.

What is to be done stands in the database, and one activity of one site is done by one process at a time (``services.leases``).
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

import structlog
from celery import shared_task
from celery.signals import worker_shutting_down
from django.db.models import QuerySet
from django.utils import timezone

from ec_gateway.inbox.polling import poll
from ec_gateway.inbox.working import actor_of, is_behind, work_off
from ec_gateway.models import Activity, EcSite
from ec_gateway.platforms.calling import Line, NotNow
from ec_gateway.platforms.connections import connect
from ec_gateway.platforms.interface import PlatformError
from ec_gateway.publishing import Ended, Pace, publish, sites_to_publish
from ec_gateway.reconciliation import reconcile
from ec_gateway.services import wakes
from ec_gateway.services.leases import LeaseLost, new_holder
from ec_gateway.services.wakes import PUBLISH_ALL, TASKS
from erp.core.actors import Actor
from erp.core.errors import DomainError

log = structlog.get_logger(__name__)

# Publishers linger and run for a while; when the worker is to end, they end at once.
_ending = threading.Event()


@worker_shutting_down.connect
def end_the_publishers(**_: object) -> None:
    _ending.set()


def _line(sites: QuerySet[EcSite], by: Callable[[EcSite], Actor]) -> Line | None:
    """The way to a site. None where nothing is to be called, or its set-up cannot be used: then its state says so, and staff are told."""
    site = sites.select_related("channel", "state").exclude(platform="").first()
    if site is None:
        return None
    try:
        platform = connect(site, at=timezone.now(), by=by(site))
    except DomainError as refusal:
        log.warning("site_not_connected", site=site.pk, why=str(refusal))
        return None
    return Line(site, platform, clock=timezone.now, by=by(site))


@shared_task(name=TASKS[Activity.INBOX], acks_late=True, ignore_result=True)
def work_inbox(*, site_id: int, **_: object) -> None:
    """Apply what waits in the inbox of a site."""
    run = work_off(site_id=site_id, holder=new_holder(), clock=timezone.now, jitter=random.random)
    if run.wants_poll:
        wakes.wake(site_id=site_id, activity=Activity.POLL)
    if run.wants_publish:
        wakes.wake(site_id=site_id, activity=Activity.PUBLISH)


@shared_task(name=TASKS[Activity.POLL], acks_late=True, ignore_result=True)
def poll_site(*, site_id: int, **_: object) -> None:
    """Fetch what changed on a site into its inbox."""
    line = _line(EcSite.objects.filter(pk=site_id, is_polling=True), actor_of)
    if line is None:
        return
    run = poll(line=line, holder=new_holder(), wait=time.sleep)
    if run.taken or is_behind(site_id=site_id):
        wakes.wake(site_id=site_id, activity=Activity.INBOX)


@shared_task(name=TASKS[Activity.PUBLISH], acks_late=True, ignore_result=True)
def publish_site(*, site_id: int, lingers: bool = True, **_: object) -> None:
    """Tell a site what it may sell and what was shipped; then look on for a little while."""
    line = _line(EcSite.objects.filter(pk=site_id, is_publishing=True), lambda _site: Actor.job("publish"))
    if line is None:
        return
    pace = Pace(_ending.wait, _ending.is_set, **({} if lingers else {"linger_s": 0.0}))
    if publish(line=line, holder=new_holder(), pace=pace) == Ended.BREAK and not _ending.is_set():
        wakes.wake(site_id=site_id, activity=Activity.PUBLISH)


@shared_task(name=PUBLISH_ALL, acks_late=True, ignore_result=True)
def publish_all(**_: object) -> None:
    """Something changed: every site that nobody is telling yet gets a publisher; who is at it sees the change by himself."""
    for site_id in sites_to_publish(at=timezone.now()):
        publish_site.delay(site_id=site_id)


@shared_task(name=TASKS[Activity.RECONCILE], acks_late=True, ignore_result=True)
def reconcile_site(*, site_id: int, is_dry_run: bool = False, **_: object) -> None:
    """Compare a site with us and repair what is safe to repair; does nothing while another run is under way."""
    by = Actor.job("reconcile")
    line = _line(EcSite.objects.filter(pk=site_id), lambda _site: by)
    if line is None:
        return
    try:
        outcome = reconcile(line=line, holder=new_holder(), wait=time.sleep, by=by, is_dry_run=is_dry_run)
    except (PlatformError, NotNow, LeaseLost) as error:
        # The run says so itself, and is made up for by the job.
        log.warning("reconciliation_broken_off", site=site_id, why=str(error))
        return
    if outcome is not None and outcome.wants_inbox:
        wakes.wake(site_id=site_id, activity=Activity.INBOX)
    if outcome is not None and outcome.wants_publish:
        wakes.wake(site_id=site_id, activity=Activity.PUBLISH)
