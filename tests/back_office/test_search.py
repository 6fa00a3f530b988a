"""The one search finds every kind in every form of writing, for those who may open it, by an index and with a constant number of questions."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db import connection
from django.db.models import Q
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounting.models import JournalEntry
from benchmarks import lists
from catalog.models import SkuCode, Supplier
from customers.models import Account, BillTo, ChannelIdentity, CustomerRecord, GoldenCustomer
from erp.back_office import search
from erp.core import finding
from erp.core.models import Channel, StaffTask
from erp.insights.models import CustomerRfm
from erp.inventory.models import Hold, ShopStaff, StockDocument
from erp.inventory.services import ExpectedLine, ReceiptLine, expect_receipt, receive
from erp.orders import services
from erp.orders.models import Order, OrderPayment, Receipt, Shipment, ShipmentLine
from tests.inventory.factories import channel as new_channel
from tests.inventory.factories import location, stock
from tests.inventory.factories import sku as new_sku
from tests.orders.factories import DESK, NOON, line, order, placed, released, shipped, shop

pytestmark = pytest.mark.django_db
JAN = "4901234567894"


@pytest.fixture
def staff(client):
    client.force_login(User.objects.create_superuser("mika"))
    return client


def found(client, typed: str) -> dict[str, list[str]]:
    """The names of the hits by kind."""
    groups = client.get("/admin/find/", {"q": typed, "stay": "1"}).context["groups"]
    return {group.title: [hit.name for hit in group.hits] for group in groups}


def renamed(sold: Order, **fields) -> Order:
    Order.objects.filter(pk=sold.pk).update(**fields)
    sold.refresh_from_db()
    return sold


@pytest.fixture
def sold():
    channel, place = shop()
    goods = new_sku()
    stock(goods, place, 10)
    order_ = placed(channel, order(line(goods, 1), external_id="Web-No.7"))
    return renamed(
        order_, orderer_name="髙橋 花子", orderer_kana="タカハシ ハナコ", orderer_phone="090-1234-5678", orderer_email="Hana@example.jp",
        customer_po_number="PO/2026-15",
    )  # fmt: skip


@pytest.mark.parametrize(
    "typed",
    [
        "高橋", "髙橋", "高橋花子", "高橋　花子", "花子 高橋", "橋花", "高", "タカハシ", "ﾀｶﾊｼ", "たかはし", "たかはし はなこ", "ﾊﾅｺ",
        "09012345678", "０９０ー１２３４ー５６７８", "090-1234-5678", "+81 90 1234 5678", "+81(0)90-1234-5678", "090(1234)5678",
        "Web-No.7", "web-no.7", "ＷＥＢ－ＮＯ．７", "webno7", "hana@example.jp", "ＨＡＮＡ@example.jp", "po2026-15",
    ],
)  # fmt: skip
def test_an_order_is_found_however_it_is_written(staff, sold, typed):
    assert found(staff, typed)["受注"] == [sold.number]


@pytest.mark.parametrize(
    "typed", ["高田", "花", "090-1234-567", "Web-No.8", "橋高", "ハシタカ", "hana@example.com", "%", "_", "^高"]
)
def test_what_is_written_otherwise_is_not_found(staff, sold, typed):
    assert "受注" not in found(staff, typed)


TYPED = {
    "髙橋 浩": ["髙橋 浩", "髙橋　浩", "髙橋浩", "高橋 浩", "高橋  浩", "浩 高橋"],
    "宮﨑 遥": ["宮﨑 遥", "宮崎 遙", "宮崎　遥", "宮﨑遥"],
    "林 浩": ["林 浩", "林　浩", "林浩"],
    "林 浩二": ["林 浩二", "浩二 林", "林 浩", "浩二"],
    "森 茜": ["森 茜", "森　茜", "森茜"],
    "辻󠄀 恵美": ["辻 恵美", "辻󠄀 恵美", "恵美 辻"],
    "小鳥遊 𠮷": ["小鳥遊 吉", "小鳥遊 𠮷", "𠮷 小鳥遊"],
    "タカハシ ジ": ["ﾀｶﾊｼ ｼﾞ", "たかはし　じ"],
}


@pytest.mark.parametrize("stored", TYPED)
def test_a_name_is_found_as_it_is_displayed_although_one_of_its_parts_is_a_single_sign(staff, sold, stored):
    renamed(sold, orderer_name=stored)
    other = renamed(placed(sold.channel, order(line(new_sku(), 1), external_id="other")), orderer_name="浜田 浩一 遥")
    golden = GoldenCustomer.objects.create(created_at=NOON, display_name=stored)
    family, given = stored.split(" ")
    CustomerRecord.objects.create(
        channel=sold.channel,
        family_name=family,
        given_name=given,
        golden=golden,
        created_at=NOON,
        source_updated_at=NOON,
    )
    own = reverse("admin:orders_order_changelist")

    for typed in TYPED[stored]:
        assert sold.number in found(staff, typed).get("受注", []), typed
        assert stored in " ".join(found(staff, typed).get("統合顧客", [])), typed
        for label, fields in (
            ("orders.order", ["orderer_name"]),
            ("customers.customerrecord", ["family_name+given_name"]),
        ):
            rows = apps.get_model(label)._default_manager.all()
            assert finding.search(rows, fields, typed).exists(), (label, typed)
        shown = staff.get(own, {"q": typed}).content.decode()
        assert sold.number in shown, typed
        assert other.number not in shown, typed


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("髙橋 花子", ["髙橋 花子"]),
        ("浩", ["浩"]),
        ("髙橋 浩", ["髙橋 浩", "髙橋浩"]),
        ("林 浩", ["林 浩", "林浩"]),
        ("浩 髙橋", ["浩 髙橋", "浩髙橋", "髙橋浩"]),
        ("渋谷 髙橋 浩", ["渋谷 髙橋 浩", "渋谷 髙橋浩"]),
        ("林 浩 渋谷", ["林 浩 渋谷", "林浩 渋谷"]),
        ("株式会社 森", ["株式会社 森"]),
        ("林 林", ["林 林", "林林"]),
        ("花子 花子", ["花子 花子"]),
    ],
)
def test_a_single_sign_is_read_as_the_rest_of_a_name_too(typed, read):
    assert [each.text for each in finding.Sought.of(typed).readings] == read


@pytest.mark.parametrize(
    ("stored", "typed"),
    [("𠮷田", "吉田"), ("吉田", "𠮷田"), ("山﨑", "山崎"), ("渡邉", "渡辺"), ("渡邊", "渡邉"), ("齋藤", "斉藤"), ("濵田", "浜田"), ("葛󠄀城", "葛城"),
     ("廣瀨", "広瀬"), ("澤村", "沢村"), ("嶋田", "島田"), ("ﾌｼﾞﾓﾄ", "藤本"), ("ジユンコ", "じゅんこ")],
)  # fmt: skip
def test_variants_of_kanji_and_kana_are_one(staff, sold, stored, typed):
    renamed(sold, orderer_name=stored)

    assert ("受注" in found(staff, typed)) is (typed != "藤本")


@pytest.mark.parametrize(
    "stored",
    ["株式会社青山", "㈱青山", "青山株式会社", "青山(株)", "(株) 青山", "株式會社靑山", "㍿青山", "青山"],
)
@pytest.mark.parametrize("typed", ["株式会社青山", "株式会社 青山", "㈱青山", "青山㈱", "青山 (株)", "青山", "青"])
def test_the_legal_form_of_a_company_is_no_part_of_its_name(sold, stored, typed):
    renamed(sold, orderer_name=stored)

    assert [row.pk for row in finding.search(Order.objects.all(), ["orderer_name"], typed)] == [sold.pk]


@pytest.mark.parametrize(
    ("stored", "typed", "is_found"),
    [
        ("株式会社青山", "株式会社", True), ("青山(株)", "㈱", True), ("㈱青山", "(株)", True), ("有限会社青山", "株式会社", False),
        ("青山㈲", "有限会社", True), ("青山 花子", "株式会社", False), ("株式会社青山", "株式", True), ("株式会社青山", "会社", True),
        ("株式会社青山", "有限会社青山", True), ("青山株式会社東京支店", "青山東京", True), ("青山株式会社東京支店", "会社東京", True),
        ("株式会社青山", "株式会社 赤山", False), ("一般社団法人青山会", "青山会", True), ("医療法人社団青山会", "(医)青山会", True),
        ("合同会社青山", "青山合同会社", True), ("株山青", "株式会社", False),
    ],
)  # fmt: skip
def test_a_legal_form_alone_finds_the_companies_of_that_form(sold, stored, typed, is_found):
    renamed(sold, orderer_name=stored)

    assert finding.search(Order.objects.all(), ["orderer_name"], typed).exists() is is_found


@pytest.mark.parametrize(
    "typed", ["アオヤマ", "ｶ)ｱｵﾔﾏ", "アオヤマ(カ", "カブシキガイシャ アオヤマ", "カブシキカイシャアオヤマ"]
)
@pytest.mark.parametrize("stored", ["アオヤマ", "カ)アオヤマ", "ｱｵﾔﾏ(ｶ", "カブシキガイシャアオヤマ"])
def test_legal_forms_of_the_bank_are_none_of_a_name_in_kana(sold, stored, typed):
    renamed(sold, orderer_kana=stored)

    assert finding.search(Order.objects.all(), ["orderer_kana"], typed).exists()


@pytest.mark.parametrize(
    ("typed", "is_found"),
    [
        ("SO-00100042", True), ("so00100042", True), ("100042", True), ("0042", True), ("042", True), ("42", True), ("SO-00100043", False),
        ("00420", False), ("売上 SO-00100042", True), ("上so", True), ("2分", True), ("421", False), ("4242", False),
    ],
)  # fmt: skip
def test_a_number_inside_a_text_is_found_whole_and_in_part(sold, typed, is_found):
    renamed(sold, orderer_name="売上 SO-00100042 分")

    assert finding.search(Order.objects.all(), ["orderer_name"], typed).exists() is is_found


@pytest.mark.parametrize("common", [0, 2_000])
@pytest.mark.parametrize(
    ("stored", "typed", "is_found"),
    [("佐々木 花子", "佐々木", True), ("木佐々 々木", "佐々木", False), ("山田 太郎", "佐々木", False)],
)
def test_three_characters_are_found_in_their_order_however_common_they_are(
    monkeypatch, sold, common, stored, typed, is_found
):
    monkeypatch.setattr(finding, "COMMON", common)
    renamed(sold, orderer_name=stored)

    assert finding.search(Order.objects.all(), ["orderer_name", "orderer_kana"], typed).exists() is is_found


@pytest.mark.parametrize(("fitting", "others"), [(260, 0), (1, 260), (0, 260), (210, 100)])
def test_those_with_the_signs_in_order_are_found_behind_newer_ones_that_only_have_them(fitting, others):
    rows = Supplier.objects.bulk_create(Supplier(code=f"S{number}", name="佐々木 花子") for number in range(fitting))
    Supplier.objects.bulk_create(Supplier(code=f"T{number}", name="木佐々 々木") for number in range(others))

    found = finding.search(Supplier.objects.order_by("-pk"), ["name"], "佐々木")

    assert [row.pk for row in found] == [row.pk for row in reversed(rows)][: finding.REACH]


def test_kanji_are_not_looked_for_in_kana_and_kana_are_everywhere(sold):
    renamed(sold, orderer_name="タカハシ商店", orderer_kana="")

    assert finding.search(Order.objects.all(), ["orderer_name", "orderer_kana"], "タカハシ").exists()
    asked = [
        str(condition.pairs)
        for condition in finding._conditions(Order, ["orderer_name", "orderer_kana"], finding.Sought.of("高橋"))
    ]
    assert len(asked) == 1
    assert "orderer_name" in asked[0]


def test_a_list_is_not_counted_when_a_search_has_found_its_keys(staff, sold):
    with CaptureQueriesContext(connection) as queries:
        page = staff.get("/admin/orders/order/", {"q": "高橋"})

    assert page.context["cl"].result_count == 1
    assert not [
        query["sql"] for query in queries if "COUNT(" in query["sql"].upper() and "orders_order" in query["sql"]
    ]


def test_our_numbers_need_neither_zeros_nor_hyphens(staff, sold):
    bare = str(int(sold.number[3:]))

    for typed in (sold.number, sold.number.lower(), f"so{bare}", f"SO-{bare}", f"ＳＯ－{bare}", bare):
        assert found(staff, typed)["受注"] == [sold.number], typed


def test_zeros_in_front_are_no_part_of_a_key_of_ours(staff, sold):
    shipped(sold)
    key = StockDocument.objects.latest("pk").pk

    assert found(staff, str(key))["受払伝票"]
    assert "受払伝票" not in found(staff, f"000{key}")


def test_every_kind_is_found_by_its_own_numbers(staff, sold):
    [parcel] = shipped(sold)
    services.set_tracking(shipment_id=parcel.pk, carrier="yamato", tracking_number="4411-2233-4450", at=NOON, by=DESK)
    [parcel_line] = parcel.lines.all()
    returned = services.record_return(
        order_id=sold.pk, external_id="RMA 1", lines=[services.ReturnedLine(parcel_line.pk, 1, "SELLABLE")], reason="size", at=NOON, by=DESK,
    )  # fmt: skip
    goods = new_sku()
    SkuCode.objects.create(sku=goods, kind="GTIN13", code=JAN)
    type(goods.product).objects.filter(pk=goods.product_id).update(name="リネン襯衣", kana="リネンシャツ")
    golden = GoldenCustomer.objects.create(created_at=NOON, display_name="𠮷川 一郎")
    record = CustomerRecord.objects.create(
        golden=golden, family_name="𠮷川", given_name="一郎", family_kana="ヨシカワ", given_kana="イチロウ", phone="03-1111-2222",
        email="y@example.jp", created_at=NOON, source_updated_at=NOON,
    )  # fmt: skip
    ChannelIdentity.objects.create(channel=sold.channel, external_id="MEM-0077", record=record)
    bill_to = BillTo.objects.create(code="B-10", name="株式会社青山", kana="アオヤマ")
    Account.objects.create(code="A-10", name="青山 本店", kana="アオヤマホンテン", bill_to=bill_to)
    supplier = Supplier.objects.create(code="V-5", name="東京繊維", kana="トウキョウセンイ")
    place = location()
    expected_line = ExpectedLine(1, goods.pk, 3, dt.date(2026, 12, 1))
    expect_receipt(
        external_id="PO-991", location_id=place.pk, lines=[expected_line], supplier_id=supplier.pk, at=NOON, by=DESK
    )
    Hold.objects.create(
        channel=sold.channel, ref="cart-9", kind="KEEP", owner_label="髙島", expires_at=NOON, created_at=NOON, actor="x", fingerprint="",
        wanted=[],
    )  # fmt: skip
    receive(
        external_id="RC-2026/3", location_id=place.pk, lines=[ReceiptLine(1, goods.pk, 2, Decimal(300))], occurred_at=NOON, at=NOON, by=DESK,
    )  # fmt: skip
    entry = JournalEntry.objects.order_by("pk").first()
    receipt = Receipt.objects.create(
        number="RC-00000001", order=sold, issue=1, medium="PAPER", addressee="株式会社 髙﨑 御中", proviso="衣料品代として",
        issued_on=NOON.date(), currency="JPY", amount=1100, content={}, token="t", recorded_at=NOON, actor="x",
    )  # fmt: skip
    OrderPayment.objects.filter(order=sold).update(reference="CH_9-A")

    expected = {
        parcel.number: ("出荷", parcel.number),
        "441122334450": ("出荷", parcel.number),
        "４４１１－２２３３－４４５０": ("出荷", parcel.number),
        returned.number: ("返品", returned.number),
        "rma1": ("返品", returned.number),
        "ch9a": ("受注", sold.number),
        goods.code: ("SKU", goods.code),
        goods.code[1:]: ("SKU", goods.code),
        JAN: ("SKU", goods.code),
        "４９０１２３４５６７８９４": ("SKU", goods.code),
        goods.product.code: ("品番", goods.product.code),
        "りねんしゃつ": ("品番", goods.product.code),
        "吉川": ("統合顧客", golden.display_name),
        "よしかわいちろう": ("統合顧客", golden.display_name),
        "0311112222": ("統合顧客", golden.display_name),
        "Y@EXAMPLE.JP": ("統合顧客", golden.display_name),
        "mem0077": ("統合顧客", golden.display_name),
        "a10": ("得意先", "A-10"),
        "アオヤマホンテン": ("得意先", "A-10"),
        "株式会社青山": ("請求先", "B-10"),
        "東京繊維": ("仕入先", "V-5"),
        "po991": ("入荷予定", "PO-991-1"),
        "CART9": ("仮引当・取り置き", "cart-9"),
        "高島": ("仮引当・取り置き", "cart-9"),
        place.code: ("場所", place.code),
        "ｒｃ２０２６３": ("受払伝票", "RC-2026/3"),
        entry.number: ("仕訳", entry.number),
        receipt.number: ("領収書", receipt.number),
        receipt.number.lower().replace("-", ""): ("領収書", receipt.number),
        "株式会社 髙﨑": ("領収書", receipt.number),
    }  # fmt: skip
    missed = {
        typed: found(staff, typed)
        for typed, (kind, name) in expected.items()
        if name not in found(staff, typed).get(kind, [])
    }
    assert missed == {}


def test_what_is_scanned_leads_straight_to_its_page(staff, sold):
    goods = new_sku()
    SkuCode.objects.create(sku=goods, kind="GTIN13", code=JAN)
    renamed(sold, orderer_name=f"{JAN} 様")

    assert staff.get("/admin/find/", {"q": JAN}).headers["Location"] == f"/admin/catalog/sku/{goods.pk}/change/"
    assert (
        staff.get("/admin/find/", {"q": f"{sold.number}\r"}).headers["Location"]
        == f"/admin/orders/order/{sold.pk}/change/"
    )


def test_a_customer_is_opened_as_a_card(staff):
    golden = GoldenCustomer.objects.create(created_at=NOON, display_name="髙橋 花子")
    CustomerRecord.objects.create(
        golden=golden,
        family_name="髙橋",
        given_name="花子",
        phone="090-1234-5678",
        created_at=NOON,
        source_updated_at=NOON,
    )

    page = staff.get("/admin/find/", {"q": "09012345678"}, follow=True)

    assert page.redirect_chain == [(reverse("admin:insights_customer_card", args=[golden.pk]), 302)]
    assert "髙橋 花子" in page.content.decode()


def test_more_than_one_hit_is_shown_to_choose(staff, sold):
    again = placed(sold.channel, order(line(new_sku(), 1), external_id="x"))
    renamed(again, orderer_name="高橋 太郎")

    assert staff.get("/admin/find/", {"q": "高橋"}).status_code == 200
    assert found(staff, "高橋")["受注"] == [again.number, sold.number]


def test_a_search_for_nothing_tells_how_to_search(staff):
    for typed in ("", "   ", "-", "\x00", "ない名前", "x" * 500):
        page = staff.get("/admin/find/", {"q": typed})
        assert page.status_code == 200
        assert page.context["groups"] == []
        assert "高橋" in page.content.decode()


def test_a_kind_shows_the_newest_and_says_that_there_are_more(staff, sold):
    for number in range(search.SHOWN + 3):
        renamed(placed(sold.channel, order(line(new_sku(), 1), external_id=f"n{number}")), orderer_name="高橋")

    [group] = staff.get("/admin/find/", {"q": "高橋"}).context["groups"]

    assert (len(group.hits), group.has_more) == (search.SHOWN, True)
    assert group.hits[0].name == Order.objects.latest("pk").number


@pytest.mark.parametrize("limit", [1, 3, 4, 9])
def test_what_many_bear_is_looked_for_among_the_newest_first_and_nothing_is_lost(monkeypatch, limit):
    rows = [Supplier.objects.create(code=f"S{number}", name=f"髙橋{number}") for number in range(6)]
    newest = [row.pk for row in reversed(rows)]
    monkeypatch.setattr(finding, "REACH", limit)
    monkeypatch.setattr(finding, "COMMON", 2)
    # Three rows in the first step, one in the second, two in the last.
    steps = [Q(pk__gt=newest[3]), Q(pk=newest[3]), Q(pk__lt=newest[3])]
    monkeypatch.setattr(finding, "_steps", lambda _model, _expected: steps)

    found = finding.search(Supplier.objects.order_by("-pk"), ["name"], "高橋")

    assert [row.pk for row in found] == newest[:limit]


def test_scores_are_found_by_the_names_of_customers_of_whom_only_the_older_have_any(monkeypatch):
    monkeypatch.setattr(finding, "REACH", 2)
    names = [GoldenCustomer.objects.create(display_name=f"髙橋 {sign}子", created_at=NOON) for sign in "一二三四五六"]
    one = {"as_of": NOON.date(), "last_order_date": NOON.date(), "order_count": 1, "amount": 1, "r": 1, "f": 1, "m": 1}
    scored = [CustomerRfm.objects.create(golden=name, **one).pk for name in names[:3]]

    def found(typed: str) -> list[int]:
        rows = finding.search(CustomerRfm.objects.order_by("-pk"), ["golden__display_name"], typed)
        return [row.pk for row in rows]

    assert found("高橋") == [scored[2], scored[1]]
    assert (found("高橋 一子"), found("高橋 六子")) == ([scored[0]], [])


def test_lines_are_found_by_the_number_of_their_parcel_in_any_form(sold):
    [parcel] = shipped(sold)
    Shipment.objects.filter(pk=parcel.pk).update(tracking_number="1234-5678")
    fields = admin.site._registry[ShipmentLine].search_fields

    lines = finding.search(ShipmentLine.objects.all(), fields, "１２３４5678")
    assert [line_.shipment_id for line_ in lines] == [parcel.pk]
    assert not finding.search(ShipmentLine.objects.all(), fields, "12345670")


def test_words_are_found_in_texts_together_and_beside_a_code_or_a_text_elsewhere(sold):
    fields = ["number__exact", "orderer_name", "orderer_kana", "channel__name"]
    other = renamed(placed(sold.channel, order(line(new_sku(), 1), external_id="x")), orderer_name="高橋 太郎")
    Channel.objects.filter(pk=sold.channel_id).update(name="青山店")

    def numbers(typed: str) -> set[str]:
        return {row.number for row in finding.search(Order.objects.all(), fields, typed)}

    assert numbers("高橋 ハナコ") == {sold.number}
    assert numbers(f"高橋 {other.number}") == {other.number}
    assert numbers("高橋 青山") == {sold.number, other.number}
    assert numbers(f"ハナコ {other.number}") == set()
    assert numbers("高橋 青山 ハナコ") == {sold.number}


def test_users_find_only_what_they_may_open(client, sold):
    user = User.objects.create_user("aoi", is_staff=True)
    client.force_login(user)
    assert found(client, "高橋") == {}

    user.groups.add(Group.objects.get(name="商品管理"))
    # Another role ends the sessions of before.
    client.force_login(user)
    Account.objects.create(code="A-1", name="高橋商店", bill_to=BillTo.objects.create(code="B-1", name="高橋商店"))
    assert list(found(client, "高橋")) == ["受注"]
    client.logout()
    assert client.get("/admin/find/", {"q": "高橋"}).headers["Location"].startswith("/admin/login/")


def test_staff_of_a_shop_find_the_sales_of_their_shop(client, sold):
    ginza = location("SHOP")
    till = new_channel(ginza, kind="SHOP")
    own = renamed(placed(till, order(line(new_sku(), 1), external_id="till-1")), orderer_name="高橋")
    user = User.objects.create_user("aoi", is_staff=True)
    user.groups.add(Group.objects.get(name="店舗"))
    ShopStaff.objects.create(user=user, location=ginza)
    client.force_login(user)

    assert found(client, "高橋") == {"受注": [own.number]}
    assert found(client, sold.number) == {}


def test_who_packs_does_not_see_what_an_order_amounts_to(client, staff, sold):
    seen = staff.get("/admin/find/", {"q": "高橋", "stay": "1"}).context["groups"][0].hits[0].facts
    user = User.objects.create_user("soko", is_staff=True)
    user.groups.add(Group.objects.get(name="倉庫"))
    client.force_login(user)
    packed = client.get("/admin/find/", {"q": "高橋", "stay": "1"}).context["groups"][0].hits[0].facts

    assert [fact for fact in seen if fact not in packed] == [f"¥{sold.total:,.0f}"]


def test_the_number_of_questions_does_not_grow_and_nothing_is_counted(staff, sold):
    def asked() -> list[str]:
        with CaptureQueriesContext(connection) as queries:
            staff.get("/admin/find/", {"q": "高橋 花子"})
        return [query["sql"] for query in queries]

    renamed(placed(sold.channel, order(line(new_sku(), 1), external_id="x")), orderer_name="高橋花子")
    asked()
    few = asked()
    for number in range(5):
        renamed(placed(sold.channel, order(line(new_sku(), 1), external_id=f"y{number}")), orderer_name="髙橋花子")
    many = asked()

    assert len(many) == len(few)
    # Per kind the keys of those that are met whole or in part and their rows, and for each part of a text how many are expected and which if few.
    parts = sum(finding._parts(spec)[1] == "finds" for findable in finding.registered() for spec in findable.fields)
    assert len(few) <= 3 * len(finding.registered()) + 2 * parts + 6
    assert not [sql for sql in many if "COUNT(" in sql.upper()]


def without_an_index(label: str, fields: Sequence[str]) -> list[str]:
    """Each column in its own table. Only scans that need a condition of an index are allowed; a column without one is read from end to end."""
    found = set()
    with connection.cursor() as cursor:
        for way in ("seqscan", "indexscan", "indexonlyscan"):
            cursor.execute(f"SET LOCAL enable_{way} = off")
        for spec in fields:
            model, column = apps.get_model(label), spec
            while (relation := column.partition("__")[0]) in {
                field.name for field in model._meta.get_fields() if field.is_relation
            }:
                model, column = model._meta.get_field(relation).related_model, column.replace(f"{relation}__", "")
            conditions = [
                condition.pairs or condition.whole
                for typed in (
                    "高橋",
                    "高橋 花子",
                    "高橋 浩",
                    "a@b.jp",
                    "090-1234-5678",
                    "SO-00000042",
                    JAN,
                    "42",
                    "127.0.0.1",
                )
                for reading in finding.Sought.of(typed).readings
                for condition in finding._conditions(model, [column], reading)
            ]
            assert conditions, spec
            for condition in conditions:
                query, values = model._default_manager.filter(condition).values("pk").query.sql_with_params()
                cursor.execute(f"EXPLAIN {query}", values)
                plan = "\n".join(row for (row,) in cursor.fetchall())
                if "Index Cond" not in plan or "Seq Scan" in plan:
                    found.add(f"{spec}\n{plan}")
    return sorted(found)


@pytest.mark.parametrize("findable", finding.registered(), ids=lambda findable: findable.model)
def test_every_column_has_an_index_for_short_terms_and_for_long_ones(findable):
    assert without_an_index(findable.model, findable.fields) == []


@pytest.mark.parametrize("label", lists.LONG)
def test_every_long_list_is_searched_by_indexes_only(label):
    assert without_an_index(label, admin.site._registry[apps.get_model(label)].search_fields) == []


@pytest.mark.parametrize("words", [" ".join("あいうえおかきくけこさしすせそたちつてとなにぬねの"), "花子 " * 30])
def test_a_text_of_many_words_asks_no_more_than_one_of_eight(staff, sold, words):
    def asked(typed: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert staff.get("/admin/find/", {"q": typed, "stay": "1"}).status_code == 200
        return len(queries)

    assert asked(words) <= asked("あ い う え お か き く")


def test_everything_that_can_be_found_has_a_page_that_opens(staff, sold):
    for findable in finding.registered():
        assert apps.get_model(findable.model) in admin.site._registry


def test_the_search_is_on_every_page(staff):
    page = staff.get("/admin/core/department/").content.decode()

    assert 'id="find"' in page
    assert "/static/core/finding.js" in page


def test_who_packs_sees_no_amounts_in_lists_and_documents(client, staff, sold):
    [parcel] = shipped(sold)
    pages = [
        "/admin/orders/order/",
        f"/admin/orders/order/{sold.pk}/change/",
        "/admin/orders/orderline/",
        "/admin/orders/shipment/",
    ]
    pages += [f"/admin/orders/shipment/{parcel.pk}/change/", "/admin/orders/shipmentline/"]
    amount = f">{sold.total:,.0f}<"
    seen = {page for page in pages if amount in staff.get(page).content.decode()}
    user = User.objects.create_user("soko", is_staff=True)
    user.groups.add(Group.objects.get(name="倉庫"))
    client.force_login(user)

    assert seen
    assert [page for page in pages if amount in client.get(page).content.decode()] == []


def test_who_packs_is_not_told_in_words_what_an_order_amounts_to(client, staff, sold):
    odd = placed(sold.channel, order(line(new_sku()), external_id="ODD", total=98_765))
    told = StaffTask.objects.create(
        kind="REFUND_DUE", subject_type="ORDER", subject_id=odd.pk, subject_label=odd.number, detail="98,765", opened_at=NOON
    )  # fmt: skip
    pages = [
        f"/admin/orders/order/{odd.pk}/change/",
        "/admin/orders/orderhold/",
        "/admin/core/stafftask/",
        "/admin/core/stafftask/?kind=REFUND_DUE",
    ]
    pages.append(f"/admin/core/stafftask/{told.pk}/change/")

    def telling() -> list[str]:
        return [page for page in pages if "98,765" in client.get(page).content.decode()]

    everybody = telling()
    user = User.objects.create_user("soko", is_staff=True)
    user.groups.add(Group.objects.get(name="倉庫"))
    client.force_login(user)

    assert everybody == pages
    assert telling() == []
    assert "合計" in client.get(pages[0]).content.decode()


def test_words_behind_the_eighth_are_told_not_to_be_looked_for(staff, sold):
    told = "先頭の8語で検索しました。"
    eight = "あ い う え お か き く"

    for page in ("/admin/find/", "/admin/orders/order/"):
        assert (
            told not in staff.get(page, {"q": eight, "stay": "1"} if "find" in page else {"q": eight}).content.decode()
        )
        assert told in staff.get(page, {"q": f"{eight} け"}).content.decode()


def test_what_tills_and_late_revisions_amount_to_is_told_in_tasks_to_nobody_who_may_not_know_it(client, staff, sold):
    channel, place = shop()
    shirt = new_sku()
    stock(shirt, place, 5)
    till = new_channel(location("COUNTER"), kind="SHOP")
    parcel = placed(channel, order(line(shirt), external_id="PACKED"))
    receipt = order(
        line(shirt, 1, 98_765), external_id="T-1", payments=(services.PaymentInput("NONE", Decimal(98_765), "PAID"),)
    )
    how = {"at": NOON, "by": DESK}
    services.record_shop_sales(channel=till.code, sales=[replace(receipt, total=Decimal(98_700))], **how)
    services.record_till_returns(channel=till.code, returns=[services.TillReturn(receipt)], **how)
    released(parcel)
    revised = order(line(shirt, 1, 98_765), external_id="PACKED", revision=2)
    services.place_order(channel=channel.code, order=revised, **how)
    assert {"SALE_TO_CHECK", "RETURN_TO_CHECK", "AMEND_AFTER_RELEASE"} <= set(
        StaffTask.objects.values_list("kind", flat=True)
    )
    pages = [
        "/admin/core/stafftask/",
        *(f"/admin/core/stafftask/{task.pk}/change/" for task in StaffTask.objects.all()),
    ]

    def telling() -> list[str]:
        return [page for page in pages if re.search("98,?7", client.get(page).content.decode())]

    assert telling()
    for name, role in (("soko", "倉庫"), ("system", "システム管理")):
        user = User.objects.create_user(name, is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        client.force_login(user)
        assert (role, telling()) == (role, [])
        assert "出荷指示後の受注変更" in client.get(pages[0]).content.decode()


def test_a_gtin_is_found_with_any_number_of_leading_zeros(staff):
    for stored, kind in (("00036000291452", "GTIN14"), ("0049000042566", "GTIN13")):
        shirt = new_sku()
        SkuCode.objects.create(sku=shirt, code=stored, kind=kind)
        for typed in (stored, stored.lstrip("0").zfill(12), stored.lstrip("0").zfill(13), stored.lstrip("0").zfill(14)):
            assert [shirt.code] in found(staff, typed).values(), typed
