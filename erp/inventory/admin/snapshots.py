"""Snapshots of stock, to be looked at: what past moments are read from instead of being added up."""

from __future__ import annotations

from django.contrib import admin

from erp.inventory.admin.places import OfPlaces
from erp.inventory.models import StockSnapshot


@admin.register(StockSnapshot)
class StockSnapshotAdmin(OfPlaces):
    costs = ("value",)
    list_display = ["id", "sku", "location", "begins_at", "ends_at", "movements", "quantity", "value", "taken_at"]
    list_select_related = ["sku", "location"]
    list_filter = ["location"]
    search_fields = ["sku__code__exact"]
    ordering = ["-id"]
