"""A Shopify shop through everything that serves a site: publisher, webhooks, polling, inbox, parcels, reconciliation, each as it runs in production.

The shop is the counterpart that executes Shopify's official schema behind a real socket.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

import pytest

from ec_gateway import credentials
from ec_gateway.inbox.polling import poll
from ec_gateway.inbox.working import work_off
from ec_gateway.models import EcSite, InboundEvent, Listing, ReconciliationRow, SitePush
from ec_gateway.platforms.calling import Line
from ec_gateway.platforms.connections import connect
from ec_gateway.publishing import Pace, publish
from ec_gateway.reconciliation import reconcile
from ec_gateway.services import wakes
from erp.core.models import StaffTask
from erp.orders.models import Order, OrderPayment
from erp.orders.services import ShipRequest, release_orders, set_tracking, ship
from tests.ec_gateway.factories import NOON, ROBOT
from tests.ec_gateway.factories import site as make_site
from tests.ec_gateway.platforms.shopify_counterpart import LOCATION, TOKEN, Shop, serving
from tests.ec_gateway.platforms.shopify_orders import line, order, transaction
from tests.ec_gateway.test_publishing import Clock
from tests.inventory.factories import figures, sku, stock
from tests.orders import factories as order_factories
from tests.orders.factories import DESK

pytestmark = pytest.mark.django_db(transaction=True)
SECRET = "hush"


@pytest.fixture(autouse=True)
def nobody_is_woken(monkeypatch):
    monkeypatch.setattr(wakes, "_sender", type("Nobody", (), {"send": staticmethod(lambda wake_up: None)}))


@pytest.fixture
def stage(client):
    shop = Shop()
    with serving(shop) as address:
        yield Stage(shop, address, client)


class Stage:
    """Mamori and a shop, and each activity between them as a step."""

    def __init__(self, shop, address, browser):
        self.shop, self.browser, self.clock = shop, browser, Clock()
        channel, self.place = order_factories.shop()
        sealed = credentials.seal({"access_token": TOKEN, "client_secret": SECRET})
        settings = {"location_id": LOCATION, "payment_methods": {"shopify_payments": "card"}}
        self.site = make_site(
            channel, platform="shopify", base_url=address, settings=settings, sealed_credentials=sealed
        )

    def sells(self, pieces=5, shown=0, *, is_known=True):
        """A SKU with so many pieces, listed there with a figure."""
        goods = sku()
        stock(goods, self.place, pieces)
        gid = self.shop.item(goods.code, shown) if is_known else "gid://shopify/InventoryItem/404"
        Listing.objects.create(
            site=self.site, sku=goods, external_code=goods.code, external_ref={"inventory_item_id": gid}
        )
        return goods, gid

    def line(self):
        site = EcSite.objects.select_related("channel").get(pk=self.site.pk)
        return Line(site, connect(site, at=self.clock(), by=ROBOT), clock=self.clock, by=ROBOT, jitter=lambda: 0.5)

    def publish(self):
        return publish(line=self.line(), holder="publisher", pace=Pace(self.clock.wait, linger_s=0.0))

    def poll(self):
        return poll(line=self.line(), holder="poller", wait=self.clock.wait)

    def work(self):
        return work_off(site_id=self.site.pk, holder="worker", clock=self.clock, jitter=lambda: 0.5)

    def reconcile(self):
        outcome = reconcile(line=self.line(), holder="reconciler", wait=self.clock.wait, by=ROBOT)
        rows = ReconciliationRow.objects.filter(run=outcome.run).order_by("pk")
        return [(row.kind, row.cause, row.external_code or row.external_id, row.ours, row.theirs) for row in rows]

    def sold(self, number, goods, gid, quantity=1, **fields):
        """A shopper bought it there: the shop's own figure has moved."""
        self.shop.levels[gid] -= quantity
        total = str(1100 * quantity)
        self.shop.orders[str(number)] = order(number, line(number, goods.code, "1100", quantity), total=total, **fields)

    def webhook(self, topic, payload, *, event="e-1", secret=SECRET):
        body = json.dumps(payload).encode()
        signature = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()
        headers = {"X-Shopify-Hmac-Sha256": signature, "X-Shopify-Topic": topic, "X-Shopify-Event-Id": event}
        return self.browser.generic(
            "POST", f"/webhooks/{self.site.channel.code}", body, "application/json", headers=headers
        ).status_code

    def row(self, goods):
        return SitePush.objects.get(site=self.site, sku=goods)


def tasks():
    return list(StaffTask.objects.filter(closed_at__isnull=True).order_by("kind").values_list("kind", flat=True))


def test_figures_reach_the_shop_and_one_item_it_does_not_know_keeps_none_out(stage):
    (shirt, shirt_gid), (socks, socks_gid) = stage.sells(5), stage.sells(3)
    ghost, _none = stage.sells(2, is_known=False)

    stage.publish()

    assert (stage.shop.levels[shirt_gid], stage.shop.levels[socks_gid]) == (5, 3)
    assert [(stage.row(item).shown, stage.row(item).error != "") for item in (shirt, socks, ghost)] == [
        (5, False),
        (3, False),
        (None, True),
    ]
    assert tasks() == ["EC_UNKNOWN_ITEM"]


