"""販売分析: figures that add up to the yen, beside the year before, down to the order lines; for shops their own."""

from __future__ import annotations

import datetime as dt
import io
import re
import zipfile
from decimal import Decimal
from functools import partial

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog.models import Brand, Category, Product
from customers.services import CustomerData
from erp.back_office.roles import ROLES
from erp.core.actors import Actor
from erp.insights.selectors.sales import DIMENSIONS, Question, a_year_before, analyse, lines_behind
from erp.insights.services import refresh_rfm
from erp.inventory.models import ShopStaff
from erp.orders.models import Order, ShipmentLine
from erp.orders.services import DeliveryInput, ReturnedLine, cancel_order, record_return
from tests.back_office import access
from tests.customers.factories import account, bill_to
from tests.inventory.factories import channel, location, sku, stock
from tests.orders.factories import DESK, NOON, TODAY, line, order, placed, shipped, shop

pytestmark = pytest.mark.django_db
BY_NAME = {role.name: role for role in ROLES}
FIRST = TODAY.replace(day=1)
SPAN = {"first": FIRST.isoformat(), "last": TODAY.isoformat()}
URL, LINES = "/admin/insights/customerrfm/sales/", "/admin/insights/customerrfm/sales/lines/"


@pytest.fixture(autouse=True)
def fresh():
    cache.clear()


@pytest.fixture
def trade():
    """A coat and a shirt; two sites; 佐藤 of 東京都 buys both, 鈴木 of 大阪府 a shirt, one that came back, one that was cancelled."""

    class Trade:
        site, place = shop()
        far = channel(location())
        coat, shirt = sku(), sku()

    brand = Brand.objects.create(code="B", name="ユラリノ")
    for goods, name in ((Trade.coat, "コート"), (Trade.shirt, "シャツ")):
        category = Category.objects.create(code=name, name=name)
        Product.objects.filter(pk=goods.product_id).update(category=category, brand=brand, name=name)
        stock(goods, Trade.place, 100, unit_value=400)
    buys(Trade.site, "佐藤", "東京都", "A-1", line(Trade.coat, 1, 22_000), line(Trade.shirt, 2, 1_100))
    buys(Trade.site, "鈴木", "大阪府", "A-2", line(Trade.shirt, 1, 1_100))
    back = buys(Trade.site, "鈴木", "大阪府", "A-3", line(Trade.shirt, 3, 1_100))
    part = ShipmentLine.objects.get(shipment__order=back)
    record_return(order_id=back.pk, external_id="r-1", lines=[ReturnedLine(part.pk, 2)], at=NOON, by=DESK)
    placed(Trade.site, order(line(Trade.shirt, 9), external_id="A-4"))
    cancel_order(channel=Trade.site.code, external_id="A-4", at=NOON, by=DESK)
    buys(Trade.far, "田中", "東京都", "F-1", line(Trade.shirt, 4, 1_100), is_shipped=False)
    return Trade


def buys(site, who: str, prefecture: str, external_id: str, *lines, is_shipped: bool = True) -> Order:
    data = CustomerData(family_name=who, given_name="花子", prefecture=prefecture)
    sent = order(*lines, external_id=external_id, orderer_external_id=f"{site.pk}-{who}", orderer=data, ordered_at=NOON)
    made = placed(site, sent)
    if is_shipped:
        shipped(made)
    return made


def asked(rows: str, columns: str = "", **only: str):
    return analyse(Question(FIRST, TODAY, rows, columns, only), with_margin=True)


def sales(answer) -> dict[str, Decimal]:
    return {answer.label(answer.question.rows, cell.row): cell.now.sales for cell in answer.rows}


def test_what_stays_with_customers_is_counted_by_product_channel_and_customer(trade):
    assert sales(asked("category")) == {"コート": 20_000, "シャツ": 1000 * 8}
    assert sales(asked("channel")) == {trade.site.name: 24_000, trade.far.name: 4_000}
    assert sales(asked("prefecture")) == {"東京都": 26_000, "大阪府": 2_000}
    assert sales(asked("brand")) == {"ユラリノ": 28_000}
    assert sales(asked("month")) == {"2026/11": 28_000}


