"""The page 販売分析: pick what is looked at, see it as a chart and as a table, and go on to the lines behind a number."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import Any

from django import forms
from django.core.cache import cache
from django.http import FileResponse, HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext, pgettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from erp.core import documents
from erp.core.admin import ServiceAdmin
from erp.core.clock import business_date
from erp.core.money import ZERO, percent_of_base, written
from erp.core.permissions import SEE_COSTS
from erp.imports.downloads import table_as_csv, table_as_file
from erp.insights.selectors import sales
from erp.insights.selectors.posted import DOCUMENTS
from erp.insights.selectors.sales import (
    DIMENSIONS,
    Answer,
    Basis,
    Cell,
    Compare,
    Figures,
    PostedLine,
    Question,
    analyse,
    before_of,
    choices,
    lines_behind,
    posted_behind,
    what_is_beside,
)
from erp.inventory.admin.sheets import page_number
from erp.inventory.selectors import shop_channels_of
from erp.orders.models import OrderLine, Return, ReturnLine, SalesReport, Shipment

KEPT_S = 300
ROWS_SHOWN, COLUMNS_SHOWN, BARS_SHOWN = 100, 10, 10
MEASURES = {
    "sales": _("Sales (without tax)"),
    "units": _("Pieces"),
    "margin": _("Margin"),
    "customers": pgettext_lazy("number", "Customers"),
    "per_customer": _("Sales per customer"),
}
BASES = {Basis.SALES: _("day of the sale in the books"), Basis.ORDERS: _("day of the order")}
COMPARISONS = {
    Compare.YEAR: _("same dates of last year"),
    Compare.WEEKDAY: _("same weekdays of last year (364 days before)"),
}
ADDITIVE = ("sales", "units", "margin")
NARROWED_BY = ("channel", "brand", "category", "segment", "prefecture")
# What one looks at next after a click on a row.
FINER = {
    "category": "product", "brand": "product", "product": "sku", "sku": "channel", "channel": "category", "segment": "product",
    "rfm": "product", "account": "product", "prefecture": "category", "month": "category",
}  # fmt: skip


class SalesForm(forms.Form):
    # Addresses that say nothing of these ask what the page answered before it had them.
    basis = forms.ChoiceField(label=_("Basis"), required=False, choices=list(BASES.items()))
    first = forms.DateField(label=_("from"), widget=forms.DateInput(attrs={"type": "date"}))
    last = forms.DateField(label=_("until (day)"), widget=forms.DateInput(attrs={"type": "date"}))
    compare = forms.ChoiceField(label=_("Compared with"), required=False, choices=list(COMPARISONS.items()))
    rows = forms.ChoiceField(label=_("Rows"))
    columns = forms.ChoiceField(label=_("Columns"), required=False)
    measure = forms.ChoiceField(label=_("Measure"))

    def __init__(
        self, *args: Any, with_margin: bool, with_accounts: bool, channels: Sequence[int] | None, **options: Any
    ) -> None:
        super().__init__(*args, **options)
        dimensions = [(code, one.title) for code, one in DIMENSIONS.items() if with_accounts or code != "account"]
        self.fields["rows"].choices = dimensions  # type: ignore[attr-defined]
        self.fields["columns"].choices = [("", "–"), *dimensions]  # type: ignore[attr-defined]
        measures = [(code, title) for code, title in MEASURES.items() if with_margin or code != "margin"]
        self.fields["measure"].choices = measures  # type: ignore[attr-defined]
        for code in NARROWED_BY:
            offered = [
                (key, name) for key, name in choices(code)
                if code != "channel" or channels is None or int(key) in channels
            ]  # fmt: skip
            self.fields[code] = forms.ChoiceField(
                label=DIMENSIONS[code].title, required=False, choices=[("", _("all")), *offered]
            )

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        given["basis"] = Basis(given.get("basis") or Basis.ORDERS)
        given["compare"] = Compare(given.get("compare") or Compare.YEAR)
        first, last = given.get("first"), given.get("last")
        if first and last:
            if first > last:
                self.add_error("last", gettext("The last day lies before the first."))
            elif first.year < 2000 or last.year > 2199:
                self.add_error("first", gettext("This is no date of our time."))
            elif before_of(last, given["compare"]) >= first:
                self.add_error(
                    "last", gettext("At most a year can be looked at, so that it stands beside the year before.")
                )
        if given.get("columns") and given.get("columns") == given.get("rows"):
            self.add_error("columns", gettext("Rows and columns show different things."))
        return given


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


def page(admin: ServiceAdmin, request: HttpRequest) -> HttpResponse | FileResponse | StreamingHttpResponse:
    with_margin = request.user.has_perm(SEE_COSTS)
    channels = shop_channels_of(request.user)
    today = business_date(timezone.now())
    asked = {
        "first": today.replace(day=1).isoformat(), "last": today.isoformat(), "rows": "category", "measure": "sales", "columns": "",
        "basis": Basis.ORDERS, "compare": Compare.YEAR, **{key: request.GET[key] for key in request.GET},
    }  # fmt: skip
    form = SalesForm(asked, with_margin=with_margin, with_accounts=_sees_accounts(request), channels=channels)
    context: dict[str, Any] = {
        **admin.admin_site.each_context(request), "opts": admin.opts, "title": gettext("Sales analysis"), "form": form,
        "with_margin": with_margin, "spans": _spans(today, request),
    }  # fmt: skip
    if form.is_valid():
        question = _question(form.cleaned_data, request, channels)
        answer = _kept(question, with_margin)
        measure = form.cleaned_data["measure"]
        sheet = _Sheet(answer, measure, request)
        if write := DOWNLOADS.get(request.GET.get("format", "")):
            return write(f"sales-{question.first}-{question.last}", _table(sheet, with_margin))
        context |= {
            "answer": answer, "measure": measure, "measure_title": MEASURES[measure], "dimension": DIMENSIONS[question.rows].title,
            "rows": sheet.rows(ROWS_SHOWN), "total": sheet.total(), "heads": sheet.heads(), "bars": sheet.bars(),
            "chart_height": min(len(answer.rows), BARS_SHOWN) * BAR_HEIGHT + 8, "is_additive": measure in ADDITIVE,
            "narrowed": sheet.narrowed(), "csv": _with(request, format="csv"), "xlsx": _with(request, format="xlsx"),
            "before": question.before, "is_posted": question.basis is Basis.SALES, "has_rest": sheet.has_rest,
            "is_narrowed": answer.rest is None and bool(question.only),
        }  # fmt: skip
    return TemplateResponse(request, "insights/sales.html", context)


def lines(admin: ServiceAdmin, request: HttpRequest) -> HttpResponse:
    """What is asked like on the page, narrowed to what the number is of; on the basis of sales also what is no goods."""
    with_margin = request.user.has_perm(SEE_COSTS)
    channels = shop_channels_of(request.user)
    form = SalesForm(request.GET, with_margin=with_margin, with_accounts=_sees_accounts(request), channels=channels)
    context: dict[str, Any] = {
        **admin.admin_site.each_context(request), "opts": admin.opts, "title": gettext("Order lines behind a number"), "form": form,
        "with_margin": with_margin, "back": f"{reverse('admin:insights_sales')}?{_with(request, p=None, beside=None)}",
        "with_accounts": _sees_accounts(request),
    }  # fmt: skip
    if not form.is_valid():
        return TemplateResponse(request, "insights/sales_lines.html", context)
    question = _question(form.cleaned_data, request, channels)
    answer = _kept(question, with_margin)
    context |= {"question": question, "narrowed": _Sheet(answer, "sales", request).narrowed()}
    if question.basis is Basis.SALES and "beside" in request.GET:
        context |= {"title": gettext("Beside goods, in the books"), **_beside(question, answer, request, with_margin)}
        return TemplateResponse(request, "insights/sales_beside.html", context)
    number = page_number(request)
    if question.basis is Basis.SALES:
        total, posted = posted_behind(question, with_margin=with_margin, page=number)
        shown: Sequence[Any] = _posted_rows(posted)
        context |= {
            "title": gettext("Sales and returns behind a number"), "rest": answer.rest.now if answer.rest else None,
            "rest_url": f"?{_with(request, p=None, beside='1')}",
        }  # fmt: skip
    else:
        total, found = lines_behind(question, with_margin=with_margin, page=number)
        rows = OrderLine.objects.select_related("order__channel", "order__account", "sku")
        known = rows.in_bulk([line.line_id for line in found])
        shown = [(line, known[line.line_id]) for line in found]
    first = (number - 1) * sales.LINES_SHOWN + 1
    context |= {
        "total": total, "lines": shown, "first": first, "last": first + len(shown) - 1,
        "before": _with(request, p=str(number - 1)) if number > 1 else "",
        "after": _with(request, p=str(number + 1)) if first + len(shown) <= total.lines else "",
    }  # fmt: skip
    name = "insights/sales_posted.html" if question.basis is Basis.SALES else "insights/sales_lines.html"
    return TemplateResponse(request, name, context)


@dataclass(frozen=True, slots=True)
class PostedRow:
    """``model`` and ``number`` name the document; what came back of a sale that nobody knows has no ``order_line``."""

    line: PostedLine
    model: str
    number: str
    order_line: OrderLine | None
    returned: ReturnLine | None


PAGES = {
    "SHIPMENT": ("orders.shipment", Shipment),
    "SALES_REPORT": ("orders.salesreport", SalesReport),
    "RETURN": ("orders.return", Return),
}


def _posted_rows(found: Sequence[PostedLine]) -> list[PostedRow]:
    """The documents and order lines of posted lines, one question per table."""
    numbers: dict[tuple[str, int], str] = {}
    for document, (_model, table) in PAGES.items():
        ids = {line.document_id for line in found if line.document == document}
        if ids:
            named = table._default_manager.filter(pk__in=ids).values_list("pk", "number")
            numbers |= {(document, key): number for key, number in named}
    orders = OrderLine.objects.select_related("order__channel", "order__account", "sku")
    of_orders = orders.in_bulk([line.order_line_id for line in found if line.order_line_id])
    unknown = [line.part_id for line in found if line.order_line_id is None]
    of_nobody = ReturnLine.objects.select_related("document__channel", "sku").in_bulk(unknown) if unknown else {}
    return [
        PostedRow(
            line, PAGES[line.document][0], numbers[line.document, line.document_id], of_orders.get(line.order_line_id or 0),
            None if line.order_line_id else of_nobody.get(line.part_id),
        )
        for line in found
    ]  # fmt: skip


def _beside(question: Question, answer: Answer, request: HttpRequest, with_margin: bool) -> dict[str, Any]:
    """Account by account what is no goods, each with the way to its postings for those who may read them."""
    may_read = request.user.has_perm("accounting.view_posting")
    ledger = reverse("admin:accounting_general_ledger")
    asked: dict[str, str | int] = {"first": question.first.isoformat(), "last": question.last.isoformat()}
    found = [one for one in what_is_beside(question) if with_margin or one.is_sale]
    rows = [
        (
            one, documents.label_of(one.source_type), _beside_told(one.source_type, one.is_sale, one.is_reversal),
            f"{ledger}?{urlencode({**asked, 'account': one.account_id})}" if may_read else "",
        )
        for one in found
    ]  # fmt: skip
    rest = answer.rest.now if answer.rest else Figures()
    return {"rows": rows, "rest": rest, "total": sum((one.amount for one in found), ZERO)}


def _beside_told(source_type: str, is_sale: bool, is_reversal: bool) -> str:
    """In a few words what such postings are."""
    if is_reversal:
        return gettext("taken back by hand")
    if is_sale and source_type in DOCUMENTS:
        return gettext("fees of parcels and returns")
    return "" if is_sale else gettext("cost corrected later")


def _question(given: dict[str, Any], request: HttpRequest, channels: Sequence[int] | None) -> Question:
    # What was clicked on comes beside the form: a style, a month, scores; an empty key is what is not known.
    asked = [code for code in DIMENSIONS if code != "account" or _sees_accounts(request)]
    only = {code: request.GET[code][:40] for code in asked if code in request.GET and code not in NARROWED_BY}
    only |= {code: given[code] for code in NARROWED_BY if given.get(code)}
    only |= dict.fromkeys((code for code in request.GET.getlist("unknown") if code in asked), "")
    return Question(
        given["first"], given["last"], given["rows"], given["columns"], only, channels, given["basis"], given["compare"]
    )


def _sees_accounts(request: HttpRequest) -> bool:
    return request.user.has_perm("customers.view_account")


def _kept(question: Question, with_margin: bool) -> Answer:
    """Figures of trade are kept for some minutes, like those of the first page."""
    asked = [
        question.first, question.last, question.rows, question.columns, sorted(question.only.items()), with_margin,
        str(question.basis), str(question.compare),
        "all" if question.channels is None else sorted(question.channels),
    ]  # fmt: skip
    key = "insights.sales." + "".join(f"{ord(sign):x}" if not sign.isalnum() else sign for sign in str(asked))
    if len(key) > 200:
        return analyse(question, with_margin=with_margin)
    found = cache.get_or_set(key, partial(analyse, question, with_margin=with_margin), KEPT_S)
    assert isinstance(found, Answer)
    return found


def _spans(today: dt.date, request: HttpRequest) -> list[tuple[str, str]]:
    this_month = today.replace(day=1)
    last_month = (this_month - dt.timedelta(days=1)).replace(day=1)
    year = dt.timedelta(days=364)
    offered = [
        (_("This month"), this_month, today),
        (_("Last month"), last_month, this_month - dt.timedelta(days=1)),
        (_("90 days"), today - dt.timedelta(days=89), today),
        (_("A year"), today - year, today),
    ]
    return [
        (str(title), _with(request, first=first.isoformat(), last=last.isoformat())) for title, first, last in offered
    ]


def _with(request: HttpRequest, **changed: str | None) -> str:
    """The page's question, changed: None takes a part away."""
    asked: QueryDict = request.GET.copy()
    asked.pop("format", None)
    for name, value in changed.items():
        if value is None:
            asked.pop(name, None)
        else:
            asked[name] = value
    return asked.urlencode()


BAR_HEIGHT, BAR_WIDTH = 34, 520


class _Sheet:
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


def _table(sheet: _Sheet, with_margin: bool) -> list[list[Any]]:
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
