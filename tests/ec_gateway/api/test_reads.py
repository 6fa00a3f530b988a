"""Stock, changes, products, prices and customers over the wire: numbers that explain themselves, readers that miss nothing."""

from __future__ import annotations

import datetime as dt
import threading
from urllib.parse import quote

import pytest
from django.db import connection, transaction

from catalog.models import Product, Sku
from catalog.services import define_kit
from customers.models import Account, BillTo, ChannelIdentity, CustomerRecord
from customers.services import merge_records
from erp.core import changes
from erp.core.models import AuditRow
from erp.insights.models import Segment
from erp.inventory.models import ChannelLocation, ChannelPolicy, Hold, Location, StockBalance
from erp.inventory.selectors import available_to_promise
from tests.ec_gateway.api.calls import ORDER, RETURN
from tests.ec_gateway.api.world import NOON, WHEN
from tests.inventory.factories import pool, sku, statements, stock

pytestmark = pytest.mark.django_db
committed = pytest.mark.django_db(transaction=True)


# Stock


def test_the_terms_of_an_explanation_add_up(world):
    for code in ("TS-001-WH-M", "SET-001"):
        answer = world.caller().get(f"/stock/{code}?explain=1").json()
        assert sum(term["quantity"] for term in answer["terms"]) == answer["available"]


def test_an_explanation_names_no_place_and_nothing_of_others(world):
    """Only kinds of places, in sum; what lies where nothing is sold from, and whose the claims are, stays in the house."""
    second, shop, corner, closed = (
        Location.objects.create(code=code, name=name, kind=kind, cost_pool=pool(), is_active=code != "L-CLOSED")
        for code, name, kind in (
            ("L-2", "第二倉庫", "WAREHOUSE"), ("L-SHOP", "銀座店", "SHOP"), ("L-BAD", "不良品置場", "DEFECT"), ("L-CLOSED", "旧倉庫", "WAREHOUSE"),
        )
    )  # fmt: skip
    for place, pieces in ((second, 5), (shop, 3), (corner, 777), (closed, 888)):
        ChannelLocation.objects.create(channel=world.channel, location=place)
        ChannelLocation.objects.create(channel=world.other_channel, location=place)
        stock(world.shirt, place, pieces)
    world.other_site().post(
        "/holds", {"hold_ref": "theirs", "lines": [{"sku": "TS-001-WH-M", "quantity": 8}], "expires_in": 60}
    )

    for code in ("TS-001-WH-M", "SET-001"):
        answer = world.caller().get(f"/stock/{code}?explain=1")
        text = answer.content.decode()
        for secret in ("WH1", "L-", "倉庫", "銀座", "不良", "EC1", "EC2", "theirs", "777", "888", "not_counted"):
            assert secret not in text
        assert sum(term["quantity"] for term in answer.json()["terms"]) == answer.json()["available"]

    terms = world.caller().get("/stock/TS-001-WH-M?explain=1").json()["terms"]
    assert [tuple(term.values()) for term in terms] == [
        ("on_hand", 21, "warehouse"),
        ("allocated", -9, "warehouse"),
        ("on_hand", 3, "shop"),
        ("allocated", -3, "shop"),
        ("buffer", -2, None),
    ]


def test_the_driver_need_not_read_a_hot_statement_anew(world, monkeypatch):
    """One of more than 4,096 characters it reads each time, which takes about as long as the question to the database."""

    def anew(query: bytes, _encoding: str) -> None:
        raise AssertionError(f"{len(query)} characters: {query[:60].decode()}")

    monkeypatch.setattr("psycopg._queries._query2pg_nocache", anew)

    assert world.caller().get("/stock/TS-001-WH-M").status_code == 200
    assert world.caller().get("/stock?sku=TS-001-WH-M").status_code == 200
    assert world.caller().post("/orders", ORDER).status_code == 201
    assert available_to_promise(channel_id=world.channel.pk, sku_ids=range(1, 100), at=NOON)


