"""Every topic of the change feed, over the wire: it is heard when its fact changes, by the channel that it concerns, under the key that reads it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from django.urls import reverse

from catalog import services as catalog
from catalog.models import Color, Price, PriceList, Product, Size, SkuCode
from customers.models import ChannelIdentity
from customers.services import merge_records
from ec_gateway.api.views.changes import TOPICS
from erp.insights.services import refresh_rfm
from erp.inventory.models import Location
from erp.orders import services as orders
from erp.orders.models import Order, OrderPayment, Shipment
from tests.ec_gateway.api.world import WHEN
from tests.inventory.factories import sku, stock

pytestmark = pytest.mark.django_db(transaction=True)
TODAY = dt.date(2026, 11, 23)


class Ears:
    """What each of two channels heard since the last time they were asked."""

    def __init__(self, world):
        self.callers = {"EC1": world.caller(), "EC2": world.other_site()}
        self.cursors = {code: caller.get("/changes").json()["cursor"] for code, caller in self.callers.items()}

    def heard(self, *topics):
        found = {}
        for code, caller in self.callers.items():
            asked = f"&topics={','.join(topics)}" if topics else ""
            page = caller.get(f"/changes?after={self.cursors[code]}{asked}").json()
            assert not page["has_more"]
            self.cursors[code] = page["cursor"]
            found[code] = {(item["topic"], item["key"]) for item in page["changes"]}
        return found


@pytest.fixture
def ears(world):
    return Ears(world)


def both(*changes):
    return {"EC1": set(changes), "EC2": set(changes)}


def ours(*changes):
    return {"EC1": set(changes), "EC2": set()}


def edit(client, row, **fields):
    """Save the admin form of a row with other values."""
    url = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
    page = client.get(url).context
    form, formsets = page["adminform"].form, [inline.formset for inline in page["inline_admin_formsets"]]
    data = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}
    for formset in formsets:
        data |= {f"{formset.prefix}-{name}": value for name, value in formset.management_form.initial.items()}
        for one in formset.forms:
            values = {name: one.get_initial_for_field(field, name) for name, field in one.fields.items()}
            data |= {f"{one.prefix}-{name}": value for name, value in values.items()}
    data = {name: value for name, value in (data | fields).items() if value is not None and value is not False}
    answer = client.post(url, data)
    assert answer.status_code == 302, answer.context["errors"]


# Stock


def test_stock_that_moves_is_heard_by_all_with_the_kits_it_is_in(world, ears):
    stock(world.shirt, world.warehouse, 1)

    assert ears.heard() == both(("stock", "TS-001-WH-M"), ("stock", "SET-001"))


def test_a_place_that_counts_no_more_is_heard_by_whoever_sells_from_it_and_no_version_falls(world, ears, admin_client):
    before = ears.callers["EC1"].get("/stock?sku=TS-001-WH-M,SET-001").json()["items"]
    edit(admin_client, Location.objects.get(code="WH1"), is_active="")

    assert ears.heard() == ours(("stock", "TS-001-WH-M"), ("stock", "SET-001"))
    after = ears.callers["EC1"].get("/stock?sku=TS-001-WH-M,SET-001").json()["items"]
    assert [item["available"] for item in before] == [10, 5]
    assert [item["available"] for item in after] == [0, 0]
    assert all(new["version"] > old["version"] for old, new in zip(before, after, strict=True))


# Products and prices


def renames_it(world, client):
    edit(client, Product.objects.get(code="TS-001"), name="Tシャツ 厚手")


def ends_its_life(world, client):
    style = Product.objects.get(code="TS-001")
    catalog.change_life_cycle(product_id=style.pk, life_cycle="DISCONTINUED", on=TODAY, **WHEN)


def switches_a_sku_off(world, client):
    edit(client, world.shirt, is_active="")


def gets_a_code(world, client):
    catalog.add_code(sku_code=world.shirt.code, kind="GTIN13", code="4512345678906", **WHEN)


def gets_a_size(world, client):
    catalog.create_matrix(product_code="TS-001", color_codes=["WH"], size_codes=["M", "L"], **WHEN)


def renames_its_colour(world, client):
    edit(client, Color.objects.get(code="WH"), name="オフホワイト")


def gets_a_cost(world, client):
    catalog.set_cost(sku_id=world.shirt.pk, cost=1300, valid_from=TODAY, **WHEN)


def loses_a_code_by_date(world, client):
    SkuCode.objects.filter(sku=world.shirt).update(valid_to=TODAY - dt.timedelta(days=1))
    catalog.announce_todays_products(**WHEN)


@pytest.mark.parametrize(
    "change",
    [
        renames_it, ends_its_life, switches_a_sku_off, gets_a_code, gets_a_size, renames_its_colour, gets_a_cost,
        loses_a_code_by_date,
    ],
)  # fmt: skip
def test_a_product_that_changes_is_heard_by_all_and_reads_otherwise(world, ears, admin_client, change):
    if change is gets_a_size:
        Size.objects.create(code="L", name="L")
    caller = ears.callers["EC1"]
    before, cursor = caller.get("/products/TS-001").json(), ears.cursors["EC1"]

    change(world, admin_client)

    assert ears.heard() == both(("product", "TS-001"))
    [after] = caller.get(f"/products?changed_after={cursor}").json()["items"]
    assert after["version"] > before["version"]
    assert {**after, "version": 0} != {**before, "version": 0}


def prices_the_style_anew(world, client):
    catalog.set_price(
        price_list_id=PriceList.objects.get(code="RETAIL").pk, product_id=world.shirt.product_id, price=3500,
        valid_from=TODAY, **WHEN,
    )  # fmt: skip


def corrects_a_price(world, client):
    edit(client, Price.objects.get(), price="3400")


def turns_the_page_of_the_calendar(world, client):
    Price.objects.update(valid_from=TODAY)
    catalog.announce_todays_prices(**WHEN)


def ranks_the_list_otherwise(world, client):
    edit(client, PriceList.objects.get(code="RETAIL"), tax_mode="EXCLUDED")


@pytest.mark.parametrize(
    "change", [prices_the_style_anew, corrects_a_price, turns_the_page_of_the_calendar, ranks_the_list_otherwise]
)
def test_a_price_that_changes_is_heard_by_all_under_its_sku(world, ears, admin_client, change):
    before = ears.callers["EC1"].get("/products/TS-001").json()

    change(world, admin_client)

    assert ears.heard() == both(("price", "TS-001-WH-M"))
    after = ears.callers["EC1"].get("/products/TS-001").json()
    assert after["version"] > before["version"]
    assert after["skus"][0]["version"] > before["skus"][0]["version"]


# Orders, their money, parcels and returns


class Story:
    """One order from its placing on. Whatever changes what ``GET /orders/{id}`` says is heard, and by its own channel only."""

    def __init__(self, world, ears):
        self.world, self.ears, self.caller = world, ears, ears.callers["EC1"]
        self.cursor, self.name = ears.cursors["EC1"], ""
        self.shirt, self.socks = world.shirt, sku()
        stock(self.shirt, world.warehouse, 20)
        ears.heard()

    def place(self, name, quantities=(2, 3), **fields):
        self.name = name
        codes = (self.shirt.code, self.socks.code)
        lines = [
            {"line_id": str(place), "sku": code, "quantity": quantity, "unit_price": "1000"}
            for place, (code, quantity) in enumerate(zip(codes, quantities, strict=False), 1)
        ]
        total = str(1000 * sum(quantities))
        payments = [{"method": "card", "amount": total, "status": "authorized"}]
        ordered_at = "2026-11-23T10:00:00+09:00"
        body = {"external_id": name, "ordered_at": ordered_at, "lines": lines, "total": total, "payments": payments}
        answer = self.caller.post("/orders", body | fields)
        assert answer.status_code == 201, answer.content
        assert self.ears.heard("order", "payment", "shipment", "return") == ours(("order", name))
        return body

    @property
    def order(self):
        return Order.objects.get(external_id=self.name)

    def pay(self, kind, number):
        news = {"event_id": number, "kind": kind, "occurred_at": "2026-11-23T10:30:00+09:00"}
        assert self.caller.post(f"/orders/{self.name}/payment-events", news).status_code in (200, 201)

    def then(self, act, *topics):
        """``act`` changes the answer; exactly ``topics`` are heard of it, under keys of this order."""
        before = self.caller.get(f"/orders/{self.name}").json()
        cursor = self.caller.get("/changes").json()["cursor"]
        self.ears.heard()
        act()
        heard = self.ears.heard("order", "payment", "shipment", "return")
        after = self.caller.get(f"/orders/{self.name}").json()
        assert after != before
        assert heard["EC2"] == set()
        assert {topic for topic, _key in heard["EC1"]} == set(topics)
        numbers = {item["number"] for item in [*after["shipments"], *after["returns"]]}
        assert {key for _topic, key in heard["EC1"]} <= {self.name, *numbers}
        changed = self.caller.get(f"/orders?changed_after={cursor}").json()["items"]
        assert [item["external_id"] for item in changed] == [self.name]


def test_an_order_is_heard_at_every_step_of_its_way(world, ears):
    story = Story(world, ears)
    body = story.place("T-1")
    then, key = story.then, lambda: story.order.pk

    then(lambda: story.caller.put("/orders/T-1", {**body, "revision": 2, "customer_note": "急ぎ"}), "order")
    then(lambda: orders.hold_order(order_id=key(), detail="確認", **WHEN), "order")
    then(lambda: story.pay("failed", "p-1"), "payment")
    then(lambda: story.pay("authorized", "p-2"), "payment")
    then(lambda: orders.resolve_hold(order_id=key(), reason="CUSTOMER_NOTE", resolution="ok", **WHEN), "order")
    then(lambda: orders.resolve_hold(order_id=key(), reason="MANUAL", resolution="ok", **WHEN), "order")
    stock(story.socks, world.warehouse, 2)
    # Two of three pairs: it waits as before, and more of it is reserved.
    then(lambda: orders.allocate_waiting(**WHEN), "order")
    stock(story.socks, world.warehouse, 1)
    then(lambda: orders.allocate_waiting(**WHEN), "order")
    then(lambda: orders.release_orders(order_ids=[key()], **WHEN), "order", "shipment")
    first = Shipment.objects.get(order=story.order)
    then(lambda: orders.cancel_release(shipment_id=first.pk, reason="", **WHEN), "order", "shipment")
    then(lambda: orders.release_orders(order_ids=[key()], **WHEN), "order", "shipment")
    parcel = Shipment.objects.get(order=story.order, state="INSTRUCTED")
    then(lambda: orders.ship(requests=[orders.ShipRequest(parcel.pk)], **WHEN), "order", "shipment")
    tracked = {"shipment_id": parcel.pk, "carrier": "", "tracking_number": "4912-3456"}
    then(lambda: orders.set_tracking(**tracked, **WHEN), "shipment")
    then(lambda: orders.deliver(shipment_ids=[parcel.pk], delivered_date=TODAY, **WHEN), "shipment")
    then(lambda: story.pay("captured", "p-3"), "payment")
    back = {"external_id": "R-1", "lines": [{"line_id": "1", "quantity": 1}]}
    then(lambda: story.caller.post("/orders/T-1/returns", back), "order", "return")

    story.pay("captured", "p-3")
    orders.set_tracking(**tracked, **WHEN)
    story.caller.post("/orders/T-1/returns", back)
    assert ears.heard() == both()


def test_what_ends_another_way_is_heard_too(world, ears):
    story = Story(world, ears)
    then, key = story.then, lambda: story.order.pk

    story.place("T-2", quantities=(1,), acceptance="provisional", customer_note="?")
    then(lambda: orders.make_final(order_id=key(), reason="電話", **WHEN), "order")
    then(lambda: orders.resolve_hold(order_id=key(), reason="CUSTOMER_NOTE", resolution="ok", **WHEN), "order")
    orders.release_orders(order_ids=[key()], **WHEN)
    then(lambda: orders.cancel_by_staff(order_id=key(), reason="電話", **WHEN), "order", "shipment")

    story.place("T-3", quantities=(1,))
    then(lambda: story.pay("captured", "p-1"), "payment")
    then(lambda: story.caller.post("/orders/T-3/cancel", {"reason": "客都合"}), "order")
    payment = OrderPayment.objects.get(order=story.order)
    then(lambda: orders.confirm_refund(payment_id=payment.pk, **WHEN), "payment")

    story.place("T-4", quantities=(2,))
    [parcel] = orders.release_orders(order_ids=[key()], **WHEN)[key()]
    orders.ship(requests=[orders.ShipRequest(parcel)], **WHEN)
    refusal = {"shipment_id": parcel, "external_id": "refused:1"}
    then(lambda: orders.record_refusal(**refusal, **WHEN), "order", "shipment", "return")
    ears.heard()
    orders.record_refusal(**refusal, **WHEN)
    assert ears.heard() == both()


def test_a_return_of_goods_from_before_these_books_is_heard_by_its_channel(world, ears):
    line = orders.UnlinkedLine("Tシャツ", 1, Decimal(3000), sku_id=world.shirt.pk)
    request = orders.UnlinkedReturn("U-1", (line,), TODAY)
    [document] = orders.record_unlinked_returns(
        channel="EC1", returns=[request], location_id=world.warehouse.pk, **WHEN
    )

    assert ears.heard("return") == ours(("return", document.number))


def test_a_sale_of_a_till_is_heard_as_an_order(world, ears):
    line = {"line_id": "1", "sku": "TS-001-WH-M", "quantity": 1, "unit_price": "3300"}
    sale = {"external_id": "TILL-1", "sold_at": "2026-11-23T11:00:00+09:00", "lines": [line], "total": "3300"}
    answer = ears.callers["EC1"].post(
        "/shop-sales", {"sales": [{**sale, "payments": [{"method": "cash", "amount": "3300"}]}]}
    )
    assert answer.json()["results"][0]["status"] == 201

    assert ears.heard("order", "payment", "shipment") == ours(("order", "TILL-1"))


# Segments


def test_a_segment_is_heard_by_each_channel_under_its_own_number(world, ears):
    ours_, theirs = ears.callers["EC1"], ears.callers["EC2"]
    for caller, who, name in ((ours_, "c-1", "S-1"), (theirs, "x-1", "S-2")):
        order = {
            "external_id": name, "ordered_at": "2026-11-20T10:00:00+09:00", "total": "3300",
            "orderer": {"external_id": who, "family_name": who},
            "lines": [{"line_id": "1", "sku": "TS-001-WH-M", "quantity": 1, "unit_price": "3300"}],
            "payments": [{"method": "card", "amount": "3300", "status": "authorized"}],
        }  # fmt: skip
        assert caller.post("/orders", order).status_code == 201
    refresh_rfm(as_of=TODAY, **WHEN)

    first = ears.heard("segment")
    assert ("segment", "c-1") in first["EC1"]
    assert first["EC2"] == {("segment", "x-1")}
    refresh_rfm(as_of=TODAY, **WHEN)
    assert ears.heard("segment") == both()

    # One person after all: whoever moves behind another golden customer is told, and nobody else.
    records = {one.external_id: one.record for one in ChannelIdentity.objects.select_related("record")}
    merge_records(record_ids=[records["x-1"].pk], into_golden_id=records["c-1"].golden_id, reason="same person", **WHEN)
    refresh_rfm(as_of=TODAY, **WHEN)
    assert ("segment", "x-1") in ears.heard("segment")["EC2"]
    assert theirs.get("/customers/x-1").json()["golden_id"] == ours_.get("/customers/c-1").json()["golden_id"]


def test_what_a_site_says_of_its_own_customer_is_no_news_to_it(world, ears):
    ears.callers["EC1"].put("/customers/c-1", {"family_name": "髙橋", "given_name": "花子", "phone": "090-1111-2222"})

    assert ears.heard() == both()


# Scopes


@pytest.mark.parametrize("topic", TOPICS)
def test_a_topic_is_heard_by_the_keys_that_may_read_its_facts(world, topic):
    allowed, others = [TOPICS[topic]], sorted(set(TOPICS.values()) - {TOPICS[topic]})
    cursor = world.caller().get("/changes").json()["cursor"]

    assert world.caller(scopes=allowed).get(f"/changes?after={cursor}&topics={topic}").status_code == 200
    refused = world.caller(scopes=others).get(f"/changes?after={cursor}&topics={topic}")
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
