"""A site is told what it may sell, against a counterpart on real sockets: whatever fails, it ends with the newest figure and nothing else."""

from __future__ import annotations

import datetime as dt

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.urls import reverse

from ec_gateway.models import Activity, EcSite, Listing, SiteActivity, SitePush, SiteState
from ec_gateway.platforms.calling import Line
from ec_gateway.platforms.connections import connect
from ec_gateway.platforms.generic import GenericPlatform
from ec_gateway.publishing import Ended, Pace, publish, shipments, sites_to_publish, tend_listings
from ec_gateway.services import breakers, leases, pushes, wakes
from erp.core import changes
from erp.core.models import MessageLog, StaffTask
from erp.inventory.models import ChannelLocation
from erp.inventory.services import HoldDemand, place_hold, sell_from, sweep_expired_holds
from erp.orders.models import Shipment
from erp.orders.services import ShipRequest, deliver, set_tracking, ship
from tests.ec_gateway.counterpart import Reply, running
from tests.ec_gateway.factories import NOON, ROBOT, after, listed, shop
from tests.inventory.factories import sku as new_sku
from tests.inventory.factories import statements, stock
from tests.orders.factories import DESK, TODAY, line, order, placed, released, shipped

# The horizon of the feed lies behind the transaction that reads it: what is written must be committed.
pytestmark = pytest.mark.django_db(transaction=True)


class Clock:
    def __init__(self):
        self.now = NOON
        self.waits = []

    def __call__(self):
        return self.now

    def wait(self, seconds):
        self.waits.append(seconds)
        self.now += dt.timedelta(seconds=seconds)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(autouse=True)
def woken(monkeypatch):
    sent: list[object] = []
    monkeypatch.setattr(wakes, "_sender", type("Recorder", (), {"send": staticmethod(sent.append)}))
    return sent


@pytest.fixture
def counterpart():
    with running() as site:
        yield site


@pytest.fixture
def sold(counterpart):
    """A site, and ten SKUs in stock (5 each) that it lists and shows with 0."""
    site, place = shop(base_url=counterpart.url)
    goods = [new_sku() for _each in range(10)]
    for each in goods:
        stock(each, place, 5)
        counterpart.show(**{each.code.replace("-", "_"): 0})
    listed(site, *goods)
    return site, place, goods


def line_to(site, clock):
    site = EcSite.objects.select_related("channel", "state").get(pk=site.pk)
    return Line(site, connect(site, at=NOON, by=ROBOT), clock=clock, by=ROBOT, jitter=lambda: 0.5)


def run(site, clock, holder="publisher", **pace):
    pace = {"linger_s": 0.0, **pace}
    return publish(line=line_to(site, clock), holder=holder, pace=Pace(clock.wait, **pace))


def row(site, sku):
    return SitePush.objects.get(site=site, sku=sku)


def waiting(site):
    return SitePush.objects.filter(site=site, dirty_since__isnull=False).count()


def tasks(kind):
    return StaffTask.objects.filter(kind=kind, closed_at__isnull=True)


# --- The plain way ----------------------------------------------------------------------------------------------------


def test_a_new_site_is_told_everything_it_lists_and_then_only_what_changes(counterpart, sold, clock):
    site, place, goods = sold

    assert run(site, clock) == Ended.IDLE
    assert counterpart.figures == {each.code: 5 for each in goods}
    assert waiting(site) == 0
    stock(goods[3], place, 2)
    counterpart.requests.clear()

    assert run(site, clock) == Ended.IDLE

    [request] = counterpart.pushes
    [item] = request.body["items"]
    assert (item["sku"], item["quantity"], item["expected"]) == (goods[3].code, 7, 5)
    assert (row(site, goods[3]).shown, row(site, goods[3]).shown_at) == (7, clock.now)


def test_nothing_changed_and_nothing_is_sent(counterpart, sold, clock):
    site, _place, _goods = sold
    run(site, clock)
    counterpart.requests.clear()

    run(site, clock)
    changes.record(topic="stock", keys=[sold[2][0].pk])
    run(site, clock)

    assert counterpart.requests == []
    assert waiting(site) == 0


