"""検品・出荷確定 with a scanner: nothing leaves that is not what was ordered, and every scan gets its answer."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from catalog.models import SkuCode
from erp.orders import services
from erp.orders.models import Shipment
from tests.inventory.factories import sku, statements, stock
from tests.orders.factories import DESK, NOON, line, order, placed, released, shop

pytestmark = pytest.mark.django_db
JAN = "4900000000009"


@pytest.fixture
def parcel() -> Any:
    channel, place = shop()
    shirt, coat = sku(), sku()
    stock(shirt, place, 5)
    stock(coat, place, 5)
    SkuCode.objects.create(sku=shirt, kind="GTIN13", code=JAN)
    found: Any = released(placed(channel, order(line(shirt, 2), line(coat, 1))))[0]
    found.coat = coat.code
    return found


class Scanner:
    """Types a code and Enter, as a browser without scripts does."""

    def __init__(self, client: Any) -> None:
        client.force_login(User.objects.create_superuser("soko"))
        self.client, self.state = client, dict[str, Any]()

    def __call__(self, code: str, **more: str) -> tuple[str, str]:
        page = self.client.post(reverse("admin:orders_packing"), {"code": code, **self.state, **more}).context
        self.state = {"shipment": page["parcel"].pk, "scans": page["scans"]} if page["parcel"] else {}
        return page["told_kind"], page["told"]


@pytest.fixture
def scan(client: Any) -> Scanner:
    return Scanner(client)


def test_the_page_shows_which_parcels_wait_until_one_is_open(client, scan, parcel):
    url = reverse("admin:orders_packing")

    page = client.get(url)

    assert (page.context["waiting_count"], page.context["waiting_more"]) == ("1", False)
    [waiting] = page.context["waiting"]
    assert (waiting.parcel, waiting.pieces) == (parcel, 3)
    assert parcel.number in page.content.decode()
    assert scan(parcel.number)[0] == "plain"
    assert client.post(url, {"code": parcel.number}).context["waiting"] == []
    for code in (JAN, parcel.coat, JAN, ""):
        scan(code)
    assert client.get(url).context["waiting_count"] == "0"


def test_waiting_parcels_take_the_same_number_of_statements(client, scan, parcel):
    url = reverse("admin:orders_packing")
    few = statements(lambda: client.get(url))
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 9)
    for _ in range(4):
        released(placed(channel, order(line(shirt, 1))))

    assert len(statements(lambda: client.get(url))) == len(few)


def test_claims_name_an_order_by_its_number_in_the_one_statement_of_the_list(client, scan, parcel):
    url = reverse("admin:inventory_reservation_changelist")
    few = statements(lambda: client.get(url))
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 9)
    orders = [placed(channel, order(line(shirt, 1))) for _ in range(4)]

    many = statements(lambda: client.get(url))

    assert len(many) == len(few)
    shown = client.get(url).content.decode()
    assert all(f">{each.number}</a>" in shown for each in orders)


def test_a_parcel_leaves_when_every_piece_was_scanned(scan, parcel):
    assert scan(parcel.number)[0] == "plain"
    assert scan(JAN)[0] == "plain"
    assert scan(parcel.coat)[0] == "plain"
    kind, told = scan(JAN)
    assert (kind, "送り状番号" in told) == ("good", True)
    assert Shipment.objects.get().state == "INSTRUCTED"

    kind, told = scan("")

    assert (kind, parcel.number in told) == ("good", True)
    found = Shipment.objects.get()
    assert (found.state, found.tracking_number) == ("SHIPPED", "")
    assert found.order.events.get(kind="SHIPPED").actor == "staff:soko"


def test_the_tracking_number_lets_it_leave_too_if_it_is_one(scan, parcel):
    Shipment.objects.update(carrier="yamato")
    for code in (parcel.number, JAN, JAN, parcel.coat):
        scan(code)

    kind, told = scan("123456789012")
    assert (kind, "チェックデジット" in told) == ("bad", True)
    assert scan("1234-5678-9013")[0] == "good"

    found = Shipment.objects.get()
    assert (found.state, found.carrier, found.tracking_number) == ("SHIPPED", "yamato", "123456789013")


def test_wrong_and_too_many_pieces_are_refused_and_not_counted(scan, parcel):
    scan(parcel.number)
    kind, told = scan("4999999999999")
    assert (kind, "違う商品" in told) == ("bad", True)
    scan(JAN)
    scan(JAN)
    kind, told = scan(JAN)
    assert (kind, "多すぎます" in told) == ("bad", True)
    kind, told = scan("")
    assert (kind, "あと1点" in told) == ("bad", True)
    assert Shipment.objects.get().state == "INSTRUCTED"


def test_a_piece_too_many_at_the_end_does_not_ship(scan, parcel):
    for code in (parcel.number, JAN, JAN, parcel.coat):
        scan(code)

    assert scan(JAN)[0] == "bad"
    # A SKU's own code, which loses its hyphens where a tracking number is read.
    told = scan(parcel.coat)[1]
    assert "多すぎます" in told
    assert Shipment.objects.get().state == "INSTRUCTED"


def test_parcels_that_are_not_to_leave_are_told_at_once(scan, parcel):
    assert scan("SH-NONE")[0] == "bad"
    services.cancel_order(
        channel=parcel.order.channel.code, external_id=parcel.order.external_id, reason="x", at=NOON, by=DESK
    )
    kind, told = scan(parcel.number)
    assert (kind, "キャンセル" in told) == ("bad", True)
    services.cancel_release(shipment_id=parcel.pk, reason="", at=NOON, by=DESK)
    assert scan(parcel.number)[0] == "bad"


def test_a_parcel_can_be_put_aside(scan, parcel):
    scan(parcel.number)
    assert scan(JAN, leave="1") == ("plain", "")
    assert scan.state == {}


def test_an_order_number_names_its_only_parcel(scan, parcel):
    assert scan(parcel.order.number)[0] == "plain"
    assert scan.state["shipment"] == parcel.pk


def test_whoever_only_looks_ships_nothing(client, parcel):
    client.force_login(User.objects.create_user("look", is_staff=True))

    assert client.post(reverse("admin:orders_packing"), {"code": parcel.number}).status_code == 403


def test_a_cancellation_that_comes_while_the_parcel_is_open_stops_it_at_the_last_scan(scan, parcel):
    scan(parcel.number)
    for code in (JAN, JAN, parcel.coat):
        scan(code)
    services.cancel_order(channel=parcel.order.channel.code, external_id="A-1", at=NOON, by=DESK)

    kind, told = scan("")

    parcel.refresh_from_db()
    assert (kind, parcel.state) == ("bad", Shipment.State.INSTRUCTED)
    assert parcel.order.number in told
    assert "受注担当に渡してください" in told
