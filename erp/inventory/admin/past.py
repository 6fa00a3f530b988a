"""Stock of a past moment: what was there, what was known of it, and the terms of each number. Read-only pages."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from django import forms
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from catalog.models import Sku
from erp.core import documents, doors
from erp.core.admin import document_named
from erp.core.clock import begin_of
from erp.core.money import ZERO
from erp.inventory import selectors
from erp.inventory.admin.reports import MOST_LINES, SkusField, this_moment
from erp.inventory.models import CostPool, Location, StockDocument

BALANCE = "balance"
MOMENT = forms.DateTimeInput(attrs={"type": "datetime-local", "step": 1})


def moment_form(url_name: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """What ``inventory/past_moment.html`` asks: which moment, of what is said here, at which page."""
    return {"url": reverse(url_name), "now": this_moment(), "asked": asked}


class StockThenForm(forms.Form):
    at = forms.DateTimeField(label=_("moment"), widget=MOMENT)
    known_at = forms.DateTimeField(label=_("as the books knew it at (empty: today)"), widget=MOMENT, required=False)
    by = forms.ChoiceField(
        label=_("one line for each"),
        required=False,
        choices=[
            (BALANCE, _("by SKU and location")), ("sku", _("by SKU")), ("location", _("by location")), ("cost_pool", _("by cost pool")),
        ],
    )  # fmt: skip
    skus = SkusField(label=_("SKUs or styles"), required=False)
    location = forms.ModelChoiceField(label=_("location"), queryset=Location.objects.order_by("code"), required=False)

    def __init__(self, *args: Any, places: list[int] | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self.places = places

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        values["by"] = values.get("by") or BALANCE
        if not self.errors and values["by"] == BALANCE and not (values["skus"] or values["location"]):
            raise forms.ValidationError(_("Name SKUs or a location, or choose sums."))
        return values

    def answer(self) -> dict[str, Any]:
        values = self.cleaned_data
        narrowed: dict[str, Any] = {
            "known_at": values["known_at"],
            "sku_ids": [sku.pk for sku in values["skus"]] if values["skus"] else None,
            "location_ids": [values["location"].pk] if values["location"] else self.places,
        }
        found: list[Any]
        if values["by"] == BALANCE:
            found = selectors.stock_as_of(values["at"], **narrowed)
            lines = self._balances(found[:MOST_LINES])
        else:
            found = [
                row
                for row in selectors.stock_totals_as_of(values["at"], by=values["by"], **narrowed)
                if row.on_hand or row.value
            ]
            lines = _totals(values["by"], found[:MOST_LINES])
        return {
            "lines": lines,
            "left_out": len(found) - len(lines),
            "on_hand": sum(row.on_hand for row in found),
            "value": sum((row.value for row in found), ZERO),
            "is_final": values["known_at"] is not None
            and values["known_at"] < selectors.final_before(at=timezone.now()),
        }

    def _balances(self, found: list[selectors.StockThen]) -> list[tuple[Any, ...]]:
        skus = Sku.objects.in_bulk({row.sku_id for row in found})
        places = Location.objects.in_bulk({row.location_id for row in found})
        return [
            (skus[row.sku_id], places[row.location_id], row.on_hand, row.value, self._terms_of(row)) for row in found
        ]

    def _terms_of(self, row: selectors.StockThen) -> str:
        asked = {
            "at": self.data["at"],
            "known_at": self.data.get("known_at", ""),
            "sku": row.sku_id,
            "location": row.location_id,
        }
        return f"{reverse('admin:inventory_stock_then_terms')}?{urlencode(asked)}"


def _totals(by: str, found: list[selectors.TotalThen]) -> list[tuple[Any, ...]]:
    named: dict[str, Callable[[], dict[int, Any]]] = {
        "sku": lambda: Sku.objects.in_bulk([row.key for row in found]),
        "location": lambda: Location.objects.in_bulk([row.key for row in found]),
        "cost_pool": lambda: CostPool.objects.in_bulk([row.key for row in found]),
    }
    names = named[by]()
    return [(names[row.key], "", row.on_hand, row.value, "") for row in found]


def _movements_of(month: dt.date, values: dict[str, Any]) -> str:
    """The movements of one SKU at one location that happened in a month, by the index of its SKU; nothing for who may not look at them."""
    listed = "admin:inventory_stockmovement_changelist"
    if not doors.is_open(listed):
        return ""
    following = (month + dt.timedelta(days=31)).replace(day=1)
    first, behind = begin_of(month), begin_of(following)
    asked = {
        "sku__id__exact": values["sku"].pk,
        "location__id__exact": values["location"].pk,
        "occurred_at__gte": first.isoformat(),
        "occurred_at__lt": min(behind, values["at"] + dt.timedelta(seconds=1)).isoformat(),
        "_all": 1,
    }
    return f"{reverse(listed)}?{urlencode(asked)}"


class TermsForm(forms.Form):
    """One number of the list: asked for by a link, never typed."""

    at = forms.DateTimeField(label=_("moment"), widget=MOMENT)
    known_at = forms.DateTimeField(label=_("as the books knew it at (empty: today)"), widget=MOMENT, required=False)
    sku = forms.ModelChoiceField(queryset=Sku.objects.all(), widget=forms.HiddenInput)
    location = forms.ModelChoiceField(queryset=Location.objects.all(), widget=forms.HiddenInput)

    def answer(self) -> dict[str, Any]:
        values = self.cleaned_data
        told = selectors.explain_stock_as_of(
            values["at"], known_at=values["known_at"], sku_id=values["sku"].pk, location_id=values["location"].pk
        )
        numbers = documents.numbers_of((row.source_type, row.source_id) for row in told.movements)
        return {
            "sku": values["sku"],
            "location": values["location"],
            "told": told,
            "months": [(month, _movements_of(month.begins_on, values)) for month in told.months],
            "movements": [
                (row, StockDocument.Kind(row.kind).label, document_named(*source, numbers[source]))
                for row, source in ((row, (row.source_type, row.source_id)) for row in told.movements)
            ],
        }
