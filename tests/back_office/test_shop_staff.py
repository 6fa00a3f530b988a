"""Staff of a shop see and move the stock of their own shop, and nothing of any other."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.contrib.auth.models import Group, User
from django.urls import reverse

from erp.inventory.models import ExpectedReceipt, Hold, Location, ShopStaff, StockDocument, StockMovement
from erp.inventory.selectors import places_of, shop_channels_of
from erp.inventory.services import (
    ExpectedLine,
    HoldDemand,
    TransferLine,
    TransferRequest,
    expect_receipt,
    place_hold,
    receive_transfer,
    request_transfers,
    ship_transfer,
)
from erp.inventory.services import transfer as send
from erp.orders.models import Order
from erp.orders.services import PaymentInput, record_shop_sales
from tests.inventory.factories import channel, figures, location, sku, stock
from tests.orders.factories import DESK, NOON, line, order, placed, shipped

pytestmark = pytest.mark.django_db
HOW = {"at": NOON, "by": DESK}


@pytest.fixture
def town():
    """Two shops with a till each, a warehouse with an EC site, and one shirt in all of them."""

    class Town:
        shirt = sku()
        ginza, shibuya, warehouse = location("SHOP"), location("SHOP"), location()
        till_ginza, till_shibuya = (channel(place, kind="SHOP") for place in (ginza, shibuya))
        site = channel(warehouse, ginza)

    for place in (Town.ginza, Town.shibuya, Town.warehouse):
        stock(Town.shirt, place, 10)
    return Town


@pytest.fixture
def aoi(client, town):
    """Works in 銀座."""
    user = User.objects.create_user("aoi", is_staff=True)
    user.groups.add(Group.objects.get(name="店舗"))
    ShopStaff.objects.create(user=user, location=town.ginza)
    client.force_login(user)
    return user


def offered(client, *asked: int) -> set[int]:
    page = client.get(reverse(f"admin:inventory_shopstaff_{'change' if asked else 'add'}", args=asked))
    return set(page.context["adminform"].form.fields["location"].queryset.values_list("pk", flat=True))


def test_staff_are_given_shops_and_a_row_of_another_place_stays_what_it_is(client, town):
    stall, closed = location(), location("SHOP", is_active=False)
    channel(stall, kind="SHOP")
    client.force_login(User.objects.create_superuser("root"))
    yui, mika = User.objects.create_user("yui"), User.objects.create_user("mika")
    row = ShopStaff.objects.create(user=yui, location=town.warehouse)
    shops = {town.ginza.pk, town.shibuya.pk, stall.pk}
    page = reverse("admin:inventory_shopstaff_change", args=[row.pk])

    assert offered(client) == shops
    assert offered(client, row.pk) == shops | {town.warehouse.pk}
    assert closed.pk not in shops
    refused = client.post(reverse("admin:inventory_shopstaff_add"), {"user": mika.pk, "location": town.warehouse.pk})
    assert "location" in refused.context["adminform"].form.errors
    assert client.post(page, {"user": yui.pk, "location": town.warehouse.pk}).status_code == 302
    assert list(ShopStaff.objects.values_list("user", "location")) == [(yui.pk, town.warehouse.pk)]


def listed(client, name: str, **asked) -> list:
    return list(client.get(reverse(f"admin:{name}_changelist"), asked).context["cl"].result_list)


def sell(till, shirt, external_id: str):
    sent = order(
        line(shirt),
        external_id=external_id,
        total=1100,
        payments=(PaymentInput("CASH", Decimal(1100), "PAID"),),
        ordered_at=NOON,
    )
    record_shop_sales(channel=till.code, sales=[sent], **HOW)
    return Order.objects.get(channel=till, external_id=external_id)


def test_the_lists_of_stock_show_the_own_shop(client, aoi, town):
    expect_receipt(external_id="PO-1", location_id=town.shibuya.pk, supplier_id=None, lines=[expected(town)], **HOW)
    expect_receipt(external_id="PO-2", location_id=town.ginza.pk, supplier_id=None, lines=[expected(town)], **HOW)

    assert {row.location_id for row in listed(client, "inventory_stockbalance")} == {town.ginza.pk}
    assert {row.location_id for row in listed(client, "inventory_stockmovement")} == {town.ginza.pk}
    own = StockMovement.objects.filter(location=town.ginza).values_list("document_id", flat=True)
    assert {row.pk for row in listed(client, "inventory_stockdocument")} == set(own)
    assert [row.external_id for row in listed(client, "inventory_expectedreceipt")] == ["PO-2"]
    assert ExpectedReceipt.objects.count() == 2


def expected(town) -> ExpectedLine:
    return ExpectedLine(1, town.shirt.pk, 5, NOON.date(), None)


def test_another_shop_s_document_does_not_open(client, aoi, town):
    theirs = StockMovement.objects.get(location=town.shibuya).document_id

    answer = client.get(reverse("admin:inventory_stockdocument_change", args=[theirs]))

    assert answer.status_code == 302
    assert answer.url == "/admin/"


def test_of_a_document_between_shops_the_own_side_is_shown(client, aoi, town):
    client.post(reverse("admin:inventory_transfer"), transfer(town, town.ginza, town.shibuya))
    document = StockDocument.objects.get(source_type="TRANSFER")

    page = client.get(reverse("admin:inventory_stockdocument_change", args=[document.pk]))

    [rows] = page.context["inline_admin_formsets"]
    assert [form.instance.location_id for form in rows.formset.forms] == [town.ginza.pk]


def transfer(town, origin: Location, target: Location, pieces: int = 2) -> dict[str, object]:
    return {
        "external_id": f"T-{origin.pk}-{target.pk}",
        "from_location": origin.pk,
        "to_location": target.pk,
        "occurred_at_0": "2026-11-23",
        "occurred_at_1": "12:00",
        "lines": f"{town.shirt.code},{pieces}",
    }


def count(town, place: Location, pieces: int) -> dict[str, object]:
    return {
        "external_id": f"C-{place.pk}",
        "location": place.pk,
        "occurred_at_0": "2026-11-23",
        "occurred_at_1": "12:00",
        "lines": f"{town.shirt.code},{pieces}",
    }


def test_a_shop_sends_its_own_pieces_away_and_no_others(client, aoi, town):
    own = client.post(reverse("admin:inventory_transfer"), transfer(town, town.ginza, town.warehouse))
    foreign = client.post(reverse("admin:inventory_transfer"), transfer(town, town.warehouse, town.ginza))

    assert own.status_code == 302
    assert foreign.context["form"].errors.keys() == {"from_location"}
    assert (figures(town.shirt, town.ginza)[0], figures(town.shirt, town.warehouse)[0]) == (8, 12)


def test_a_shop_takes_no_pieces_of_another_shop_by_noting_an_arrival(client, aoi, town):
    """What went straight to 渋谷 is on no road any more, and what 渋谷 asked for is received there."""
    [asked_for] = request_transfers(
        requests=[TransferRequest("M-1", town.warehouse.pk, town.shibuya.pk, {town.shirt.pk: 3})], **HOW
    )
    on_the_road = ship_transfer(order_id=asked_for, occurred_at=NOON, **HOW)
    line_no = StockMovement.objects.get(document=on_the_road, quantity__gt=0).document_line
    sent = send(
        external_id="T-1", from_location_id=town.warehouse.pk, to_location_id=town.shibuya.pk, lines=[TransferLine(1, town.shirt.pk, 4)],
        occurred_at=NOON, **HOW,
    )  # fmt: skip

    for number, document in enumerate((sent.document_id, on_the_road)):
        asked = {
            **count(town, town.ginza, 3),
            "external_id": f"A-{number}",
            "transfer": document,
            "to_location": town.ginza.pk,
        }
        answer = client.post(reverse("admin:inventory_arrive"), asked)
        assert answer.status_code == 200

    assert (figures(town.shirt, town.ginza)[0], figures(town.shirt, town.shibuya)[0]) == (10, 14)
    assert receive_transfer(external_id="IN", order_id=asked_for, pieces={line_no: 3}, occurred_at=NOON, **HOW)


def test_a_shop_sends_nothing_to_what_others_hold_for_us(client, aoi, town):
    mall, road = location("MALL_HELD", holder_channel=town.site), Location.objects.get(code="TRANSIT")

    refused = client.post(reverse("admin:inventory_transfer"), transfer(town, town.ginza, mall))
    by_road = {**transfer(town, town.ginza, road), "destination": mall.pk}
    by_road_to_mall = client.post(reverse("admin:inventory_transfer"), by_road)
    over_the_road = client.post(
        reverse("admin:inventory_transfer"), {**by_road, "destination": town.shibuya.pk}
    )  # fmt: skip

    assert refused.context["form"].errors.keys() == {"to_location"}
    assert by_road_to_mall.context["form"].errors.keys() == {"destination"}
    assert over_the_road.status_code == 302


def test_a_shop_counts_its_own_stock_and_no_other(client, aoi, town):
    own = client.post(reverse("admin:inventory_count"), count(town, town.ginza, 9))
    foreign = client.post(reverse("admin:inventory_count"), count(town, town.shibuya, 0))

    assert own.status_code == 302
    assert foreign.context["form"].errors.keys() == {"location"}
    assert (figures(town.shirt, town.ginza)[0], figures(town.shirt, town.shibuya)[0]) == (9, 10)


@pytest.mark.parametrize("page", ["receive", "write_down", "late_cost", "supplier_invoice", "supplier_return"])
def test_what_a_shop_does_not_do_does_not_open(client, aoi, page):
    assert client.get(reverse(f"admin:inventory_{page}")).status_code == 403


def test_stock_of_the_past_and_what_may_be_sold_are_the_own_shop_s(client, aoi, town):
    asked = {"at": "2026-11-24T00:00", "skus": town.shirt.code}
    then = client.get(reverse("admin:inventory_stock_then"), asked)
    terms = client.get(
        reverse("admin:inventory_stock_then_terms"),
        {"at": "2026-11-24T00:00", "sku": town.shirt.pk, "location": town.shibuya.pk},
    )
    foreign = client.get(reverse("admin:inventory_availability"), {"channel": town.site.pk, "skus": town.shirt.code})
    own = client.get(reverse("admin:inventory_availability"), {"channel": town.till_ginza.pk, "skus": town.shirt.code})

    assert [line[1] for line in then.context["found"]["lines"]] == [town.ginza]
    assert (terms.context["found"], terms.context["form"].errors.keys()) == (None, {"location"})
    assert foreign.context["form"].errors.keys() == {"channel"}
    assert own.context["answers"][0]["answer"].available == 10


def test_holds_of_the_own_shop_are_seen_and_released(client, aoi, town):
    for till, ref in ((town.till_ginza, "G"), (town.till_shibuya, "S")):
        place_hold(
            channel_id=till.pk, ref=ref, lines=[HoldDemand(town.shirt.pk, 1)], expires_at=NOON.replace(year=2027), kind="KEEP",
            owner_label="田中様", **HOW,
        )  # fmt: skip
    theirs = Hold.objects.get(ref="S")

    seen = [row.ref for row in listed(client, "inventory_hold")]
    client.post(reverse("admin:inventory_hold_changelist"), {"action": "release", "_selected_action": [theirs.pk]})

    assert seen == ["G"]
    theirs.refresh_from_db()
    assert theirs.closed_at is None


def test_sales_of_the_own_shop_are_seen_and_orders_of_sites_are_not(client, aoi, town):
    own = sell(town.till_ginza, town.shirt, "G-1")
    theirs = sell(town.till_shibuya, town.shirt, "S-1")
    # The site sells from 銀座 too; who ordered there is none of the shop's business.
    [parcel] = shipped(placed(town.site, order(line(town.shirt), external_id="E-1")))

    assert [row.pk for row in listed(client, "orders_order")] == [own.pk]
    assert [row.order_id for row in listed(client, "orders_shipment")] == [own.pk]
    assert {row.shipment.order_id for row in listed(client, "orders_shipmentline")} == {own.pk}
    for hidden in (theirs.pk, parcel.order_id):
        assert client.get(reverse("admin:orders_order_change", args=[hidden])).status_code == 302


def test_whoever_is_bound_to_no_shop_sees_nothing(client, aoi, town):
    ShopStaff.objects.all().delete()

    assert listed(client, "inventory_stockbalance") == []
    assert listed(client, "orders_order") == []
    assert (places_of(aoi), shop_channels_of(aoi)) == ([], [])


def test_other_roles_and_superusers_are_bound_to_no_shop(town):
    desk = User.objects.create_user("mika", is_staff=True)
    desk.groups.add(Group.objects.get(name="受注担当"))

    assert places_of(desk) is None
    assert places_of(User.objects.create_superuser("root")) is None


def test_a_place_chosen_once_is_chosen_once(client, town):
    client.force_login(User.objects.create_superuser("root"))
    user = User.objects.create_user("aoi")
    for _again in range(2):
        answer = client.post(reverse("admin:inventory_shopstaff_add"), {"user": user.pk, "location": town.ginza.pk})

    assert "すでにこの場所の担当です" in answer.content.decode()
    assert ShopStaff.objects.count() == 1
