"""販売分析 on the basis of sales: whatever happened, its totals are those of the accounts to the yen, and its lines are what was posted."""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection
from django.db.models import Q
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounting.models import AccountRole, Period, Posting
from accounting.services import post_voucher, reverse_entry
from catalog.models import Category, Product
from customers.services import CustomerData
from erp.insights.selectors.sales import (
    DIMENSIONS,
    Basis,
    Compare,
    Figures,
    Question,
    analyse,
    before_of,
    posted_behind,
    what_is_beside,
)
from erp.inventory.models import ShopStaff
from erp.inventory.services import ReceiptLine, receive
from erp.orders.models import Order, Return, Shipment, ShipmentLine
from erp.orders.services import (
    Charge,
    ChargeLine,
    FeeInput,
    PaymentInput,
    ReturnedLine,
    ShipRequest,
    SoldUnits,
    TillReturn,
    UnlinkedLine,
    UnlinkedReturn,
    accept,
    assign_sku,
    deliver,
    record_charges,
    record_refusal,
    record_return,
    record_shop_sales,
    record_till_returns,
    record_unlinked_returns,
    release_orders,
    report_sales,
    ship,
)
from tests.accounting.factories import CLERK, credit, debit
from tests.back_office import access
from tests.back_office.test_shop_staff import sell
from tests.customers.factories import account, bill_to
from tests.insights.test_sales import BY_NAME, LINES, URL
from tests.inventory.factories import channel, location, sku, stock
from tests.orders.factories import DESK, NOON, TODAY, card, line, order, placed, shop

pytestmark = pytest.mark.django_db
HOW = {"at": NOON, "by": DESK}
FIRST = TODAY.replace(day=1)


@pytest.fixture(autouse=True)
def fresh():
    cache.clear()


def books(first: dt.date, last: dt.date, **only) -> tuple[Decimal, Decimal]:
    """Sales and margin as the accounts have them, added up posting by posting."""
    sums = {}
    for name, roles in (("sales", Q(role__startswith="sales.")), ("cost", Q(role="cost_of_sales"))):
        accounts = set(AccountRole.objects.filter(roles).values_list("account", flat=True))
        found = Posting.objects.filter(account__in=accounts, entry_date__range=(first, last), currency="JPY", **only)
        sums[name] = sum((one.amount if one.side == "CREDIT" else -one.amount for one in found), Decimal(0))
    return sums["sales"], sums["sales"] + sums["cost"]


def asked(rows: str = "category", columns: str = "", first=FIRST, last=TODAY, compare=Compare.YEAR, **only: str):
    return analyse(Question(first, last, rows, columns, only, None, Basis.SALES, compare), with_margin=True)


def told(figures: Figures | None) -> tuple[Decimal, Decimal]:
    return (figures.sales, figures.margin) if figures else (Decimal(0), Decimal(0))


def leaves(record: Order, day: dt.date) -> list[Shipment]:
    release_orders(order_ids=[record.pk], **HOW)
    parcels = list(Shipment.objects.filter(order=record, state="INSTRUCTED"))
    ship(requests=[ShipRequest(parcel.pk) for parcel in parcels], ship_date=day, **HOW)
    return list(Shipment.objects.filter(order=record))


def noon_of(day: dt.date) -> dt.datetime:
    return NOON + (day - TODAY)


def sell_unknown(till, external_id: str, *, on: dt.date) -> Order:
    """One piece for 1,100 over the counter, of an SKU that nobody has heard of."""
    paid = (PaymentInput("CASH", Decimal(1100), "PAID"),)
    sent = order(line("NO-SUCH", 1, 1100), external_id=external_id, payments=paid, total=1100, ordered_at=noon_of(on))
    record_shop_sales(channel=till.code, sales=[sent], at=noon_of(on), by=DESK)
    return Order.objects.get(channel=till, external_id=external_id)


def known_on(day: dt.date, record: Order, goods) -> None:
    assign_sku(line_id=record.lines.get().pk, sku_code=goods.code, at=noon_of(day), by=DESK)


