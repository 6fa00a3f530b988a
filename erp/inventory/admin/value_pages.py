"""在庫評価表, 受払表 and 締め後計上 as pages: a group leads to its styles, a style to its SKUs, a SKU to its movements and their documents."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.urls import path, reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounting import selectors as accounting
from erp.core import documents
from erp.core.admin import PageLink, ReadOnlyAdmin
from erp.core.money import ZERO
from erp.inventory.admin.reports import DaysForm
from erp.inventory.admin.sheets import (
    BY_TITLES,
    Row,
    ScopeForm,
    Sheet,
    answer,
    asked,
    by_field,
    column_sum,
    finer_url,
)
from erp.inventory.selectors import stock_value as reports
from erp.inventory.selectors.stock_value import By, Flow, Period

DAY = forms.DateInput(attrs={"type": "date"})
FLOW_TITLES = {
    Flow.PURCHASED: _("Received from suppliers"), Flow.RETURNED: _("Returned by customers"), Flow.MOVED_IN: _("Moved in"),
    Flow.ADJUSTED_UP: _("Adjusted up"), Flow.SOLD: _("Issued for sales"), Flow.SENT_BACK: _("Returned to suppliers"),
    Flow.MOVED_OUT: _("Moved out"), Flow.ADJUSTED_DOWN: _("Adjusted down"), Flow.REVALUED: _("Revalued"),
}  # fmt: skip


class StockValueForm(ScopeForm):
    day = forms.DateField(label=_("as of the end of"), widget=DAY)
    by = by_field()
    field_order = ["day", "by"]


class StockFlowForm(ScopeForm):
    first = forms.DateField(label=_("from"), widget=DAY)
    last = forms.DateField(label=_("until (day)"), widget=DAY)
    by = by_field()
    field_order = ["first", "last", "by"]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("first") and given.get("last") and given["first"] > given["last"]:
            self.add_error("last", gettext("The last day lies before the first."))
        return given


class DayForm(DaysForm):
    day = forms.DateField(label=_("as of the end of"), widget=DAY)


class ValuePages(ReadOnlyAdmin):
    """The reports of what stock is worth, for whoever may see it."""

    list_links: ClassVar[Sequence[PageLink]] = (
        PageLink("admin:inventory_stock_value", _("Stock value of a day")),
        PageLink("admin:inventory_stock_flow", _("Stock receipts and issues")),
    )

    def get_urls(self) -> list[Any]:
        pages = [
            ("stock-value", self.stock_value), ("stock-flow", self.stock_flow), ("booked-later", self.booked_later),
        ]  # fmt: skip
        own = [
            path(f"{name}/", self.admin_site.admin_view(view), name=f"inventory_{name.replace('-', '_')}")
            for name, view in pages
        ]
        return [*own, *super().get_urls()]

    def may_look(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied

    def stock_value(self, request: HttpRequest) -> Any:
        self.may_look(request)
        form = asked(StockValueForm, request, day=timezone.localdate(), by=By.CATEGORY)
        sheet = _value_sheet(request, form) if form.is_valid() else None
        title = gettext("Stock value of a day")
        return answer(self, request, name="stock-value", title=title, form=form, sheet=sheet)

    def stock_flow(self, request: HttpRequest) -> Any:
        self.may_look(request)
        today = timezone.localdate()
        form = asked(StockFlowForm, request, first=today.replace(day=1), last=today, by=By.CATEGORY)
        sheet = _flow_sheet(request, form) if form.is_valid() else None
        title = gettext("Stock receipts and issues")
        return answer(self, request, name="stock-flow", title=title, form=form, sheet=sheet)

    def booked_later(self, request: HttpRequest) -> Any:
        self.may_look(request)
        form = asked(DayForm, request, day=timezone.localdate())
        sheet = None
        if form.is_valid():
            rows = [
                Row(
                    [f"{documents.label_of(one.source_type)} {one.source_id}", timezone.localdate(one.occurred_at),
                     str(accounting.account_of(one.account_role)), one.amount],
                    documents.url_of(one.source_type, one.source_id) or "",
                )
                for one in reports.booked_later(form.cleaned_data["day"])
            ]  # fmt: skip
            heads = [_("document"), _("happened on"), _("ledger account"), _("amount")]
            note = _(
                "They happened up to this day; their entries stand on a later one: the month was closed, or the goods were known later."
            )
            sheet = Sheet(heads, rows, column_sum(rows, 3), texts=3, notes=[note])
        title = gettext("Posted later")
        return answer(self, request, name="booked-later", title=title, form=form, sheet=sheet)


def row_url(request: HttpRequest, form: forms.Form, by: By, key: int | None, label: str) -> str:
    """Where a row leads: one step finer; a SKU to the movements it is made of."""
    code = label.split(" ", 1)[0]
    if by is By.SKU:
        return f"{reverse('admin:inventory_stockmovement_changelist')}?{urlencode({'q': code})}"
    return finer_url(request, form, by, key, code)


def _value_sheet(request: HttpRequest, form: StockValueForm) -> Sheet:
    given, scope = form.cleaned_data, form.scope()
    by, day = By(given["by"]), given["day"]
    rows = [
        Row([held.label, held.pieces, _unit(held.pieces, held.value), held.value], partial(row_url, request, form, by, held.key, held.label))
        for held in reports.values_on(day, by=by, scope=scope)
    ]  # fmt: skip
    total = column_sum(rows, 1)
    if rows:
        total[2] = None
    heads = [BY_TITLES[by], _("Pieces"), _("Unit value"), _("Value")]
    notes = [
        _("By the day on which goods moved. A place has the share of its pieces in the value of its cost pool."),
    ]  # fmt: skip
    return Sheet(heads, rows, total, notes=notes, context=_proof(request, day) if scope.is_everything else {})


def _unit(pieces: int, value: Decimal) -> Decimal | None:
    return (value / pieces).quantize(Decimal("0.01")) if pieces > 0 else None


def _proof(request: HttpRequest, day: dt.date) -> dict[str, Any]:
    """The accounts beside the stock, each with the way to its postings of the month, if the user may read them."""
    may_read = request.user.has_perm("accounting.view_posting")
    ledger = reverse("admin:accounting_general_ledger")
    month: dict[str, str | int] = {"first": day.replace(day=1).isoformat(), "last": day.isoformat()}
    proofs = [
        (proof, f"{ledger}?{urlencode({**month, 'account': proof.account_id})}" if may_read else "")
        for proof in reports.proofs(day)
    ]
    return {
        "proofs": proofs,
        "later_url": f"{reverse('admin:inventory_booked_later')}?{urlencode({'day': day.isoformat()})}",
    }


def _flow_sheet(request: HttpRequest, form: StockFlowForm) -> Sheet:
    given, scope = form.cleaned_data, form.scope()
    by = By(given["by"])
    periods = reports.flows_between(given["first"], given["last"], by=by, scope=scope)
    # Kinds that did not happen would only make the table wider.
    kinds = [kind for kind in FLOW_TITLES if any(kind in period.flows for period in periods)]
    rows = [
        Row([period.label, *_figures(period, kinds)], partial(row_url, request, form, by, period.key, period.label))
        for period in periods
    ]
    heads: list[Any] = [BY_TITLES[by]]
    groups: list[tuple[Any, int]] = [("", 1)]
    for title in [_("Opening"), *(FLOW_TITLES[kind] for kind in kinds), _("Closing")]:
        heads += [_("Pieces"), _("Value")]
        groups.append((title, 2))
    notes = [_("Opening + receipts − issues ± revalued = closing. By the day on which goods moved.")]
    context = _proof(request, given["last"]) if scope.is_everything else {}
    return Sheet(heads, rows, column_sum(rows, 1), notes=notes, groups=groups, context=context)


def _figures(period: Period, kinds: Sequence[Flow]) -> list[int | Decimal]:
    cells: list[int | Decimal] = [*period.opening]
    for kind in kinds:
        cells += period.flows.get(kind, (0, ZERO))
    return [*cells, *period.closing]
