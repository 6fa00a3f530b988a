import csv
import io
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from accounting import services
from accounting.exceptions import AlreadyExported
from accounting.models import ExportRun, ExportTaxLabel
from tests.accounting.factories import (
    CLERK,
    NOON,
    TODAY,
    bill_to,
    counterparty,
    credit,
    debit,
    new_item,
    post,
    settle,
    supplier,
)

pytestmark = pytest.mark.django_db

GOLDEN = Path(__file__).parent / "golden" / "yayoi.csv"


def export(first=TODAY, last=TODAY, **more):
    return services.export_yayoi(first=first, last=last, at=NOON, by=CLERK, **more)


def rows(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("cp932"))))


def sale_on_account(label: str = "EC売上"):
    return post(
        debit("receivable.account", 110_000, opens=new_item(bill_to())),
        credit("sales.wholesale", 100_000, tax_code="STANDARD_10"),
        credit("output_tax", 10_000, tax_code="STANDARD_10"),
        description=label,
    )


def test_a_slip_of_one_line_has_its_tax_in_its_amount():
    entry = sale_on_account()

    (row,) = rows(export().file.content)

    assert row == [
        "2111", entry.number[-6:], "", "2026/11/23",
        "売掛金", "株式会社B1", "", "対象外", "110000", "0",
        "売上高(卸)", "", "", "課税売上込10%", "110000", "10000",
        "EC売上", "", "", "3", "", "", "", "", "no",
    ]  # fmt: skip


def test_the_golden_file():
    item = post(
        debit("receivable.card", 12_098, opens=new_item(counterparty())),
        credit("sales.ec", 10_000, tax_code="STANDARD_10"),
        credit("sales.shipping_fee", 500, tax_code="STANDARD_10"),
        credit("output_tax", 1_050, tax_code="STANDARD_10"),
        credit("sales.ec", 508, tax_code="REDUCED_8"),
        credit("output_tax", 40, tax_code="REDUCED_8"),
        debit("cost_of_sales", 4_200),
        credit("inventory.goods", 4_200),
        description="SH-00000042 髙橋 𠮷子😀",
    ).item_ids[0]
    post(
        debit("bank", 11_683),
        debit("fees", 378, tax_code="STANDARD_10"),
        debit("input_tax", 37, tax_code="STANDARD_10"),
        settle("CREDIT", item, 12_098),
        description="クレジットカード決済 2026年11月分の精算 " + "長い摘要は六十四桁で切られる" * 3,
    )
    post(
        debit("inventory.goods", 115_000, tax_code="STANDARD_10"),
        debit("input_tax", 11_500, tax_code="STANDARD_10"),
        credit("payable.suppliers", 126_500, opens=new_item(supplier())),
        description='仕入 "綿100%", 追加',
    )
    post(debit("output_tax", 1_090), credit("cash", 1_090), description="仮受消費税のみ")

    file = export().file

    found = [[row[0], *row[2:]] for row in rows(file.content)]
    assert found == [[row[0], *row[2:]] for row in rows(GOLDEN.read_bytes())]
    assert all(len(row) == 25 for row in rows(file.content))
    assert file.content.endswith(b"\r\n")
    assert file.content.count(b"\r\n") == file.row_count == file.content.count(b"\n")
    assert [loss.written for loss in file.losses] == [
        "SH-00000042 髙橋 吉子〓",
        "クレジットカード決済 2026年11月分の精算 長い摘要は六十四桁で切ら",
    ]
    debits = sum(int(row[8]) for row in rows(file.content))
    assert debits == sum(int(row[14]) for row in rows(file.content))


def test_characters_outside_cp932_are_replaced_and_reported_and_no_row_is_lost():
    entry = sale_on_account("髙﨑 𠮷野家 👕")

    file = export().file

    assert rows(file.content)[0][16] == "髙﨑 吉野家 〓"
    assert [(loss.entry_number, loss.written) for loss in file.losses] == [(entry.number, "髙﨑 吉野家 〓")]


def test_labels_change_with_the_date():
    ExportTaxLabel.objects.create(
        format="YAYOI", tax_code="STANDARD_10", direction="SALE", valid_from=TODAY, label="課税売上込12%"
    )
    sale_on_account()

    assert rows(export().file.content)[0][13] == "課税売上込12%"


def test_a_second_export_of_the_same_dates_says_so():
    sale_on_account()
    first = export()

    with pytest.raises(AlreadyExported) as refusal:
        export(date(2026, 11, 1), date(2026, 11, 30))

    assert refusal.value.entry_count == 1
    assert ExportRun.objects.count() == 1
    assert export(again=True).file.content == first.file.content


def test_only_new_entries_on_request():
    sale_on_account()
    export()
    post(debit("cash", 5), credit("sales.ec", 5), description="新規")

    file = export(scope="NEW_ONLY").file

    assert [row[16] for row in rows(file.content)] == ["新規"]
    assert export(scope="NEW_ONLY").run.entry_count == 0


def test_the_command_writes_the_file_and_refuses_a_repeat(tmp_path, capsys):
    sale_on_account("𠮷")
    target = tmp_path / "yayoi.csv"

    call_command("export_yayoi", "--from", "2026-11-01", "--to", "2026-11-30", str(target))

    assert len(rows(target.read_bytes())) == 1
    output = capsys.readouterr()
    assert "1" in output.out
    assert "𠮷 → 吉" in output.err
    with pytest.raises(CommandError):
        call_command("export_yayoi", "--from", "2026-11-01", "--to", "2026-11-30", str(target))
    assert Decimal(rows(target.read_bytes())[0][8]) == 110_000
