"""The generic platform against a counterpart on real sockets: what is sent, what is understood, and every way in which a site can fail."""

from __future__ import annotations

import datetime as dt
import json
import socket
import threading
from decimal import Decimal

import pytest
from standardwebhooks import Webhook

from ec_gateway.platforms.connections import NotConnected, connect
from ec_gateway.platforms.generic import GenericPlatform
from ec_gateway.platforms.http import retry_after_s
from ec_gateway.platforms.interface import (
    BadSignature,
    News,
    NewsKind,
    OrderSummary,
    PlatformError,
    PushOutcome,
    PushResult,
    QuantityPush,
    ShipmentPush,
    ShownQuantity,
    UnreadableOrder,
    UnreadableQuantity,
)
from erp.core.errors import InvalidInput
from tests.ec_gateway.counterpart import Reply, running
from tests.ec_gateway.factories import NOON, ROBOT, SECRET, TOKEN, after, shop


@pytest.fixture
def counterpart():
    with running() as site:
        yield site


def platform(url, **settings):
    return GenericPlatform(base_url=url, settings=settings, credentials={"token": TOKEN, "webhook_secret": SECRET})


def push(code, quantity, expected=None, version=1, key="k1", orders_seen=""):
    return QuantityPush(code, {}, quantity, expected, version, key, orders_seen)


# --- What goes over the wire ------------------------------------------------------------------------------------------


def test_a_push_says_what_the_page_says(counterpart):
    counterpart.show(A=3)

    [result] = platform(counterpart.url).push_quantities([push("A", 7, 3, 4, "key-1", "12")])

    assert result == PushResult("A", PushOutcome.DONE, 7)
    [request] = counterpart.requests
    assert (request.method, request.path) == ("PUT", "/mamori/stock")
    assert request.body == {"items": [{"sku": "A", "quantity": 7, "expected": 3, "version": 4, "orders_seen": 12}]}
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert request.headers["idempotency-key"] == "key-1"


def test_the_key_of_a_batch_is_the_same_for_the_same_batch_only(counterpart):
    counterpart.show(A=3, B=3)
    ours = platform(counterpart.url)

    for keys in (("a", "b"), ("a", "b"), ("a", "c")):
        ours.push_quantities([push("A", 1, key=keys[0]), push("B", 1, key=keys[1])])

    first, again, other = [request.headers["idempotency-key"] for request in counterpart.requests]
    assert first == again != other


def test_calls_share_a_connection(counterpart):
    counterpart.answers["/mamori/webhooks"] = {"is_on": True}
    ours = platform(counterpart.url)
    threads = set()
    # The counterpart serves each connection in a thread of its own.
    counterpart.when_asked = lambda request: threads.add(threading.get_ident())

    assert [ours.are_webhooks_on() for _call in range(3)] == [True, True, True]
    assert len(threads) == 1


def test_each_item_has_its_own_outcome(counterpart):
    counterpart.show(done=1, stale=5, failed=5)
    counterpart.fails["failed"] = "failed"

    results = platform(counterpart.url).push_quantities(
        [push("failed", 2, 5), push("done", 2, 1), push("nobody", 2), push("stale", 2, 4)]
    )

    assert [(item.external_code, item.outcome, item.shown) for item in results] == [
        ("failed", PushOutcome.FAILED, 5),
        ("done", PushOutcome.DONE, 2),
        ("nobody", PushOutcome.UNKNOWN_ITEM, None),
        ("stale", PushOutcome.STALE, 5),
    ]


@pytest.mark.parametrize(
    "told",
    [
        {"items": [{"sku": "A", "outcome": "done", "shown": 1}]},
        {"items": [{"sku": "A", "outcome": "done", "shown": 1}, {"sku": "B", "outcome": "perhaps", "shown": "7"}]},
        {"items": [{"sku": "A", "outcome": "done", "shown": 1}, "B", {"outcome": "done"}]},
        {"items": [{"sku": [], "outcome": "done"}, {"sku": "A", "outcome": "done", "shown": 1}, {"sku": {"B": 1}}]},
    ],
)
def test_what_is_not_answered_done_counts_as_failed(counterpart, told):
    counterpart.answers["/mamori/stock"] = told

    first, second = platform(counterpart.url).push_quantities([push("A", 1), push("B", 1)])

    assert (first.outcome, second.outcome, second.shown) == (PushOutcome.DONE, PushOutcome.FAILED, None)


