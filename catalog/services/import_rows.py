"""Reading a product file: encoding, columns, and each cell by itself. What the cells mean together is checked in ``product_import``."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.translation import gettext as _

from catalog.models import Product, Sku, SkuCode
from erp.core.errors import InvalidInput, Problem
from erp.core.identifiers import classify_gtin
from erp.core.models import TaxClass

# Column → the headings it is known by. Compared in ordinary width, lower case, without spaces.
HEADINGS: dict[str, tuple[str, ...]] = {
    "style": ("品番", "style", "style_code"),
    "name": ("品名", "商品名", "name"),
    "kana": ("カナ", "フリガナ", "kana"),
    "brand": ("ブランドコード", "ブランド", "brand"),
    "brand_name": ("ブランド名", "brand_name"),
    "season": ("シーズンコード", "シーズン", "season"),
    "season_name": ("シーズン名", "season_name"),
    "category": ("商品分類コード", "商品分類", "カテゴリ", "category"),
    "category_name": ("商品分類名", "カテゴリ名", "category_name"),
    "supplier": ("仕入先コード", "仕入先", "supplier"),
    "supplier_name": ("仕入先名", "supplier_name"),
    "tax_class": ("税区分", "tax_class"),
    "life_cycle": ("ライフサイクル", "life_cycle"),
    "release_date": ("発売日", "release_date"),
    "material": ("素材", "混率", "material"),
    "country_of_origin": ("原産国", "country_of_origin"),
    "sku": ("sku", "skuコード", "sku_code"),
    "color": ("カラーコード", "色コード", "カラー", "色", "color"),
    "color_name": ("カラー名", "色名", "color_name"),
    "size": ("サイズコード", "サイズ", "size"),
    "size_name": ("サイズ名", "size_name"),
    "size_order": ("サイズ順", "size_order"),
    "jan": ("jan", "janコード", "gtin"),
    "weight_g": ("重量(g)", "重量", "weight_g"),
    "cost": ("原価", "下代", "cost"),
    "cost_from": ("原価適用日", "cost_from"),
    "price": ("上代", "price"),
    "price_from": ("上代適用日", "price_from"),
}
# One transaction writes them all, and the change feed waits for it.
MAX_ROWS = 20_000
TAX_CLASSES: dict[str, tuple[str, ...]] = {
    TaxClass.STANDARD.value: ("標準", "課税", "10%"),
    TaxClass.REDUCED.value: ("軽減", "軽減8%", "8%"),
    TaxClass.ZERO_RATED.value: ("免税",),
    TaxClass.EXEMPT.value: ("非課税",),
    TaxClass.OUT_OF_SCOPE.value: ("対象外", "不課税"),
}
LENGTHS = {
    "style": Product._meta.get_field("code").max_length,
    "name": Product._meta.get_field("name").max_length,
    "kana": Product._meta.get_field("kana").max_length,
    "material": Product._meta.get_field("material").max_length,
    "country_of_origin": Product._meta.get_field("country_of_origin").max_length,
    "sku": Sku._meta.get_field("code").max_length,
    "jan": SkuCode._meta.get_field("code").max_length,
    **dict.fromkeys(("brand", "season", "category", "supplier"), 20),
    **dict.fromkeys(("brand_name", "season_name", "category_name", "supplier_name"), 100),
    **dict.fromkeys(("color", "size"), 10),
    **dict.fromkeys(("color_name", "size_name"), 50),
}


@dataclass(frozen=True, slots=True)
class ImportRow:
    """One line of the file; ``number`` is what a spreadsheet shows (the heading is 1). Empty cells are missing in ``cells``."""

    number: int
    cells: dict[str, Any]

    def problem(self, column: str, code: str, detail: str) -> Problem:
        return Problem(f"row {self.number}, {HEADINGS[column][0]}", code, detail)


def read_rows(content: bytes, *, encoding: str = "") -> tuple[list[ImportRow], list[Problem], list[str]]:
    """The rows of a file, every problem of single cells, and the headings that mean nothing here.

    Raises InvalidInput when the file as a whole cannot be read: encoding, missing or doubled columns.
    """
    problems: list[Problem] = []
    lines = _lines(_decode(content, encoding), problems)
    _number, heading = next(lines, (1, []))
    if problems:
        raise InvalidInput(problems)
    columns, ignored = _columns(heading)
    rows: list[ImportRow] = []
    for number, line in lines:
        if any(cell.strip() for cell in line):
            row, faults = _row(number, columns, line)
            rows.append(row)
            problems.extend(faults)
    if len(rows) > MAX_ROWS:
        raise InvalidInput([Problem("row 1", "too_many_rows", _("At most %(n)d rows at a time.") % {"n": MAX_ROWS})])
    return rows, problems, ignored


def _decode(content: bytes, encoding: str) -> str:
    """UTF-8 (with or without mark) or cp932; text in cp932 is practically never valid UTF-8, so the order decides safely."""
    for candidate in [encoding] if encoding else ["utf-8-sig", "cp932"]:
        try:
            return content.decode(candidate)
        except UnicodeDecodeError as error:
            reason = str(error)
        except LookupError as error:
            raise InvalidInput([Problem("row 1", "unknown_encoding", str(error))]) from None
    raise InvalidInput([Problem("row 1", "bad_encoding", _("Neither UTF-8 nor cp932: %(why)s") % {"why": reason})])


def _lines(text: str, problems: list[Problem]) -> Iterator[tuple[int, list[str]]]:
    """Each row with its number; one that cannot be read becomes a problem under the number of the row it began in.

    No cell of a product file holds a line break, so one inside quotes means a quote that was never closed and swallowed the rows below.
    """
    first = text.partition("\n")[0]
    delimiter = "\t" if "\t" in first and "," not in first else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    number, physical = 0, 0
    while True:
        number += 1
        try:
            line = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            began_here = reader.line_num - physical <= 1
            if str(error) == "unexpected end of data" or not began_here:
                problems.append(_unclosed_quote(number))
                return  # where the next row begins is not known
            detail = _("This row cannot be read: %(why)s") % {"why": error}
            problems.append(Problem(f"row {number}", "unreadable", detail))
        else:
            if any("\n" in cell or "\r" in cell for cell in line):
                problems.append(_unclosed_quote(number))
            else:
                yield number, line
        physical = reader.line_num


def _unclosed_quote(number: int) -> Problem:
    detail = _("A quotation mark that opens in this row is not closed in it; a cell cannot hold a line break.")
    return Problem(f"row {number}", "unclosed_quote", detail)


def _columns(heading: Sequence[str]) -> tuple[list[str | None], list[str]]:
    known = {_plain(alias): column for column, aliases in HEADINGS.items() for alias in aliases}
    columns = [known.get(_plain(cell)) for cell in heading]
    ignored = [cell for cell, column in zip(heading, columns, strict=True) if column is None and cell.strip()]
    problems = [
        Problem("row 1", "double_column", HEADINGS[column][0])
        for column in dict.fromkeys(filter(None, columns))
        if columns.count(column) > 1
    ]
    if "style" not in columns:
        problems.append(Problem("row 1", "missing_column", HEADINGS["style"][0]))
    if problems:
        raise InvalidInput(problems)
    return columns, ignored


def _row(number: int, columns: Sequence[str | None], line: Sequence[str]) -> tuple[ImportRow, list[Problem]]:
    row = ImportRow(number, {})
    problems: list[Problem] = []
    if len(line) > len(columns):
        problems.append(Problem(f"row {number}", "too_many_cells", _("More cells than headings.")))
    for column, cell in zip(columns, line, strict=False):
        text = cell.strip()
        if column is None or not text:
            continue
        try:
            row.cells[column] = PARSERS.get(column, _text)(column, text)
        except _BadCellError as fault:
            problems.append(row.problem(column, fault.code, fault.detail))
            row.cells[column] = None
    if "style" not in row.cells:
        problems.append(row.problem("style", "missing", _("The style number is missing.")))
    return row, problems


class _BadCellError(Exception):
    def __init__(self, code: str, detail: str) -> None:
        self.code, self.detail = code, detail
        super().__init__(detail)


def _plain(text: str) -> str:
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", text)).lower()


def _shortened(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}…"


def _text(column: str, text: str) -> str:
    limit = LENGTHS.get(column)
    if limit is not None and len(text) > limit:
        raise _BadCellError("too_long", _("%(n)d characters, %(limit)d fit.") % {"n": len(text), "limit": limit})
    if "\0" in text:
        raise _BadCellError("bad_character", _("The cell contains a NUL character."))
    return text


def _gtin(column: str, text: str) -> tuple[str, str]:
    if re.fullmatch(r"[0-9.]+E\+?[0-9]+", text, re.IGNORECASE):
        raise _BadCellError(
            "spreadsheet_number", _("A spreadsheet rounded this code: %(text)s") % {"text": _shortened(text)}
        )
    classified = classify_gtin(text)
    if classified is None:
        raise _BadCellError("bad_gtin", _("Length or check digit is wrong: %(text)s") % {"text": _shortened(text)})
    return classified[0].value, classified[1]


def _amount(column: str, text: str) -> Decimal:
    plain = re.sub(r"[,¥\\円\s]", "", unicodedata.normalize("NFKC", text))
    try:
        amount = Decimal(plain)
        fits = "_" not in plain and amount.is_finite() and 0 <= amount < 10**10 and amount == round(amount, 4)
    except InvalidOperation:
        fits = False
    if not fits:
        raise _BadCellError("bad_amount", _("Not an amount: %(text)s") % {"text": _shortened(text)})
    return amount


def _whole(column: str, text: str) -> int:
    plain = unicodedata.normalize("NFKC", text).replace(",", "")
    # Python itself refuses to read a number of thousands of digits, so the length is looked at first.
    if not plain.isdecimal() or len(plain) > 10 or int(plain) >= 2**31:
        raise _BadCellError("bad_number", _("Not a whole number: %(text)s") % {"text": _shortened(text)})
    return int(plain)


def _date(column: str, text: str) -> date:
    parts = re.fullmatch(r"([0-9]{4})[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?", unicodedata.normalize("NFKC", text))
    try:
        return date(*(int(part) for part in parts.groups())) if parts else date.max.replace(year=0)
    except ValueError:
        raise _BadCellError("bad_date", _("Not a date: %(text)s") % {"text": _shortened(text)}) from None


def _tax_class(column: str, text: str) -> str:
    plain = _plain(text)
    for tax_class, words in TAX_CLASSES.items():
        if plain in (tax_class.lower(), *words):
            return tax_class
    raise _BadCellError("bad_tax_class", _("No tax class: %(text)s") % {"text": _shortened(text)})


def _life_cycle(column: str, text: str) -> str:
    if text.upper() not in Product.LifeCycle.values:
        raise _BadCellError("bad_life_cycle", _("No life cycle: %(text)s") % {"text": _shortened(text)})
    return text.upper()


PARSERS: dict[str, Callable[[str, str], Any]] = {
    "jan": _gtin,
    "cost": _amount,
    "price": _amount,
    "size_order": _whole,
    "weight_g": _whole,
    "release_date": _date,
    "cost_from": _date,
    "price_from": _date,
    "tax_class": _tax_class,
    "life_cycle": _life_cycle,
}
