"""What the page of health is told of sites, keys and the broker; the same figures and limits as /readyz."""

from __future__ import annotations

import datetime as dt

import pytest
from redis import RedisError

from ec_gateway import health as probes
from ec_gateway.models import EcSite, ReconciliationRow, ReconciliationRun, SiteActivity, SiteState
from erp.core import changes, health
from erp.core.health import Reading, State
from tests.ec_gateway.api.caller import api_key, site
from tests.inventory.factories import sku

pytestmark = pytest.mark.django_db
NOON = dt.datetime(2026, 11, 23, 3, 0, tzinfo=dt.UTC)
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)


def told(code: str, at: dt.datetime = NOON) -> dict[str, Reading]:
    [sign] = [sign for sign in health.registered() if sign.code == code]
    return {reading.subject: reading for reading in health.read(sign, at=at).readings}


def test_a_site_that_is_not_talked_to_is_in_trouble():
    fine, silent, unset = (site(platform="generic") for _number in range(3))
    SiteState.objects.create(site=fine, last_success_at=NOON - HOUR)
    SiteState.objects.create(site=silent, open_until=NOON, silent_since=NOON, last_error="connection refused")
    SiteState.objects.create(site=unset, setup_error="no address", silent_since=NOON)

    found = told("connection")

    assert found[fine.channel.name].state is State.OK
    assert (found[silent.channel.name].state, found[silent.channel.name].found) == (State.TROUBLE, "connection refused")
    assert found[unset.channel.name].found == "no address"


def test_work_that_fails_is_named():
    shop, fine = site(platform="generic"), site(platform="generic")
    SiteActivity.objects.create(site=shop, activity="POLL", failures_in_row=4, last_error="timed out")

    found = told("activities")

    assert found[shop.channel.name].state is State.ATTENTION
    assert "4" in found[shop.channel.name].found
    assert "timed out" in found[shop.channel.name].found
    assert found[fine.channel.name].state is State.OK


def compared(shop: EcSite, at: dt.datetime, **given) -> ReconciliationRun:
    fields = {"state": "DONE", "started_at": at, "finished_at": at, "orders_since": at, "actor": "test", **given}
    return ReconciliationRun.objects.create(site=shop, **fields)


def test_drift_is_told_per_site_with_a_link_to_its_rows(admin_client):
    shop = site(platform="generic")
    run = compared(shop, NOON)
    ReconciliationRow.objects.create(run=run, kind="STOCK", cause="SHOP_SIDE_EDIT", sku=sku(), ours=3, theirs=5)

    reading = told("drift")[shop.channel.name]
    listed = admin_client.get(f"/admin/ec_gateway/reconciliationrow/?{reading.query}")

    assert reading.state is State.ATTENTION
    assert len(listed.context["cl"].result_list) == 1


def test_the_last_comparison_of_each_site_is_told():
    fresh, old, broken, never = (site(platform="generic") for _number in range(4))
    compared(fresh, NOON - HOUR)
    compared(old, NOON - 3 * DAY)
    compared(broken, NOON - HOUR)
    compared(broken, NOON, state="BROKEN_OFF", error="no answer")

    found = told("reconciliation")

    states = [found[each.channel.name].state for each in (fresh, old, broken, never)]
    assert states == [State.OK, State.TROUBLE, State.TROUBLE, State.OK]


def test_keys_and_credentials_are_told_before_they_end():
    shop, safe = site(platform="generic"), site(platform="generic")
    api_key(shop, expiry_date=NOON + 3 * DAY)
    EcSite.objects.filter(pk=shop.pk).update(credentials_expire_on=dt.date(2026, 11, 22))

    assert told("keys")[shop.channel.name].state is State.ATTENTION
    assert told("keys")[safe.channel.name].state is State.OK
    ended = told("credentials")[shop.channel.name]
    assert (ended.state, ended.found) == (State.TROUBLE, "2026/11/22 に期限切れ")


def test_a_broker_that_is_away_is_told_and_nothing_breaks(monkeypatch):
    def away():
        raise RedisError("away")

    monkeypatch.setattr("ec_gateway.health.queue_lengths", away)
    monkeypatch.setitem(probes.CHECKS, "broker", away)

    assert told("broker")[""].state is State.TROUBLE
    assert told("messages")[""].state is State.TROUBLE


def test_readiness_is_judged_by_the_limits_of_the_page(client, monkeypatch):
    monkeypatch.setattr("ec_gateway.health.CHECKS", {"database": lambda: None})
    monkeypatch.setattr("ec_gateway.health.queue_lengths", lambda: {"celery": 3, "ec_gateway": 20_000})
    monkeypatch.setattr(changes, "lag", lambda: changes.Lag(99.5, 12))
    shop = site(platform="generic")
    SiteState.objects.create(site=shop, setup_error="settings", silent_since=NOON)

    states = client.get("/readyz").json()["states"]

    assert states == {"feed": "trouble", "queues": "trouble", "sites": "trouble", "drift": "ok", "access": "ok"}
    assert [reading.state for reading in told("feed").values()] == [State.TROUBLE, State.ATTENTION]
    monkeypatch.setattr("ec_gateway.health.CHECKS", {"database": _no})
    assert client.get("/readyz").json()["states"] == {}


def _no() -> None:
    raise RedisError("no")


def test_more_sites_ask_nothing_more(django_assert_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def measure() -> int:
        with CaptureQueriesContext(connection) as asked:
            health.read_all(at=NOON)
        return len(asked)

    SiteState.objects.create(site=site(platform="generic"))
    few = measure()
    for _number in range(3):
        SiteState.objects.create(site=site(platform="generic"))

    assert measure() == few <= 30
