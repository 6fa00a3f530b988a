"""What is typed to open a stocktake, and the file of a handheld terminal."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from catalog.models import Product
from catalog.selectors import skus_scanned
from erp.core.clock import business_date
from erp.inventory.models import Location, StockCount
from erp.inventory.services import CountScope

Scope = StockCount.Scope


class StocktakeForm(forms.Form):
    own_places = ("locations",)

    external_id = forms.CharField(label=_("stocktake number"), max_length=40)
    locations = forms.ModelMultipleChoiceField(
        label=_("locations"),
        queryset=Location.objects.filter(is_active=True).exclude(kind=Location.Kind.IN_TRANSIT).order_by("code"),
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Each location becomes a stocktake of its own."),
    )
    scope = forms.ChoiceField(
        label=pgettext_lazy("stocktake", "what is counted"), choices=Scope.choices, initial=Scope.WHOLE
    )
    styles = forms.CharField(
        label=_("styles"), required=False, help_text=_("For some styles: their codes, parted by spaces.")
    )
    skus = forms.CharField(
        label=_("SKU"), required=False, help_text=_("For some SKUs: their codes or JAN, parted by spaces.")
    )
    first_shelf = forms.CharField(label=_("first shelf"), max_length=30, required=False)
    last_shelf = forms.CharField(
        label=_("last shelf"), max_length=30, required=False, help_text=_("For a range of shelves.")
    )
    sample = forms.IntegerField(
        label=_("SKUs of the sample"), min_value=1, max_value=10_000, required=False, help_text=_("For a sample.")
    )
    note = forms.CharField(label=_("note"), max_length=200, required=False)
    starts = forms.BooleanField(
        label=_("freeze the list now"),
        required=False,
        help_text=_("Counting begins at once. Goods may be sold, moved and received meanwhile."),
    )

    def clean_styles(self) -> list[int]:
        wanted = set(self.cleaned_data["styles"].replace(",", " ").split())
        known = dict(Product.objects.filter(code__in=wanted).values_list("code", "pk"))
        if unknown := sorted(wanted - set(known)):
            raise forms.ValidationError(_("No such style: %(codes)s."), params={"codes": ", ".join(unknown)})
        return sorted(known.values())

    def clean_skus(self) -> list[int]:
        wanted = set(self.cleaned_data["skus"].replace(",", " ").split())
        known = skus_scanned(sorted(wanted), on=business_date(timezone.now()))
        if unknown := sorted(wanted - set(known)):
            raise forms.ValidationError(_("No such SKU: %(sku)s."), params={"sku": ", ".join(unknown)})
        return sorted(set(known.values()))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        needed = {
            Scope.PRODUCTS.value: ("styles",),
            Scope.SHELVES.value: ("first_shelf", "last_shelf"),
            Scope.SAMPLE.value: ("sample",),
            Scope.SKUS.value: ("skus",),
        }
        for name in needed.get(cleaned.get("scope", ""), ()):
            if name not in self.errors and not cleaned.get(name):
                self.add_error(name, _("This is needed for what is counted."))
        return cleaned

    def wanted(self) -> CountScope:
        values = self.cleaned_data
        return CountScope(
            values["scope"],
            product_ids=tuple(values["styles"]),
            first_shelf=values["first_shelf"],
            last_shelf=values["last_shelf"],
            sample=values["sample"] or 0,
            sku_ids=tuple(values["skus"]),
        )


class CountFileForm(forms.Form):
    file = forms.FileField(
        label=_("file"),
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.tsv,.txt,.xlsx"}),
        help_text=_("CSV (UTF-8 or Shift_JIS) or Excel: JAN or SKU, and pieces. With or without headings."),
    )
    sheet = forms.CharField(label=_("counting sheet"), max_length=40)
    counted_at = forms.SplitDateTimeField(label=_("counted at"))