def test_a_thousand_changes_of_one_sku_are_one_push_of_the_newest_figure(counterpart, sold, clock):
    site, place, goods = sold
    run(site, clock)
    counterpart.requests.clear()

    for _time in range(20):
        stock(goods[0], place, 1)
    run(site, clock)

    [request] = counterpart.pushes
    assert [(item["sku"], item["quantity"]) for item in request.body["items"]] == [(goods[0].code, 25)]


def test_batches_are_as_long_as_the_site_wants_them(counterpart, sold, clock):
    site, _place, _goods = sold
    EcSite.objects.filter(pk=site.pk).update(settings={"batch_size": 4})

    run(site, clock)

    assert [len(request.body["items"]) for request in counterpart.pushes] == [4, 4, 2]
    assert waiting(site) == 0


def test_an_order_of_the_site_is_followed_by_a_push_even_if_our_figure_is_the_same(counterpart, sold, clock):
    site, place, goods = sold
    run(site, clock)
    # The site sold one, shows 4 now, and we book one in at the same time.
    counterpart.stock[goods[0].code].quantity = 4
    stock(goods[0], place, 1)
    placed(site.channel, order(line(goods[0]), external_id="A-1"))
    SitePush.objects.filter(sku=goods[0]).update(shown=4)
    counterpart.requests.clear()

    run(site, clock)

    assert counterpart.figures[goods[0].code] == 5
    # And the same again without a figure of ours moving at all.
    counterpart.requests.clear()
    changes.record(topic="order", keys=["A-1"], audience=site.channel.code)
    run(site, clock)
    assert [item["sku"] for request in counterpart.pushes for item in request.body["items"]] == [goods[0].code]


def test_an_order_of_another_channel_moves_the_figure(counterpart, sold, clock):
    site, _place, goods = sold
    run(site, clock)
    other, other_place = shop(platform="")
    site_place = sold[1]
    ChannelLocation.objects.create(channel=other.channel, location=site_place, rank=9)
    ChannelLocation.objects.filter(channel=other.channel, location=other_place).delete()
    placed(other.channel, order(line(goods[1], 2), external_id="B-1"))

    run(site, clock)

    assert counterpart.figures[goods[1].code] == 3


def test_pieces_that_the_clock_frees_are_told(counterpart, sold, clock):
    site, _place, goods = sold
    place_hold(
        channel_id=site.channel_id,
        ref="cart",
        lines=[HoldDemand(goods[0].pk, 3)],
        expires_at=after(30),
        at=NOON,
        by=ROBOT,
    )
    run(site, clock)
    assert counterpart.figures[goods[0].code] == 2
    clock.now = after(31)

    sweep_expired_holds(at=clock.now, by=ROBOT)
    run(site, clock)

    assert counterpart.figures[goods[0].code] == 5


def test_versions_rise_and_the_answer_is_kept_in_the_message_log(counterpart, sold, clock):
    site, place, goods = sold
    run(site, clock)
    stock(goods[0], place, 1)
    run(site, clock)

    versions = [
        item["version"]
        for request in counterpart.pushes
        for item in request.body["items"]
        if item["sku"] == goods[0].code
    ]
    assert versions == sorted(set(versions))
    assert len(versions) == 2
    first, second = MessageLog.objects.filter(direction="OUT").order_by("pk")
    assert (first.kind, first.channel_id, first.outcome, first.detail) == (
        "stock",
        site.channel_id,
        "DONE",
        "10件中10件受付",
    )
    assert [(item["external_code"], item["quantity"], item["outcome"]) for item in second.body] == [
        (goods[0].code, 6, "done")
    ]


def test_a_push_says_which_orders_it_contains(counterpart, sold, clock):
    site, _place, _goods = sold
    SiteActivity.objects.filter(site=site, activity=Activity.INBOX).update(cursor="41")

    run(site, clock)

    assert {item["orders_seen"] for item in counterpart.pushes[0].body["items"]} == {41}


