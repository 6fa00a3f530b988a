"""Segments as masters; the scores made from them to look at."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from erp.core.admin import MasterAdmin, ReadOnlyAdmin
from erp.insights.models import CustomerRfm, RfmDefinition, Segment


@admin.register(RfmDefinition)
class RfmDefinitionAdmin(MasterAdmin):
    """A change is a new row from its date on."""

    list_display = ["valid_from", "method", "window_months"]
    ordering = ["-valid_from"]


@admin.register(Segment)
class SegmentAdmin(MasterAdmin):
    list_display = ["rank", "code", "name", "r_range", "f_range", "m_range"]
    list_display_links = ["code", "name"]
    ordering = ["rank", "code"]

    @admin.display(description="R")
    def r_range(self, segment: Segment) -> str:
        return f"{segment.r_from}-{segment.r_to}"

    @admin.display(description="F")
    def f_range(self, segment: Segment) -> str:
        return f"{segment.f_from}-{segment.f_to}"

    @admin.display(description="M")
    def m_range(self, segment: Segment) -> str:
        return f"{segment.m_from}-{segment.m_to}"

    def get_readonly_fields(self, request: HttpRequest, obj: Segment | None = None) -> list[str]:
        # EC sites ask by the code.
        return ["code"] if obj else []


@admin.register(CustomerRfm)
class CustomerRfmAdmin(ReadOnlyAdmin):
    list_display = ["golden", "segment", "scores", "last_order_date", "order_count", "amount", "as_of"]
    list_select_related = ["golden", "segment"]
    list_filter = ["segment", "r", "f", "m"]
    search_fields = ["golden__display_name"]
    ordering = ["pk"]

    @admin.display(description=_("RFM"))
    def scores(self, row: CustomerRfm) -> str:
        return f"{row.r}{row.f}{row.m}"
