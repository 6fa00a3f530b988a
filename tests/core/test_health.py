"""Signs of health: limits in one place, a sign that fails says so, jobs that are late by name."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import DatabaseError, connection

from erp.core import backup_runs, health, job_slots
from erp.core.clock import written_moment
from erp.core.health import Limit, Part, Reading, Sign, State, judge, worst
from erp.core.job_slots import Expected
from erp.core.models import BackupRun, JobRun, VerifyRun

NOON = dt.datetime(2026, 11, 23, 3, tzinfo=dt.UTC)
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)


@pytest.mark.parametrize(
    ("value", "state"),
    [(0, State.OK), (9.9, State.OK), (10, State.ATTENTION), (20, State.TROUBLE), (99, State.TROUBLE)],
)
def test_a_limit_is_reached_by_its_figure(value, state):
    assert Limit(10, 20).judge(value) is state


@pytest.mark.parametrize(
    ("value", "state"), [(15, State.OK), (14, State.ATTENTION), (0, State.TROUBLE), (-3, State.TROUBLE)]
)
def test_where_less_is_worse_a_limit_is_a_floor(value, state):
    assert Limit(14, 0, is_floor=True).judge(value) is state


def test_what_cannot_be_had_is_trouble_and_the_worst_counts():
    assert judge("lag_s", None) is State.TROUBLE
    assert worst([State.OK, State.TROUBLE, State.ATTENTION]) is State.TROUBLE
    assert worst([]) is State.OK


@pytest.mark.parametrize("fault", [health.CannotTell("away"), DatabaseError("away")])
def test_a_sign_that_cannot_be_read_is_in_trouble_and_the_page_is_whole(fault):
    def away(at):
        raise fault
        yield

    line = health.read(Sign("x", Part.PARTS, "X", "means", "do", away), at=NOON)

    assert line.state is State.TROUBLE
    assert line.readings[0].found


def test_every_sign_says_what_it_means_and_what_to_do():
    assert {sign.part for sign in health.registered()} == set(Part)
    for sign in health.registered():
        assert str(sign.title)
        assert str(sign.meaning).endswith("。"), sign.code
        assert str(sign.remedy).endswith("。"), sign.code


# --- Jobs ------------------------------------------------------------------------------------------------------------

EVERY_MINUTE = Expected("minutely", dt.timedelta(minutes=1), None, "celery")
NIGHTLY = Expected("nightly", DAY, (3, 10), "celery")
# 3:10 in Tokyo is 18:10 of the day before in UTC.
LAST_NIGHT = dt.datetime(2026, 11, 22, 18, 11, tzinfo=dt.UTC)


def test_a_job_is_late_from_the_moment_on_at_which_its_next_run_was_due():
    assert EVERY_MINUTE.late_s(NOON - dt.timedelta(seconds=50), NOON) == 0
    assert EVERY_MINUTE.late_s(NOON - dt.timedelta(seconds=90), NOON) == 30
    assert EVERY_MINUTE.late_s(None, NOON) == 60
    assert EVERY_MINUTE.late_s(None, NOON, known_since=NOON - HOUR) == 59 * 60
    assert NIGHTLY.late_s(None, NOON, known_since=NOON - HOUR) == 0
    assert NIGHTLY.late_s(LAST_NIGHT, NOON) == 0
    assert (
        NIGHTLY.late_s(LAST_NIGHT - DAY, NOON)
        == (NOON - dt.datetime(2026, 11, 22, 18, 10, tzinfo=dt.UTC)).total_seconds()
    )


@pytest.fixture
def two_jobs(monkeypatch):
    monkeypatch.setattr(job_slots, "_expected", {"minutely": EVERY_MINUTE, "nightly": NIGHTLY})


def ran(job: str, finished_at: dt.datetime | None, *, slot: dt.datetime = NOON, error: str = "") -> None:
    JobRun.objects.create(job=job, slot=slot, started_at=slot, finished_at=finished_at, error=error)


def told(code: str, at: dt.datetime = NOON) -> list[Reading]:
    [sign] = [sign for sign in health.registered() if sign.code == code]
    return list(health.read(sign, at=at).readings)


@pytest.mark.django_db
def test_late_and_broken_jobs_are_named_and_the_others_counted(two_jobs):
    ran("minutely", NOON - HOUR, slot=NOON - HOUR)
    ran("nightly", LAST_NIGHT, slot=LAST_NIGHT)

    late, rest = told("jobs")

    assert (late.subject, late.state, late.query) == ("minutely", State.ATTENTION, "q=minutely")
    assert (rest.state, rest.found) == (State.OK, "1 件のジョブが予定どおり")


@pytest.mark.django_db
def test_the_error_of_the_last_run_is_told(two_jobs):
    ran("minutely", NOON)
    ran("nightly", LAST_NIGHT, slot=LAST_NIGHT)
    ran("nightly", None, slot=NOON, error="ValueError: no\nmore")

    broken, _rest = told("jobs")

    assert (broken.subject, broken.state, broken.found) == ("nightly", State.ATTENTION, "ValueError: no")


@pytest.mark.django_db
def test_a_worker_is_seen_by_what_it_finished(two_jobs):
    assert [reading.state for reading in told("workers")] == [State.TROUBLE]
    ran("minutely", NOON - dt.timedelta(seconds=20))

    assert [(reading.state, reading.subject) for reading in told("workers")] == [(State.OK, "社内処理用ワーカー")]
    assert [reading.state for reading in told("workers", NOON + HOUR)] == [State.TROUBLE]


@pytest.mark.django_db
def test_last_runs_are_one_statement(two_jobs, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert [last.job.job for last in job_slots.last_runs(at=NOON)] == ["minutely", "nightly"]


def test_every_job_of_the_house_is_expected():
    from erp.jobs import JOBS

    assert set(job_slots.expected()) == {job.name for job in JOBS}


# --- Safety ----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("age", "faults", "state"),
    [(HOUR, [], State.OK), (27 * HOUR, [], State.ATTENTION), (3 * DAY, [], State.TROUBLE), (HOUR, [{}], State.TROUBLE)],
)
def test_the_last_verification(age, faults, state):
    VerifyRun.objects.create(started_at=NOON - age, finished_at=NOON - age, rows_checked={"P1": 7}, faults=faults)

    assert told("verify")[0].state is state


@pytest.mark.django_db
def test_without_a_backup_there_is_trouble_and_without_a_drill_attention():
    assert told("verify")[0].state is State.ATTENTION
    assert told("backup")[0].state is State.TROUBLE
    assert told("drill")[0].state is State.ATTENTION


def saved(kind: str, state: str, started_at: dt.datetime, **more) -> BackupRun:
    finished_at = None if state == "RUNNING" else started_at
    return BackupRun.objects.create(
        kind=kind, state=state, file="x.zip", started_at=started_at, finished_at=finished_at, actor="test", **more
    )


@pytest.mark.django_db
def test_a_backup_that_failed_after_a_good_one_is_told_until_the_next_good_one():
    saved("BACKUP", "DONE", NOON - DAY)
    assert told("backup")[0].state is State.OK
    saved("BACKUP", "FAILED", NOON - HOUR, detail="no room")
    failed = told("backup")[0]
    saved("BACKUP", "DONE", NOON)

    assert (failed.state, "no room" in failed.found) == (State.TROUBLE, True)
    assert told("backup")[0].state is State.OK


@pytest.mark.django_db
def test_a_drill_that_never_ended_was_killed():
    saved("DRILL", "DONE", NOON - DAY)
    run = saved("DRILL", "RUNNING", NOON - HOUR)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [backup_runs.lease_of(run.pk)])
        try:
            assert told("drill")[0].state is State.OK
            assert told("drill", NOON + DAY)[0].state is State.ATTENTION, "it lives, and takes long"
        finally:
            cursor.execute("SELECT pg_advisory_unlock_all()")

    # Without its lease it is gone, however young it is.
    [killed] = told("drill")
    assert (killed.state, "broken off" in killed.found or "中断" in killed.found) == (State.TROUBLE, True)


@pytest.mark.django_db
def test_the_kernel_reads_its_signs_in_a_bounded_number_of_statements(django_assert_max_num_queries):
    with django_assert_max_num_queries(10):
        for code in ("database", "feed", "workers", "jobs", "verify", "backup", "drill"):
            told(code)
    assert written_moment(NOON)
