"""Lists of whoever sees the sales of some shops only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _

from erp.core.admin import ReadOnlyAdmin, document_link
from erp.inventory.selectors import shop_channels_of, stock_documents_of

# What documents of sales call what they amount to, in lists, fields and lines.
AMOUNTS = (
    "total", "amount_due", "stated_total", "stated_tax", "tax_difference", "exposure_amount", "refund_gap_amount", "unit_price", "price",
    "charged_amount", "discount_amount", "net_amount", "tax_amount", "gross_amount", "cash_on_delivery", "cod_amount",
)  # fmt: skip


class OfChannels(ReadOnlyAdmin):
    """``sold_through`` leads from a row to the channel whose staff see it."""

    sold_through = "channel"
    costs: ClassVar[Sequence[str]] = ("cost_amount",)
    amounts: ClassVar[Sequence[str]] = AMOUNTS

    # What a document moved and posted is for those who may look at that.
    seen_with: ClassVar[Mapping[str, str]] = {
        "stock_documents": "inventory.view_stockdocument",
        "entries": "accounting.view_journalentry",
    }
    moved_as = ""

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        hidden = {name for name, needed in self.seen_with.items() if not request.user.has_perm(needed)}
        return [name for name in super().get_fields(request, obj) if name not in hidden]

    @admin.display(description=_("stock document"))
    def stock_documents(self, row: Any) -> str:
        """What it moved, by the type of document that stock knows it as."""
        found = stock_documents_of(self.moved_as, row.pk)
        links = ((document_link("STOCK", each.pk, f"{each.get_kind_display()} {each.pk}"),) for each in found)
        return format_html_join("", "<div>{}</div>", links) or "–"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        channels = shop_channels_of(request.user)
        return rows if channels is None else rows.filter(**{f"{self.sold_through}__in": channels})