def test_an_answer_that_is_known_is_not_sent_again_until_the_clock_changes_it(world, noon):
    caller = world.caller()
    for path in ("/stock/TS-001-WH-M", "/stock?sku=TS-001-WH-M"):
        noon["now"] = NOON
        first = caller.get(path)
        etag = first.headers["ETag"]

        again = caller.get(path, If_None_Match=f'W/"x", {etag}')
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", etag)
        assert again.headers["Cache-Control"] == "private, no-cache"

        # Nothing was written; the cart's hold has expired by the clock, and its four pieces are free.
        noon["now"] = NOON + dt.timedelta(minutes=16)
        later = caller.get(path, If_None_Match=etag)
        assert later.status_code == 200
        assert '"available":14' in later.content.decode()


def test_a_change_ends_an_etag(world):
    caller = world.caller()
    etag = caller.get("/stock/TS-001-WH-M").headers["ETag"]
    stock(world.shirt, world.warehouse, 1)

    assert caller.get("/stock/TS-001-WH-M", If_None_Match=etag).status_code == 200


def test_a_hundred_skus_cost_as_many_queries_as_one(world):
    goods = [sku() for _ in range(99)]
    caller = world.caller()
    caller.get("/stock?sku=SET-001")  # notes that the key was used
    all_of_them = ",".join(["SET-001", *(item.code for item in goods)])

    one = statements(lambda: caller.get("/stock?sku=SET-001"))
    many = statements(lambda: caller.get(f"/stock?sku={all_of_them}"))

    assert (len(one), len(many)) == (7, 6)
    assert len(caller.get(f"/stock?sku={all_of_them}").json()["items"]) == 100


def test_the_full_list_comes_in_pages_without_a_gap(world):
    goods = [sku() for _ in range(5)]
    caller = world.caller()

    page = caller.get("/stock?limit=3").json()
    assert "feed_cursor" in page
    seen = [item["sku"] for item in page["items"]]
    while page["next_cursor"]:
        page = caller.get(f"/stock?limit=3&cursor={page['next_cursor']}").json()
        assert "feed_cursor" not in page
        seen += [item["sku"] for item in page["items"]]

    assert seen == ["TS-001-WH-M", "SET-001", *(item.code for item in goods)]


@pytest.mark.parametrize(
    ("query", "pointers"),
    [
        ("sku=", ["/query/sku"]),
        ("sku=" + ",".join(map(str, range(1001))), ["/query/sku"]),
        ("limit=0", ["/query/limit"]),
        ("limit=x", ["/query/limit"]),
        ("limit=1001", ["/query/limit"]),
        ("cursor=***", ["/query/cursor"]),
        ("cursor=YWJj", ["/query/cursor"]),
        ("sku=A&changed_after=1.1", ["/query/sku", "/query/changed_after"]),
    ],
)
def test_a_wrong_question_is_told_what_is_wrong(world, query, pointers):
    answer = world.caller().get(f"/stock?{query}")

    assert (answer.status_code, [item["pointer"] for item in answer.json()["errors"]]) == (400, pointers)


@pytest.mark.parametrize(
    ("path", "pointers"),
    [
        ("/changes?topics=foo,order,bar&limit=0", ["/query/limit", "/query/topics", "/query/topics"]),
        ("/changes?topics=foo&after=x&limit=0", ["/query/limit", "/query/topics"]),
        ("/stock?sku=&limit=0", ["/query/limit", "/query/sku"]),
        ("/stock?cursor=xx&limit=0", ["/query/cursor", "/query/limit"]),
        ("/stock?changed_after=1.1&cursor=xx&limit=0", ["/query/changed_after", "/query/cursor", "/query/limit"]),
        ("/stock?changed_after=nonsense&limit=0", ["/query/limit"]),
        (
            "/products?changed_after=1.1&cursor=YWJj&limit=101",
            ["/query/changed_after", "/query/cursor", "/query/limit"],
        ),
        ("/products?cursor=YWJj&limit=x", ["/query/cursor", "/query/limit"]),
        ("/orders?changed_after=1.1&cursor=*&limit=501", ["/query/changed_after", "/query/cursor", "/query/limit"]),
        ("/segments/champions/customers?cursor=*&limit=0", ["/query/cursor", "/query/limit"]),
        ("/prices?sku=&customer=b-1&account=NONE", ["/query/account", "/query/sku"]),
        ("/prices?customer=nobody", ["/query/sku"]),
    ],
)
def test_every_fault_of_a_question_is_named_at_once(world, path, pointers):
    answer = world.caller().get(path)

    assert answer.status_code == 400
    assert sorted({item["pointer"] for item in answer.json()["errors"]}) == sorted(set(pointers))