def test_a_figure_that_would_undo_a_sale_there_is_refused_and_comes_right_with_its_order(stage):
    shirt, gid = stage.sells(5)
    stage.publish()
    stage.sold(1001, shirt, gid, 2)
    stock(shirt, stage.place, 4)

    stage.publish()

    # changeFromQuantity said 5, and the shop shows 3: ours would have sold the two pieces again.
    assert stage.shop.levels[gid] == 3
    assert (stage.row(shirt).shown, stage.row(shirt).edited_quantity) == (3, 3)
    stage.poll()
    stage.work()
    assert Order.objects.get().external_id == "1001"
    assert figures(shirt, stage.place) == (9, 2)
    stage.clock.wait(5)
    stage.publish()
    assert stage.shop.levels[gid] == 7
    assert (stage.row(shirt).edited_quantity, stage.row(shirt).dirty_since, tasks()) == (None, None, [])


@pytest.mark.parametrize("fault", ["throttle", "429", "503", "after"])
def test_whatever_the_shop_answers_it_ends_with_the_figure_once(stage, fault):
    shirt, gid = stage.sells(5)
    stage.shop.faults = [fault]

    stage.publish()
    stage.clock.wait(10)
    stage.publish()

    assert stage.shop.levels[gid] == 5
    row = stage.row(shirt)
    assert (row.shown, row.attempts, row.error, row.dirty_since) == (5, 0, "", None)
    sets = [request for request in stage.shop.requests if "SetQuantities" in request["query"]]
    # What was done without our hearing of it is repeated under the same key, and is done once.
    assert len({request["variables"]["key"] for request in sets}) == 1
    assert len(sets) == (2 if fault == "after" else 1)
    assert tasks() == []


def test_a_signed_webhook_is_a_hint_and_the_order_is_fetched(stage):
    shirt, gid = stage.sells(5)
    stage.publish()
    stage.sold(1001, shirt, gid)

    assert stage.webhook("orders/create", {"id": 1001}, secret="wrong") == 401
    assert not InboundEvent.objects.exists()
    assert [stage.webhook("orders/create", {"id": 1001}) for _time in range(2)] == [200, 200]
    stage.work()
    stage.poll()
    stage.work()

    made = Order.objects.get()
    assert (made.external_id, made.state, made.total) == ("1001", "READY", 1100)
    assert OrderPayment.objects.get().status == "AUTHORIZED"
    events = list(InboundEvent.objects.order_by("pk").values_list("kind", "state"))
    assert events[0] == ("HINT", "DONE")
    assert {state for _kind, state in events} <= {"DONE", "UNCHANGED"}
    stage.publish()
    assert (stage.shop.levels[gid], figures(shirt, stage.place)) == (4, (5, 1))


def test_money_and_a_cancellation_there_are_news_here(stage):
    shirt, gid = stage.sells(5)
    stage.publish()
    for number in (1001, 1002):
        stage.sold(number, shirt, gid)
    stage.poll()
    stage.work()
    paid, gone = stage.shop.orders["1001"], stage.shop.orders["1002"]
    paid["transactions"].append(transaction(7, "CAPTURE", "1100"))
    gone |= {"cancelledAt": "2026-11-23T02:00:00Z", "cancelReason": "CUSTOMER"}
    for each in (paid, gone):
        each["updatedAt"] = "2026-11-23T02:00:00Z"
    stage.shop.levels[gid] += 1

    stage.poll()
    stage.work()

    assert dict(Order.objects.values_list("external_id", "state")) == {"1001": "READY", "1002": "CANCELLED"}
    assert OrderPayment.objects.get(order__external_id="1001").received_amount == 1100
    stage.clock.wait(5)
    stage.publish()
    assert (stage.shop.levels[gid], figures(shirt, stage.place), tasks()) == (4, (5, 1), [])


def test_a_parcel_and_its_later_tracking_number_are_told(stage):
    shirt, gid = stage.sells(5)
    stage.publish()
    stage.sold(1001, shirt, gid)
    stage.poll()
    stage.work()
    made = Order.objects.get()
    [parcel] = release_orders(order_ids=[made.pk], at=NOON, by=DESK)[made.pk]
    ship(requests=[ShipRequest(parcel, carrier="yamato")], at=NOON, by=DESK)
    stage.publish()
    set_tracking(shipment_id=parcel, carrier="", tracking_number="4912-0000-0001", at=NOON, by=DESK)

    stage.publish()

    [fulfilment] = stage.shop.orders["1001"]["fulfillments"]
    assert fulfilment["trackingInfo"] == [{"number": "491200000001", "company": "yamato"}]
    assert tasks() == []


def test_reconciliation_finds_what_differs_repairs_it_and_finds_nothing_more(stage):
    (shirt, shirt_gid), (socks, socks_gid) = stage.sells(5), stage.sells(4)
    stage.publish()
    stage.clock.wait(3600)
    # Somebody typed a figure, and an order was never heard of.
    stage.shop.levels[socks_gid] = 9
    stage.sold(1001, shirt, shirt_gid, 2)
    stage.shop.item("NOT-OURS", 1)

    found = stage.reconcile()

    assert sorted(found) == [
        ("ORDER", "THERE_NOT_HERE", "1001", None, None),
        ("STOCK", "NOT_LISTED_HERE", "NOT-OURS", None, 1),
        ("STOCK", "ORDER_NOT_IMPORTED", shirt.code, 5, 3),
        ("STOCK", "SHOP_SIDE_EDIT", socks.code, 4, 9),
    ]
    assert tasks() == ["LISTINGS_DIFFER"]
    stage.work()
    # The first push still believes the figure that the shop was told; its refusal says what the shop shows.
    for _time in range(2):
        stage.clock.wait(5)
        stage.publish()
    assert (stage.shop.levels[shirt_gid], stage.shop.levels[socks_gid]) == (3, 4)
    assert Order.objects.get().external_id == "1001"
    stage.clock.wait(3600)
    assert stage.reconcile() == [("STOCK", "NOT_LISTED_HERE", "NOT-OURS", None, 1)]
