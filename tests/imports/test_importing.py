"""A file of masters from upload to the table: what is found, what is written, what is refused and why."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog.models import Brand, Price, Product, Sku, SkuCode
from erp.core.errors import DomainError
from erp.core.models import AuditRow, ChangeRow
from erp.imports.models import ImportRun
from tests.catalog.factories import colors, product, sizes, sku, standard_list
from tests.customers.factories import channel
from tests.imports.files import checked, counts, csv_file, excel_file, executed, imported, problems, staff, uploaded

pytestmark = pytest.mark.django_db


def keys_of(topic: str) -> set[str]:
    return set(ChangeRow.objects.filter(topic=topic).values_list("key", flat=True))


def test_a_check_says_what_is_new_changed_and_the_same_and_writes_nothing():
    Brand.objects.create(code="01", name="北")
    product("TS-1", name="古い名前", kana="カナ")
    product("TS-2", name="同じ")

    run = checked(
        "products",
        csv_file(
            ["品番", "品名", "ブランド"], ["TS-1", "新しい名前", "01"], ["TS-2", "同じ", ""], ["TS-3", "新品", "01"]
        ),
    )

    assert (run.state, run.encoding) == ("CHECKED", "utf-8-sig")
    assert counts(run) == {"new": 1, "changed": 1, "unchanged": 1, "refused": 0}
    changed, same, new = run.rows.order_by("number")
    assert changed.changes == {"name": ["古い名前", "新しい名前"], "brand": ["", "01"]}
    assert (changed.number, same.outcome, new.changes["name"]) == (2, "UNCHANGED", [None, "新品"])
    assert not Product.objects.filter(code="TS-3").exists()
    assert Product.objects.get(code="TS-1").name == "古い名前"


def test_what_was_shown_is_written_announced_and_signed():
    old = product("TS-1", name="古い名前", kana="カナ")
    before = set(ChangeRow.objects.values_list("pk", flat=True))

    run = imported("products", csv_file(["品番", "品名"], ["TS-1", "新しい名前"], ["TS-3", "新品"]))

    assert (run.state, run.applied_count) == ("APPLIED", 2)
    old.refresh_from_db()
    fresh = Product.objects.get(code="TS-3")
    assert (old.name, old.kana, old.version, fresh.name, fresh.tax_class) == (
        "新しい名前",
        "カナ",
        2,
        "新品",
        "STANDARD",
    )
    told = ChangeRow.objects.filter(topic="product").exclude(pk__in=before)
    assert set(told.values_list("key", flat=True)) == {str(old.pk), str(fresh.pk)}
    row = AuditRow.objects.filter(
        table_name="catalog_product", row_id=str(old.pk), action="UPDATE", after__has_key="name"
    ).get()
    assert (row.actor, row.before["name"], row.after["name"]) == ("staff:mika", "古い名前", "新しい名前")
    assert row.source.startswith(f"import {run.pk} ")


def test_the_same_file_again_changes_nothing():
    content = csv_file(["品番", "品名"], ["TS-1", "一"], ["TS-2", "二"])
    imported("products", content)

    run = checked("products", content)

    assert counts(run) == {"new": 0, "changed": 0, "unchanged": 2, "refused": 0}
    with pytest.raises(DomainError, match="変わる行がありません"):
        executed(run)


def test_every_reason_of_a_refused_row_is_named_and_the_others_go_in():
    product("TS-1")

    run = imported(
        "skus",
        csv_file(
            ["SKU", "品番", "カラー", "サイズ", "重量(g)", "有効"],
            ["A-1", "TS-1", "", "", "120", "はい"],
            ["A-2", "NONE", "赤", "", "軽い", "たぶん"],
            ["", "TS-1", "", "", "", ""],
            ["A-1", "TS-1", "", "", "", ""],
        ),
    )

    assert counts(run) == {"new": 1, "changed": 0, "unchanged": 0, "refused": 3}
    told = problems(run)
    assert [len(told[number]) for number in (3, 4, 5)] == [4, 1, 1]
    assert "品番: 品番「NONE」はありません。" in told[3]
    assert "「カラー」" not in "".join(told[3])
    assert told[5] == ["SKU: このファイルの2行目と同じものを指しています。"]
    assert set(Sku.objects.values_list("code", flat=True)) == {"A-1"}


def test_constraints_of_the_table_are_told_in_their_own_words():
    goods, [red, _blue], [size] = product("TS-1"), colors("R", "B"), sizes("M")
    Sku.objects.create(code="OLD", product=goods, color=red, size=size)
    standard_list(code="上代")

    skus = checked(
        "skus",
        csv_file(
            ["SKU", "品番", "カラー", "サイズ"],
            ["N-1", "TS-1", "R", "M"],
            ["N-2", "TS-1", "B", "M"],
            ["N-3", "TS-1", "B", "M"],
        ),
    )
    prices = checked(
        "prices",
        csv_file(
            ["価格表", "品番", "SKU", "価格", "適用開始日", "適用終了日"],
            ["上代", "TS-1", "", "1000", "2026-12-01", "2026-11-01"],
            ["上代", "TS-1", "OLD", "1000", "2026-12-01", ""],
            ["上代", "TS-1", "", "-1", "2026-12-02", ""],
        ),
    )

    assert problems(skus)[2] == ["品番・色・サイズ: この品番には、この色とサイズの SKU がすでにあります。"]
    assert "このファイルの3行目" in problems(skus)[4][0]
    assert skus.new_count == 1
    assert [len(each) for each in problems(prices).values()] == [1, 1, 1]


def test_prices_and_codes_go_in_with_leading_zeros_dates_and_wide_digits():
    goods = sku("０１".translate(str.maketrans("０１", "01")) + "-A")
    standard_list(code="001")

    prices = imported(
        "prices",
        csv_file(
            ["価格表", "SKU", "価格", "適用開始日"],
            ["００１", "01-A", "￥１，２００", "令和8年12月1日"],
            encoding="cp932",
        ),
    )
    codes = imported(
        "sku_codes", csv_file(["SKU", "種類", "コード"], ["01-A", "JAN / GTIN-13", "４９０１２３４５６７８９４"])
    )

    assert prices.encoding == "cp932"
    price = Price.objects.get(sku=goods)
    assert (price.price, price.valid_from) == (Decimal(1200), date(2026, 12, 1))
    assert str(goods.pk) in keys_of("price")
    assert codes.new_count == 1, problems(codes)
    assert SkuCode.objects.get(sku=goods).code == "4901234567894"


def test_a_code_of_another_sku_is_not_taken_away():
    mine, other = sku("A-1"), sku("A-2")
    SkuCode.objects.create(sku=other, kind="GTIN13", code="4901234567894")

    run = checked(
        "sku_codes",
        csv_file(["SKU", "種類", "コード"], ["A-1", "GTIN13", "4901234567894"], ["A-1", "GTIN13", "4901234567890"]),
    )

    assert "A-2" in problems(run)[2][0]
    assert len(problems(run)) == 2
    assert not mine.codes.exists()


def test_excel_with_numbers_dates_and_text_cells():
    standard_list(code="001")
    sku("0012")

    run = imported("prices", excel_file(["価格表", "SKU", "価格", "適用開始日"], ["001", "0012", 1200.5, 46357]))

    assert run.format == "XLSX"
    price = Price.objects.get()
    assert (price.price, price.valid_from) == (Decimal("1200.5"), date(2026, 12, 1))


def test_empty_cells_leave_what_is_there_or_empty_the_field():
    product("TS-1", kana="カナ", material="綿")
    content = csv_file(["品番", "カナ", "素材"], ["TS-1", "", "麻"])

    kept = checked("products", content)
    cleared = imported("products", content, clears_blanks=True)

    assert kept.rows.get().changes == {"material": ["綿", "麻"]}
    assert cleared.rows.get().changes == {"kana": ["カナ", ""], "material": ["綿", "麻"]}
    assert Product.objects.get().kana == ""


def test_columns_are_remembered_per_user_and_kind():
    user = staff()
    run = uploaded("products", csv_file(["コード番号", "品名", "メモ"], ["TS-1", "一", "x"]), user=user)
    assert run.mapping == ["", "name", ""]

    checked(
        "products",
        csv_file(["コード番号", "品名", "メモ"], ["TS-1", "一", "x"]),
        user=user,
        mapping=["code", "name", ""],
    )

    again = uploaded("products", csv_file(["コード番号", "品名"], ["TS-2", "二"]), user=user)
    other = uploaded("products", csv_file(["コード番号", "品名"], ["TS-2", "二"]), user=staff("ken"))
    assert (again.mapping, other.mapping) == (["code", "name"], ["", "name"])


def test_missing_doubled_and_foreign_columns_are_named():
    with pytest.raises(DomainError) as missing:
        checked("products", csv_file(["品名", "商品名"], ["一", "二"]), mapping=["name", "name"])
    with pytest.raises(DomainError) as foreign:
        checked("products", csv_file(["品番", "品名", "商品説明"], ["TS-1", "一", "とても良い"]))

    assert "品番" in str(missing.value)
    assert "2つの列" in str(missing.value)
    assert foreign.value.code == "not_owner"
    assert "「商品説明」" in str(foreign.value)
    assert (
        checked(
            "products", csv_file(["品番", "品名", "商品説明"], ["TS-1", "一", "x"]), mapping=["code", "name", ""]
        ).new_count
        == 1
    )


def permitted(*names: str) -> User:
    user = User.objects.create_user("-".join(names), is_staff=True)
    user.user_permissions.add(*Permission.objects.filter(codename__in=names))
    return user


def test_who_may_only_change_makes_no_rows_and_the_other_way_round():
    product("TS-1", name="前")
    content = csv_file(["品番", "品名"], ["TS-1", "後"], ["TS-2", "新"])

    changer = checked("products", content, user=permitted("change_product"))
    adder = checked("products", content, user=permitted("add_product"))

    assert (counts(changer)["changed"], list(problems(changer))) == (1, [3])
    assert (counts(adder)["new"], list(problems(adder))) == (1, [2])


def test_who_may_not_write_a_master_imports_none():
    with pytest.raises(DomainError):
        uploaded("products", csv_file(["品番"], ["TS-1"]), user=permitted("change_brand"))
    with pytest.raises(DomainError):
        uploaded("costs", csv_file(["SKU"], ["TS-1"]), user=permitted("change_skucost"))


def test_questions_do_not_grow_with_the_rows():
    def asked(count: int) -> int:
        rows = [[f"S{count}-{number}", f"名{number}"] for number in range(count)]
        run = checked("products", csv_file(["品番", "品名"], *rows))
        with CaptureQueriesContext(connection) as queries:
            executed(run)
        return len(queries)

    asked(1)
    assert asked(2) == asked(90)


def test_many_rows_go_in_by_chunks():
    rows = [[f"S-{number:04}", f"名{number}"] for number in range(750)]

    run = imported("products", csv_file(["品番", "品名"], *rows))

    assert (run.applied_count, run.done_count, run.todo_count) == (750, 750, 750)
    assert Product.objects.count() == 750
    assert ImportRun.objects.get().state == "APPLIED"


def test_a_gtin_with_other_leading_zeros_is_the_code_that_is_there():
    first, other = sku("A-1"), sku("B-1")
    SkuCode.objects.create(sku=first, kind="GTIN14", code="00036000291452")
    SkuCode.objects.create(sku=other, kind="GTIN13", code="4901234567894")

    run = checked(
        "sku_codes",
        csv_file(
            ["SKU", "JAN"],
            ["A-1", "0036000291452"],
            ["B-1", "036000291452"],
            ["A-1", "04901234567894"],
            ["A-1", "4512345678906"],
            ["B-1", "04512345678906"],
        ),
    )

    assert list(run.rows.order_by("number").values_list("outcome", flat=True)) == [
        "UNCHANGED", "REFUSED", "REFUSED", "NEW", "REFUSED",
    ]  # fmt: skip
    told = problems(run)
    assert "SKU: 取込では変更できません（現在: A-1）。" in told[3]
    assert told[4] == ["SKU: 取込では変更できません（現在: B-1）。"]
    assert ["5行目" in why for why in told[6]] == [True]


def test_a_gtin_of_another_sku_is_refused_in_whatever_channel():
    first, other = sku("A-1"), sku("B-1")
    place = channel()
    SkuCode.objects.create(sku=first, kind="GTIN13", code="4901234567894")

    run = checked(
        "sku_codes",
        csv_file(
            ["SKU", "JAN", "販売チャネル"],
            [other.code, "04901234567894", place.code],
            [first.code, "4901234567894", place.code],
        ),
    )

    assert problems(run) == {2: ["コード: 04901234567894 は SKU A-1 のコードです。"]}
    assert counts(run)["new"] == 1


def test_a_code_that_a_spreadsheet_took_for_a_number_is_not_a_second_one():
    product("00123", name="前")

    styles = checked("products", csv_file(["品番", "品名"], ["123", "後"], ["124", "新品"]))
    skus = checked("skus", csv_file(["SKU", "品番"], ["S-1", "0123"]))

    [why] = problems(styles)[2]
    assert why.startswith("品番: 「00123」が登録されています。表計算ソフトで先頭の0が消えていませんか")
    assert counts(styles) == {"new": 1, "changed": 0, "unchanged": 0, "refused": 1}
    assert problems(skus) == {
        2: ["品番: 品番「0123」はありません。「00123」ならあります。表計算ソフトで先頭の0が消えていませんか。"]
    }