class History:
    """A company at random: parcels that are sold when they leave, arrive or are accepted, goods on consignment, what comes back of all of
    them, tills, fees, charges, and entries written by hand."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.place = location()
        self.goods = [sku() for _number in range(4)]
        for number, goods in enumerate(self.goods):
            kind = Category.objects.create(code=f"C{number % 2}-{goods.pk}", name=f"C{number}")
            Product.objects.filter(pk=goods.product_id).update(category=kind)
            stock(goods, self.place, 10_000, unit_value=self.dice.randint(100, 900))
        account("AC1", bill_to=bill_to("B1"))
        self.sites = [
            channel(self.place, kind="WHOLESALE" if basis == "SALES_REPORT" else "EC_SITE", revenue_basis=basis)
            for basis in ("SHIPMENT", "DELIVERY", "ACCEPTANCE", "SALES_REPORT")
        ]
        self.till = channel(location("SHOP"), kind="SHOP")
        self.number = 0

    def name(self) -> str:
        self.number += 1
        return f"X-{self.number}"

    def day(self, since: dt.date | None = None) -> dt.date:
        """A day of these weeks, or of the same weeks a year before."""
        if since is not None:
            return min(since + dt.timedelta(days=self.dice.randint(0, 9)), TODAY)
        last = TODAY if self.dice.random() < 0.6 else TODAY - dt.timedelta(days=364)
        return last - dt.timedelta(days=self.dice.randint(0, 24))

    def goes_on(self) -> None:
        acts = [self.rings_up, self.rings_up_unknown, self.takes_unknown_back, self.writes]
        self.dice.choice([self.sells, self.sells, self.sells, *acts])()

    def sells(self) -> None:
        site, dice = self.dice.choice(self.sites), self.dice
        lines = [
            line(goods, dice.randint(1, 5), dice.choice([0, 330, 1111, 4999]))
            for goods in dice.sample(self.goods, dice.randint(1, 3))
        ]
        fees = (FeeInput("SHIPPING", Decimal(550)),) if dice.random() < 0.5 else ()
        total = sum(int(one.unit_price) * one.quantity for one in lines) + (550 if fees else 0)
        if site.kind == "WHOLESALE":
            paid: dict[str, Any] = {"account_code": "AC1", "payments": ()}
        else:
            who = CustomerData(family_name=dice.choice("甲乙丙"), given_name="花子", prefecture="東京都")
            paid = {"payments": (card(total),) if total else (), "orderer": who, "orderer_external_id": who.family_name}
        record = placed(site, order(*lines, total=total, external_id=self.name(), fees=fees, **paid))
        if record.state != "READY":
            return
        [parcel] = leaves(record, day := self.day())
        if dice.random() < 0.2:
            self.comes_back(record, day)
        self.arrives(parcel, day)
        if dice.random() < 0.4:
            self.comes_back(record, day)

    def arrives(self, parcel: Shipment, day: dt.date) -> None:
        parcel.refresh_from_db()
        if parcel.state != "SHIPPED" or self.dice.random() < 0.2:
            return
        if parcel.revenue_basis == "SALES_REPORT":
            left = [
                SoldUnits(inside.pk, self.dice.randint(1, units))
                for inside in parcel.lines.all()
                if (units := inside.quantity - inside.unsold_quantity) > 0
            ]
            report_sales(
                channel=parcel.order.channel.code, external_id=self.name(), lines=left, report_date=self.day(day), **HOW
            )
        else:
            deliver(shipment_ids=[parcel.pk], delivered_date=self.day(day), **HOW)
            accept(shipment_ids=[parcel.pk], accepted_date=self.day(day + dt.timedelta(days=9)), **HOW)

    def comes_back(self, record: Order, day: dt.date) -> None:
        [parcel] = Shipment.objects.filter(order=record)
        if parcel.state == "RETURNED":
            return
        on = self.day(max(filter(None, (day, parcel.revenue_date))))
        if self.dice.random() < 0.2 and parcel.revenue_basis == "SHIPMENT":
            record_refusal(shipment_id=parcel.pk, external_id=self.name(), freight=Decimal(660), return_date=on, **HOW)
            return
        inside = self.dice.choice(list(ShipmentLine.objects.filter(shipment=parcel)))
        if (left := inside.quantity - inside.returned_quantity) > 0:
            how = self.dice.choice(["SELLABLE", "DEFECTIVE"])
            units = [ReturnedLine(inside.pk, self.dice.randint(1, left), how)]
            record_return(
                order_id=record.pk,
                external_id=self.name(),
                lines=units,
                refund_fees=self.dice.random() < 0.3,
                return_date=on,
                **HOW,
            )

    def rings_up(self) -> None:
        sell(self.till, self.dice.choice(self.goods), self.name())

    def rings_up_unknown(self) -> None:
        """Sold under a name that nobody knew; mostly somebody says on a later day which goods it was."""
        sold_on = self.day()
        goods, record = self.dice.choice(self.goods), sell_unknown(self.till, self.name(), on=sold_on)
        if self.dice.random() < 0.8:
            known_on(self.day(sold_on), record, goods)

    def takes_unknown_back(self) -> None:
        lines = (
            UnlinkedLine("シャツ", 2, Decimal(1801), sku_id=self.goods[0].pk, cost=Decimal(701)),
            UnlinkedLine(
                "傷のあるシャツ", 1, Decimal(902), sku_id=self.goods[1].pk, cost=Decimal(351), condition="DEFECTIVE"
            ),
            UnlinkedLine("値引", 1, Decimal(303), role="sales.discounts"),
        )
        item = UnlinkedReturn(self.name(), self.dice.choice([lines, lines[2:]]), self.day())
        record_unlinked_returns(channel=self.sites[0].code, returns=[item], location_id=self.place.pk, **HOW)

    def writes(self) -> None:
        """What an accountant or a channel posts beside goods."""
        dice, day = self.dice, self.day()
        match dice.randint(0, 2):
            case 0:
                charge = Charge(self.name(), (ChargeLine("SHIPPING", Decimal(dice.randint(1, 999))),), day)
                record_charges(channel=self.sites[0].code, charges=[charge], **HOW)
            case 1:
                lines = [debit("5110", dice.randint(1, 9_999))]
                lines.append(credit("1120", int(lines[0].amount)))
                post_voucher(entry_date=day, description="原価の補正", lines=lines, at=NOON, by=CLERK)
            case _:
                amount = dice.randint(1, 9_999)
                lines = [debit("1120", amount), credit("4110", amount)]
                entry = post_voucher(entry_date=day, description="雑売上", lines=lines, at=NOON, by=CLERK)
                if dice.random() < 0.5:
                    reverse_entry(entry_id=entry.id, entry_date=day, reason="取消", at=NOON, by=CLERK)


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happened_the_totals_are_those_of_the_accounts(seed):
    history = History(seed)
    for _number in range(25):
        history.goes_on()

    dice, dimensions = random.Random(seed), list(DIMENSIONS)
    for _number in range(12):
        last = TODAY - dt.timedelta(days=dice.randint(0, 12))
        first, compare = last - dt.timedelta(days=dice.choice([0, 1, 6, 20, 300])), dice.choice(list(Compare))
        rows, columns = dice.sample(dimensions, 2)
        answer = asked(rows, dice.choice(["", columns]), first, last, compare)
        question, rest = answer.question, answer.rest.now if answer.rest else Figures()

        assert told(answer.total.now) == books(first, last), question
        assert told(answer.total.before) == books(*question.before), question
        for cells in [answer.rows, *([answer.columns, answer.cells.values()] if question.columns else [])]:
            sums = [sum((told(cell.now)[place] for cell in cells), told(rest)[place]) for place in (0, 1)]
            assert tuple(sums) == told(answer.total.now), question
        # The rest is just what is no line of goods, so the lines of goods are just what was posted of them.
        beside = what_is_beside(question)
        assert sum(one.amount for one in beside if one.is_sale) == rest.sales, question
        assert sum(one.amount for one in beside) == rest.margin, question
        goods, lines = posted_behind(question, with_margin=True)
        assert (sum(one.sales for one in lines), sum(one.margin for one in lines)) == told(goods), question
        assert (goods.sales + rest.sales, goods.units) == (answer.total.now.sales, sum(one.units for one in lines))


def test_it_stands_on_the_day_of_the_sale_and_of_the_return():
    site, place = shop(revenue_basis="DELIVERY")
    shirt = sku()
    stock(shirt, place, 9, unit_value=400)
    record = placed(site, order(line(shirt, 3, 1100), ordered_at=NOON - dt.timedelta(days=9)))
    [parcel] = leaves(record, dt.date(2026, 11, 16))
    assert told(asked().total.now) == (0, 0)

    deliver(shipment_ids=[parcel.pk], delivered_date=dt.date(2026, 11, 18), **HOW)
    [inside] = parcel.lines.all()
    back = [ReturnedLine(inside.pk, 1)]
    record_return(order_id=record.pk, external_id="r", lines=back, return_date=dt.date(2026, 11, 20), **HOW)

    by_day = {}
    for day in (16, 18, 20):
        found = asked(first=dt.date(2026, 11, day), last=dt.date(2026, 11, day)).total.now
        by_day[day] = (found.units, found.sales, found.margin)
    assert by_day == {16: (0, 0, 0), 18: (3, 3000, 1800), 20: (-1, -1000, -600)}
    assert asked(first=dt.date(2026, 11, 20), last=TODAY).total.now.customers_known is None


def test_a_return_of_a_closed_month_stands_on_the_day_on_which_it_is_posted():
    till = channel(location("SHOP"), kind="SHOP")
    shirt = sku()
    for month in (9, 10):
        first = dt.date(2026, month, 1)
        last = (first + dt.timedelta(days=31)).replace(day=1) - dt.timedelta(days=1)
        Period.objects.update_or_create(starts_on=first, defaults={"ends_on": last, "state": "CLOSED"})
    receipt = order(line(shirt, 1, 1100), external_id="R-1", ordered_at=dt.datetime(2026, 10, 30, 3, tzinfo=dt.UTC))

    record_till_returns(channel=till.code, returns=[TillReturn(receipt)], **HOW)

    document = Return.objects.get()
    assert (document.return_date, document.posted_date) == (dt.date(2026, 10, 30), dt.date(2026, 11, 1))
    assert asked().total.now.sales == books(FIRST, TODAY)[0] == -1000
    assert asked().rest is None


def test_a_cost_that_is_known_late_stands_on_the_day_on_which_it_is_posted():
    place = location("SHOP")
    till, shirt = channel(place, kind="SHOP"), sku()
    stock(shirt, place, 9, unit_value=400)
    sold_on, known = dt.date(2026, 10, 31), dt.date(2026, 11, 5)
    record = sell_unknown(till, "T-1", on=sold_on)
    october, november = (dt.date(2026, 10, 1), sold_on), (FIRST, known)
    before = told(asked(first=october[0], last=october[1]).total.now)

    known_on(known, record, shirt)

    for (first, last), figures in ((october, (1000, 1000)), (november, (0, -400))):
        answer = asked(first=first, last=last)
        assert told(answer.total.now) == books(first, last) == figures
        assert answer.rest is None
        assert what_is_beside(answer.question) == []
    assert before == (1000, 1000)
    behind = Question(*november, "sku", "", {}, None, Basis.SALES, Compare.YEAR)
    units, [late] = posted_behind(behind, with_margin=True)
    assert (units.units, late.day, late.units, late.sales, late.margin) == (0, known, 0, 0, -400)
    assert posted_behind(behind, with_margin=False) == (Figures(), [])


def test_what_came_back_before_it_was_sold_was_never_a_sale():
    site, place = shop(revenue_basis="DELIVERY")
    shirt = sku()
    bought = [ReceiptLine(1, shirt.pk, 3, Decimal("333.33"))]
    receive(external_id="opening", location_id=place.pk, lines=bought, occurred_at=NOON, **HOW)
    record = placed(site, order(line(shirt, 3, 1001)))
    [parcel] = leaves(record, TODAY)
    [inside] = parcel.lines.all()
    record_return(order_id=record.pk, external_id="r", lines=[ReturnedLine(inside.pk, 1)], **HOW)
    deliver(shipment_ids=[parcel.pk], delivered_date=TODAY, **HOW)

    answer = asked()

    assert told(answer.total.now) == books(TODAY, TODAY) == (1820, 1820 - 666)
    assert answer.rest is None
    assert answer.total.now.units == 2


# --- Beside goods -----------------------------------------------------------------------------------------------------


@pytest.fixture
def trade():
    """A shirt with its shipping fee, and a sale written by hand that names no channel."""

    class Trade:
        site, place = shop()
        shirt = sku()

    stock(Trade.shirt, Trade.place, 9, unit_value=400)
    fee = FeeInput("SHIPPING", Decimal(550))
    leaves(placed(Trade.site, order(line(Trade.shirt, 2, 1100), total=2750, fees=(fee,))), TODAY)
    lines = [debit("1120", 70), credit("4110", 70)]
    post_voucher(entry_date=TODAY, description="雑売上", lines=lines, at=NOON, by=CLERK)
    return Trade


@pytest.fixture
def staff(client):
    client.force_login(User.objects.create_superuser("mika"))
    return client


def question(**more: str) -> dict[str, str]:
    return {
        "basis": "sales", "compare": "year", "first": FIRST.isoformat(), "last": TODAY.isoformat(), "rows": "category", "columns": "",
        "measure": "sales", **more,
    }  # fmt: skip


def test_what_is_no_goods_is_one_line_that_leads_to_its_accounts(staff, trade):
    page = staff.get(URL, question())
    *_goods, rest = page.context["rows"]
    beside = staff.get(rest.lines_url)

    assert (rest.label, rest.now.sales, rest.now.margin) == ("商品明細以外(送料・手数料・値引・その他の仕訳)", 570, 570)
    assert page.context["total"].now.sales == 2570 == books(FIRST, TODAY)[0]
    assert page.context["heads"] == []
    told = [(one.account, document, what, one.amount) for one, document, what, _url in beside.context["rows"]]
    assert told == [("4110 売上高(EC)", "振替伝票", "", 70), ("4140 送料収入", "出荷", "出荷・返品の送料・手数料", 500)]
    assert beside.context["total"] == rest.now.margin
    for *_told, url in beside.context["rows"]:
        assert staff.get(url).status_code == 200


def test_three_clicks_lead_from_a_total_to_the_parcel(staff, trade):
    [goods, _rest] = staff.get(URL, question(rows="channel")).context["rows"]
    finer = staff.get(f"{URL}?{goods.url}")
    lines = staff.get(finer.context["rows"][0].lines_url)

    [row] = lines.context["lines"]
    assert (row.number, row.line.units, row.line.sales, row.line.margin) == (
        Shipment.objects.get().number, 2, 2000, 1200,
    )  # fmt: skip
    assert f"/admin/orders/shipment/{row.line.document_id}/change/" in lines.content.decode()
    assert lines.context["total"].sales == goods.now.sales == 2000


def test_narrowed_to_a_channel_or_a_month_the_rest_is_that_of_the_books_and_to_goods_there_is_none(trade):
    assert told(asked(channel=str(trade.site.pk)).total.now) == books(FIRST, TODAY, channel=trade.site) == (2500, 1700)
    assert told(asked(month="2026-11").total.now) == books(FIRST, TODAY)
    assert told(asked(month="2026-10").total.now) == (0, 0)
    assert asked(sku=str(trade.shirt.pk)).rest is None
    assert asked(month="x").rest is None


@pytest.mark.parametrize("month", ["9999-12", "0001-01"])
@pytest.mark.parametrize("compare", Compare)
def test_a_month_at_the_end_of_all_days_has_nothing(staff, trade, month, compare):
    for url in (URL, LINES):
        assert staff.get(url, question(month=month, compare=compare)).status_code == 200
    assert asked(month=month, compare=compare).rest is None


@pytest.mark.parametrize("measure", ["sales", "margin", "units", "customers"])
def test_a_cross_table_has_a_column_for_what_is_no_goods(staff, trade, measure):
    page = staff.get(URL, question(rows="category", columns="channel", measure=measure)).context

    amounts = {
        "sales": ("2,000", "570", "570"),
        "margin": ("1,200", "570", "570"),
        "units": ("2", "–", "–"),
        "customers": ("–", "–", "–"),
    }
    goods, of_rest, of_total = amounts[measure]
    assert page["heads"] == [trade.site.name, "商品明細以外"]
    assert [[text for text, _url in row.values] for row in page["rows"]] == [[goods, "–"], ["–", of_rest]]
    assert [text for text, _url in page["total"].values] == [goods, of_total]


def test_a_shop_sees_what_is_of_its_own_channel(client, trade):
    own = location("SHOP")
    till = channel(own, kind="SHOP")
    sell(till, trade.shirt, "T-1")
    user = access.make_user(BY_NAME["店舗"])
    ShopStaff.objects.create(user=user, location=own)
    client.force_login(user)

    page = client.get(URL, question(rows="channel"))
    beside = client.get(f"{LINES}?beside=1", question())

    assert [row.label for row in page.context["rows"]] == [till.name]
    assert page.context["total"].now.sales == books(FIRST, TODAY, channel=till)[0]
    assert page.context["total"].now.margin == 0
    assert "4140" not in beside.content.decode()


def test_a_download_has_the_line_beside_goods_and_adds_up(staff, trade):
    told = staff.get(URL, question(format="csv")).content.decode("utf-8-sig").splitlines()

    _head, *rows, total = [row.split(",") for row in told]
    assert rows[-1][0].startswith("商品明細以外")
    assert sum(Decimal(row[3]) for row in rows) == Decimal(total[3]) == 2570


def test_more_lines_ask_nothing_more(staff, trade):
    def ask() -> int:
        cache.clear()
        with CaptureQueriesContext(connection) as asked_now:
            staff.get(URL, question())
            staff.get(LINES, question())
            staff.get(LINES, question(beside="1"))
        return len(asked_now)

    ask()
    few = ask()
    for number in range(3):
        leaves(placed(trade.site, order(line(trade.shirt, 1, 1100), external_id=f"M-{number}")), TODAY)

    assert ask() == few


def test_a_slip_of_nobody_known_is_no_customer(staff, trade):
    leaves(placed(trade.site, order(line(trade.shirt, 1, 1100), external_id="N-1")), TODAY)
    for basis in Basis:
        page = staff.get(URL, question(basis=basis))
        total = page.context["answer"].total.now
        assert (total.customers_known, total.per_customer) == (None, None), basis

    who = CustomerData(family_name="佐藤", given_name="花子")
    sent = order(line(trade.shirt, 1, 1100), external_id="N-2", orderer=who, orderer_external_id="1")
    leaves(placed(trade.site, sent), TODAY)
    cache.clear()

    for basis in Basis:
        total = staff.get(URL, question(basis=basis)).context["answer"].total.now
        assert (total.customers_known, total.per_customer) == (1, 1000), basis


# --- Beside the days before -------------------------------------------------------------------------------------------


def test_the_same_weekday_is_364_days_before_and_months_keep_their_names():
    day = dt.date(2026, 11, 27)
    assert before_of(day, Compare.WEEKDAY) == dt.date(2025, 11, 28)
    assert before_of(day, Compare.WEEKDAY).weekday() == day.weekday()
    site, place = shop()
    shirt = sku()
    stock(shirt, place, 9, unit_value=400)
    for number, left in enumerate((dt.date(2025, 11, 1), dt.date(2025, 10, 31), TODAY)):
        leaves(placed(site, order(line(shirt, 1, 1100 * (number + 1)), external_id=f"D-{number}")), left)

    by_date, by_weekday = (asked("month", compare=compare) for compare in (Compare.YEAR, Compare.WEEKDAY))

    # 364 days before the first of November 2026 was the second of November 2025.
    assert [(cell.row, told(cell.before)[0]) for cell in by_date.rows] == [("2026-11", 1000)]
    assert [(cell.row, cell.before) for cell in by_weekday.rows] == [("2026-11", None)]
    narrowed = asked("month", compare=Compare.WEEKDAY, month="2026-11", first=dt.date(2026, 10, 1))
    assert told(narrowed.total.before) == told(asked("month", month="2026-11", compare=Compare.WEEKDAY).total.before)


def test_without_a_basis_the_page_answers_as_it_did(staff, trade):
    with time_machine.travel(NOON, tick=False):
        page = staff.get(URL)

    assert page.context["answer"].question.basis is Basis.ORDERS
    assert page.context["form"]["basis"].value() == "orders"
    assert staff.get(reverse("admin:insights_sales"), {**question(), "basis": "x"}).context.get("answer") is None
