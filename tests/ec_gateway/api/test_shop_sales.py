"""What tills sold, over REST: one result per receipt, never refused for what happened, every fault of a malformed one named."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from accounting.models import OpenItem, Period
from accounting.services import close_period, open_periods
from catalog.services import define_kit, set_cost
from erp.core.models import MessageLog, StaffTask
from erp.core.verify import verify
from erp.inventory.models import StockBalance
from erp.orders.models import Order, Return
from tests.ec_gateway.api.caller import client_for
from tests.inventory.factories import channel as make_channel
from tests.inventory.factories import entries, figures, location, sku, statements, stock
from tests.orders.factories import DESK, NOON, TODAY, figure

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


# Goods that come back without their receipt


def back(
    shirt: Any, external_id: str = "B-1", quantity: int = 1, method: str = "cash", **fields: Any
) -> dict[str, Any]:
    amount = str(-1100 * quantity)
    return {
        "external_id": external_id,
        "sold_at": "2026-11-23T10:00:00+09:00",
        "lines": [{"sku": shirt.code, "quantity": -quantity, "unit_price": "1100"}],
        "total": amount,
        "payments": [{"method": method, "amount": amount}],
        **fields,
    }


def send(channel: Any, *receipts: Any) -> list[dict[str, Any]]:
    answer = client_for(channel).post("/shop-sales", {"sales": list(receipts)})
    assert answer.status_code == 200, answer.content
    return answer.json()["results"]


def faults() -> list[str]:
    """What verify finds, but for stock that the tests booked in without postings."""
    return [str(fault) for result in verify() for fault in result.faults if fault.subject_type != "LEDGER_ACCOUNT"]


def open_tasks() -> list[tuple[str, str]]:
    return list(StaffTask.objects.filter(closed_at__isnull=True).order_by("pk").values_list("kind", "detail"))


def test_goods_come_back_at_what_they_are_worth_and_their_money_leaves_the_drawer(counter):
    channel, place, shirt = counter

    [result] = send(channel, back(shirt, quantity=2))
    [again] = send(channel, back(shirt, quantity=2))

    made = Return.objects.get()
    assert result == {"external_id": "B-1", "status": 201, "return_number": made.number, "tasks": []}
    assert again == {**result, "status": 200}
    assert (made.has_original, made.gross_amount, made.return_date) == (False, 2200, TODAY)
    assert figures(shirt, place) == (12, 0)
    assert entries("RETURN", made.pk) == {
        ("4180", "DEBIT"): 2000, ("2190", "DEBIT"): 200, ("1110", "CREDIT"): 2200, ("1210", "DEBIT"): 800, ("5110", "CREDIT"): 800,
    }  # fmt: skip
    assert (open_tasks(), faults(), OpenItem.objects.count()) == ([], [], 0)
    assert list(MessageLog.objects.order_by("pk").values_list("kind", "outcome")) == [
        ("return", "DONE"),
        ("return", "REPLAYED"),
    ]


def test_other_content_under_its_number_is_told_and_changes_nothing(counter):
    channel, place, shirt = counter
    send(channel, back(shirt))

    [result] = send(channel, back(shirt, quantity=3))

    assert (result["status"], result["code"]) == (409, "idempotency_conflict")
    assert figures(shirt, place) == (11, 0)
    assert [kind for kind, _detail in open_tasks()] == ["SALE_REFUSED"]


def test_what_a_card_gave_back_is_owed_less_by_its_provider(counter):
    channel, _place, shirt = counter

    send(channel, back(shirt, method="card"))

    [item] = OpenItem.objects.all()
    assert (item.side, item.amount, item.party_kind) == ("CREDIT", 1100, "COUNTERPARTY")
    assert (figure("cash"), figure("refunds_payable"), open_tasks(), faults()) == (0, 0, [], [])


def test_an_exchange_is_a_sale_and_a_return_under_one_number(counter):
    """A shirt of 1,100 comes back, socks for 1,650 leave, 550 are paid by card: the books carry all of it."""
    channel, place, shirt = counter
    socks = sku()
    stock(socks, place, 5, unit_value=300)
    receipt = back(
        shirt,
        lines=[
            {"sku": shirt.code, "quantity": -1, "unit_price": "1100"},
            {"sku": socks.code, "quantity": 1, "unit_price": "1650"},
        ],
        total="550",
        payments=[{"method": "card", "amount": "550"}],
    )

    [result] = send(channel, receipt)
    [again] = send(channel, receipt)

    made, sold = Return.objects.get(), Order.objects.get()
    assert result == {
        "external_id": "B-1",
        "status": 201,
        "number": sold.number,
        "return_number": made.number,
        "tasks": [],
    }
    assert again == {**result, "status": 200}
    assert (sold.total, made.gross_amount) == (1650, 1100)
    assert (figures(shirt, place), figures(socks, place)) == ((11, 0), (4, 0))
    assert (figure("cash"), figure("sales.shop"), figure("sales.returns")) == (0, 1500, 1000)
    assert [(item.side, item.amount) for item in OpenItem.objects.all()] == [("DEBIT", 550)]
    assert (open_tasks(), faults()) == ([], [])


def test_an_exchange_for_less_gives_the_rest_out(counter):
    channel, place, shirt = counter
    socks = sku()
    stock(socks, place, 5)
    lines = [
        {"line_id": "in", "sku": socks.code, "quantity": 1, "unit_price": "330"},
        {"line_id": "out", "sku": shirt.code, "quantity": -1, "unit_price": "1100", "condition": "defective"},
    ]

    send(channel, back(shirt, lines=lines, total="-770", payments=[{"method": "cash", "amount": "-770"}]))

    assert figure("cash") == -770
    assert (figures(shirt, place), figures(socks, place)) == ((10, 0), (4, 0))
    damaged = StockBalance.objects.get(sku=shirt, location__code="DEFECT")
    assert damaged.on_hand == 1
    made = Return.objects.get()
    assert entries("RETURN", made.pk) == {
        ("4180", "DEBIT"): 1000, ("2190", "DEBIT"): 100, ("1110", "CREDIT"): 1100, ("5160", "DEBIT"): 400, ("5110", "CREDIT"): 400,
    }  # fmt: skip
    assert (open_tasks(), faults()) == ([], [])


def test_nothing_about_goods_that_are_back_is_refused(counter):
    """An unknown item, a total that does not add up, a closed month, money that went nobody knows how: taken in, and told."""
    channel, place, shirt = counter
    open_periods(through=dt.date(2026, 10, 1), at=NOON, by=DESK)
    close_period(period_id=Period.objects.get(starts_on=dt.date(2026, 10, 1)).pk, at=NOON, by=DESK)
    receipts = [
        back(shirt, "B-1", lines=[{"name": "福袋", "quantity": -1, "unit_price": "1100"}]),
        back(shirt, "B-2", total="-1000", payments=[{"method": "cash", "amount": "-1000"}]),
        back(shirt, "B-3", sold_at="2026-10-31T10:00:00+09:00"),
        back(shirt, "B-4", method="on_account"),
        back(shirt, "B-5", payments=[]),
    ]

    results = send(channel, *receipts)

    assert [(item["status"], item["tasks"]) for item in results] == [
        (201, ["return_to_check"]), (201, ["return_to_check"]), (201, ["return_to_check"]), (201, ["return_to_check"]), (201, []),
    ]  # fmt: skip
    told = [detail for _kind, detail in open_tasks()]
    assert "福袋" in told[0]
    assert "1,000" in told[1]
    assert "2026/10/31" in told[2]
    assert "1,100" in told[3]
    assert figures(shirt, place) == (14, 0)
    assert figure("cash") == -(1100 + 1000 + 1100 + 1100)
    assert figure("refunds_payable") == 1100
    assert faults() == []


def test_a_kit_comes_back_as_its_pieces_and_what_was_never_here_at_its_cost(counter):
    channel, place, shirt = counter
    kit, hat = sku(), sku()
    define_kit(sku_code=kit.code, components={shirt.code: 2}, at=NOON, by=DESK)
    set_cost(sku_id=hat.pk, cost=250, valid_from=TODAY, at=NOON, by=DESK)

    send(channel, back(kit, "B-1"), back(hat, "B-2"))

    assert (figures(shirt, place), figures(hat, place)) == ((12, 0), (1, 0))
    assert [item.cost_amount for item in Return.objects.order_by("external_id")] == [800, 250]
    assert faults() == []


def test_many_returns_cost_as_many_statements_as_few(counter):
    channel, _place, shirt = counter
    client = client_for(channel)
    client.post("/shop-sales", {"sales": [back(shirt, "warm")]})

    def cost(*names: str) -> int:
        sent = {"sales": [back(shirt, name) for name in names]}
        return len(statements(lambda: client.post("/shop-sales", sent)))

    assert cost("one") == cost(*(f"B-{number}" for number in range(15)))


@pytest.mark.parametrize(
    ("change", "pointers"),
    [
        ({"total": None}, {"/total"}),
        ({"surprise": 1}, {"/surprise"}),
        (
            {
                "lines": [
                    {"sku": "A", "quantity": 1, "unit_price": "x"},
                    {"sku": "B", "quantity": -1},
                    {"sku": "C", "quantity": 0, "unit_price": "1"},
                    {"sku": "D", "quantity": -1, "unit_price": "1", "condition": "wet"},
                ],
                "payments": [{"method": "cash", "amount": "-1"}, {"method": "gold", "amount": "1"}],
            },
            {
                "/lines/0/unit_price",
                "/lines/1/unit_price",
                "/lines/2/quantity",
                "/lines/3/condition",
                "/payments/1/method",
            },
        ),
    ],
)
def test_a_malformed_one_names_every_fault_where_it_stands(counter, change, pointers):
    channel, place, shirt = counter

    [result] = send(channel, {**back(shirt), **change})

    assert (result["status"], {item["pointer"] for item in result["errors"]}) == (400, pointers)
    assert (figures(shirt, place), Order.objects.count(), Return.objects.count()) == ((10, 0), 0, 0)
    assert [kind for kind, _detail in open_tasks()] == ["SALE_REFUSED"]