@pytest.mark.parametrize("told", [{}, [], {"items": None}, {"items": 5}, {"items": "A"}, "done", None])
def test_an_answer_without_items_does_nothing(counterpart, told):
    counterpart.answers["/mamori/stock"] = told

    [result] = platform(counterpart.url).push_quantities([push("A", 1)])

    assert result.outcome == PushOutcome.FAILED


def test_shipments_carry_carrier_and_number(counterpart):
    parcel = ShipmentPush("S-1", "A-1", "yamato", "1234-5678", NOON, {"1": 2}, "ship-S-1")

    platform(counterpart.url).push_shipment(parcel)

    assert counterpart.shipments["S-1"] == {
        "number": "S-1",
        "order_external_id": "A-1",
        "carrier": "yamato",
        "tracking_number": "1234-5678",
        "shipped_at": NOON.isoformat(),
        "lines": {"1": 2},
    }


# --- What is read -----------------------------------------------------------------------------------------------------


def test_orders_are_read_from_the_cursor_and_a_little_again_where_asked(counterpart):
    counterpart.answers["/mamori/orders"] = {
        "orders": [
            {"type": "order.changed", "id": "e1", "timestamp": NOON.isoformat(), "data": {"external_id": "A-1"}}
        ],
        "cursor": "130",
        "is_last": False,
    }
    ours = platform(counterpart.url)

    page = ours.fetch_orders(cursor="120", overlap=dt.timedelta(0))
    ours.fetch_orders(cursor="120", overlap=dt.timedelta(minutes=5))
    ours.fetch_orders(cursor="", overlap=dt.timedelta(minutes=5))

    assert (page.cursor, page.is_last) == ("130", False)
    assert [(news.kind, news.event_id, news.external_id) for news in page.news] == [(NewsKind.ORDER, "e1", "A-1")]
    assert [request.query["after"] for request in counterpart.requests] == ["120", "70", "0"]


def test_the_cursor_never_goes_back(counterpart):
    counterpart.answers["/mamori/orders"] = {"orders": [], "cursor": "90", "is_last": True}

    assert platform(counterpart.url).fetch_orders(cursor="120", overlap=dt.timedelta(1)).cursor == "120"


def test_an_event_that_cannot_be_read_does_not_stop_those_behind_it(counterpart):
    good = {
        "type": "order.cancelled",
        "id": "e2",
        "timestamp": NOON.isoformat(),
        "data": {"external_id": "A", "reason": "x"},
    }
    counterpart.answers["/mamori/orders"] = {"orders": [{"id": 5}, "?", good], "cursor": 3, "is_last": True}

    broken, odd, fine = platform(counterpart.url).fetch_orders(cursor="", overlap=dt.timedelta(0)).news

    assert (broken.kind, odd.kind, fine.kind) == (NewsKind.HINT, NewsKind.HINT, NewsKind.CANCEL)
    assert broken.event_id.startswith("unreadable:")
    assert broken.event_id != odd.event_id
    assert "/data" in broken.document["problem"]


DEEP = json.loads("[" * 100 + "]" * 100)


