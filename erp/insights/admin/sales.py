"""The page 販売分析: pick what is looked at, see it as a chart and as a table, and go on to the lines behind a number."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django import forms
from django.core.cache import cache
from django.http import FileResponse, HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from erp.core import documents
from erp.core.admin import ServiceAdmin
from erp.core.admin.paging import page_number
from erp.core.clock import business_date
from erp.core.money import ZERO
from erp.core.permissions import SEE_COSTS
from erp.insights.admin.sales_sheet import ADDITIVE, BAR_HEIGHT, BARS_SHOWN, DOWNLOADS, Sheet, table_of
from erp.insights.selectors import sales
from erp.insights.selectors.posted import DOCUMENTS
from erp.insights.selectors.sales import (
    DIMENSIONS,
    Answer,
    Basis,
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
from erp.inventory.selectors import shop_channels_of
from erp.orders.models import OrderLine, Return, ReturnLine, SalesReport, Shipment

KEPT_S = 300
ROWS_SHOWN = 100
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
NARROWED_BY = ("channel", "brand", "category", "segment", "prefecture")


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
        sheet = Sheet(answer, measure, request)
        if write := DOWNLOADS.get(request.GET.get("format", "")):
            return write(f"sales-{question.first}-{question.last}", table_of(sheet, with_margin))
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
    context |= {"question": question, "narrowed": Sheet(answer, "sales", request).narrowed()}
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
