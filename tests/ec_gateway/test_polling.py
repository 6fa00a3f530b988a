"""Polling: the cursor moves with the events or not at all, a dead site costs nothing, and a webhook that was switched off is noticed."""

import dataclasses
import datetime as dt

import pytest

from ec_gateway.inbox.polling import fetch_by_hand, poll
from ec_gateway.inbox.receiving import receive_webhook
from ec_gateway.inbox.webhook_watch import UNANNOUNCED_FOR
from ec_gateway.inbox.working import work_off
from ec_gateway.models import Activity, InboundEvent, SiteActivity, SiteState
from ec_gateway.platforms.interface import PlatformError
from erp.core.models import StaffTask
from erp.orders.models import Order
from tests.ec_gateway.factories import NOON, after, shop
from tests.ec_gateway.fake_platform import FakePlatform, line_to, never_wait, news, order_news
from tests.inventory.factories import sku, stock

pytestmark = pytest.mark.django_db


def run(site, platform, at=NOON, wait=never_wait):
    return poll(line=line_to(site, platform, at), holder="test", wait=wait)


def row(site):
    return SiteActivity.objects.get(site=site, activity=Activity.POLL)


def hints(count, start=0):
    return [news("HINT", f"h-{number}") for number in range(start, start + count)]


def known(site):
    return list(InboundEvent.objects.filter(site=site).order_by("pk").values_list("event_id", flat=True))


def webhook(site, platform, event_id, at):
    body = b'{"kind": "HINT", "event_id": "%s"}' % event_id.encode()
    return receive_webhook(site=site, platform=platform, headers={}, body=body, at=at)


def off_tasks():
    return list(StaffTask.objects.filter(kind="WEBHOOKS_OFF").order_by("pk").values_list("closed_at", flat=True))


def test_all_pages_are_read_and_the_next_run_overlaps():
    site, _place = shop()
    platform = FakePlatform(changes=hints(5))

    assert str(run(site, platform)) == "新着5件(3ページ)"
    assert row(site).cursor == "5"
    platform.changes += hints(2, start=5)
    assert str(run(site, platform)) == "新着2件(2ページ)"

    assert known(site) == [f"h-{number}" for number in range(7)]
    fetched = [call for call in platform.calls if call.startswith("fetch")]
    assert fetched == ["fetch_orders ", "fetch_orders 2", "fetch_orders 4", "fetch_orders 5", "fetch_orders 6"]
    assert (row(site).lease_holder, row(site).finished_at) == ("", NOON)


def test_a_call_that_fails_in_the_middle_loses_nothing(monkeypatch):
    site, _place = shop()
    platform = FakePlatform(changes=hints(5))
    fetch = platform.fetch_orders

    def fails_once(**arguments):
        if arguments["cursor"] == "2" and not platform.fails:
            platform.fails = [PlatformError("no answer", is_unreachable=True)]
        return fetch(**arguments)

    monkeypatch.setattr(platform, "fetch_orders", fails_once)
    outcome = run(site, platform)

    assert (outcome.pages, outcome.taken, outcome.error) == (1, 2, "no answer")
    assert row(site).cursor == "2"
    assert row(site).lease_holder == ""
    assert SiteState.objects.get(site=site).failures_in_row == 1
    monkeypatch.setattr(platform, "fetch_orders", fetch)
    run(site, platform)
    assert known(site) == [f"h-{number}" for number in range(5)]
    assert SiteState.objects.get(site=site).failures_in_row == 0


