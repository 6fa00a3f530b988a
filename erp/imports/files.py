"""Reading an uploaded file: what it is, how it is encoded, its headings and rows as texts. Nothing here knows a master.

A file is refused as a whole only if it cannot be read; every such reason is told with its place. Files are somebody's: sizes are bounded
before anything is unpacked.
"""

from __future__ import annotations

import codecs
import csv
import datetime as dt
import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext
from python_calamine import CalamineError, CalamineWorkbook

from erp.core.errors import InvalidInput, Problem

MAX_BYTES = 20 * 1024 * 1024
MAX_UNPACKED_BYTES = 150 * 1024 * 1024
MAX_PARTS = 2_000
MAX_ROWS = 100_000
MAX_COLUMNS = 200
CSV, XLSX = "CSV", "XLSX"
# What cp932 decodes in Python although no text has it: a file in which it stands is of another encoding, or no text at all.
_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x80\xa0\uf8f0-\uf8f3]")
_OLD_OFFICE = bytes.fromhex("d0cf11e0a1b11ae1")
_CELL = re.compile(rb'<c\b[^>]*?\br="([A-Z]{1,4})([0-9]{1,8})"')
_UNCALCULATED = re.compile(
    rb'<c\b[^>]*?\br="([A-Z]{1,4})([0-9]{1,8})"[^>]*>\s*<f\b(?:[^>]*/>|[^>]*>[^<]*</f>)\s*(?:<v\s*/>|<v>\s*</v>)?\s*</c>'
)


@dataclass(frozen=True, slots=True)
class Line:
    """A row as it stands in the file; ``number`` is what a spreadsheet shows. ``faults`` are what is wrong with it as a row."""

    number: int
    cells: list[str]
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Sheet:
    format: str
    encoding: str
    headings: list[str]
    lines: list[Line]


def refuse(code: str, detail: str, *, row: int | None = None) -> InvalidInput:
    return InvalidInput([Problem(f"row {row}" if row else "", code, detail)])