@pytest.mark.parametrize(
    ("event", "pointer"),
    [
        ({"timestamp": "9999-12-31T23:59:59-12:00"}, "/timestamp"),
        ({"timestamp": "0001-01-01T00:00:00+12:00"}, "/timestamp"),
        ({"timestamp": "2026-11-23T10:00:00+23:59"}, "/timestamp"),
        ({"timestamp": "2026-11-23T10:00:00-16:00"}, "/timestamp"),
        ({"timestamp": "2026-11-23T10:00:00"}, "/timestamp"),
        ({"timestamp": 5}, "/timestamp"),
        ({"type": "stock.changed", "data": {"sku": "a\x00", "quantity": 1}}, "/data/sku"),
        ({"type": "stock.changed", "data": {"sku": "a\ud800", "quantity": 1}}, "/data/sku"),
        ({"type": "stock.changed", "data": {"sku": "a", "quantity": 10**30}}, "/data"),
        ({"type": "stock.changed", "data": {"sku": "a", "quantity": True}}, "/data"),
        ({"data": {"external_id": "A-1", "deep": DEEP}}, "/data/deep"),
    ],
)
def test_what_cannot_be_kept_is_named_and_stands_in_nobodys_way(counterpart, event, pointer):
    usual = {"type": "order.changed", "id": "e1", "timestamp": NOON.isoformat(), "data": {"external_id": "A-1"}}
    counterpart.answers["/mamori/orders"] = {"orders": [{**usual, **event}, usual], "cursor": 2, "is_last": True}

    bad, fine = platform(counterpart.url).fetch_orders(cursor="", overlap=dt.timedelta(0)).news

    assert (bad.kind, bad.changed_at, fine.kind) == (NewsKind.HINT, None, NewsKind.ORDER)
    assert pointer in bad.document["problem"]
    assert bad.raw == {**usual, **event}
    assert bad.external_id == event.get("data", usual["data"]).get("external_id", "")


def test_the_moment_of_an_event_is_in_utc(counterpart):
    event = {
        "type": "order.changed",
        "id": "e1",
        "timestamp": "2026-11-23T12:00:00+09:00",
        "data": {"external_id": "A"},
    }
    counterpart.answers["/mamori/orders"] = {"orders": [event], "cursor": 2, "is_last": True}

    [news] = platform(counterpart.url).fetch_orders(cursor="", overlap=dt.timedelta(0)).news

    assert (news.changed_at, news.changed_at.tzinfo) == (NOON, dt.UTC)


@pytest.mark.parametrize(
    ("entry", "code", "faults"),
    [
        *(({"sku": "A", "quantity": quantity}, "A", ["/quantity"]) for quantity in [10**30, "9" * 5_000, 1e999, 1.5, None, [], "many"]),
        ({"quantity": 1}, "", ["/sku"]),
        ({"sku": None}, "", ["/sku", "/quantity"]),
        ({"sku": "a\x00b", "quantity": 1}, "a\ufffdb", ["/sku"]),
        ({"sku": "\ud800", "quantity": 1}, "?", ["/sku"]),
        ("A", "", [""]),
    ],
)  # fmt: skip
def test_a_figure_that_nobody_can_keep_stops_nothing(counterpart, entry, code, faults):
    counterpart.answers["/mamori/stock"] = {"items": [entry, {"sku": 7, "quantity": "2"}], "next": None}

    unreadable, readable = platform(counterpart.url).read_quantities()

    assert readable == ShownQuantity("7", 2)
    assert isinstance(unreadable, UnreadableQuantity)
    assert unreadable.external_code == code
    assert [part.partition(": ")[0] for part in unreadable.problem.split("; ")] == faults or faults == [""]


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"orders": [], "cursor": 10**30, "is_last": True},
        {"orders": {}, "cursor": "1", "is_last": True},
        {"orders": [], "cursor": "x", "is_last": True},
        [],
    ],
)
def test_a_page_of_orders_that_is_not_as_agreed_is_not_asked_again(counterpart, told):
    counterpart.answers["/mamori/orders"] = told

    with pytest.raises(PlatformError) as fault:
        platform(counterpart.url).fetch_orders(cursor="", overlap=dt.timedelta(0))

    assert not fault.value.is_retryable


def test_one_order_is_read_by_its_number_and_an_unknown_one_is_nothing(counterpart):
    path = "/mamori/orders/A%2F1%20%3F"
    counterpart.answers[path] = {
        "events": [
            {"type": "order.changed", "id": "e", "timestamp": NOON.isoformat(), "data": {"external_id": "A/1 ?"}}
        ]
    }
    ours = platform(counterpart.url)

    [news] = ours.fetch_order(external_id="A/1 ?")

    assert news.external_id == "A/1 ?"
    assert ours.fetch_order(external_id="B") == []


