"""Buying through the forms, as a person does; the shop's own figure under a crowd."""

import re
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from ec_gateway.management.fault_day.shopper import PERSON
from tests.ec_gateway.sandbox.stage import TEE
from tests.ec_gateway.sandbox.test_contract import newest

pytestmark = pytest.mark.xdist_group("practice site")
NAVY = "PR-TEE-NV-M"


def parcel_of(number: str, units: dict[str, int]) -> dict:
    return {
        "number": f"S-{number}-{'-'.join(units)}",
        "order_external_id": number,
        "carrier": "yamato",
        "tracking_number": "9999",
        "shipped_at": "2026-11-27T10:00:00+09:00",
        "lines": units,
    }


@pytest.fixture
def shopper(site):
    for sku in (TEE, NAVY):
        site.tell(sku, 10, version=newest())
    with site.shopper() as person:
        yield person


def test_a_person_finds_buys_and_looks_back(site, shopper):
    assert "定番Tシャツ" in shopper.look("/")
    shopper.put_in_cart(TEE, 1)
    shopper.put_in_cart(TEE, 1)
    assert "¥6,600" in shopper.look("/cart")

    number = shopper.buy({NAVY: 1}, method="card")

    page = shopper.order_page(number)
    assert "¥10,450" in page  # three shirts and 550 of shipping
    assert number in shopper.look("/orders")
    assert "カートは空です" in shopper.look("/cart")
    assert {sku: site.remote.stock()[sku] for sku in (TEE, NAVY)} == {TEE: 8, NAVY: 9}


def test_nobody_sees_the_orders_of_others(site, shopper):
    number = shopper.buy({TEE: 1})

    with site.shopper() as stranger:
        assert number not in stranger.look("/orders")
        with pytest.raises(httpx.HTTPStatusError, match="404"):
            stranger.order_page(number)


def test_an_incomplete_form_keeps_what_was_typed_and_sells_nothing(site, shopper):
    shopper.put_in_cart(TEE, 1)
    before = len(site.remote.orders())

    answer = shopper._send("/checkout", "/checkout", PERSON | {"city": " ", "street": "銀座9-9", "method": "card"})

    assert "必須の項目を入力してください" in answer.text
    assert 'value="銀座9-9"' in answer.text
    assert len(site.remote.orders()) == before


def test_more_than_there_is_is_refused_with_what_is_left(site, shopper):
    assert shopper.buy({TEE: 11}) is None

    page = shopper._send("/checkout", "/checkout", {**PERSON, "method": "card"}).text
    assert re.search(r"在庫が足りません: .*定番Tシャツ 白 M\(残り10点\)", page)
    assert site.remote.stock()[TEE] == 10


def test_a_cancellation_puts_the_pieces_back_once(site, shopper):
    number = shopper.buy({TEE: 3})

    pages = [shopper.act(number, "cancel") for _time in range(2)]

    assert "キャンセル済み" in pages[0]
    assert site.remote.stock()[TEE] == 10


def test_what_has_left_is_returned_not_cancelled(site, shopper):
    number = shopper.buy({TEE: 2, NAVY: 1})
    site.call("POST", "/shipments", json=parcel_of(number, {"1": 2})).raise_for_status()

    refused = shopper.act(number, "cancel")
    too_many = shopper.act(number, "return", {"line-1": "3"})
    asked = shopper.act(number, "return", {"line-1": "1", "reason": "サイズ違い"})

    assert "キャンセルできません" in refused
    assert "発送済みの数量まで" in too_many
    assert f"{number}-R1" in asked
    event = site.call("GET", f"/orders/{number}").json()["events"][-1]
    assert event["type"] == "return.requested"
    assert event["data"] == {
        "order_external_id": number,
        "external_id": f"{number}-R1",
        "lines": [{"line_id": "1", "quantity": 1}],
        "reason": "サイズ違い",
    }
    assert site.remote.stock()[TEE] == 8


def test_money_that_comes_later_is_an_event_of_its_own(site, shopper):
    number = shopper.buy({TEE: 1}, method="convenience_store")
    assert "お支払い待ち" in shopper.order_page(number)

    page = shopper.act(number, "pay")

    assert "発送準備中" in page
    events = site.call("GET", f"/orders/{number}").json()["events"]
    assert [(event["type"], event["data"].get("kind")) for event in events] == [
        ("order.changed", None),
        ("payment.changed", "paid"),
    ]
    assert events[0]["data"]["payments"][0]["status"] == "pending"


def test_a_crowd_gets_exactly_what_the_shop_has(site):
    site.tell(TEE, 5, version=newest())

    def buy_one(_number: int) -> str | None:
        with site.shopper() as person:
            return person.buy({TEE: 1})

    with ThreadPoolExecutor(8) as crowd:
        numbers = [number for number in crowd.map(buy_one, range(12)) if number]

    assert len(numbers) == len(set(numbers)) == 5
    assert site.remote.stock()[TEE] == 0


def test_the_shop_oversells_by_itself_when_told_to(site):
    site.tell(TEE, 1, version=newest())
    site.remote.switch("oversell", pause_seconds=0.5)

    def buy_one(_number: int) -> str | None:
        with site.shopper() as person:
            return person.buy({TEE: 1})

    with ThreadPoolExecutor(4) as crowd:
        numbers = [number for number in crowd.map(buy_one, range(4)) if number]

    assert len(numbers) > 1
    assert site.remote.stock()[TEE] == 1 - len(numbers)
