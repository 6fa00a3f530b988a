"""Masters into files: CSV and Excel that come back as they went out, and empty files to fill in. Rows are read in pieces and never all held."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import IO, Any

import xlsxwriter
from django.db.models import BooleanField, DateField, DateTimeField, DecimalField, IntegerField, QuerySet
from django.utils.translation import gettext

from erp.core.errors import InvalidInput, Problem
from erp.imports.masters import Column, Master, is_foreign_key
from erp.imports.planning import TO_CP932
from erp.imports.values import neutral, told

PIECE = 2_000
ENCODINGS = {"utf-8-sig": "UTF-8 (BOM)", "utf-8": "UTF-8", "cp932": "cp932 (Shift_JIS)"}
# Rows of a template that are prepared for typing.
TEMPLATE_ROWS = 5_000
EXAMPLE_CHOICES = 200


def titles(master: Master) -> list[str]:
    return [master.title_of(column.field) for column in master.columns]


def rows_of(master: Master, found: QuerySet[Any]) -> Iterator[list[Any]]:
    """The rows of a query as cells, by primary key, a piece at a time; a number stays a number."""
    names = [
        f"{column.field}__{column.lookup}" if is_foreign_key(master.field(column.field)) else column.field
        for column in master.columns
    ]
    fields = [master.field(column.field) for column in master.columns]
    wanted = master.model._default_manager.order_by("pk")
    last = 0
    while piece := list(_after(wanted, found, last).values_list("pk", *names)[:PIECE]):
        for pk, *values in piece:
            yield [_cell(field, value) for field, value in zip(fields, values, strict=True)]
            last = pk


def _after(wanted: QuerySet[Any], found: QuerySet[Any], last: int) -> QuerySet[Any]:
    """The filters of a list may join other tables and so name a row twice; the rows themselves do not."""
    return wanted.filter(pk__gt=last, pk__in=found.order_by().values("pk"))


def _cell(field: Any, value: Any) -> Any:
    if value is None:
        return ""
    is_number = isinstance(value, int | Decimal) and not isinstance(value, bool) and not field.choices
    return (
        value
        if is_number and not is_foreign_key(field)
        else told(field, value)
        if not is_foreign_key(field)
        else str(value)
    )


def csv_pieces(heading: Sequence[str], rows: Iterable[Sequence[Any]], *, encoding: str) -> Iterator[bytes]:
    """A CSV file bit by bit. What a spreadsheet would run as a formula goes out as text."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    codec = "utf-8" if encoding == "utf-8-sig" else encoding
    if encoding == "utf-8-sig":
        yield b"\xef\xbb\xbf"
    writer.writerow([neutral(text) for text in heading])
    for number, row in enumerate(rows, start=1):
        writer.writerow([as_written(value) for value in row])
        if number % 200 == 0:
            yield _encoded(buffer, codec)
    yield _encoded(buffer, codec)


def _encoded(buffer: io.StringIO, codec: str) -> bytes:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    if codec == "cp932":
        # The last resort of a stream under way; what cannot be written is refused before, see ``refuse_unwritable``.
        return text.translate(TO_CP932).encode(codec, "replace")
    return text.encode(codec)


def as_written(value: Any) -> str:
    """A cell of a file. A figure has one form wherever it comes from: 4286242, whether it was read as that or as 4286242.00."""
    if isinstance(value, Decimal):
        return f"{(value + 0).normalize():f}"
    return str(value) if isinstance(value, int) else neutral(value)


