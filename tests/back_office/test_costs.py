"""What goods cost is read by those only who may know it: on no list, no page and in no file by anybody else."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import BooleanField, DateField, DecimalField, IntegerField
from django.urls import reverse

from catalog.models import SkuCost, Supplier
from erp.back_office.roles import ROLES
from erp.core.permissions import SEE_COSTS
from erp.imports.masters import registered
from erp.inventory import services as stock
from erp.inventory.models import ShopStaff, StockCount
from erp.orders import services
from erp.orders.models import Order
from tests.back_office import access, links
from tests.back_office.shown import fields_of
from tests.customers.factories import account, bill_to
from tests.inventory.factories import sku
from tests.orders.factories import DESK, NOON, TODAY, line, order, placed, released, shipped, shop

pytestmark = pytest.mark.django_db
KNOW_COSTS = [role for role in ROLES if SEE_COSTS in role.permissions]
OTHERS = [role for role in ROLES if SEE_COSTS not in role.permissions]
ABOUT_COSTS = re.compile(r"(?:^|_)(?:cost|costs|value|loss|margin)(?:_|$)")
# From what value a count of a place has to be approved: a rule of the house, of no goods.
NO_COSTS = {"count_value_limit"}


def costs_shown_to(role: Any) -> set[tuple[str, str]]:
    return {
        (where, field.name)
        for where, _model, field in fields_of(access.make_user(role))
        if ABOUT_COSTS.search(field.name)
        and isinstance(field, DecimalField | IntegerField | DateField)
        and not isinstance(field, BooleanField)
        and field.name not in NO_COSTS
    }


@pytest.mark.parametrize("role", OTHERS, ids=[role.login for role in OTHERS])
def test_no_list_and_no_page_has_a_column_or_field_of_costs_for_whoever_may_not_know_them(role):
    assert costs_shown_to(role) == set()


def test_those_who_may_know_costs_are_shown_them():
    """What is looked for is there to be found."""
    [books] = [role for role in KNOW_COSTS if role.login == "keiri"]

    found = costs_shown_to(books)

    assert {("list orders.shipmentline", "cost_amount"), ("page orders.shipmentline", "cost_date")} <= found
    assert {where for where, _name in found} >= {
        "page orders.shipment", "lines of orders.shipmentline on orders.shipment", "page inventory.stockmovement",
    }  # fmt: skip


def test_files_of_masters_have_no_column_of_costs_for_whoever_may_not_know_them():
    readers = [(role.name, access.make_user(role)) for role in OTHERS]
    shown = {
        (name, master.code, column.field)
        for name, user in readers
        for master in registered()
        for column in master.columns
        if ABOUT_COSTS.search(column.field) and isinstance(master.field(column.field), DecimalField)
        if master.may(user, "view") or master.may_import(user)
    }

    assert shown == set()


# Pages and files as they are answered. Everything is bought at one price, which nothing else amounts to.
COST = 7919
SUMS = "|".join(f"{units * COST:,}".replace(",", ",?") for units in range(1, 25))
TELLS_COSTS = re.compile(rf"(?<![\d.,-])(?:{SUMS})(?![\d,])")
HOW = {"at": NOON, "by": DESK}
DAY = {"first": "2026-11-01", "last": "2026-11-30"}
REPORTS = (
    ("insights_sales", {**DAY, "rows": "product", "measure": "sales"}),
    ("insights_sales", {**DAY, "rows": "product", "measure": "margin"}),
    ("inventory_stock_then", {"at": "2026-11-24T00:00", "by": "balance"}),
    *((f"inventory_{name}", {"on": "2026-11-24", "by": "sku"}) for name in (
        "stock_value", "stock_flow", "dead_stock", "turnover", "sell_through", "at_standard", "reorder",
    )),
)  # fmt: skip


def a_day_of_trade() -> Any:
    """A little of all that goods go through, at one place."""
    channel, place = shop(kind="WHOLESALE", revenue_basis="SALES_REPORT")
    retail, _store = shop()
    account("AC1", bill_to=bill_to("B1"))
    goods = sku()
    SkuCost.objects.create(
        sku=goods,
        supplier=Supplier.objects.create(code="S-1", name="青山縫製"),
        cost=COST,
        valid_from=dt.date(2026, 1, 1),
    )
    expected = stock.ExpectedLine(1, goods.pk, 4, TODAY, Decimal(COST))
    stock.expect_receipt(external_id="PO-1", location_id=place.pk, lines=[expected], **HOW)
    stock.receive(
        external_id="R-1",
        location_id=place.pk,
        lines=[stock.ReceiptLine(1, goods.pk, 9, Decimal(COST))],
        occurred_at=NOON,
        **HOW,
    )
    stock.sell_from(channel_id=retail.pk, location_id=place.pk, rank=1, **HOW)
    [parcel] = shipped(placed(retail, order(line(goods, 2, 20_000))))
    [part] = parcel.lines.all()
    lines = [services.ReturnedLine(part.pk, 1, "SELLABLE")]
    services.record_return(order_id=parcel.order_id, external_id="B-1", lines=lines, reason="size", **HOW)
    [sent] = shipped(placed(channel, order(line(goods, 2, 20_000), external_id="A-2", account_code="AC1", payments=())))
    sold = [services.SoldUnits(sent.lines.get().pk, 1)]
    services.report_sales(channel=channel.code, external_id="SR-1", lines=sold, report_date=TODAY, **HOW)
    released(placed(retail, order(line(goods, 1, 20_000), external_id="A-3")))
    placed(retail, order(line(goods, 9, 20_000), external_id="A-4"))
    count = stock.open_count(external_id="T-1", location_id=place.pk, scope=stock.CountScope(), **HOW)
    stock.start_count(count_id=count, **HOW)
    seen = stock.CountEntry("k1", goods.pk, 3, NOON)
    stock.enter_counts(count_id=count, sheet="A", entries=[seen], **HOW)
    stock.close_count(count_id=count, uncounted="LEAVE", **HOW)
    stock.record_physical_fact(
        source_type="SHOP_SALE",
        source_id=1,
        location_id=place.pk,
        lines=[stock.PhysicalLine(1, goods.pk, 12)],
        occurred_at=NOON,
        **HOW,
    )
    return place


def read_by(client: Any, user: User) -> Iterator[tuple[str, str]]:
    """Address and content of the pages that a user opens, and of the files that they are offered."""
    client.force_login(user)
    wanted = list(links.pages_of(user))
    request = access._request(user, "/admin/")
    for model, page in admin.site._registry.items():
        if page.has_view_permission(request):
            rows = page.get_queryset(request).order_by("-pk").values_list("pk", flat=True)[:5]
            name = f"admin:{model._meta.app_label}_{model._meta.model_name}_change"
            wanted += [reverse(name, args=[key]) for key in rows]
    wanted += [
        f"{reverse('admin:imports_export')}?kind={master.code}" for master in registered() if master.may(user, "view")
    ]
    wanted += [
        f"{reverse('admin:inventory_stocktake_file', args=[row.pk])}?format=utf-8-sig"
        for row in StockCount.objects.all()
    ]
    for name, asked in REPORTS:
        query = "&".join(f"{key}={value}" for key, value in asked.items())
        wanted += [f"{reverse(f'admin:{name}')}?{query}{form}" for form in ("", "&format=csv", "&format=utf-8-sig")]
    for address in dict.fromkeys(wanted):
        answer = client.get(address, follow=True)
        if answer.status_code == 200:
            yield address, (b"".join(answer) if answer.streaming else answer.content).decode("utf-8", "replace")
            links._end(answer)


def tell_costs(client: Any, user: User) -> dict[str, set[str]]:
    found = {address: set(TELLS_COSTS.findall(content)) for address, content in read_by(client, user)}
    return {address: told for address, told in found.items() if told}


@pytest.mark.slow
@pytest.mark.parametrize("role", OTHERS, ids=[role.login for role in OTHERS])
def test_nothing_that_a_role_reads_tells_what_goods_cost(client, role):
    place = a_day_of_trade()
    user = access.make_user(role)
    ShopStaff.objects.create(user=user, location=place)

    assert tell_costs(client, user) == {}


@pytest.mark.slow
def test_accounting_reads_costs_where_they_belong(client):
    """The same walk finds them for whoever may know them."""
    a_day_of_trade()
    [books] = [role for role in KNOW_COSTS if role.login == "keiri"]

    told = " ".join(tell_costs(client, access.make_user(books)))

    for page in (
        "orders/shipment/",
        "orders/shipmentline/",
        "inventory/stockmovement/",
        "inventory/expectedreceipt/",
        "insights/",
        "stock-value",
    ):
        assert page in told, page
    assert Order.objects.count() == 4
