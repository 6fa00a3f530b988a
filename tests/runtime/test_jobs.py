import inspect
from datetime import datetime, timedelta

import pytest
from django.utils.module_loading import import_string

from erp import jobs
from erp.celery import app
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


@pytest.mark.django_db
def test_an_unknown_job_is_skipped():
    jobs.run_job(name="of a later version", surprise=1)

    assert not JobRun.objects.exists()