def test_a_page_behind_the_first_need_not_be_sent_again(world):
    caller = world.caller()
    first = caller.get("/stock?limit=1")
    assert "feed_cursor" in first.json()
    assert "ETag" not in first.headers  # its cursor must be new each time: the old one may have ended meanwhile

    path = f"/stock?limit=1&cursor={first.json()['next_cursor']}"
    second = caller.get(path)
    again = caller.get(path, If_None_Match=second.headers["ETag"])

    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", second.headers["ETag"])
    stock(world.shirt, world.warehouse, 2)  # of which the kit makes one more
    assert caller.get(path, If_None_Match=second.headers["ETag"]).status_code == 200


# Holds


def test_a_kit_and_its_component_are_held_together_or_not_at_all(world):
    caller = world.caller()
    lines = [{"sku": "SET-001", "quantity": 3}, {"sku": "TS-001-WH-M", "quantity": 4}]

    placed = caller.post("/holds", {"hold_ref": "h", "lines": lines, "expires_in": 60})
    short = caller.post("/holds", {"hold_ref": "i", "lines": [{"sku": "SET-001", "quantity": 1}], "expires_in": 60})

    assert placed.json()["pieces"] == [{"sku": "TS-001-WH-M", "wanted": 10, "held": 10}]
    assert (short.status_code, short.json()["shortages"]) == (
        409,
        [{"sku": "TS-001-WH-M", "wanted": 2, "available": 0}],
    )
    assert not Hold.objects.filter(ref="i").exists()
    assert StockBalance.objects.get(sku=world.shirt).allocated == 14


def test_no_more_kits_are_held_than_are_shown(world):
    ChannelPolicy.objects.create(channel=world.channel, sku=world.kit, cap=1)
    caller = world.caller()
    hold = {"hold_ref": "h", "lines": [{"sku": "SET-001", "quantity": 2}], "expires_in": 60}

    refused = caller.post("/holds", hold)
    placed = caller.post("/holds", {**hold, "lines": [{"sku": "SET-001", "quantity": 1}]})

    assert (refused.status_code, refused.json()["shortages"]) == (
        409,
        [{"sku": "SET-001", "wanted": 2, "available": 1}],
    )
    assert placed.status_code == 201


def test_kits_that_ran_out_are_had_again_only_as_far_as_they_are_shown(world, noon):
    caller = world.caller()
    caller.post("/holds", {"hold_ref": "h", "lines": [{"sku": "SET-001", "quantity": 2}], "expires_in": 60})
    rule = ChannelPolicy.objects.create(channel=world.channel, sku=world.kit, cap=1)

    running = caller.post("/holds/h/extend", {"expires_in": 60})
    noon["now"] += dt.timedelta(seconds=60)
    refused = caller.post("/holds/h/extend", {"expires_in": 120})
    rule.delete()

    assert running.status_code == 200
    assert (refused.status_code, refused.json()["shortages"]) == (
        409,
        [{"sku": "SET-001", "wanted": 2, "available": 1}],
    )
    assert caller.post("/holds/h/extend", {"expires_in": 120}).status_code == 200


def test_the_same_hold_again_is_one_hold_and_with_other_lines_a_conflict(world):
    caller = world.caller()
    body = {"hold_ref": "h", "lines": [{"sku": "TS-001-WH-M", "quantity": 1}], "expires_in": 60}

    first, again = caller.post("/holds", body), caller.post("/holds", body)
    others = [
        caller.post("/holds", {**body, **changed})
        for changed in ({"lines": [{"sku": "TS-001-WH-M", "quantity": 2}]}, {"expires_in": 61}, {"kind": "quote"})
    ]

    assert (first.status_code, again.status_code, first.content == again.content) == (201, 200, True)
    assert again.headers["Idempotent-Replay"] == "true"
    assert {(other.status_code, other.json()["code"]) for other in others} == {(409, "idempotency_conflict")}


