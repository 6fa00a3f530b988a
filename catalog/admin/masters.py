"""Brands, categories, seasons, colours, sizes and suppliers: plain forms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from catalog.admin.announcing import NamingAdmin
from catalog.models import Brand, Category, Color, Season, Size, Supplier
from erp.core.identifiers import is_corporate_number, normalise_registration_number
from erp.imports.lists import Exchange

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[Any]
else:
    ModelForm = forms.ModelForm


@admin.register(Brand, Category)
class NamedAdmin(Exchange, NamingAdmin):
    list_display = ["code", "name"]
    search_fields = ["code", "name"]
    ordering = ["code"]


@admin.register(Season)
class SeasonAdmin(NamedAdmin):
    list_display = ["code", "name", "starts_on", "ends_on"]


@admin.register(Color, Size)
class OrderedAdmin(NamedAdmin):
    """The order of sizes is data: it is edited in the list."""

    list_display = ["code", "name", "sort_order"]
    list_editable = ["sort_order"]
    ordering = ["sort_order", "code"]


class SupplierForm(ModelForm):
    def clean_registration_number(self) -> str:
        text = self.cleaned_data["registration_number"]
        number = normalise_registration_number(text) if text else ""
        if number is None:
            raise forms.ValidationError(_("A registration number is T and 13 digits."), code="bad_registration_number")
        return number


@admin.register(Supplier)
class SupplierAdmin(Exchange, NamingAdmin):
    form = SupplierForm
    list_display = ["code", "name", "registration_number", "is_subcontract_act", "lead_time_days", "is_active"]
    list_filter = ["is_subcontract_act", "is_active"]
    search_fields = ["code", "name", "kana", "registration_number"]
    ordering = ["code"]

    def save_model(self, request: HttpRequest, obj: Supplier, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if obj.registration_number and not is_corporate_number(obj.registration_number[1:]):
            # No check digit is published for the numbers of sole traders, so this is no error.
            text = gettext("%(number)s is no corporate number. Right for a sole trader only.")
            self.message_user(request, text % {"number": obj.registration_number}, messages.WARNING)
