"""The address to which sites send webhooks: nothing is believed unsigned, everything signed is kept once, and the answer is quick."""

import datetime as dt
import json

import pytest
from django.test import Client
from django.utils import timezone
from standardwebhooks import Webhook

from ec_gateway import credentials
from ec_gateway.inbox import sweeping
from ec_gateway.inbox.working import work_off
from ec_gateway.models import Activity, InboundEvent, SiteActivity, SitePush, SiteState
from ec_gateway.services import wakes
from ec_gateway.webhooks import MAX_BODY
from erp.core.models import StaffTask
from tests.ec_gateway.factories import NOON, ROBOT, SECRET, listed, shop
from tests.ec_gateway.fake_platform import document
from tests.inventory.factories import sku, statements

pytestmark = pytest.mark.django_db


@pytest.fixture
def woken(monkeypatch):
    found: list[tuple[str, int]] = []
    monkeypatch.setattr(wakes, "wake", lambda *, site_id, activity: found.append((activity, site_id)))
    return found


def send(site, body, *, event_id="evt-1", at=None, secret=SECRET, **headers):
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    moment = at or timezone.now()
    signed = {
        "webhook-id": event_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(secret).sign(event_id, moment, text),
        **headers,
    }
    return Client(enforce_csrf_checks=True).post(
        f"/webhooks/{site.channel.code}", data=text.encode(), content_type="application/json", headers=signed
    )


def changed(*goods, external_id="A-1"):
    return {"type": "order.changed", "timestamp": "2026-11-23T12:00:00+09:00", "data": document(external_id, *goods)}


def test_what_is_signed_is_kept_as_it_came_and_wakes_the_worker(woken):
    site, _place = shop()
    body = json.dumps(changed(sku(), external_id="注文-1"), ensure_ascii=False, indent=3)

    answer = send(site, body)

    assert (answer.status_code, answer.json()) == (200, {"status": "kept"})
    event = InboundEvent.objects.get()
    assert (event.event_id, event.kind, event.external_id) == ("evt-1", "ORDER", "注文-1")
    assert (event.raw, event.state, event.source) == (body, "RECEIVED", "WEBHOOK")
    assert event.changed_at == NOON
    assert woken == [("INBOX", site.pk)]
    assert SiteState.objects.get(site=site).webhook_seen_at is not None


def test_a_repeat_gets_the_same_answer_and_changes_nothing(woken):
    site, _place = shop()
    shirt = sku()

    answers = [send(site, changed(shirt)) for _repeat in range(3)]

    assert {(answer.status_code, answer.content) for answer in answers} == {(200, b'{"status": "kept"}')}
    assert InboundEvent.objects.count() == 1
    assert len(woken) == 1


@pytest.mark.parametrize(
    "spoilt",
    [
        {"secret": "whsec_" + "QUJD" * 8},
        {"at": timezone.now() - dt.timedelta(minutes=6)},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,not base64 at all"},
        {"webhook-timestamp": "yesterday"},
    ],
)
def test_nothing_of_what_the_site_did_not_sign_is_kept(spoilt, woken):
    site, _place = shop()

    answer = send(site, changed(sku()), **spoilt)

    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "bad_signature"
    assert not InboundEvent.objects.exists()
    assert SiteState.objects.get(site=site).webhook_seen_at is None
    assert woken == []


def test_a_body_that_was_changed_on_the_way_is_not_believed(woken):
    site, _place = shop()
    signed = Webhook(SECRET).sign("evt-1", timezone.now(), json.dumps(changed(sku())))

    answer = send(site, changed(sku(), external_id="A-2"), **{"webhook-signature": signed})

    assert answer.status_code == 401
    assert not InboundEvent.objects.exists()


def test_unknown_channels_and_channels_without_a_platform_have_no_webhook(woken):
    till, _place = shop(platform="")
    assert send(till, changed(sku())).status_code == 404
    till.channel.code = "nowhere"
    assert send(till, changed(sku())).status_code == 404


def test_no_site_has_a_name_that_nothing_can_be_kept_under(client):
    answer = client.post("/webhooks/a%00b", data=b"{}", content_type="application/json")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_other_methods_and_bodies_beyond_measure_are_refused(woken):
    site, _place = shop()
    answer = Client().get(f"/webhooks/{site.channel.code}")
    assert (answer.status_code, answer["Allow"]) == (405, "POST")

    assert send(site, "x" * (MAX_BODY + 1)).status_code == 413
    assert send(site, json.dumps("x" * (MAX_BODY - 2))).status_code == 200
    assert InboundEvent.objects.count() == 1


def test_what_is_signed_and_not_understood_is_kept_once(woken):
    site, _place = shop()

    answers = [send(site, "what?", event_id=f"evt-{number}").status_code for number in range(2)]

    assert answers == [200, 200]
    event = InboundEvent.objects.get()
    assert (event.kind, event.raw) == ("HINT", "what?")


DEEP = '{"type": "order.changed", "timestamp": "2026-11-23T10:00:00+09:00", "data": {"external_id": "D", "a": %s}}'


