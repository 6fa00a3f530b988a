"""What a file may be: encodings, forms of dates and numbers, formulas, and files that are broken or meant to break us."""

from __future__ import annotations

import io
import zipfile
from datetime import date
from decimal import Decimal

import pytest
import xlsxwriter
from django.db import models

from catalog.models import Product, Supplier
from erp.core.errors import InvalidInput
from erp.imports import exporting, files
from erp.imports.masters import foreign_headings, headings_of, named, registered
from erp.imports.values import BadValue, as_typed, neutral, parse, told
from tests.imports.files import excel_file

DAY, MOMENT = models.DateField(), models.DateTimeField()
AMOUNT, WHOLE = models.DecimalField(max_digits=14, decimal_places=4), models.IntegerField()


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("品番,名称\nA,髙島\n".encode("utf-8-sig"), "utf-8-sig"),
        ("品番,名称\nA,髙島\n".encode(), "utf-8"),
        ("品番,名称\nA,髙島①\n".encode("cp932"), "cp932"),
        ("品番\t名称\nA\t髙島\n".encode(), "utf-8"),
    ],
)
def test_the_encoding_is_found(content, encoding):
    sheet = files.read(content)

    assert (sheet.encoding, sheet.headings) == (encoding, ["品番", "名称"])
    assert sheet.lines[0].cells[1].startswith("髙島")


def test_an_encoding_that_is_none_is_told_with_line_and_byte():
    with pytest.raises(InvalidInput) as refusal:
        files.read("品番,名称\nA,名前\nB,".encode() + b"\x83\n")

    assert "UTF-8ではありません: 3行目の3バイト目（0x83）" in str(refusal.value)
    assert "cp932 (Shift_JIS)ではありません" in str(refusal.value)


@pytest.mark.parametrize(
    ("content", "told_"),
    [
        (b"", "空です"),
        (b"\n\n,,\n", "空です"),
        ("品番,名称\n".encode(), "データの行がありません"),
        ("品番\nA\n".encode("utf-16"), "UTF-16"),
        (bytes.fromhex("d0cf11e0a1b11ae1") + b"\x00" * 600, ".xls"),
        (b"PK\x03\x04 no workbook", "読み取れません"),
        (b"\x00\x01\x02\x03\x04" * 20, "判別できません"),
        ('品番,名称\nA,"開いたまま\nB,名\n'.encode(), "閉じられていません"),
        (b"x" * (files.MAX_BYTES + 1), "大きすぎます"),
        (",".join(f"c{number}" for number in range(300)).encode() + b"\n1\n", "200列まで"),
    ],
)
def test_files_that_cannot_be_read_say_why(content, told_):
    with pytest.raises(InvalidInput) as refusal:
        files.read(content)

    assert told_ in str(refusal.value)


def packed(**parts: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as book:
        for name, content in parts.items():
            book.writestr(name.replace("__", "/"), content)
    return target.getvalue()


def test_a_workbook_that_unpacks_to_more_than_memory_is_not_opened():
    bomb = packed(**{"xl__worksheets__sheet1.xml": b" " * (files.MAX_UNPACKED_BYTES + 1)})
    assert len(bomb) < 1_000_000

    with pytest.raises(InvalidInput, match="展開すると"):
        files.read(bomb)


def test_a_workbook_that_lies_about_its_size_is_not_opened(monkeypatch):
    monkeypatch.setattr(files, "MAX_UNPACKED_BYTES", 100_000)
    bomb = bytearray(packed(**{"xl__workbook.xml": b"<a/>", "xl__worksheets__sheet1.xml": b" " * 200_000}))
    # Both records of the archive say that the part is small.
    large, small = (200_000).to_bytes(4, "little"), (10).to_bytes(4, "little")
    assert bomb.count(large) == 2

    with pytest.raises(InvalidInput):
        files.read(bytes(bomb.replace(large, small)))


def test_a_cell_at_the_end_of_the_sheet_does_not_take_memory_for_all_before_it():
    target = io.BytesIO()
    book = xlsxwriter.Workbook(target)
    sheet = book.add_worksheet()
    sheet.write(0, 0, "品番")
    sheet.write(1_048_575, 16_383, "x")
    book.close()

    with pytest.raises(InvalidInput, match="XFD1048576"):
        files.read(target.getvalue())


def test_formulas_of_a_workbook_are_read_as_what_they_gave_and_those_never_calculated_are_refused():
    target = io.BytesIO()
    book = xlsxwriter.Workbook(target)
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, ["品番", "名称"])
    sheet.write_row(1, 0, ["A", ""])
    sheet.write_formula(1, 1, '="x"&"y"', None, "xy")
    sheet.write_row(2, 0, ["B", ""])
    sheet.write_formula(2, 1, "=1+1", None, "")
    book.close()

    calculated, not_calculated = files.read(target.getvalue()).lines

    assert (calculated.cells, calculated.faults) == (["A", "xy"], [])
    assert "B3" in not_calculated.faults[0]


def test_cells_of_a_workbook_become_texts():
    sheet = files.read(excel_file(["a", "b", "c", "d", "e"], ["0012", 12, 1.5, True, 4.9e15], ["", "", "x", "", ""]))

    assert sheet.lines[0].cells[:4] == ["0012", "12", "1.5", "TRUE"]
    with pytest.raises(BadValue, match="丸め"):
        parse(Product._meta.get_field("code"), sheet.lines[0].cells[4], is_code=True)
    assert sheet.lines[1].number == 3


