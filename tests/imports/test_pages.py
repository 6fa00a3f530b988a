"""The pages of imports in the browser's order, who sees what, and the files that pages hand out."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from catalog.models import Product, SkuCost
from erp.core import finding
from erp.imports import files
from erp.imports.models import ImportRun
from erp.imports.running import work_off
from erp.imports.values import as_typed
from tests.catalog.factories import product, sku
from tests.imports.files import checked, csv_file, excel_file, imported, uploaded

pytestmark = pytest.mark.django_db
RUNS = "/admin/imports/importrun/"


def of_role(name: str) -> User:
    user = User.objects.create_user(f"of-{name}", is_staff=True)
    user.groups.add(Group.objects.get(name=name))
    return user


@pytest.fixture
def md(client):
    client.force_login(of_role("商品管理"))
    return client


def download(answer) -> bytes:
    assert answer.status_code == 200
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


def test_from_the_file_to_the_table_and_back(md):
    product("TS-1", name="前")
    sent = SimpleUploadedFile(
        "品番.csv", csv_file(["品番", "品名", "メモ"], ["TS-1", "後", "x"], ["TS-2", "新品", ""], ["", "名無し", ""])
    )

    answer = md.post(f"{RUNS}add/", {"kind": "products", "file": sent})
    run = ImportRun.objects.get()
    assert answer["Location"] == f"{RUNS}{run.pk}/columns/"
    page = md.get(answer["Location"]).content.decode()
    assert "UTF-8（BOM）" in page
    assert "対応する項目がない列（取り込みません）: メモ" in page

    answer = md.post(
        f"{RUNS}{run.pk}/columns/", {"column-0": "code", "column-1": "name", "column-2": "", "blanks": "KEEP"}
    )
    assert answer["Location"] == f"{RUNS}{run.pk}/change/"
    assert "import-progress" in md.get(answer["Location"]).content.decode()
    assert md.get(f"{RUNS}{run.pk}/progress/").json()["is_under_way"] is True

    work_off(clock=timezone.now)
    page = md.get(f"{RUNS}{run.pk}/change/").content.decode()
    assert "<del>前</del> → <ins>後</ins>" in page
    assert "空です。どの行のことか分かりません。" in page
    assert "実行（2行を反映）" in page
    assert md.get(f"{RUNS}{run.pk}/progress/").json()["is_under_way"] is False

    md.post(f"{RUNS}{run.pk}/act/", {"act": "execute"})
    work_off(clock=timezone.now)
    assert "この取込を取り消す" in md.get(f"{RUNS}{run.pk}/change/").content.decode()
    assert set(Product.objects.values_list("name", flat=True)) == {"後", "新品"}

    md.post(f"{RUNS}{run.pk}/act/", {"act": "undo"})
    work_off(clock=timezone.now)
    assert "2行を元に戻しました" in md.get(f"{RUNS}{run.pk}/change/").content.decode()
    assert list(Product.objects.values_list("name", flat=True)) == ["前"]
    assert "品番.csv" in md.get(RUNS).content.decode()


def test_a_file_that_cannot_be_read_is_told_above_the_form_and_kept_nowhere(md):
    page = md.post(
        f"{RUNS}add/", {"kind": "products", "file": SimpleUploadedFile("x.csv", "品番\n".encode())}, follow=True
    )

    assert "見出しだけで、データの行がありません。" in page.content.decode()
    assert not ImportRun.objects.exists()


@pytest.mark.parametrize("make", [csv_file, excel_file])
def test_refused_rows_come_back_as_a_file_to_correct_and_upload_again(md, make):
    user = User.objects.get()
    run = imported(
        "products", make(["品番", "品名", "税区分"], ["TS-1", "一", "標準"], ["00=", "=1+1", "なぞ"]), user=user
    )

    sheet = files.read(download(md.get(f"{RUNS}{run.pk}/refused/")))

    assert sheet.headings == ["品番", "品名", "税区分", "取り込めない理由"]
    [line] = sheet.lines
    assert [as_typed(cell) for cell in line.cells[:3]] == ["00=", "=1+1", "なぞ"]
    assert line.cells[3].startswith("税区分: 「なぞ」は選択肢にありません")
    again = uploaded("products", make(sheet.headings, line.cells), user=user)
    assert again.mapping == ["code", "name", "tax_class", ""]
    assert download(md.get(f"{RUNS}{run.pk}/file/")) == bytes(ImportRun.objects.get(pk=run.pk).content)


def test_pages_of_the_preview_are_bounded(md):
    run = checked(
        "products",
        csv_file(["品番", "品名"], *[[f"S-{number}", "名"] for number in range(120)]),
        user=User.objects.get(),
    )

    def rows(query: str) -> int:
        return md.get(f"{RUNS}{run.pk}/change/?{query}").content.decode().count('<tr class="is-')

    assert [rows(query) for query in ("", "p=2", "p=3", "p=999999", "p=x", "p=0", "outcome=REFUSED", "outcome=NEW&p=3")] == [
        50, 50, 20, 20, 50, 50, 0, 20,
    ]  # fmt: skip


def test_the_page_of_a_longer_run_does_not_ask_more(md):
    def asked(count: int) -> int:
        run = checked(
            "products",
            csv_file(["品番", "品名"], *[[f"S{count}-{number}", "名"] for number in range(count)]),
            user=User.objects.get(),
        )
        with CaptureQueriesContext(connection) as queries:
            md.get(f"{RUNS}{run.pk}/change/")
        return len(queries)

    asked(1)
    assert asked(2) == asked(40)


def test_a_list_goes_into_a_file_under_its_filters(md):
    product("TS-1", name="=1+1", life_cycle="PLANNED")
    product("TS-2", name="二")

    page = md.get("/admin/catalog/product/?life_cycle__exact=PLANNED&p=1").content.decode()
    assert "/admin/catalog/product/export/?life_cycle__exact=PLANNED&amp;_as=xlsx" in page
    one = files.read(download(md.get("/admin/catalog/product/export/?life_cycle__exact=PLANNED&_as=utf-8-sig")))
    excel = files.read(download(md.get("/admin/catalog/product/export/?q=TS-2&_as=xlsx")))

    assert (one.encoding, [line.cells[:2] for line in one.lines]) == ("utf-8-sig", [["TS-1", "'=1+1"]])
    assert [line.cells[0] for line in excel.lines] == ["TS-2"]
    again = checked("products", download(md.get("/admin/catalog/product/export/?_as=utf-8")), user=User.objects.get())
    assert (again.unchanged_count, again.row_count) == (2, 2)


def test_a_file_takes_all_that_is_sought_and_not_only_what_a_list_shows(md, monkeypatch):
    monkeypatch.setattr(finding, "REACH", 2)
    for number in range(5):
        product(f"TS-{number}", name="白いシャツ")

    shown = md.get("/admin/catalog/product/?q=シャツ").context["cl"].result_list
    taken = [md.get(f"/admin/catalog/product/export/?q={sought}&_as=utf-8") for sought in ("シャツ", "TS- 白い")]

    assert len(shown) == 2
    assert [[line.cells[0] for line in files.read(download(file)).lines] for file in taken] == [
        [f"TS-{n}" for n in range(5)]
    ] * 2


def test_signs_that_the_encoding_lacks_are_named_on_the_list(md):
    product("TS-1", name="𠮷野")

    page = md.get("/admin/catalog/product/export/?_as=cp932", follow=True).content.decode()

    assert "TS-1 の 名称: 「𠮷」" in page


def test_templates_are_given_to_who_may_import(md):
    assert download(md.get(f"{RUNS}template/?kind=products")).startswith(b"PK")
    assert md.get(f"{RUNS}template/?kind=bill_tos").status_code in (403, 404)
    page = md.get(f"{RUNS}masters/").content.decode()
    assert "template/?kind=costs" in page
    assert "kind=bill_tos" not in page


def test_costs_go_to_those_who_may_know_them(client):
    SkuCost.objects.create(sku=sku("A-1"), cost=100, valid_from="2026-01-01")
    run = checked("costs", csv_file(["SKU", "原価", "適用日"], ["A-1", "90", "2026-01-01"]))

    client.force_login(of_role("EC運営"))
    assert client.get(f"{RUNS}export/?kind=costs&_as=utf-8").status_code == 403
    assert client.get(f"{RUNS}{run.pk}/change/").status_code == 404

    client.force_login(of_role("経営"))
    assert b"100" in download(client.get(f"{RUNS}export/?kind=costs&_as=utf-8"))
    assert client.get(f"{RUNS}{run.pk}/change/").status_code == 200
    assert client.post(f"{RUNS}{run.pk}/act/", {"act": "execute"}).status_code == 403
    assert client.get(f"{RUNS}add/").status_code == 403


def test_who_keeps_other_masters_neither_sees_nor_executes_these(client):
    run = checked("products", csv_file(["品番", "品名"], ["TS-1", "一"]))

    client.force_login(of_role("システム管理"))
    assert client.get(f"{RUNS}{run.pk}/change/").status_code == 404
    client.force_login(of_role("受注担当"))
    assert client.get(f"{RUNS}{run.pk}/change/").status_code == 200
    client.post(f"{RUNS}{run.pk}/act/", {"act": "execute"})
    run.refresh_from_db()
    assert run.state == "CHECKED"
    client.force_login(of_role("店舗"))
    assert client.get(RUNS).status_code == 403
    assert download(client.get("/admin/catalog/product/export/?_as=utf-8"))


def test_no_master_is_taken_for_granted(md):
    answer = md.get(f"{RUNS}add/")
    assert '<option value="" selected>' in answer.content.decode()

    md.post(f"{RUNS}add/", {"kind": "", "file": SimpleUploadedFile("a.csv", csv_file(["コード", "名称"], ["A", "甲"]))})

    assert not ImportRun.objects.exists()
    assert '<option value="brands" selected>' in md.get(f"{RUNS}add/?kind=brands").content.decode()


def test_columns_of_a_run_that_was_executed_lead_back_to_it(md):
    run = imported("products", csv_file(["品番", "品名"], ["TS-1", "一"]))

    answer = md.get(f"{RUNS}{run.pk}/columns/", follow=True)

    assert answer.redirect_chain == [(f"{RUNS}{run.pk}/change/", 302)]
    assert "今はできません（取込の状態: 実行済み）。" in answer.content.decode()
    assert "data-ask=" in answer.content.decode()


def test_a_filter_that_cannot_be_read_is_answered_by_the_list(md):
    answer = md.get("/admin/catalog/product/export/?id__gte=x&_as=xlsx")

    assert (answer.status_code, answer.url) == (302, "/admin/catalog/product/?id__gte=x")
    assert md.get(answer.url, follow=True).status_code == 200
