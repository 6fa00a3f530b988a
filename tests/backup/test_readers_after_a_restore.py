"""Who follows Mamori from outside when it is restored: old cursors are gone, the full list leads back, every site is told everything again."""

from __future__ import annotations

import time

import pytest
from django.utils import timezone

from catalog.models import Sku
from ec_gateway.models import Activity, EcSite, Listing, SiteActivity, SitePush
from ec_gateway.platforms.calling import Line
from ec_gateway.platforms.connections import connect
from ec_gateway.publishing import Pace, publish
from ec_gateway.services import wakes
from erp.core import changes
from tests.backup.stage import BY, house, restored_over, saved
from tests.ec_gateway.api.caller import client_for
from tests.ec_gateway.counterpart import running
from tests.orders.factories import line, order, placed

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def unheard(monkeypatch):
    """Wake-ups of a commit go nowhere: the tests publish by themselves."""
    monkeypatch.setattr(wakes, "_sender", type("Nobody", (), {"send": staticmethod(lambda wake: None)}))


def test_a_cursor_of_before_is_gone_and_the_full_list_leads_back(tmp_path):
    site = house()
    caller = client_for(site.channel)
    cursor = caller.get("/changes").json()["cursor"]
    stock = caller.get("/stock?limit=500").json()
    saved(tmp_path / "house.zip")
    # What happens after the backup is announced, read, and lost.
    lost = Sku.objects.filter(is_kit=False).latest("pk")
    placed(site.channel, order(line(lost, 1), external_id="LOST"))
    read = caller.get(f"/changes?after={cursor}").json()
    assert {"topic": "order", "key": "LOST"} in [{"topic": row["topic"], "key": row["key"]} for row in read["changes"]]

    restored_over(tmp_path / "house.zip")

    for known in (cursor, read["cursor"]):
        gone = caller.get(f"/changes?after={known}")
        assert (gone.status_code, gone.json()["code"]) == (410, "cursor_expired")
    assert caller.get(f"/stock?changed_after={stock['feed_cursor']}").status_code == 410
    again = caller.get("/stock?limit=500").json()
    assert {item["sku"]: item["available"] for item in again["items"]} == {
        item["sku"]: item["available"] for item in stock["items"]
    }
    assert caller.get("/orders/LOST").status_code == 404
    placed(site.channel, order(line(lost, 1), external_id="NEW"))
    behind = caller.get(f"/stock?changed_after={again['feed_cursor']}").json()
    assert lost.code in {item["sku"] for item in behind["items"]}


def run(site_id):
    site = EcSite.objects.select_related("channel").get(pk=site_id)
    ours = Line(site, connect(site, at=timezone.now(), by=BY), clock=timezone.now, by=BY, jitter=lambda: 0.0)
    return publish(line=ours, holder="publisher", pace=Pace(time.sleep, linger_s=0.0))


def test_a_site_is_told_everything_again_and_ends_with_the_figures_of_the_backup(tmp_path):
    with running() as counterpart:
        site = house(base_url=counterpart.url)
        listings = dict(Listing.objects.filter(site=site).values_list("external_code", "sku_id"))
        counterpart.show(**{code.replace("-", "_"): 0 for code in listings})
        run(site.pk)
        before = counterpart.figures
        assert sum(before.values()) > 0
        saved(tmp_path / "house.zip")
        # Sold and pushed after the backup, and somebody sets a figure on the site.
        sold = Sku.objects.get(code="PR-TEE-WH-M")
        placed(site.channel, order(line(sold, 3), external_id="LOST"))
        run(site.pk)
        assert counterpart.figures[sold.code] == before[sold.code] - 3
        counterpart.stock["PR-TEE-WH-S"].quantity = 777
        cursor = SiteActivity.objects.get(site=site, activity=Activity.PUBLISH).cursor

        restored_over(tmp_path / "house.zip")
        counterpart.requests.clear()
        deadline = time.monotonic() + 30
        while counterpart.figures != before and time.monotonic() < deadline:
            run(site.pk)

        assert counterpart.figures == before
        told = {item["sku"] for request in counterpart.pushes for item in request.body["items"]}
        assert told == set(listings)
        assert not SitePush.objects.filter(dirty_since__isnull=False).exists()
        now = SiteActivity.objects.get(site=site, activity=Activity.PUBLISH).cursor
        assert changes.Cursor.parse(now).epoch == changes.current_cursor().epoch != changes.Cursor.parse(cursor).epoch
