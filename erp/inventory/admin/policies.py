"""By which rules channels are shown less than there is, and what is set aside for one."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from erp.imports.lists import Exchange
from erp.inventory import services
from erp.inventory.admin.masters import SettingAdmin
from erp.inventory.models import ChannelPolicy, ChannelQuota


@admin.register(ChannelPolicy)
class ChannelPolicyAdmin(Exchange, SettingAdmin):
    list_display = [
        "channel", "sku", "product", "category", "buffer", "buffer_percent", "last_pieces", "cap", "starts_at", "ends_at",
    ]  # fmt: skip
    list_display_links = ["channel"]
    list_select_related = ["channel", "sku", "product", "category"]
    list_filter = ["channel"]
    search_fields = ["channel__code", "sku__code", "product__code", "category__code"]
    autocomplete_fields = ["channel", "category"]
    raw_id_fields = ["sku", "product"]
    ordering = ["channel_id", "id"]
    identity = ["channel", "sku", "product", "category"]

    def _announce(self, request: HttpRequest, row: Any) -> None:
        goods = services.Goods(row.channel_id, row.sku_id, row.product_id, row.category_id)
        self.serve(request, services.announce_goods, goods=[goods])


@admin.register(ChannelQuota)
class ChannelQuotaAdmin(Exchange, SettingAdmin):
    list_display = ["channel", "sku", "quantity", "used", "left", "is_binding", "starts_at", "ends_at"]
    list_select_related = ["channel", "sku"]
    list_filter = ["channel"]
    search_fields = ["channel__code", "sku__code"]
    autocomplete_fields = ["channel"]
    raw_id_fields = ["sku"]
    ordering = ["-id"]
    identity = ["channel", "sku"]

    @admin.display(description=_("pieces left of it"))
    def left(self, row: ChannelQuota) -> int:
        return row.remaining

    def _announce(self, request: HttpRequest, row: Any) -> None:
        self.serve(request, services.announce_quotas, sku_ids=[row.sku_id])
