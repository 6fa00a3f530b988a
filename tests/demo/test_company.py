"""The demo company, small: every state is there, every promise holds, the same wish makes the same company, and twice is once.

The company that is looked at was cut off while it was loaded, and went on.
"""

from __future__ import annotations

import datetime as dt
import json
import random
from collections import Counter
from io import StringIO
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.urls import reverse

from accounting.models import ExportRun, Period, Posting, Settlement
from accounting.selectors import stock_in_books, trading
from catalog.models import Product, Sku, SkuCode, Supplier
from customers.models import BillTo, Contact, CustomerRecord, ShipTo
from ec_gateway.management.demo import backroom, days, last_year, office
from ec_gateway.management.demo.days import Story, Wish
from ec_gateway.management.demo.plan import HISTORY_DAYS
from ec_gateway.management.demo.sources import table
from ec_gateway.models import ApiKey, EcSite, InboundEvent, Listing
from erp.back_office.roles import ROLES
from erp.core.identifiers import is_corporate_number, is_gtin, national_phone
from erp.core.models import Channel, CompanyProfile, MessageLog, StaffTask, VerifyRun
from erp.core.prefectures import PREFECTURES
from erp.core.verify import verify
from erp.correspondence.models import Mail
from erp.insights.selectors.sales import (
    DIMENSIONS,
    Basis,
    Compare,
    Figures,
    Question,
    analyse,
    what_is_beside,
)
from erp.inventory.models import (
    ChannelPolicy,
    ChannelQuota,
    Distribution,
    DistributionPattern,
    ExpectedReceipt,
    Hold,
    Location,
    Promise,
    ReorderRule,
    Shelf,
    ShopStaff,
    StandardCost,
    StockBalance,
    StockCount,
    StockDocument,
    StockSnapshot,
    TransferOrder,
    WriteDownReview,
    WriteDownRule,
)
from erp.inventory.selectors import stock_values
from erp.orders.models import (
    CarrierAccount,
    Delivery,
    LabelRun,
    Order,
    OrderEvent,
    OrderHold,
    OrderPayment,
    OrderState,
    OrderWait,
    ParkedMessage,
    PaymentMethod,
    Receipt,
    Return,
    ReturnLine,
    Shipment,
)
from erp.orders.models.carriers import Carrier
from erp.orders.services.tracking_numbers import SEVEN_CHECKED, fault_of_number
from tests.back_office import access
from tests.back_office.links import shut_links

# One worker loads the company, and that takes long enough.
pytestmark = [pytest.mark.slow, pytest.mark.django_db, pytest.mark.xdist_group("demo")]

TODAY = dt.date(2026, 11, 27)
WISH = Wish(today=TODAY, orders=100, seed=1)
CUT_OFF_ON = TODAY - dt.timedelta(days=20)
COUNTED = (Order, Shipment, Return, Posting, StockDocument, MessageLog, CustomerRecord, Settlement, StaffTask, Hold)


def load(folder) -> str:
    said = StringIO()
    call_command("demo", date=TODAY, orders=WISH.orders, seed=WISH.seed, sites=folder, stdout=said)
    return said.getvalue()


def everything() -> list:
    """The company as people see it, without keys that a sequence gave out."""
    orders = Order.objects.order_by("channel__code", "external_id")
    parcels = Shipment.objects.order_by("order__channel__code", "order__external_id", "number")
    events = OrderEvent.objects.order_by("order__channel__code", "order__external_id", "pk")
    returns = Return.objects.order_by("channel__code", "external_id")
    postings = Posting.objects.order_by("entry_date", "account__code", "side", "amount")
    balances = StockBalance.objects.order_by("location__kind", "location__name", "sku__code", "on_hand")
    return [
        list(orders.values_list("channel__code", "external_id", "state", "total", "revision", "cancelled_at")),
        list(parcels.values_list("order__external_id", "state", "ship_date", "gross_amount", "cost_amount")),
        list(events.values_list("order__external_id", "kind", "to_state", "recorded_at", "actor")),
        list(returns.values_list("external_id", "gross_amount", "cost_amount")),
        list(postings.values_list("entry_date", "account__code", "side", "amount")),
        list(balances.values_list("location__name", "sku__code", "on_hand", "allocated")),
    ]