@pytest.mark.parametrize(
    "spoilt",
    [
        news("ORDER", "e-2", "A-2", dt.datetime(9999, 12, 31, 23, tzinfo=dt.timezone(-dt.timedelta(hours=12)))),
        news("ORDER", "e-2", "A-2", dt.datetime(1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=12)))),
        news("ORDER", "e-2", "A-2", dt.datetime(2026, 11, 23)),
        news("ORDER", "e-2", "A-2", NOON, {"x": 10**5_000}),
    ],
)
def test_news_that_cannot_be_kept_stop_nothing_behind_them(spoilt):
    site, place = shop()
    shirt = sku()
    stock(shirt, place, 5)
    raw = {"what": "it said"}
    first, last = order_news("A-1", shirt), order_news("A-3", shirt)
    platform = FakePlatform(changes=[first, dataclasses.replace(spoilt, raw=raw), last], page_size=10)

    outcome = run(site, platform)
    work_off(site_id=site.pk, holder="test", clock=lambda: NOON, jitter=lambda: 0.5)

    assert (outcome.taken, outcome.error, row(site).cursor) == (3, "", "3")
    events = InboundEvent.objects.order_by("pk").values_list("kind", "external_id", "state")
    assert list(events) == [("ORDER", "A-1", "DONE"), ("HINT", "A-2", "REFUSED"), ("ORDER", "A-3", "DONE")]
    assert InboundEvent.objects.get(external_id="A-2").raw == '{"what":"it said"}'
    assert "A-2" in StaffTask.objects.get(kind="INBOX_REFUSED").subject_label
    assert str(run(site, platform)).startswith("新着0件")


def test_a_paused_site_is_not_called():
    site, _place = shop()
    platform = FakePlatform(changes=hints(1))
    SiteState.objects.filter(site=site).update(open_until=after(60), silent_since=after(0))

    outcome = run(site, platform)

    assert "一時停止中" in outcome.error
    assert platform.calls == []


def test_the_rate_budget_is_waited_for():
    site, _place = shop()
    platform = FakePlatform(changes=hints(1))
    SiteState.objects.filter(site=site).update(tokens=0, tokens_at=NOON)
    moments, waits = [NOON], []

    def wait(seconds):
        waits.append(seconds)
        moments[0] += dt.timedelta(seconds=seconds)

    line = line_to(site, platform)
    object.__setattr__(line, "clock", lambda: moments[0])
    poll(line=line, holder="test", wait=wait)

    assert known(site) == ["h-0"]
    assert waits[0] == pytest.approx(0.01)


def test_a_site_that_answers_the_same_page_for_ever_is_left_alone(monkeypatch):
    site, _place = shop()
    platform = FakePlatform(changes=hints(5))
    fetch = platform.fetch_orders
    monkeypatch.setattr(platform, "fetch_orders", lambda **arguments: fetch(cursor="0", overlap=arguments["overlap"]))

    assert "同じページ" in run(site, platform).error


def test_whoever_lost_the_lease_stores_nothing(monkeypatch):
    site, _place = shop()
    platform = FakePlatform(changes=hints(5))
    fetch = platform.fetch_orders

    def slow(**arguments):
        SiteActivity.objects.filter(site=site, activity=Activity.POLL).update(lease_holder="other")
        return fetch(**arguments)

    monkeypatch.setattr(platform, "fetch_orders", slow)
    run(site, platform)

    assert known(site) == []
    assert (row(site).cursor, row(site).lease_holder) == ("", "other")


def test_a_second_poller_leaves_its_wake_up_and_goes():
    site, _place = shop()
    platform = FakePlatform(changes=hints(5))
    SiteActivity.objects.filter(site=site, activity=Activity.POLL).update(lease_holder="other", lease_until=after(30))

    run(site, platform)

    assert platform.calls == []
    assert row(site).wakes == 1


def test_a_wake_up_during_the_run_is_looked_after(monkeypatch):
    site, _place = shop()
    platform = FakePlatform(changes=hints(1))
    fetch = platform.fetch_orders

    def wakes(**arguments):
        page = fetch(**arguments)
        if len(platform.changes) == 1:
            platform.changes += hints(1, start=1)
            poll(line=line_to(site, platform), holder="another", wait=never_wait)
        return page

    monkeypatch.setattr(platform, "fetch_orders", wakes)
    run(site, platform)

    assert known(site) == ["h-0", "h-1"]


