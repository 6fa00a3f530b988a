"""入荷検品: what was counted is received, by condition, once; a surplus is asked about."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from catalog.models import SkuCode
from erp.core.errors import Conflict, InvalidInput
from erp.inventory.models import ExpectedReceipt, Location, Reason, StockBalance
from erp.inventory.services import ExpectedLine, InspectedLine, expect_receipt, receive_inspected
from tests.inventory.factories import figures, location, sku
from tests.orders.factories import DESK, NOON

pytestmark = pytest.mark.django_db


@pytest.fixture
def delivery() -> tuple[Any, Any, int]:
    place, shirt = location(), sku()
    line = ExpectedLine(1, shirt.pk, 10, dt.date(2026, 11, 25), Decimal(400))
    [key] = expect_receipt(external_id="PO-1", location_id=place.pk, lines=[line], at=NOON, by=DESK)
    return place, shirt, key


def book(key: int, slip: str = "N-1", *, accepts_more: bool = False, **counts: int) -> Any:
    return receive_inspected(
        external_id=slip, purchase="PO-1", lines=[InspectedLine(key, **counts)], accepts_more=accepts_more,
        occurred_at=NOON, at=NOON, by=DESK,
    )  # fmt: skip


def test_pieces_go_where_their_condition_belongs_and_the_rest_stays_expected(delivery):
    place, shirt, key = delivery
    inspection = location("INSPECTION")

    book(key, sellable=5, defective=1, waiting=2)

    defect = Location.objects.filter(kind="DEFECT").order_by("pk").first()
    assert [figures(shirt, each)[0] for each in (place, defect, inspection)] == [5, 1, 2]
    assert ExpectedReceipt.objects.get().received_quantity == 8


def test_the_same_slip_again_changes_nothing(delivery):
    place, shirt, key = delivery
    book(key, sellable=10)

    [again] = book(key, sellable=10)

    assert again.is_replay
    assert figures(shirt, place)[0] == 10


def test_more_than_expected_is_asked_about_first(delivery):
    place, shirt, key = delivery
    with pytest.raises(InvalidInput) as refusal:
        book(key, sellable=11)
    assert (refusal.value.problems[0].pointer, refusal.value.problems[0].code) == (shirt.code, "more_than_expected")
    assert not StockBalance.objects.exists()

    book(key, sellable=11, accepts_more=True)

    assert figures(shirt, place)[0] == 11


def test_what_cannot_be_booked_names_every_line(delivery):
    _place, _shirt, key = delivery
    with pytest.raises(InvalidInput):
        book(key)
    ExpectedReceipt.objects.update(unit_cost=None)
    with pytest.raises(InvalidInput) as refusal:
        book(key, sellable=1)
    assert refusal.value.problems[0].code == "no_cost"
    with pytest.raises(InvalidInput):
        book(key + 1, sellable=1)


def test_the_gate_finds_a_delivery_by_its_goods_and_counts_it(client, delivery):
    place, shirt, key = delivery
    SkuCode.objects.create(sku=shirt, kind="GTIN13", code="4900000000009")
    client.force_login(User.objects.create_superuser("soko"))
    url = reverse("admin:inventory_inspect")

    [listed] = client.get(url).context["deliveries"]
    assert (listed.purchase, listed.pieces) == ("PO-1", 10)
    assert client.get(url, {"code": "4900000000009"}).url == f"{url}?purchase=PO-1"
    assert client.get(url, {"code": "NONE"}).context["told"]
    [(item, _typed)] = client.get(url, {"purchase": "PO-1"}).context["rows"]
    assert {"4900000000009", shirt.code} <= set(item.codes)

    counted = {"purchase": "PO-1", "slip": "N-1", "book": "1", f"sellable_{key}": "12"}
    refused = client.post(url, counted)
    assert refused.context["rows"][0][1]["sellable"] == "12"
    assert not StockBalance.objects.exists()
    assert client.post(url, counted | {f"sellable_{key}": "x"}).status_code == 200
    assert client.post(url, counted | {"accepts_more": "1"}).status_code == 302
    assert figures(shirt, place)[0] == 12


def test_whoever_does_not_receive_does_not_count(client, delivery):
    client.force_login(User.objects.create_user("look", is_staff=True))

    assert client.get(reverse("admin:inventory_inspect")).status_code == 403


def test_stock_forms_take_scanned_codes(client, delivery):
    place, shirt, key = delivery
    book(key, sellable=10)
    SkuCode.objects.create(sku=shirt, kind="GTIN13", code="4900000000009")
    client.force_login(User.objects.create_superuser("soko"))
    reason = Reason.objects.filter(is_active=True, direction="OUT").order_by("pk").first() or Reason.objects.first()
    form = {
        "external_id": "ADJ-1", "location": place.pk, "reason": reason.pk, "occurred_at_0": "2026-11-25", "occurred_at_1": "10:00",
        "lines": "4900000000009, -2", "note": "",
    }  # fmt: skip

    assert client.post(reverse("admin:inventory_adjust"), form).status_code == 302
    assert figures(shirt, place)[0] == 8


def test_other_counts_under_the_same_slip_are_a_conflict_whatever_they_were_sorted_into(delivery):
    """Ten wait to be looked at; whoever goes back on the page and says that they are sellable has not received ten more."""
    place, _shirt, key = delivery
    inspection = location("INSPECTION")
    book(key, waiting=10)

    for counts in ({"sellable": 10}, {"sellable": 10, "waiting": 10}, {"waiting": 9}):
        with pytest.raises(Conflict):
            book(key, **counts)

    assert [balance.on_hand for balance in StockBalance.objects.filter(location__in=[place, inspection])] == [10]
    assert ExpectedReceipt.objects.get().received_quantity == 10
