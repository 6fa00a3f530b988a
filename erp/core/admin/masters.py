"""The kernel's own masters: channels, departments, dated tax rows, the company."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.translation import gettext_lazy as _

from erp.core.admin import owners
from erp.core.admin.bases import MasterAdmin, PageLink
from erp.core.models import Channel, CompanyProfile, DeductibleShare, Department, TaxRate


@admin.register(Department)
class DepartmentAdmin(MasterAdmin):
    list_display = ["code", "name"]
    search_fields = ["code", "name"]


@admin.register(Channel)
class ChannelAdmin(MasterAdmin):
    list_display = ["code", "name", "kind", "department", "revenue_basis", "tax_rounding", "is_active"]
    list_select_related = ["department"]
    list_filter = ["kind", "is_active"]
    search_fields = ["code", "name"]
    autocomplete_fields = ["department"]
    list_links = (PageLink("admin:core_owners", _("Who owns which fact")),)

    def get_urls(self) -> list[Any]:
        map_of_owners = path("owners/", self.admin_site.admin_view(self.owners), name="core_owners")
        return [map_of_owners, *super().get_urls()]

    def owners(self, request: HttpRequest) -> HttpResponse:
        """The live map of ownership, for whoever may look at channels."""
        [link] = self.list_links
        if not link.is_open(self, request):
            raise PermissionDenied
        shared = {**self.admin_site.each_context(request), "opts": self.opts, "title": link.title}
        return TemplateResponse(request, "admin/core/owners.html", {**shared, **owners.context(request)})


@admin.register(TaxRate)
class TaxRateAdmin(MasterAdmin):
    """A new rate is a new row; the old one gets its last day."""

    list_display = ["code", "tax_class", "percent", "national_percent", "valid_from", "valid_to", "label"]
    list_filter = ["tax_class"]
    ordering = ["tax_class", "valid_from"]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return [] if obj is None else ["tax_class", "code", "percent", "national_percent", "valid_from"]


@admin.register(DeductibleShare)
class DeductibleShareAdmin(MasterAdmin):
    list_display = ["valid_from", "percent"]
    ordering = ["valid_from"]


@admin.register(CompanyProfile)
class CompanyProfileAdmin(MasterAdmin):
    list_display = ["name", "registration_number", "fiscal_year_start_month"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and not CompanyProfile.objects.exists()
