"""What machines are told: whether Mamori is ready, how far the feed is behind, who is paused, what expires."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import override_settings
from django.utils import timezone
from redis import RedisError

from ec_gateway import health, metrics
from ec_gateway.models import (
    EcSite,
    InboundEvent,
    ReconciliationRow,
    ReconciliationRun,
    SiteActivity,
    SitePush,
    SiteState,
)
from erp.core import changes
from tests.ec_gateway.api.caller import api_key, site
from tests.inventory.factories import sku

pytestmark = pytest.mark.django_db
NOON = dt.datetime(2026, 11, 23, 3, 0, tzinfo=dt.UTC)


def figures() -> dict[str, float]:
    told = metrics.exposition(at=NOON)
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in told.splitlines() if line[0] != "#")}


def test_each_figure_is_told_with_its_kind_and_its_help():
    told = metrics.exposition(at=NOON)

    for gauge in metrics.GAUGES:
        assert f"# HELP {gauge.name} " in told
        assert f"# TYPE {gauge.name} gauge\n" in told
    assert told.endswith("\n")


def test_who_is_paused_and_what_expires():
    shop = site()
    SiteState.objects.create(site=shop, failures_in_row=6, open_until=NOON + dt.timedelta(minutes=1), silent_since=NOON)
    EcSite.objects.filter(pk=shop.pk).update(credentials_expire_on=dt.date(2026, 11, 25))
    key, _secret = api_key(shop, expiry_date=NOON - dt.timedelta(hours=1))

    SiteActivity.objects.create(site=shop, activity="POLL", failures_in_row=2)

    told = figures()

    code = shop.channel.code
    assert told[f'mamori_site_paused{{site="{code}"}}'] == 1
    assert told[f'mamori_site_failures_in_row{{site="{code}"}}'] == 6
    assert told[f'mamori_site_credentials_expire_seconds{{site="{code}"}}'] == 2 * 86_400
    assert told[f'mamori_api_key_expires_seconds{{site="{code}",key="{key.prefix}",name="test"}}'] == -3600
    assert told[f'mamori_site_activity_failures_in_row{{site="{code}",activity="poll"}}'] == 2
    assert told['mamori_up{part="database"}'] == 1
    assert told['mamori_waiting_work{queue="tasks"}'] == 0


def test_a_figure_that_cannot_be_had_is_missing_and_the_rest_is_told(monkeypatch):
    def away(at):
        raise DatabaseError("away")

    broken = metrics.Gauge("mamori_broken", "Never.", away)
    monkeypatch.setattr(metrics, "GAUGES", (broken, metrics.Gauge("mamori_whole", "Always.", lambda at: [({}, 1.0)])))

    assert figures() == {"mamori_whole": 1.0}


def test_labels_are_escaped():
    assert metrics._labels({"name": 'a"b\\c\nd'}) == '{name="a\\"b\\\\c\\nd"}'


@pytest.mark.django_db(transaction=True)
def test_the_feed_is_late_while_a_transaction_is_open():
    other = connection.get_new_connection(connection.get_connection_params())
    other.execute("SELECT pg_current_xact_id()")
    with transaction.atomic():
        changes.record(topic="stock", keys=[1])

    late = changes.lag()
    other.rollback()
    other.close()

    assert late.behind_s > 0
    assert late.oldest_transaction_s >= late.behind_s
    assert changes.lag().behind_s == 0


def test_readiness_tells_of_the_feed_and_sends_nobody_away_for_it(client, monkeypatch):
    monkeypatch.setattr("ec_gateway.health.CHECKS", {"database": lambda: None})
    monkeypatch.setattr(changes, "lag", lambda: changes.Lag(99.5, 100.25))

    answer = client.get("/readyz")

    told = answer.json()
    assert (answer.status_code, told["status"], told["checks"]) == (200, "ok", {"database": "ok"})
    assert told["feed"] == {"lag_s": 99.5, "oldest_transaction_s": 100.25}


def test_readiness_tells_how_the_work_goes_and_sends_nobody_away_for_it(client, monkeypatch):
    now = timezone.now()
    monkeypatch.setattr("ec_gateway.health.CHECKS", {"database": lambda: None})
    monkeypatch.setattr(timezone, "now", lambda: now)
    monkeypatch.setattr("ec_gateway.health.queue_lengths", lambda: {"celery": 3, "ec_gateway": 0})
    shop = site(platform="generic")
    SiteState.objects.create(site=shop, setup_error="settings", silent_since=NOON)
    SiteActivity.objects.create(site=shop, activity="POLL", failures_in_row=4)
    InboundEvent.objects.create(
        site=shop, event_id="e-1", kind="HINT", source="POLL", received_at=now - dt.timedelta(seconds=90)
    )
    InboundEvent.objects.create(
        site=shop,
        event_id="e-2",
        kind="HINT",
        source="POLL",
        received_at=NOON,
        next_attempt_at=now + dt.timedelta(seconds=5),
    )
    shirt = sku()
    SitePush.objects.create(site=shop, sku=shirt, dirty_since=NOON, due_at=now - dt.timedelta(seconds=7))
    api_key(shop, expiry_date=now + dt.timedelta(days=3))
    run = ReconciliationRun.objects.create(
        site=shop, started_at=NOON, finished_at=NOON, orders_since=NOON, state="DONE"
    )
    ReconciliationRow.objects.create(run=run, kind="STOCK", cause="UNSENT_PUSH", sku=shirt, ours=1, theirs=2)

    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert {
        name: part for name, part in answer.json().items() if name not in ("status", "checks", "feed", "states")
    } == {
        "queues": {"messages": {"celery": 3, "ec_gateway": 0}, "inbox_waits_s": 90.0, "push_waits_s": 7.0},
        "sites": {"not_talked_to": 1, "failing_activities": 1},
        "drift": 1,
        "access": {"ends_in_days": 3.0},
    }


def test_what_cannot_be_had_is_null_and_only_what_is_needed_decides(client, monkeypatch):
    def away(*_asked):
        raise DatabaseError("away")

    def no_broker():
        raise RedisError("away")

    monkeypatch.setattr("ec_gateway.health.queue_lengths", no_broker)
    monkeypatch.setitem(health.TOLD, "drift", away)
    monkeypatch.setattr("ec_gateway.health.CHECKS", {"database": lambda: None})
    told = client.get("/readyz").json()
    assert (told["status"], told["drift"], told["queues"]["messages"]) == ("ok", None, None)

    monkeypatch.setattr("ec_gateway.health.CHECKS", {"database": away})
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
    assert {answer.json()[name] for name in health.TOLD} == {None}


def test_only_this_machine_reads_the_figures_without_a_token(client):
    assert client.get("/metrics").headers["Content-Type"] == metrics.CONTENT_TYPE
    assert client.get("/metrics", REMOTE_ADDR="10.0.0.1").status_code == 403
    assert client.get("/metrics", headers={"X-Forwarded-For": "10.0.0.1"}).status_code == 403


@override_settings(METRICS_TOKEN="word")
def test_with_a_token_only_its_owner_reads_them(client):
    assert client.get("/metrics").status_code == 403
    assert client.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 403
    assert client.get("/metrics", REMOTE_ADDR="10.0.0.1", headers={"Authorization": "Bearer word"}).status_code == 200
