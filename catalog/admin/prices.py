"""Price lists and dated prices."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from catalog import services
from catalog.models import Price, PriceList
from erp.core.admin import MasterAdmin
from erp.imports.lists import Exchange


@admin.register(PriceList)
class PriceListAdmin(Exchange, MasterAdmin):
    list_display = ["code", "name", "tax_mode", "currency", "channel", "is_standard", "rank"]
    list_select_related = ["channel"]
    search_fields = ["code", "name"]
    ordering = ["rank", "code"]

    def save_model(self, request: HttpRequest, obj: PriceList, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and form.changed_data and form.changed_data != ["name"]:
            self.serve(request, services.announce_list, price_list_id=obj.pk)


@admin.register(Price)
class PriceAdmin(Exchange, MasterAdmin):
    list_display = ["price_list", "product", "sku", "price", "valid_from", "valid_to"]
    list_select_related = ["price_list", "product", "sku"]
    list_filter = ["price_list"]
    search_fields = ["sku__code", "product__code"]
    autocomplete_fields = ["price_list", "product", "sku"]

    def save_model(self, request: HttpRequest, obj: Price, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        self.serve(
            request,
            services.announce_prices,
            sku_ids=[obj.sku_id] if obj.sku_id else [],
            product_ids=[obj.product_id] if obj.product_id else [],
        )
