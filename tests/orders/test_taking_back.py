"""返品・受取拒否 by scanner: found by any number on the parcel, booked once, in the condition that was seen."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from erp.core.actors import Actor
from erp.orders.models import Order, Return, Shipment, ShipmentLine
from erp.orders.services import ReturnedLine, record_return, set_tracking
from tests.inventory.factories import figures, sku, stock
from tests.orders.factories import DESK, NOON, line, order, placed, released, shipped, shop
from tests.racing import race
from tests.unlocked import fails_without

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


def test_good_and_bad_pieces_are_booked_once(client, scan, gone):
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
    # Nobody outside knows the number by which the house knows its own form again.
    assert document.external_id.startswith("scan:")
    assert "scan:" not in client.get(reverse("admin:orders_return_changelist")).content.decode()
    assert "scan:" not in client.get(reverse("admin:orders_return_change", args=[document.pk])).content.decode()
    assert sorted(document.lines.values_list("condition", "quantity")) == [("DEFECTIVE", 1), ("SELLABLE", 1)]
    assert (document.actor, document.reason) == ("staff:soko", "サイズ")
    assert figures(gone.shirt, gone.place)[0] == 3
    page = scan(code=gone.number).context
    assert (page["rows"][0]["left"], page["before"]) == (1, 2)


def as_staff(client: Any, name: str) -> Any:
    user, _is_new = User.objects.get_or_create(
        username=name, is_staff=True, is_superuser=True, first_name=name, last_name="佐藤"
    )
    client.force_login(user)
    return lambda **fields: client.post(reverse("admin:orders_take_back"), fields)


def opened(scan: Any, parcel: Any) -> dict[str, Any]:
    """The hidden fields of the page, as a browser sends them back."""
    page = scan(code=parcel.number).context
    return {"shipment": parcel.pk, "before": str(page["before"]), "form": page["form"]}


def test_a_second_person_with_the_same_parcel_is_told_what_the_first_booked_and_adds_nothing(client, gone):
    [part] = ShipmentLine.objects.all()
    counted = {"act": "return", f"good_{part.pk}": "1", "reason": "サイズ違い"}
    first, second = opened(as_staff(client, "aoi"), gone), opened(as_staff(client, "mika"), gone)
    assert as_staff(client, "aoi")(**first, **counted).context["kind"] == "good"
    document = Return.objects.get()

    answer = as_staff(client, "mika")(**second, **counted, bad="")

    told = answer.content.decode()
    assert f"佐藤 aoi が {document.number} を登録しました (1 点)" in told
    assert "何も登録していません" in told
    assert "kind" not in answer.context
    assert Return.objects.count() == 1
    assert figures(gone.shirt, gone.place)[0] == 3
    # What was typed stays, and what really came back besides is booked now.
    assert answer.context["rows"][0]["good"] == "1"
    assert answer.context["reason"] == "サイズ違い"
    again = {"shipment": gone.pk, "before": str(answer.context["before"]), "form": answer.context["form"]}
    assert as_staff(client, "mika")(**again, **counted).context["kind"] == "good"
    assert Return.objects.count() == 2
    assert figures(gone.shirt, gone.place)[0] == 4


def test_two_returns_of_one_piece_each_are_both_booked(client, gone):
    [part] = ShipmentLine.objects.all()
    scan = as_staff(client, "aoi")

    for _time in range(2):
        assert scan(**opened(scan, gone), act="return", **{f"good_{part.pk}": "1"}).context["kind"] == "good"

    assert Return.objects.count() == 2
    assert figures(gone.shirt, gone.place)[0] == 4


def test_a_form_that_comes_again_with_another_reason_is_no_replay(client, gone):
    [part] = ShipmentLine.objects.all()
    scan = as_staff(client, "aoi")
    form = opened(scan, gone) | {"act": "return", f"good_{part.pk}": "1"}
    assert scan(**form, reason="サイズ").context["kind"] == "good"

    assert "kind" not in scan(**form, reason="汚れ").context

    assert Return.objects.get().reason == "サイズ"


def test_a_refusal_that_another_booked_meanwhile_is_told(client, gone):
    [part] = ShipmentLine.objects.all()
    first, second = opened(as_staff(client, "aoi"), gone), opened(as_staff(client, "mika"), gone)
    third = opened(as_staff(client, "yui"), gone)
    as_staff(client, "aoi")(**first, act="return", **{f"good_{part.pk}": "1"})

    answer = as_staff(client, "mika")(**second, act="refuse")

    assert "佐藤 aoi が" in answer.content.decode()
    assert Shipment.objects.get().state == "SHIPPED"
    again = {"shipment": gone.pk, "before": str(answer.context["before"]), "form": answer.context["form"]}
    assert as_staff(client, "mika")(**again, act="refuse").context["kind"] == "good"
    assert as_staff(client, "yui")(**third, act="refuse").context.get("kind") != "good"
    assert Return.objects.count() == 2


@pytest.mark.django_db(transaction=True)
@fails_without("orders.returns._lock[rows]")
def test_two_who_book_what_came_back_of_one_parcel_at_once_book_it_once(gone):
    [part] = ShipmentLine.objects.all()

    def book(by: Actor) -> Any:
        return partial(
            record_return,
            order_id=gone.order_id,
            external_id=f"scan:{gone.pk}:{by.name}",
            lines=[ReturnedLine(part.pk, 1)],
            seen={gone.pk: 0},
            at=NOON,
            by=by,
        )

    outcomes = race(book(Actor.staff("aoi")), book(Actor.staff("mika")), hold=Order.objects.all())

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["AlreadyTakenBack", "Return"]
    assert figures(gone.shirt, gone.place)[0] == 3


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


def listed(client: Any, name: str, page: str) -> dict[str, Any]:
    """The hidden fields of a list, as a browser sends them back."""
    as_staff(client, name)
    beside = client.get(reverse(f"admin:orders_{page}_changelist")).context["action_form"]
    return {field: beside[field].value() for field in ("form", "back") if field in beside.fields}


def act(client: Any, name: str, page: str, action: str, *rows: Any, **fields: Any) -> str:
    """What a list tells of an act that is looked at and confirmed."""
    as_staff(client, name)
    typed = {"action": action, "_selected_action": [row.pk for row in rows], **fields}
    url = reverse(f"admin:orders_{page}_changelist")
    shown = client.post(url, typed)
    boxes = [f"{row.order.pk}:{row.found.fingerprint}" for row in shown.context["rows"]]
    return str(client.post(url, typed | {"confirmed": "1", "seen": boxes}).content.decode())


def test_a_second_click_in_the_list_of_lines_is_the_same_return_and_another_person_is_told(client, gone):
    [part] = ShipmentLine.objects.all()
    first, second = listed(client, "aoi", "shipmentline"), listed(client, "mika", "shipmentline")

    assert Return.objects.count() == 0
    told = act(client, "aoi", "shipmentline", "take_back", part, quantity="1", **first)
    assert Return.objects.get().number in told
    act(client, "aoi", "shipmentline", "take_back", part, quantity="1", **first)
    assert Return.objects.count() == 1
    told = act(client, "mika", "shipmentline", "take_back", part, quantity="1", **second)

    assert f"佐藤 aoi が {Return.objects.get().number} を登録しました (1 点)" in told
    assert figures(gone.shirt, gone.place)[0] == 3
    # Who looks again books what came back besides.
    act(client, "mika", "shipmentline", "take_back", part, quantity="1", **listed(client, "mika", "shipmentline"))
    assert Return.objects.count() == 2
    assert figures(gone.shirt, gone.place)[0] == 4


def test_two_lines_of_one_parcel_come_back_by_one_act(client):
    channel, place = shop()
    shirt, cap = sku(), sku()
    stock(shirt, place, 5)
    stock(cap, place, 5)
    shipped(placed(channel, order(line(shirt, 2), line(cap, 2))))
    form = listed(client, "aoi", "shipmentline")

    for _click in range(2):
        act(client, "aoi", "shipmentline", "take_back", *ShipmentLine.objects.all(), quantity="1", **form)

    assert sorted(ShipmentLine.objects.values_list("returned_quantity", flat=True)) == [1, 1]


def test_a_refusal_in_the_list_says_what_another_booked_since_it_was_opened(client, gone):
    [part] = ShipmentLine.objects.all()
    first, second = listed(client, "aoi", "shipmentline"), listed(client, "mika", "shipment")
    act(client, "aoi", "shipmentline", "take_back", part, quantity="1", **first)

    told = act(client, "mika", "shipment", "refuse", gone, **second)

    assert "佐藤 aoi が" in told
    assert Shipment.objects.get().state == "SHIPPED"
    act(client, "mika", "shipment", "refuse", gone, **listed(client, "mika", "shipment"))
    assert Shipment.objects.get().state == "RETURNED"