def read(content: bytes) -> Sheet:
    """Raises InvalidInput for a file that cannot be read: its kind, encoding, size, quotes, no headings, no rows."""
    if len(content) > MAX_BYTES:
        size = {"size": len(content) // 2**20 + 1, "limit": MAX_BYTES // 2**20}
        raise refuse("too_large", gettext("The file has %(size)d MB; %(limit)d MB at most are read.") % size)
    if not content.strip():
        raise refuse("empty", gettext("The file is empty."))
    if content.startswith(_OLD_OFFICE):
        raise refuse(
            "old_excel", gettext("An old (.xls) or password-protected workbook. Save it as .xlsx without a password.")
        )
    if content.startswith(b"PK"):
        return _checked(XLSX, "", _excel_lines(content))
    encoding, text = decode(content)
    return _checked(CSV, encoding, _csv_lines(text))


def decode(content: bytes) -> tuple[str, str]:
    """The encoding and the text: by its mark, else UTF-8, else cp932, each strictly. Text in cp932 is practically never valid UTF-8."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise refuse("utf16", gettext("The file is in UTF-16 (“Unicode text”). Save it as CSV UTF-8 or as .xlsx."))
    if content.startswith(codecs.BOM_UTF8):
        try:
            return "utf-8-sig", _only_text(content.decode("utf-8-sig"), content)
        except UnicodeDecodeError as fault:
            raise refuse("bad_encoding", _place(content, fault, "UTF-8")) from None
    faults = []
    for encoding, name in (("utf-8", "UTF-8"), ("cp932", "cp932 (Shift_JIS)")):
        try:
            return encoding, _only_text(content.decode(encoding), content)
        except UnicodeDecodeError as fault:
            faults.append(_place(content, fault, name))
    raise refuse(
        "bad_encoding",
        " ".join(
            [
                gettext("The encoding cannot be told. Open the file in Excel and save it as “CSV UTF-8” or .xlsx."),
                *faults,
            ]
        ),
    )


def _place(content: bytes, fault: UnicodeDecodeError, name: str) -> str:
    line = content.count(b"\n", 0, fault.start) + 1
    column = fault.start - (content.rfind(b"\n", 0, fault.start) + 1) + 1
    return gettext("Not %(encoding)s: line %(line)d, byte %(column)d of the line (0x%(value)s).") % {
        "encoding": name, "line": line, "column": column, "value": f"{content[fault.start]:02X}",
    }  # fmt: skip


def _only_text(text: str, content: bytes) -> str:
    if bad := _NO_TEXT.search(text):
        # As strict as a decoder that does not know the sign.
        raise UnicodeDecodeError("text", content, _offset(text, bad.start(), content), len(content), "no text")
    return text


def _offset(text: str, index: int, content: bytes) -> int:
    for encoding in ("utf-8", "cp932"):
        try:
            start = len(text[:index].encode(encoding))
        except UnicodeEncodeError:
            continue
        if start < len(content) and content[:start].decode(encoding, "replace") == text[:index]:
            return start
    return min(index, len(content) - 1)


def _checked(kind: str, encoding: str, lines: Iterable[Line]) -> Sheet:
    filled = (line for line in lines if any(cell.strip() for cell in line.cells) or line.faults)
    head = next(filled, None)
    if head is None:
        raise refuse("empty", gettext("The file is empty."))
    if head.faults:
        raise refuse("unreadable", " ".join(head.faults), row=head.number)
    headings = [cell.strip() for cell in head.cells]
    while headings and not headings[-1]:
        headings.pop()
    if len(headings) > MAX_COLUMNS:
        counts = {"count": len(headings), "limit": MAX_COLUMNS}
        raise refuse("too_wide", gettext("%(count)d columns; %(limit)d at most are read.") % counts)
    rows: list[Line] = []
    for line in filled:
        cells, faults = line.cells, list(line.faults)
        if any(cell.strip() for cell in cells[len(headings) :]):
            faults.append(gettext("More cells than headings."))
        rows.append(Line(line.number, [*cells[: len(headings)], *[""] * (len(headings) - len(cells))], faults))
        if len(rows) > MAX_ROWS:
            raise refuse(
                "too_many_rows", gettext("More than %(limit)s rows. Divide the file.") % {"limit": f"{MAX_ROWS:,}"}
            )
    if not rows:
        raise refuse("no_rows", gettext("The file has headings and no rows."))
    return Sheet(kind, encoding, headings, rows)


def _csv_lines(text: str) -> Iterator[Line]:
    """No cell of a master holds a line break, so one inside quotes means a quote that was never closed and swallowed the rows below."""
    first = text.partition("\n")[0]
    delimiter = "\t" if "\t" in first and "," not in first else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    number = 0
    while True:
        number += 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as fault:
            why = str(fault)
            if why == "unexpected end of data":
                detail = gettext("A quotation mark that opens in this row is never closed.")
            else:
                detail = gettext("This row cannot be read: %(why)s") % {"why": why}
            raise refuse(
                "unreadable", gettext("Row %(number)d: %(detail)s") % {"number": number, "detail": detail}, row=number
            ) from None
        broken = any("\n" in cell or "\r" in cell.lstrip("'\r\t") for cell in cells)
        faults = [gettext("A cell holds a line break; perhaps a quotation mark is not closed.")] if broken else []
        yield Line(number, cells, faults)


def _excel_lines(content: bytes) -> Iterator[Line]:
    """The first sheet. Values of formulas are what was calculated when the file was saved; formulas themselves are never run."""
    uncalculated = _bounded(content)
    try:
        with CalamineWorkbook.from_filelike(io.BytesIO(content)) as book:
            sheet = book.get_sheet_by_index(0)
            top = sheet.start[0] if sheet.start else 0
            table: Sequence[Sequence[Any]] = sheet.to_python(skip_empty_area=False)
    except (CalamineError, OSError, ValueError, IndexError):
        raise _unreadable_book() from None
    del top
    for number, row in enumerate(table, start=1):
        faults = [
            gettext(
                "Cell %(cell)s holds a formula that was never calculated. Open and save the file in Excel, or paste values."
            )
            % {"cell": cell}
            for cell in uncalculated.get(number, ())
        ]
        yield Line(number, [_cell_text(value) for value in row], faults)


def _cell_text(value: Any) -> str:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float | int):
        # Beyond 15 digits a spreadsheet has rounded; the text says so, and codes are refused for it.
        if abs(value) >= 1e15:
            return f"{value:E}"
        return str(int(value)) if value == int(value) else f"{value:.10f}".rstrip("0")
    if isinstance(value, dt.datetime):
        return f"{value:%Y-%m-%d}" if value.time() == dt.time() else f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, dt.date):
        return value.isoformat()
    return str(value)


def _bounded(content: bytes) -> dict[int, list[str]]:
    """Look at the parts of a workbook before it is opened: how large they are unpacked, and how far its cells reach, for both are taken as
    memory. Returns the cells of the first sheet whose formula has no value, by row."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as parts:
            infos = parts.infolist()
            if len(infos) > MAX_PARTS or sum(info.file_size for info in infos) > MAX_UNPACKED_BYTES:
                raise _bomb()
            left, first = MAX_UNPACKED_BYTES, _first_sheet(parts)
            uncalculated: dict[int, list[str]] = {}
            for info in infos:
                with parts.open(info) as part:
                    # What the archive says of its sizes may be a lie.
                    unpacked = part.read(left + 1)
                left -= len(unpacked)
                if left < 0:
                    raise _bomb()
                if info.filename.startswith("xl/worksheets/") and info.filename.endswith(".xml"):
                    _refuse_far_cells(unpacked)
                    if info.filename == first:
                        for cell in _UNCALCULATED.finditer(unpacked):
                            uncalculated.setdefault(int(cell[2]), []).append((cell[1] + cell[2]).decode())
            return uncalculated
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, KeyError):
        raise _unreadable_book() from None


