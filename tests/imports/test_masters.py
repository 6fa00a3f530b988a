"""Each master as a file: what goes out comes back unchanged, whom a change is announced to, and what its own rules refuse."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group, User

from accounting.models import LedgerAccount
from catalog.models import Brand, Category, Price, Product, Season, SkuCode, SkuCost, Supplier
from customers.models import Account, BillTo, Contact, CreditGroup, ShipTo
from erp.core.models import ChangeRow, Channel, Department
from erp.imports import exporting
from erp.imports.masters import named, registered
from erp.inventory.models import (
    ChannelLocation,
    ChannelPolicy,
    ChannelQuota,
    CostPool,
    Location,
    ReorderRule,
    Shelf,
    ShopStaff,
    StandardCost,
    WriteDownRule,
)
from tests.catalog.factories import colors, price_list, product, sizes, sku, standard_list
from tests.imports.files import checked, counts, csv_file, imported, problems, undone
from tests.inventory.factories import stock

pytestmark = pytest.mark.django_db


def exported(kind: str) -> bytes:
    master = named(kind)
    rows = exporting.rows_of(master, master.model._default_manager.all())
    return b"".join(exporting.csv_pieces(exporting.titles(master), rows, encoding="utf-8-sig"))


def furnish() -> None:
    """A row of every master, with something in every column."""
    pool, shop = (
        CostPool.objects.get(code="MAIN"),
        Channel.objects.create(code="EC1", name="本店", kind=Channel.Kind.MALL),
    )
    [color, _other], [size] = colors("R", "B"), sizes("M")
    Department.objects.create(code="010", name="第一")
    supplier = Supplier.objects.create(
        code="0001", name="=仕入", registration_number="T1234567890123", registered_from=date(2023, 10, 1)
    )
    brand, category = Brand.objects.create(code="B1", name="北"), Category.objects.create(code="C1", name="布")
    season = Season.objects.create(code="26AW", name="秋冬", starts_on=date(2026, 8, 1))
    goods = product(
        "TS-1", brand=brand, season=season, category=category, supplier=supplier, kana="ア", material="綿100%"
    )
    item = sku("TS-1-R", product=goods, color=color, size=size, weight_g=120)
    SkuCode.objects.create(sku=item, kind="CHANNEL", code="-x1", channel=shop, valid_from=date(2026, 1, 1))
    SkuCost.objects.create(sku=item, supplier=supplier, cost="12.3456", valid_from=date(2026, 1, 1))
    retail = standard_list(code="上代")
    Price.objects.create(price_list=retail, sku=item, price="1200.5", valid_from=date(2026, 1, 1))
    Price.objects.create(
        price_list=price_list("W"), product=goods, price=600, valid_from=date(2026, 1, 1), valid_to=date(2026, 2, 1)
    )
    group = CreditGroup.objects.create(code="K1", name="与信", credit_limit=1_000_000)
    bill_to = BillTo.objects.create(
        code="S1", name="請求", credit_group=group, postal_code="150-0001", corporate_number="1234567890123"
    )
    account = Account.objects.create(
        code="A1", name="得意", bill_to=bill_to, wholesale_percent="62.5", price_list=retail
    )
    ShipTo.objects.create(account=account, code="01", name="店", phone="03-0000-0000", city="渋谷区")
    Contact.objects.create(
        account=account, name="佐藤", department="仕入部", email="s@example.jp", phone="03-0000-0001"
    )
    place = Location.objects.create(code="WH9", name="倉庫", kind="WAREHOUSE", cost_pool=pool)
    Shelf.objects.create(location=place, sku=item, code="A-01")
    ChannelLocation.objects.create(channel=shop, location=place, rank=5)
    StandardCost.objects.create(sku=item, cost="1000.5", valid_from=date(2026, 1, 1))
    WriteDownRule.objects.create(category=category, months=6, percent=50)
    WriteDownRule.objects.create(months=24, percent=0)
    ReorderRule.objects.create(sku=item, location=place, lead_time_days=7, lot=6, safety_stock=2, reorder_point=9)
    ChannelPolicy.objects.create(channel=shop, sku=item, buffer=3)
    ChannelPolicy.objects.create(channel=shop, buffer=1)
    ChannelPolicy.objects.create(
        channel=shop,
        product=goods,
        buffer_percent=10,
        last_pieces=2,
        cap=0,
        starts_at=datetime(2026, 12, 1, tzinfo=UTC),
        ends_at=datetime(2026, 12, 4, 3, 30, tzinfo=UTC),
    )
    ChannelQuota.objects.create(channel=shop, sku=item, quantity=2, is_binding=True)


def test_every_master_goes_out_and_comes_back_unchanged():
    furnish()

    for master in registered():
        run = checked(master.code, exported(master.code))
        assert (counts(run), problems(run)) == (
            {"new": 0, "changed": 0, "unchanged": master.model._default_manager.count(), "refused": 0}, {},
        ), master.code  # fmt: skip
        assert run.unchanged_count, master.code
        assert "" not in run.mapping, master.code


def test_what_went_out_makes_the_same_company_anew():
    furnish()
    kinds = [
        "suppliers",
        "brands",
        "colors",
        "price_lists",
        "products",
        "skus",
        "prices",
        "costs",
        "channel_policies",
        "channel_quotas",
        "shelves",
        "standard_costs",
        "write_down_rules",
        "reorder_rules",
    ]
    files = {kind: exported(kind) for kind in kinds}
    for model in (Shelf, ChannelPolicy, ChannelQuota, SkuCode, SkuCost, Price, ShipTo, Contact, Account):
        model.objects.all().delete()
    for kind in reversed(kinds):
        named(kind).model._default_manager.all().delete()

    for kind in kinds:
        run = imported(kind, files[kind])
        assert run.refused_count == 0, (kind, problems(run))
        assert run.applied_count == run.row_count > 0

    assert {kind: exported(kind) for kind in kinds} == files


def test_accounts_go_in_behind_their_bill_tos_and_come_back_out():
    imported("credit_groups", csv_file(["コード", "名称", "与信限度額"], ["K1", "与信", "1,000,000"]))
    imported("bill_tos", csv_file(["請求先コード", "請求先名", "与信グループ", "締日"], ["００１", "請求", "K1", "20"]))
    accounts = imported(
        "accounts",
        csv_file(
            ["得意先コード", "得意先名", "請求先コード", "掛率"],
            ["A1", "得意", "001", "６２．５％"],
            ["A2", "誤", "999", "101"],
        ),
    )
    imported(
        "ship_tos", csv_file(["得意先コード", "納品先コード", "納品先名", "電話番号"], ["A1", "01", "店", "０３－１"])
    )

    account = Account.objects.get(code="A1")
    assert (account.bill_to.code, account.bill_to.closing_day, account.wholesale_percent) == (
        "001",
        20,
        Decimal("62.5"),
    )
    assert account.ship_tos.get().phone == "03-1"
    people = csv_file(
        ["得意先コード", "担当者名", "部署", "メール"], ["A1", "佐藤 花", "仕入部", "h@example.jp"], ["A1", "", "", ""]
    )
    assert len(problems(imported("contacts", people))) == 1
    person = account.contacts.get()
    assert (person.name, person.department, person.email) == ("佐藤 花", "仕入部", "h@example.jp")
    person.delete()
    assert len(problems(accounts)[3]) == 1

    undone(accounts)
    assert "使われているため削除できません: 納品先" in accounts.rows.get(number=2).undo_detail


def test_a_bill_to_that_owes_is_not_removed():
    from accounting.models import OpenItem

    run = imported("bill_tos", csv_file(["コード", "名称"], ["S1", "請求"], ["S2", "別"]))
    owing = BillTo.objects.get(code="S1")
    receivable = LedgerAccount.objects.filter(control="OPEN_ITEM").first()
    OpenItem.objects.create(
        account=receivable, side="DEBIT", party_kind="BILL_TO", party_id=owing.pk, party_label="S1", document_type="ORDER", document_id=1,
        item_date=date(2026, 11, 1), amount=1, settled_amount=0,
    )  # fmt: skip

    undone(run)

    assert list(BillTo.objects.values_list("code", flat=True)) == ["S1"]
    assert "伝票" in run.rows.get(number=2).undo_detail


def stock_changes() -> list[tuple[str, str]]:
    return sorted(ChangeRow.objects.filter(topic="stock").values_list("key", "audience"))


def test_safety_stock_is_announced_to_its_channel_when_it_comes_and_when_it_goes():
    Channel.objects.create(code="EC1", name="本店", kind=Channel.Kind.MALL)
    goods = sku("A-1")

    run = imported("channel_policies", csv_file(["販売チャネル", "SKU", "確保数"], ["EC1", "A-1", "５"]))
    assert stock_changes() == [(str(goods.pk), "EC1")]
    undone(run)

    assert stock_changes() == [(str(goods.pk), "EC1")] * 2
    assert not ChannelPolicy.objects.exists()


def test_a_place_that_is_closed_is_announced():
    channel, goods = Channel.objects.create(code="EC1", name="本店", kind=Channel.Kind.MALL), sku("A-1")
    place = Location.objects.create(
        code="WH9", name="倉庫", kind="WAREHOUSE", cost_pool=CostPool.objects.get(code="MAIN")
    )
    ChannelLocation.objects.create(channel=channel, location=place)
    stock(goods, place, 3)
    before = len(stock_changes())

    imported("locations", csv_file(["コード", "有効"], ["WH9", "いいえ"]))

    assert len(stock_changes()) == before + 1
    run = checked("locations", csv_file(["コード", "原価計算単位"], ["WH9", "CONSIGNED"]))
    assert problems(run)[2] == ["原価計算単位: 取込では変更できません（現在: MAIN）。"]


def test_a_name_is_announced_with_the_styles_that_show_it():
    brand = Brand.objects.create(code="B1", name="前")
    shown, other = product("TS-1", brand=brand), product("TS-2")

    imported("brands", csv_file(["コード", "名称"], ["B1", "後"], ["B2", "新"]))

    shown.refresh_from_db()
    other.refresh_from_db()
    assert (shown.version, other.version) == (2, 1)


def test_the_chart_of_accounts_keeps_what_postings_were_made_under():
    account = LedgerAccount.objects.order_by("code").first()

    run = checked(
        "ledger_accounts",
        csv_file(
            ["コード", "名称", "管理区分", "科目区分", "正残の貸借"],
            [account.code, "新しい名前", "在庫で管理", "", ""],
            ["9999", "雑", "", "費用", "借方"],
        ),
    )

    assert (run.new_count, run.refused_count) == (1, 1)
    assert "取込では変更できません" in problems(run)[2][0]


def test_a_suppliers_registration_number_is_brought_into_form_or_refused():
    run = imported(
        "suppliers", csv_file(["コード", "名称", "登録番号"], ["1", "一", "Ｔ1234567890123"], ["2", "二", "1234"])
    )

    assert Supplier.objects.get().registration_number == "T1234567890123"
    assert len(problems(run)) == 1


def of_shop(*codenames: str, place: Location) -> User:
    from django.contrib.auth.models import Permission

    user = User.objects.create_user("tenpo", is_staff=True)
    user.user_permissions.add(*Permission.objects.filter(codename__in=codenames))
    ShopStaff.objects.create(user=user, location=place)
    return user


def test_staff_of_a_shop_reach_the_shelves_of_their_shop_only():
    pool = CostPool.objects.get(code="MAIN")
    mine = Location.objects.create(code="S1", name="自店", kind="SHOP", cost_pool=pool)
    Location.objects.create(code="S2", name="他店", kind="SHOP", cost_pool=pool)
    sku("A-1")
    Shelf.objects.create(location=Location.objects.get(code="S2"), sku=sku("A-2"), code="X")
    user = of_shop("add_shelf", "change_shelf", "view_shelf", place=mine)

    run = imported(
        "shelves",
        csv_file(["場所", "SKU", "棚番"], ["S1", "A-1", "A-1"], ["S2", "A-1", "B-1"], ["S2", "A-2", "C-1"]),
        user=user,
    )

    assert list(problems(run)) == [3, 4]
    assert list(Shelf.objects.values_list("location__code", "code").order_by("pk")) == [("S2", "X"), ("S1", "A-1")]


@pytest.mark.parametrize(
    ("role", "kinds"),
    [
        ("商品管理", {
            "products", "skus", "sku_codes", "price_lists", "prices", "costs", "suppliers", "brands", "categories", "seasons", "colors",
            "sizes", "channel_policies", "channel_quotas", "reorder_rules",
        }),
        ("経理", {"credit_groups", "bill_tos", "ledger_accounts", "standard_costs", "write_down_rules"}),
        ("受注担当", {"accounts", "ship_tos", "contacts"}),
        ("倉庫", {"shelves"}),
        ("EC運営", {"channel_policies", "channel_quotas", "channel_locations"}),
        ("システム管理", {"departments", "channels", "locations"}),
        ("経営", set()),
        ("店舗", set()),
    ],
)  # fmt: skip
def test_each_role_imports_the_masters_that_it_keeps(role, kinds):
    user = User.objects.create_user("u", is_staff=True)
    user.groups.add(Group.objects.get(name=role))

    assert {master.code for master in registered() if master.may_import(user)} == kinds
    assert user.has_perm("imports.add_importrun") is bool(kinds)


def test_a_style_that_is_sold_out_moves_by_its_action_only():
    product("TS-1", life_cycle="ACTIVE")

    run = checked("products", csv_file(["品番", "ライフサイクル"], ["TS-1", "廃番"]))

    assert "取込では変更できません" in problems(run)[2][0]
    assert Product.objects.get().life_cycle == "ACTIVE"
