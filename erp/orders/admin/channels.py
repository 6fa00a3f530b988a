"""Lists of whoever sees the sales of some shops only."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from erp.core.admin import ReadOnlyAdmin
from erp.inventory.selectors import shop_channels_of

# What documents of sales call what they amount to, in lists, fields and lines.
AMOUNTS = (
    "total", "amount_due", "stated_total", "stated_tax", "tax_difference", "exposure_amount", "unit_price", "price", "net_amount", "tax_amount",
    "gross_amount", "cash_on_delivery",
)  # fmt: skip


class OfChannels(ReadOnlyAdmin):
    """``sold_through`` leads from a row to the channel whose staff see it."""

    sold_through = "channel"
    costs = ("cost_amount",)
    amounts = AMOUNTS

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        channels = shop_channels_of(request.user)
        return rows if channels is None else rows.filter(**{f"{self.sold_through}__in": channels})
