"""滞留在庫, 在庫回転率 and 消化率 as pages, and what a cost pool that is kept at standard is off it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from erp.core.admin import PageLink
from erp.core.money import ZERO
from erp.inventory import services
from erp.inventory.admin.sheets import BY_TITLES, Row, ScopeForm, Sheet, answer, asked, by_field, column_sum
from erp.inventory.admin.value_pages import DAY, StockFlowForm, ValuePages, row_url
from erp.inventory.models import CostPool
from erp.inventory.selectors import stock_age as ages
from erp.inventory.selectors.standards import off_standard
from erp.inventory.selectors.stock_value import By

OF_STYLES = (By.PRODUCT, By.CATEGORY, By.BRAND, By.SEASON, By.SKU)


class DeadStockForm(ScopeForm):
    day = forms.DateField(label=_("as of the end of"), widget=DAY)
    days = forms.IntegerField(label=_("days without a sale"), min_value=1, max_value=9_999)
    field_order = ["day", "days"]


class SellThroughForm(ScopeForm):
    day = forms.DateField(label=_("as of the end of"), widget=DAY)
    since = forms.DateField(label=_("received and sold since"), widget=DAY, required=False)
    by = by_field(*OF_STYLES)
    field_order = ["day", "since", "by"]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # What a SKU sold is one figure for the company: goods move between places before they are sold.
        del self.fields["location"], self.fields["cost_pool"]


class StandardForm(forms.Form):
    cost_pool = forms.ModelChoiceField(
        label=_("cost pool"),
        queryset=CostPool.objects.filter(costing_method=CostPool.CostingMethod.STANDARD).order_by("code"),
    )


class TurnoverForm(StockFlowForm):
    """The stock of each month's end within is asked for."""

    MOST_DAYS = 5 * 365 + 2

    def clean(self) -> dict[str, Any]:
        given = super().clean()
        if given.get("first") and given.get("last") and (given["last"] - given["first"]).days >= self.MOST_DAYS:
            self.add_error("last", gettext("Ask for five years at most."))
        return given


