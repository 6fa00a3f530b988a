"""A site that does not answer is asked less and less; its rate budget is shared by everything that talks to it."""

from __future__ import annotations

import pytest
from django.db import IntegrityError

from ec_gateway.models import SiteState
from ec_gateway.services import admission, breakers, budgets, setups
from ec_gateway.services.admission import Reason, Refusal
from erp.core.models import StaffTask
from erp.core.work_queues import measure, named
from tests.ec_gateway.factories import ROBOT, after, shop
from tests.orders.factories import DESK
from tests.racing import race


def ask(site, seconds=0.0, rate=10.0, burst=100):
    return admission.ask(site_id=site.pk, requests_per_s=rate, burst=burst, at=after(seconds))


def fail(site, times=1, seconds=0.0, jitter=0.5, **fields):
    until = None
    for _time in range(times):
        until = breakers.record_failure(
            site_id=site.pk, error="no answer", at=after(seconds), by=ROBOT, jitter=lambda: jitter, **fields
        )
    return until


def succeed(site, seconds):
    return breakers.record_success(site_id=site.pk, at=after(seconds), by=ROBOT)


def open_tasks():
    return list(StaffTask.objects.filter(closed_at__isnull=True).values_list("kind", "subject_type", "subject_id"))


@pytest.mark.django_db
def test_five_failures_in_a_row_pause_the_site_and_tell_a_person():
    site, _place = shop()

    assert fail(site, 4) is None
    assert (ask(site), open_tasks()) == (None, [])
    assert fail(site) == after(5)
    assert open_tasks() == [("SITE_PAUSED", "EC_SITE", site.pk)]
    assert ask(site, 1) == Refusal(Reason.PAUSED, 4.0)


@pytest.mark.django_db
def test_a_success_in_between_begins_the_count_anew():
    site, _place = shop()
    fail(site, 4)

    succeed(site, 1)

    assert fail(site, 4, seconds=2) is None


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("failures", "jitter", "pause"), [(5, 0.0, 4.0), (5, 1.0, 6.0), (6, 0.5, 10.0), (8, 0.5, 40.0), (50, 0.5, 60.0)]
)
def test_the_pause_doubles_up_to_a_minute_and_is_spread(failures, jitter, pause):
    site, _place = shop()

    assert fail(site, failures, jitter=jitter) == after(pause)


@pytest.mark.django_db
def test_after_the_pause_one_call_may_try_and_its_success_ends_everything():
    site, _place = shop()
    fail(site, 5)

    assert ask(site, 5) is None
    assert ask(site, 6) == Refusal(Reason.PAUSED, 29.0)
    assert succeed(site, 7) is True
    assert ask(site, 8) is None
    assert open_tasks() == []
    assert SiteState.objects.get(site=site).failures_in_row == 0


@pytest.mark.django_db
def test_after_a_failed_trial_the_pause_is_longer_and_a_killed_trial_blocks_half_a_minute():
    site, _place = shop()
    fail(site, 5)
    assert ask(site, 5) is None

    assert ask(site, 34.9).reason == Reason.PAUSED
    assert ask(site, 35) is None
    assert fail(site, seconds=36) == after(46)


@pytest.mark.django_db
def test_refused_credentials_pause_at_once():
    site, _place = shop()

    assert fail(site, is_hopeless=True) == after(5)


@pytest.mark.django_db
def test_what_staff_paused_only_staff_resume():
    site, _place = shop()

    assert breakers.pause(site_id=site.pk, at=after(0), by=DESK) is True
    assert breakers.pause(site_id=site.pk, at=after(0), by=DESK) is False
    assert ask(site, 3600).reason == Reason.PAUSED_BY_STAFF
    succeed(site, 1)
    assert (ask(site, 2).reason, len(open_tasks())) == (Reason.PAUSED_BY_STAFF, 1)
    assert breakers.resume(site_id=site.pk, at=after(3), by=DESK) is True
    assert (ask(site, 3), open_tasks()) == (None, [])
    assert breakers.resume(site_id=site.pk, at=after(4), by=DESK) is False


@pytest.mark.django_db
def test_staff_end_a_pause_of_the_machine_too():
    site, _place = shop()
    fail(site, 9)

    assert breakers.resume(site_id=site.pk, at=after(1), by=DESK) is True
    assert (ask(site, 1), open_tasks()) == (None, [])


