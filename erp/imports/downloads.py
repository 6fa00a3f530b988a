"""Tables as files that a browser keeps: Excel, or CSV in the encoding that was asked for."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header

from erp.imports import exporting

EXCEL_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
Answer = TypeVar("Answer", bound=HttpResponseBase)


def table_as_file(
    name: str, *, title: str, heading: Sequence[str], rows: Callable[[], Iterable[Sequence[Any]]], form: str
) -> FileResponse | StreamingHttpResponse:
    """``form`` is "xlsx" or one of ``exporting.ENCODINGS``; ``name`` comes without its ending. ``rows`` may be asked twice, and are never all held.

    Raises InvalidInput for signs that cp932 does not have.
    """
    if form == "xlsx":
        book = exporting.workbook(title, heading, rows())
        return FileResponse(book, as_attachment=True, filename=f"{name}.xlsx", content_type=EXCEL_TYPE)
    if form == "cp932":
        exporting.refuse_unwritable(heading, rows())
    pieces = exporting.csv_pieces(heading, rows(), encoding=form)
    kind = f"text/csv; charset={'Shift_JIS' if form == 'cp932' else 'utf-8'}"
    return as_download(StreamingHttpResponse(pieces, content_type=kind), f"{name}.csv")


def table_as_csv(name: str, table: Iterable[Sequence[Any]]) -> HttpResponse:
    """A table that is held anyway; figures in one form, and no text that a spreadsheet would run."""
    # The mark at the start lets a spreadsheet see that this is UTF-8.
    answer = HttpResponse("\ufeff", content_type="text/csv; charset=utf-8")
    csv.writer(answer).writerows([_cell(cell) for cell in row] for row in table)
    return as_download(answer, f"{name}.csv")


def _cell(cell: Any) -> Any:
    return exporting.as_written(cell) if isinstance(cell, str | int | Decimal) else cell


def as_download(answer: Answer, name: str) -> Answer:
    answer["Content-Disposition"] = content_disposition_header(True, name) or ""
    return answer
