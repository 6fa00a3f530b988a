"""The sheet of 販売分析: the rows, bars and cells of an answer, each with the way to what is finer or to the lines behind it, and as a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from django.http import FileResponse, HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.urls import reverse
from django.utils.translation import gettext, pgettext

from erp.core.money import ZERO, percent_of_base, written
from erp.imports.downloads import table_as_csv, table_as_file
from erp.insights.selectors.sales import DIMENSIONS, Answer, Cell, Figures

COLUMNS_SHOWN, BARS_SHOWN = 10, 10
BAR_HEIGHT, BAR_WIDTH = 34, 520
ADDITIVE = ("sales", "units", "margin")
# What one looks at next after a click on a row.
FINER = {
    "category": "product", "brand": "product", "product": "sku", "sku": "channel", "channel": "category", "segment": "product",
    "rfm": "product", "account": "product", "prefecture": "category", "month": "category",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Bar:
    """One row of the chart; widths in units of the picture."""

    label: str
    url: str
    y: int
    now: int
    before: int
    text: str
    text_before: str


@dataclass(frozen=True, slots=True)
class Row:
    """``cell`` None: what is not shown for itself. ``values`` are the cells of a cross table, each with the way to its lines."""

    label: str
    url: str
    lines_url: str
    now: Figures
    before: Figures | None
    values: Sequence[tuple[str, str]] = ()
    is_rest: bool = False
    is_goods: bool = True

    @property
    def percent(self) -> Decimal | None:
        return None if self.before is None else percent_of_base(self.now.sales, self.before.sales)


class Sheet:
    """The answer as the page writes it."""

    def __init__(self, answer: Answer, measure: str, request: HttpRequest) -> None:
        self.answer, self.measure, self.request = answer, measure, request
        self.question = answer.question
        # Months stand in their order, everything else by what is looked at.
        self.sorted = list(answer.rows)
        if self.question.rows != "month":
            self.sorted.sort(key=lambda cell: (-(self.value(cell.now) or 0), cell.row))
        shown = [cell.column or "" for cell in answer.columns[:COLUMNS_SHOWN]]
        self.columns, self.has_more_columns = shown, len(answer.columns) > len(shown)
        self.has_rest = answer.rest is not None

    def value(self, figures: Figures | None) -> Decimal | int | None:
        if figures is None:
            return None
        return figures.customers_known if self.measure == "customers" else getattr(figures, self.measure)

    def heads(self) -> list[str]:
        heads = [self.answer.label(self.question.columns, key) for key in self.columns]
        heads += [gettext("others")] if self.has_more_columns else []
        return [*heads, gettext("beside goods")] if self.has_rest and self.question.columns else heads

    def rows(self, limit: int | None) -> list[Row]:
        cells = self.sorted if limit is None else self.sorted[:limit]
        rows = [self._row(cell) for cell in cells]
        if len(cells) < len(self.sorted):
            rows.append(self._rest(self.sorted[len(cells) :]))
        if self.has_rest and self.question.columns:
            rows = [replace(row, values=[*row.values, ("–", "")]) for row in rows]
        return [*rows, self._beside_goods()] if self.has_rest else rows

    def _beside_goods(self) -> Row:
        """What the books hold beside goods: fees, discounts, what was written by hand. It leads to its accounts."""
        assert self.answer.rest is not None
        rest, url = self.answer.rest, f"{self._lines_url()}&beside=1"
        dashes = [("–", "") for _key in self.columns] + ([("–", "")] if self.has_more_columns else [])
        is_amount = self.measure in ("sales", "margin")
        values = [*dashes, (_text(self.value(rest.now)), url) if is_amount else ("–", "")]
        label = gettext("Beside goods (fees, discounts, other entries)")
        return Row(
            label, "", url, rest.now, rest.before, values if self.question.columns else (), is_rest=True, is_goods=False
        )

    def total(self) -> Row:
        total = self.answer.total
        values = [self._cell(self._of_column(key), (None, key)) for key in self.columns]
        if self.has_more_columns:
            values.append((_text(self._sum(self.answer.columns[len(self.columns) :])), ""))
        if self.question.columns and self.answer.rest is not None:
            values.append((_text(self.value(self.answer.rest.now)) if self.measure in ("sales", "margin") else "–", ""))
        return Row(gettext("total"), "", self._lines_url(), total.now, total.before, values)

    def bars(self) -> list[Bar]:
        cells = self.sorted[:BARS_SHOWN]
        amounts = [(float(self.value(cell.now) or 0), float(self.value(cell.before) or 0)) for cell in cells]
        most = max((max(pair) for pair in amounts), default=0) or 1
        return [
            Bar(
                self.answer.label(self.question.rows, cell.row), self._finer_url(cell.row), number * BAR_HEIGHT,
                max(round(max(now, 0) / most * BAR_WIDTH), 0), max(round(max(before, 0) / most * BAR_WIDTH), 0),
                _text(self.value(cell.now)), _text(self.value(cell.before)),
            )
            for number, (cell, (now, before)) in enumerate(zip(cells, amounts, strict=True))
        ]  # fmt: skip

    def narrowed(self) -> list[tuple[Any, str, str]]:
        """What the question is narrowed to, each with the way to take that away."""
        told = []
        for code, key in self.question.only.items():
            asked: QueryDict = self.request.GET.copy()
            asked.pop(code, None)
            asked.setlist("unknown", [other for other in asked.getlist("unknown") if other != code])
            told.append((DIMENSIONS[code].title, self.answer.label(code, key), asked.urlencode()))
        return told

    def _row(self, cell: Cell) -> Row:
        key = cell.row or ""
        values = [self._cell(self.answer.cells.get((key, column)), (key, column)) for column in self.columns]
        if self.has_more_columns:
            rest = [self.answer.cells.get((key, one.column or "")) for one in self.answer.columns[len(self.columns) :]]
            values.append((_text(self._sum([one for one in rest if one is not None])), ""))
        label = self.answer.label(self.question.rows, cell.row)
        return Row(label, self._finer_url(cell.row), self._lines_url((key, None)), cell.now, cell.before, values)

    def _rest(self, cells: Sequence[Cell]) -> Row:
        """Rows beyond those that are shown, so that the table still adds up. Different customers cannot be added."""
        now = _add([cell.now for cell in cells])
        before = [cell.before for cell in cells if cell.before is not None]
        values = []
        if self.question.columns:
            keys = {cell.row or "" for cell in cells}
            for column in self.columns:
                inside = [one for (row, key), one in self.answer.cells.items() if key == column and row in keys]
                values.append((_text(self._sum(inside)), ""))
            if self.has_more_columns:
                shown = set(self.columns)
                inside = [one for (row, key), one in self.answer.cells.items() if key not in shown and row in keys]
                values.append((_text(self._sum(inside)), ""))
        label = gettext("others (%(count)d)") % {"count": len(cells)}
        return Row(label, "", "", now, _add(before) if before else None, values, is_rest=True)

    def _sum(self, cells: Sequence[Cell]) -> Decimal | int | None:
        if self.measure not in ADDITIVE:
            return None
        return getattr(_add([cell.now for cell in cells]), self.measure)  # type: ignore[no-any-return]

    def _of_column(self, key: str) -> Cell | None:
        return next((cell for cell in self.answer.columns if (cell.column or "") == key), None)

    def _cell(self, cell: Cell | None, keys: tuple[str | None, str | None]) -> tuple[str, str]:
        if cell is None or not cell.now.lines:
            return "–", ""
        return _text(self.value(cell.now)), self._lines_url(keys)

    def _finer_url(self, key: str | None) -> str:
        rows = self.question.rows
        asked = self._narrow(rows, key or "")
        finer = FINER[rows]
        asked["rows"] = finer if finer != self.question.columns else "month"
        return asked.urlencode()

    def _lines_url(self, keys: tuple[str | None, str | None] = (None, None)) -> str:
        asked = self.request.GET.copy()
        for code, key in zip((self.question.rows, self.question.columns), keys, strict=True):
            if key is not None and code:
                asked = self._narrow(code, key, asked)
        return f"{reverse('admin:insights_sales_lines')}?{self._complete(asked).urlencode()}"

    def _narrow(self, code: str, key: str, asked: QueryDict | None = None) -> QueryDict:
        asked = self.request.GET.copy() if asked is None else asked
        asked.pop("format", None)
        if key:
            asked[code] = key
        else:
            asked.appendlist("unknown", code)
        return self._complete(asked)

    def _complete(self, asked: QueryDict) -> QueryDict:
        """A link holds the whole question, also what the page took for granted."""
        asked.setdefault("first", self.question.first.isoformat())
        asked.setdefault("last", self.question.last.isoformat())
        asked.setdefault("rows", self.question.rows)
        asked.setdefault("measure", self.measure)
        asked.setdefault("basis", self.question.basis)
        asked.setdefault("compare", self.question.compare)
        return asked


def _add(figures: Sequence[Figures]) -> Figures:
    return Figures(
        units=sum(one.units for one in figures),
        sales=sum((one.sales for one in figures), ZERO),
        margin=sum((one.margin for one in figures), ZERO),
        sold=sum((one.sold for one in figures), ZERO),
        lines=sum(one.lines for one in figures),
    )


def _text(value: Decimal | int | None) -> str:
    return "–" if value is None else written(value)


def table_of(sheet: Sheet, with_margin: bool) -> list[list[Any]]:
    """The table as it is shown, all of its rows, with the head before and the total behind; figures as numbers, empty where there is none."""
    head = [str(DIMENSIONS[sheet.question.rows].title)]
    rows = [*sheet.rows(None), sheet.total()]
    if sheet.question.columns:
        written_rows = [
            [row.label, *(_number(text) for text, _url in row.values), sheet.value(row.now)] for row in rows
        ]
        return [[*head, *sheet.heads(), gettext("total")], *written_rows]
    margin = [gettext("Margin"), gettext("Margin, a year before"), gettext("Margin rate")] if with_margin else []
    head += [
        gettext("Pieces"), gettext("Pieces, a year before"), gettext("Sales (without tax)"), gettext("Sales, a year before"), *margin,
        pgettext("number", "Customers"), gettext("Customers, a year before"), gettext("Sales per customer"),
    ]  # fmt: skip
    table: list[list[Any]] = [head]
    for row in rows:
        now, before = row.now, row.before
        earned = (
            [now.margin, before and before.margin, None if now.margin_percent is None else round(now.margin_percent, 1)]
            if with_margin
            else []
        )
        was = (None, None, None) if before is None else (before.units, before.sales, before.customers_known)
        table.append(
            [row.label, now.units, was[0], now.sales, was[1], *earned, now.customers_known, was[2], now.per_customer]
        )
    return table


def _number(text: str) -> Decimal | None:
    return None if text == "–" else Decimal(text.replace(",", ""))


def _xlsx(name: str, table: Sequence[Sequence[Any]]) -> FileResponse | StreamingHttpResponse:
    title = gettext("Sales analysis")
    return table_as_file(name, title=title, heading=table[0], rows=lambda: table[1:], form="xlsx")


DOWNLOADS: dict[str, Callable[[str, Sequence[Sequence[Any]]], HttpResponse | FileResponse | StreamingHttpResponse]] = {
    "csv": table_as_csv,
    "xlsx": _xlsx,
}
