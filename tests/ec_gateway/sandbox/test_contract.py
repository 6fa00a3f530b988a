"""The practice site keeps docs/generic-platform.md to the letter."""

import itertools

import pytest

from ec_gateway.order_document import read_order
from tests.ec_gateway.sandbox.stage import TEE, practice_site

pytestmark = pytest.mark.xdist_group("practice site")
VERSIONS = itertools.count(10)


def newest() -> int:
    return next(VERSIONS)


def orders_of(site, after="0", limit=200):
    return site.call("GET", "/orders", params={"after": after, "limit": limit}).json()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/stock"),
        ("GET", "/stock"),
        ("GET", "/orders"),
        ("GET", "/orders/X-1"),
        ("GET", "/order-list"),
        ("POST", "/shipments"),
        ("GET", "/webhooks"),
    ],
)
def test_a_call_without_the_token_is_refused(site, method, path):
    answers = [site.call(method, path, headers={"Authorization": given}) for given in ("", "Bearer wrong")]

    assert [answer.status_code for answer in answers] == [401, 401]


def test_a_figure_is_set_and_shown_to_shoppers_and_to_mamori(site):
    told = site.tell(TEE, 7, version=newest())

    assert told == {"sku": TEE, "outcome": "done", "shown": 7, "detail": ""}
    assert {"sku": TEE, "quantity": 7} in site.call("GET", "/stock").json()["items"]
    with site.shopper() as shopper:
        assert shopper.figures("PR-TEE")[TEE] == 7


def test_a_lower_version_is_stale_and_changes_nothing(site):
    new, old = newest(), 1
    site.tell(TEE, 8, version=new)

    told = site.tell(TEE, 3, version=old)

    assert (told["outcome"], told["shown"]) == ("stale", 8)
    assert site.remote.stock()[TEE] == 8


def test_the_same_version_again_is_done_and_changes_nothing(site):
    version = newest()
    site.tell(TEE, 8, version=version)
    site.remote.set_stock(TEE, 6)

    told = site.tell(TEE, 8, expected=3, version=version)

    assert (told["outcome"], told["shown"]) == ("done", 6)
    assert site.remote.stock()[TEE] == 6


def test_another_figure_than_expected_is_stale_and_tells_what_is_shown(site):
    site.tell(TEE, 8, version=newest())
    site.remote.set_stock(TEE, 6)

    told = site.tell(TEE, 5, expected=8, version=newest())

    assert (told["outcome"], told["shown"]) == ("stale", 6)
    assert site.tell(TEE, 5, expected=6, version=newest())["outcome"] == "done"


def test_a_figure_that_does_not_know_an_order_of_the_sku_is_stale(site):
    site.tell(TEE, 8, version=newest())
    seen = orders_of(site)["cursor"]
    with site.shopper() as shopper:
        assert shopper.buy({TEE: 2})

    blind = site.tell(TEE, 8, version=newest(), orders_seen=seen)
    other = site.tell("PR-TEE-NV-M", 4, version=newest(), orders_seen=seen)
    knowing = site.tell(TEE, 6, expected=6, version=newest(), orders_seen=orders_of(site)["cursor"])

    assert (blind["outcome"], blind["shown"]) == ("stale", 6)
    assert (other["outcome"], knowing["outcome"]) == ("done", "done")


@pytest.mark.parametrize("act", ["cancel", "address"])
def test_a_changed_order_is_an_order_to_see_too(site, act):
    site.tell(TEE, 8, version=newest())
    with site.shopper() as shopper:
        number = shopper.buy({TEE: 1})
        seen = orders_of(site, limit=200)["cursor"]
        shopper.act(number, act, person())

    assert site.tell(TEE, 7, version=newest(), orders_seen=seen)["outcome"] == "stale"
    assert site.tell(TEE, 7, version=newest(), orders_seen=orders_of(site)["cursor"])["outcome"] == "done"


