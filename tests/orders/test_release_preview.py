"""出荷指示 of many: what is previewed is what happens, or it is told why not."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from erp.orders import services
from erp.orders.models import Order, Shipment
from erp.orders.services import DeliveryInput, ReleaseOutcome, plan_releases, release_as_seen, release_totals
from tests.inventory.factories import sku, stock
from tests.orders.factories import DESK, NOON, card, line, order, placed, shop

pytestmark = pytest.mark.django_db


def plans_of(*orders: Order, in_part: bool = False) -> list[services.ReleasePlan]:
    return plan_releases(order_ids=[record.pk for record in orders], in_part=in_part, at=NOON)


def press(*plans: services.ReleasePlan, in_part: bool = False) -> dict[int, Any]:
    seen = {plan.order.pk: plan.fingerprint for plan in plans}
    return release_as_seen(seen=seen, in_part=in_part, at=NOON, by=DESK)


def test_a_preview_says_what_goes_from_where_and_the_rest_why_not():
    channel, place = shop()
    shirt, coat = sku(), sku()
    stock(shirt, place, 5)
    stock(coat, place, 1)
    good = placed(channel, order(line(shirt, 2), external_id="A-1"))
    short = placed(channel, order(line(coat, 3), external_id="A-2"))
    held = placed(channel, order(line(shirt, 1), external_id="A-3"))
    services.hold_order(order_id=held.pk, detail="電話待ち", at=NOON, by=DESK)
    later = placed(
        channel,
        order(line(shirt, 1, delivery_ref="d"), external_id="A-4",
              deliveries=(DeliveryInput("d", wish_date=dt.date(2026, 12, 24)),)),
    )  # fmt: skip
    unpaid = placed(channel, order(line(shirt, 1), external_id="A-5", payments=(card(1100, "PENDING"),)))

    plans = plans_of(good, short, held, later, unpaid)

    [parcel] = plans[0].parcels
    assert [(item.sku_code, item.units, item.open_units) for item in parcel.lines] == [(shirt.code, 2, 2)]
    assert parcel.places == ((place.name, 2),)
    assert plans[0].may_go
    assert plans[1].why_not == (f"{coat.code}: 3点中1点引当済み",)
    assert plans[2].why_not == ("担当者による保留: 電話待ち",)
    assert later.state == "AWAITING_SHIP_DATE"
    assert "2026/12/24" in plans[3].why_not[0]
    assert plans[4].why_not == ("入金待ち",)
    [total] = release_totals(plans)
    assert (total.place, len(total.orders), total.parcels, total.pieces) == (place.name, 1, 1, 2)


def test_pressed_twice_the_second_time_changes_nothing():
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 5)
    record = placed(channel, order(line(shirt, 2)))
    plans = plans_of(record)

    first, second = press(*plans), press(*plans)

    parcel = Shipment.objects.get()
    assert (first[record.pk].outcome, first[record.pk].shipments) == (ReleaseOutcome.RELEASED, (parcel.pk,))
    assert second[record.pk].outcome is ReleaseOutcome.ALREADY
    record.refresh_from_db()
    assert record.state == "PICKING"


def test_what_changed_since_the_preview_stays_and_harms_no_other():
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 5)
    good = placed(channel, order(line(shirt, 1), external_id="A-1"))
    changed = placed(channel, order(line(shirt, 1), external_id="A-2"))
    gone = placed(channel, order(line(shirt, 1), external_id="A-3"))
    plans = plans_of(good, changed, gone)
    services.hold_order(order_id=changed.pk, detail="", at=NOON, by=DESK)
    services.cancel_by_staff(order_id=gone.pk, reason="お客様都合", at=NOON, by=DESK)

    results = press(*plans)

    assert results[good.pk].outcome is ReleaseOutcome.RELEASED
    assert (results[changed.pk].outcome, results[changed.pk].why) == (
        ReleaseOutcome.CHANGED, "表示した後に変わりました: 確認待ち",
    )  # fmt: skip
    assert results[gone.pk].why == "表示した後に変わりました: キャンセル"
    assert Shipment.objects.get().order_id == good.pk


def test_an_amended_order_is_not_released_as_it_was_shown():
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 5)
    record = placed(channel, order(line(shirt, 1)))
    plans = plans_of(record)
    placed(channel, order(line(shirt, 2), revision=2))

    assert press(*plans)[record.pk].outcome is ReleaseOutcome.CHANGED
    assert press(*plans_of(record))[record.pk].outcome is ReleaseOutcome.RELEASED
    assert Shipment.objects.get().lines.get().quantity == 2


def test_what_is_there_goes_ahead_of_the_rest_when_asked_for():
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 2)
    record = placed(channel, order(line(shirt, 3)))

    [whole], [part] = plans_of(record), plans_of(record, in_part=True)
    assert (whole.may_go, part.may_go) == (False, True)
    assert part.notes == (f"{shirt.code}: 3点中2点引当済み",)
    assert press(part)[record.pk].outcome is ReleaseOutcome.REFUSED
    assert press(part, in_part=True)[record.pk].outcome is ReleaseOutcome.RELEASED
    assert Shipment.objects.get().lines.get().quantity == 2


def test_a_longer_preview_asks_no_more_questions():
    channel, place = shop()
    counts = []
    for size in (1, 4):
        records = []
        for number in range(size):
            shirt = sku()
            stock(shirt, place, 1)
            records.append(placed(channel, order(line(shirt, 1 + number % 2), external_id=f"{size}-{number}")))
        with CaptureQueriesContext(connection) as queries:
            plans_of(*records)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_the_page_shows_what_waits_and_releases_what_is_ticked(desk):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 5)
    first = placed(channel, order(line(shirt, 1), external_id="A-1"))
    second = placed(channel, order(line(shirt, 1), external_id="A-2"))
    url = reverse("admin:orders_release")

    page = desk.get(url)
    assert [plan.order.pk for plan in page.context["going"]] == [first.pk, second.pk]
    ticked = {"seen": [f"{first.pk}:{page.context['going'][0].fingerprint}", "x:y", "99999999999:z"]}
    answer = desk.post(url, ticked)

    assert [(order_.pk, result.outcome.name) for order_, result, _parcels in answer.context["rows"]] == [
        (first.pk, "RELEASED")
    ]
    assert (answer.context["done"], answer.context["left"]) == (1, 0)
    assert [result.outcome.name for _o, result, _p in desk.post(url, ticked).context["rows"]] == ["ALREADY"]
    assert [plan.order.pk for plan in desk.get(url).context["going"]] == [second.pk]
    assert desk.get(url, {"wished_until": "2026-12-01"}).context["going"] == []


def test_chosen_orders_are_previewed_with_the_reasons_of_those_that_stay(desk):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 1)
    going = placed(channel, order(line(shirt, 1), external_id="A-1"))
    staying = placed(channel, order(line(shirt, 1), external_id="A-2"))
    chosen = {"action": "release", "_selected_action": [going.pk, staying.pk]}

    page = desk.post(reverse("admin:orders_order_changelist"), chosen)

    assert [plan.order.pk for plan in page.context["going"]] == [going.pk]
    assert [plan.order.pk for plan in page.context["staying"]] == [staying.pk]
    assert not Shipment.objects.exists()


def test_whoever_only_looks_may_not_open_it(client):
    client.force_login(User.objects.create_user("look", is_staff=True))

    assert client.get(reverse("admin:orders_release")).status_code == 403
