"""What runs by the clock, as data. A job names a service of the domain; nothing is decided here.

To add one, add a line to ``JOBS``. Its service takes ``at`` and ``by`` by keyword and is safe to run twice: beat may send
a wake-up late or more than once, and a worker may die in the middle. Each slot of a job is claimed in the database, so
that any number of beats and workers run it once.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from celery import shared_task
from celery.schedules import crontab
from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone
from django.utils.module_loading import import_string

from erp.core import job_slots, who, words
from erp.core.actors import Actor
from erp.core.retries import retried
from erp.job_titles import JOB_TITLES, outcome_in_words

log = structlog.get_logger(__name__)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Job:
    """``service`` is a dotted path; ``daily_at`` an hour and minute in company time, for jobs of once a day.

    ``queue`` says whose worker runs it: what only wakes the gateway must not wait behind the work of the house. ``at_start``: a worker that
    starts asks for it at once, so that nobody waits a slot long for what came due while nothing ran.
    """

    name: str
    service: str
    every: timedelta = DAY
    daily_at: tuple[int, int] | None = None
    queue: str = "celery"
    at_start: bool = False


JOBS = (
    Job("dated-prices", "catalog.services.announce_todays_prices", daily_at=(0, 1)),
    Job("dated-products", "catalog.services.announce_todays_products", daily_at=(0, 1)),
    Job("standard-costs", "erp.inventory.services.apply_todays_standards", daily_at=(0, 2)),
    Job("write-downs-back", "erp.inventory.services.take_back_due_write_downs", daily_at=(0, 3)),
    Job("expired-holds", "erp.jobs.sweep_expired_holds", every=MINUTE / 3),
    Job("due-policies", "erp.jobs.announce_due_policies", every=MINUTE / 3),
    Job("due-orders", "erp.orders.services.advance_due_orders", every=MINUTE),
    Job("lost-reservations", "erp.orders.services.reconsider_lost_reservations", every=MINUTE),
    Job("stocktakes", "erp.inventory.services.post_counts", every=5 * MINUTE),
    Job("customer-orders", "erp.inventory.services.fill_customer_orders", every=MINUTE),
    Job("promises", "erp.orders.services.keep_promises", every=MINUTE),
    Job("overdue-payments", "erp.orders.services.give_up_overdue", every=5 * MINUTE),
    Job("waiting-orders", "erp.orders.services.allocate_waiting", every=5 * MINUTE),
    Job("imports", "erp.jobs.work_off_imports", every=MINUTE / 4),
    Job("mails", "erp.correspondence.services.deliver_due", every=MINUTE, queue="ec_gateway"),
    Job("payment-reminders", "erp.orders.services.remind_of_payments", daily_at=(10, 0)),
    Job("ec-inboxes", "ec_gateway.inbox.sweeping.wake_sites", every=MINUTE / 2, queue="ec_gateway"),
    Job("publishing", "ec_gateway.publishing.sweep", every=MINUTE / 12, queue="ec_gateway"),
    Job("listings", "ec_gateway.publishing.tend_listings", every=5 * MINUTE),
    Job("ec-reconciliations", "ec_gateway.reconciliation.scheduling.wake_due_sites", every=10 * MINUTE, at_start=True),
    Job("seals", "accounting.services.seal_entries", every=60 * MINUTE),
    Job("stock-snapshots", "erp.inventory.services.cut_snapshots", daily_at=(2, 45)),
    Job("sessions", "erp.jobs.clear_sessions", daily_at=(3, 0)),
    Job("overdue-sessions", "erp.access.services.end_overdue_sessions", every=5 * MINUTE),
    Job("access-log", "erp.access.services.prune_access", daily_at=(3, 2)),
    Job("feed-partitions", "erp.jobs.keep_feed_partitions", daily_at=(3, 5)),
    Job("old-changes", "erp.jobs.forget_old_changes", daily_at=(3, 6)),
    Job("rfm", "erp.insights.services.refresh_rfm", daily_at=(3, 30)),
    Job("answered-requests", "ec_gateway.services.idempotency.prune_answers", daily_at=(3, 7)),
    Job("sent-messages", "erp.core.messages.prune_sent", daily_at=(3, 20)),
    # At start: what a power cut left is cleared as soon as something runs again.
    Job("cut-off-backups", "erp.backup.leftovers.clear_up", every=5 * MINUTE, at_start=True),
    Job("job-runs", "erp.core.job_slots.prune", daily_at=(3, 25)),
    Job("expiring-access", "ec_gateway.services.access.warn_of_expiry", daily_at=(8, 0)),
    Job("verify", "erp.core.verify.run_verify_and_file", daily_at=(3, 10)),
)


who.register(JOB_TITLES)
words.register("core.jobrun.detail", outcome_in_words)
job_slots.expect(*(job_slots.Expected(job.name, job.every, job.daily_at, job.queue) for job in JOBS))


@shared_task(name="erp.jobs.run_job", acks_late=True, ignore_result=True)
def run_job(*, name: str, **_: object) -> None:
    """Run one job of ``JOBS``. Unknown names are skipped, so that an old worker survives a deploy."""
    for job in JOBS:
        if job.name == name:
            run_once_per_slot(job, at=timezone.now())


@shared_task(name="erp.jobs.work_on_imports", acks_late=True, ignore_result=True)
def work_on_imports(**_: object) -> None:
    """Somebody gave a worker an import to do. Whoever comes takes the oldest that nobody has."""
    work_off_imports(at=timezone.now(), by=Actor.job("imports"))


def run_once_per_slot(job: Job, *, at: datetime) -> bool:
    """Run ``job`` unless somebody has this slot; says whether it ran. A failed run is not retried before it is stale."""
    slot = job_slots.slot_of(at, every=job.every)
    if not job_slots.claim(job.name, slot, at, stale_after=max(job.every / 4, MINUTE)):
        return False
    service: Callable[..., Any] = import_string(job.service)
    try:
        outcome = retried(service, at=at, by=Actor.job(job.name))
    except Exception as fault:
        # Said where people look, unless it is the database that fails, and raised for whoever reads the log.
        with suppress(DatabaseError):
            job_slots.fail(job.name, slot, error=f"{type(fault).__name__}: {fault}"[:2000])
        raise
    job_slots.finish(job.name, slot, timezone.now(), detail="" if outcome is None else str(outcome)[:200])
    return True


def beat_schedule() -> dict[str, dict[str, Any]]:
    """``JOBS`` in Celery's words. A wake-up that nobody took before the next one is due is worthless and expires."""
    return {
        job.name: {
            "task": run_job.name,
            "schedule": job.every if job.daily_at is None else _crontab(*job.daily_at),
            "kwargs": {"name": job.name},
            "options": {"expires": job.every.total_seconds(), "queue": job.queue},
        }
        for job in JOBS
    }