def test_an_unknown_sku_harms_no_other_item_and_results_come_in_order(site):
    items = [
        {"sku": "NO-SUCH", "quantity": 1, "expected": None, "version": 1, "orders_seen": ""},
        {"sku": TEE, "quantity": 4, "expected": None, "version": newest(), "orders_seen": ""},
    ]

    answer = site.call("PUT", "/stock", json={"items": items}).json()["items"]

    assert [(item["sku"], item["outcome"]) for item in answer] == [("NO-SUCH", "unknown_item"), (TEE, "done")]


def test_the_same_key_is_answered_as_the_first_time_and_sets_nothing_again(site):
    version = newest()
    item = {"sku": TEE, "quantity": 9, "expected": None, "version": version, "orders_seen": ""}
    key = {"Idempotency-Key": f"once-{version}"}
    first = site.call("PUT", "/stock", json={"items": [item]}, headers=key)
    site.remote.set_stock(TEE, 2)

    again = site.call("PUT", "/stock", json={"items": [item]}, headers=key)
    other = site.call("PUT", "/stock", json={"items": [item | {"quantity": 1}]}, headers=key)

    assert again.json() == first.json()
    assert again.headers["Idempotent-Replay"] == "true"
    assert site.remote.stock()[TEE] == 2
    assert other.status_code == 409


@pytest.mark.parametrize(
    "items",
    [
        [],
        "x",
        [{"quantity": 1, "version": 1}],
        [{"sku": TEE, "quantity": "1", "version": 1}],
        [{"sku": TEE, "quantity": 1, "version": None}],
        [{"sku": TEE, "quantity": 1, "version": 1, "expected": "3"}],
        [{"sku": TEE, "quantity": 1, "version": 1, "orders_seen": "later"}],
        [{"sku": f"X-{number}", "quantity": 1, "version": 1} for number in range(101)],
        [{"sku": TEE, "quantity": 1, "version": 1}] * 2,
    ],
)
def test_a_malformed_push_is_refused_as_a_whole(site, items):
    before = site.remote.stock()

    answer = site.call("PUT", "/stock", json={"items": items})

    assert answer.status_code == 400
    assert site.remote.stock() == before


def test_quantities_are_read_page_by_page_in_order_of_sku(site):
    found, after = [], ""
    while after is not None:
        page = site.call("GET", "/stock", params={"after": after, "limit": 7}).json()
        assert len(page["items"]) <= 7
        found += [item["sku"] for item in page["items"]]
        after = page["next"]

    assert found == sorted(site.remote.stock())


def test_an_order_is_polled_as_a_document_of_the_rest_contract(site):
    site.tell(TEE, 10, version=newest())
    before = orders_of(site)["cursor"]
    with site.shopper() as shopper:
        number = shopper.buy({TEE: 2}, method="cod")

    page = orders_of(site, after=before)

    (event,) = page["orders"]
    assert (event["type"], page["is_last"]) == ("order.changed", True)
    order = read_order(event["data"])
    assert (order.external_id, order.revision, order.total, order.amount_due) == (number, 1, 7480, 7480)
    assert [(line.sku, line.quantity, line.unit_price) for line in order.lines] == [(TEE, 2, 3300)]
    assert {fee.kind: fee.amount for fee in order.fees} == {"SHIPPING": 550, "COD": 330}
    assert (order.stated_taxes[0].amount, order.stated_taxes[0].tax) == (7480, 680)
    assert order.orderer.family_name == "髙橋"
    assert orders_of(site, after=page["cursor"]) == {"orders": [], "cursor": page["cursor"], "is_last": True}


