"""The first page: what waits, how old, by when, one click away; bounded questions; money for those who may see it."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from catalog.models import Product
from ec_gateway.models import ApiKey
from ec_gateway.services.access import create_key
from erp.back_office import home
from erp.back_office.roles import ROLES
from erp.core import work_queues
from erp.core.models import DefaultFilter, SavedFilter, StaffTask
from erp.core.work_queues import WorkQueue, measure, named, parts_of, registered
from erp.insights.selectors.sales import Compare, before_of
from erp.inventory.models import ExpectedReceipt, Hold, ProvisionalReceipt, ShopStaff
from erp.inventory.services import HoldDemand, place_hold
from erp.orders import services
from erp.orders.models import Order, OrderLine, OrderState, Shipment
from erp.orders.services import DeliveryInput, PaymentInput
from tests.back_office import access
from tests.back_office.test_shop_staff import sell
from tests.ec_gateway.factories import shop as ec_shop
from tests.inventory.factories import CLERK, channel, location, sku, stock
from tests.orders.factories import DESK, NOON, line, order, placed, shipped, shop

pytestmark = pytest.mark.django_db
BY_NAME = {role.name: role for role in ROLES}
# Some rows each; the rest grow with trade.
SMALL_TABLES = {"ec_gateway_apikey", "ec_gateway_ecsite", "ec_gateway_sitestate", "ec_gateway_reconciliationrun"}


@pytest.fixture(autouse=True)
def fresh_figures():
    cache.clear()


@pytest.fixture
def staff(client):
    client.force_login(User.objects.create_superuser("mika"))
    return client


@pytest.fixture
def as_role(client):
    def log_in(name: str) -> User:
        user = access.make_user(BY_NAME[name])
        client.force_login(user)
        return user

    return log_in


def first_page(client) -> home.Home:
    return client.get(reverse("admin:index")).context["home"]


def days_work(count: int) -> None:
    """Orders in several states, tasks, pieces beyond the books, late goods, stock kept for somebody and a key that ends."""
    site, place = shop()
    till = channel(location("SHOP"), kind="SHOP")
    for number in range(count):
        goods = sku()
        stock(goods, place, 4)
        shipped(placed(site, order(line(goods), external_id=f"S-{site.pk}-{number}")))
        placed(site, order(line(goods), external_id=f"R-{site.pk}-{number}"))
        placed(site, order(line(goods, 9), external_id=f"W-{site.pk}-{number}"))
        held = placed(site, order(line(goods), external_id=f"H-{site.pk}-{number}"))
        services.hold_order(order_id=held.pk, detail="asks for a call", at=NOON, by=DESK)
        sell(till, goods, f"T-{till.pk}-{number}")
        ExpectedReceipt.objects.create(
            external_id=f"PO-{site.pk}-{number}",
            sku=goods,
            location=place,
            quantity=5,
            expected_date=NOON.date() - dt.timedelta(days=3),
        )
        Hold.objects.create(
            channel=site,
            ref=f"K-{number}",
            kind=Hold.Kind.KEEP,
            owner_label="田中様",
            created_at=NOON,
            expires_at=NOON,
            wanted=[],
            actor="test",
        )
    key(ends=NOON + dt.timedelta(days=3))


def key(ends: dt.datetime) -> ApiKey:
    made = create_key(
        site_id=ec_shop()[0].pk,
        name="test",
        scopes=["stock.read"],
        requests_per_minute=60,
        expiry_date=ends,
        at=NOON,
        by=DESK,
    )
    return made.key


@pytest.fixture
def on_the_day():
    with time_machine.travel(NOON + dt.timedelta(hours=2), tick=False):
        yield


def test_every_queue_counts_the_rows_of_the_list_that_it_opens(staff, on_the_day):
    days_work(2)

    counted, listed = {}, {}
    for queue in registered():
        counted[queue.code] = measure(queue).count
        page = staff.get(f"{reverse(queue.url_name)}?{queue.query}")
        assert page.status_code == 200, queue.code
        listed[queue.code] = len(page.context["cl"].result_list)

    assert counted == listed
    waiting = {code for code, count in counted.items() if count}
    assert waiting >= {
        "tasks", "orders.on_hold", "orders.awaiting_stock", "orders.ready", "orders.holds", "orders.untracked", "orders.oversold",
        "stock.provisional", "stock.overdue", "stock.holds", "accounting.unsettled", "ec_gateway.keys",
    }  # fmt: skip


def test_a_shop_is_told_the_counts_of_the_lists_that_it_sees(client, as_role, on_the_day):
    days_work(2)
    user = as_role("店舗")
    own = location("SHOP")
    ShopStaff.objects.create(user=user, location=own)
    till = channel(own, kind="SHOP")
    sell(till, sku(), "T-own")
    place_hold(
        channel_id=till.pk, ref="K-1", lines=[HoldDemand(sku().pk, 1)], kind="CUSTOMER_ORDER", owner_label="佐藤様",
        expires_at=NOON + dt.timedelta(hours=9), at=NOON, by=CLERK,
    )  # fmt: skip

    # A customer order that waits for all of its goods lies nowhere; it is the shop's all the same.
    assert first_page(client).tiles["明日までの取り置き"].count == 1
    for title, tile in first_page(client).tiles.items():
        assert len(client.get(tile.url).context["cl"].result_list) == tile.count, title


def test_a_tile_opens_what_it_counted_whatever_filter_the_list_opens_with(staff, on_the_day):
    days_work(2)
    mika = User.objects.get(username="mika")
    saved = SavedFilter.objects.create(
        page="orders.orderhold", name="備考だけ", owner=mika, parameters=[["reason__exact", "CUSTOMER_NOTE"]]
    )
    DefaultFilter.objects.create(user=mika, page="orders.orderhold", filter=saved)

    tile = first_page(staff).tiles["確認待ちの理由"]
    told = staff.get("/admin/core/jobrun/health/").context["waiting"]
    [row] = [row for row in told if row.title == tile.title]

    assert tile.count == 2
    assert len(staff.get(tile.url, follow=True).context["cl"].result_list) == tile.count
    assert len(staff.get(row.url, follow=True).context["cl"].result_list) == tile.count


def test_a_part_of_a_queue_opens_its_own_list(staff, on_the_day):
    days_work(2)

    tile = first_page(staff).tiles["確認待ちの理由"]

    assert [(part.title, part.text) for part in tile.parts] == [("担当者による保留", "2")]
    assert len(staff.get(tile.parts[0].url).context["cl"].result_list) == 2


@pytest.mark.parametrize("queue", registered(), ids=lambda queue: queue.code)
def test_a_queue_is_one_bounded_statement(queue: WorkQueue, monkeypatch):
    monkeypatch.setattr(work_queues, "CAP", 7)

    with CaptureQueriesContext(connection) as asked:
        measure(queue)

    [statement] = [query["sql"] for query in asked]
    assert "LIMIT 8" in statement


@pytest.mark.parametrize("queue", registered(), ids=lambda queue: queue.code)
def test_no_queue_reads_a_table_that_grows_from_end_to_end(queue: WorkQueue):
    with CaptureQueriesContext(connection) as asked:
        measure(queue)
    with connection.cursor() as cursor:
        # PostgreSQL reads small tables as a whole, unless it is told not to; what it cannot read otherwise it reads all the same.
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN " + asked[0]["sql"])
        plan = [row[0] for row in cursor.fetchall()]

    read = {step.split("Seq Scan on ")[1].split()[0] for step in plan if "Seq Scan on " in step}
    assert read - SMALL_TABLES == set(), "\n".join(plan)


def test_a_queue_is_counted_to_its_cap_only(staff, on_the_day, monkeypatch):
    days_work(3)
    monkeypatch.setattr(work_queues, "CAP", 1)

    assert first_page(staff).tiles["確認待ち"].text == "1+"
    assert measure(named("orders.on_hold")).count == 2


def test_the_oldest_and_the_first_deadline_are_told(staff, on_the_day):
    site, place = shop()
    goods = sku()
    stock(goods, place, 9)
    old, new = (placed(site, order(line(goods), external_id=f"R-{number}")) for number in range(2))
    Order.objects.filter(pk=old.pk).update(state_since=NOON - dt.timedelta(days=3))
    Order.objects.filter(pk=new.pk).update(ship_after=NOON.date() - dt.timedelta(days=1))
    StaffTask.objects.create(
        kind="CHECK",
        subject_type="ORDER",
        subject_id=1,
        detail="look",
        opened_at=NOON,
        opened_by="test",
        due_at=NOON + dt.timedelta(hours=5),
    )

    tiles = first_page(staff).tiles

    ready, tasks = tiles["出荷指示待ち"], tiles["未完了の要対応"]
    assert (ready.text, ready.age, ready.due, ready.is_late) == ("2", "3 日", "11/22", True)
    assert (tasks.text, tasks.age, tasks.due, tasks.is_late) == ("1", "2 時間", "11/23 17:00", False)


def paid_first(goods, **fields):
    payments = (PaymentInput("BANK_TRANSFER", Decimal(1100), "PENDING", due_at=NOON + dt.timedelta(days=2)),)
    return order(line(goods), payments=payments, **fields)


def test_the_age_is_that_of_the_wait_and_not_of_the_order(staff):
    site, place = shop()
    goods = sku()
    stock(goods, place, 9)
    before = NOON - dt.timedelta(days=3)
    outcome = services.place_order(channel=site.code, order=paid_first(goods, ordered_at=before), at=before, by=DESK)
    with time_machine.travel(before + dt.timedelta(hours=30), tick=False):
        waiting = first_page(staff).tiles["入金待ち"]
    news = services.PaymentNews("E-1", "PAID", NOON, Decimal(1100))
    services.record_payment_event(channel=site.code, external_id="A-1", event=news, at=NOON, by=DESK)
    with time_machine.travel(NOON + dt.timedelta(hours=18), tick=False):
        ready = first_page(staff).tiles["出荷指示待ち"]

    assert (waiting.text, waiting.age) == ("1", "1 日")
    assert (ready.text, ready.age) == ("1", "18 時間")
    assert Order.objects.get(pk=outcome.order_id).state_since == NOON


def test_a_change_that_leaves_the_state_leaves_its_beginning(on_the_day):
    site, place = shop()
    goods = sku()
    stock(goods, place, 9)
    placed(site, order(line(goods)))
    later = NOON + dt.timedelta(hours=1)

    services.place_order(channel=site.code, order=order(line(goods, 2), revision=2), at=later, by=DESK)

    made = Order.objects.get()
    assert (made.state, made.revision, made.state_since) == ("READY", 2, NOON)


def test_each_state_is_late_when_what_it_waits_for_should_have_come(staff, on_the_day):
    site, place = shop()
    goods, scarce, coming = sku(), sku(), sku()
    stock(goods, place, 9)
    day = NOON.date()
    wished = DeliveryInput(ref="1", wish_date=day + dt.timedelta(days=9))
    placed(site, paid_first(goods, external_id="money"))
    placed(site, order(line(goods), external_id="wished", deliveries=(wished,)))
    Product.objects.filter(pk=coming.product_id).update(release_date=day + dt.timedelta(days=20))
    placed(site, order(line(coming), external_id="released"))
    short = placed(site, order(line(scarce), external_id="short", deliveries=(wished,)))
    OrderLine.objects.filter(order=short).update(arrival_date=day + dt.timedelta(days=1))

    tiles = first_page(staff).tiles

    assert {title: tiles[title].due for title in ("入金待ち", "出荷日待ち", "発売日待ち", "引当待ち")} == {
        "入金待ち": "11/25 12:00",
        "出荷日待ち": f"{Order.objects.get(external_id='wished').ship_after:%m/%d}",
        "発売日待ち": "12/13",
        "引当待ち": "11/24",
    }
    assert not any(tiles[title].is_late for title in ("入金待ち", "引当待ち"))
    with time_machine.travel(NOON + dt.timedelta(days=2, minutes=1), tick=False):
        late = first_page(staff).tiles
    assert late["入金待ち"].is_late
    assert late["引当待ち"].is_late
    assert not late["出荷日待ち"].is_late


@pytest.mark.parametrize(
    ("ago", "told"),
    [
        ({"seconds": 5}, "0 分"),
        ({"minutes": 59}, "59 分"),
        ({"minutes": 60}, "1 時間"),
        ({"hours": 23}, "23 時間"),
        ({"hours": 24}, "1 日"),
    ],
)
def test_ages_are_told_in_one_unit(ago, told):
    assert home._age(work_queues.Waiting(1, NOON - dt.timedelta(**ago), None), NOON) == told


def test_the_way_of_an_order_has_the_nine_states_in_order(staff, on_the_day):
    days_work(2)

    steps = first_page(staff).steps

    assert [tile.title for tile in steps] == [
        "新規受付", "確認待ち", "引当待ち", "入金待ち", "発売日待ち", "出荷日待ち", "出荷指示待ち", "出荷作業中", "出荷済み(本日)",
    ]  # fmt: skip
    today = {tile.title: tile for tile in steps}["出荷済み(本日)"]
    assert today.count == Shipment.objects.filter(ship_date=NOON.date()).count()
    assert len(staff.get(today.url).context["cl"].result_list) == today.count


def test_own_work_comes_first_and_empty_queues_are_named_only(client, as_role, on_the_day):
    days_work(1)
    as_role("倉庫")

    page = first_page(client)

    mine = {tile.title for tile in page.mine}
    assert mine >= {"送り状番号の未登録", "原因確認待ちの仮入庫(在庫差異)"}
    assert "入荷予定の遅延" in {tile.title for tile in page.others}
    assert "未消込(債権)" not in page.tiles
    assert all(tile.count == 0 for tile in page.nothing)


@pytest.mark.parametrize("role", ROLES, ids=[role.login for role in ROLES])
def test_more_work_asks_nothing_more(role, client, as_role, on_the_day):
    as_role(role.name)
    days_work(1)
    client.get(reverse("admin:index"))  # what is read once per process is read
    cache.clear()
    with CaptureQueriesContext(connection) as few:
        client.get(reverse("admin:index"))

    days_work(3)
    cache.clear()
    with CaptureQueriesContext(connection) as many:
        client.get(reverse("admin:index"))

    assert len(many) == len(few) <= 50


def test_who_may_not_open_a_list_is_not_told_how_much_waits_there(client):
    client.force_login(User.objects.create_user("look", is_staff=True))

    assert first_page(client).tiles == {}


@pytest.mark.parametrize("role", ROLES, ids=[role.login for role in ROLES])
def test_every_tile_and_figure_opens_what_it_says(role, client, as_role, on_the_day):
    days_work(2)
    user = as_role(role.name)
    if role.name == "店舗":
        own = location("SHOP")
        ShopStaff.objects.create(user=user, location=own)
        sell(channel(own, kind="SHOP"), sku(), "T-own")
    page = client.get(reverse("admin:index")).context

    opened, faults = 0, []
    for tile in [one for whole in page["home"].tiles.values() for one in (whole, *whole.parts)]:
        answer = client.get(tile.url)
        opened += 1
        faults += [f"{tile.title}: {fault}" for fault in complaints_of(answer)]
        if answer.status_code == 200 and (listed := len(answer.context["cl"].result_list)) != tile.count:
            faults.append(f"{tile.title}: {tile.count} are said to wait, {listed} are listed")
    for figure in page["figures"]:
        assert figure.url, figure.title
        answer = client.get(figure.url)
        opened += 1
        faults += [f"{figure.title}: {fault}" for fault in complaints_of(answer)]
        if not (answer.context.get("sheet") or answer.context.get("answer")):
            faults.append(f"{figure.title}: there are no figures on its page")

    assert faults == []
    assert opened or not page["home"].tiles


def complaints_of(answer) -> list[str]:
    """Whatever a page tells that did not go as asked: another status, the faults of its form, messages of errors and warnings."""
    if answer.status_code != 200:
        return [f"answers {answer.status_code}"]
    form = answer.context.get("form")
    told = [str(errors) for errors in form.errors.values()] if form is not None else []
    told += [str(message) for message in answer.context.get("messages") or () if message.level_tag != "success"]
    return told + re.findall(r"errorlist|errornote|候補にありません", answer.content.decode())


def test_a_shop_is_told_of_its_own_stock_only(client, as_role, on_the_day):
    ours, theirs = location("SHOP"), location("SHOP")
    for place in (ours, theirs):
        sell(channel(place, kind="SHOP"), sku(), f"T-{place.pk}")
    user = as_role("店舗")
    ShopStaff.objects.create(user=user, location=ours)

    tiles = first_page(client).tiles

    assert ProvisionalReceipt.objects.count() == 2
    assert tiles["原因確認待ちの仮入庫(在庫差異)"].text == "1"
    assert tiles["出荷済み(本日)"].text == "1"
    assert measure(named("stock.provisional")).count == 2


def test_parts_are_counted_within_the_cap(on_the_day, monkeypatch):
    days_work(3)
    monkeypatch.setattr(work_queues, "CAP", 1)

    assert [(part.value, part.count) for part in parts_of(named("orders.holds"))] == [("MANUAL", 2)]


# --- Money ------------------------------------------------------------------------------------------------------------


def trade_of(day: dt.date, price: int, **fields) -> int:
    """Returns the place that the goods left."""
    site, place = shop(**fields)
    goods = sku()
    stock(goods, place, 1, unit_value=400)
    [parcel] = services_ship(placed(site, order(line(goods, price=price), external_id=f"M-{day}")), day)
    assert parcel.revenue_date == day
    return place.pk


def services_ship(sold: Order, day: dt.date) -> list[Shipment]:
    at = dt.datetime(day.year, day.month, day.day, 3, tzinfo=dt.UTC)
    services.release_orders(order_ids=[sold.pk], at=at, by=DESK)
    parcels = list(sold.shipments.all())
    services.ship(requests=[services.ShipRequest(parcel.pk) for parcel in parcels], ship_date=day, at=at, by=DESK)
    return list(sold.shipments.all())


def figures(client) -> dict[str, tuple[Decimal, Decimal]]:
    shown = client.get(reverse("admin:index")).context["figures"]
    return {str(figure.title): (figure.value, figure.before) for figure in shown}


def test_sales_margin_and_stock_stand_beside_last_year(client, as_role):
    as_role("経営")
    today = dt.date(2026, 11, 25)
    yesterday, same_weekday = dt.date(2026, 11, 24), dt.date(2025, 11, 25)
    assert yesterday.weekday() == same_weekday.weekday()
    with time_machine.travel(dt.datetime(2026, 11, 25, 3, tzinfo=dt.UTC), tick=False):
        for day, price in (
            (yesterday, 2200),
            (dt.date(2026, 11, 2), 1100),
            (same_weekday, 1100),
            (dt.date(2025, 11, 26), 5500),
        ):
            trade_of(day, price)

        found = figures(client)

    assert today.day == 25
    assert found["昨日の売上"] == (2000, 1000)
    assert found["昨日の粗利"] == (2000 - 400, 1000 - 400)
    assert found["今月の売上"] == (3000, 1000)
    assert found["今月の粗利"] == (3000 - 800, 1000 - 400)
    assert found["在庫金額"][0] == 0


def test_each_figure_leads_to_the_same_days_and_the_same_numbers(client, as_role):
    as_role("経営")
    with time_machine.travel(dt.datetime(2026, 11, 25, 3, tzinfo=dt.UTC), tick=False):
        for day, price in (
            (dt.date(2026, 11, 24), 2200), (dt.date(2026, 11, 3), 1100), (dt.date(2025, 11, 25), 770), (dt.date(2025, 11, 24), 5500),
        ):  # fmt: skip
            trade_of(day, price)
        shown = {str(one.title): one for one in client.get(reverse("admin:index")).context["figures"]}
        pages = {title: client.get(one.url) for title, one in shown.items()}

    assert [page.status_code for page in pages.values()] == [200] * 5
    asked = {title: page.context["answer"].question for title, page in pages.items() if title != "在庫金額"}
    assert {title: (question.first.day, question.last.day) for title, question in asked.items()} == {
        "昨日の売上": (24, 24), "昨日の粗利": (24, 24), "今月の売上": (1, 25), "今月の粗利": (1, 25),
    }  # fmt: skip
    assert {title: (question.basis, question.compare) for title, question in asked.items()} == {
        "昨日の売上": ("sales", "weekday"), "昨日の粗利": ("sales", "weekday"), "今月の売上": ("sales", "year"), "今月の粗利": ("sales", "year"),
    }  # fmt: skip
    for title, name in (
        ("昨日の売上", "sales"),
        ("昨日の粗利", "margin"),
        ("今月の売上", "sales"),
        ("今月の粗利", "margin"),
    ):
        total = pages[title].context["answer"].total
        told = (getattr(total.now, name), getattr(total.before, name))
        assert told == (shown[title].value, shown[title].before), title
    assert (shown["昨日の売上"].value, shown["昨日の売上"].before) == (2000, 700)
    assert pages["昨日の粗利"].context["measure"] == "margin"
    assert pages["在庫金額"].context["form"].cleaned_data["day"] == dt.date(2026, 11, 25)


def test_where_the_books_had_not_begun_a_year_before_nothing_is_compared(client, as_role):
    as_role("経営")
    with time_machine.travel(dt.datetime(2026, 11, 25, 3, tzinfo=dt.UTC), tick=False):
        trade_of(dt.date(2026, 11, 24), 2200)

        found = figures(client)

    assert found["昨日の売上"] == (2000, None)
    assert found["今月の粗利"] == (1600, None)


def test_who_may_not_know_amounts_sees_no_money(client, as_role):
    as_role("倉庫")

    page = client.get(reverse("admin:index"))

    assert page.context["figures"] == []
    assert "昨日の売上" not in page.content.decode()


@pytest.mark.parametrize(("role", "sold"), [("受注担当", 3000), ("EC運営", 3000), ("店舗", 1000)])
def test_who_analyses_sales_sees_them_without_what_goods_cost_and_a_shop_its_own(client, as_role, role, sold):
    user = as_role(role)
    yesterday = dt.date(2026, 11, 24)
    with time_machine.travel(dt.datetime(2026, 11, 25, 3, tzinfo=dt.UTC), tick=False):
        trade_of(yesterday, 2200)
        of_shop = trade_of(yesterday, 1100, kind="SHOP")
        ShopStaff.objects.create(user=user, location_id=of_shop)

        found = figures(client)
        pages = [client.get(figure.url).status_code for figure in client.get(reverse("admin:index")).context["figures"]]

    assert found["昨日の売上"][0] == found["今月の売上"][0] == sold
    assert set(found) == {"昨日の売上", "今月の売上"}
    assert pages == [200, 200]


def test_figures_are_kept_for_some_minutes(client, as_role):
    as_role("経理")
    figures(client)

    with CaptureQueriesContext(connection) as asked:
        figures(client)

    assert [query["sql"] for query in asked if "accounting_accountrole" in query["sql"]] == []


@pytest.mark.parametrize(
    ("day", "before"), [(dt.date(2028, 2, 29), dt.date(2027, 2, 28)), (dt.date(2026, 3, 1), dt.date(2025, 3, 1))]
)
def test_a_year_before_a_leap_day_is_a_day(day, before):
    assert before_of(day, Compare.YEAR) == before


def test_without_a_last_year_there_is_no_percentage():
    assert home.Figure("x", Decimal(5), Decimal(0), "y").percent is None
    assert home.Figure("x", Decimal(5), None, "y").percent is None
    assert home.Figure("x", Decimal(5), None, "y").before_text == "―(前年データなし)"
    assert home.Figure("x", Decimal(5), Decimal(4), "y").percent == 125


def test_every_state_that_waits_has_its_queue():
    assert {f"orders.{state.lower()}" for state in OrderState} - {queue.code for queue in registered()} == {
        "orders.shipped",
        "orders.cancelled",
    }


def test_keys_that_end_are_told_until_they_are_replaced(on_the_day):
    ending = key(ends=NOON + dt.timedelta(days=3))
    key(ends=NOON + dt.timedelta(days=300))

    assert measure(named("ec_gateway.keys")).count == 1
    ApiKey.objects.filter(pk=ending.pk).update(revoked=True)
    assert measure(named("ec_gateway.keys")).count == 0


def test_a_desk_is_shown_its_own_tasks_and_management_all(client, as_role, on_the_day):
    for number, kind in enumerate(("STOCKTAKE", "OVERSOLD", "INBOX_FAILED", "VERIFY_P1", "OF_NOBODY"), 1):
        StaffTask.objects.create(
            kind=kind, subject_type="X", subject_id=number, detail="look", opened_at=NOON, opened_by="test"
        )

    def seen(role):
        as_role(role)
        page = client.get("/admin/core/stafftask/", {"mine": "1", "closed_at__isempty": "1"})
        tile = first_page(client).tiles["未完了の要対応"]
        kinds = {task.kind for task in page.context["cl"].result_list}
        assert tile.text == str(len(kinds))
        return kinds

    assert seen("倉庫") == {"STOCKTAKE", "OF_NOBODY"}
    assert seen("EC運営") == {"INBOX_FAILED", "OF_NOBODY"}
    assert "OVERSOLD" in seen("受注担当")
    assert "VERIFY_P1" in seen("システム管理")
    assert len(seen("経営")) == 5
