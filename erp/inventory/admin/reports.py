"""What stock would be worth by the methods that the ledger does not keep. Read-only pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django import forms
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from catalog.models import Category, Sku
from erp.core.clock import FIRST_MOMENT, LAST_MOMENT
from erp.core.money import ZERO
from erp.inventory.models import CostPool
from erp.inventory.selectors import valuation as methods
from erp.inventory.selectors.stock_value import Scope, values_on
from erp.inventory.selectors.valuation import Flow, GoodsSales, Valuation

# As many lines as a page can show; more are counted and said.
MOST_LINES = 500
METHODS: list[tuple[Any, Callable[[Flow], Valuation]]] = [
    (_("Total average"), methods.at_total_average),
    (_("First in, first out"), methods.first_in_first_out),
    (_("Last purchase"), methods.at_last_purchase),
]


@dataclass(frozen=True, slots=True)
class Retail:
    """``typed`` stands instead of ``of_books``, which is ``booked`` with or without its discounts. No ``value`` where nobody said what is left."""

    booked: GoodsSales
    of_books: Decimal
    typed: Decimal | None
    value: Valuation | None


class SkusField(forms.CharField):
    """SKUs and style numbers, parted by spaces; a style stands for all of its SKUs."""

    def clean(self, value: Any) -> list[Sku]:
        codes = super().clean(value).split()
        if not codes:
            return []
        found = list(
            Sku.objects.filter(Q(code__in=codes) | Q(product__code__in=codes))
            .select_related("product")
            .order_by("code")
        )
        known = {sku.code for sku in found} | {sku.product.code for sku in found}
        if unknown := [code for code in codes if code not in known]:
            raise forms.ValidationError(_("No such SKU or style: %(codes)s"), params={"codes": ", ".join(unknown)})
        return found


class DaysForm(forms.Form):
    """A report asks for days of our time: at both ends of the calendar there is no day before, or none behind."""

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        for name in [name for name, field in self.fields.items() if isinstance(field, forms.DateField)]:
            day = given.get(name)
            if day is not None and not FIRST_MOMENT.date() <= day < LAST_MOMENT.date():
                self.add_error(name, gettext("This is no date of our time."))
        return given


class ValuationForm(DaysForm):
    first = forms.DateField(label=_("from"), widget=forms.DateInput(attrs={"type": "date"}))
    last = forms.DateField(label=_("to"), widget=forms.DateInput(attrs={"type": "date"}))
    cost_pool = forms.ModelChoiceField(label=_("cost pool"), queryset=CostPool.objects.order_by("code"))
    category = forms.ModelChoiceField(label=_("category"), queryset=Category.objects.order_by("code"), required=False)
    skus = SkusField(label=_("SKUs or styles"), required=False)
    sales_before_discounts = forms.BooleanField(
        label=_("sales of the period before discounts"),
        required=False,
        help_text=_("Otherwise at what was paid, as the tax law asks (法人税法施行令28条)."),
    )
    sales = forms.DecimalField(
        label=_("sales of the period, instead of the books"),
        required=False,
        min_value=0,
        decimal_places=0,
        max_digits=14,
        help_text=_("Empty: from the books, net of tax and returns."),
    )
    closing_retail = forms.DecimalField(
        label=_("closing stock at retail prices"), required=False, min_value=0, decimal_places=0, max_digits=14
    )

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if self.errors:
            return values
        if values["first"] > values["last"]:
            raise forms.ValidationError(_("The first day lies behind the last one."))
        if values["category"] and not values["skus"]:
            # 売価還元法 and a comparison of methods are of a product group as a whole.
            of_group = Sku.objects.filter(product__category=values["category"], is_kit=False)
            values["skus"] = list(of_group.select_related("product").order_by("code"))
        if not values["skus"]:
            raise forms.ValidationError(_("Name SKUs, styles or a category."))
        if len(values["skus"]) > MOST_LINES and not values["category"]:
            raise forms.ValidationError(_("At most %(most)d SKUs at once."), params={"most": MOST_LINES})
        return values

    def answer(self) -> dict[str, Any]:
        values = self.cleaned_data
        flows = methods.flows(
            sku_ids=[sku.pk for sku in values["skus"]],
            pool_code=values["cost_pool"].code,
            first=values["first"],
            last=values["last"],
        )
        scope = Scope(cost_pool_id=values["cost_pool"].pk, sku_ids=[sku.pk for sku in values["skus"]])
        carried = {held.key: held.value for held in values_on(values["last"], scope=scope)}
        lines = [
            (
                sku,
                flows[sku.pk],
                [
                    carried.get(sku.pk, ZERO),
                    *(method(flows[sku.pk]).closing_value for _name, method in METHODS),
                ],
            )
            for sku in values["skus"]
            if flows[sku.pk].can_be_valued
        ]
        columns = list(zip(*[worth for _sku, _flow, worth in lines], strict=True))
        return {
            "methods": [values["cost_pool"].get_costing_method_display(), *(name for name, _method in METHODS)],
            "lines": lines[:MOST_LINES],
            "left_out": len(lines) - MOST_LINES,
            "totals": [sum(column, ZERO) for column in columns],
            "unvalued": [sku for sku in values["skus"] if flows[sku.pk].lots and not flows[sku.pk].can_be_valued],
            "retail": self._at_retail([flow for _sku, flow, _worth in lines]) if lines else None,
        }

    def _at_retail(self, flows: list[Flow]) -> Retail:
        """売価還元法 values the group as a whole: from its sales by the books, or as typed, and what is left at retail prices, which staff know."""
        given = self.cleaned_data
        booked = methods.sales_of_group(
            sku_ids=[sku.pk for sku in given["skus"]], first=given["first"], last=given["last"]
        )
        of_books = booked.asked if given["sales_before_discounts"] else booked.paid
        typed: Decimal | None = given["sales"]
        sales, closing = of_books if typed is None else typed, given["closing_retail"]
        # In a period with more returns than sales there is no cost rate.
        can_be_valued = closing is not None and sales >= 0 and sales + closing > 0
        value = methods.retail_of_group(flows, sales=sales, closing_retail=closing) if can_be_valued else None
        return Retail(booked, of_books, typed, value)


def this_moment() -> str:
    return f"{timezone.localtime():%Y-%m-%dT%H:%M}"