class AgePages(ValuePages):
    list_links: ClassVar[Sequence[PageLink]] = (
        *ValuePages.list_links,
        PageLink("admin:inventory_dead_stock", _("Dead stock")),
        PageLink("admin:inventory_turnover", _("Stock turnover")),
        PageLink("admin:inventory_sell_through", _("Sell-through")),
        PageLink("admin:inventory_at_standard", _("Stock off its standard cost")),
        PageLink("admin:inventory_revalue", _("Revalue at standard cost"), "inventory.revalue_stock"),
    )

    def get_urls(self) -> list[Any]:
        pages = [
            ("dead-stock", self.dead_stock), ("turnover", self.turnover), ("sell-through", self.sell_through),
            ("at-standard", self.at_standard), ("revalue", self.revalue),
        ]  # fmt: skip
        own = [
            path(f"{name}/", self.admin_site.admin_view(view), name=f"inventory_{name.replace('-', '_')}")
            for name, view in pages
        ]
        return [*own, *super().get_urls()]

    def dead_stock(self, request: HttpRequest) -> Any:
        """滞留在庫: no sale for so many days, with its age and what it ties up."""
        self.may_look(request)
        form = asked(DeadStockForm, request, day=timezone.localdate(), days=90)
        sheet = None
        if form.is_valid():
            day, days = form.cleaned_data["day"], form.cleaned_data["days"]
            found = ages.dead_stock(day, days_without_sale=days, scope=form.scope())
            rows = [
                Row(
                    [one.label, one.last_received_on, one.last_sold_on, one.pieces, one.value,
                     _days(one.last_received_on, day), _days(one.last_sold_on, day)],
                    partial(row_url, request, form, By.SKU, one.sku_id, one.label),
                )
                for one in found
            ]  # fmt: skip
            heads = [
                _("SKU"), _("last receipt"), _("last sale"), _("Pieces"), _("Value"), _("days since the receipt"), _("days since the sale"),
            ]  # fmt: skip
            total = [*column_sum(rows, 3)[:5], None, None]
            notes = [
                _("Not sold for so many days, and not received within them either. What ties up the most stands first.")
            ]
            sheet = Sheet(heads, rows, total, texts=3, notes=notes)
        return answer(self, request, name="dead-stock", title=gettext("Dead stock"), form=form, sheet=sheet)

    def turnover(self, request: HttpRequest) -> Any:
        self.may_look(request)
        today = timezone.localdate()
        form = asked(TurnoverForm, request, first=today - dt.timedelta(days=89), last=today, by=By.CATEGORY)
        sheet = None
        if form.is_valid():
            given = form.cleaned_data
            by = By(given["by"])
            found = ages.turnover(given["first"], given["last"], by=by, scope=form.scope())
            rows = [_turnover_row(one, partial(row_url, request, form, by, one.key, one.label)) for one in found]
            whole = ages.Turnover(
                None, gettext("total"), sum(one.sold_pieces for one in found), sum((one.cost_of_sales for one in found), ZERO),
                sum((one.average_value for one in found), ZERO), found[0].days if found else 1,
            )  # fmt: skip
            heads = [
                BY_TITLES[by], _("Pieces sold"), _("Cost of sales"), _("Average stock"), _("times a year"), _("days of stock"),
            ]  # fmt: skip
            notes = [
                _(
                    "Cost of sales is net of returns. The average is that of the opening, each month's end within, and the closing."
                ),
                _("What is sold as it arrives or is accepted is the sale of the place that it was shipped from."),
            ]
            sheet = Sheet(heads, rows, _turnover_row(whole).cells if rows else None, notes=notes)
        return answer(self, request, name="turnover", title=gettext("Stock turnover"), form=form, sheet=sheet)

    def sell_through(self, request: HttpRequest) -> Any:
        self.may_look(request)
        form = asked(SellThroughForm, request, day=timezone.localdate(), by=By.SEASON)
        sheet = None
        if form.is_valid():
            given = form.cleaned_data
            by = By(given["by"])
            found = ages.sell_through(given["day"], since=given["since"], by=by, scope=form.scope())
            rows = [_through_row(one, partial(row_url, request, form, by, one.key, one.label)) for one in found]
            whole = ages.SellThrough(
                None, gettext("total"), None, sum(one.received for one in found), sum(one.sold for one in found)
            )
            heads = [
                BY_TITLES[by],
                _("first receipt"),
                _("Pieces received"),
                _("Pieces sold"),
                _("Not sold"),
                _("Sell-through %"),
            ]
            notes = [_("Received from suppliers less what went back to them; sold less what customers brought back.")]
            sheet = Sheet(heads, rows, _through_row(whole).cells if rows else None, texts=2, notes=notes)
        return answer(self, request, name="sell-through", title=gettext("Sell-through"), form=form, sheet=sheet)

    def at_standard(self, request: HttpRequest) -> Any:
        """What a new standard cost would make of the stock of a pool."""
        self.may_look(request)
        first = CostPool.objects.filter(costing_method=CostPool.CostingMethod.STANDARD).order_by("code").first()
        form = asked(StandardForm, request, cost_pool=first.pk if first else "")
        sheet = None
        if form.is_valid():
            found = off_standard(form.cleaned_data["cost_pool"].pk, on=timezone.localdate())
            rows = [
                Row([one.code, one.quantity, one.value, one.standard, one.at_standard, one.difference]) for one in found
            ]
            total = column_sum(rows, 1)
            if rows:
                total[3] = None
            heads = [
                _("SKU"), _("Pieces"), _("carried at"), _("Standard cost"), _("At standard cost"), _("Difference"),
            ]  # fmt: skip
            sheet = Sheet(heads, rows, total, notes=[_("Each night what begins on the day takes effect by itself.")])
        title = gettext("Stock off its standard cost")
        return answer(self, request, name="at-standard", title=title, form=form, sheet=sheet)

    def revalue(self, request: HttpRequest) -> Any:
        if not request.user.has_perm("inventory.revalue_stock"):
            raise PermissionDenied
        form = RevalueForm(request.POST or None)

        def act() -> Any:
            given = form.cleaned_data
            booked = self.serve(
                request, services.revalue_at_standard, external_id=given["external_id"], cost_pool_id=given["cost_pool"].pk,
                as_write_down=given["as_write_down"],
            )  # fmt: skip
            return self.done(request, gettext("Booked."), "admin:inventory_stockdocument_change", booked.document_id)

        return self.service_page(request, form=form, title=gettext("Revalue at standard cost"), act=act)


class RevalueForm(StandardForm):
    external_id = forms.CharField(label=_("slip number"), max_length=100)
    as_write_down = forms.BooleanField(label=_("as a write-down (商品評価損), not as a variance"), required=False)


def _days(day: dt.date | None, until: dt.date) -> int | None:
    return None if day is None else (until - day).days


def _turnover_row(one: ages.Turnover, url: str | Callable[[], str] = "") -> Row:
    average = one.average_value.quantize(Decimal(1))
    return Row(
        [one.label, one.sold_pieces, one.cost_of_sales, average, one.times_a_year, one.days_of_stock], url
    )  # fmt: skip


def _through_row(one: ages.SellThrough, url: str | Callable[[], str] = "") -> Row:
    return Row([one.label, one.first_received_on, one.received, one.sold, one.left, one.percent], url)