def test_a_site_that_is_not_polled_does_not_wait_for_orders(counterpart, sold, clock):
    site, _place, _goods = sold
    EcSite.objects.filter(pk=site.pk).update(is_polling=False)
    SiteActivity.objects.filter(site=site, activity=Activity.INBOX).update(cursor="41")

    run(site, clock)

    assert {item["orders_seen"] for item in counterpart.pushes[0].body["items"]} == {None}


def test_changed_safety_stock_and_places_are_told(counterpart, sold, clock, client):
    site, place, goods = sold
    run(site, clock)
    client.force_login(User.objects.create_superuser("mika"))
    buffers = reverse("admin:inventory_channelpolicy_add")
    client.post(buffers, {"channel": site.channel_id, "sku": goods[0].pk, "buffer": 2, "_confirmed": "1"})
    run(site, clock)
    assert (counterpart.figures[goods[0].code], counterpart.figures[goods[1].code]) == (3, 5)
    client.post(buffers, {"channel": site.channel_id, "sku": "", "buffer": 1, "_confirmed": "1"})
    run(site, clock)
    assert (counterpart.figures[goods[0].code], counterpart.figures[goods[1].code]) == (3, 4)

    [sells_from] = ChannelLocation.objects.filter(channel=site.channel)
    client.post(reverse("admin:inventory_channellocation_delete", args=[sells_from.pk]), {"post": "yes"})
    run(site, clock)
    assert set(counterpart.figures.values()) == {0}
    sell_from(channel_id=site.channel_id, location_id=place.pk, at=clock.now, by=DESK)
    run(site, clock)
    assert counterpart.figures[goods[1].code] == 4


def test_a_call_is_never_made_in_a_transaction(counterpart, sold, clock):
    site, _place, _goods = sold
    ours = Line(site, connect(site, at=NOON, by=ROBOT), clock=clock, by=ROBOT)

    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        ours.call(lambda platform: platform.are_webhooks_on())

    assert counterpart.requests == []


# --- Partial success --------------------------------------------------------------------------------------------------


def test_a_half_applied_batch_is_repeated_for_the_other_half_only(counterpart, sold, clock):
    site, _place, goods = sold
    counterpart.fails = {each.code: "failed" for each in goods[:5]}

    run(site, clock)

    assert waiting(site) == 5
    failed = row(site, goods[0])
    assert (failed.attempts, failed.due_at, failed.shown) == (1, clock.now + dt.timedelta(seconds=0.75), None)
    counterpart.fails, counterpart.requests[:] = {}, []
    run(site, clock)
    assert counterpart.requests == []
    clock.wait(1)
    run(site, clock)
    assert {item["sku"] for item in counterpart.pushes[0].body["items"]} == {each.code for each in goods[:5]}
    assert (waiting(site), row(site, goods[0]).attempts, row(site, goods[0]).error) == (0, 0, "")


def test_an_item_that_keeps_failing_is_tried_later_and_later(counterpart, sold, clock):
    site, _place, goods = sold
    counterpart.fails = {goods[0].code: "failed"}
    pauses = []
    for _time in range(9):
        run(site, clock)
        pause = (row(site, goods[0]).due_at - clock.now).total_seconds()
        pauses.append(pause)
        clock.wait(pause)

    assert pauses == [0.75, 1.5, 3.0, 6.0, 12.0, 24.0, 45.0, 45.0, 45.0]


def test_an_answer_that_the_platform_stumbles_over_is_a_call_that_failed(counterpart, sold, clock, monkeypatch):
    site, _place, goods = sold

    def stumbles(self, pushes):
        raise KeyError("data")

    with monkeypatch.context() as patched:
        patched.setattr(GenericPlatform, "push_quantities", stumbles)
        run(site, clock)

    failed = row(site, goods[0])
    assert (failed.attempts, failed.due_at, failed.error) == (
        1, clock.now + dt.timedelta(seconds=0.75), "読み取りに失敗しました: KeyError: 'data'",
    )  # fmt: skip
    assert not SiteState.objects.get(site=site).open_until
    clock.wait(1)
    run(site, clock)
    assert waiting(site) == 0