def test_quantities_come_page_by_page(counterpart):
    pages = {
        "": {"items": [{"sku": "A", "quantity": 1}], "next": "A"},
        "A": {"items": [{"sku": "B", "quantity": -2}], "next": None},
    }

    def turn(request):
        counterpart.answers["/mamori/stock"] = pages[request.query.get("after", "")]

    counterpart.when_asked = turn

    assert list(platform(counterpart.url).read_quantities()) == [ShownQuantity("A", 1), ShownQuantity("B", -2)]


def test_pages_that_go_round_in_a_circle_end(counterpart):
    counterpart.answers["/mamori/stock"] = {"items": [], "next": "A"}

    with pytest.raises(PlatformError, match="循環"):
        list(platform(counterpart.url).read_quantities())


def test_the_list_of_orders_for_reconciliation(counterpart):
    told = {"external_id": "A", "changed_at": NOON.isoformat(), "is_cancelled": False, "total": "1980"}
    counterpart.answers["/mamori/order-list"] = {
        "orders": [told, {**told, "external_id": "B", "total": None}],
        "next": None,
    }

    found = list(platform(counterpart.url).list_orders(since=NOON))

    assert found == [OrderSummary("A", NOON, False, Decimal(1980)), OrderSummary("B", NOON, False, None)]
    assert counterpart.requests[0].query["since"] == NOON.isoformat()


@pytest.mark.parametrize(
    ("entry", "number", "faults"),
    [
        ({"external_id": "A", "changed_at": "yesterday", "is_cancelled": False, "total": "1"}, "A", ["/changed_at"]),
        ({"external_id": "A", "changed_at": "0001-01-01T00:00:00Z", "is_cancelled": 0}, "A", ["/changed_at", "/is_cancelled"]),
        ({"changed_at": NOON.isoformat(), "is_cancelled": False, "total": "NaN"}, "", ["/external_id", "/total"]),
        ({"external_id": "a\x00b", "changed_at": NOON.isoformat(), "is_cancelled": False}, "a\ufffdb", ["/external_id"]),
        ({"external_id": 7, "changed_at": NOON.isoformat(), "is_cancelled": False, "total": []}, "7", ["/external_id", "/total"]),
        ("A", "", [""]),
    ],
)  # fmt: skip
def test_an_entry_of_the_list_that_cannot_be_read_stops_nothing(counterpart, entry, number, faults):
    good = {"external_id": "B", "changed_at": NOON.isoformat(), "is_cancelled": True, "total": 1980}
    counterpart.answers["/mamori/order-list"] = {"orders": [entry, good], "next": None}

    unreadable, readable = platform(counterpart.url).list_orders(since=NOON)

    assert readable == OrderSummary("B", NOON, True, Decimal(1980))
    assert isinstance(unreadable, UnreadableOrder)
    assert (unreadable.external_id, unreadable.raw) == (number, entry)
    assert [part.partition(": ")[0] for part in unreadable.problem.split("; ")] == faults or faults == [""]


def test_a_site_that_cannot_say_whether_webhooks_are_on(counterpart):
    assert platform(counterpart.url).are_webhooks_on() is None


# --- Faults -----------------------------------------------------------------------------------------------------------


def failing(counterpart, reply, **settings):
    counterpart.show(A=1)
    counterpart.faults.append(reply)
    with pytest.raises(PlatformError) as fault:
        platform(counterpart.url, **settings).push_quantities([push("A", 2)])
    error = fault.value
    return error.is_retryable, error.is_unreachable, error.is_unauthorised, error.retry_after_s