def test_the_margin_is_of_what_was_sold_and_stayed(trade):
    shirts = next(cell.now for cell in asked("category").rows if cell.now.units == 8)

    # Four shipped shirts stayed, each sold at 1,000 and bought at 400; the four of the far site are not shipped.
    assert (shirts.sold, shirts.margin, shirts.margin_percent) == (4000, 2400, 60)
    assert analyse(Question(FIRST, TODAY), with_margin=False).total.now.margin == 0


def test_different_customers_are_counted_once_in_each_row_and_once_in_all(trade):
    answer = asked("category")

    assert {answer.label("category", cell.row): cell.now.customers for cell in answer.rows} == {
        "コート": 1,
        "シャツ": 3,
    }
    assert answer.total.now.customers == 3
    assert answer.total.now.per_customer == 9333


@pytest.fixture
def wholesale(trade):
    """Two accounts: one orders twice, goods of the second order go to two prefectures; nobody said which customers they are."""
    pay = bill_to("B1")
    first, second = account("AC1", bill_to=pay, name="青空商店"), account("AC2", bill_to=pay, name="海辺百貨店")
    osaka, kyoto = DeliveryInput(ref="1", prefecture="大阪府"), DeliveryInput(ref="2", prefecture="京都府")
    shirts = partial(line, trade.shirt, price=1_100)
    sends_on_account(trade.far, "W-1", "AC1", (osaka,), shirts(10))
    sends_on_account(
        trade.far, "W-2", "AC1", (osaka, kyoto),
        shirts(5), shirts(1, line_id="2", delivery_ref="2"),
    )  # fmt: skip
    sends_on_account(trade.far, "W-3", "AC2", (kyoto,), shirts(4))
    return first, second


def sends_on_account(site, external_id: str, code: str, deliveries, *lines) -> Order:
    sent = order(*lines, external_id=external_id, account_code=code, payments=(), deliveries=deliveries)
    return placed(site, sent)


def test_who_buys_on_account_is_the_account(trade, wholesale):
    first, second = wholesale
    answer = asked("account", channel=str(trade.far.pk))
    rows = {answer.label("account", cell.row): (cell.now.customers, cell.now.units) for cell in answer.rows}

    assert rows == {str(first): (1, 16), str(second): (1, 4), "得意先以外": (1, 4)}
    assert (answer.total.now.customers, answer.total.now.per_customer) == (3, 8_000)
    assert asked("category").total.now.customers == 5


def test_an_account_is_no_shopper_of_an_unknown_segment(trade, wholesale):
    refresh_rfm(as_of=TODAY, at=NOON, by=Actor.job("rfm"))

    for rows in ("segment", "rfm"):
        told = sales(asked(rows, channel=str(trade.far.pk)))
        assert told.pop("卸(掛取引)") == 20_000, rows
        assert sum(told.values()) == 4_000
    assert sum(sales(asked("product", segment="ACCOUNT")).values()) == 20_000


def test_the_prefecture_of_an_account_is_where_its_goods_go(trade, wholesale):
    assert sales(asked("prefecture", channel=str(trade.far.pk))) == {"大阪府": 15_000, "京都府": 5_000, "東京都": 4_000}


def test_an_account_leads_to_its_lines_for_those_who_see_accounts(client, trade, wholesale):
    question = {**SPAN, "rows": "account", "measure": "sales", "segment": "ACCOUNT"}
    client.force_login(User.objects.create_superuser("mika"))
    [first, second] = client.get(URL, question).context["rows"]

    assert (first.label, second.label) == ("AC1 青空商店", "AC2 海辺百貨店")
    assert client.get(first.lines_url).context["total"].sales == 16_000
    assert client.get(f"{URL}?{second.url}").context["total"].now.sales == 4_000

    client.force_login(access.make_user(BY_NAME["店舗"]))
    assert "account" not in dict(client.get(URL).context["form"].fields["rows"].choices)