def test_a_code_that_the_site_does_not_know_is_a_task_and_no_retry(counterpart, sold, clock):
    site, place, goods = sold
    shown = counterpart.stock.pop(goods[0].code)

    run(site, clock)
    clock.wait(3600)
    counterpart.requests.clear()
    run(site, clock)

    assert (counterpart.requests, waiting(site)) == ([], 0)
    [task] = tasks("EC_UNKNOWN_ITEM")
    assert task.subject_id == Listing.objects.get(sku=goods[0]).pk
    # Its next change tries again; when the site knows it by now, the task is done.
    counterpart.stock[goods[0].code] = shown
    stock(goods[0], place, 1)
    run(site, clock)
    assert (counterpart.figures[goods[0].code], tasks("EC_UNKNOWN_ITEM").count()) == (6, 0)


def test_a_stale_item_waits_for_the_orders_and_is_pushed_again(counterpart, sold, clock, woken):
    site, _place, goods = sold
    run(site, clock)
    counterpart.stock[goods[0].code].quantity = 3  # somebody bought two, and the order is not here yet
    counterpart.stock[goods[0].code].ordered_at = 42
    SiteActivity.objects.filter(site=site, activity=Activity.INBOX).update(cursor="41")
    pushes.force(site_id=site.pk, sku_ids=[goods[0].pk], at=clock.now)

    run(site, clock)

    stale = row(site, goods[0])
    assert (stale.shown, stale.is_forced, stale.edited_quantity, waiting(site)) == (3, True, 3, 1)
    assert counterpart.figures[goods[0].code] == 3
    assert wakes.WakeUp("ec_gateway.poll_site", site.pk) in woken
    # The order comes in and is applied.
    placed(site.channel, order(line(goods[0], 2), external_id="A-1"))
    SiteActivity.objects.filter(site=site, activity=Activity.INBOX).update(cursor="42")
    run(site, clock)
    settled = row(site, goods[0])
    assert (counterpart.figures[goods[0].code], settled.shown, settled.edited_quantity, waiting(site)) == (
        3,
        3,
        None,
        0,
    )


def test_an_edit_by_hand_is_noted_and_overwritten(counterpart, sold, clock):
    site, place, goods = sold
    run(site, clock)
    counterpart.stock[goods[0].code].quantity = 99
    stock(goods[0], place, 1)

    run(site, clock)
    clock.wait(1)
    run(site, clock)

    assert counterpart.figures[goods[0].code] == 6
    edited = row(site, goods[0])
    assert (edited.shown, edited.edited_quantity, waiting(site)) == (6, 99, 0)


# --- Faults of the site -----------------------------------------------------------------------------------------------


def test_work_that_was_done_while_the_answer_was_lost_is_repeated_under_the_same_key(counterpart, sold, clock):
    site, _place, goods = sold
    counterpart.faults.append(Reply(hangs_up=True, works_first=True))

    run(site, clock)
    assert (waiting(site), row(site, goods[0]).shown) == (10, None)
    clock.wait(2)
    run(site, clock)

    first, second = counterpart.pushes
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert first.body == second.body
    assert (waiting(site), len(counterpart.applied)) == (0, 10)


def test_a_lost_answer_and_then_a_newer_figure(counterpart, sold, clock):
    """The site took what we never heard of: our own figure is no edit of somebody else, and the newest one lands last."""
    site, place, goods = sold
    run(site, clock)
    counterpart.faults.append(Reply(hangs_up=True, works_first=True))
    stock(goods[0], place, 1)
    run(site, clock)
    stock(goods[0], place, 1)

    for _time in range(3):
        clock.wait(5)
        run(site, clock)

    assert counterpart.figures[goods[0].code] == 7
    done = row(site, goods[0])
    assert (done.shown, done.edited_quantity, waiting(site)) == (7, None, 0)
    values = [quantity for code, quantity, _version, _at in counterpart.applied if code == goods[0].code]
    assert values == [5, 6, 7]