class CutOff(Exception):
    """The plug was pulled."""


def load_cut_off(folder) -> None:
    """The company ends in the middle of a day, and is gone on with as ``make run`` does it."""
    settle = office.settle

    def breaks(stage, day):
        if day == CUT_OFF_ON:
            raise CutOff
        settle(stage, day)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(office, "settle", breaks)
        with pytest.raises(CutOff):
            load(folder)
    assert not days.is_finished()
    assert max(Order.objects.values_list("order_date", flat=True)) < CUT_OFF_ON
    call_command("demo", only_unfinished=True, sites=folder, stdout=StringIO())
    assert days.is_finished()


@pytest.fixture(scope="module")
def companies(django_db_setup, django_db_blocker, tmp_path_factory):
    """Loaded once in one go and once cut off; the second stays for this file and is rolled back behind it. Gives both as people see them."""
    with django_db_blocker.unblock():
        with transaction.atomic():
            assert " 0 faults" in load(None)
            whole = everything()
            transaction.set_rollback(True)
        with transaction.atomic():
            folder = tmp_path_factory.mktemp("sites")
            load_cut_off(folder)
            yield folder, whole, everything()
            transaction.set_rollback(True)


@pytest.fixture(scope="module", autouse=True)
def company(companies):
    """The folder of the practice sites."""
    return companies[0]


def values(model, *columns: str) -> set:
    return set(model.objects.values_list(*columns, flat=len(columns) == 1))


def test_orders_are_in_every_state():
    assert values(Order, "state") == set(OrderState.values)
    assert values(Shipment, "state") == set(Shipment.State.values)


def test_an_order_waits_for_every_reason():
    waiting = OrderHold.objects.filter(resolved_at__isnull=True)

    assert set(waiting.values_list("reason", flat=True)) == set(OrderHold.Reason.values)


def test_part_of_an_order_has_left_and_the_rest_awaits_stock():
    parted = Order.objects.filter(state=OrderState.AWAITING_STOCK, lines__shipped_quantity__gt=0)

    assert parted.exists()


def test_goods_came_back_in_every_way():
    assert values(Return, "kind") >= {Return.Kind.RETURN, Return.Kind.REFUSED}
    assert values(ReturnLine, "condition") == set(ReturnLine.Condition.values)


def test_payments_of_every_kind_and_verdict():
    methods = values(OrderPayment, "method")
    assert methods >= {
        PaymentMethod.CARD, PaymentMethod.COD, PaymentMethod.BANK_TRANSFER, PaymentMethod.CONVENIENCE_STORE, PaymentMethod.DEFERRED,
        PaymentMethod.WALLET, PaymentMethod.MALL, PaymentMethod.ON_ACCOUNT, PaymentMethod.CASH,
    }  # fmt: skip
    assert values(OrderPayment, "status") == {"PENDING", "AUTHORIZED", "CAPTURED", "PAID", "FAILED", "REFUNDED"}


def test_staff_have_something_to_look_at():
    open_tasks = set(StaffTask.objects.filter(closed_at__isnull=True).values_list("kind", flat=True))

    assert open_tasks >= {
        "OVERSOLD", "PAYMENT_SHORT", "AMEND_AFTER_RELEASE", "CANCEL_WHILE_PICKING", "REFUND_OF_DIFFERENCE",
    }  # fmt: skip


def test_stock_of_every_kind_moves_in_every_way():
    assert values(StockDocument, "kind") == set(StockDocument.Kind.values)
    lying = StockBalance.objects.filter(on_hand__gt=0)
    assert set(lying.values_list("location__kind", flat=True)) == set(Location.Kind.values)
    assert values(Hold, "kind") >= {"KEEP", "QUOTE"}
    assert ExpectedReceipt.objects.filter(expected_date__gt=TODAY).exists()
    assert ExpectedReceipt.objects.filter(expected_date__lt=TODAY, received_quantity=0).exists()