def test_a_hold_that_was_sent_again_later_is_still_the_same(world, noon):
    caller = world.caller()
    body = {"hold_ref": "h", "lines": [{"sku": "TS-001-WH-M", "quantity": 1}], "expires_in": 60}
    first = caller.post("/holds", body).json()
    noon["now"] += dt.timedelta(seconds=30)

    assert caller.post("/holds", body).json() == first
    caller.post("/holds/h/extend", {"expires_in": 600})
    assert caller.post("/holds", body).status_code == 200


@pytest.mark.parametrize("ref", ["あ/ /😀", "a/b", "/", "a//b", "extend", "a/extend/b", "a b?c#d%2F"])
def test_a_name_may_contain_anything(world, ref):
    caller = world.caller()
    body = {"hold_ref": ref, "lines": [{"sku": "TS-001-WH-M", "quantity": 1}], "expires_in": 60}
    path = f"/holds/{quote(ref, safe='')}"

    assert caller.post("/holds", body).status_code == 201
    assert caller.get(path).json()["hold_ref"] == ref
    assert caller.post(f"{path}/extend", {"expires_in": 600}).json()["hold_ref"] == ref
    assert caller.delete(path).json()["status"] == "closed"


@pytest.mark.parametrize("number", ["a/b", "/", "credit", "a/credit/b", "😀/あ", "a b?c#d"])
def test_the_number_of_a_customer_may_contain_anything(world, number):
    caller = world.caller()
    path = f"/customers/{quote(number, safe='')}"

    assert caller.put(path, HANAKO).status_code == 201
    assert caller.get(path).json()["external_id"] == number
    assert caller.get(f"{path}/credit").json()["code"] == "no_account"


@pytest.mark.parametrize("ref", ["extend", "a/extend", "a/extend/extend", "a\nb", "\n"])
def test_a_name_may_end_as_a_call_does(world, ref):
    """Where the call has no such method, its step belongs to the name."""
    caller = world.caller()
    body = {"hold_ref": ref, "lines": [{"sku": "TS-001-WH-M", "quantity": 1}], "expires_in": 60}

    assert caller.post("/holds", body).status_code == 201
    assert caller.get(f"/holds/{quote(ref)}").json()["hold_ref"] == ref
    assert caller.post(f"/holds/{quote(ref)}/extend", {"expires_in": 600}).json()["hold_ref"] == ref
    assert caller.delete(f"/holds/{quote(ref)}").json()["status"] == "closed"


@pytest.mark.parametrize("number", ["a/cancel", "a/returns", "a/payment-events", "bulk", "cancel", "a\nb"])
def test_an_order_may_be_numbered_as_a_call_is_named(world, number):
    caller = world.caller()
    path = f"/orders/{quote(number)}"
    body = {**ORDER, "external_id": number}
    event = {"event_id": "e-1", "kind": "captured", "occurred_at": "2026-11-23T10:00:00+09:00"}

    assert caller.put(path, body).status_code == 201
    assert caller.get(path).json()["external_id"] == number
    assert caller.post(f"{path}/payment-events", event).json()["external_id"] == number
    assert caller.post(f"{path}/returns", RETURN).json()["code"] == "not_returnable"
    cancelled = caller.post(f"{path}/cancel", {}).json()
    assert (cancelled["external_id"], cancelled["state"]) == (number, "cancelled")


def test_the_name_s_own_call_asks_for_its_own_scope(world):
    assert world.caller(scopes=["orders:write"]).get("/orders/A-1/cancel").json()["code"] == "scope_missing"


@pytest.mark.parametrize("number", ["credit", "a/credit", "a\nb"])
def test_a_customer_whose_number_ends_as_the_credit_call_is_written_and_its_credit_read(world, number):
    """Reading is the one method that both calls have: there the last step is the call."""
    caller = world.caller()
    path = f"/customers/{quote(number)}"

    assert caller.put(path, HANAKO).json()["external_id"] == number
    assert caller.get(f"{path}/credit").json()["code"] == "no_account"


def test_codes_of_products_may_contain_slashes_too(world):
    style = Product.objects.create(code="TS/002", name="Tシャツ")
    goods = Sku.objects.create(code="TS/002/M", product=style)
    Segment.objects.create(code="v/i/p", name="VIP", rank=99)
    caller = world.caller()

    assert caller.get("/products/TS%2F002").json()["code"] == "TS/002"
    assert caller.get("/stock/TS%2F002%2FM").json()["sku"] == goods.code
    assert caller.get("/segments/v%2Fi%2Fp/customers").json()["items"] == []