def test_an_older_figure_never_lands_later(counterpart, sold, clock):
    """A push hangs on its way; the lease runs out, another publisher tells the newest; then the old one arrives."""
    site, place, goods = sold
    run(site, clock)
    stock(goods[0], place, 1)
    overtaken: list[object] = []

    def hang(request):
        if request.method == "PUT" and not overtaken:
            overtaken.append(request)
            stock(goods[0], place, 1)
            later = Clock()
            later.now = clock.now + dt.timedelta(seconds=31)
            assert run(site, later, holder="another") == Ended.IDLE
            assert counterpart.figures[goods[0].code] == 7

    counterpart.when_asked = hang
    run(site, clock)

    assert len(overtaken) == 1
    settled = row(site, goods[0])
    assert (counterpart.figures[goods[0].code], settled.shown) == (7, 7)
    # What the site answered to the old one says nothing of the new one.
    assert (settled.attempts, settled.error, settled.is_forced, waiting(site)) == (0, "", False, 0)


def test_one_refused_item_harms_no_other(counterpart, sold, clock):
    site, place, goods = sold
    poison = goods[6].code

    def refuse(request):
        if any(item["sku"] == poison for item in request.body["items"]):
            counterpart.faults.append(Reply(422, b'{"detail": "no"}'))

    # The fault is taken before ``when_asked`` is called, so each poisoned request leaves it for itself.
    original = counterpart.handle
    counterpart.handle = lambda request: (refuse(request), original(request))[1]
    run(site, clock)

    assert {code: figure for code, figure in counterpart.figures.items() if figure == 0} == {poison: 0}
    assert waiting(site) == 0
    [task] = tasks("EC_PUSH_REFUSED")
    assert "422" in task.detail
    counterpart.handle = original
    stock(goods[6], place, 1)
    run(site, clock)
    assert (counterpart.figures[poison], tasks("EC_PUSH_REFUSED").count()) == (6, 0)


def test_too_many_requests_stops_everything_for_as_long_as_the_site_says(counterpart, sold, clock):
    site, _place, goods = sold
    counterpart.faults.append(Reply(429, headers={"Retry-After": "30"}))

    assert run(site, clock) == Ended.NOT_NOW
    assert row(site, goods[0]).attempts == 0
    clock.wait(29)
    assert run(site, clock) == Ended.NOT_NOW
    assert len(counterpart.requests) == 1
    clock.wait(2)
    assert run(site, clock) == Ended.IDLE
    assert waiting(site) == 0


def test_a_short_wait_for_the_budget_is_waited_out(counterpart, sold, clock):
    site, _place, _goods = sold
    EcSite.objects.filter(pk=site.pk).update(settings={"batch_size": 1, "requests_per_s": 2, "burst": 1})

    assert run(site, clock, linger_s=2.0) == Ended.IDLE

    assert len(counterpart.requests) == 10
    assert 4.5 <= (clock.now - NOON).total_seconds() <= 8


def test_a_dead_site_is_paused_and_everything_is_told_when_it_comes_back(counterpart, sold, clock):
    site, _place, goods = sold
    counterpart.faults.extend([Reply(503)] * 7)

    for _time in range(6):
        run(site, clock)
        clock.wait(60)
    assert (len(counterpart.requests), tasks("SITE_PAUSED").count()) == (6, 1)
    for _time in range(3):
        run(site, clock)
        clock.wait(70)

    assert counterpart.figures == {each.code: 5 for each in goods}
    assert (waiting(site), tasks("SITE_PAUSED").count()) == (0, 0)
    assert SiteState.objects.get(site=site).failures_in_row == 0


