"""Reports of stock as pages: a form that asks, a table with its total, and the same table as Excel and CSV."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import chain
from typing import TYPE_CHECKING, Any

from django import forms
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from catalog.models import Brand, Category, Season, Supplier
from erp.core.admin import ServiceAdmin, for_people
from erp.core.admin.paging import page_number
from erp.core.errors import InvalidInput
from erp.core.money import written
from erp.imports.downloads import table_as_file
from erp.inventory.admin.reports import DaysForm, SkusField
from erp.inventory.models import CostPool, Location
from erp.inventory.selectors.stock_value import By, Scope

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

ROWS_A_PAGE = 100
FORMS = {"xlsx": "Excel", "utf-8-sig": "CSV (UTF-8)", "cp932": "CSV (Shift_JIS)"}
BY_TITLES = {
    By.CATEGORY: _("Category"), By.BRAND: _("Brand"), By.SEASON: _("Season"), By.PRODUCT: _("Style"), By.SKU: _("SKU"),
    By.LOCATION: _("Location"), By.POOL: _("Cost pool"),
}  # fmt: skip
# What one looks at next after a click on a row, and by which field the page is narrowed then.
FINER = {
    By.CATEGORY: ("category", By.PRODUCT), By.BRAND: ("brand", By.PRODUCT), By.SEASON: ("season", By.PRODUCT),
    By.LOCATION: ("location", By.CATEGORY), By.POOL: ("cost_pool", By.CATEGORY), By.PRODUCT: ("skus", By.SKU),
}  # fmt: skip


Value = int | Decimal | str | dt.date | None


@dataclass(frozen=True, slots=True)
class Row:
    """``cells`` run parallel to the heads of the sheet; ``url`` leads on from the first of them. Where there may be thousands of rows it is
    said how it is made, since only those of one page are."""

    cells: Sequence[Value]
    url: str | Callable[[], str] = ""
    # Where lines can be chosen: what a line stands for, and the amount that is offered.
    key: int | None = None
    amount: int = 0


@dataclass(slots=True)
class Sheet:
    """``texts`` counts the columns at the left that are texts; the others are figures. ``total`` is the foot, ``notes`` stand under the table."""

    heads: Sequence[StrOrPromise]
    rows: Sequence[Row]
    total: Sequence[Value] | None = None
    texts: int = 1
    notes: Sequence[StrOrPromise] = ()
    # Where two columns belong together, what stands above them, with how many columns it spans.
    groups: Sequence[tuple[StrOrPromise, int]] = ()
    context: dict[str, Any] = field(default_factory=dict)


class ScopeForm(DaysForm):
    """What a report is narrowed to."""

    location = forms.ModelChoiceField(label=_("location"), queryset=Location.objects.order_by("code"), required=False)
    cost_pool = forms.ModelChoiceField(label=_("cost pool"), queryset=CostPool.objects.order_by("code"), required=False)
    brand = forms.ModelChoiceField(label=_("brand"), queryset=Brand.objects.order_by("code"), required=False)
    category = forms.ModelChoiceField(label=_("category"), queryset=Category.objects.order_by("code"), required=False)
    season = forms.ModelChoiceField(label=_("season"), queryset=Season.objects.order_by("-code"), required=False)
    supplier = forms.ModelChoiceField(label=_("supplier"), queryset=Supplier.objects.order_by("code"), required=False)
    skus = SkusField(label=_("SKUs or styles"), required=False)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for each in self.fields.values():
            if isinstance(each, forms.ModelChoiceField) and not each.required:
                each.empty_label = gettext("All")

    def scope(self) -> Scope:
        given = self.cleaned_data
        keys = {
            f"{name}_id": given[name].pk if given.get(name) else None
            for name in ("location", "cost_pool", "brand", "category", "season", "supplier")
        }
        return Scope(**keys, sku_ids=[sku.pk for sku in given["skus"]] if given.get("skus") else None)


def by_field(*kinds: By) -> forms.ChoiceField:
    return forms.ChoiceField(label=_("Rows"), choices=[(kind.value, BY_TITLES[kind]) for kind in kinds or BY_TITLES])


def asked(form_class: type[forms.Form], request: HttpRequest, **assumed: Any) -> Any:
    """The form as it was asked, completed with what a first visit takes for granted."""
    values = request.GET.copy()
    for name, value in assumed.items():
        values.setdefault(name, str(value))
    return form_class(values)


def finer_url(request: HttpRequest, form: forms.Form, by: By, row_key: int | None, code: str) -> str:
    """The same page, narrowed to what a row stands for and one step finer; a SKU leads to its movements."""
    if by not in FINER or row_key is None:
        return ""
    name, finer = FINER[by]
    values = request.GET.copy()
    for page_part in ("p", "format"):
        values.pop(page_part, None)
    for key, value in form.data.items():
        values.setdefault(key, value)
    values[name] = code if name == "skus" else str(row_key)
    values["by"] = finer.value
    return f"?{values.urlencode()}"


def answer(
    page: ServiceAdmin,
    request: HttpRequest,
    *,
    name: str,
    title: str,
    form: forms.Form,
    sheet: Sheet | None,
    template: str = "inventory/sheet.html",
    **context: Any,
) -> HttpResponse | FileResponse | StreamingHttpResponse:
    """The page, or the file that was asked for. ``name`` is that of the file; a sheet of None is a form that cannot be read."""
    wanted = request.GET.get("format", "")
    if sheet is not None and wanted in FORMS:
        try:
            return file_of(name, title, sheet, wanted)
        except InvalidInput as refusal:
            page.message_user(request, for_people(refusal), "ERROR")
    values = request.GET.copy()
    values.pop("format", None)
    number = page_number(request)
    shared = {
        **page.admin_site.each_context(request), "opts": page.opts, "title": title, "form": form, "sheet": sheet,
        "files": [(_with(values, format=form), label) for form, label in FORMS.items()],
    }  # fmt: skip
    if sheet is not None:
        start = (number - 1) * ROWS_A_PAGE
        shown = sheet.rows[start : start + ROWS_A_PAGE]
        shared |= sheet.context | {
            "rows": [
                (
                    row.url() if callable(row.url) else row.url,
                    [_shown(cell, place < sheet.texts) for place, cell in enumerate(row.cells)], row.key, row.amount,
                )
                for row in shown
            ],
            "total": None if sheet.total is None else [_shown(cell, place < sheet.texts) for place, cell in enumerate(sheet.total)],
            "count": len(sheet.rows), "first": start + 1, "last": start + len(shown),
            "before": _with(values, p=number - 1) if number > 1 else "",
            "after": _with(values, p=number + 1) if start + ROWS_A_PAGE < len(sheet.rows) else "",
        }  # fmt: skip
    return TemplateResponse(request, template, shared | context)


def _with(values: Any, **changed: Any) -> str:
    copy = values.copy()
    for name, value in changed.items():
        copy[name] = str(value)
    return f"?{copy.urlencode()}"


@dataclass(frozen=True, slots=True)
class Shown:
    text: str
    is_text: bool


def _shown(value: Value, is_text: bool) -> Shown:
    if value is None:
        return Shown("" if is_text else "–", is_text)
    if isinstance(value, dt.date):
        return Shown(f"{value:%Y/%m/%d}", is_text)
    return Shown(value if isinstance(value, str) else written(value), is_text)


def file_of(name: str, title: str, sheet: Sheet, form: str) -> FileResponse | StreamingHttpResponse:
    return table_as_file(name, title=title, heading=_flat_heads(sheet), rows=lambda: _cells(sheet), form=form)


def _flat_heads(sheet: Sheet) -> list[str]:
    """One line of heads: what stands above several columns is said in each."""
    above = [str(title) for title, span in sheet.groups for _column in range(span)]
    heads = [str(head) for head in sheet.heads]
    return [" ".join(filter(None, pair)) for pair in zip(above, heads, strict=True)] if above else heads


def _cells(sheet: Sheet) -> Iterable[list[Any]]:
    for cells in chain((row.cells for row in sheet.rows), [sheet.total] if sheet.total else []):
        yield ["" if cell is None else f"{cell:%Y-%m-%d}" if isinstance(cell, dt.date) else cell for cell in cells]


def column_sum(rows: Sequence[Row], texts: int) -> list[Value]:
    """The foot of a table whose figures add up."""
    width = len(rows[0].cells) if rows else texts
    sums: list[Value] = [gettext("total"), *[""] * (texts - 1)]
    for place in range(texts, width):
        found = [cell for row in rows if isinstance(cell := row.cells[place], int | Decimal)]
        sums.append(sum(found, start=found[0] * 0) if found else None)
    return sums
