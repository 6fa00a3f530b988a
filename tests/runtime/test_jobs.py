import inspect
from datetime import UTC, datetime, timedelta

import pytest
from django.utils.module_loading import import_string
from kombu.exceptions import OperationalError

from erp import jobs
from erp.celery import app, ask_for_what_came_due
from erp.core import job_slots
from erp.core.actors import Actor
from erp.core.models import JobRun
from erp.jobs import JOBS, Job

NOON = datetime.fromisoformat("2026-11-23T12:00:00+09:00")
calls: list[tuple[datetime, str]] = []


def record_call(*, at, by):
    calls.append((at, str(by)))
    return 7


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_every_job_names_a_service_that_takes_the_time_and_the_actor(job):
    service = import_string(job.service)

    inspect.signature(service).bind(at=NOON, by=None)


def test_the_clock_knows_every_job_once():
    schedule = jobs.beat_schedule()

    assert len(schedule) == len(JOBS)
    app.finalize()
    assert app.conf.beat_schedule.keys() == schedule.keys()
    assert "erp.jobs.run_job" in app.tasks


@pytest.mark.django_db
def test_a_slot_is_run_once_however_many_wake_ups_come():
    calls.clear()
    job = Job("recorded", "tests.runtime.test_jobs.record_call", every=timedelta(minutes=1))

    ran = [jobs.run_once_per_slot(job, at=NOON + timedelta(seconds=seconds)) for seconds in (0, 20, 60)]

    assert ran == [True, False, True]
    assert len(import_string("tests.runtime.test_jobs.calls")) == 2
    assert JobRun.objects.filter(job="recorded", detail="7", finished_at__isnull=False).count() == 2


def fail_once(*, at, by):
    calls.append((at, str(by)))
    if len(calls) == 1:
        raise ValueError("no rates of today")


@pytest.mark.django_db
def test_a_run_that_breaks_off_says_why_until_it_is_made_up_for():
    calls.clear()
    job = Job("broken", "tests.runtime.test_jobs.fail_once", every=timedelta(hours=1))

    with pytest.raises(ValueError, match="no rates"):
        jobs.run_once_per_slot(job, at=NOON)
    run = JobRun.objects.get()
    assert (run.error, run.finished_at) == ("ValueError: no rates of today", None)

    assert jobs.run_once_per_slot(job, at=NOON + timedelta(minutes=5)) is False
    assert jobs.run_once_per_slot(job, at=NOON + timedelta(minutes=30)) is True
    run.refresh_from_db()
    assert run.error == ""
    assert run.finished_at is not None


def test_what_wakes_the_gateway_does_not_wait_behind_the_work_of_the_house():
    queues = {name: entry["options"]["queue"] for name, entry in jobs.beat_schedule().items()}

    assert queues["publishing"] == "ec_gateway"
    assert queues["seals"] == "celery"


@pytest.mark.django_db
def test_all_expired_holds_are_released_within_a_minute_however_many_they_are(monkeypatch):
    [job] = [job for job in JOBS if job.name == "expired-holds"]
    assert job.every <= timedelta(seconds=30)
    left = [100, 100, 7, 0]
    monkeypatch.setattr("erp.inventory.services.sweep_expired_holds", lambda **fields: left.pop(0))

    assert jobs.sweep_expired_holds(at=NOON, by=Actor.job("test")) == 207
    assert left == []


@pytest.mark.django_db
def test_an_unknown_job_is_skipped():
    jobs.run_job(name="of a later version", surprise=1)

    assert not JobRun.objects.exists()


@pytest.mark.django_db
def test_old_runs_are_forgotten_but_never_the_last_of_a_job(settings):
    now = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
    slots = [("busy", 40), ("busy", 31), ("busy", 29), ("rare", 90)]
    JobRun.objects.bulk_create(
        JobRun(job=job, slot=now - timedelta(days=age), started_at=now - timedelta(days=age)) for job, age in slots
    )

    settings.JOB_RUNS_KEPT_DAYS = 0
    assert job_slots.prune(at=now, by=Actor.job("job-runs")) == 0
    settings.JOB_RUNS_KEPT_DAYS = 30
    assert job_slots.prune(at=now, by=Actor.job("job-runs")) == 2

    assert sorted(JobRun.objects.values_list("job", "slot")) == [
        ("busy", now - timedelta(days=29)),
        ("rare", now - timedelta(days=90)),
    ]


def test_a_worker_that_starts_asks_at_once_for_the_comparison_with_the_sites_and_clears_up_after_what_was_killed(
    monkeypatch,
):
    """Otherwise a company that was started shows nothing of it for up to ten minutes. The slot is claimed, so it is still run once."""
    asked = []
    monkeypatch.setattr(app, "send_task", lambda name, **how: asked.append((name, how["kwargs"], how["queue"])))

    ask_for_what_came_due()

    assert asked == [
        ("erp.jobs.run_job", {"name": "ec-reconciliations"}, "celery"),
        ("erp.jobs.run_job", {"name": "cut-off-backups"}, "celery"),
    ]


def test_a_worker_starts_without_its_broker(monkeypatch):
    def refuse(*_args, **_how):
        raise OperationalError("gone")

    monkeypatch.setattr(app, "send_task", refuse)

    ask_for_what_came_due()