def test_the_lines_of_an_account_name_it_to_those_who_see_accounts(client, trade, wholesale):
    first, _second = wholesale
    question = {**SPAN, "rows": "account", "measure": "sales", "segment": "ACCOUNT"}
    client.force_login(User.objects.create_superuser("mika"))

    told = client.get(LINES, question).content.decode()

    assert re.search(rf'<a href="/admin/customers/account/{first.pk}/change/">AC1 青空商店</a>', told)
    assert '<td class="nowrap">–</td>' not in told
    client.force_login(access.make_user(BY_NAME["店舗"]))
    assert "青空商店" not in client.get(LINES, {**question, "rows": "category"}).content.decode()


@pytest.mark.parametrize("rows", DIMENSIONS)
@pytest.mark.parametrize("columns", ["", "channel", "segment"])
def test_rows_columns_and_pairs_add_up_to_the_total(trade, rows, columns):
    refresh_rfm(as_of=TODAY, at=NOON, by=Actor.job("rfm"))
    if rows == columns:
        return
    answer = asked(rows, columns)
    total = answer.total.now

    for cells in [answer.rows, *([answer.columns, answer.cells.values()] if columns else [])]:
        for name in ("units", "sales", "margin", "sold", "lines"):
            assert sum(getattr(cell.now, name) for cell in cells) == getattr(total, name), (rows, columns, name)
    assert (total.units, total.sales) == (9, 28_000)


def test_the_same_days_of_last_year_stand_beside_it(trade):
    assert asked("category").has_before is False
    Order.objects.filter(external_id="A-2").update(order_date=dt.date(2025, 11, 5))
    Order.objects.filter(external_id="F-1").update(order_date=dt.date(2025, 11, 30))

    answer = asked("month")

    assert answer.has_before
    [month] = answer.rows
    assert (month.row, month.now.sales, month.before.sales, month.before.units) == ("2026-11", 23_000, 1_000, 1)


@pytest.mark.parametrize(
    ("day", "before"), [(dt.date(2028, 2, 29), dt.date(2027, 2, 28)), (dt.date(2026, 3, 1), dt.date(2025, 3, 1))]
)
def test_a_year_before_a_leap_day_is_a_day(day, before):
    assert a_year_before(day) == before


def test_the_lines_behind_a_number_add_up_to_it(trade):
    category = str(Product.objects.get(pk=trade.shirt.product_id).category_id)
    question = Question(FIRST, TODAY, "category", "", {"category": category, "channel": str(trade.site.pk)})

    total, lines = lines_behind(question, with_margin=True)

    assert (total.units, total.sales, total.lines) == (4, 4000, 3)
    assert (sum(one.units for one in lines), sum(one.sales for one in lines)) == (total.units, total.sales)
    assert sum(one.margin for one in lines) == total.margin
    [unsold] = lines_behind(Question(FIRST, TODAY, "category", "", {"channel": str(trade.far.pk)}), with_margin=True)[1]
    assert (unsold.sales, unsold.margin) == (4000, None)


# --- The page ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def staff(client):
    client.force_login(User.objects.create_superuser("mika"))
    return client


def test_from_the_page_to_the_order_lines_in_two_clicks(staff, trade):
    page = staff.get(URL, {**SPAN, "rows": "category", "measure": "sales"})
    [coats, shirts] = page.context["rows"]
    styles = staff.get(f"{URL}?{shirts.url}")
    [style] = styles.context["rows"]
    lines = staff.get(style.lines_url)

    assert (coats.label, shirts.label, shirts.now.sales) == ("コート", "シャツ", 8000)
    assert style.label.endswith("シャツ")
    assert sum(line.sales for line, _row in lines.context["lines"]) == shirts.now.sales
    assert {row.order.external_id for _line, row in lines.context["lines"]} == {"A-1", "A-2", "A-3", "F-1"}
    assert "/admin/orders/order/" in lines.content.decode()