def test_money_came_and_went():
    assert values(Settlement, "kind") >= {"PAYOUT", "SUPPLIER_PAYMENT"}
    months = dict(Period.objects.values_list("starts_on", "state"))
    assert min(months) == dt.date(2025, 11, 1)
    assert {month for month, state in months.items() if state == "OPEN"} == {dt.date(2026, 10, 1), dt.date(2026, 11, 1)}
    assert set(months.values()) == {"OPEN", "CLOSED"}


def test_every_promise_holds_and_stock_is_worth_what_the_books_say():
    assert [fault for result in verify() for fault in result.faults] == []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(CASE p.side WHEN 'DEBIT' THEN p.amount ELSE -p.amount END) FROM accounting_posting p"
            " JOIN accounting_ledgeraccount a ON a.id = p.account_id WHERE a.control = 'STOCK'"
        )
        assert cursor.fetchone()[0] == sum(pool.value for pool in stock_values())


def test_nothing_happened_today_or_before_the_history_begins():
    first = TODAY - dt.timedelta(days=HISTORY_DAYS)
    dates = set(of_the_history().values_list("order_date", flat=True))

    assert first <= min(dates) <= max(dates) < TODAY
    assert max(values(Posting, "entry_date")) < TODAY


def of_the_history():
    """The orders of the three months, without what last year sold."""
    return Order.objects.exclude(external_id__startswith=f"{last_year.PREFIX}-")


def test_last_year_stands_beside_this_one():
    """One slip a day in so small a company, of every channel; everything that the first page compares is there."""
    slips = Order.objects.filter(external_id__startswith=f"{last_year.PREFIX}-")

    assert min(slips.values_list("order_date", flat=True)) == dt.date(2025, 11, 1)
    assert max(slips.values_list("order_date", flat=True)) < dt.date(2026, 1, 3)
    assert set(slips.values_list("channel__code", flat=True)) == set(values(Channel, "code"))
    assert set(slips.values_list("state", flat=True)) == {OrderState.SHIPPED}
    day, month = trading(
        [(dt.date(2025, 11, 26), dt.date(2025, 11, 29)), (dt.date(2025, 11, 1), dt.date(2025, 11, 27))]
    )
    assert 0 < day.cost < day.sales < month.sales
    assert stock_in_books(dt.date(2025, 11, 27)) > 0


def test_the_year_of_a_company_of_full_size_has_a_slip_per_day_and_channel():
    story = Story(Wish(TODAY, 1_000, 1))
    stage = SimpleNamespace(plan=story.plan, assortment=story.assortment)

    slips = last_year.draw(stage, orders=1_000, seed=1)

    assert len({(slip.channel, slip.day) for slip in slips}) == len(slips)
    days_before = (story.plan.first - dt.date(2025, 11, 1)).days
    assert {slip.day for slip in slips} == {
        story.plan.first - dt.timedelta(days=back) for back in range(1, days_before + 1)
    }
    assert slips == last_year.draw(stage, orders=1_000, seed=1)
    assert slips != last_year.draw(stage, orders=1_000, seed=2)


def test_nobody_and_nothing_is_real():
    codes = values(SkuCode, "code")
    assert len(codes) == Sku.objects.count()
    assert all(code.startswith("20") and is_gtin(code) for code in codes)
    assert {email.partition("@")[2] for email in values(CustomerRecord, "email") if email} == {"example.jp"}
    # A local number never begins with 0.
    assert all(phone.split("-")[1].startswith("0") for phone in values(CustomerRecord, "phone") if phone)
    registered = [number for number in values(Supplier, "registration_number") if number]
    assert registered
    assert all(number[2:6] == "9999" and is_corporate_number(number[1:]) for number in registered)


