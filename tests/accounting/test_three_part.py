"""The journal handed over in 三分法: worked examples of the textbook, from the books of 売上原価対立法 to the file, to the yen."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from datetime import date

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import IntegrityError
from django.urls import reverse

from accounting import services
from accounting.models import ExportRun
from erp.core.errors import InvalidInput
from erp.core.models import Department
from tests.accounting.factories import CLERK, NOON, bill_to, credit, debit, new_item, post, supplier

pytestmark = pytest.mark.django_db

FIRST, LAST = date(2026, 4, 1), date(2027, 3, 31)
DAY = date(2026, 11, 23)


def export(first: date = FIRST, last: date = LAST, **more) -> list[list[str]]:
    more = {"method": "THREE_PART"} | more
    return rows(services.export_yayoi(first=first, last=last, at=NOON, by=CLERK, **more).file.content)


def rows(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("cp932"))))


def sums(file: list[list[str]]) -> dict[str, int]:
    """Debit less credit by account, as the accounting package would add the file up (tax included)."""
    found: dict[str, int] = defaultdict(int)
    for row in file:
        found[row[4]] += int(row[8])
        found[row[10]] -= int(row[14])
    assert sum(found.values()) == 0
    return {name: amount for name, amount in found.items() if name and amount}


def years_trade() -> None:
    """期首 50, 仕入 500, sold at cost 450, book stock 10 × 10, 8 found (lost 20), worth 9 each (written down 8)."""
    post(debit("inventory.goods", 50), credit("3110", 50), on=date(2026, 3, 31))
    post(debit("inventory.goods", 500), credit("payable.suppliers", 500, opens=new_item(supplier())), on=DAY)
    post(debit("cost_of_sales", 450), credit("inventory.goods", 450), on=DAY)
    post(debit("stock_loss", 20), credit("inventory.goods", 20), on=LAST)
    post(debit("stock_writedown", 8), credit("inventory.goods", 8), on=LAST)


def test_a_year_of_the_textbook():
    years_trade()

    found = sums(export(with_closing=True))

    assert found == {
        "仕入高": 500, "買掛金": -500, "棚卸減耗損": 20, "商品評価損": 8, "期首商品棚卸高": 50, "期末商品棚卸高": -100,
        "商品": 22,
    }  # fmt: skip
    assert 50 + found["商品"] == 72, "what the balance sheet shows: 8 × 9"
    assert found["期首商品棚卸高"] + found["仕入高"] + found["期末商品棚卸高"] == 450


def test_the_cost_of_sales_of_two_months_is_that_of_the_year():
    years_trade()

    spring = sums(export(FIRST, date(2026, 12, 31), with_closing=True))
    winter = sums(export(date(2027, 1, 1), LAST, with_closing=True))

    assert (spring["期首商品棚卸高"], spring["期末商品棚卸高"]) == (50, -100)
    assert (winter["期首商品棚卸高"], winter["期末商品棚卸高"]) == (100, -100)
    assert spring["商品"] + winter["商品"] == 22


def test_a_purchase_keeps_its_tax_and_goods_sold_leave_no_slip():
    post(
        debit("inventory.goods", 115_000, tax_code="STANDARD_10"),
        debit("input_tax", 11_500, tax_code="STANDARD_10"),
        credit("payable.suppliers", 126_500, opens=new_item(supplier())),
        on=DAY,
    )
    post(debit("inventory.in_transit", 4_200), credit("inventory.goods", 4_200), on=DAY)
    post(debit("cost_of_sales", 4_200), credit("inventory.in_transit", 4_200), on=DAY)

    [row] = export()

    assert row[4:10] == ["仕入高", "", "", "課対仕入込10%適格", "126500", "11500"]
    assert row[10:16] == ["買掛金", "株式会社仕入先", "", "対象外", "126500", "0"]
    assert ExportRun.objects.get().entry_count == 3, "entries without a slip are handed over too"


def test_a_sale_is_its_revenue_only():
    post(
        debit("receivable.account", 11_000, opens=new_item(bill_to())),
        credit("sales.wholesale", 10_000, tax_code="STANDARD_10"),
        credit("output_tax", 1_000, tax_code="STANDARD_10"),
        debit("cost_of_sales", 4_200),
        credit("inventory.goods", 4_200),
        on=DAY,
    )

    assert sums(export()) == {"売掛金": 11_000, "売上高(卸)": -11_000}


def test_goods_returned_to_the_supplier_lower_purchases_with_their_tax():
    post(
        debit("other_payables", 1_100),
        credit("inventory.goods", 1_000, tax_code="STANDARD_10"),
        credit("input_tax", 100, tax_code="STANDARD_10"),
        on=DAY,
    )

    [row] = export()

    assert (row[10], row[13], row[14], row[15]) == ("仕入高", "課対仕入込10%適格", "1100", "100")


def test_a_defective_return_is_a_loss_against_goods():
    post(debit("stock_writedown", 2_100), credit("cost_of_sales", 2_100), on=DAY)

    assert sums(export()) == {"商品評価損": 2_100, "商品": -2_100}


def test_a_receipt_that_explains_a_provisional_one():
    """Pieces that came in provisionally had lowered 棚卸減耗損; their receipt takes that back and is a purchase as a whole."""
    post(
        debit("inventory.goods", 3_000),
        credit("payable.suppliers", 3_000, opens=new_item(supplier())),
        debit("stock_loss", 500),
        credit("inventory.goods", 500),
        on=DAY,
    )

    assert sums(export()) == {"仕入高": 3_000, "買掛金": -3_000, "棚卸減耗損": 500, "商品": -500}


def test_departments_keep_their_own_figures():
    shop, web = (Department.objects.create(code=code, name=code) for code in ("SHOP", "WEB"))
    post(
        debit("inventory.goods", 700, department_id=shop.pk),
        credit("inventory.goods", 700, department_id=web.pk),
        on=DAY,
    )

    [row] = export()

    assert (row[4], row[6], row[8], row[10], row[12], row[14]) == ("仕入高", "SHOP", "700", "仕入高", "WEB", "700")


def test_the_method_stays_as_last_time():
    years_trade()
    assert services.export_method() == "PERPETUAL"
    export(with_closing=True)

    again = services.export_yayoi(first=FIRST, last=LAST, again=True, at=NOON, by=CLERK)

    assert again.run.method == "THREE_PART"
    assert "売上原価" not in sums(rows(again.file.content))
    both = ExportRun.objects.order_by("pk").values_list("has_closing", flat=True)
    assert list(both) == [True, False]


@pytest.mark.parametrize(
    ("asked", "pointers"),
    [
        ({"method": "PERPETUAL", "with_closing": True}, ["/with_closing"]),
        ({"scope": "NEW_ONLY", "with_closing": True}, ["/with_closing"]),
        ({"method": "TWO_PART", "with_closing": True, "last": date(2026, 3, 1)}, ["/last", "/method", "/with_closing"]),
    ],
)
def test_names_every_fault_and_remembers_nothing(asked, pointers):
    years_trade()

    with pytest.raises(InvalidInput) as refusal:
        export(**asked)

    assert [problem.pointer for problem in refusal.value.problems] == pointers
    assert not ExportRun.objects.exists()


def test_the_database_keeps_stock_at_closing_to_whole_three_part_exports():
    with pytest.raises(IntegrityError, match="stock_at_closing_needs_a_whole_three_part_export"):
        ExportRun.objects.create(
            format="YAYOI", method="PERPETUAL", has_closing=True, first_date=FIRST, last_date=LAST, scope="ALL",
            entry_count=0, sha256="", recorded_at=NOON, actor=str(CLERK),
        )  # fmt: skip


def test_the_command_takes_the_method_and_the_closing(tmp_path):
    years_trade()
    target = tmp_path / "yayoi.csv"
    dates = ("--from", "2026-04-01", "--to", "2027-03-31")

    call_command("export_yayoi", *dates, "--method", "three-part", "--closing", str(target))

    assert sums(rows(target.read_bytes()))["期末商品棚卸高"] == -100
    with pytest.raises(CommandError):
        call_command("export_yayoi", *dates, "--again", "--method", "perpetual", "--closing", str(target))


def test_the_back_office_hands_out_the_file_and_says_why_not(client):
    client.force_login(User.objects.create_superuser("boss"))
    years_trade()
    url = reverse("admin:accounting_exportrun_add")
    asked = {"first": "2026-04-01", "last": "2027-03-31", "scope": "ALL", "method": "THREE_PART", "with_closing": "on"}

    answer = client.post(url, asked)

    assert answer["Content-Disposition"].startswith("attachment")
    assert sums(rows(answer.content))["仕入高"] == 500
    run = ExportRun.objects.get()
    assert (run.method, run.has_closing, run.actor) == ("THREE_PART", True, "staff:boss")

    repeated = client.post(url, asked)
    assert [message.level_tag for message in repeated.context["messages"]] == ["error"]
    assert ExportRun.objects.count() == 1


def test_who_may_not_export_does_not_see_the_page(client):
    client.force_login(User.objects.create_user("look", is_staff=True))

    assert client.get(reverse("admin:accounting_exportrun_add")).status_code == 403