def test_every_change_of_an_order_is_an_event_and_a_cursor_only_rises(site):
    site.tell(TEE, 10, version=newest())
    before = orders_of(site)["cursor"]
    with site.shopper() as shopper:
        number = shopper.buy({TEE: 1}, method="bank_transfer")
        shopper.act(number, "address", {**person(), "street": "銀座1-1"})
        shopper.act(number, "pay")
        shopper.act(number, "cancel", {"reason": "間違えた"})

    events, cursor, is_last = [], before, False
    while not is_last:
        page = orders_of(site, after=cursor, limit=2)
        assert int(page["cursor"]) > int(cursor)
        events += page["orders"]
        cursor, is_last = page["cursor"], page["is_last"]

    assert [event["type"] for event in events] == [
        "order.changed", "order.changed", "payment.changed", "order.cancelled", "payment.changed",
    ]  # fmt: skip
    assert [event["data"].get("revision") for event in events[:2]] == [1, 2]
    assert events[1]["data"]["deliveries"][0]["ship_to"]["address"]["street"] == "銀座1-1"
    assert [events[place]["data"]["kind"] for place in (2, 4)] == ["paid", "refunded"]
    assert events[3]["data"] == {"external_id": number, "reason": "間違えた"}
    assert len({event["id"] for event in events}) == 5
    assert site.call("GET", f"/orders/{number}").json() == {"events": events}
    assert site.call("GET", "/orders/NOBODY").status_code == 404


def test_the_list_of_orders_says_what_became_of_each(site):
    site.tell(TEE, 10, version=newest())
    with site.shopper() as shopper:
        kept, gone = shopper.buy({TEE: 1}), shopper.buy({TEE: 1})
        shopper.act(gone, "cancel")

    listed = {
        order["external_id"]: order
        for order in site.call("GET", "/order-list", params={"since": "2020-01-01T00:00:00+09:00"}).json()["orders"]
    }
    later = site.call("GET", "/order-list", params={"since": "2200-01-01T00:00:00+09:00"}).json()

    assert (listed[kept]["is_cancelled"], listed[kept]["total"]) == (False, "3850")
    assert listed[gone]["is_cancelled"]
    assert later == {"orders": [], "next": None}
    assert site.call("GET", "/order-list", params={"since": "yesterday"}).status_code == 400


def test_a_shipment_is_taken_once_and_shown_to_its_customer(site):
    site.tell(TEE, 10, version=newest())
    with site.shopper() as shopper:
        number = shopper.buy({TEE: 2})
        parcel = {
            "number": f"S-{number}",
            "order_external_id": number,
            "carrier": "yamato",
            "tracking_number": "1234-5678",
            "shipped_at": "2026-11-27T10:00:00+09:00",
            "lines": {"1": 2},
        }

        answers = [site.call("POST", "/shipments", json=parcel).json()["is_new"] for _time in range(2)]
        page = shopper.order_page(number)
        corrected = parcel | {"tracking_number": "9999-0000", "lines": {"1": 1}}
        assert site.call("POST", "/shipments", json=corrected).json()["is_new"] is False
        later = shopper.order_page(number)

    assert answers == [True, False]
    assert ("9999-0000" in later, "1234-5678" in later, "発送済み" in later) == (True, False, True)
    assert "1234-5678" in page
    assert "発送済み" in page
    assert (
        site.call("POST", "/shipments", json=parcel | {"number": "S-X", "order_external_id": "NO"}).status_code == 404
    )
    assert site.call("POST", "/shipments", json=parcel | {"number": "S-Y", "lines": {"9": 1}}).status_code == 400


def test_the_site_says_whether_it_sends_webhooks(site):
    assert site.call("GET", "/webhooks").json() == {"is_on": True}

    site.remote.switch("webhooks_off")

    assert site.call("GET", "/webhooks").json() == {"is_on": False}


def test_what_was_answered_survives_kill_9(tmp_path):
    with practice_site(tmp_path / "data") as site:
        site.tell(TEE, 10, version=5)
        with site.shopper() as shopper:
            number = shopper.buy({TEE: 3})
        cursor = orders_of(site)["cursor"]
        site.remote.switch("webhook_lost", rate=0.5)

        site.kill()
        site.start()

        assert site.remote.stock()[TEE] == 7
        assert [order["external_id"] for order in site.remote.orders()] == [number]
        assert orders_of(site)["cursor"] == cursor
        assert site.tell(TEE, 1, version=4)["outcome"] == "stale"
        assert site.remote.state()["faults"]["webhook_lost"]["parameters"]["rate"] == 0.5


def person() -> dict[str, str]:
    from ec_gateway.management.fault_day.shopper import PERSON

    return PERSON
