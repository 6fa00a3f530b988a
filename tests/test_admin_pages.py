"""Every page of the back office opens, empty and full, and none of them asks the database more because a list is longer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from benchmarks import lists
from catalog.models import Brand
from customers.models import ExposureEntry
from erp.core.admin.paging import FastPaginator
from erp.core.admin.sorting import has_order
from erp.inventory.models import TransferOrder
from erp.orders import services
from erp.orders.models import Order
from tests.inventory.factories import location, stock
from tests.inventory.factories import sku as new_sku
from tests.orders.desk import of_role
from tests.orders.factories import DESK, NOON, line, order, placed, shipped, shop
from tests.raw_words import raw_words

pytestmark = pytest.mark.django_db
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label_lower)
NAMES = [model._meta.label_lower for model in MODELS]
OWN_PAGES = [
    "admin:index",
    "admin:accounting_trial_balance",
    "admin:accounting_general_ledger",
    "admin:accounting_subsidiary_ledger",
    "admin:accounting_aging",
    "admin:orders_release",
    "admin:orders_distribute",
    "admin:inventory_distribute",
    "admin:orders_packing",
    "admin:orders_take_back",
    "admin:inventory_inspect",
    "admin:orders_labels",
    "admin:orders_tracking",
    "admin:inventory_availability",
    "admin:inventory_receive",
    "admin:inventory_adjust",
    "admin:inventory_transfer",
    "admin:inventory_arrive",
    "admin:inventory_redirect",
    "admin:inventory_count",
    "admin:accounting_exportrun_add",
    "admin:catalog_product_import",
    "admin:ec_gateway_fetch_order",
    "admin:ec_gateway_reconcile",
]


@pytest.fixture
def staff(client: Any) -> Any:
    client.force_login(User.objects.create_superuser("mika"))
    return client


def page(model: Any, name: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{name}", args=args)


def days_work(count: int) -> None:
    """``count`` orders from stock to sale, some of each shipped, taken back, on hold and waiting for goods."""
    channel, place = shop()
    for number in range(count):
        goods = new_sku()
        stock(goods, place, 3)
        sold = placed(channel, order(line(goods, 2), external_id=f"{channel.code}-{number}"))
        [parcel] = shipped(sold)
        [parcel_line] = parcel.lines.all()
        services.record_return(
            order_id=sold.pk,
            external_id=f"{channel.code}-r{number}",
            lines=[services.ReturnedLine(parcel_line.pk, 1, "SELLABLE")],
            reason="size",
            at=NOON,
            by=DESK,
        )
        held = placed(channel, order(line(goods, 5), external_id=f"{channel.code}-w{number}"))
        services.hold_order(order_id=held.pk, detail="asks for a call", at=NOON, by=DESK)


def statements(client: Any, url: str) -> list[str]:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == 200
    # Once a minute a session notes that it is in use, whatever the page.
    return [query["sql"] for query in queries if 'UPDATE "access_staffsession"' not in query["sql"]]


@pytest.mark.parametrize("name", OWN_PAGES)
def test_every_page_of_our_own_opens_on_an_empty_system(staff, name):
    assert staff.get(reverse(name)).status_code == 200


def test_every_list_is_known_to_be_long_or_to_stay_short():
    """Those of tables that grow with trade are measured at a million rows."""
    lists.assert_every_list_is_known()


@pytest.mark.parametrize("model", MODELS, ids=NAMES)
def test_every_list_opens_without_a_row_and_a_search_finds_nothing(staff, model):
    url = page(model, "changelist")

    assert staff.get(url).status_code == 200
    assert staff.get(url, {"q": "nothing of that name"}).status_code == 200


@pytest.mark.parametrize("model", MODELS, ids=NAMES)
def test_the_form_for_a_new_row_opens_where_rows_are_typed(staff, rf, model):
    request = rf.get("/")
    request.user = User.objects.get(username="mika")
    allowed = admin.site._registry[model].has_add_permission(request)

    answer = staff.get(page(model, "add"))

    assert answer.status_code == (200 if allowed else 403)


def test_every_list_and_one_document_of_each_opens_after_a_day_s_work(staff):
    days_work(1)

    empty, codes, urls = set(), set(), [reverse(name) for name in OWN_PAGES]
    for model in MODELS:
        urls.append(page(model, "changelist"))
        row = model._default_manager.order_by("pk").first()
        if row is None:
            empty.add(model._meta.label_lower)
        else:
            urls.append(page(model, "change", row.pk))
            codes.add(getattr(row, "code", ""))
    raw = {}
    for url in urls:
        answer = staff.get(url)
        assert answer.status_code == 200, url
        if words := set(raw_words(answer.content.decode())) - codes:
            raw[url] = words
    # People read names: no actor in its short form, no code in capitals.
    assert raw == {}
    assert not empty & {
        "orders.order",
        "orders.shipment",
        "orders.return",
        "accounting.journalentry",
        "inventory.stockbalance",
    }


def test_a_longer_list_does_not_ask_more(staff):
    days_work(1)
    urls = [page(model, "changelist") for model in MODELS] + [reverse("admin:index")]
    for url in urls:
        staff.get(url)  # what is read once per process is read
    few = {url: len(statements(staff, url)) for url in urls}

    days_work(4)

    assert {url: len(statements(staff, url)) for url in urls} == few


@pytest.mark.parametrize("model", MODELS, ids=NAMES)
def test_no_list_counts_a_table_to_its_end(staff, model):
    """Neither as it stands nor with a choice of a filter nor searched: what is counted is counted up to a limit."""
    url = page(model, "changelist")
    shown = staff.get(url, {"_all": "1"}).context["cl"]
    choices = [choice["query_string"] for spec in shown.filter_specs for choice in list(spec.choices(shown))[1:2]]

    for query in ("?_all=1", "?q=42", *choices):
        with CaptureQueriesContext(connection) as queries:
            staff.get(url + query)
        counted = [sql for sql in (query["sql"] for query in queries) if "COUNT(" in sql.upper()]
        assert [sql for sql in counted if "LIMIT" not in sql] == []


def test_a_long_table_is_sorted_only_as_an_index_knows(staff, monkeypatch):
    url = page(Order, "changelist")
    free = staff.get(url, {"o": "6"}).context["cl"]
    monkeypatch.setattr(FastPaginator, "estimate", staticmethod(lambda _model: 1_000_000))

    long = staff.get(url, {"o": "6.-5.7"}).context["cl"]

    assert "orderer_name" in free.sortable_by
    assert free.get_ordering_field_columns() == {6: "asc"}
    assert long.sortable_by == ["number", "order_date"]
    assert long.get_ordering_field_columns() == {5: "desc"}


def test_a_text_that_an_index_has_with_a_key_behind_it_is_no_order_of_a_long_table():
    assert has_order(TransferOrder, "external_id")
    assert not has_order(ExposureEntry, "document_type")


def test_no_long_list_groups_its_table_before_a_page_is_cut(rf):
    request = rf.get("/")
    request.user = User.objects.create_superuser("mika")
    pages = {model._meta.label_lower: page for model, page in admin.site._registry.items()}

    assert [name for name in lists.LONG if pages[name].get_queryset(request).query.group_by is not None] == []


def test_amounts_are_written_as_people_write_them(staff):
    channel, place = shop()
    goods = new_sku()
    stock(goods, place, 3)
    sold = placed(channel, order(line(goods, 2, price=1_234_567)))

    listed = staff.get(page(type(sold), "changelist")).content.decode()
    opened = staff.get(page(type(sold), "change", sold.pk)).content.decode()

    assert '<span class="figure">2,469,134</span>' in listed
    assert '<span class="figure">1,234,567</span>' in opened
    assert "1234567.00" not in opened


def test_who_only_looks_at_a_master_reads_its_figures_so_too(client):
    """In the form of whoever may change it, a figure is typed plainly."""
    place = location()
    type(place).objects.filter(pk=place.pk).update(count_value_limit=1_234_567)
    url = page(type(place), "change", place.pk)

    looking = of_role(client, "経理").get(url).content.decode()
    client.force_login(User.objects.create_superuser("chief"))

    assert '<span class="figure">1,234,567</span>' in looking
    assert 'value="1234567"' in client.get(url).content.decode()


# Each asks dozens of addresses: every sixth list with each change, all of them with the slow tests.
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if place % 6 else []) for place, name in enumerate(NAMES)]
)
def test_a_nul_in_a_question_is_answered_as_any_nonsense(staff, name):
    """In the search, in every filter and in a saved address."""
    model = MODELS[NAMES.index(name)]
    page = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    fields = [str(each[0] if isinstance(each, tuple) else each) for each in admin.site._registry[model].list_filter]
    names = ["q", "o", "p", *(f"{field}__exact" for field in fields), *(f"{field}__in" for field in fields), *fields]
    for asked in names:
        if "<class" not in asked:
            assert staff.get(f"{page}?{asked}=x%00y", follow=True).status_code == 200, asked


def test_a_nul_is_answered_on_tasks_and_reports(staff):
    for address in (
        "/admin/core/stafftask/?kind__in=%00",
        "/admin/orders/order/?state__exact=%00",
        "/admin/find/?q=a%00b",
        "/admin/find/?%00=1",
        reverse("admin:insights_sales") + "?product=%00",
        reverse("admin:insights_sales_lines") + "?product=%00",
    ):
        assert staff.get(address, follow=True).status_code == 200, address


def test_a_nul_in_a_form_is_refused_and_says_so(staff):
    for address, form in (
        ("/admin/orders/shipment/packing/", {"code": "a\0b"}),
        ("/admin/orders/shipment/tracking/", {"rows": '[[1, "a", "b\0"]]'}),
        ("/admin/core/stafftask/", {"action": "close", "x\0": "1"}),
        ("/admin/catalog/brand/add/", {"code": "a\0b", "name": "b"}),
    ):
        answer = staff.post(address, form)
        assert (answer.status_code, "NUL, U+0000" in answer.content.decode()) == (400, True), address
    assert not Brand.objects.exists()


def test_a_nul_in_what_scripts_send_is_refused_too(staff):
    answer = staff.post("/admin/orders/shipment/tracking/", {"rows": json.dumps([[1, "a\0b", "1", "", ""]])})
    assert "もう一度ファイルを選んでください" in answer.content.decode()

    sent = {"count": 1, "sheet": "A", "entries": [{"key": "1", "code": "a\0b", "quantity": 1}]}
    answer = staff.post("/admin/inventory/stockcount/count/", json.dumps(sent), content_type="application/json")
    assert (answer.status_code, answer.json()) == (400, {"refused": "読み取れません。"})