def _first_sheet(parts: zipfile.ZipFile) -> str:
    with parts.open("xl/workbook.xml") as book:
        sheet = re.search(rb'<(?:\w+:)?sheet\b[^>]*?\b\w+:id="([^"]+)"', book.read(MAX_BYTES))
    with parts.open("xl/_rels/workbook.xml.rels") as relations:
        told = relations.read(MAX_BYTES)
    for relation in re.findall(rb"<(?:\w+:)?Relationship\b[^>]*>", told):
        target = re.search(rb'\bTarget="([^"]+)"', relation)
        if sheet and target and b'Id="' + sheet[1] + b'"' in relation:
            return "xl/" + target[1].decode("utf-8", "replace").removeprefix("/xl/").removeprefix("/")
    return ""


def _refuse_far_cells(sheet: bytes) -> None:
    rows, letters = 0, b""
    for cell in _CELL.finditer(sheet):
        rows = max(rows, int(cell[2]))
        letters = max(letters, cell[1], key=lambda name: (len(name), name))
    columns = 0
    for letter in letters:
        columns = columns * 26 + letter - 64
    if rows > MAX_ROWS + 1_000 or columns > MAX_COLUMNS + 56:
        far = {"cell": f"{letters.decode()}{rows}", "rows": f"{MAX_ROWS:,}", "columns": MAX_COLUMNS}
        raise refuse(
            "too_large",
            gettext("Cells reach to %(cell)s; at most %(rows)s rows and %(columns)d columns are read.") % far,
        )


def _unreadable_book() -> InvalidInput:
    told = gettext(
        "The workbook cannot be read: it is damaged, or no Excel file. Open it in Excel and save it as .xlsx without a password."
    )
    return refuse("bad_excel", told)


def _bomb() -> InvalidInput:
    limit = {"limit": MAX_UNPACKED_BYTES // 2**20}
    return refuse("too_large", gettext("Unpacked, the workbook is larger than %(limit)d MB; it is not opened.") % limit)