def test_the_site_says_that_its_webhook_is_off_and_the_next_webhook_closes_the_task():
    site, _place = shop()
    platform = FakePlatform(webhooks_on=False)
    run(site, platform)
    assert SiteState.objects.get(site=site).webhooks_off_since == NOON
    assert off_tasks() == [None]

    run(site, platform, at=after(60))
    assert platform.calls.count("are_webhooks_on") == 1
    run(site, platform, at=after(600))
    assert platform.calls.count("are_webhooks_on") == 2
    assert SiteState.objects.get(site=site).webhooks_off_since == NOON
    assert off_tasks() == [None]

    webhook(site, platform, "w-1", after(700))
    assert SiteState.objects.get(site=site).webhooks_off_since is None
    assert off_tasks() == [after(700)]


def test_changes_that_no_webhook_announces_any_more_are_noticed():
    site, _place = shop()
    platform = FakePlatform(webhooks_on=None, changes=hints(1))
    webhook(site, platform, "h-0", NOON)
    run(site, platform, at=after(1))
    platform.changes += hints(1, start=1)
    run(site, platform, at=after(60))
    late = 60 + UNANNOUNCED_FOR.total_seconds()
    run(site, platform, at=after(late))
    assert off_tasks() == []  # one may get lost

    platform.changes += hints(1, start=2)
    run(site, platform, at=after(late + 60))
    run(site, platform, at=after(late + 59 + UNANNOUNCED_FOR.total_seconds()))
    assert off_tasks() == []  # it may still come
    run(site, platform, at=after(late + 60 + UNANNOUNCED_FOR.total_seconds()))

    assert off_tasks() == [None]


def test_a_site_that_never_sent_a_webhook_is_not_missed():
    site, _place = shop()
    platform = FakePlatform(webhooks_on=None, changes=hints(3))

    run(site, platform)
    run(site, platform, at=after(10_000))

    assert off_tasks() == []


def test_a_message_that_nobody_understands_is_kept_and_told_to_staff_and_the_site_is_polled():
    site, _place = shop()
    platform = FakePlatform()
    for _repeat in range(2):
        receive_webhook(site=site, platform=platform, headers={}, body=b"what?", at=NOON)

    outcome = work_off(site_id=site.pk, holder="test", clock=lambda: NOON, jitter=lambda: 0.5)

    event = InboundEvent.objects.get()
    assert (event.raw, event.state) == ("what?", "REFUSED")
    assert "JSON is needed" in event.error
    assert StaffTask.objects.get().kind == "INBOX_REFUSED"
    assert outcome.wants_poll


def test_a_missing_order_is_fetched_by_hand_once():
    site, place = shop()
    shirt = sku()
    stock(shirt, place, 5)
    platform = FakePlatform(changes=[order_news("A-1", shirt)])

    for _again in range(2):
        found, ids = fetch_by_hand(line=line_to(site, platform), external_id="A-1")
        assert [item.external_id for item in found] == ["A-1"]
        work_off(site_id=site.pk, holder="test", clock=lambda: NOON, jitter=lambda: 0.5)

    assert ids == []
    assert Order.objects.get().external_id == "A-1"
    assert InboundEvent.objects.get().source == "REPLAY"
    assert fetch_by_hand(line=line_to(site, platform), external_id="A-9") == ([], [])


def test_what_was_refused_stays_as_it_came_and_what_the_site_says_now_stands_beside_it():
    site, place = shop()
    shirt = sku()
    stock(shirt, place, 5)
    bad = news("ORDER", "e-A-1", "A-1", NOON, {"external_id": "A-1"})
    platform = FakePlatform(changes=[bad])
    run(site, platform)
    work_off(site_id=site.pk, holder="test", clock=lambda: NOON, jitter=lambda: 0.5)
    platform.changes = [order_news("A-1", shirt)]

    for _again in range(2):
        _found, ids = fetch_by_hand(line=line_to(site, platform), external_id="A-1")
        assert len(ids) <= 1
        work_off(site_id=site.pk, holder="test", clock=lambda: NOON, jitter=lambda: 0.5)

    events = list(InboundEvent.objects.order_by("pk").values_list("state", "source"))
    assert events == [("REFUSED", "POLL"), ("DONE", "REPLAY")]
    assert not StaffTask.objects.filter(closed_at__isnull=True).exists()