def test_the_lines_go_on_to_the_last(staff, trade, monkeypatch):
    monkeypatch.setattr("erp.insights.selectors.sales.LINES_SHOWN", 2)
    url, seen, texts = f"{LINES}?first={FIRST}&last={TODAY}&rows=category&measure=sales", [], []
    while url:
        page = staff.get(url)
        seen += [line for line, _row in page.context["lines"]]
        texts.append((page.context["first"], page.context["last"]))
        url = page.context["after"] and f"{LINES}?{page.context['after']}"

    assert texts == [(1, 2), (3, 4), (5, 5)]
    assert len({line.line_id for line in seen}) == page.context["total"].lines == 5
    assert sum(line.sales for line in seen) == page.context["total"].sales
    assert "p=2" in page.context["before"]
    assert "p=" not in page.context["back"]


def test_each_cell_of_a_cross_table_leads_to_its_lines(staff, trade):
    page = staff.get(URL, {**SPAN, "rows": "prefecture", "columns": "channel", "measure": "units"})

    row = next(row for row in page.context["rows"] if row.label == "東京都")
    texts = dict(zip(page.context["heads"], row.values, strict=True))
    lines = staff.get(texts[trade.far.name][1])

    assert {head: text for head, (text, _url) in texts.items()} == {trade.site.name: "3", trade.far.name: "4"}
    assert lines.context["total"].units == 4
    assert [text for text, _url in page.context["total"].values] == ["5", "4"]


def test_what_is_not_known_is_a_row_of_its_own_and_can_be_opened(staff, trade):
    page = staff.get(URL, {**SPAN, "rows": "segment", "measure": "sales"})
    [unknown] = page.context["rows"]

    assert unknown.label == "不明"
    assert staff.get(unknown.lines_url).context["total"].sales == 28_000
    assert "不明" in staff.get(f"{URL}?{unknown.url}").content.decode()


def test_the_chart_is_a_picture_of_our_own_with_a_bar_per_row(staff, trade):
    page = staff.get(URL, {**SPAN, "rows": "category", "measure": "sales"})

    text = page.content.decode()
    assert text.count('class="chart-now"') == 2
    assert "前年データなし" in text
    assert [bar.now for bar in page.context["bars"]] == [520, 208]


def test_many_rows_end_in_one_of_all_others_and_still_add_up(staff, trade, monkeypatch):
    monkeypatch.setattr("erp.insights.admin.sales.ROWS_SHOWN", 1)
    monkeypatch.setattr("erp.insights.admin.sales_sheet.COLUMNS_SHOWN", 1)

    rows = staff.get(URL, {**SPAN, "rows": "category", "measure": "sales"}).context["rows"]
    crossed = staff.get(URL, {**SPAN, "rows": "category", "columns": "channel", "measure": "sales"}).context

    assert [(row.label, row.now.sales) for row in rows] == [("コート", 20_000), ("その他(1 件)", 8_000)]
    assert [[text for text, _url in row.values] for row in crossed["rows"]] == [["20,000", "0"], ["4,000", "4,000"]]
    assert [text for text, _url in crossed["total"].values] == ["24,000", "4,000"]


