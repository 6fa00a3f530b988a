"""Shopify's contract: each request against the official schema, each answer in the gateway's words, and orders that our own services take."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import json
from decimal import Decimal

import pytest
from graphql import parse, validate

from ec_gateway.order_document import read_order
from ec_gateway.platforms import connect
from ec_gateway.platforms.interface import (
    BadSignature,
    NewsKind,
    OrderSummary,
    PlatformError,
    PushOutcome,
    QuantityPush,
    ShipmentPush,
    UnreadableOrder,
)
from ec_gateway.platforms.shopify import queries
from erp.core.errors import InvalidInput
from erp.orders.models import Order
from erp.orders.services import PaymentNews, place_order, record_payment_event
from tests.ec_gateway.platforms.shopify_counterpart import LOCATION, TOKEN, Shop, official_schema, serving
from tests.ec_gateway.platforms.shopify_orders import coupon, line, money, order, shipping, transaction

NOON = dt.datetime(2026, 11, 23, 3, 0, tzinfo=dt.UTC)
HOOK = "https://mamori.example/webhooks/EC1"
SECRET = "hush"
HOUR = dt.timedelta(hours=1)


@pytest.fixture
def shop():
    return Shop()


@pytest.fixture
def platform(shop):
    settings = {
        "location_id": LOCATION,
        "webhook_uri": HOOK,
        "wish_date_attribute": "配送希望日",
        "time_slot_attribute": "時間帯",
        "payment_methods": {"Cash on Delivery (COD)": "cod", "shopify_payments": "card"},
    }
    with serving(shop) as address:
        yield connect(
            "shopify",
            base_url=address,
            settings=settings,
            credentials={"access_token": TOKEN, "client_secret": SECRET},
        )


def spoil_first(data, spoilt):
    data["orders"]["nodes"][0] |= spoilt
    return data


def push(shop: Shop, gid: str, quantity: int, expected: int | None = None, key: str = "k", version: int = 1):
    return QuantityPush(shop.skus.get(gid, gid), {"inventory_item_id": gid}, quantity, expected, version, key)


@pytest.mark.parametrize("name", sorted(queries.ALL))
def test_every_document_is_valid_against_the_official_schema(name):
    assert validate(official_schema(), parse(queries.ALL[name])) == []


class TestStock:
    def test_sets_absolute_figures_and_reads_them_back_page_by_page(self, shop, platform):
        gids = [shop.item(f"TS-{number:03}", 1) for number in range(300)]

        results = platform.push_quantities([push(shop, gids[0], 7, 1), push(shop, gids[1], 0)])

        assert [(one.outcome, one.shown) for one in results] == [(PushOutcome.DONE, 7), (PushOutcome.DONE, 0)]
        shown = {one.external_code: one.quantity for one in platform.read_quantities()}
        assert len(shown) == 300
        assert (shown["TS-000"], shown["TS-001"], shown["TS-299"]) == (7, 0, 1)

    def test_one_stale_and_one_unknown_item_do_not_keep_the_others_out(self, shop, platform):
        good, moved = shop.item("A", 5), shop.item("B", 4)

        results = platform.push_quantities(
            [push(shop, moved, 9, 6), push(shop, "gid://shopify/InventoryItem/99", 1), push(shop, good, 3, 5)]
        )

        assert [one.outcome for one in results] == [PushOutcome.STALE, PushOutcome.UNKNOWN_ITEM, PushOutcome.DONE]
        assert results[0].shown == 4
        assert shop.levels == {good: 3, moved: 4}

    def test_a_repeat_is_the_same_call_and_another_figure_is_another(self, shop, platform):
        gid = shop.item("A", 5)
        shop.faults = ["after"]

        with pytest.raises(PlatformError) as lost:
            platform.push_quantities([push(shop, gid, 3, 5)])
        shop.levels[gid] = 2  # one was sold meanwhile: the repeat must not undo it
        assert platform.push_quantities([push(shop, gid, 3, 5)])[0].outcome is PushOutcome.DONE

        assert lost.value.is_retryable
        assert shop.levels[gid] == 2
        keys = [one["variables"]["key"] for one in shop.requests]
        assert keys[0] == keys[1]
        platform.push_quantities([push(shop, gid, 8, 2, key="k2")])
        assert shop.levels[gid] == 8
        assert shop.requests[-1]["variables"]["key"] != keys[0]

    @pytest.mark.parametrize(
        ("fault", "wait", "is_unreachable"), [("429", 2.5, False), ("throttle", 1.0, False), ("503", None, True)]
    )
    def test_says_how_long_to_wait(self, shop, platform, fault, wait, is_unreachable):
        gid = shop.item("A", 5)
        shop.faults = [fault]

        with pytest.raises(PlatformError) as refused:
            platform.push_quantities([push(shop, gid, 3)])

        assert (refused.value.is_retryable, refused.value.retry_after_s) == (True, wait)
        assert refused.value.is_unreachable is is_unreachable
        assert shop.levels[gid] == 5

    def test_nobody_there_is_unreachable(self):
        lonely = connect("shopify", base_url="http://127.0.0.1:9", settings={"location_id": LOCATION}, credentials={})

        with pytest.raises(PlatformError) as refused:
            lonely.push_quantities([])  # nothing to push asks nobody
            list(lonely.read_quantities())

        assert refused.value.is_unreachable


class TestOrders:
    def full(self, number=1001, **fields):
        return order(
            number,
            line(1, "TS-001-WH-M", "3300.0", 2, discountAllocations=[coupon("AUTUMN", "300.0")]),
            line(2, "TEA", "540.0", taxLines=[{"ratePercentage": 8.0, "priceSet": money("40.0")}]),
            total="7390.0",
            shippingLines=shipping("550.0"),
            customAttributes=[{"key": "配送希望日", "value": "2026/11/28"}, {"key": "時間帯", "value": "1416"}],
            note="玄関前に",
            **fields,
        )

    def test_becomes_an_order_of_our_contract(self, shop, platform):
        shop.orders["1001"] = self.full()

        news, paid = platform.fetch_order(external_id="1001")

        read = read_order(news.document)
        assert (news.kind, news.external_id, read.external_id) == (NewsKind.ORDER, "1001", "1001")
        assert [(one.line_id, one.sku, one.quantity, one.unit_price, one.tax_class) for one in read.lines] == [
            ("1", "TS-001-WH-M", 2, Decimal(3300), "STANDARD"),
            ("2", "TEA", 1, Decimal(540), "REDUCED"),
        ]
        assert (read.total, read.fees[0].amount, read.adjustments[0].amount) == (7390, 550, 300)
        assert read.deliveries[0].wish_date == dt.date(2026, 11, 28)
        assert read.attributes["shopify_name"] == "#1001"
        assert (paid.kind, paid.document["kind"]) == (NewsKind.PAYMENT, "authorized")

    @pytest.mark.parametrize(
        ("spoilt", "why"),
        [
            ({"updatedAt": "9999-12-31T23:59:59-12:00"}, "NotAMoment"),
            ({"lineItems": {"nodes": [], "pageInfo": {"hasNextPage": True}}}, "too_many_lines"),
            ({"customAttributes": [{"key": "配送希望日", "value": 5}]}, "AttributeError"),
        ],
    )
    def test_an_order_that_cannot_be_read_does_not_stop_those_behind_it(self, shop, platform, monkeypatch, spoilt, why):
        ask = platform._client.ask
        monkeypatch.setattr(platform._client, "ask", lambda *asked: spoil_first(ask(*asked), spoilt))
        shop.orders |= {"1001": self.full(), "1002": self.full(1002)}

        page = platform.fetch_orders(cursor="", overlap=HOUR)

        bad, fine, _paid = page.news
        assert (bad.kind, bad.external_id, fine.external_id) == (NewsKind.HINT, "1001", "1002")
        assert why in bad.document["problem"]
        assert bad.raw["legacyResourceId"] == "1001"
        assert (page.cursor, page.is_last) == ("2026-11-23T01:00:10Z", True)

    @pytest.mark.django_db
    def test_our_services_take_it_without_a_question(self, shop, platform):
        from tests.inventory.factories import sku, stock
        from tests.orders.factories import DESK
        from tests.orders.factories import shop as selling

        channel, place = selling()
        goods = sku()
        stock(goods, place, 5)
        shop.orders["1001"] = order(
            1001,
            line(1, goods.code, "3300.0", 2, discountAllocations=[coupon("AUTUMN", "300.0")]),
            total="6850.0",
            shippingLines=shipping("550.0"),
        )

        news, paid = platform.fetch_order(external_id="1001")
        outcome = place_order(channel=channel.code, order=read_order(news.document), at=NOON, by=DESK)
        event = PaymentNews(
            event_id=paid.document["event_id"],
            kind=paid.document["kind"].upper(),
            occurred_at=dt.datetime.fromisoformat(paid.document["occurred_at"]),
            amount=Decimal(paid.document["amount"]),
        )
        state = record_payment_event(channel=channel.code, external_id="1001", event=event, at=NOON, by=DESK)

        assert outcome.holds == ()
        assert [one.reserved_quantity for one in outcome.lines] == [2]
        assert state == "READY"
        assert Order.objects.get().total == 6850

    def test_money_and_parcels_do_not_change_the_document(self, shop, platform):
        shop.orders["1001"] = self.full()
        [before] = [one for one in platform.fetch_order(external_id="1001") if one.kind is NewsKind.ORDER]
        shop.orders["1001"] |= {
            "updatedAt": "2026-11-24T01:00:00Z",
            "transactions": [*shop.orders["1001"]["transactions"], transaction(7, "CAPTURE", "7390.0")],
            "fulfillments": [{"status": "SUCCESS"}],
        }

        after, *paid = platform.fetch_order(external_id="1001")

        assert after.document == before.document
        assert after.event_id != before.event_id
        assert [one.document["kind"] for one in paid] == ["authorized", "captured"]

    def test_an_edit_shrinks_the_order_and_a_return_does_not(self, shop, platform):
        sent = self.full()
        sent["lineItems"]["nodes"][0]["currentQuantity"] = 0
        sent["refunds"] = [
            {
                "id": "gid://shopify/Refund/1",
                "createdAt": "2026-11-25T00:00:00Z",
                "refundLineItems": {
                    "nodes": [
                        {"quantity": 1, "restockType": "RETURN", "lineItem": {"id": "gid://shopify/LineItem/1"}},
                        {"quantity": 1, "restockType": "CANCEL", "lineItem": {"id": "gid://shopify/LineItem/1"}},
                    ]
                },
            }
        ]
        shop.orders["1001"] = sent

        news, *_paid = platform.fetch_order(external_id="1001")

        assert [one["quantity"] for one in news.document["lines"]] == [1, 1]

    def test_a_cancelled_order_comes_before_its_cancellation(self, shop, platform):
        shop.orders["1001"] = self.full(cancelledAt="2026-11-23T02:00:00Z", cancelReason="CUSTOMER")

        kinds = [one.kind for one in platform.fetch_order(external_id="1001")]

        assert kinds == [NewsKind.ORDER, NewsKind.PAYMENT, NewsKind.CANCEL]

    def test_a_failed_card_is_said_and_a_failed_refund_is_not(self, shop, platform):
        shop.orders["1001"] = self.full(
            transactions=[
                transaction(1, "SALE", "7390.0", "FAILURE"),
                transaction(2, "SALE", "7390.0"),
                transaction(3, "REFUND", "300.0", "FAILURE"),
                transaction(4, "AUTHORIZATION", "7390.0", "PENDING"),
            ]
        )

        _order, *paid = platform.fetch_order(external_id="1001")

        assert [one.document["kind"] for one in paid] == ["failed", "captured"]

    def test_polls_every_order_once_over_pages_and_again_with_the_overlap(self, shop, platform):
        for number in range(60):
            shop.orders[str(number)] = order(
                number, line(1, "A", "1100.0"), total="1100.0", updatedAt=f"2026-11-23T01:{number:02}:00+00:00"
            )
        seen: list[str] = []
        cursor, pages, is_last = "", 0, False
        while not is_last:
            page = platform.fetch_orders(cursor=cursor, overlap=HOUR)
            seen += [one.external_id for one in page.news if one.kind is NewsKind.ORDER]
            cursor, is_last, pages = page.cursor, page.is_last, pages + 1

        again = platform.fetch_orders(cursor=cursor, overlap=dt.timedelta(minutes=2))

        assert (pages, seen) == (3, [str(number) for number in range(60)])
        assert [one.external_id for one in again.news if one.kind is NewsKind.ORDER] == ["57", "58", "59"]
        assert again.is_last
        assert again.cursor == cursor

    def test_lists_what_there_is_and_knows_what_there_is_not(self, shop, platform):
        shop.orders["1001"] = self.full(cancelledAt="2026-11-23T02:00:00Z")

        [summary] = platform.list_orders(since=NOON - HOUR * 24)

        assert (summary.external_id, summary.is_cancelled, summary.total) == ("1001", True, 7390)
        assert platform.fetch_order(external_id="9") == []

    def test_an_order_whose_date_cannot_be_read_stands_beside_the_others(self, shop, platform):
        shop.orders["1001"] = self.full(updatedAt="9999-12-31T23:59:59Z")
        shop.orders["1002"] = order(1002, line(1, "A", "1100.0"), total="1100.0")

        found = {item.external_id: item for item in platform.list_orders(since=NOON - HOUR * 24)}

        assert isinstance(found["1001"], UnreadableOrder)
        assert found["1001"].problem.startswith("/updatedAt: ")
        assert isinstance(found["1002"], OrderSummary)


class TestShipments:
    def parcel(self, lines, tracking="4912-3456", number="SH-1", told_before=None, carrier="yamato"):
        return ShipmentPush(number, "1001", carrier, tracking, NOON, lines, number, told_before)

    @pytest.mark.parametrize("tracking", ["4912-3456", ""])
    def test_a_parcel_is_told_once(self, shop, platform, tracking):
        shop.orders["1001"] = order(1001, line(1, "A", "1100.0", 2), line(2, "B", "500.0"), total="2700.0")

        platform.push_shipment(self.parcel({"1": 2, "2": 1}, tracking))
        platform.push_shipment(self.parcel({"1": 2, "2": 1}, tracking))

        assert len(shop.fulfilled) == 1
        assert shop.fulfilled[0]["notifyCustomer"] is False

    @pytest.mark.parametrize(
        ("before", "after"),
        [(("", "yamato"), ("9", "yamato")), (("1", "yamato"), ("9", "yamato")), (("1", "yamato"), ("1", "sagawa"))],
    )
    def test_a_parcel_gets_its_tracking_number_later_or_another_one(self, shop, platform, before, after):
        """Its twin, with the same contents, keeps its own."""
        shop.orders["1001"] = order(1001, line(1, "A", "1100.0", 2), total="2200.0")
        platform.push_shipment(self.parcel({"1": 1}, "twin", "SH-0"))
        platform.push_shipment(self.parcel({"1": 1}, before[0], carrier=before[1]))

        for _time in range(2):
            platform.push_shipment(self.parcel({"1": 1}, after[0], carrier=after[1], told_before=before[0]))

        told = [item["trackingInfo"] for item in shop.orders["1001"]["fulfillments"]]
        assert told == [[{"number": "twin", "company": "yamato"}], [{"number": after[0], "company": after[1]}]]
        assert len(shop.fulfilled) == 2
        assert sum("UpdateTracking" in request["query"] for request in shop.requests) == 1

    def test_two_parcels_of_one_order(self, shop, platform):
        shop.orders["1001"] = order(1001, line(1, "A", "1100.0", 2), total="2200.0")

        platform.push_shipment(self.parcel({"1": 1}, "first"))
        platform.push_shipment(self.parcel({"1": 1}, "second", "SH-2"))

        left = shop.orders["1001"]["fulfillmentOrders"]["nodes"][0]["lineItems"]["nodes"]
        assert [one["remainingQuantity"] for one in left] == [0]

    def test_names_what_there_is_nothing_left_of(self, shop, platform):
        shop.orders["1001"] = order(1001, line(1, "A", "1100.0", 1), total="1100.0")

        with pytest.raises(PlatformError, match="'1': 2") as refused:
            platform.push_shipment(self.parcel({"1": 3}))

        assert not refused.value.is_retryable
        assert not shop.fulfilled


class TestWebhooks:
    BODY = json.dumps({"id": 1001, "updated_at": "2026-11-23T10:00:00+09:00"}).encode()

    def headers(self, body=BODY, topic="orders/updated", secret=SECRET):
        signature = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()
        return {
            "x-shopify-hmac-sha256": signature,
            "x-shopify-topic": topic,
            "x-shopify-event-id": "e-1",
            "x-shopify-triggered-at": "2026-11-23T01:00:00.5Z",
        }

    def test_a_signed_one_is_believed(self, platform):
        platform.verify_webhook(headers=self.headers(), body=self.BODY, at=NOON)

        [news] = platform.read_webhook(headers=self.headers(), body=self.BODY)

        assert (news.kind, news.external_id, news.event_id) == (NewsKind.HINT, "1001", "orders/updated:e-1")

    @pytest.mark.parametrize("change", ["body", "secret", "none"])
    def test_any_other_is_not(self, platform, change):
        headers = self.headers(secret="other") if change == "secret" else self.headers()
        body = self.BODY + b" " if change == "body" else self.BODY
        if change == "none":
            headers.pop("x-shopify-hmac-sha256")

        with pytest.raises(BadSignature):
            platform.verify_webhook(headers=headers, body=body, at=NOON)

    @pytest.mark.parametrize(
        ("topic", "body", "expected"),
        [
            ("fulfillments/create", {"id": 1, "order_id": 1001}, ["1001"]),
            ("orders/edited", {"order_edit": {"id": 5, "order_id": 1001}}, ["1001"]),
            ("refunds/create", {"id": 1, "order_id": 1001}, ["1001"]),
            ("inventory_levels/update", {"inventory_item_id": 1, "available": 3}, []),
        ],
    )
    def test_says_which_order_to_fetch(self, platform, topic, body, expected):
        news = platform.read_webhook(headers=self.headers(topic=topic), body=json.dumps(body).encode())

        assert [one.external_id for one in news] == expected

    @pytest.mark.parametrize("body", [b"", b"[]", b"{", b"{}"])
    def test_refuses_what_is_no_webhook(self, platform, body):
        with pytest.raises(InvalidInput):
            platform.read_webhook(headers=self.headers(), body=body)

    def test_notices_that_subscriptions_are_gone(self, shop, platform):
        shop.subscriptions = [{"topic": topic, "uri": HOOK} for topic in ("ORDERS_CREATE", "ORDERS_UPDATED")]
        assert platform.are_webhooks_on() is True

        shop.subscriptions.pop()

        assert platform.are_webhooks_on() is False
