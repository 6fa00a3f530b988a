"""Returns: documents to look at. They are taken in on the shipment's lines."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from erp.core.admin import ReadOnlyInline
from erp.orders.admin.channels import AMOUNTS, OfChannels
from erp.orders.models import Return, ReturnLine


class ReturnLineInline(ReadOnlyInline):
    model = ReturnLine
    amounts = AMOUNTS
    costs = ("cost_amount",)
    fields = [
        "description", "sku", "condition", "quantity", "tax_code", "net_amount", "tax_amount", "gross_amount", "cost_amount",
    ]  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("sku")  # type: ignore[no-any-return]


@admin.register(Return)
class ReturnAdmin(OfChannels):
    moved_as = "RETURN"
    readonly_fields = ["stock_documents"]
    list_display = [
        "number",
        "kind",
        "channel",
        "external_id",
        "order",
        "return_date",
        "gross_amount",
        "has_original",
        "reason",
    ]
    list_select_related = ["channel", "order"]
    list_filter = ["kind", "channel", "has_original"]
    search_fields = ["number__exact", "external_id__folded", "order__number__exact"]
    ordering = ["-id"]
    inlines = [ReturnLineInline]