@pytest.mark.parametrize(
    "body",
    [
        {**changed(), "timestamp": "9999-12-31T23:59:59-12:00"},
        {**changed(), "timestamp": "0001-01-01T00:00:00+12:00"},
        {**changed(), "timestamp": "2026-11-23T10:00:00+23:59"},
        {**changed(), "type": "stock.changed", "data": {"sku": "a\x00", "quantity": 1}},
        {**changed(), "type": "stock.changed", "data": {"sku": "a\ud800", "quantity": 1}},
        {**changed(), "type": "stock.changed", "data": {"sku": "a", "quantity": 10**30}},
        DEEP % ("[" * 100 + "]" * 100),
        DEEP % ("[" * 50_000 + "]" * 50_000),
    ],
)
def test_what_is_signed_and_cannot_be_kept_as_it_was_meant_is_kept_as_it_came(woken, body, admin_client):
    site, _place = shop()
    text = body if isinstance(body, str) else json.dumps(body)

    answer = send(site, text)
    work_off(site_id=site.pk, holder="test", clock=timezone.now, jitter=lambda: 0.5)

    assert answer.status_code == 200
    event = InboundEvent.objects.get()
    assert (event.state, event.raw, event.changed_at) == ("REFUSED", text, None)
    assert StaffTask.objects.get().kind == "INBOX_REFUSED"
    assert admin_client.get("/admin/ec_gateway/inboundevent/").status_code == 200


def test_a_fault_of_ours_loses_no_webhook(woken, monkeypatch):
    site, _place = shop()
    shirt = sku()
    monkeypatch.setattr("ec_gateway.platforms.generic._news", lambda event: dict[str, str]()["a bug"])

    answer = send(site, changed(shirt))
    work_off(site_id=site.pk, holder="test", clock=timezone.now, jitter=lambda: 0.5)

    assert answer.status_code == 200
    event = InboundEvent.objects.get()
    assert (event.state, event.raw) == ("REFUSED", json.dumps(changed(shirt), ensure_ascii=False))
    assert "KeyError" in event.error


def test_a_site_whose_secrets_cannot_be_read_is_told_to_come_back(woken, settings):
    site, _place = shop()
    site.sealed_credentials = credentials.seal({"webhook_secret": SECRET})
    site.save()
    settings.SECRET_KEY = "another"

    answer = send(site, changed(sku()))

    assert (answer.status_code, answer.json()["code"]) == (503, "credentials_unreadable")
    assert not InboundEvent.objects.exists()


def test_a_webhook_costs_few_statements(woken):
    site, _place = shop()
    shirt = sku()
    send(site, changed(shirt))

    told = statements(lambda: send(site, changed(shirt, external_id="A-2"), event_id="evt-2"))

    assert len(told) <= 3, told


def test_the_sweep_wakes_what_waits_without_a_wake_up(woken):
    site, _place = shop()
    quiet, _place = shop(is_polling=False)
    InboundEvent.objects.create(site=quiet, event_id="e", kind="HINT", source="WEBHOOK", received_at=NOON)

    assert sweeping.wake_sites(at=NOON, by=ROBOT) == "1 polled, 1 waiting"

    assert woken == [("POLL", site.pk), ("INBOX", quiet.pk)]


def test_a_poll_that_finds_nothing_new_still_lets_the_inbox_say_how_far_it_is(woken, monkeypatch):
    from ec_gateway import tasks
    from ec_gateway.inbox.polling import Polled

    site, _place = shop()
    monkeypatch.setattr(tasks, "poll", lambda **_arguments: Polled(pages=1))
    tasks.poll_site(site_id=site.pk)
    assert woken == []

    SiteActivity.objects.filter(site=site, activity=Activity.POLL).update(cursor="7")
    tasks.poll_site(site_id=site.pk)

    assert woken == [("INBOX", site.pk)]


def test_tasks_tolerate_sites_that_are_gone(woken):
    from ec_gateway import tasks

    tasks.work_inbox(site_id=404)
    tasks.poll_site(site_id=404)

    assert tasks.work_inbox.name == wakes.TASKS[Activity.INBOX]
    assert tasks.poll_site.name == wakes.TASKS[Activity.POLL]
    assert woken == []


def stock_changed(item, quantity):
    return {
        "type": "stock.changed",
        "timestamp": "2026-11-23T12:00:00+09:00",
        "data": {"sku": item.code, "quantity": quantity},
    }


def test_our_own_figure_that_comes_back_is_not_even_kept(woken):
    site, _place = shop()
    shirt = sku()
    listed(site, shirt)
    SitePush.objects.create(site=site, sku=shirt, shown=5, sent_at=timezone.now(), recent=[7, 5])

    assert [send(site, stock_changed(shirt, figure), event_id=f"s-{figure}").status_code for figure in (5, 7)] == [
        200,
        200,
    ]

    assert not InboundEvent.objects.exists()
    assert woken == []
    assert SiteState.objects.get(site=site).webhook_seen_at is not None


def test_a_figure_that_is_not_ours_is_noted_and_ours_is_pushed_again(woken):
    site, _place = shop()
    shirt = sku()
    listed(site, shirt)
    SitePush.objects.create(site=site, sku=shirt, shown=5, sent_at=timezone.now(), recent=[7, 5])

    send(site, stock_changed(shirt, 99))
    run = work_off(site_id=site.pk, holder="test", clock=timezone.now, jitter=lambda: 0.5)

    event = InboundEvent.objects.get()
    assert (event.kind, event.state, event.result) == ("STOCK_ECHO", "DONE", f"{shirt.code}: 99")
    push = SitePush.objects.get()
    assert (push.edited_quantity, push.shown, push.is_forced) == (99, 99, True)
    assert run.wants_publish
