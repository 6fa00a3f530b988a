"""Whatever goes wrong with a message about an order, what was sent is kept with the reason, staff are told, and no other order is harmed."""

from __future__ import annotations

import pytest
from django.db import OperationalError, connection, transaction

from ec_gateway.api.views import order_news, orders, shop_sales
from ec_gateway.services import intake
from erp.core.models import MessageLog, StaffTask
from erp.orders.models import Order
from erp.orders.services import place_orders, record_shop_sales
from tests.ec_gateway.api.caller import client_for
from tests.ec_gateway.api.test_orders import order
from tests.ec_gateway.api.test_shop_sales import sale
from tests.inventory.factories import channel as make_channel
from tests.inventory.factories import sku, stock
from tests.orders.factories import shop

pytestmark = pytest.mark.django_db
CANCEL, RETURN = {"reason": "x"}, {"external_id": "R-1", "lines": [{"line_id": "1", "quantity": 1}]}
PAID = {"event_id": "e-1", "kind": "captured", "occurred_at": "2026-11-23T10:00:00+09:00"}


@pytest.fixture
def shirt():
    return sku()


@pytest.fixture
def channel(shirt):
    made, place = shop()
    stock(shirt, place, 100, unit_value=400)
    return made


@pytest.fixture
def counter(shirt):
    _channel, place = shop()
    stock(shirt, place, 100, unit_value=400)
    return make_channel(place, kind="SHOP")


@pytest.fixture
def client(channel):
    made = client_for(channel)
    made.browser.raise_request_exception = False
    return made


def refused_by_the_database(*_arguments, **_named):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT 1 / 0")


def a_bug(*_arguments, **_named):
    raise KeyError("a bug")


def breaking(service, field, *names):
    """``service``, but what has one of these names breaks the whole call of it, in the database."""

    def broken(**asked):
        if {item.external_id for item in asked[field]} & {*names}:
            refused_by_the_database()
        return service(**asked)

    return broken


def kept():
    return list(MessageLog.objects.order_by("pk").values_list("kind", "external_id", "outcome"))


def failures():
    tasks = StaffTask.objects.filter(kind="MESSAGE_FAILED", closed_at__isnull=True).order_by("pk")
    return [(task.subject_label, MessageLog.objects.get(pk=task.subject_id).body) for task in tasks]


@pytest.mark.parametrize("headers", [{}, {"Idempotency_Key": "k-1"}])
@pytest.mark.parametrize(
    ("module", "name", "method", "path", "kind", "body"),
    [
        (intake, "place_orders", "POST", "/orders", "order", None),
        (intake, "place_orders", "PUT", "/orders/A-1", "order", None),
        (order_news, "hear_cancellation", "POST", "/orders/A-1/cancel", "cancel", CANCEL),
        (order_news, "record_channel_return", "POST", "/orders/A-1/returns", "return", RETURN),
        (order_news, "hear_payment_news", "POST", "/orders/A-1/payment-events", "payment", PAID),
    ],
)
def test_what_fails_here_is_kept_and_told_once(
    monkeypatch, client, shirt, headers, module, name, method, path, kind, body
):
    body = body or order(shirt, "A-1")
    monkeypatch.setattr(module, name, refused_by_the_database)

    answers = [client.call(method, path, body, **headers) for _again in range(2)]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(500, "internal_error")] * 2
    number = "R-1" if kind == "return" else "A-1"
    assert kept() == [(kind, number, "FAILED")] * 2
    assert failures() == [(number, body)]
    assert "division by zero" in StaffTask.objects.get().detail
    monkeypatch.undo()
    assert client.call(method, path, body, **headers).status_code in (201, 202)


def test_when_nothing_can_be_kept_the_sender_hears_the_first_reason(monkeypatch, client, shirt):
    def gone(*_arguments, **_named):
        raise OperationalError("the connection is lost")

    monkeypatch.setattr(intake, "place_orders", gone)
    monkeypatch.setattr(intake, "store", a_bug)

    answer = client.post("/orders", order(shirt))

    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


def test_an_outage_is_no_fault_of_the_message(monkeypatch, client, shirt):
    def gone(*_arguments, **_named):
        raise OperationalError("the connection is lost")

    monkeypatch.setattr(intake, "place_orders", gone)

    assert client.post("/orders", order(shirt)).status_code == 503
    assert kept() == [("order", "A-1", "FAILED")]
    assert failures() == []