def test_the_analysis_of_sales_is_the_books_whatever_days_are_asked_for(company):
    dice = random.Random(1)
    for _number in range(25):
        last = TODAY - dt.timedelta(days=dice.randint(0, 60))
        first, compare = last - dt.timedelta(days=dice.choice([0, 1, 6, 30, 90, 300])), dice.choice(list(Compare))
        question = Question(first, last, dice.choice(list(DIMENSIONS)), basis=Basis.SALES, compare=compare)
        answer = analyse(question, with_margin=True)
        rest = answer.rest.now if answer.rest else Figures()

        for books, told in zip(
            trading([(first, last), question.before]), (answer.total.now, answer.total.before or Figures()), strict=True
        ):
            assert (told.sales, told.margin) == (books.sales, books.margin), question
        assert sum(cell.now.sales for cell in answer.rows) + rest.sales == answer.total.now.sales, question
        # What is no goods, added up posting by posting: so the goods are just what was posted of goods.
        beside = what_is_beside(question)
        sales = sum(one.amount for one in beside if one.is_sale)
        assert (sales, sum(one.amount for one in beside)) == (rest.sales, rest.margin), question


def test_numbers_pass_every_check_that_the_house_makes():
    sent = Shipment.objects.exclude(tracking_number="").values_list("carrier", "delivery__carrier", "tracking_number")
    numbers = [(own or wished, number) for own, wished, number in sent]
    assert set(SEVEN_CHECKED) <= {carrier for carrier, _number in numbers}
    assert [number for carrier, number in numbers if fault_of_number(number, carrier)] == []
    assert len({number for _carrier, number in numbers}) == len(numbers)
    profile = CompanyProfile.objects.get()
    corporate = {number for number in values(BillTo, "corporate_number") if number} | {profile.registration_number[1:]}
    assert len(corporate) > 5
    assert all(number[1:5] == "9999" and is_corporate_number(number) for number in corporate)
    phones = {profile.phone}
    for model, column in (
        (CustomerRecord, "phone"), (ShipTo, "phone"), (Contact, "phone"), (Order, "orderer_phone"), (Delivery, "recipient_phone"),
        (Hold, "owner_phone"),
    ):  # fmt: skip
        phones |= values(model, column) - {""}
    assert {phone for phone in phones if not national_phone(phone) or phone.split("-")[1][0] != "0"} == set()


# The first two digits of a postal code and where they are (日本郵便), and the one town of the demo that is served from the next prefecture.
REGIONS = (
    "00,04-09 北海道/01 秋田県/02 岩手県/03 青森県/10-20 東京都/21-25 神奈川県/26-29 千葉県/30-31 茨城県/"
    "32 栃木県/33-36 埼玉県/37 群馬県/38-39 長野県/40 山梨県/41-43 静岡県/44-49 愛知県/50 岐阜県/51 三重県/"
    "52 滋賀県/53-59 大阪府/60-62 京都府/63 奈良県/64 和歌山県/65-67 兵庫県/68 鳥取県/69 島根県/70-71 岡山県/"
    "72-73 広島県/74-75 山口県/76 香川県/77 徳島県/78 高知県/79 愛媛県/80-83 福岡県/84 佐賀県/85 長崎県/86 熊本県/"
    "87 大分県/88 宮崎県/89 鹿児島県/90 沖縄県/91 福井県/92 石川県/93 富山県/94-95 新潟県/96-97 福島県/98 宮城県/"
    "99 山形県"
)
SERVED_FROM_SHIGA = ("520-0463", "京都府")


def test_postal_codes_belong_to_their_prefectures():
    where: dict[str, str] = {}
    for region in REGIONS.split("/"):
        digits, prefecture = region.split(" ")
        for span in digits.split(","):
            first, _sign, last = span.partition("-")
            where |= {f"{number:02}": prefecture for number in range(int(first), int(last or first) + 1)}
    assert set(where.values()) == set(PREFECTURES)

    towns = {(row["postal_code"], row["prefecture"]) for row in table("towns")}
    strays = {town for town in towns if where[town[0][:2]] != town[1]}
    told = [(row["postal_code"], row["address"]) for row in table("accounts")]
    profile = CompanyProfile.objects.get()
    told.append((profile.postal_code, profile.address))

    assert strays <= {SERVED_FROM_SHIGA}
    assert [address for code, address in told if not address.startswith(where[code[:2]])] == []
    met = values(CustomerRecord, "postal_code", "prefecture") - {("", "")}
    assert {place for place in met if where[place[0][:2]] != place[1]} <= {SERVED_FROM_SHIGA}