def test_refused_credentials_pause_the_site(counterpart, sold, clock):
    site, _place, goods = sold
    counterpart.faults.append(Reply(401))

    run(site, clock)

    assert (waiting(site), tasks("SITE_PAUSED").count(), tasks("EC_PUSH_REFUSED").count()) == (10, 1, 0)
    clock.wait(60)
    run(site, clock)
    assert counterpart.figures == {each.code: 5 for each in goods}


def test_one_dead_site_blocks_no_other(counterpart, sold, clock):
    site, _place, goods = sold
    dead, _dead_place = shop(base_url="http://127.0.0.1:9")
    listed(dead, *goods)

    assert run(dead, clock) == Ended.IDLE
    assert run(site, clock) == Ended.IDLE

    assert counterpart.figures == {each.code: 5 for each in goods}
    assert waiting(dead) == 10


def test_staff_pause_and_resume_a_site(counterpart, sold, clock):
    site, _place, _goods = sold
    breakers.pause(site_id=site.pk, at=NOON, by=DESK)

    assert run(site, clock) == Ended.NOT_NOW
    assert (counterpart.requests, sites_to_publish(at=clock.now)) == ([], [])
    breakers.resume(site_id=site.pk, at=clock.now, by=DESK)
    assert sites_to_publish(at=clock.now) == [site.pk]
    assert run(site, clock) == Ended.IDLE
    assert waiting(site) == 0


# --- The feed, the lease, the listing ---------------------------------------------------------------------------------


def test_after_a_restore_everything_is_told_again(counterpart, sold, clock):
    site, _place, goods = sold
    run(site, clock)
    before = SiteActivity.objects.get(site=site, activity=Activity.PUBLISH).cursor
    changes.start_epoch(reason="restored", at=NOON)
    counterpart.stock[goods[0].code].quantity = 88
    counterpart.requests.clear()

    for _time in range(2):
        run(site, clock)
        clock.wait(2)
    run(site, clock)

    assert len(counterpart.pushes[0].body["items"]) == 10
    assert counterpart.figures[goods[0].code] == 5
    assert SiteActivity.objects.get(site=site, activity=Activity.PUBLISH).cursor != before


def test_a_publisher_that_is_killed_before_it_settles_leaves_everything_to_the_next(
    counterpart, sold, clock, monkeypatch
):
    """As kill -9 in the middle of a push: the request went out, nobody wrote down the answer, the lease is still taken."""
    site, _place, goods = sold

    class Killed(BaseException):
        pass

    def killed(self, function, **fields):
        function(self.platform)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Line, "call", killed)
        patched.setattr(leases, "give_back", lambda *args, **fields: True)
        with pytest.raises(Killed):
            run(site, clock)

    assert len(counterpart.applied) == 10
    clock.wait(20)
    assert run(site, clock, holder="next") == Ended.BUSY
    clock.wait(20)
    assert run(site, clock, holder="next") == Ended.IDLE
    assert (waiting(site), len(counterpart.applied)) == (0, 10)
    assert row(site, goods[0]).shown == 5


def test_a_change_while_a_push_is_on_its_way_is_pushed_as_well(counterpart, sold, clock):
    site, place, goods = sold
    run(site, clock)
    stock(goods[0], place, 1)
    changed: list[object] = []

    def change(request):
        if not changed:
            changed.append(request)
            stock(goods[0], place, 1)

    counterpart.when_asked = change
    run(site, clock)
    run(site, clock)

    assert (counterpart.figures[goods[0].code], row(site, goods[0]).shown, waiting(site)) == (7, 7, 0)


def test_a_reason_that_comes_while_a_push_is_on_its_way_is_pushed_as_well(counterpart, sold, clock):
    site, _place, goods = sold
    run(site, clock)
    pushes.force(site_id=site.pk, sku_ids=[goods[0].pk], at=clock.now)
    counterpart.requests.clear()
    forced: list[object] = []

    def force(request):
        if not forced:
            forced.append(request)
            pushes.force(site_id=site.pk, sku_ids=[goods[0].pk], at=clock.now)

    counterpart.when_asked = force
    run(site, clock)

    assert (len(counterpart.pushes), waiting(site)) == (2, 0)


