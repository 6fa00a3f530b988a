"""返品・受取拒否 by scanner: found by any number on the parcel, booked once, in the condition that was seen."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from erp.orders.models import Return, Shipment, ShipmentLine
from erp.orders.services import set_tracking
from tests.inventory.factories import figures, sku, stock
from tests.orders.factories import DESK, NOON, line, order, placed, released, shipped, shop

pytestmark = pytest.mark.django_db


@pytest.fixture
def gone() -> Any:
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 5, unit_value=400)
    parcel: Any = shipped(placed(channel, order(line(shirt, 3))))[0]
    parcel.shirt, parcel.place = shirt, place
    return parcel


@pytest.fixture
def scan(client: Any) -> Any:
    client.force_login(User.objects.create_superuser("soko"))
    return lambda **fields: client.post(reverse("admin:orders_take_back"), fields)


def test_a_parcel_is_found_by_each_of_its_numbers(scan, gone):
    set_tracking(shipment_id=gone.pk, carrier="yamato", tracking_number="123456789013", at=NOON, by=DESK)

    for code in (gone.number, "123456789013", gone.order.number, gone.order.external_id):
        assert scan(code=code).context["parcel"].pk == gone.pk
    assert scan(code="NONE").context["kind"] == "bad"


def test_good_and_bad_pieces_are_booked_once(scan, gone):
    [part] = ShipmentLine.objects.all()
    counted = {
        "shipment": gone.pk,
        "before": "0",
        "act": "return",
        f"good_{part.pk}": "1",
        f"bad_{part.pk}": "1",
        "reason": "サイズ",
    }

    assert scan(**counted).context["kind"] == "good"
    assert scan(**counted).context["kind"] == "good"

    document = Return.objects.get()
    assert sorted(document.lines.values_list("condition", "quantity")) == [("DEFECTIVE", 1), ("SELLABLE", 1)]
    assert (document.actor, document.reason) == ("staff:soko", "サイズ")
    assert figures(gone.shirt, gone.place)[0] == 3
    page = scan(code=gone.number).context
    assert (page["rows"][0]["left"], page["before"]) == (1, 2)


def test_more_than_was_sent_is_refused_and_what_was_typed_stays(scan, gone):
    [part] = ShipmentLine.objects.all()

    page = scan(shipment=gone.pk, before="0", act="return", **{f"good_{part.pk}": "4"})

    assert page.context["rows"][0]["good"] == "4"
    assert not Return.objects.exists()
    assert scan(shipment=gone.pk, before="0", act="return").context["rows"]
    assert not Return.objects.exists()


def test_a_refused_parcel_comes_back_as_a_whole(scan, gone):
    answer = scan(shipment=gone.pk, act="refuse", condition="SELLABLE", freight="1100")

    assert answer.context["kind"] == "good"
    assert Shipment.objects.get().state == "RETURNED"
    assert figures(gone.shirt, gone.place)[0] == 5
    assert scan(code=gone.number).context["kind"] == "bad"


def test_what_has_not_left_cannot_come_back(scan):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 5)
    [parcel] = released(placed(channel, order(line(shirt, 1))))

    assert scan(code=parcel.number).context["kind"] == "bad"
