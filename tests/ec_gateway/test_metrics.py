"""What machines are told: whether Mamori is ready, how far the feed is behind, who is paused, what expires."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import override_settings

from ec_gateway import metrics
from ec_gateway.models import EcSite, SiteState
from erp.core import changes
from tests.ec_gateway.api.caller import api_key, site

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
    SiteState.objects.create(site=shop, failures_in_row=6, open_until=NOON + dt.timedelta(minutes=1))
    EcSite.objects.filter(pk=shop.pk).update(credentials_expire_on=dt.date(2026, 11, 25))
    key, _secret = api_key(shop, expiry_date=NOON - dt.timedelta(hours=1))

    told = figures()

    code = shop.channel.code
    assert told[f'mamori_site_paused{{site="{code}"}}'] == 1
    assert told[f'mamori_site_failures_in_row{{site="{code}"}}'] == 6
    assert told[f'mamori_site_credentials_expire_seconds{{site="{code}"}}'] == 2 * 86_400
    assert told[f'mamori_api_key_expires_seconds{{site="{code}",key="{key.prefix}",name="test"}}'] == -3600
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

    assert (answer.status_code, answer.json()) == (
        200,
        {"status": "ok", "checks": {"database": "ok"}, "feed": {"lag_s": 99.5, "oldest_transaction_s": 100.25}},
    )


def test_only_this_machine_reads_the_figures_without_a_token(client):
    assert client.get("/metrics").headers["Content-Type"] == metrics.CONTENT_TYPE
    assert client.get("/metrics", REMOTE_ADDR="10.0.0.1").status_code == 403
    assert client.get("/metrics", headers={"X-Forwarded-For": "10.0.0.1"}).status_code == 403


@override_settings(METRICS_TOKEN="word")
def test_with_a_token_only_its_owner_reads_them(client):
    assert client.get("/metrics").status_code == 403
    assert client.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 403
    assert client.get("/metrics", REMOTE_ADDR="10.0.0.1", headers={"Authorization": "Bearer word"}).status_code == 200
