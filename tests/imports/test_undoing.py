"""An import is undone as a whole: former values exactly, new rows gone, and named what others changed or need since."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from catalog.models import Brand, Price, Product, Sku, SkuCode
from erp.core.models import AuditRow, ChangeRow
from erp.imports import planning, running, services
from erp.imports.models import ImportRow, ImportRun
from tests.catalog.factories import product, sku, standard_list
from tests.imports.files import by_of, checked, csv_file, executed, imported, staff, undone

pytestmark = pytest.mark.django_db


def standing() -> list[tuple]:
    return sorted(Product.objects.values_list("code", "name", "kana", "brand", "material"))


def test_undoing_gives_back_what_was_there_and_removes_what_was_made():
    Brand.objects.create(code="01", name="北")
    product("TS-1", name="前", kana="カナ")
    product("TS-2", name="同じ")
    before = standing()
    run = imported(
        "products",
        csv_file(["品番", "品名", "ブランド"], ["TS-1", "後", "01"], ["TS-2", "同じ", ""], ["TS-3", "新品", ""]),
    )
    new = Product.objects.get(code="TS-3").pk
    told = set(ChangeRow.objects.values_list("pk", flat=True))

    undone(run)

    assert (run.state, run.undone_count, run.kept_count) == ("UNDONE", 2, 0)
    assert standing() == before
    assert Product.objects.get(code="TS-1").version == 3
    assert dict(run.rows.exclude(undo="").values_list("number", "undo")) == {2: "RESTORED", 4: "REMOVED"}
    announced = ChangeRow.objects.filter(topic="product").exclude(pk__in=told).values_list("key", flat=True)
    assert set(announced) == {str(Product.objects.get(code="TS-1").pk), str(new)}
    assert AuditRow.objects.get(table_name="catalog_product", row_id=str(new), action="DELETE").actor == "staff:mika"


def test_rows_changed_since_by_others_are_named_and_left_alone():
    product("TS-1", name="前")
    product("TS-2", name="前")
    run = imported("products", csv_file(["品番", "品名"], ["TS-1", "後"], ["TS-2", "後"], ["TS-3", "新品"]))
    Product.objects.filter(code="TS-1").update(material="麻")
    Product.objects.filter(code="TS-3").update(name="直した")

    undone(run)

    assert (run.undone_count, run.kept_count) == (1, 2)
    kept = dict(run.rows.filter(undo="KEPT").values_list("number", "undo_detail"))
    assert kept == {2: "取込の後に変更されています: 素材混率", 4: "取込の後に変更されています: 名称"}
    assert set(Product.objects.values_list("code", "name")) == {("TS-1", "後"), ("TS-2", "前"), ("TS-3", "直した")}


def test_a_new_row_that_something_needs_is_named_and_goes_when_it_is_free():
    run = imported("products", csv_file(["品番", "品名"], ["TS-1", "一"], ["TS-2", "二"]))
    Sku.objects.create(code="TS-1-A", product=Product.objects.get(code="TS-1"))

    undone(run)

    assert run.rows.get(number=2).undo_detail == "使われているため削除できません: SKU"
    assert list(Product.objects.values_list("code", flat=True)) == ["TS-1"]

    Sku.objects.all().delete()
    undone(run)

    assert (run.undone_count, run.kept_count, Product.objects.count()) == (2, 0, 0)


def test_what_another_took_meanwhile_is_named_and_the_rest_given_back():
    goods, other = product("TS-1"), product("TS-2")
    moved = Sku.objects.create(code="A-1", product=goods)
    run = imported(
        "skus", csv_file(["SKU", "品番", "重量(g)"], ["A-1", "TS-2", ""], ["B-1", "TS-1", "100"]), clears_blanks=False
    )
    assert run.refused_count == 1
    Sku.objects.create(code="C-1", product=goods)

    undone(run)

    moved.refresh_from_db()
    assert (moved.product, run.kept_count) == (other, 1)
    assert "この品番には" in run.rows.get(number=2).undo_detail


def test_prices_and_codes_go_back_too():
    goods = sku("A-1")
    retail = standard_list(code="上代")
    Price.objects.create(price_list=retail, sku=goods, price="1000.5", valid_from="2026-01-01")
    prices = imported(
        "prices", csv_file(["価格表", "SKU", "価格", "適用開始日"], ["上代", "A-1", "1200", "2026-01-01"])
    )
    codes = imported("sku_codes", csv_file(["SKU", "JAN"], ["A-1", "4901234567894"]))

    undone(prices)
    undone(codes)

    assert str(Price.objects.get().price) == "1000.5000"
    assert not SkuCode.objects.exists()


def test_two_files_at_once_on_the_same_rows_the_later_one_is_told():
    product("TS-1", name="前")
    first = checked("products", csv_file(["品番", "品名"], ["TS-1", "甲"], ["TS-9", "新甲"]))
    second = checked("products", csv_file(["品番", "品名"], ["TS-1", "乙"], ["TS-9", "新乙"], ["TS-8", "別"]))

    executed(first)
    executed(second)

    assert first.applied_count == 2
    assert (second.state, second.applied_count, second.refused_count) == ("APPLIED", 1, 2)
    told = [
        problems[0][1]
        for problems in second.rows.filter(outcome="REFUSED").order_by("number").values_list("problems", flat=True)
    ]
    assert "現在「甲」、検査時「前」" in told[0]
    assert "検査の後にほかの人が登録しました" in told[1]
    assert Product.objects.get(code="TS-1").name == "甲"


def test_what_only_the_database_sees_is_refused_alone_and_the_rest_goes_in(monkeypatch):
    """As if somebody made the same style between our look and our write."""
    run = checked("products", csv_file(["品番", "品名"], *[[f"TS-{number}", f"名{number}"] for number in range(9)]))
    product("TS-5", name="先に")
    real = planning.plan

    def blind(frame, rows, *, lock=False):
        planned = real(frame, rows, lock=lock)
        for row in planned:
            if getattr(row.instance, "code", "") == "TS-5":
                row.is_new, row.instance = True, Product(code="TS-5", name="名5")
                row.changes = {"code": [None, "TS-5"], "name": [None, "名5"]}
        return planned

    monkeypatch.setattr(running, "plan", blind)
    executed(run)

    assert (run.state, run.applied_count, run.refused_count, run.done_count) == ("APPLIED", 8, 1, 9)
    assert "既に存在します" in run.rows.get(outcome="REFUSED").problems[0][1]
    assert (Product.objects.count(), Product.objects.get(code="TS-5").name) == (9, "先に")


class Killed(BaseException):
    """As if the process were gone: no handler of the worker runs."""


def killed_after(monkeypatch, name: str, chunks: int) -> None:
    left = [chunks]
    real = getattr(running, name)

    def dying(*args, **kwargs):
        if not left[0]:
            raise Killed
        left[0] -= 1
        return real(*args, **kwargs)

    monkeypatch.setattr(running, name, dying)


def interrupted(monkeypatch, name: str) -> None:
    """A worker that is killed behind its second chunk."""
    monkeypatch.setattr(running, "FIRST_CHUNK", 10)
    monkeypatch.setattr(running, "LARGEST_CHUNK", 10)
    monkeypatch.setattr(running.Pace.__init__, "__defaults__", (10,))
    killed_after(monkeypatch, name, 2)
    with pytest.raises(Killed):
        running.work_off(clock=timezone.now)
    monkeypatch.undo()


def later():
    return timezone.now() + 2 * running.CLAIM


def test_a_worker_that_is_killed_leaves_a_run_that_the_next_one_ends_without_doubles(monkeypatch):
    rows = [[f"S-{number:02}", f"名{number}"] for number in range(45)]
    run = checked("products", csv_file(["品番", "品名"], *rows))
    services.execute(run_id=run.pk, **by_of(run.user))

    interrupted(monkeypatch, "_apply_chunk")

    run.refresh_from_db()
    assert (run.state, run.done_count, Product.objects.count()) == ("APPLYING", 20, 20)
    assert running.work_off(clock=timezone.now) == 0, "the claim still holds"
    assert running.work_off(clock=later) == 1
    run.refresh_from_db()
    assert (run.state, run.applied_count, run.done_count) == ("APPLIED", 45, 45)
    assert Product.objects.count() == 45
    assert AuditRow.objects.filter(table_name="catalog_product", action="INSERT").count() == 45


def test_a_check_and_an_undo_that_are_killed_are_made_up_for(monkeypatch):
    user, rows = staff(), [[f"S-{number:02}", f"名{number}"] for number in range(45)]
    run = services.upload(kind="products", file_name="f.csv", content=csv_file(["品番", "品名"], *rows), **by_of(user))
    services.name_columns(run_id=run.pk, mapping=run.mapping, clears_blanks=False, **by_of(user))
    interrupted(monkeypatch, "_keep")
    running.work_off(clock=later)
    run.refresh_from_db()
    assert (run.state, run.new_count, run.rows.count()) == ("CHECKED", 45, 45)

    executed(run)
    services.undo(run_id=run.pk, **by_of(user))
    interrupted(monkeypatch, "_undo_chunk")
    assert Product.objects.count() == 25
    running.work_off(clock=later)

    run.refresh_from_db()
    assert (run.state, run.undone_count, Product.objects.count()) == ("UNDONE", 45, 0)


def test_a_run_is_stopped_goes_on_and_is_undone(monkeypatch):
    rows = [[f"S-{number:02}", f"名{number}"] for number in range(45)]
    run = checked("products", csv_file(["品番", "品名"], *rows))
    services.execute(run_id=run.pk, **by_of(run.user))
    interrupted(monkeypatch, "_apply_chunk")

    services.stop(run_id=run.pk, **by_of(run.user))

    assert running.work_off(clock=later) == 0
    run.refresh_from_db()
    assert (run.state, run.applied_count) == ("STOPPED", 20)
    executed(run)
    assert (run.state, run.applied_count) == ("APPLIED", 45)
    undone(run)
    assert Product.objects.count() == 0


def test_a_worker_that_lost_its_claim_writes_nothing_more():
    run = checked("products", csv_file(["品番", "品名"], ["TS-1", "一"]))
    services.execute(run_id=run.pk, **by_of(run.user))
    mine = running.claim(at=timezone.now(), holder="mine")
    ImportRun.objects.filter(pk=run.pk).update(holder="other", claimed_until=timezone.now() + timedelta(minutes=1))

    running._work_on(mine, timezone.now)

    assert not Product.objects.exists()
    assert not ImportRow.objects.filter(is_applied=True).exists()


def test_whoever_lost_the_right_meanwhile_writes_nothing():
    run = checked("products", csv_file(["品番", "品名"], ["TS-1", "一"]))
    services.execute(run_id=run.pk, **by_of(run.user))
    run.user.is_superuser = False
    run.user.save()

    running.work_off(clock=timezone.now)

    run.refresh_from_db()
    assert (run.state, run.broken_off_in, Product.objects.count()) == ("FAILED", "APPLYING", 0)
    assert "権限がなくなっています" in run.error