def test_a_wake_up_while_the_publisher_ends_makes_it_look_once_more(counterpart, sold, clock):
    site, _place, _goods = sold
    counterpart.when_asked = lambda request: leases.take(site_id=site.pk, activity="PUBLISH", holder="x", at=clock.now)

    assert run(site, clock) == Ended.IDLE

    assert SiteActivity.objects.get(site=site, activity=Activity.PUBLISH).lease_holder == ""


def test_a_publisher_lingers_so_that_a_wake_up_that_was_left_out_loses_nothing(counterpart, sold, clock):
    site, place, goods = sold
    run(site, clock)
    original = clock.wait

    def wait(seconds):
        if len(clock.waits) == 5:
            stock(goods[0], place, 1)
        original(seconds)

    clock.wait = wait
    assert run(site, clock, linger_s=2.0) == Ended.IDLE

    assert counterpart.figures[goods[0].code] == 6


def test_a_publisher_that_is_asked_to_stop_gives_everything_back(counterpart, sold, clock):
    site, _place, _goods = sold
    EcSite.objects.filter(pk=site.pk).update(settings={"batch_size": 4})

    assert run(site, clock, should_stop=lambda: True) == Ended.BREAK

    assert (len(counterpart.requests), waiting(site)) == (1, 6)
    assert run(site, clock, holder="next") == Ended.IDLE
    assert waiting(site) == 0


def test_who_is_to_be_told(sold, clock):
    site, _place, _goods = sold
    shop(platform="")
    shop(is_publishing=False)
    shop(base_url="")

    assert sites_to_publish(at=clock.now) == [site.pk]
    leases.take(site_id=site.pk, activity="PUBLISH", holder="x", at=clock.now)
    assert sites_to_publish(at=clock.now) == []
    assert sites_to_publish(at=after(31)) == [site.pk]


def test_listings_made_by_others_are_found_and_lost_ones_forgotten(counterpart, sold, clock):
    site, place, goods = sold
    run(site, clock)
    added = new_sku()
    stock(added, place, 3)
    run(site, clock)
    listed(site, added)
    counterpart.show(**{added.code.replace("-", "_"): 0})
    Listing.objects.filter(sku=goods[0]).update(is_active=False)
    pushes.mark_changed(site_id=site.pk, sku_ids=[goods[1].pk], at=NOON)

    tend_listings(at=clock.now, by=ROBOT)
    run(site, clock)

    assert counterpart.figures[added.code] == 3


def test_a_look_at_a_quiet_site_costs_few_statements(sold, clock):
    site, _place, _goods = sold
    run(site, clock)

    quiet = statements(lambda: run(site, clock))
    assert len(quiet) <= 9


def test_the_statements_of_a_push_do_not_grow_with_its_items(counterpart, sold, clock):
    site, place, goods = sold
    run(site, clock)
    stock(goods[0], place, 1)
    one = len(statements(lambda: run(site, clock)))
    for each in goods:
        stock(each, place, 1)

    assert len(statements(lambda: run(site, clock))) == one


# --- Shipments --------------------------------------------------------------------------------------------------------


def test_a_parcel_that_left_is_told_once_with_carrier_and_number(counterpart, sold, clock):
    site, _place, goods = sold
    run(site, clock)
    sent = placed(site.channel, order(line(goods[0], 2), external_id="A-1"))
    released(sent)
    run(site, clock)
    assert counterpart.shipments == {}
    [parcel] = Shipment.objects.filter(order=sent)
    ship(requests=[ShipRequest(parcel.pk, carrier="yamato", tracking_number="1234-5678-9013")], at=NOON, by=DESK)

    for _time in range(2):
        run(site, clock)

    [told] = counterpart.shipments.values()
    assert (told["number"], told["order_external_id"], told["carrier"], told["tracking_number"]) == (
        parcel.number,
        "A-1",
        "yamato",
        "123456789013",
    )
    assert told["lines"] == {goods[0].code: 2}
    assert sum(request.path == "/mamori/shipments" for request in counterpart.requests) == 1
    assert MessageLog.objects.get(direction="OUT", kind="shipment").outcome == "DONE"