def test_a_number_that_is_too_long_loses_no_message(client):
    for call, body in (("cancel", CANCEL), ("returns", RETURN), ("payment-events", PAID)):
        assert client.post(f"/orders/{'x' * 101}/{call}", body).status_code == 404
    assert client.put(f"/orders/{'x' * 101}", {}).status_code == 404

    assert [outcome for _kind, _name, outcome in kept()] == ["REFUSED"] * 4


def test_an_order_that_breaks_its_chunk_harms_no_other(monkeypatch, client, shirt):
    monkeypatch.setattr(orders, "place_orders", breaking(place_orders, "orders", "A-2", "A-4"))
    sent = [order(shirt, f"A-{number}") for number in range(1, 6)]

    results = client.post("/orders/bulk", {"orders": sent}).json()["results"]

    assert [(item["external_id"], item["status"], item.get("code")) for item in results] == [
        ("A-1", 201, None), ("A-2", 500, "internal_error"), ("A-3", 201, None), ("A-4", 500, "internal_error"), ("A-5", 201, None),
    ]  # fmt: skip
    assert set(Order.objects.values_list("external_id", flat=True)) == {"A-1", "A-3", "A-5"}
    assert failures() == [("A-2", sent[1]), ("A-4", sent[3])]
    assert sorted(kept()) == sorted(
        ("order", item["external_id"], "FAILED" if item["external_id"] in ("A-2", "A-4") else "DONE") for item in sent
    )
    monkeypatch.undo()
    again = client.post("/orders/bulk", {"orders": sent}).json()["results"]
    assert [item["status"] for item in again] == [200, 201, 200, 201, 200]


def test_a_receipt_that_breaks_its_chunk_harms_no_other(monkeypatch, counter, shirt):
    monkeypatch.setattr(shop_sales, "record_shop_sales", breaking(record_shop_sales, "sales", "T-2"))
    client = client_for(counter)
    sent = [sale(shirt, f"T-{number}") for number in range(1, 4)]

    results = client.post("/shop-sales", {"sales": sent}).json()["results"]

    assert [(item["external_id"], item["status"]) for item in results] == [("T-1", 201), ("T-2", 500), ("T-3", 201)]
    [task] = StaffTask.objects.filter(closed_at__isnull=True)
    message = MessageLog.objects.get(pk=task.subject_id)
    assert (task.kind, task.subject_label, message.outcome, message.body) == ("SALE_REFUSED", "T-2", "FAILED", sent[1])
    assert "division by zero" in task.detail
    monkeypatch.undo()
    client.post("/shop-sales", {"sales": sent})
    assert not StaffTask.objects.filter(closed_at__isnull=True).exists()


@pytest.mark.parametrize(("path", "name"), [("/orders/bulk", "orders"), ("/shop-sales", "sales")])
def test_a_list_that_fails_before_its_first_step_is_kept_whole(client, path, name):
    body = {name: [{"external_id": "A-1"}]}

    assert client.post(path, body, Idempotency_Key="no key\t").status_code == 400
    assert client.post(path, body, Idempotency_Key="k").status_code == 200
    assert client.post(path, {name: [{"external_id": "A-2"}]}, Idempotency_Key="k").status_code == 409

    whole = MessageLog.objects.filter(external_id="").order_by("pk").values_list("outcome", "body")
    assert list(whole) == [("REFUSED", body), ("REFUSED", {name: [{"external_id": "A-2"}]})]


def test_when_the_database_goes_the_rest_of_the_list_is_kept_and_the_call_says_so(monkeypatch, client, shirt):
    calls = []

    def goes_after_the_first(**asked):
        calls.append(asked)
        if len(calls) > 1:
            raise OperationalError("the connection is lost")
        return place_orders(**asked)

    monkeypatch.setattr(orders, "place_orders", goes_after_the_first)
    monkeypatch.setattr("ec_gateway.api.order_calls.CHUNK", 1)

    answer = client.post("/orders/bulk", {"orders": [order(shirt, f"A-{number}") for number in range(3)]})

    assert (answer.status_code, len(calls)) == (503, 2)
    assert kept() == [("order", "A-0", "DONE"), ("order", "A-1", "FAILED"), ("order", "A-2", "FAILED")]


def test_faults_that_are_none_of_the_database_are_kept_as_well(monkeypatch, client, shirt):
    monkeypatch.setattr(intake, "place_orders", a_bug)

    assert client.post("/orders", order(shirt)).status_code == 500
    assert kept() == [("order", "A-1", "FAILED")]