@pytest.mark.parametrize(
    ("reply", "understood"),
    [
        (Reply(429, headers={"Retry-After": "7"}), (True, False, False, 7.0)),
        (Reply(429), (True, False, False, 2.0)),
        (Reply(429, headers={"Retry-After": "soon"}), (True, False, False, 2.0)),
        (Reply(503, headers={"Retry-After": "30"}), (True, False, False, 30.0)),
        (Reply(503), (True, True, False, None)),
        (Reply(502), (True, True, False, None)),
        (Reply(500, b"\x00trace"), (True, False, False, None)),
        (Reply(408), (True, False, False, None)),
        (Reply(400, b'{"detail": "no"}'), (False, False, False, None)),
        (Reply(404), (False, False, False, None)),
        (Reply(401), (False, False, True, None)),
        (Reply(403), (False, False, True, None)),
        (Reply(302, headers={"Location": "/elsewhere"}), (False, False, False, None)),
        (Reply(200, b"<html>busy</html>"), (True, False, False, None)),
        (Reply(200, b"no gzip", {"Content-Encoding": "gzip"}), (True, False, False, None)),
        (Reply(hangs_up=True), (True, True, False, None)),
    ],
)
def test_every_failure_is_told_in_the_gateways_words(counterpart, reply, understood):
    assert failing(counterpart, reply) == understood


def test_a_date_in_retry_after_counts_from_now():
    assert retry_after_s("Mon, 23 Nov 2026 03:00:30 GMT", now=NOON) == 30.0
    assert retry_after_s("Mon, 23 Nov 2026 02:59:30 GMT", now=NOON) == 0.0
    assert retry_after_s("-5", now=NOON) is None


def test_silence_ends_with_the_time_out(counterpart):
    release = threading.Event()
    counterpart.when_asked = lambda request: release.wait(10)

    try:
        assert failing(counterpart, Reply(200), timeout_s=0.2) == (True, True, False, None)
    finally:
        release.set()


def test_nobody_at_the_door():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"

        with pytest.raises(PlatformError) as fault:
            platform(address).are_webhooks_on()

    assert (fault.value.is_retryable, fault.value.is_unreachable) == (True, True)


def test_an_answer_that_drips_ends_with_the_time_out():
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as door:

        def drip():
            visitor, _address = door.accept()
            with visitor:
                visitor.recv(65536)
                visitor.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
                while not stop.wait(0.05):
                    try:
                        visitor.sendall(b" ")
                    except OSError:
                        return

        dripping = threading.Thread(target=drip, daemon=True)
        dripping.start()
        try:
            with pytest.raises(PlatformError, match="時間内に応答がありません") as fault:
                platform(f"http://127.0.0.1:{door.getsockname()[1]}", timeout_s=0.3).are_webhooks_on()
        finally:
            stop.set()
            dripping.join()
    assert fault.value.is_unreachable


def test_work_that_was_done_before_the_answer_was_lost_is_safe_to_repeat(counterpart):
    counterpart.show(A=1)
    counterpart.faults.append(Reply(hangs_up=True, works_first=True))
    ours = platform(counterpart.url)

    with pytest.raises(PlatformError):
        ours.push_quantities([push("A", 2, expected=1)])
    [result] = ours.push_quantities([push("A", 2, expected=1)])

    assert result == PushResult("A", PushOutcome.DONE, 2)
    assert len(counterpart.applied) == 1


# --- Webhooks ---------------------------------------------------------------------------------------------------------


def signed(body, secret=SECRET, at=NOON, event_id="e1"):
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(event_id, at, body.decode()),
    }


BODY = json.dumps(
    {"type": "stock.changed", "timestamp": NOON.isoformat(), "data": {"sku": "A", "quantity": 3}}
).encode()


def test_a_signed_webhook_is_believed():
    ours = platform("http://x")

    ours.verify_webhook(headers=signed(BODY), body=BODY, at=NOON)

    [news] = ours.read_webhook(headers=signed(BODY), body=BODY)
    assert (news.kind, news.event_id, news.changed_at) == (NewsKind.STOCK_ECHO, "e1", NOON)
    assert news.document == {"external_code": "A", "quantity": 3}


@pytest.mark.parametrize(
    ("headers", "body", "at"),
    [
        ({}, BODY, NOON),
        (signed(BODY), BODY + b" ", NOON),
        (signed(BODY, secret="whsec_" + "B" * 32), BODY, NOON),
        (signed(BODY), BODY, after(301)),
        (signed(BODY), BODY, after(-301)),
        ({**signed(BODY), "webhook-id": "e2"}, BODY, NOON),
        ({**signed(BODY), "webhook-timestamp": "soon"}, BODY, NOON),
        ({**signed(BODY), "webhook-timestamp": "9" * 30}, BODY, NOON),
        ({**signed(BODY), "webhook-signature": "v1,??? v2,abc v1 ,"}, BODY, NOON),
        (signed(BODY), b"\xff\xfe", NOON),
    ],
)
def test_everything_else_is_not(headers, body, at):
    with pytest.raises(BadSignature):
        platform("http://x").verify_webhook(headers=headers, body=body, at=at)


