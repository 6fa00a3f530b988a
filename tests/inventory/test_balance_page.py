"""The page of a balance: what stands behind each of its figures, with the way to it, as far as the user may look."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from erp.inventory import services
from erp.inventory.models import ShopStaff, StockDocument
from erp.inventory.selectors.balance_sheet import claims_on_balances, last_movements
from erp.orders.services import ReturnedLine, record_return
from tests.inventory.factories import CLERK, NOON, balance, channel, location, sku, stock
from tests.orders.factories import line, order, placed, released, shipped

pytestmark = pytest.mark.django_db
HOUR = dt.timedelta(hours=1)


def hold(site, item, pieces, ref, *, until, at=None):
    services.place_hold(
        channel_id=site.pk, ref=ref, kind="KEEP", owner_label="山田", lines=[services.HoldDemand(item.pk, pieces)],
        expires_at=until, at=at or timezone.now(), by=CLERK,
    )  # fmt: skip


@pytest.fixture
def shelf():
    """Ten pieces of which orders have five and a customer two, one of them until yesterday."""
    place, item = location(), sku()
    site = channel(place)
    stock(item, place, 10, at=NOON)
    first = placed(site, order(line(item, 3), external_id="A"))
    placed(site, order(line(item, 2), external_id="B"))
    hold(site, item, 1, "K-1", until=timezone.now() + 5 * HOUR)
    hold(site, item, 1, "K-2", until=timezone.now() - HOUR, at=timezone.now() - 2 * HOUR)
    return place, item, first


def enter(client, role, *places):
    user = User.objects.create_user("one", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    for place in places:
        ShopStaff.objects.create(user=user, location=place)
    client.force_login(user)


def page_of(client, item, place):
    return client.get(reverse("admin:inventory_stockbalance_change", args=[balance(item, place).pk]))


@pytest.mark.parametrize("limit", [10, 1])
def test_what_is_allocated_is_the_sum_of_whose_it_is_however_many_are_listed(shelf, limit):
    place, item, _first = shelf
    keys = [(item.pk, place.pk)]

    found = claims_on_balances(keys, at=timezone.now(), limit=limit)

    assert found.allocated == balance(item, place).allocated == 7
    assert (found.reserved, found.held, found.expired) == (5, 2, 1)
    assert sum(row.quantity for row in found.reservations) + found.reserved_elsewhere == 5
    assert sum(row.quantity for row in found.holds) + found.held_elsewhere == 2
    assert len(found.reservations) == min(limit, 2)


def test_the_last_movements_are_those_of_the_balances_that_are_asked_for(shelf):
    place, item, _first = shelf
    other = location()
    stock(item, other, 4, at=NOON + HOUR)
    stock(item, place, 1, at=NOON + 2 * HOUR)

    def moved(*places, limit=10):
        return [row.quantity for row in last_movements([(item.pk, each.pk) for each in places], limit=limit)]

    assert moved(place) == [1, 10]
    assert moved(place, other) == [1, 4, 10]
    assert moved(place, other, limit=2) == [1, 4]
    assert moved() == []


def test_every_figure_leads_to_what_it_is_made_of(client, shelf):
    place, item, first = shelf
    released(first)
    enter(client, "倉庫")

    page = page_of(client, item, place).content.decode()

    for url in (
        reverse("admin:orders_order_change", args=[first.pk]),
        reverse("admin:inventory_product_stock", args=[item.product_id]),
        f"{reverse('admin:inventory_stockmovement_changelist')}?q={item.code}&amp;location__id__exact={place.pk}",
        reverse("admin:inventory_stock_then_terms"),
    ):
        assert url in page
    assert first.number in page
    assert "K-1" in page
    assert "4 時間" in page or "4時間" in page
    assert "うち期限切れ" in page


def test_a_past_moment_is_asked_for_from_the_pages_of_a_balance_and_of_its_style(client, shelf):
    place, item, _first = shelf
    enter(client, "倉庫")
    style = client.get(reverse("admin:inventory_product_stock", args=[item.product_id]))
    asked = []

    for answer in (page_of(client, item, place), style):
        [form] = re.findall(
            r'<form method="get" action="([^"]+)" class="act-bar">(.+?)</form>', answer.content.decode(), re.S
        )
        fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form[1]))
        assert client.get(form[0], fields).status_code == 200
        asked.append((form[0], fields | {"at": ""}))

    assert asked == [
        (reverse("admin:inventory_stock_then_terms"), {"at": "", "sku": str(item.pk), "location": str(place.pk)}),
        (reverse("admin:inventory_stock_then"), {"at": "", "by": "balance", "skus": item.product.code}),
    ]


def test_the_movements_of_a_month_lead_to_those_movements(client):
    place, item, other = location(), sku(), sku()
    start = dt.datetime(2026, 9, 10, 3, tzinfo=dt.UTC)
    for goods, day in ((item, 0), (item, 5), (item, 40), (other, 1)):
        stock(goods, place, 1, at=start + dt.timedelta(days=day))
    services.cut_snapshots(at=start + dt.timedelta(days=90), by=CLERK)
    asked = {"at": "2026-11-20T00:00:00", "sku": item.pk, "location": place.pk}

    client.force_login(User.objects.create_superuser("mika"))
    found = client.get(reverse("admin:inventory_stock_then_terms"), asked).context["found"]

    counts = [(month.movements, len(client.get(url).context["cl"].result_list)) for month, url in found["months"]]
    assert counts == [(2, 2), (1, 1)]


def test_a_shop_sees_its_own_balances_only(client, shelf):
    place, item, _first = shelf
    shop = location("SHOP")
    stock(item, shop, 1, at=NOON)
    enter(client, "店舗", shop)

    assert page_of(client, item, shop).status_code == 200
    assert page_of(client, item, place).status_code == 404
    style = client.get(reverse("admin:inventory_product_stock", args=[item.product_id])).content.decode()
    assert place.name not in style
    assert "K-1" not in style


def test_the_terms_of_what_may_be_sold_lead_to_the_balance_and_to_the_rules(client, shelf):
    place, item, _first = shelf
    site = channel(place)
    services.keep_back(channel_id=site.pk, sku_id=None, quantity=1, at=timezone.now(), by=CLERK)
    enter(client, "EC運営")

    asked = {"channel": site.pk, "skus": item.code}
    page = client.get(reverse("admin:inventory_availability"), asked).content.decode()

    assert reverse("admin:inventory_stockbalance_change", args=[balance(item, place).pk]) in page
    assert f"{reverse('admin:inventory_channelpolicy_changelist')}?channel__id__exact={site.pk}" in page


def test_a_page_of_much_asks_no_more_than_one_of_little(client):
    place, few, many = location(), sku(), sku()
    site = channel(place)
    for item, count in ((few, 1), (many, 12)):
        for number in range(count):
            stock(item, place, 5, at=NOON)
            placed(site, order(line(item, 1), external_id=f"{item.code}-{number}"))
            hold(site, item, 1, f"{item.code}-{number}", until=timezone.now() + HOUR)
    client.force_login(User.objects.create_superuser("hanako"))
    page_of(client, few, place)

    counts = []
    for item in (few, many):
        with CaptureQueriesContext(connection) as queries:
            assert page_of(client, item, place).status_code == 200
        counts.append(len(queries))

    assert counts[0] == counts[1]


def test_a_parcel_and_a_return_lead_to_what_they_moved(client, shelf):
    _place, _item, first = shelf
    [parcel] = shipped(first)
    back = ReturnedLine(parcel.lines.get().pk, 1, "SELLABLE")
    document = record_return(order_id=first.pk, external_id="R-1", lines=[back], at=NOON, by=CLERK)
    enter(client, "経理")

    for kind, row in (("SHIPMENT", parcel), ("RETURN", document)):
        page = client.get(reverse(f"admin:orders_{row._meta.model_name}_change", args=[row.pk])).content.decode()
        moved = StockDocument.objects.get(source_type=kind, source_id=row.pk)
        assert reverse("admin:inventory_stockdocument_change", args=[moved.pk]) in page