@pytest.mark.parametrize(
    "text",
    [
        "2026-12-01", "2026/12/1", "2026.12.1", "20261201", "２０２６／１２／０１", "2026年12月1日", "令和8年12月1日", "令和８年１２月１日",
        "R8.12.1", "r8/12/01", "Ｒ８．１２．１", "46357", "46357.0", "2026-12-01 00:00:00",
    ],
)  # fmt: skip
def test_dates_in_every_form(text):
    assert parse(DAY, text) == date(2026, 12, 1)


def test_eras_and_their_first_years():
    assert parse(DAY, "令和元年5月1日") == date(2019, 5, 1)
    assert parse(DAY, "平成31年4月30日") == date(2019, 4, 30)
    assert parse(DAY, "S64.1.7") == date(1989, 1, 7)


@pytest.mark.parametrize(
    "text", ["2026-02-30", "令和0年1月1日", "12/1", "2026-13-01", "9999-01-01", "きのう", "1", "99999"]
)
def test_what_is_no_date(text):
    with pytest.raises(BadValue, match="日付ではありません"):
        parse(DAY, text)


def test_numbers_as_people_write_them():
    assert parse(AMOUNT, "￥１，２３４．５") == Decimal("1234.5")
    assert parse(AMOUNT, "1,200円") == 1200
    assert parse(AMOUNT, "▲5") == -5
    assert parse(WHOLE, "１２") == 12
    assert parse(WHOLE, "12.0") == 12
    for text in ("1e400000", "NaN", "Infinity", "1_0", "9" * 60, "1.23456"):
        with pytest.raises(BadValue):
            parse(AMOUNT, text)
    with pytest.raises(BadValue):
        parse(WHOLE, "9" * 5000)
    assert parse(MOMENT, "令和8年12月1日 9:30").isoformat() == "2026-12-01T00:30:00+00:00"


def test_words_for_yes_no_and_choices():
    active, taxed = Supplier._meta.get_field("is_active"), Product._meta.get_field("tax_class")
    assert [parse(active, text) for text in ("はい", "○", "1", "TRUE", "有効")] == [True] * 5
    assert [parse(active, text) for text in ("いいえ", "×", "０", "false")] == [False] * 4
    for value, label in taxed.flatchoices:
        assert parse(taxed, str(label)) == parse(taxed, value) == value
    with pytest.raises(BadValue):
        parse(taxed, "10000%")


@pytest.mark.parametrize(
    "text",
    ["＝1+1", "＋81", "－", "=1+1", "+81", "-5", "@x", "\tx", "\rx", "'=1", "''@", "'text", "", "plain", "a=b", "'"],
)
def test_a_formula_goes_out_as_text_and_comes_back_as_it_was(text):
    assert as_typed(neutral(text)) == text
    assert not neutral(text).startswith(("=", "+", "-", "@", "\t", "\r"))


def test_a_csv_file_comes_back_as_it_went_out():
    row = ["001", "=cmd|' /C calc'!A0", "-5", Decimal("1200.5000"), 7, "髙〜"]

    for encoding in ("utf-8-sig", "utf-8", "cp932"):
        content = b"".join(exporting.csv_pieces(["a", "b", "c", "d", "e", "f"], [row], encoding=encoding))
        sheet = files.read(content)
        cells = [as_typed(cell) for cell in sheet.lines[0].cells]
        assert sheet.encoding == encoding
        assert cells == ["001", "=cmd|' /C calc'!A0", "-5", "1200.5", "7", "髙～" if encoding == "cp932" else "髙〜"]
        assert b"\n=" not in content
        assert b",=" not in content


def test_signs_that_cp932_does_not_have_are_named_before():
    with pytest.raises(InvalidInput, match="𠮷"):
        exporting.refuse_unwritable(["名称"], [["𠮷野家"]])


def test_an_excel_file_comes_back_as_it_went_out():
    row = ["0012", "=1+1", Decimal("1200.5"), 7, "=HYPERLINK(1)"]

    with exporting.workbook("価格/表", ["a", "b", "c", "d", "e"], [row]) as book:
        content = book.read()

    assert [as_typed(cell) for cell in files.read(content).lines[0].cells] == [
        "0012",
        "=1+1",
        "1200.5",
        "7",
        "=HYPERLINK(1)",
    ]
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        assert b"<f>" not in parts.read("xl/worksheets/sheet1.xml")


@pytest.mark.django_db
def test_every_master_has_a_template_whose_headings_are_its_columns():
    for master in registered():
        with exporting.template(master) as book:
            content = book.read()
        with pytest.raises(InvalidInput, match="データの行がありません"):
            files.read(content)
        assert len(set(exporting.titles(master))) == len(master.columns), master.code


def test_values_that_are_told_are_read_again():
    for master in registered():
        for column in master.columns:
            field = master.field(column.field)
            if field.choices:
                assert all(parse(field, told(field, value)) == value for value, _label in field.flatchoices), column


def test_no_column_is_owned_by_the_other_side():
    for master in registered():
        foreign = set(foreign_headings(master))
        assert foreign & set(headings_of(master)) == set(), master.code
    assert set(foreign_headings(named("products"))) >= {"商品説明", "画像", "description", "seo"}
