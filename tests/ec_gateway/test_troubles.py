"""Work for a site that fails, for whatever reason: counted, shown on the site's page, told to staff, and over with the first run that goes well."""

from __future__ import annotations

import pytest
from django.urls import reverse

from ec_gateway import tasks
from ec_gateway.inbox import polling, working
from ec_gateway.inbox.polling import poll
from ec_gateway.inbox.working import work_off
from ec_gateway.models import Activity, SiteActivity
from ec_gateway.platforms.interface import PlatformError
from ec_gateway.publishing import Pace, publish
from ec_gateway.publishing import running as publishing
from ec_gateway.reconciliation import reconcile
from ec_gateway.services import breakers
from erp.core.models import StaffTask
from erp.core.work_queues import measure, named
from tests.ec_gateway.factories import NOON, ROBOT, after, shop
from tests.ec_gateway.fake_platform import FakePlatform, line_to, never_wait, news

pytestmark = pytest.mark.django_db


def run(site, platform, at=NOON):
    return poll(line=line_to(site, platform, at), holder="test", wait=never_wait)


def row(site, activity=Activity.POLL):
    return SiteActivity.objects.get(site=site, activity=activity)


def open_tasks():
    found = StaffTask.objects.filter(kind="SITE_ACTIVITY_FAILS", closed_at__isnull=True)
    return [(task.subject_id, task.subject_label) for task in found]


def a_bug(*_arguments, **_named):
    raise KeyError("a bug")


def test_a_poll_that_crashes_counts_is_shown_and_told_and_the_next_good_one_ends_it(monkeypatch, admin_client):
    site, _place = shop()
    platform = FakePlatform(changes=[news("HINT", "h-1")])
    monkeypatch.setattr(polling, "take_in_page", a_bug)

    for seconds in range(2):
        with pytest.raises(KeyError):
            run(site, platform, after(seconds))

    failed = row(site)
    assert (failed.failures_in_row, failed.last_error, failed.last_error_at) == (2, "KeyError: 'a bug'", after(1))
    assert failed.lease_holder == ""
    assert open_tasks() == [(failed.pk, f"{site.channel.code} {failed.get_activity_display()}")]
    assert measure(named("ec_gateway.activities")).count == 1
    for page in (
        reverse("admin:ec_gateway_ecsite_change", args=[site.pk]),
        reverse("admin:ec_gateway_siteactivity_changelist") + "?trouble=1",
    ):
        assert "KeyError" in admin_client.get(page).content.decode()
    assert (
        failed.get_activity_display()
        in admin_client.get(reverse("admin:ec_gateway_ecsite_changelist")).content.decode()
    )

    monkeypatch.undo()
    run(site, platform, after(2))

    assert row(site).failures_in_row == 0
    assert open_tasks() == []
    assert StaffTask.objects.get().closed_at == after(2)


@pytest.mark.parametrize(
    ("error", "runs_until_told"),
    [
        (PlatformError("not as agreed", is_retryable=False), 1),
        (PlatformError("HTTP 500"), 3),
        (PlatformError("no answer", is_unreachable=True), None),
        (PlatformError("401", is_retryable=False, is_unauthorised=True), None),
    ],
)
def test_a_site_that_answers_and_cannot_be_polled_is_told_and_one_that_is_silent_is_told_as_such(
    error, runs_until_told
):
    site, _place = shop()
    platform = FakePlatform()
    told = []
    for number in range(4):
        breakers.resume(site_id=site.pk, at=NOON, by=ROBOT)
        platform.fails = [error]
        run(site, platform)
        told.append(bool(open_tasks()))
        assert row(site).failures_in_row == number + 1

    assert told == [runs_until_told is not None and number >= runs_until_told for number in range(1, 5)]


def test_a_pause_says_nothing_of_how_polling_fares():
    site, _place = shop()
    platform = FakePlatform(fails=[PlatformError("not as agreed", is_retryable=False)])
    run(site, platform)

    breakers.pause(site_id=site.pk, at=NOON, by=ROBOT)
    run(site, platform)

    assert row(site).failures_in_row == 1
    assert len(open_tasks()) == 1


def test_a_publisher_an_inbox_and_a_reconciliation_that_crash_are_told_too(monkeypatch):
    site, _place = shop()
    platform = FakePlatform()
    monkeypatch.setattr(publishing, "mark_from_feed", a_bug)
    monkeypatch.setattr(working, "_apply_next", a_bug)
    monkeypatch.setattr(platform, "list_orders", a_bug)

    with pytest.raises(KeyError):
        publish(line=line_to(site, platform), holder="test", pace=Pace(wait=never_wait))
    with pytest.raises(KeyError):
        work_off(site_id=site.pk, holder="test", clock=lambda: NOON, jitter=lambda: 0.5)
    with pytest.raises(KeyError):
        reconcile(line=line_to(site, platform), holder="test", wait=never_wait, by=ROBOT)

    rows = SiteActivity.objects.filter(site=site, failures_in_row=1).order_by("pk")
    assert {failed.activity for failed in rows} == {"PUBLISH", "INBOX", "RECONCILE"}
    assert sorted(key for key, _label in open_tasks()) == [failed.pk for failed in rows]


def test_a_worker_that_is_told_to_end_has_not_failed(monkeypatch):
    site, _place = shop()
    platform = FakePlatform()

    def ends(**_asked):
        raise SystemExit

    monkeypatch.setattr(platform, "fetch_orders", ends)
    with pytest.raises(SystemExit):
        run(site, platform)

    assert row(site).failures_in_row == 0
    assert open_tasks() == []


def test_a_poll_by_a_task_that_crashes_is_told(monkeypatch):
    site, _place = shop()
    monkeypatch.setattr(polling, "_read_on", a_bug)

    with pytest.raises(KeyError):
        tasks.poll_site(site_id=site.pk)

    assert len(open_tasks()) == 1