def test_while_the_secret_is_changed_both_are_believed():
    new = "whsec_" + "C" * 32
    ours = GenericPlatform(
        base_url="http://x", settings={}, credentials={"webhook_secret": new, "webhook_secret_before": SECRET}
    )

    for secret in (new, SECRET):
        ours.verify_webhook(headers=signed(BODY, secret), body=BODY, at=NOON)


def test_without_a_secret_nothing_is_believed():
    ours = GenericPlatform(base_url="http://x", settings={}, credentials={})

    with pytest.raises(BadSignature):
        ours.verify_webhook(headers=signed(BODY), body=BODY, at=NOON)


def read(kind, data):
    body = json.dumps({"type": kind, "timestamp": "2026-11-23T12:00:00+09:00", "data": data}).encode()
    [news] = platform("http://x").read_webhook(headers={"webhook-id": "e9"}, body=body)
    assert news.changed_at == NOON
    return news.kind, news.external_id, news.document


def test_news_are_the_bodies_of_the_rest_calls():
    order = {"external_id": "A-1", "revision": 2}

    assert read("order.changed", order) == (NewsKind.ORDER, "A-1", order)
    assert read("order.cancelled", {"external_id": "A-1", "reason": "r"}) == (NewsKind.CANCEL, "A-1", {"reason": "r"})
    assert read("payment.changed", {"external_id": "A-1", "event_id": "p"}) == (
        NewsKind.PAYMENT,
        "A-1",
        {"event_id": "p"},
    )
    assert read("return.requested", {"external_id": "R-1", "order_external_id": "A-1", "lines": []}) == (
        NewsKind.RETURN,
        "A-1",
        {"external_id": "R-1", "lines": []},
    )
    assert read("cart.abandoned", {"anything": 1}) == (NewsKind.HINT, "", {})


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        (b"{", [""]),
        (b"[]", [""]),
        (b"[" * 50_000 + b"]" * 50_000, [""]),
        (b'{"type": "order.changed", "data": []}', ["/id", "/data", "/timestamp", "/data/external_id"]),
        (
            b'{"type": "stock.changed", "timestamp": "2026-11-23T12:00:00Z", "data": {"sku": "A", "quantity": "3"}}',
            ["/id", "/data"],
        ),
        (
            b'{"type": "order.changed", "timestamp": "2026-11-23T12:00:00", "data": {"external_id": 5}}',
            ["/id", "/timestamp", "/data/external_id"],
        ),
    ],
)
def test_a_malformed_webhook_is_refused_with_every_fault(body, pointers):
    with pytest.raises(InvalidInput) as refusal:
        platform("http://x").read_webhook(headers={}, body=body)

    assert [problem.pointer for problem in refusal.value.problems] == pointers


# --- From the row to the platform -------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_site_is_connected_once_and_anew_when_it_changes():
    site, _place = shop(settings={"batch_size": 7})

    first = connect(site, at=NOON, by=ROBOT)

    assert first.limits.batch_size == 7
    assert connect(site, at=NOON, by=ROBOT) is first
    site.settings = {"batch_size": 100}
    assert connect(site, at=NOON, by=ROBOT).limits.batch_size == 100


@pytest.mark.django_db
@pytest.mark.parametrize("fields", [{"platform": ""}, {"platform": "of-a-later-version"}, {"base_url": ""}])
def test_a_site_that_is_never_called_has_no_platform(fields):
    site, _place = shop(**fields)

    with pytest.raises(NotConnected):
        connect(site, at=NOON, by=ROBOT)


def test_news_need_no_document():
    assert News(NewsKind.HINT, "e").document == {}
