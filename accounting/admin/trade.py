"""Billable items, settlements and exports, to look at."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounting import services
from accounting.admin import exports
from accounting.models import BillableItem, ExportRun, JournalEntry, Posting, Settlement
from accounting.services.settlements import SOURCES
from erp.core.admin import PageLink, ReadOnlyAdmin, document_link, document_named
from erp.core.templatetags.pages import figure


@admin.register(BillableItem)
class BillableItemAdmin(ReadOnlyAdmin):
    list_display = [
        "id", "transaction_date", "kind", "document", "addressee", "item_code", "description", "quantity", "net_amount",
        "tax_amount", "gross_amount", "tax_code",
    ]  # fmt: skip
    list_filter = ["kind", "transaction_date"]
    search_fields = ["document_number__exact", "order_number__exact", "addressee"]
    ordering = ["-id"]
    # Of whom it is and of which document stands in words beside.
    exclude = ["bill_to_id", "account_id", "document_type", "document_id", "document_line"]
    readonly_fields = ["document"]

    @admin.display(description=_("document"))
    def document(self, item: BillableItem) -> str:
        return document_named(item.document_type, item.document_id, item.document_number)


class TakeBackForm(forms.Form):
    entry_date = forms.DateField(label=_("date"), widget=forms.DateInput(attrs={"type": "date"}))
    reason = forms.CharField(label=_("reason"), max_length=200)


@admin.register(Settlement)
class SettlementAdmin(ReadOnlyAdmin):
    list_display = [
        "settled_on", "kind", "party_label", "external_id", "bank_amount", "fee_amount", "promotion_amount",
        "settled_amount", "actor",
    ]  # fmt: skip
    list_filter = ["kind", "settled_on"]
    search_fields = ["external_id__folded", "party_label"]
    ordering = ["-id"]
    fields = [
        "kind", "party_label", "external_id", "settled_on", "bank_amount", "fee_amount", "promotion_amount", "settled_amount", "currency",
        "entries", "items", "recorded_at", "actor",
    ]  # fmt: skip
    readonly_fields = ["entries", "items"]
    object_links = (PageLink("admin:accounting_settlement_take_back", _("Undo the settlement"), "take_back"),)

    def has_take_back_permission(self, request: HttpRequest) -> bool:
        """It reverses an entry, so whoever reverses entries may."""
        return request.user.has_perm("accounting.change_journalentry")

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(self.take_back)
        return [
            path("<int:settlement_id>/take_back/", page, name="accounting_settlement_take_back"),
            *super().get_urls(),
        ]

    def take_back(self, request: HttpRequest, settlement_id: int) -> HttpResponse:
        if not self.has_take_back_permission(request):
            raise PermissionDenied
        settlement = self.named(request, settlement_id)
        form = TakeBackForm(request.POST or None, initial={"entry_date": timezone.localdate()})

        def act() -> HttpResponse:
            mirror = self.serve(
                request, services.take_back_settlement, settlement_id=settlement.pk, entry_date=form.cleaned_data["entry_date"],
                reason=form.cleaned_data["reason"],
            )  # fmt: skip
            told = gettext("%(settlement)s was taken back by %(number)s. What it had settled is open again.")
            told %= {"settlement": settlement, "number": mirror.number}
            return self.done(request, told, "admin:accounting_settlement_change", settlement.pk)

        title = gettext("Undo: %(settlement)s") % {"settlement": settlement}
        return self.service_page(request, form=form, title=title, act=act, submit=gettext("Undo the settlement"))

    @admin.display(description=_("journal entries"))
    def entries(self, settlement: Settlement) -> str:
        """Of it, and what reversed them."""
        own = Q(source_type=SOURCES[settlement.kind], source_id=settlement.pk)
        found = JournalEntry.objects.filter(own | Q(reversal_of__in=JournalEntry.objects.filter(own))).order_by("pk")
        return _linked(document_link("ENTRY", entry.pk, f"{entry.number} {entry.description}") for entry in found)

    @admin.display(description=_("settled open items"))
    def items(self, settlement: Settlement) -> str:
        """What each of its entries took off which item, with the document behind it."""
        return _linked(
            format_html(
                "{} {} {}",
                document_link("OPEN_ITEM", row.open_item.pk),
                document_link(row.open_item.document_type, row.open_item.document_id, row.open_item.document_label),
                figure(row.amount if row.side != row.open_item.side else -row.amount),
            )
            for row in _postings_to_items(settlement)
            if row.open_item is not None
        )


def _postings_to_items(settlement: Settlement) -> QuerySet[Posting]:
    source = {"entry__source_type": SOURCES[settlement.kind], "entry__source_id": settlement.pk}
    return Posting.objects.filter(**source, open_item__isnull=False).select_related("open_item").order_by("pk")


def _linked(rows: Iterable[str]) -> str:
    return format_html_join("", "<div>{}</div>", ((row,) for row in rows)) or "–"


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
