"""Orders over REST: sent, sent again, amended, in bulk, read; every fault named, nothing lost, no key sees another channel's order."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ec_gateway.api import order_examples
from erp.core import staff_tasks
from erp.core.models import MessageLog, StaffTask
from erp.orders.models import Order, OrderEvent, ParkedMessage, Return, ShipmentLine
from erp.orders.services import ShipRequest, cancel_release, release_orders, ship
from tests.ec_gateway.api.caller import ApiClient, client_for
from tests.ec_gateway.test_order_document import ANYTHING, paths
from tests.inventory.factories import figures, sku, statements, stock
from tests.orders.factories import DESK, NOON, shop
from tests.racing import race

HOW = {"at": NOON, "by": DESK}
pytestmark = pytest.mark.django_db


@pytest.fixture
def stocked():
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 100, unit_value=400)
    return channel, place, shirt


def order(shirt: Any, external_id: str = "A-1", quantity: int = 1, **fields: Any) -> dict[str, Any]:
    total = str(1100 * quantity)
    return {
        "external_id": external_id,
        "ordered_at": "2026-11-23T10:00:00+09:00",
        "lines": [{"line_id": "1", "sku": shirt.code, "quantity": quantity, "unit_price": "1100"}],
        "total": total,
        "payments": [{"method": "card", "amount": total, "status": "authorized"}],
        **fields,
    }


def outcomes() -> list[str]:
    return list(MessageLog.objects.order_by("pk").values_list("outcome", flat=True))


def refusal(answer) -> tuple[int, str, list[tuple[str, str]]]:
    body = answer.json()
    assert (answer.headers["Content-Type"], body["status"]) == ("application/problem+json", answer.status_code)
    return answer.status_code, body["code"], [(item["pointer"], item["code"]) for item in body["errors"]]


def test_a_new_order_is_placed_and_says_what_is_reserved(stocked):
    channel, place, shirt = stocked

    answer = client_for(channel).post("/orders", order(shirt, quantity=2, customer_note="gift?"))

    assert answer.status_code == 201
    record = Order.objects.get()
    assert answer.json() == {
        "external_id": "A-1",
        "number": record.number,
        "revision": 1,
        "state": "on_hold",
        "outcome": "placed",
        "lines": [{"line_id": "1", "sku": shirt.code, "quantity": 2, "reserved_quantity": 2}],
        "holds": [{"reason": "customer_note"}],
    }
    assert figures(shirt, place) == (100, 2)
    assert MessageLog.objects.get().body["customer_note"] == "gift?"


def test_the_same_order_again_gets_the_first_answer(stocked):
    channel, place, shirt = stocked
    client = client_for(channel)
    first = client.post("/orders", order(shirt))

    again = client.post("/orders", dict(reversed(order(shirt).items())))

    assert (again.status_code, again.headers["Idempotent-Replay"]) == (200, "true")
    assert again.json() == {**first.json(), "outcome": "replayed"}
    assert figures(shirt, place) == (100, 1)
    assert outcomes() == ["DONE", "REPLAYED"]


def test_other_content_under_the_same_revision_is_a_conflict_and_kept(stocked):
    channel, place, shirt = stocked
    client = client_for(channel)
    client.post("/orders", order(shirt))

    answer = client.post("/orders", order(shirt, quantity=2))

    assert refusal(answer)[:2] == (409, "idempotency_conflict")
    assert figures(shirt, place) == (100, 1)
    assert outcomes() == ["DONE", "REFUSED"]
    assert MessageLog.objects.get(outcome="REFUSED").body["lines"][0]["quantity"] == 2


def test_a_higher_revision_amends_and_a_lower_one_changes_nothing(stocked):
    channel, place, shirt = stocked
    client = client_for(channel)
    client.post("/orders", order(shirt))

    amended = client.put("/orders/A-1", {**order(shirt, quantity=3), "revision": 3})
    stale = client.post("/orders", order(shirt, quantity=9, revision=2))

    assert (amended.status_code, amended.json()["outcome"], amended.json()["revision"]) == (200, "amended", 3)
    assert "Idempotent-Replay" not in amended.headers
    assert (stale.status_code, stale.json()["outcome"], stale.json()["revision"]) == (200, "stale", 3)
    assert stale.json()["lines"] == amended.json()["lines"]
    assert figures(shirt, place) == (100, 3)
    assert outcomes() == ["DONE", "DONE", "STALE"]


def test_a_paid_order_is_amended_too(stocked):
    channel, _place, shirt = stocked
    client = client_for(channel)
    paid = {"payments": [{"method": "card", "amount": "1100", "status": "captured"}]}
    address = {"country": "JP", "prefecture": "大阪府", "city": "大阪市", "street": "梅田1-1"}
    client.post("/orders", order(shirt, **paid))

    moved = client.put(
        "/orders/A-1", order(shirt, revision=2, **paid, deliveries=[{"ref": "d1", "ship_to": {"address": address}}])
    )
    more = client.put(
        "/orders/A-1",
        order(shirt, quantity=2, revision=3, payments=[{"method": "card", "amount": "2200", "status": "authorized"}]),
    )

    assert (moved.status_code, moved.json()["outcome"], moved.json()["revision"]) == (200, "amended", 2)
    assert (more.status_code, more.json()["state"], more.json()["holds"]) == (
        200, "on_hold", [{"reason": "payment_difference"}],
    )  # fmt: skip
    [payment] = client.get("/orders/A-1").json()["payments"]
    assert (payment["payment"], payment["amount"], payment["received_amount"]) == (1, "2200", "1100")
    rest = {"event_id": "e-1", "kind": "captured", "occurred_at": "2026-11-24T10:00:00+09:00", "amount": "1100"}
    assert client.post("/orders/A-1/payment-events", rest).json()["state"] == "ready"


def test_once_the_warehouse_has_it_a_newer_revision_is_a_task(stocked):
    channel, _place, shirt = stocked
    client = client_for(channel)
    client.post("/orders", order(shirt))
    release_orders(order_ids=[Order.objects.get().pk], **HOW)

    answer = client.put("/orders/A-1", {**order(shirt, quantity=3), "revision": 2})

    assert (answer.status_code, answer.json()["outcome"], answer.json()["revision"]) == (202, "task", 1)
    assert answer.json()["lines"][0]["quantity"] == 1
    assert client.get("/orders/A-1").json()["late_revision"] == 2


def test_a_revision_that_became_a_task_is_known(stocked):
    channel, _place, shirt = stocked
    client = client_for(channel)
    client.post("/orders", order(shirt))
    release_orders(order_ids=[Order.objects.get().pk], **HOW)
    late = {**order(shirt, quantity=3), "revision": 4}
    first = client.put("/orders/A-1", late)

    again = client.put("/orders/A-1", late)
    other = client.put("/orders/A-1", {**order(shirt, quantity=5), "revision": 4})
    older = client.put("/orders/A-1", {**late, "revision": 3})
    bulk = client.post("/orders/bulk", {"orders": [late, {**late, "revision": 2}]}).json()["results"]

    assert (first.status_code, "Idempotent-Replay" in first.headers) == (202, False)
    assert (again.status_code, again.headers["Idempotent-Replay"], again.json()) == (200, "true", first.json())
    assert refusal(other)[:2] == (409, "idempotency_conflict")
    assert (older.status_code, older.json()["outcome"]) == (200, "stale")
    assert [(item["status"], item["outcome"]) for item in bulk] == [(200, "task"), (200, "stale")]
    assert outcomes() == ["DONE", "TASK", "REPLAYED", "REFUSED", "STALE", "REPLAYED", "STALE"]


def test_put_takes_the_number_from_the_address(stocked):
    channel, _place, shirt = stocked
    client = client_for(channel)
    body = order(shirt)
    del body["external_id"]

    placed = client.put("/orders/A/7", body)
    other = client.put("/orders/A-8", order(shirt, "A-9"))

    assert (placed.status_code, placed.json()["external_id"]) == (201, "A/7")
    assert client.get("/orders/A/7").json()["external_id"] == "A/7"
    assert refusal(other) == (400, "invalid_input", [("/external_id", "other_order")])


def test_every_fault_is_named_and_the_message_is_kept(stocked):
    channel, _place, shirt = stocked
    body = order(shirt, total=1100, currency="XXX", colour="red", lines=[{"sku": shirt.code, "quantity": 0}])

    answer = client_for(channel).post("/orders", body)

    assert refusal(answer)[0] == 400
    assert sorted(refusal(answer)[2]) == [
        ("/colour", "unknown_field"),
        ("/currency", "unknown_currency"),
        ("/lines/0/quantity", "bad_quantity"),
        ("/total", "not_a_decimal"),
    ]
    kept = MessageLog.objects.get()
    assert (kept.kind, kept.external_id, kept.outcome, kept.body) == ("order", "A-1", "REFUSED", body)
    assert "/currency" in kept.detail
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    "raw",
    [
        b"", b" ", b"{", b"null", b"[]", b'"A-1"', b"1e400", b'{"external_id": "\\u0000"}', b'{"external_id": "\\ud800"}',
        b'{"total": 1e400}', b'{"total": NaN}', b'{"a":' * 60 + b"1" + b"}" * 60, b"[" * 100_000, b"\xff\xfe",
        b'{"external_id": "A-1", "external_id": "A-2"}', b'{"lines": [' + b"{}," * 9_999 + b"{}]}",
        b'{"revision": ' + b"9" * 400 + b"}", b'{"attributes": {"\\u0000": 1}}',
    ],
)  # fmt: skip
def test_whatever_comes_is_refused_and_kept_and_never_a_fault_of_ours(stocked, raw):
    channel, _place, _shirt = stocked

    answer = client_for(channel).call("POST", "/orders", raw or b" ")

    assert answer.status_code == 400
    assert refusal(answer)[1] in ("invalid_input", "malformed_json")
    assert MessageLog.objects.get().outcome == "REFUSED"


def test_the_last_of_two_equal_keys_counts(stocked):
    channel, _place, shirt = stocked
    raw = (
        json.dumps(order(shirt))
        .encode()
        .replace(b'{"external_id": "A-1"', b'{"external_id": "A-0", "external_id": "A-1"')
    )

    assert client_for(channel).call("POST", "/orders", raw).json()["external_id"] == "A-1"


def test_an_idempotency_key_may_be_sent_as_well(stocked):
    channel, place, shirt = stocked
    client = client_for(channel)

    first = client.post("/orders", order(shirt), Idempotency_Key="k-1")
    again = client.post("/orders", order(shirt), Idempotency_Key="k-1")
    other = client.post("/orders", order(shirt, "A-2"), Idempotency_Key="k-1")

    assert (first.status_code, again.status_code, again.headers["Idempotent-Replay"]) == (201, 200, "true")
    assert again.json() == first.json()
    assert refusal(other)[:2] == (409, "idempotency_conflict")
    assert MessageLog.objects.filter(outcome="REFUSED").get().external_id == "A-2"
    assert figures(shirt, place) == (100, 1)


# Bulk


def test_one_bad_order_harms_no_other(stocked):
    channel, place, shirt = stocked
    client = client_for(channel)
    client.post("/orders", order(shirt, "B-0"))

    answer = client.post(
        "/orders/bulk",
        {
            "orders": [
                order(shirt, "B-2"),
                order(shirt, "B-0"),
                order(shirt, "B-1", total=1),
                order(shirt, "B-0", 2),
                None,
            ]
        },
    )

    results = answer.json()["results"]
    assert answer.status_code == 200
    assert [(item["status"], item.get("outcome"), item.get("code")) for item in results] == [
        (201, "placed", None),
        (200, "replayed", None),
        (400, None, "invalid_input"),
        (409, None, "idempotency_conflict"),
        (400, None, "invalid_input"),
    ]
    assert [item["external_id"] for item in results] == ["B-2", "B-0", "B-1", "B-0", ""]
    assert results[2]["errors"] == [
        {"pointer": "/total", "code": "not_a_decimal", "detail": results[2]["errors"][0]["detail"]}
    ]
    assert figures(shirt, place) == (100, 2)
    assert MessageLog.objects.filter(outcome="REFUSED").count() == 3


def test_a_bulk_call_again_is_all_replays(stocked):
    channel, place, shirt = stocked
    client = client_for(channel)
    orders = {"orders": [order(shirt, f"B-{number}") for number in range(5)]}

    first, again = client.post("/orders/bulk", orders).json(), client.post("/orders/bulk", orders).json()

    assert {item["status"] for item in first["results"]} == {201}
    assert [(item["status"], item["number"]) for item in again["results"]] == [
        (200, item["number"]) for item in first["results"]
    ]
    assert figures(shirt, place) == (100, 5)


def test_bulk_costs_the_same_statements_for_more_orders_and_commits_in_steps(stocked):
    channel, place, shirt = stocked
    stock(shirt, place, 10_000)
    client = client_for(channel)

    def sent(count: int, name: str) -> int:
        body = {"orders": [order(shirt, f"{name}-{number}") for number in range(count)]}
        return len(statements(lambda: client.post("/orders/bulk", body)))

    sent(1, "warm")
    assert sent(90, "x") == sent(100, "y")
    assert 2 * sent(100, "one-step") > sent(101, "two-steps") > sent(100, "again")


@pytest.mark.parametrize(
    "body", [{}, {"orders": []}, {"orders": {}}, {"orders": [{}] * 501}, [], {"orders": [{}], "x": 1}]
)
def test_a_malformed_bulk_call_is_refused_and_kept(stocked, body):
    channel, _place, _shirt = stocked

    answer = client_for(channel).post("/orders/bulk", body)

    assert refusal(answer)[:2] == (400, "invalid_input")
    assert MessageLog.objects.get().outcome == "REFUSED"


# Reading


def test_an_order_says_where_it_stands_and_304_while_it_does(stocked):
    channel, _place, shirt = stocked
    client = client_for(channel)
    client.post("/orders", order(shirt, quantity=2))
    record = Order.objects.get()
    shipped_with(record, "yamato", "123456789013")

    seen = client.get("/orders/A-1")
    same = client.get("/orders/A-1", If_None_Match=seen.headers["ETag"])
    client.post("/orders/A-1/returns", {"external_id": "R-1", "lines": [{"line_id": "1", "quantity": 1}]})
    changed = client.get("/orders/A-1", If_None_Match=f'"x", W/{seen.headers["ETag"]}')

    body = seen.json()
    assert (body["state"], body["acceptance"], body["order_type"]) == ("shipped", "final", "normal")
    assert [(item["carrier"], item["tracking_number"], item["lines"]) for item in body["shipments"]] == [
        ("yamato", "123456789013", [{"line_id": "1", "quantity": 2}])
    ]
    assert body["payments"][0]["status"] == "authorized"
    assert body["taxes"][0]["tax_amount"] == "200"
    assert (same.status_code, same.content) == (304, b"")
    assert (changed.status_code, changed.json()["returns"][0]["external_id"]) == (200, "R-1")


def shipped_with(record: Order, carrier: str = "", tracking: str = "") -> None:
    [parcel] = release_orders(order_ids=[record.pk], **HOW)[record.pk]
    ship(requests=[ShipRequest(parcel, carrier=carrier, tracking_number=tracking)], **HOW)


def names(page: Any) -> list[str]:
    return [item["external_id"] for item in page["items"]]


def test_all_orders_page_by_page_and_then_what_changed(stocked):
    channel, _place, shirt = stocked
    client = client_for(channel)
    sent = ["A-1", "B/髙", "C-1", "D-1", "E-1"]
    client.post("/orders/bulk", {"orders": [order(shirt, name) for name in sent]})

    first = client.get("/orders?limit=2").json()
    second = client.get(f"/orders?limit=2&cursor={first['next_cursor']}").json()
    third = client.get(f"/orders?limit=2&cursor={second['next_cursor']}").json()

    assert [names(page) for page in (first, second, third)] == [sent[:2], sent[2:4], sent[4:]]
    assert third["next_cursor"] is None
    assert "feed_cursor" not in second
    assert client.get(f"/orders?changed_after={first['feed_cursor']}").json()["has_more"] is False


@pytest.mark.django_db(transaction=True)
def test_what_changed_comes_page_by_page():
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 100)
    client = client_for(channel)
    cursor = client.get("/orders").json()["feed_cursor"]
    for name in ("C-1", "A-1", "B-1"):
        client.post("/orders", order(shirt, name))
    client.post("/orders/A-1/cancel", {})

    found = []
    while True:
        page = client.get(f"/orders?limit=1&changed_after={cursor}").json()
        found += [(item["external_id"], item["state"]) for item in page["items"]]
        cursor = page["cursor"]
        if not page["has_more"]:
            break

    assert found == [("C-1", "ready"), ("A-1", "cancelled"), ("B-1", "ready"), ("A-1", "cancelled")]
    assert client.get(f"/orders?changed_after={cursor}").json()["items"] == []


@pytest.mark.parametrize("token", ["x", "1", "99.1", "1.99999999999999", "9" * 5000 + ".1", ""])
def test_a_cursor_of_another_life_says_so(stocked, token):
    channel, _place, _shirt = stocked

    assert refusal(client_for(channel).get(f"/orders?changed_after={token}"))[:2] == (410, "cursor_expired")


@pytest.mark.parametrize("query", ["cursor=%25", "cursor=AA", "limit=0", "limit=501", "changed_after=1.1&cursor=QQ"])
def test_a_list_that_is_asked_for_in_a_wrong_way_is_refused(stocked, query):
    channel, _place, _shirt = stocked

    assert refusal(client_for(channel).get(f"/orders?{query}"))[:2] == (400, "invalid_input")


# One channel, one key


def test_a_key_sees_its_own_channel_only(stocked):
    channel, place, shirt = stocked
    client_for(channel).post("/orders", order(shirt))
    other = client_for(shop()[0])

    assert refusal(other.get("/orders/A-1"))[:2] == (404, "order_not_found")
    assert other.get("/orders").json()["items"] == []
    assert other.post("/orders/A-1/cancel", {}).status_code == 202
    event = {"event_id": "e", "kind": "paid", "occurred_at": "2026-11-23T10:00:00Z"}
    assert other.post("/orders/A-1/payment-events", event).status_code == 202
    returned = {"external_id": "R", "lines": [{"line_id": "1", "quantity": 1}]}
    assert other.post("/orders/A-1/returns", returned).status_code == 202
    assert figures(shirt, place) == (100, 1)
    assert Order.objects.get().state == "READY"
    assert other.post("/orders", order(shirt)).status_code == 201
    assert Order.objects.count() == 2


@pytest.mark.parametrize("scopes", [[], ["stock:read"]])
def test_without_the_scope_nothing_is_read_or_sent(stocked, scopes):
    channel, _place, shirt = stocked
    client = client_for(channel, scopes)

    for answer in (
        client.post("/orders", order(shirt)),
        client.post("/orders/bulk", {"orders": [order(shirt)]}),
        client.get("/orders"),
        client.get("/orders/A-1"),
        client.put("/orders/A-1", order(shirt)),
        client.post("/orders/A-1/cancel", {}),
        client.post("/orders/A-1/returns", {}),
        client.post("/orders/A-1/payment-events", {}),
    ):
        assert refusal(answer)[:2] == (403, "scope_missing")
    assert not Order.objects.exists()
    assert ApiClient().post("/orders", order(shirt)).status_code == 401


# Before and after its order


def test_a_cancel_a_payment_and_a_return_before_their_order_wait_for_it(stocked):
    channel, place, shirt = stocked
    client = client_for(channel)
    event = {"event_id": "e-1", "kind": "captured", "occurred_at": "2026-11-23T10:00:00+09:00", "amount": "1100"}

    paid = client.post("/orders/A-1/payment-events", event)
    returned = client.post("/orders/A-1/returns", {"external_id": "R-1", "lines": [{"line_id": "1", "quantity": 1}]})
    cancelled = client.post("/orders/A-1/cancel", {"reason": "changed my mind"})

    assert [answer.status_code for answer in (paid, returned, cancelled)] == [202, 202, 202]
    assert {answer.json()["outcome"] for answer in (paid, returned, cancelled)} == {"parked"}
    placed = client.post("/orders", order(shirt))
    assert (placed.status_code, placed.json()["state"]) == (201, "cancelled")
    assert not ParkedMessage.objects.filter(applied_at__isnull=True).exists()
    assert figures(shirt, place) == (100, 0)
    assert client.get("/orders/A-1").json()["payments"][0]["status"] == "captured"


def test_a_return_of_an_earlier_day_waits_for_its_order_too(stocked):
    channel, _place, shirt = stocked
    client = client_for(channel)
    back = {"external_id": "R-1", "returned_on": "2026-11-20", "lines": [{"line_id": "1", "quantity": 1}]}

    answers = [client.post("/orders/A-1/returns", back) for _time in range(2)]

    assert [(answer.status_code, answer.json()["outcome"]) for answer in answers] == [(202, "parked")] * 2
    assert ParkedMessage.objects.get().body["returned_on"] == "2026-11-20"
    assert client.post("/orders", order(shirt)).status_code == 201
    assert not ParkedMessage.objects.filter(applied_at__isnull=True).exists()


@pytest.mark.parametrize("line_id", ["", "x" * 61])
def test_a_return_of_a_line_that_no_order_could_have_is_not_parked(stocked, line_id):
    channel, _place, _shirt = stocked

    answer = client_for(channel).post(
        "/orders/A-1/returns", {"external_id": "R-1", "lines": [{"line_id": line_id, "quantity": 1}]}
    )

    assert refusal(answer) == (400, "invalid_input", [("/lines/0/line_id", "bad_line_id")])
    assert not ParkedMessage.objects.exists()


FAILURE = {"event_id": "e-1", "kind": "failed", "occurred_at": "2026-11-23T10:00:00+09:00"}


@pytest.mark.parametrize(
    ("call", "news", "stands"),
    [("cancel", {}, ("cancelled", 0, [])), ("payment-events", FAILURE, ("on_hold", 2, ["payment_failed"]))],
)
def test_what_came_before_its_order_stands_in_the_answer_to_it(stocked, call, news, stands):
    channel, place, shirt = stocked
    client = client_for(channel)
    client.post(f"/orders/A-1/{call}", news)

    answer = client.post("/orders/bulk", {"orders": [order(shirt, quantity=2), order(shirt, "A-2")]})

    told, other = answer.json()["results"]
    seen = client.get("/orders/A-1").json()
    for body in (told, seen):
        reasons = [hold["reason"] for hold in body["holds"]]
        assert (body["state"], body["lines"][0]["reserved_quantity"], reasons) == stands
    assert (told["status"], told["outcome"]) == (201, "placed")
    assert (other["state"], other["lines"][0]["reserved_quantity"]) == ("ready", 1)
    assert figures(shirt, place) == (100, stands[1] + 1)


def test_a_cancel_says_whether_it_was_news_and_leaves_a_picked_order_to_staff(stocked):
    channel, _place, shirt = stocked
    client = client_for(channel)
    client.post("/orders/bulk", {"orders": [order(shirt, "A-1"), order(shirt, "A-2"), order(shirt, "A-3")]})
    release_orders(
        order_ids=list(Order.objects.filter(external_id__in=["A-2", "A-3"]).values_list("pk", flat=True)), **HOW
    )
    [parcel] = Order.objects.get(external_id="A-3").shipments.all()
    ship(requests=[ShipRequest(parcel.pk)], **HOW)

    first, again = client.post("/orders/A-1/cancel", {}), client.post("/orders/A-1/cancel", {"reason": "again"})
    picked = client.post("/orders/A-2/cancel", {"reason": "late"})
    gone = client.post("/orders/A-3/cancel", {"reason": "late"})

    assert (first.status_code, first.json()["state"], first.json()["outcome"]) == (200, "cancelled", "recorded")
    assert (again.status_code, again.headers["Idempotent-Replay"], again.json()["outcome"]) == (200, "true", "replayed")
    assert (picked.status_code, picked.json()["state"], picked.json()["outcome"]) == (202, "picking", "task")
    assert refusal(gone)[:2] == (409, "not_cancellable")
    assert MessageLog.objects.get(kind="cancel", outcome="REFUSED").external_id == "A-3"


def test_a_cancel_that_staff_have_decided_is_replayed_and_one_without_an_id_is_a_new_one(stocked):
    channel, _place, shirt = stocked
    client = client_for(channel)
    client.put("/orders/A-1", order(shirt, "A-1"))
    record = Order.objects.get()
    release_orders(order_ids=[record.pk], **HOW)
    named, bare = {"reason": "", "message_id": "c-1"}, {"reason": ""}

    def said(body):
        answer = client.post("/orders/A-1/cancel", body)
        return answer.status_code, answer.json()["state"], answer.json()["outcome"]

    def decided():
        staff_tasks.close_task(task_id=StaffTask.objects.get(closed_at=None).pk, resolution="そのまま送る", **HOW)

    assert (said(named), said(named)) == ((202, "picking", "task"), (202, "picking", "task"))
    decided()
    assert said(named) == (200, "picking", "replayed")
    assert not StaffTask.objects.filter(closed_at=None).exists()
    assert said(bare) == (202, "picking", "task")
    decided()
    cancel_release(shipment_id=record.shipments.get().pk, reason="", **HOW)
    assert said(named) == (200, "ready", "replayed")
    assert said(bare) == (200, "cancelled", "recorded")
    assert said(bare) == (200, "cancelled", "replayed")


def test_news_about_a_payment_counts_once_per_event(stocked):
    channel, _place, shirt = stocked
    client = client_for(channel)
    client.post("/orders", order(shirt))
    event = {"event_id": "e-1", "kind": "captured", "occurred_at": "2026-11-23T10:00:00+09:00", "amount": "1100"}

    first = client.post("/orders/A-1/payment-events", event)
    again = client.post("/orders/A-1/payment-events", event)
    other = client.post("/orders/A-1/payment-events", {**event, "kind": "failed"})
    nowhere = client.post("/orders/A-1/payment-events", {**event, "event_id": "e-2", "payment": 7})

    assert (first.status_code, first.json()["outcome"]) == (200, "recorded")
    assert (again.status_code, again.headers["Idempotent-Replay"]) == (200, "true")
    assert refusal(other)[:2] == (409, "idempotency_conflict")
    assert refusal(nowhere)[:2] == (404, "not_found")
    assert OrderEvent.objects.filter(kind="PAYMENT").count() == 1


def test_a_return_comes_back_by_line_id_once(stocked):
    channel, place, shirt = stocked
    client = client_for(channel)
    client.post("/orders", order(shirt, quantity=3))
    shipped_with(Order.objects.get())
    asked = {"external_id": "R-1", "lines": [{"line_id": "1", "quantity": 2, "condition": "sellable"}]}

    first, again = client.post("/orders/A-1/returns", asked), client.post("/orders/A-1/returns", asked)
    more = client.post("/orders/A-1/returns", {**asked, "external_id": "R-2"})
    other = client.post("/orders/A-1/returns", {**asked, "refund_fees": True})

    document = Return.objects.get()
    assert (first.status_code, first.json()["number"], first.json()["gross_amount"]) == (201, document.number, "2200")
    assert (again.status_code, again.headers["Idempotent-Replay"], again.json()["number"]) == (
        200,
        "true",
        document.number,
    )
    assert refusal(more) == (409, "not_returnable", [("/lines/0/quantity", "not_returnable")])
    assert refusal(other)[:2] == (409, "idempotency_conflict")
    assert figures(shirt, place) == (99, 0)
    assert ShipmentLine.objects.get().returned_quantity == 2


@pytest.mark.parametrize(
    ("call", "body", "faults"),
    [
        ("cancel", {"reason": 1, "x": 1, "message_id": ""}, {"/reason", "/x", "/message_id"}),
        ("cancel", [], {""}),
        ("returns", {"lines": [{"quantity": "2"}, 3], "returned_on": "2026-02-30"},
         {"/external_id", "/lines/0/line_id", "/lines/0/quantity", "/lines/1", "/returned_on"}),
        ("returns", {"external_id": "R", "lines": []}, {"/lines"}),
        ("returns", {"external_id": "R", "lines": [{"line_id": "1", "quantity": 0, "condition": "new"}]},
         {"/lines/0/condition", "/lines/0/quantity"}),
        ("returns", {"external_id": "", "lines": [{"line_id": "", "quantity": 0, "condition": "x"}, {"line_id": "", "quantity": 1}],
                     "returned_on": "1990-01-01"},
         {"/external_id", "/lines/0/line_id", "/lines/0/quantity", "/lines/0/condition", "/lines/1/line_id", "/returned_on"}),
        ("payment-events", {"event_id": "", "kind": "foo", "occurred_at": "2026-11-23T10:00:00Z", "amount": "-5"},
         {"/event_id", "/kind", "/amount"}),
        ("payment-events", {"event_id": "e", "kind": "paid", "occurred_at": "2026-11-23T10:00:00Z", "amount": "0.5", "z": 1},
         {"/amount", "/z"}),
        ("payment-events", {"event_id": "\x00", "kind": "PAID", "occurred_at": "now", "amount": 1, "payment": 0},
         {"/event_id", "/kind", "/occurred_at", "/amount", "/payment"}),
        ("payment-events", {"event_id": "e", "kind": "paid", "occurred_at": "0001-01-01T00:00:00+14:00"}, {"/occurred_at"}),
        ("payment-events", {"event_id": "e" * 101, "kind": "paid", "occurred_at": "2026-11-23T10:00:00Z", "amount": "-1"},
         {"/event_id", "/amount"}),
    ],
)  # fmt: skip
def test_every_fault_of_news_is_named_and_the_message_is_kept(stocked, call, body, faults):
    channel, _place, _shirt = stocked

    answer = client_for(channel).post(f"/orders/A-1/{call}", body)

    assert refusal(answer)[:2] == (400, "invalid_input")
    assert {pointer for pointer, _code in refusal(answer)[2]} == faults
    assert MessageLog.objects.get().outcome == "REFUSED"


@pytest.mark.parametrize("name", ["x" * 101, "%FF", "%ED%A0%80", "a%00b", "%20", "..%2F..", "%F0%9F%91%A9"])
def test_an_odd_number_in_the_address_is_answered(stocked, name):
    channel, _place, _shirt = stocked
    client = client_for(channel)

    assert client.get(f"/orders/{name}").status_code == 404
    assert client.post(f"/orders/{name}/cancel", {}).status_code in (202, 404)


# Under way at the same time


@pytest.mark.django_db(transaction=True)
def test_the_same_order_sent_by_eight_at_once_is_placed_once():
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 100)
    clients = [client_for(channel) for _number in range(8)]

    answers = race(
        *[lambda client=client: client.post("/orders", order(shirt)) for client in clients],
        names=[f"order:{channel.code}:A-1"],
    )

    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.json()["number"] for answer in answers}) == 1
    assert figures(shirt, place) == (100, 1)


# Whatever comes


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(st.sampled_from(paths(order_examples.ORDER)), ANYTHING), min_size=1, max_size=3))
def test_any_change_to_a_good_order_is_placed_or_refused(stocked, changes):
    channel, _place, _shirt = stocked
    body = copy.deepcopy(order_examples.ORDER)
    for path, value in changes:
        inner: Any = body
        try:
            for step in path[:-1]:
                inner = inner[step]
            inner[path[-1]] = value
        except (TypeError, KeyError, IndexError):
            continue
    raw = json.dumps(body).encode("utf-8", "surrogatepass")

    answer = client_for(channel).call("POST", "/orders", raw)

    assert answer.status_code in (200, 201, 202, 400, 409), answer.content
    assert not connection.needs_rollback
