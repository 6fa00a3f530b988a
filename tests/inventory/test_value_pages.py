"""The reports of value as people see them: figures, totals, the way to what is behind them, and files."""

from __future__ import annotations

import csv
import datetime as dt
import io
import zipfile
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from catalog.models import Category, Product, Supplier
from erp.inventory import services
from erp.inventory.admin import sheets, value_pages
from erp.inventory.models import ExpectedReceipt, ReorderRule, WriteDownReview, WriteDownRule
from erp.inventory.services import ReceiptLine, TransferLine
from tests.inventory.factories import CLERK, location, sku

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(client):
    client.force_login(User.objects.create_superuser("keiri"))
    return client


@pytest.fixture
def shirts():
    """Ten shirts at 1,000 that came in half a year ago, four of them in a shop since today."""
    supplier = Supplier.objects.create(code="S1", name="=cmd()", registration_number="T7123456789012")
    item = sku(category=Category.objects.create(code="TOPS", name="=トップス"), supplier=supplier)
    warehouse, shop = location(), location("SHOP")
    came, today = timezone.now() - dt.timedelta(days=200), timezone.now()
    services.receive(
        external_id="R", location_id=warehouse.pk, supplier_id=supplier.pk, lines=[ReceiptLine(1, item.pk, 10, Decimal(1000))],
        occurred_at=came, at=today, by=CLERK,
    )  # fmt: skip
    services.transfer(
        external_id="T", from_location_id=warehouse.pk, to_location_id=shop.pk, lines=[TransferLine(1, item.pk, 4)],
        occurred_at=today, at=today, by=CLERK,
    )  # fmt: skip
    return item, warehouse


def page(desk, name, **asked):
    answer = desk.get(reverse(f"admin:inventory_{name}"), asked)
    assert answer.status_code == 200
    return answer


def test_each_report_shows_its_figures_and_leads_on(desk, shirts):
    item, _warehouse = shirts

    value = page(desk, "stock_value")
    by_place = page(desk, "stock_value", by="location", category=item.product.category_id)
    by_sku = page(desk, "stock_value", by="sku")
    flow = page(desk, "stock_flow", by="pool")
    dead = page(desk, "dead_stock", days=90)

    [(proof, ledger)] = [pair for pair in value.context["proofs"] if pair[0].value]
    assert (proof.value, proof.ledger, proof.difference, "account=" in ledger) == (10_000, 10_000, 0, True)
    [(url, cells, *_rest)] = value.context["rows"]
    assert [cell.text for cell in cells] == ["TOPS =トップス", "10", "1,000", "10,000"]
    assert (f"category={item.product.category_id}" in url, "by=product" in url) == (True, True)
    assert [[cell.text for cell in row[1]][1:] for row in by_place.context["rows"]] == [
        ["6", "1,000", "6,000"], ["4", "1,000", "4,000"],
    ]  # fmt: skip
    assert f"stockmovement/?q={item.code}" in by_sku.context["rows"][0][0]
    assert [str(head[0]) for head in flow.context["sheet"].groups] == ["", "期首", "移動入", "移動出", "期末"]
    assert [cell.text for cell in dead.context["rows"][0][1]][3:] == ["10", "10,000", "200", "–"]
    for name in ("turnover", "sell_through", "booked_later", "at_standard", "reorder"):
        page(desk, name)


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
@pytest.mark.parametrize("name", ["stock_value", "stock_flow", "dead_stock", "turnover", "sell_through", "valuation"])
def test_a_day_that_nobody_lives_to_see_is_refused_in_words(desk, shirts, name, day):
    item, _warehouse = shirts
    asked = {"day": day, "first": day, "last": day, "since": day, "skus": item.code}

    assert "日付が範囲外です。" in page(desk, name, **asked).content.decode()


@pytest.mark.parametrize(
    ("day", "told"),
    [
        ("0001-01-01", "日付が範囲外です。"),
        ("9999-12-31", "日付が範囲外です。"),
        ("2126-01-01", "まだ来ていない日付です。"),
    ],
)
def test_a_write_down_is_proposed_of_a_day_of_ours_that_has_come(desk, shirts, day, told):
    WriteDownRule.objects.create(months=6, percent=50)
    asked = {"cost_pool": shirts[1].cost_pool_id, "valued_on": day}

    answer = desk.post(reverse("admin:inventory_propose_write_down"), asked)

    assert told in answer.content.decode()
    assert not WriteDownReview.objects.exists()


def test_the_turnover_is_told_of_five_years_at_most(desk, shirts):
    """It is asked for the stock of each month's end."""
    told = "5年以内の期間を指定してください。"

    assert told in page(desk, "turnover", first="2021-03-31", last="2026-04-01").content.decode()
    assert told not in page(desk, "turnover", first="2021-04-01", last="2026-03-31").content.decode()


