"""Places, cost pools, reasons, and what a channel sells from."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from erp.core.admin import MasterAdmin
from erp.inventory.models import ChannelBuffer, ChannelLocation, CostPool, Location, Reason


@admin.register(CostPool)
class CostPoolAdmin(MasterAdmin):
    list_display = ["code", "name", "account_role"]
    search_fields = ["code", "name"]
    ordering = ["code"]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        # The value that lies on the old account would stay there.
        return [] if obj is None else ["code", "account_role"]


@admin.register(Location)
class LocationAdmin(MasterAdmin):
    list_display = ["code", "name", "kind", "cost_pool", "holder_channel", "is_active"]
    list_select_related = ["cost_pool", "holder_channel"]
    list_filter = ["kind", "is_active"]
    search_fields = ["code", "name"]
    autocomplete_fields = ["cost_pool", "holder_channel"]
    ordering = ["code"]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        # Pieces that lie here carry their value in this pool; another pool means another place and a transfer.
        return [] if obj is None else ["cost_pool"]


class SettingAdmin(MasterAdmin):
    """Settings that no document names: they may go again."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(f"{self.opts.app_label}.delete_{self.opts.model_name}")


@admin.register(ChannelLocation)
class ChannelLocationAdmin(SettingAdmin):
    list_display = ["channel", "location", "rank"]
    list_display_links = ["channel", "location"]
    list_select_related = ["channel", "location"]
    list_filter = ["channel"]
    search_fields = ["channel__code", "location__code"]
    autocomplete_fields = ["channel", "location"]
    ordering = ["channel_id", "rank"]


@admin.register(ChannelBuffer)
class ChannelBufferAdmin(SettingAdmin):
    list_display = ["channel", "sku", "quantity"]
    list_select_related = ["channel", "sku"]
    list_filter = ["channel"]
    search_fields = ["channel__code", "sku__code"]
    autocomplete_fields = ["channel"]
    raw_id_fields = ["sku"]
    ordering = ["channel_id", "id"]


@admin.register(Reason)
class ReasonAdmin(MasterAdmin):
    list_display = ["code", "name", "direction", "account_role", "is_active"]
    list_filter = ["direction", "is_active"]
    search_fields = ["code", "name"]
    ordering = ["code"]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return [] if obj is None else ["code"]
