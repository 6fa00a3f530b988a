"""Billable items, settlements and exports, to look at."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from accounting.admin import exports
from accounting.models import BillableItem, ExportRun, Settlement
from erp.core.admin import ReadOnlyAdmin, document_link


@admin.register(BillableItem)
class BillableItemAdmin(ReadOnlyAdmin):
    list_display = [
        "id", "transaction_date", "kind", "document", "addressee", "item_code", "description", "quantity", "net_amount",
        "tax_amount", "gross_amount", "tax_code",
    ]  # fmt: skip
    list_filter = ["kind", "transaction_date"]
    search_fields = ["document_number__exact", "order_number__exact", "addressee"]
    ordering = ["-id"]

    @admin.display(description=_("document"))
    def document(self, item: BillableItem) -> str:
        return document_link(item.document_type, item.document_id)


@admin.register(Settlement)
class SettlementAdmin(ReadOnlyAdmin):
    list_display = [
        "settled_on", "kind", "party_label", "external_id", "bank_amount", "fee_amount", "promotion_amount",
        "settled_amount", "actor",
    ]  # fmt: skip
    list_filter = ["kind", "settled_on"]
    search_fields = ["external_id__folded", "party_label"]
    ordering = ["-id"]


@admin.register(ExportRun)
class ExportRunAdmin(ReadOnlyAdmin):
    list_display = [
        "id", "format", "method", "has_closing", "first_date", "last_date", "scope", "entry_count", "sha256", "recorded_at",
        "actor",
    ]  # fmt: skip
    list_filter = ["format", "method"]
    ordering = ["-id"]

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm("accounting.add_exportrun")

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        return exports.export(self, request)
