"""What tills sold, over REST: one result per receipt, never refused for what happened, every fault of a malformed one named."""

from __future__ import annotations

from typing import Any

import pytest

from erp.core.models import MessageLog, StaffTask
from erp.orders.models import Order
from tests.ec_gateway.api.caller import client_for
from tests.inventory.factories import channel as make_channel
from tests.inventory.factories import figures, location, sku, stock
from tests.orders.factories import figure

pytestmark = pytest.mark.django_db


@pytest.fixture
def counter():
    place = location()
    shirt = sku()
    stock(shirt, place, 10, unit_value=400)
    return make_channel(place, kind="SHOP"), place, shirt


def sale(shirt: Any, external_id: str = "T-1", quantity: int = 1, **fields: Any) -> dict[str, Any]:
    return {
        "external_id": external_id,
        "sold_at": "2026-11-23T10:00:00+09:00",
        "lines": [{"line_id": "1", "sku": shirt.code, "quantity": quantity, "unit_price": "1100"}],
        "total": str(1100 * quantity),
        "payments": [{"method": "cash", "amount": str(1100 * quantity)}],
        **fields,
    }


def test_one_result_per_receipt_in_the_order_sent(counter):
    channel, place, shirt = counter
    client = client_for(channel)
    client.post("/shop-sales", {"sales": [sale(shirt, "T-0")]})

    answer = client.post(
        "/shop-sales",
        {
            "sales": [
                sale(shirt, "T-3", 20),
                sale(shirt, "T-0"),
                sale(shirt, "T-0", 2),
                sale(shirt, "T-2", total=None, sold_at="now", deliveries=[]),
                sale(shirt, "T-1", lines=[{"name": "fukubukuro", "quantity": 1, "unit_price": "1100"}]),
            ]
        },
    )

    results = answer.json()["results"]
    assert [(item["external_id"], item["status"], item.get("tasks"), item.get("code")) for item in results] == [
        ("T-3", 201, [], None),
        ("T-0", 200, [], None),
        ("T-0", 409, None, "idempotency_conflict"),
        ("T-2", 400, None, "invalid_input"),
        ("T-1", 201, ["sale_sku_unknown"], None),
    ]
    assert {item["pointer"] for item in results[3]["errors"]} == {"/deliveries", "/sold_at", "/total"}
    assert figures(shirt, place) == (0, 0)
    assert figure("cash") == 22 * 1100
    assert MessageLog.objects.filter(outcome="REFUSED").count() == 2


def test_a_receipt_must_say_its_total_and_prices(counter):
    channel, _place, shirt = counter
    body = sale(shirt, total=None, lines=[{"sku": shirt.code, "quantity": 1}], payments=[])

    [result] = client_for(channel).post("/shop-sales", {"sales": [body]}).json()["results"]

    assert (result["status"], {item["pointer"] for item in result["errors"]}) == (
        400,
        {"/total", "/lines/0/unit_price"},
    )


def test_goods_of_a_receipt_come_back_like_those_of_any_order(counter):
    channel, place, shirt = counter
    client = client_for(channel)
    client.post("/shop-sales", {"sales": [sale(shirt, "T-1", 3)]})

    back = client.post("/orders/T-1/returns", {"external_id": "TR-1", "lines": [{"line_id": "1", "quantity": 1}]})

    assert (back.status_code, back.json()["gross_amount"]) == (201, "1100")
    assert figures(shirt, place) == (8, 0)
    seen = client.get("/orders/T-1").json()
    assert (seen["state"], seen["lines"][0]["returned_quantity"], seen["payments"][0]["method"]) == (
        "shipped",
        1,
        "cash",
    )
    assert (figure("refunds_payable"), figure("cash")) == (1100, 3300)

    paid_back = {"event_id": "TR-1", "kind": "refunded", "occurred_at": "2026-11-23T12:00:00+09:00", "amount": "1100"}
    client.post("/orders/T-1/payment-events", paid_back)

    assert (figure("refunds_payable"), figure("cash"), figure("bank")) == (0, 2200, 0)


@pytest.mark.parametrize("body", [{}, {"sales": []}, {"sales": [{}] * 501}, [], {"sales": 1}])
def test_a_malformed_call_is_refused_and_kept(counter, body):
    channel, _place, _shirt = counter

    answer = client_for(channel).post("/shop-sales", body)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input")
    assert MessageLog.objects.get().outcome == "REFUSED"
    assert not Order.objects.exists()


def refused_tasks():
    return StaffTask.objects.filter(kind="SALE_REFUSED").order_by("pk")


def test_a_receipt_that_cannot_be_read_is_told_to_staff_as_it_came(counter):
    channel, _place, shirt = counter
    client = client_for(channel)
    bad = sale(shirt, "T-9", sold_at="yesterday", till={"no": 3})

    client.post("/shop-sales", {"sales": [sale(shirt, "T-1"), bad]})
    client.post("/shop-sales", {"sales": [bad]})

    [task] = refused_tasks()
    assert task.subject_label == "T-9"
    assert MessageLog.objects.get(pk=task.subject_id).body == bad
    assert "/sold_at: " in task.detail


@pytest.mark.parametrize("body", ['{"sales": [{"external_id"', "[]", '{"sales": 5}'])
def test_a_call_that_is_no_list_of_receipts_is_told_too(counter, body):
    channel, _place, _shirt = counter

    answer = client_for(channel).post("/shop-sales", body.encode())

    assert answer.status_code == 400
    [task] = refused_tasks()
    kept = MessageLog.objects.get(pk=task.subject_id)
    assert (kept.outcome, kept.channel_id) == ("REFUSED", channel.pk)


def test_a_shop_without_a_place_to_sell_from_loses_no_receipt(counter):
    _channel, _place, shirt = counter
    nowhere = make_channel(kind="SHOP")

    answer = client_for(nowhere).post("/shop-sales", {"sales": [sale(shirt, "T-1"), sale(shirt, "T-2")]})

    assert answer.status_code == 404
    assert [task.subject_label for task in refused_tasks()] == ["T-1", "T-2"]
    assert list(MessageLog.objects.order_by("pk").values_list("external_id", "outcome")) == [
        ("T-1", "REFUSED"),
        ("T-2", "REFUSED"),
    ]
    assert not Order.objects.exists()