def test_every_fault_of_a_hold_is_named(world):
    body = {
        "hold_ref": "",
        "kind": "x",
        "lines": [{"sku": "NONE", "quantity": 0}, {"quantity": "1"}, 3],
        "expires_in": 0,
        "more": 1,
    }

    answer = world.caller().post("/holds", body)

    assert answer.status_code == 400
    assert {(item["pointer"], item["code"]) for item in answer.json()["errors"]} == {
        ("/hold_ref", "invalid"),
        ("/kind", "unknown_value"),
        ("/lines/0/sku", "unknown_sku"),
        ("/lines/0/quantity", "invalid"),
        ("/lines/1/sku", "required"),
        ("/lines/1/quantity", "not_an_integer"),
        ("/lines/2", "not_an_object"),
        ("/expires_in", "invalid"),
        ("/more", "unknown_field"),
    }


def test_a_hold_runs_out_is_extended_and_closed(world, noon):
    caller = world.caller()
    noon["now"] = NOON + dt.timedelta(minutes=20)
    expired = caller.get("/holds/cart-1").json()
    extended = caller.post("/holds/cart-1/extend", {"expires_in": 60}).json()
    closed = [caller.delete("/holds/cart-1").json() for _ in range(2)]
    refused = caller.post("/holds/cart-1/extend", {"expires_in": 60})

    assert (expired["status"], expired["pieces"][0]["held"]) == ("expired", 0)
    assert (extended["status"], extended["pieces"][0]["held"]) == ("active", 4)
    assert [(hold["status"], hold["pieces"][0]["held"]) for hold in closed] == [("closed", 0)] * 2
    assert (refused.status_code, refused.json()["code"]) == (409, "not_allowed_now")


# The feed


def followed(caller, cursor: str, *, limit: int = 1000) -> tuple[set[tuple[str, str]], str]:
    """Everything there is to read now, page by page."""
    seen: set[tuple[str, str]] = set()
    while True:
        page = caller.get(f"/changes?after={cursor}&limit={limit}").json()
        seen |= {(item["topic"], item["key"]) for item in page["changes"]}
        cursor = page["cursor"]
        if not page["has_more"]:
            return seen, cursor


def announce(topic: str, key: object, audience: str = "") -> None:
    with transaction.atomic():
        changes.record(topic=topic, keys=[key], audience=audience)


@committed
def test_a_long_transaction_between_concurrent_commits_loses_nothing(world):
    caller = world.caller()
    start = caller.get("/changes").json()["cursor"]
    slow = connection.get_new_connection(connection.get_connection_params())
    slow.execute(
        "INSERT INTO core_changerow (epoch, topic, key, audience, recorded_at)"
        " VALUES ((SELECT max(id) FROM core_feedepoch), 'order', 'slow', 'EC1', now())"
    )

    def write(name: str) -> None:
        try:
            for number in range(25):
                announce("order", f"{name}-{number}", "EC1")
        finally:
            connection.close()

    writers = [threading.Thread(target=write, args=(name,)) for name in "abc"]
    for writer in writers:
        writer.start()
    seen, cursor = followed(caller, start, limit=7)
    for writer in writers:
        writer.join()
    held_back, cursor = followed(caller, cursor, limit=7)
    slow.commit()
    slow.close()
    rest, _end = followed(caller, cursor, limit=7)

    everything = {("order", f"{name}-{number}") for name in "abc" for number in range(25)} | {("order", "slow")}
    assert seen | held_back | rest == everything
    # Nobody saw beyond the transaction that was still open, which is why nothing of it was passed over.
    assert ("order", "slow") in rest - seen - held_back


@committed
def test_each_channel_hears_its_own_and_everyones(world):
    ours, theirs = world.caller(), world.other_site()
    start = ours.get("/changes").json()["cursor"]
    announce("order", "A-1", "EC1")
    announce("order", "B-1", "EC2")
    announce("stock", world.shirt.pk)

    assert followed(ours, start)[0] == {("order", "A-1"), ("stock", "TS-001-WH-M"), ("stock", "SET-001")}
    assert followed(theirs, start)[0] == {("order", "B-1"), ("stock", "TS-001-WH-M"), ("stock", "SET-001")}