def test_the_download_has_every_row_and_the_total(staff, trade):
    Category.objects.filter(name="コート").update(name="=SUM(A1)")

    told = staff.get(URL, {**SPAN, "rows": "category", "measure": "sales", "format": "csv"}).content.decode("utf-8-sig")
    crossed = staff.get(URL, {**SPAN, "rows": "category", "columns": "channel", "measure": "sales", "format": "csv"})

    book = staff.get(URL, {**SPAN, "rows": "category", "measure": "sales", "format": "xlsx"})
    with zipfile.ZipFile(io.BytesIO(b"".join(book.streaming_content))) as parts:
        sheet = parts.read("xl/worksheets/sheet1.xml").decode()
    assert "=SUM(A1)" in sheet
    assert "<f>" not in sheet
    assert re.search(r"<v>28000(\.0+)?</v>", sheet)

    head, coats, _shirts, total = [row.split(",") for row in told.splitlines()]
    assert head[0] == "商品グループ"
    assert coats[0] == "'=SUM(A1)"
    assert (total[0], total[1], Decimal(total[3])) == ("合計", "9", 28_000)
    assert Decimal(crossed.content.decode("utf-8-sig").splitlines()[-1].split(",")[-1]) == 28_000


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"first": "2026-11-30"}, "終了日が開始日より前です。"),
        ({"first": "2025-11-01"}, "期間は1年以内で指定してください。"),
        ({"first": "x"}, "日付を正しく入力してください。"),
        ({"columns": "category"}, "行と列には別のものを選んでください。"),
        ({"rows": "nonsense"}, "正しく選択してください"),
    ],
)
def test_what_cannot_be_asked_is_told_in_japanese(staff, wrong, told):
    page = staff.get(URL, {**SPAN, "rows": "category", "measure": "sales", **wrong})

    assert page.status_code == 200
    assert told in page.content.decode()
    assert "answer" not in page.context


def test_a_key_that_nobody_has_finds_nothing(staff, trade):
    page = staff.get(URL, {**SPAN, "rows": "category", "measure": "sales", "product": "'; DROP TABLE x; --"})

    assert page.context["rows"] == []


@pytest.mark.parametrize("role", ROLES, ids=[role.login for role in ROLES])
def test_each_role_sees_what_it_may(client, trade, role):
    user = access.make_user(role)
    client.force_login(user)

    page = client.get(URL, {**SPAN, "rows": "category", "measure": "sales"})

    assert page.status_code == (200 if user.has_perm("insights.analyse_sales") else 403)
    assert client.get(LINES, {**SPAN, "rows": "category", "measure": "sales"}).status_code == page.status_code
    if page.status_code == 200:
        assert ("粗利率" in page.content.decode()) == user.has_perm("core.see_costs")
        refused = client.get(URL, {**SPAN, "rows": "category", "measure": "margin"})
        assert ("answer" in refused.context) == user.has_perm("core.see_costs")


def test_a_shop_sees_its_own_sales_only(client, trade):
    own = location("SHOP")
    till = channel(own, kind="SHOP")
    buys(till, "青木", "東京都", "T-1", line(trade.shirt, 1, 1_100), is_shipped=False)
    user = access.make_user(BY_NAME["店舗"])
    ShopStaff.objects.create(user=user, location=own)
    client.force_login(user)

    page = client.get(URL, {**SPAN, "rows": "channel", "measure": "sales"})
    other = client.get(LINES, {**SPAN, "rows": "channel", "measure": "sales", "channel": str(trade.site.pk)})

    assert [(row.label, row.now.sales) for row in page.context["rows"]] == [(till.name, 1000)]
    assert "lines" not in other.context


def test_without_a_question_it_is_this_month_so_far(staff, trade):
    with time_machine.travel(NOON, tick=False):
        page = staff.get(URL)

    assert page.context["answer"].question.spans["first"] == FIRST
    assert page.context["answer"].total.now.sales == 28_000


def test_the_figures_are_one_statement_and_kept_for_some_minutes(staff, trade):
    with CaptureQueriesContext(connection) as asked_now:
        asked("sku", "channel")
    assert len([one for one in asked_now if "orders_orderline" in one["sql"]]) == 1

    question = {**SPAN, "rows": "category", "measure": "sales"}
    staff.get(URL, question)
    with CaptureQueriesContext(connection) as again:
        staff.get(URL, question)
    assert [one["sql"] for one in again if "orders_orderline" in one["sql"]] == []