def test_the_masters_are_those_of_an_apparel_company():
    assert 110 <= Product.objects.count() <= 130
    assert values(Product, "life_cycle") == set(Product.LifeCycle.values)
    assert values(Product, "tax_class") == {"STANDARD", "REDUCED"}
    assert Sku.objects.filter(is_kit=True).count() >= 5
    sizes = list(
        Sku.objects.filter(product__code="YR-PT01").order_by("size__sort_order").values_list("size__code", flat=True)
    )
    assert list(dict.fromkeys(sizes)) == ["7号", "9号", "11号", "13号"]
    assert Counter(values(Channel, "kind", "code")).total() == 6
    assert set(Listing.objects.values_list("site__channel__code", flat=True)) == {"PRACTICE-1", "PRACTICE-2"}
    # Nobody is called until practice sites are joined.
    assert list(EcSite.objects.values_list("platform", "base_url")) == [("", "")] * 2


def fill() -> dict[str, int]:
    return {model.__name__: model.objects.count() for model in COUNTED}


def test_again_it_says_what_is_there_and_changes_nothing():
    before, said = fill(), StringIO()

    call_command("demo", stdout=said)

    assert said.getvalue() == "The demo company is here: 100 orders up to 2026-11-27, seed 1. Nothing was changed.\n"
    assert fill() == before


@pytest.mark.parametrize(
    "asked", [{"seed": 7}, {"orders": 5_000}, {"orders": 500, "seed": 7}, {"date": TODAY - dt.timedelta(days=1)}]
)
def test_whatever_is_asked_for_otherwise_is_refused(asked):
    before = fill()

    with pytest.raises(CommandError, match="There is another demo company: 100 orders up to 2026-11-27, seed 1"):
        call_command("demo", **asked)
    assert fill() == before


def test_another_one_is_refused():
    with pytest.raises(CommandError, match="There is another demo company: 100 orders up to 2026-11-27, seed 1"):
        call_command("demo", date=TODAY, orders=100, seed=2)


def test_the_practice_sites_know_their_goods_and_orders(company):
    products = json.loads((company / "practice-1" / "products.json").read_text())
    past = json.loads((company / "practice-1" / "past.json").read_text())

    assert {product["sku"] for product in products} == set(
        Listing.objects.filter(site__channel__code="PRACTICE-1").values_list("external_code", flat=True)
    )
    since = TODAY - dt.timedelta(days=14)
    ours = Order.objects.filter(channel__code="PRACTICE-1", order_date__gte=since)
    assert {order["document"]["external_id"] for order in past} >= set(ours.values_list("external_id", flat=True))
    shipped = next(order for order in past if order["shipments"])
    assert Shipment.objects.filter(number=shipped["shipments"][0]["number"]).exists()


def test_cut_off_or_not_the_same_wish_is_the_same_company(companies):
    _folder, whole, cut_off = companies

    assert all(whole)
    for one, other in zip(whole, cut_off, strict=True):
        assert one == other


def told(plan) -> list:
    return [(deal.channel, deal.ordered_at, deal.document) for deal in plan.deals]


def test_the_same_wish_is_the_same_plan_and_another_seed_another():
    one, same, other = (Story(Wish(TODAY, 200, seed)) for seed in (1, 1, 2))

    assert told(one.plan) == told(same.plan)
    assert one.supply == same.supply
    assert told(one.plan) != told(other.plan)
    assert len(one.plan.deals) == 200


@pytest.mark.parametrize(
    "today", [dt.date(2024, 2, 29), dt.date(2025, 1, 3), dt.date(2026, 5, 6), dt.date(2026, 8, 31)]
)
def test_any_day_can_be_today(today):
    story = Story(Wish(today, 120, 3))

    assert {deal.day < today for deal in story.plan.deals} == {True}
    assert {act_day < today for act_day in story.plan.acts} == {True}