@committed
def test_a_key_hears_only_of_what_its_scopes_let_it_read(world):
    start = world.caller().get("/changes").json()["cursor"]
    announce("order", "A-1", "EC1")
    announce("stock", world.shirt.pk)
    caller = world.caller(scopes=["orders:read"])

    assert followed(caller, start)[0] == {("order", "A-1")}
    assert caller.get("/changes?topics=order,stock").json()["code"] == "scope_missing"
    assert caller.get("/changes?topics=nothing").status_code == 400


@committed
def test_after_a_restore_every_cursor_is_refused_and_the_full_list_leads_back(world):
    caller = world.caller()
    before = caller.get("/changes").json()["cursor"]
    changes.start_epoch(reason="restore", at=NOON)

    for path in (f"/changes?after={before}", f"/stock?changed_after={before}", f"/products?changed_after={before}"):
        refused = caller.get(path)
        assert (refused.status_code, refused.json()["code"]) == (410, "cursor_expired")

    # The full list is read while the world goes on: what changes meanwhile comes behind its first page's cursor.
    first = caller.get("/stock?limit=1").json()
    announce("stock", world.shirt.pk)
    changed = caller.get(f"/stock?changed_after={first['feed_cursor']}").json()
    assert {item["sku"] for item in changed["items"]} == {"TS-001-WH-M", "SET-001"}
    assert caller.get(f"/stock?changed_after={changed['cursor']}").json()["items"] == []


@committed
def test_what_goes_into_a_kit_changes_what_can_be_sold_of_it(world):
    caller = world.caller()
    start = caller.get("/changes").json()["cursor"]
    define_kit(sku_code="SET-001", components={"TS-001-WH-M": 5}, **WHEN)

    changed = caller.get(f"/stock?changed_after={start}").json()

    assert [(item["sku"], item["available"]) for item in changed["items"]] == [("SET-001", 2)]


@pytest.mark.parametrize("cursor", ["", "x", "1", "1.x", "٣.٣", "1." + "9" * 5000, f"{2**70}.1"])
def test_what_is_no_cursor_leads_to_a_resync(world, cursor):
    assert world.caller().get(f"/changes?after={cursor}").status_code == 410


@committed
def test_the_feed_costs_the_same_however_much_changed(world):
    caller = world.caller()
    start = caller.get("/changes").json()["cursor"]
    announce("stock", world.shirt.pk)
    few = statements(lambda: caller.get(f"/changes?after={start}"))
    with transaction.atomic():
        changes.record(topic="stock", keys=[sku().pk for _ in range(50)])

    many = statements(lambda: caller.get(f"/changes?after={start}"))

    assert len(few) == len(many) == 7


# Products and prices


def test_cost_and_supplier_leave_the_house_only_with_their_scope(world):
    without = world.caller(scopes=["products:read"])

    for body in (without.get("/products/TS-001").json(), without.get("/products").json()["items"][0]):
        assert "supplier" not in body
        assert "cost" not in body["skus"][0]
    assert world.caller().get("/products/TS-001").json()["skus"][0]["cost"] == "1200"


def test_many_styles_cost_as_many_queries_as_one(world):
    caller = world.caller()
    caller.get("/products")
    few = statements(lambda: caller.get("/products"))
    for _ in range(20):
        sku()

    many = statements(lambda: caller.get("/products"))

    assert len(few) == len(many)


def test_a_customer_without_an_account_and_a_guest_pay_what_everyone_pays(world):
    caller = world.caller()

    guest = caller.get("/prices?sku=TS-001-WH-M,SET-001,X").json()
    person = caller.get("/prices?customer=c-1&sku=TS-001-WH-M").json()

    assert (guest["items"][0]["price"], guest["unpriced"], guest["unknown"]) == ("3300", ["SET-001"], ["X"])
    assert (person["items"][0]["price"], person["account_code"]) == ("3300", None)


def test_a_merged_customer_buys_at_the_terms_of_the_account_behind_it(world):
    person, company = (ChannelIdentity.objects.get(external_id=number).record for number in ("c-1", "b-1"))
    merge_records(record_ids=[person.pk], into_golden_id=company.golden_id, reason="same", **WHEN)

    assert world.caller().get("/prices?customer=c-1&sku=TS-001-WH-M").json()["items"][0]["price"] == "1980"


