"""What the order desk can do from the lists: one service each, and every refusal is told."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from erp.orders.models import Return, SalesReport, Shipment, ShipmentLine
from erp.orders.services import release_orders
from tests.customers.factories import account, bill_to
from tests.inventory.factories import figures, sku, stock
from tests.orders.factories import DESK, NOON, figure, kinds, line, order, placed, released, shipped, shop

pytestmark = pytest.mark.django_db


def act(desk: Any, page: str, action: str, *rows: Any, **fields: Any) -> Any:
    """Run an action of a list on rows, as the form beside it does."""
    url = reverse(f"admin:orders_{page}_changelist")
    return desk.post(url, {"action": action, "_selected_action": [row.pk for row in rows], **fields}, follow=True)


def confirmed(desk: Any, page: str, action: str, *rows: Any, **fields: Any) -> Any:
    """The same act once more, of all orders that it showed."""
    shown = act(desk, page, action, *rows, **fields).context["rows"]
    boxes = [f"{row.order.pk}:{row.found.fingerprint}" for row in shown]
    return act(desk, page, action, *rows, **fields, confirmed="1", seen=boxes)


def told(answer: Any) -> list[str]:
    return [message.level_tag for message in answer.context["messages"]]


def test_a_provisional_order_is_taken_as_final_with_who_and_why(desk):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 2)
    record = placed(channel, order(line(shirt, 1), is_provisional=True))

    assert told(act(desk, "order", "make_final", record)) == ["error"]
    record.refresh_from_db()
    assert record.state == "NEW"

    confirmed(desk, "order", "make_final", record, reason="電話で確認")
    record.refresh_from_db()
    assert (record.state, kinds(record)) == ("READY", ["PLACED", "AMENDED", "STATE"])
    assert record.events.get(kind="AMENDED").actor == "staff:hanako"


def test_a_tracking_number_is_entered_and_corrected_after_the_parcel_left(desk):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 3)
    [parcel] = shipped(placed(channel, order(line(shirt, 1))))
    picked = placed(channel, order(line(shirt, 1), external_id="A-2"))
    release_orders(order_ids=[picked.pk], at=NOON, by=DESK)
    waiting = Shipment.objects.get(order=picked)

    assert told(act(desk, "shipment", "track", parcel, carrier="sagawa")) == ["error"]
    assert told(act(desk, "shipment", "track", parcel, waiting, tracking_number="1")) == ["error"]
    assert told(act(desk, "shipment", "track", waiting, tracking_number="1")) == ["error", "warning"]
    assert told(act(desk, "shipment", "track", parcel, tracking_number="1234-5678-9013", carrier="sagawa")) == [
        "success"
    ]
    assert told(act(desk, "shipment", "track", parcel, tracking_number=" ９９９９-9999-9994 ")) == ["success"]
    assert told(act(desk, "shipment", "track", parcel, tracking_number="9" * 61)) == ["error"]

    parcel.refresh_from_db()
    assert (parcel.carrier, parcel.tracking_number) == ("sagawa", "999999999994")
    events = parcel.order.events.filter(kind="TRACKING").order_by("pk").values_list("detail", flat=True)
    assert list(events) == [f"{parcel.number} sagawa 123456789013", f"{parcel.number} sagawa 999999999994"]


def unsold_parcel(**fields: Any) -> tuple[Any, Any, ShipmentLine]:
    channel, place = shop(**fields)
    shirt = sku()
    stock(shirt, place, 3, unit_value=400)
    more = {}
    if fields.get("kind") == "WHOLESALE":
        account("AC1", bill_to=bill_to("B1"))
        more = {"account_code": "AC1", "payments": ()}
    shipped(placed(channel, order(line(shirt, 3), **more)))
    return place, shirt, ShipmentLine.objects.get()


def test_a_refused_parcel_is_taken_back_before_its_sale_with_its_freight(desk):
    place, shirt, parcel_line = unsold_parcel(revenue_basis="DELIVERY")

    unread = act(desk, "shipment", "refuse", parcel_line.shipment, freight="many")
    assert told(unread) == ["error"]
    answer = confirmed(desk, "shipment", "refuse", parcel_line.shipment, freight="1100", condition="SELLABLE")

    assert answer.context["done"] == 1
    assert (figures(shirt, place), figure("freight"), figure("inventory.in_transit")) == ((3, 0), 1000, 0)
    assert Shipment.objects.get().state == "RETURNED"
    assert Return.objects.get().actor == "staff:hanako"


def report(desk: Any, line: ShipmentLine, units: int, **fields: Any) -> Any:
    typed = {"lines": [line.pk], "external_id": "SR-1", "report_date": "2026-11-24", f"units_{line.pk}": units}
    return desk.post(reverse("admin:orders_sales_report"), typed | fields, follow=True)


def test_consigned_goods_are_reported_sold_from_the_chosen_lines(desk):
    _place, _shirt, parcel_line = unsold_parcel(kind="WHOLESALE", revenue_basis="SALES_REPORT")

    page = act(desk, "shipmentline", "report_sales", parcel_line)
    assert [(line.pk, left) for line, left, _field in page.context["lines"]] == [(parcel_line.pk, 3)]
    too_many = report(desk, parcel_line, 4)
    assert told(too_many) == ["error"]
    assert not SalesReport.objects.exists()

    assert told(report(desk, parcel_line, 2)) == ["success"]

    document = SalesReport.objects.get()
    assert (document.external_id, document.actor, document.lines.get().quantity) == ("SR-1", "staff:hanako", 2)
    assert desk.get(reverse("admin:orders_salesreport_change", args=[document.pk])).status_code == 200
    assert desk.get(reverse("admin:orders_salesreport_changelist"), {"q": document.number}).status_code == 200
    assert figure("receivable.account") == 2200


def test_a_report_needs_its_permission_and_lines(client, desk):
    _place, _shirt, parcel_line = unsold_parcel(kind="WHOLESALE", revenue_basis="SALES_REPORT")
    nothing = desk.get(reverse("admin:orders_sales_report"))
    assert nothing.url == reverse("admin:orders_shipmentline_changelist")
    client.force_login(User.objects.create_user("look", is_staff=True))

    assert report(client, parcel_line, 1).status_code == 403
    assert not SalesReport.objects.exists()


@pytest.mark.parametrize(("number", "carrier"), [("not a number!", ""), ("123456789012", "yamato")])
def test_what_is_no_tracking_number_ships_nothing(desk, number, carrier):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 3)
    [parcel] = released(placed(channel, order(line(shirt, 1))))

    answer = act(desk, "shipment", "confirm", parcel, tracking_number=number, carrier=carrier)

    parcel.refresh_from_db()
    assert (told(answer), parcel.state, parcel.tracking_number) == (["error", "warning"], "INSTRUCTED", "")


def test_a_parcel_that_has_left_is_not_told_as_done_now(desk):
    _place, _shirt, parcel_line = unsold_parcel()
    parcel = parcel_line.shipment

    answer = act(desk, "shipment", "confirm", parcel, tracking_number="123456789013")

    assert told(answer) == ["error", "warning"]
    [refused, _none] = map(str, answer.context["messages"])
    assert refused.startswith(f"{parcel.number} はすでに出荷済みです（")
    parcel.refresh_from_db()
    assert parcel.tracking_number == ""


def test_what_was_typed_beside_an_act_outlives_its_refusal_once(desk):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 2)
    [first], [second] = (released(placed(channel, order(line(shirt, 1), external_id=each))) for each in ("A", "B"))
    typed = {"carrier": "yamato", "tracking_number": "123456789012", "act_date": "2026-11-23"}

    refused = act(desk, "shipment", "confirm", first, **typed)
    beside = refused.context["action_form"]
    assert told(refused) == ["error", "warning"]
    assert {name: beside[name].value() for name in typed} == typed
    assert beside["action"].value() == "confirm"
    assert f'data-kept-rows="{first.pk}"' in refused.content.decode()
    page = desk.get(reverse("admin:orders_shipment_changelist"))
    assert "data-kept-rows" not in page.content.decode()
    assert page.context["action_form"]["carrier"].value() in (None, "")

    # Of two of which one left, none is ticked again.
    Shipment.objects.filter(pk=second.pk).update(state="CANCELLED")
    half = act(desk, "shipment", "confirm", first, second, act_date="2026-11-24")
    assert sorted(told(half)) == ["error", "success"]
    assert 'data-kept-rows=""' in half.content.decode()
    assert "出荷指示が取り消されています" in half.content.decode()


def test_an_act_over_all_pages_that_was_refused_for_some_is_not_chosen_for_all_again(desk):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 2)
    [_good], [bad] = (released(placed(channel, order(line(shirt, 1), external_id=each))) for each in ("A", "B"))
    Shipment.objects.filter(pk=bad.pk).update(state="CANCELLED")

    half = act(desk, "shipment", "confirm", bad, select_across="1")

    assert sorted(told(half)) == ["error", "success"]
    beside = half.context["action_form"]
    assert (beside["action"].value(), beside["select_across"].value()) == ("confirm", 0)
