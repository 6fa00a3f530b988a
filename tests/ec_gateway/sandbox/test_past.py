"""Orders that a practice site took before it kept its memory: known and answered for, but no news."""

import json

import pytest

from ec_gateway.sandbox.past import load_past
from tests.ec_gateway.sandbox.stage import TEE, practice_site

pytestmark = pytest.mark.xdist_group("practice site")


def past(external_id, *, is_cancelled=False, shipments=(), sent_back=None, payments=({"method": "wallet"},)):
    line = {"line_id": "1", "sku": TEE, "name": "Tシャツ", "quantity": 2, "unit_price": "1500", "tax_rate": "10"}
    address = {"postal_code": "150-0001", "prefecture": "東京都", "city": "渋谷区", "street": "神宮前9-9"}
    person = {"family_name": "髙橋", "given_name": "桜", "family_kana": "", "given_kana": "", "phone": "03-0000-0000"}
    document = {
        "external_id": external_id, "revision": 1, "ordered_at": "2026-11-20T10:00:00+09:00",
        "orderer": {"external_id": "P1", "kind": "person", "email": "p1@example.jp", **person, "address": address},
        "deliveries": [{"ref": "d1", "ship_to": {**person, "address": address}}],
        "lines": [line], "fees": [{"kind": "wrapping", "delivery_ref": "d1", "amount": "330"}], "total": "3330",
        "payments": list(payments),
    }  # fmt: skip
    return {
        "document": document, "is_paid": True, "is_cancelled": is_cancelled, "changed_at": "2026-11-21T10:00:00+09:00",
        "shipments": list(shipments), "sent_back": sent_back or {},
    }  # fmt: skip


PARCEL = {
    "number": "SH-77", "carrier": "yamato", "tracking_number": "000077", "shipped_at": "2026-11-21T16:00:00+09:00",
    "lines": {"1": 2},
}  # fmt: skip


@pytest.fixture(scope="module")
def knowing(tmp_path_factory):
    folder = tmp_path_factory.mktemp("past")
    known = [
        past("OLD-1", shipments=[PARCEL], sent_back={"1": 1}),
        past("OLD-2", is_cancelled=True, payments=()),
        past("OLD-3"),
    ]
    (folder / "past.json").write_text(json.dumps(known))
    with practice_site(folder / "data", options=["--past", str(folder / "past.json")]) as site:
        yield site


def test_they_are_listed_and_answered_for_as_they_stand(knowing):
    sent = knowing.call("GET", "/orders/OLD-1").json()["events"]
    cancelled = knowing.call("GET", "/orders/OLD-2").json()["events"]
    listed = knowing.call("GET", "/order-list", params={"since": "2026-11-01T00:00:00Z"}).json()["orders"]

    assert [(event["type"], event["data"]["total"]) for event in sent] == [("order.changed", "3330")]
    assert [event["type"] for event in cancelled] == ["order.cancelled"]
    assert sent == knowing.call("GET", "/orders/OLD-1").json()["events"]
    assert {order["external_id"] for order in listed} == {"OLD-1", "OLD-2", "OLD-3"}


def test_they_are_no_news(knowing):
    assert knowing.call("GET", "/orders", params={"after": "0", "limit": 10}).json()["orders"] == []


def test_a_parcel_that_it_knows_is_known(knowing):
    again = {"order_external_id": "OLD-1", **PARCEL, "tracking_number": "000078"}

    assert knowing.call("POST", "/shipments", json=again).json() == {"number": "SH-77", "is_new": False}
    assert knowing.call("POST", "/shipments", json=again | {"number": "SH-78"}).json()["is_new"] is True


def test_the_same_file_again_adds_nothing(knowing):
    """The process starts with the same file again."""
    later = {"order_external_id": "OLD-1", **PARCEL, "number": "SH-78", "tracking_number": "000078"}
    knowing.call("POST", "/shipments", json=later)
    knowing.kill()
    knowing.start()

    known = {order["external_id"]: order["shipments"] for order in knowing.remote.orders()}
    assert known == {"OLD-1": ["SH-77", "SH-78"], "OLD-2": [], "OLD-3": []}


@pytest.mark.parametrize("text", ['{"document": {}}', "[1]", '[{"lines": []}]'])
def test_what_is_no_list_of_orders_is_refused(text):
    with pytest.raises(ValueError, match="list of orders"):
        load_past(None, text)


def test_what_is_cancelled_afterwards_is_news(knowing):
    with knowing.shopper() as operator:
        operator._send("/panel", "/panel/orders/OLD-3/cancel", {})

    news = knowing.call("GET", "/orders", params={"after": "0", "limit": 10}).json()["orders"]
    told = [(event["type"], event["data"]["external_id"]) for event in news if event["type"].startswith("order.")]
    assert told == [("order.cancelled", "OLD-3")]
    assert "order.cancelled" in {sent["type"] for sent in knowing.call("GET", "/orders/OLD-3").json()["events"]}