def messages_at_start() -> list[dict[str, Any]]:
    """What a worker that starts asks for, in Celery's words. Its slot is claimed like any other: who restarts asks in vain."""
    return [
        {"name": run_job.name, "kwargs": {"name": job.name}, "queue": job.queue, "expires": job.every.total_seconds()}
        for job in JOBS
        if job.at_start
    ]


def _crontab(hour: int, minute: int) -> crontab:
    return crontab(hour=str(hour), minute=str(minute))


def sweep_expired_holds(*, at: datetime, by: Actor) -> int:
    """Everything that is due, in short transactions: what the clock frees is announced within a minute of its instant. Returns how many holds."""
    from erp.inventory import services

    swept = 0
    while count := services.sweep_expired_holds(at=at, by=by):
        swept += count
    return swept


def announce_due_policies(*, at: datetime, by: Actor) -> int:
    """What availability rules and quotas change by the clock is announced within a minute of its instant. Returns how many began or ended."""
    from erp.inventory import services

    told = 0
    while count := services.announce_due_policies(at=at, by=by):
        told += count
    return told


def work_off_imports(*, at: datetime, by: Actor) -> int:
    """Imports of masters that wait for a worker, or whose worker is gone. Each of its chunks asks the clock anew. Returns how many."""
    from erp.imports.running import work_off

    return work_off(clock=timezone.now)


def clear_sessions(*, at: datetime, by: Actor) -> None:
    """Delete expired log-in sessions; Django asks the clock itself."""
    from django.core.management import call_command

    call_command("clearsessions")


def keep_feed_partitions(*, at: datetime, by: Actor) -> None:
    """The months ahead have a partition before the first row of theirs is written."""
    from erp.core import changes

    changes.keep_partitions(at=at)


def forget_old_changes(*, at: datetime, by: Actor) -> str:
    """Change rows that no reader should still need; one that does is told to read the full list."""
    from erp.core import changes

    days = settings.CHANGES_KEPT_DAYS
    return ", ".join(changes.forget(before=at - days * DAY, at=at)) if days else ""