def test_nothing_lies_bare_that_a_living_company_has():
    """Papers, carriers' files, mails, memos, shelves, keys: each with a state that staff meet on the first day."""
    assert Mail.objects.filter(state=Mail.State.DRAFT).exists()
    assert "ORDER_RECEIVED" in values(Mail, "kind")
    assert LabelRun.objects.exists()
    assert set(values(CarrierAccount, "carrier")) == set(Carrier.values)
    assert Receipt.objects.count() == backroom.RECEIPTS
    assert OrderEvent.objects.filter(kind="MEMO").count() >= 3
    assert Shelf.objects.count() == Sku.objects.count()
    assert ParkedMessage.objects.exists()
    assert ApiKey.objects.get().expiry_date is not None
    assert [run.faults for run in VerifyRun.objects.all()] == [[]]
    assert ExportRun.objects.exists()


def test_what_goes_to_accounts_says_where_to():
    bare = Delivery.objects.filter(order__channel__code="WHOLESALE", order__account__isnull=False, street="")

    assert not bare.exists()


def test_no_page_of_the_stock_rooms_is_empty():
    """What people are in the middle of: rules, counts, transfers, proposals, pieces that are kept."""
    assert {
        name
        for name in ("buffer", "buffer_percent", "last_pieces", "cap")
        if ChannelPolicy.objects.exclude(**{name: None}).exists()
    } == {"buffer", "buffer_percent", "last_pieces", "cap"}
    assert values(ChannelQuota, "is_binding") == {True, False}
    assert values(StockCount, "state") >= {"COUNTING", "REVIEW", "POSTED"}
    assert values(TransferOrder, "state") >= {"REQUESTED", "SHIPPED"}
    assert Distribution.objects.filter(state="DRAFT", lines__quantity__gt=0).exists()
    assert WriteDownReview.objects.filter(state="DRAFT").exists()
    assert values(Hold, "kind") == set(Hold.Kind.values)
    for model in (Promise, ReorderRule, StandardCost, WriteDownRule, DistributionPattern, StockSnapshot, OrderWait):
        assert model.objects.exists(), model.__name__


def test_the_inbox_holds_a_message_in_every_state():
    assert values(InboundEvent, "state") == set(InboundEvent.State.values)
    open_tasks = set(StaffTask.objects.filter(closed_at__isnull=True).values_list("kind", flat=True))
    assert open_tasks >= {"INBOX_REFUSED", "INBOX_FAILED"}


@pytest.mark.parametrize("role", ROLES, ids=[role.login for role in ROLES])
def test_each_tile_of_the_first_page_counts_the_rows_of_the_list_behind_it(client, role):
    user = access.make_user(role)
    if role.name == "店舗":
        ShopStaff.objects.create(user=user, location=Location.objects.get(code="SHOP-1"))
    client.force_login(user)

    tiles = client.get(reverse("admin:index")).context["home"].tiles

    assert tiles or role.login == "system"
    told = {each.url: each.count for tile in tiles.values() for each in (tile, *tile.parts)}
    assert told == {url: client.get(url).context["cl"].queryset.count() for url in told}


@pytest.mark.slow
# Files that pages offer are not taken: what was made for them is closed when it is collected.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("role", ROLES, ids=[role.login for role in ROLES])
def test_no_page_shows_a_link_that_whoever_sees_it_may_not_follow(client, role):
    user = access.make_user(role)
    if role.name == "店舗":
        ShopStaff.objects.create(user=user, location=Location.objects.get(code="SHOP-1"))

    assert shut_links(client, user) == {}


@pytest.mark.parametrize("page", ["stockcount", "transferorder", "distribution", "writedownreview", "hold"])
def test_lists_of_the_stock_rooms_call_people_by_their_names(client, page):
    client.force_login(User.objects.create_superuser("mika"))

    shown = client.get(reverse(f"admin:inventory_{page}_changelist")).content.decode()

    assert "result_list" in shown
    assert "staff:" not in shown