def silent_since(site):
    return SiteState.objects.get(site=site).silent_since


@pytest.mark.django_db
def test_a_silent_site_counts_from_when_it_was_paused_and_not_from_its_latest_error():
    site, _place = shop()
    fail(site, 4)
    assert silent_since(site) is None

    fail(site, seconds=1)
    fail(site, 3, seconds=600)
    breakers.pause(site_id=site.pk, at=after(700), by=DESK)

    assert silent_since(site) == after(1)
    assert measure(named("ec_gateway.paused")).oldest == after(1)
    succeed(site, 800)
    assert silent_since(site) == after(1)
    breakers.resume(site_id=site.pk, at=after(900), by=DESK)
    assert silent_since(site) is None
    fail(site, seconds=1000, is_hopeless=True)
    assert silent_since(site) == after(1000)
    succeed(site, 1001)
    assert silent_since(site) is None


@pytest.mark.django_db
def test_a_site_that_cannot_be_used_counts_from_when_it_could_not():
    site, _place = shop()
    how = {"site": site, "by": ROBOT}
    breakers.pause(site_id=site.pk, at=after(0), by=DESK)

    setups.note_unusable(why="no address", at=after(1), **how)
    breakers.resume(site_id=site.pk, at=after(2), by=DESK)
    assert silent_since(site) == after(0)
    setups.note_usable(at=after(3), **how)
    assert silent_since(site) is None

    setups.note_unusable(why="no address", at=after(4), **how)
    setups.note_unusable(why="no key", at=after(5), **how)
    breakers.pause(site_id=site.pk, at=after(6), by=DESK)
    setups.note_usable(at=after(7), **how)
    assert silent_since(site) == after(4)


@pytest.mark.django_db
@pytest.mark.parametrize("fields", [{"open_until": after(0)}, {"setup_error": "x"}, {"silent_since": after(0)}])
def test_the_database_keeps_since_when_a_site_is_silent(fields):
    site, _place = shop()

    with pytest.raises(IntegrityError, match="silent_site_has_a_moment"):
        SiteState.objects.filter(site=site).update(**fields)


@pytest.mark.django_db
def test_the_budget_lets_a_burst_through_and_then_so_many_a_second():
    site, _place = shop()

    assert [ask(site, 0, rate=2, burst=3) for _call in range(3)] == [None, None, None]
    assert ask(site, 0, rate=2, burst=3) == Refusal(Reason.BUDGET, 0.5)
    assert ask(site, 0.5, rate=2, burst=3) is None
    assert ask(site, 0.5, rate=2, burst=3).reason == Reason.BUDGET
    assert [ask(site, 100, rate=2, burst=3) is None for _call in range(4)] == [True, True, True, False]


@pytest.mark.django_db
def test_too_many_requests_empties_the_budget_of_every_activity():
    site, _place = shop()

    budgets.empty(site_id=site.pk, wait_s=7, requests_per_s=2, at=after(0))

    assert ask(site, 6.9, rate=2, burst=3).reason == Reason.BUDGET
    assert ask(site, 7, rate=2, burst=3) is None
    assert ask(site, 7, rate=2, burst=3) == Refusal(Reason.BUDGET, 0.5)


@pytest.mark.django_db
def test_a_site_that_asks_for_a_day_is_asked_again_after_a_quarter_of_an_hour():
    site, _place = shop()

    budgets.empty(site_id=site.pk, wait_s=86400, requests_per_s=2, at=after(0))

    assert ask(site, 900, rate=2) is None


@pytest.mark.django_db
def test_a_missing_state_is_made():
    site, _place = shop()
    SiteState.objects.all().delete()

    assert ask(site) == Refusal(Reason.BUDGET, 0.0)
    assert ask(site) is None


@pytest.mark.django_db(transaction=True)
def test_the_last_token_goes_to_one_of_those_who_want_it():
    site, _place = shop()
    ask(site, 0, rate=0.1, burst=2)

    outcomes = race(*[lambda: ask(site, 0, rate=0.1, burst=2)] * 4, hold=SiteState.objects.all())

    assert outcomes.count(None) == 1


@pytest.mark.django_db(transaction=True)
def test_one_of_those_who_race_tries_a_paused_site():
    site, _place = shop()
    fail(site, 5)

    outcomes = race(*[lambda: ask(site, 5)] * 4, hold=SiteState.objects.all())

    assert outcomes.count(None) == 1