def test_files_hold_numbers_and_nothing_that_runs(desk, shirts):
    excel = page(desk, "stock_value", by="category", format="xlsx")
    shift_jis = page(desk, "stock_value", by="category", format="cp932")
    utf8 = page(desk, "stock_flow", by="category", format="utf-8-sig")

    with zipfile.ZipFile(io.BytesIO(b"".join(excel.streaming_content))) as parts:
        sheet = parts.read("xl/worksheets/sheet1.xml").decode()
    assert ("<f>" in sheet, "<v>10000</v>" in sheet, "TOPS =トップス" in sheet) == (False, True, True)
    assert b"".join(shift_jis.streaming_content).decode("cp932").splitlines()[1] == "TOPS =トップス,10,1000,10000"
    assert b"".join(utf8.streaming_content).startswith(b"\xef\xbb\xbf")


@pytest.mark.parametrize("name", ["stock_value", "stock_flow"])
def test_a_long_report_makes_links_for_the_rows_it_shows_only_and_adds_up_all(desk, shirts, monkeypatch, name):
    _item, warehouse = shirts
    more = [ReceiptLine(number, sku().pk, number, Decimal(10)) for number in range(1, 5)]
    now = timezone.now()
    services.receive(external_id="R2", location_id=warehouse.pk, lines=more, occurred_at=now, at=now, by=CLERK)
    linked = []

    def linked_row(_request, _form, _by, key, _label):
        linked.append(key)
        return ""

    monkeypatch.setattr(sheets, "ROWS_A_PAGE", 2)
    monkeypatch.setattr(value_pages, "row_url", linked_row)

    shown = page(desk, name, by="sku", p=3).context
    rows = list(csv.reader(io.StringIO(page(desk, name, by="sku", format="utf-8-sig").getvalue().decode("utf-8-sig"))))

    assert (shown["count"], shown["first"], len(shown["rows"]), len(linked)) == (5, 5, 1, 1)
    assert len(rows) == 7
    assert rows[-1][-1] == "10100"
    assert shown["total"][-1].text == "10,100"


def test_a_write_down_is_proposed_edited_and_posted(desk, shirts):
    WriteDownRule.objects.create(months=6, percent=50)
    pool_id = shirts[1].cost_pool_id

    desk.post(
        reverse("admin:inventory_propose_write_down"),
        {"cost_pool": pool_id, "valued_on": timezone.localdate().isoformat()},
    )
    review = WriteDownReview.objects.get()
    url = reverse("admin:inventory_write_down_review", args=[review.pk])
    line = review.lines.get()
    desk.post(url, {"act": "save", f"line_{line.pk}": "4,000"})
    excel = desk.get(url, {"format": "xlsx"})
    desk.post(url, {"act": "post"})
    shown = desk.get(url)

    review.refresh_from_db()
    assert (review.state, shown.context["loss"], shown.context["is_draft"]) == ("POSTED", 6_000, False)
    assert b"".join(excel.streaming_content).startswith(b"PK")
    assert b"WD-" in desk.get(reverse("admin:inventory_stockdocument_change", args=[review.document_id])).content


def test_a_proposal_with_a_name_that_shift_jis_does_not_have_says_so(desk, shirts):
    WriteDownRule.objects.create(months=6, percent=50)
    item, warehouse = shirts
    Product.objects.filter(pk=item.product_id).update(name="𠮷野のシャツ")
    asked = {"cost_pool": warehouse.cost_pool_id, "valued_on": timezone.localdate().isoformat()}
    desk.post(reverse("admin:inventory_propose_write_down"), asked)
    url = reverse("admin:inventory_write_down_review", args=[WriteDownReview.objects.get().pk])

    refused = desk.get(url, {"format": "cp932"}, follow=True)

    assert refused.redirect_chain == [(url, 302)]
    assert any("𠮷" in str(told) for told in refused.context["messages"])


def test_chosen_lines_become_expected_receipts_of_their_supplier(desk, shirts):
    item, warehouse = shirts
    ReorderRule.objects.create(sku=item, reorder_point=20, lot=5)
    url = reverse("admin:inventory_reorder")

    offered = page(desk, "reorder").context["rows"]
    asked = {"name": "PO-1", "location": warehouse.pk, f"buy_{item.pk}": "10", f"pick_{item.pk}": "1"}
    check = desk.post(url, {**asked, "act": "check"})
    desk.post(url, {**asked, "act": "make"})

    assert [(row[2], row[3]) for row in offered] == [(item.pk, 10)]
    [(supplier, lines, pieces, _amount)] = check.context["purchases"]
    assert (supplier.code, [line.quantity for line in lines], pieces) == ("S1", [10], 10)
    made = ExpectedReceipt.objects.get()
    assert (made.external_id, made.quantity, made.supplier_id) == ("PO-1-S1", 10, supplier.pk)
