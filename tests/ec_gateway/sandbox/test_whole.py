"""A practice site as a process of its own and everything of ours that serves it: webhooks over HTTP, polling, inbox, publisher, reconciliation.

Each step is what a worker does when it is woken. What the site does wrong is found, named by its cause, repaired, and gone.
"""

from __future__ import annotations

import datetime as dt
import time

import pytest
from django.utils import timezone

from ec_gateway.inbox.polling import poll
from ec_gateway.inbox.working import work_off
from ec_gateway.models import EcSite, InboundEvent, ReconciliationRow, SitePush
from ec_gateway.platforms.calling import Line
from ec_gateway.platforms.connections import connect
from ec_gateway.publishing import Pace, publish
from ec_gateway.reconciliation import reconcile
from ec_gateway.selectors import open_drift
from ec_gateway.services import wakes
from ec_gateway.services.practice import PracticeSite, bring_practice_goods, join_practice_sites, read_assortment
from erp.core.models import StaffTask
from erp.core.verify import verify
from erp.inventory.selectors import available_to_promise
from erp.orders.models import Order
from tests.ec_gateway.factories import ROBOT
from tests.ec_gateway.sandbox.stage import SECRET, TEE, TOKEN, practice_site
from tests.runtime.families import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("practice site")]
OTHER = "PR-TEE-NV-M"
HOUR = dt.timedelta(hours=1)


@pytest.fixture(autouse=True)
def nobody_is_woken(monkeypatch):
    monkeypatch.setattr(wakes, "_sender", type("Nobody", (), {"send": staticmethod(lambda wake_up: None)}))


@pytest.fixture
def ours(live_server, tmp_path):
    with practice_site(tmp_path / "data", mamori=live_server.url) as there:
        yield Ours(there)


class Ours:
    """Our side of the site ``there``."""

    def __init__(self, there):
        self.there, self.ahead = there, dt.timedelta()
        at = timezone.now()
        known = PracticeSite("TEST-1", "試験ストア", there.address, TOKEN, SECRET)
        [self.site_id] = join_practice_sites(sites=[known], at=at, by=ROBOT)
        bring_practice_goods(articles=read_assortment(), site_ids=[self.site_id], at=at, by=ROBOT)

    def clock(self):
        """What happened within the last moments counts as a matter of timing, so time has to pass."""
        return timezone.now() + self.ahead

    def line(self):
        site = EcSite.objects.select_related("channel").get(pk=self.site_id)
        return Line(site, connect(site, at=self.clock(), by=ROBOT), clock=self.clock, by=ROBOT, jitter=lambda: 0.5)

    def publish(self):
        publish(line=self.line(), holder="publisher", pace=Pace(time.sleep, linger_s=0.0))

    def take_in(self):
        poll(line=self.line(), holder="poller", wait=time.sleep)
        work_off(site_id=self.site_id, holder="worker", clock=self.clock, jitter=lambda: 0.5)

    def settle(self):
        """Until nothing is on its way, as the workers would."""

        def is_quiet():
            self.take_in()
            self.publish()
            waiting = SitePush.objects.filter(site=self.site_id, dirty_since__isnull=False)
            return not waiting.exists() and not self.there.remote.state()["webhooks"].get("waiting")

        wait_until(is_quiet, timeout_s=30)

    def reconcile(self, **options):
        outcome = reconcile(line=self.line(), holder="reconciler", wait=time.sleep, by=ROBOT, **options)
        rows = ReconciliationRow.objects.filter(run=outcome.run).order_by("cause", "external_code", "external_id")
        return [(row.cause, row.external_code or row.external_id, row.repair) for row in rows]

    def figures(self):
        """What we allow of everything, by code."""
        site = EcSite.objects.get(pk=self.site_id)
        listed = dict(site.listings.values_list("external_code", "sku_id"))
        found = available_to_promise(channel_id=site.channel_id, sku_ids=listed.values(), at=timezone.now())
        return {code: found[sku_id].available for code, sku_id in listed.items()}

    def buy(self, **basket):
        with self.there.shopper() as shopper:
            return shopper.buy({code.replace("_", "-"): quantity for code, quantity in basket.items()})


def test_what_the_site_does_wrong_is_found_by_its_cause_repaired_and_gone(ours):
    there = ours.there
    ours.settle()
    assert there.remote.stock() == ours.figures()
    first = ours.buy(PR_TEE_WH_M=2)
    ours.settle()
    assert InboundEvent.objects.get(external_id=first, kind="ORDER").source in ("WEBHOOK", "POLL")
    assert there.remote.stock() == ours.figures()
    ours.ahead += HOUR

    # An order that no webhook tells, and a figure that somebody types in silence.
    for fault in ("webhooks_off", "stock_silent"):
        there.remote.switch(fault)
    unheard = ours.buy(PR_TEE_WH_M=1)
    there.remote.set_stock(OTHER, 77)
    there.remote.all_faults_off()
    ours.ahead += HOUR

    dry = ours.reconcile(is_dry_run=True)
    found = ours.reconcile()

    assert found == [
        ("ORDER_NOT_IMPORTED", TEE, "NONE"),
        ("SHOP_SIDE_EDIT", OTHER, "PUSH_AGAIN"),
        ("THERE_NOT_HERE", unheard, "FETCHED"),
    ]
    assert [row[:2] for row in dry] == [row[:2] for row in found]
    site = EcSite.objects.get(pk=ours.site_id)
    ours.settle()
    assert there.remote.stock() == ours.figures()
    assert set(Order.objects.values_list("external_id", flat=True)) == {first, unheard}
    assert list(open_drift(site)) == []
    ours.ahead += HOUR
    assert ours.reconcile() == []
    assert not StaffTask.objects.filter(closed_at__isnull=True).exists()
    assert [str(fault) for result in verify() for fault in result.faults] == []


def test_a_site_that_lies_is_told_again_by_the_next_comparison(ours):
    there = ours.there
    ours.settle()
    ours.ahead += HOUR
    there.remote.switch("lying_stock", how="keeps")
    bought = ours.buy(PR_TEE_WH_M=1)
    there.remote.set_stock(TEE, 5)
    ours.settle()
    there.remote.all_faults_off()
    assert there.remote.stock() != ours.figures()
    ours.ahead += HOUR

    found = ours.reconcile()

    # It kept the figures of the shirt and of the set that is made of it.
    assert found == [("SHOP_SIDE_EDIT", "PR-SET-WH-F", "PUSH_AGAIN"), ("SHOP_SIDE_EDIT", TEE, "PUSH_AGAIN")]
    ours.settle()
    assert there.remote.stock() == ours.figures()
    assert Order.objects.get().external_id == bought