def refuse_unwritable(heading: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Raises InvalidInput naming the first rows that cp932 cannot hold. They would come back as question marks."""
    problems = []
    for row in rows:
        for title, value in zip(heading, row, strict=True):
            text = as_written(value).translate(TO_CP932)
            try:
                text.encode("cp932")
            except UnicodeEncodeError as fault:
                place = {"row": as_written(row[0]), "title": title, "sign": text[fault.start]}
                problems.append(Problem("", "not_in_cp932", gettext("%(row)s, %(title)s: “%(sign)s”") % place))
        if len(problems) >= 10:
            break
    if problems:
        detail = gettext("cp932 has no such sign. Choose UTF-8 or Excel.")
        raise InvalidInput([*problems, Problem("", "not_in_cp932", detail)])


def workbook(title: str, heading: Sequence[str], rows: Iterable[Sequence[Any]]) -> IO[bytes]:
    """An Excel file, written row by row into a temporary file. Texts are text cells: leading zeros stay, and nothing is a formula."""
    target = tempfile.TemporaryFile()  # noqa: SIM115 # whoever sends it closes it
    book = xlsxwriter.Workbook(
        target, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    )
    sheet = book.add_worksheet(_sheet_name(title))
    bold = book.add_format({"bold": True, "bg_color": "#DCE6F1", "num_format": "@"})
    text, plain = book.add_format({"num_format": "@"}), book.add_format({"num_format": "General"})
    sheet.freeze_panes(1, 1)
    sheet.set_column(0, max(len(heading) - 1, 0), 16, text)
    for place, name in enumerate(heading):
        sheet.write_string(0, place, name, bold)
    for number, row in enumerate(rows, start=1):
        for place, value in enumerate(row):
            if isinstance(value, int | Decimal):
                sheet.write_number(number, place, value, plain)
            elif value:
                sheet.write_string(number, place, neutral(value), text)
    book.close()
    target.seek(0)
    return target


def _sheet_name(title: str) -> str:
    return "".join(sign for sign in title if sign not in "[]:*?/\\")[:31] or "sheet"


def template(master: Master) -> IO[bytes]:
    """An empty file to fill in: headings, what each column wants, lists to choose from. The second sheet explains; only the first is read."""
    target = tempfile.TemporaryFile()  # noqa: SIM115
    book = xlsxwriter.Workbook(target, {"strings_to_formulas": False, "strings_to_urls": False})
    sheet, notes = book.add_worksheet(_sheet_name(master.title)), book.add_worksheet(gettext("How to fill it in"))
    lists = book.add_worksheet(gettext("Choices"))
    text, day = book.add_format({"num_format": "@"}), book.add_format({"num_format": "yyyy-mm-dd"})
    must = book.add_format({"bold": True, "bg_color": "#FCE4D6", "num_format": "@"})
    may = book.add_format({"bold": True, "bg_color": "#DCE6F1", "num_format": "@"})
    bold, wrapped = book.add_format({"bold": True}), book.add_format({"text_wrap": True, "valign": "top"})
    sheet.freeze_panes(1, 0)
    notes.write_row(
        0, 0, [gettext("Column"), gettext("Heading in English"), gettext("Needed"), gettext("What to write")], bold
    )
    notes.set_column(0, 1, 22)
    notes.set_column(3, 3, 80, wrapped)
    for place, column in enumerate(master.columns):
        field = master.field(column.field)
        is_day = isinstance(field, DateField) and not isinstance(field, DateTimeField)
        is_number = isinstance(field, DecimalField | IntegerField) and not field.choices
        sheet.set_column(place, place, 18, day if is_day else None if is_number else text)
        sheet.write_string(0, place, master.title_of(column.field), must if _is_needed(master, column) else may)
        choices = choices_of(master, column)
        if choices:
            for place_below, choice in enumerate([master.title_of(column.field), *choices]):
                lists.write_string(place_below, place, choice, bold if place_below == 0 else text)
            letter = xlsxwriter.utility.xl_col_to_name(place)
            source = f"='{gettext('Choices')}'!${letter}$2:${letter}${len(choices) + 1}"
            # Other values are let in too: what is new since the file was made is known to the check.
            sheet.data_validation(
                1, place, TEMPLATE_ROWS, place, {"validate": "list", "source": source, "error_type": "information"}
            )
        needed = gettext("needed") if _is_needed(master, column) else ""
        row = [master.title_of(column.field), column.field, needed, note_of(master, column)]
        notes.write_row(place + 1, 0, [str(each) for each in row])
    notes.write_string(len(master.columns) + 2, 0, gettext("A row is known by: %(key)s") % {"key": key_of(master)})
    notes.write_string(
        len(master.columns) + 3, 0, gettext("An empty cell leaves what is there, unless “empty the field” is chosen.")
    )
    book.close()
    target.seek(0)
    return target


def key_of(master: Master) -> str:
    return " + ".join(master.title_of(name) for name in master.key)


def _is_needed(master: Master, column: Column) -> bool:
    return master.is_required(column.field) or (column.field in master.key and not master.field(column.field).null)


def choices_of(master: Master, column: Column) -> list[str]:
    """What a cell of a column may say, where that is a short list."""
    field = master.field(column.field)
    if field.choices:
        return [str(label) for _value, label in field.flatchoices]
    if isinstance(field, BooleanField):
        return ["はい", "いいえ"]
    if is_foreign_key(field):
        other = field.related_model._default_manager.order_by(column.lookup)  # type: ignore[union-attr]
        names = list(other.values_list(column.lookup, flat=True)[: EXAMPLE_CHOICES + 1])
        return [str(name) for name in names] if len(names) <= EXAMPLE_CHOICES else []
    return []


def note_of(master: Master, column: Column) -> str:
    """What to write into a column, in a sentence."""
    field, said = master.field(column.field), []
    if is_foreign_key(field):
        other: Any = field.related_model
        said.append(gettext("The code of a row of “%(master)s”.") % {"master": other._meta.verbose_name_plural})
    elif field.choices:
        said.append("、".join(str(label) for _value, label in field.flatchoices))
    elif isinstance(field, BooleanField):
        said.append("はい・いいえ")
    elif isinstance(field, DateTimeField):
        said.append(gettext("A date with a time, such as 2026-11-23 10:00."))
    elif isinstance(field, DateField):
        said.append(gettext("A date: 2026-11-23, 2026/11/23, 20261123, 令和8年11月23日, R8.11.23."))
    elif isinstance(field, DecimalField):
        said.append(gettext("A number with up to %(places)d decimal places.") % {"places": field.decimal_places})
    elif isinstance(field, IntegerField):
        said.append(gettext("A whole number."))
    elif field.max_length:
        said.append(gettext("Up to %(count)d characters.") % {"count": field.max_length})
    if column.is_fixed:
        said.append(gettext("Not changed in a row that is there."))
    return " ".join([*said, *([str(column.note)] if column.note else [])])
