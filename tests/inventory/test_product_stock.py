"""The stock of a style: every figure is the ledger's, and what a channel may sell is the sum of the terms beside it."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from catalog.models import Color, Product, Size, Sku
from erp.inventory import selectors
from tests.inventory.factories import NOON, channel, location, stock
from tests.orders.factories import line, order, placed

pytestmark = pytest.mark.django_db


def style(code: str, colors: int, sizes: int) -> list[Sku]:
    product = Product.objects.create(code=code, name="Tシャツ")
    made = [Color.objects.create(code=f"{code}{n}", name=f"色{n}", sort_order=n) for n in range(colors)]
    cut = [Size.objects.create(code=f"{code}{n}", name=f"サイズ{n}", sort_order=n) for n in range(sizes)]
    return [
        Sku.objects.create(code=f"{code}-{c.name}-{s.name}", product=product, color=c, size=s)
        for c in made
        for s in cut
    ]


def of(product_id: int) -> selectors.ProductStock:
    return selectors.product_stock(product_id=product_id, at=NOON, sum_title="計")


def test_each_colour_and_size_is_counted_by_place_and_in_sum():
    here, there = location(), location()
    white_s, white_m, _black_s, black_m = style("T", 2, 2)
    site = channel(here, there)
    stock(white_s, here, 3)
    stock(white_s, there, 4)
    stock(black_m, there, 5)
    placed(site, order(line(white_s, 2)))
    white_m.delete()

    found = of(white_s.product_id)

    assert found.sizes == ("サイズ0", "サイズ1")
    total, first, second = found.places
    assert (total.name, first.name, second.name) == ("計", str(here), str(there))
    figures = [[cell and (cell[1].on_hand, cell[1].allocated) for cell in row.cells] for row in total.rows]
    assert figures == [[(7, 2), None], [(0, 0), (5, 0)]]
    assert (first.total.on_hand + second.total.on_hand, total.total.on_hand, total.total.allocated) == (12, 12, 2)


def test_what_a_channel_may_sell_is_the_sum_of_its_terms():
    here = location()
    [shirt, other] = style("T", 1, 2)
    site = channel(here)
    stock(shirt, here, 3)
    placed(site, order(line(shirt, 1)))

    [sold] = of(shirt.product_id).channels

    [row] = sold.rows
    assert [cell[1].available for cell in row.cells] == [2, 0]
    assert all(sum(term.quantity for term in cell[1].terms) == cell[1].available for cell in row.cells)
    assert (sold.total, other.pk) == (2, row.cells[1][0].pk)


def test_the_page_is_led_to_and_asks_no_more_for_more_skus(client: Any):
    client.force_login(User.objects.create_superuser("hanako"))
    here = location()
    channel(here)
    few, many = style("A", 1, 1), style("B", 5, 10)
    for each in few + many:
        stock(each, here, 2)
    urls = [reverse("admin:inventory_product_stock", args=[skus[0].product_id]) for skus in (few, many)]
    client.get(urls[0])  # what is read once per process is read

    counts = []
    for url in urls:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(url).status_code == 200
        counts.append(len(queries))

    assert counts[0] == counts[1]
    product = reverse("admin:catalog_product_change", args=[few[0].product_id])
    for page in (product, reverse("admin:inventory_stockbalance_changelist")):
        assert urls[0] in client.get(page).content.decode()
    assert client.get(reverse("admin:inventory_product_stock", args=[0])).status_code == 404


def test_two_sizes_of_one_name_are_two_columns_that_add_up(client: Any):
    here = location()
    [first, other] = style("T", 1, 2)
    Size.objects.update(name="M", sort_order=1)
    Color.objects.create(code="T9", name="色0", sort_order=0)
    third = Sku.objects.create(code="T-9", product=first.product, color=Color.objects.get(code="T9"), size=first.size)
    for pieces, each in ((3, first), (4, other), (5, third)):
        stock(each, here, pieces)

    found = of(first.product_id)

    assert found.sizes == ("M (T0)", "M (T1)")
    [place] = found.places
    assert [row.color for row in place.rows] == ["色0 (T0)", "色0 (T9)"]
    assert [[cell and cell[1].on_hand for cell in row.cells] for row in place.rows] == [[3, 4], [5, None]]
    assert place.total.on_hand == 12
    client.force_login(User.objects.create_superuser("hanako"))
    page = client.get(reverse("admin:catalog_product_change", args=[first.product_id])).content.decode()
    assert "<th>M (T0)</th><th>M (T1)</th>" in page