def test_of_several_accounts_one_must_be_named(world):
    record = CustomerRecord.objects.get(company="株式会社守屋")
    Account.objects.create(code="A2", name="二号店", bill_to=BillTo.objects.get(code="B1"), record=record)
    caller = world.caller()

    unnamed, named = caller.get("/customers/b-1/credit"), caller.get("/customers/b-1/credit?account=A2")
    foreign = caller.get("/customers/b-1/credit?account=A9")

    assert (unnamed.status_code, unnamed.json()["errors"][0]["code"]) == (400, "required")
    assert named.json()["account_code"] == "A2"
    assert foreign.json()["errors"][0]["code"] == "unknown_account"
    assert caller.get("/customers/c-1/credit").json()["code"] == "no_account"


# Customers


def test_what_mamori_owns_is_refused_with_its_owner_and_nothing_is_written(world):
    body = {"family_name": "別人", "golden_id": 1, "segment": "VIP", "credit_limit": "1"}
    before = world.caller().get("/customers/c-1").json()

    answer = world.caller().put(
        "/customers/c-1", {name: body[name] for name in ("family_name", "golden_id", "segment")}
    )

    assert (answer.status_code, answer.json()["code"]) == (403, "not_owner")
    assert [item["pointer"] for item in answer.json()["errors"]] == ["/golden_id", "/segment"]
    assert all("mamori" in item["detail"] for item in answer.json()["errors"])
    assert answer.json()["detail"]
    assert world.caller().get("/customers/c-1").json() == before


def test_what_mamori_owns_is_named_with_every_other_fault(world):
    answer = world.caller().put(
        "/customers/c-1", {"golden_id": 1, "kind": "robot", "browsing": 1, "family_name": "x" * 101}
    )

    assert (answer.status_code, answer.json()["code"]) == (403, "not_owner")
    assert {(item["pointer"], item["code"]) for item in answer.json()["errors"]} == {
        ("/golden_id", "not_owner"),
        ("/kind", "unknown_value"),
        ("/browsing", "unknown_field"),
        ("/family_name", "too_long"),
    }


HANAKO = {"family_name": "髙橋", "given_name": "花子", "email": "hanako@example.jp"}


def test_older_news_of_a_customer_changes_nothing(world, noon):
    caller = world.caller()
    noon["now"] = NOON + dt.timedelta(hours=2)
    newer = {**HANAKO, "family_name": "田中", "as_of": "2026-11-23T13:00:00+09:00"}

    updated = caller.put("/customers/c-1", newer)
    again = caller.put("/customers/c-1", newer)
    older = caller.put("/customers/c-1", {**newer, "family_name": "佐藤", "as_of": "2026-11-23T12:30:00+09:00"})

    assert (updated.status_code, updated.json()["family_name"]) == (200, "田中")
    assert "Idempotent-Replay" not in updated.headers
    assert [answer.headers["Idempotent-Replay"] for answer in (again, older)] == ["true", "true"]
    assert older.json()["family_name"] == "田中"


def test_every_fault_of_a_customer_is_named(world):
    body = {
        "kind": "robot",
        "email": 3,
        "family_name": "x" * 101,
        "address": {"city": "x" * 101, "planet": "earth"},
        "as_of": "2030-01-01T00:00:00Z",
        "browsing": [],
    }

    answer = world.caller().put("/customers/c-9", body)

    assert {(item["pointer"], item["code"]) for item in answer.json()["errors"]} == {
        ("/kind", "unknown_value"),
        ("/email", "not_a_text"),
        ("/family_name", "too_long"),
        ("/address/city", "too_long"),
        ("/address/planet", "unknown_field"),
        ("/as_of", "invalid"),
        ("/browsing", "unknown_field"),
    }


def test_the_actor_of_a_write_is_the_channel_from_its_address(world, noon):
    noon["now"] = NOON + dt.timedelta(hours=1)

    world.caller().put("/customers/c-1", {"family_name": "佐藤"})

    row = AuditRow.objects.filter(table_name="customers_customerrecord").latest("pk")
    assert (row.actor, row.source) == ("channel:EC1", "127.0.0.1 /api/v1/customers/c-1")