def track(parcel, number, carrier=""):
    set_tracking(shipment_id=parcel.pk, carrier=carrier, tracking_number=number, at=NOON, by=DESK)


def test_a_tracking_number_that_comes_later_or_is_corrected_is_told_by_itself(counterpart, sold, clock):
    site, _place, goods = sold
    run(site, clock)
    [parcel] = shipped(placed(site.channel, order(line(goods[0]), external_id="A-1")))
    keys: list[str] = []

    def told():
        run(site, clock)
        keys[:] = [item.headers["idempotency-key"] for item in counterpart.requests if item.path == "/mamori/shipments"]
        [parcel_there] = counterpart.shipments.values()
        return parcel_there["carrier"], parcel_there["tracking_number"], len(keys)

    carrier = counterpart.shipments[parcel.number]["carrier"] if told() else ""
    assert told() == (carrier, "", 1)
    track(parcel, "491200000001")
    assert told() == (carrier, "491200000001", 2)
    track(parcel, "491200000001")
    deliver(shipment_ids=[parcel.pk], delivered_date=TODAY, at=NOON, by=DESK)
    assert told() == (carrier, "491200000001", 2)
    track(parcel, "491300000004", "sagawa")
    assert told() == ("sagawa", "491300000004", 3)
    track(parcel, "491200000001", carrier or "yamato")
    assert told()[1:] == ("491200000001", 4)
    # A site that keeps keys would answer a known one with what it said then.
    assert len(set(keys)) == 4
    assert site.shipment_notices.get().due_at is None


def test_a_tracking_number_that_comes_while_its_parcel_is_told_is_told_too(counterpart, sold, clock):
    site, _place, goods = sold
    run(site, clock)
    [parcel] = shipped(placed(site.channel, order(line(goods[0]), external_id="A-1")))
    # Another publisher has lost its lease with the old number in its hand, and settles last.
    shipments.note(site=site, numbers=[parcel.number], at=clock.now)

    def changes_meanwhile(request):
        if request.path == "/mamori/shipments" and not Shipment.objects.get().tracking_number:
            track(parcel, "491200000001")
            shipments.note(site=site, numbers=[parcel.number], at=clock.now)

    counterpart.when_asked = changes_meanwhile
    shipments.push_due_shipments(line=line_to(site, clock), keep=lambda: None)
    assert site.shipment_notices.get().due_at is not None
    shipments.push_due_shipments(line=line_to(site, clock), keep=lambda: None)

    assert counterpart.shipments[parcel.number]["tracking_number"] == "491200000001"
    assert site.shipment_notices.get().due_at is None


def test_a_shipment_is_tried_again_and_a_refused_one_is_a_task(counterpart, sold, clock):
    site, _place, goods = sold
    run(site, clock)
    shipped(placed(site.channel, order(line(goods[0]), external_id="A-1")))
    refuses = [Reply(500), Reply(400)]
    original = counterpart.handle

    def handle(request):
        if request.path == "/mamori/shipments" and refuses:
            counterpart.requests.append(request)
            return refuses.pop(0)
        return original(request)

    counterpart.handle = handle
    run(site, clock)
    notice = site.shipment_notices.get()
    assert (notice.attempts, notice.sent_at, notice.due_at > clock.now) == (1, None, True)
    clock.wait(5)
    run(site, clock)
    notice.refresh_from_db()
    assert (notice.sent_at, notice.due_at, tasks("EC_SHIPMENT_REFUSED").count()) == (None, None, 1)
    clock.wait(3600)
    run(site, clock)
    assert counterpart.shipments == {}
