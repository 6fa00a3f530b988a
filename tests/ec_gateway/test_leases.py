"""One activity of one site is done by one process at a time, and no wake-up is lost between two of them."""

from __future__ import annotations

import pytest

from ec_gateway.models import Activity, SiteActivity
from ec_gateway.services import leases
from ec_gateway.services.leases import Lease, LeaseLost
from tests.ec_gateway.factories import after, shop
from tests.racing import race

PUBLISH = Activity.PUBLISH.value


def take(site, holder, seconds=0.0):
    return leases.take(site_id=site.pk, activity=PUBLISH, holder=holder, at=after(seconds))


@pytest.mark.django_db
def test_who_comes_second_gets_nothing_and_another_activity_is_free():
    site, _place = shop()

    assert isinstance(take(site, "first"), Lease)
    assert take(site, "second", 29) is None
    assert leases.take(site_id=site.pk, activity="POLL", holder="second", at=after(0)) is not None


@pytest.mark.django_db
def test_a_wake_up_while_the_lease_is_held_makes_the_holder_look_again():
    site, _place = shop()
    lease = take(site, "first")
    assert take(site, "second", 1) is None

    assert leases.give_back(lease, at=after(2)) is False
    lease = leases.heartbeat(lease, at=after(2))
    assert leases.give_back(lease, at=after(3)) is True
    assert SiteActivity.objects.get(site=site, activity=PUBLISH).finished_at == after(3)
    assert take(site, "second", 4) is not None


@pytest.mark.django_db
def test_a_counted_wake_up_is_seen_as_well():
    site, _place = shop()
    lease = take(site, "first")

    leases.count_wake(site_ids=[site.pk], activity=PUBLISH)

    assert leases.give_back(lease, at=after(1)) is False
    assert leases.give_back(lease, at=after(1), force=True) is True


@pytest.mark.django_db
def test_the_lease_of_a_killed_holder_runs_out():
    site, _place = shop()
    dead = take(site, "killed")

    assert take(site, "next", 29.9) is None
    assert take(site, "next", 30) is not None
    for act in (
        lambda: leases.heartbeat(dead, at=after(31)),
        lambda: leases.move_cursor(dead, "1.5"),
    ):
        with pytest.raises(LeaseLost):
            act()
    assert leases.give_back(dead, at=after(31)) is True
    row = SiteActivity.objects.get(site=site, activity=PUBLISH)
    assert (row.lease_holder, row.cursor, row.finished_at) == ("next", "", None)


@pytest.mark.django_db
def test_a_heartbeat_keeps_the_lease():
    site, _place = shop()
    lease = take(site, "first")

    lease = leases.heartbeat(lease, at=after(25))

    assert lease.until == after(55)
    assert take(site, "second", 54) is None


@pytest.mark.django_db
def test_the_cursor_is_the_holders_to_move():
    site, _place = shop()

    lease = leases.move_cursor(take(site, "first"), "1.77")

    assert lease.cursor == "1.77"
    leases.give_back(lease, at=after(1))
    assert take(site, "second", 2).cursor == "1.77"


@pytest.mark.django_db
def test_a_missing_row_is_made_and_an_unknown_site_has_no_lease():
    site, _place = shop()
    SiteActivity.objects.filter(site=site).delete()

    assert take(site, "first") is not None
    assert leases.take(site_id=site.pk + 999, activity=PUBLISH, holder="first", at=after(0)) is None


@pytest.mark.django_db(transaction=True)
def test_of_four_that_come_at_once_one_gets_the_lease_and_three_leave_their_wake_up():
    site, _place = shop()

    outcomes = race(
        *[lambda name=name: take(site, name) for name in ("a", "b", "c", "d")], hold=SiteActivity.objects.all()
    )

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Lease", "NoneType", "NoneType", "NoneType"]
    [winner] = [outcome for outcome in outcomes if outcome is not None]
    row = SiteActivity.objects.get(site=site, activity=PUBLISH)
    assert (row.lease_holder, row.wakes) == (winner.holder, 4)
    assert leases.give_back(winner, at=after(1)) is False


@pytest.mark.django_db(transaction=True)
def test_a_wake_up_that_races_with_giving_back_is_never_lost():
    site, _place = shop()
    lease = take(site, "first")

    was_given_back, second = race(
        lambda: leases.give_back(lease, at=after(1)), lambda: take(site, "second", 1), hold=SiteActivity.objects.all()
    )

    # Either the first one is told to look again, or the second one has the lease.
    assert was_given_back is (second is not None)
