"""Entries with their postings, open items, and the manual voucher. Nothing here is edited; an entry is corrected by its reversal."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import F, Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from accounting import services
from accounting.admin import settlements, vouchers
from accounting.models import JournalEntry, OpenItem, Posting, Settlement
from accounting.selectors.parties import party_of, with_parties
from erp.core import documents
from erp.core.admin import ActionForm, ReadOnlyAdmin, ReadOnlyInline, document_link, document_named
from erp.core.keys import keys_in


class ReverseForm(ActionForm):
    """The date and the reason of a reversal are written beside the action."""

    reversal_date = forms.DateField(label=_("date"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    reason = forms.CharField(label=_("reason"), required=False)


class PostingInline(ReadOnlyInline):
    model = Posting
    fields = ["line_no", "account", "side", "amount", "currency", "tax_code", "channel", "department", "party", "item"]
    readonly_fields = ["party", "item"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Posting]:
        rows: QuerySet[Posting] = super().get_queryset(request)
        return with_parties(rows.select_related("account", "channel", "department").order_by("line_no"))

    @admin.display(description=_("party"))
    def party(self, posting: Posting) -> str:
        return party_of(posting)

    @admin.display(description=_("open item"))
    def item(self, posting: Posting) -> str:
        return document_link("OPEN_ITEM", posting.open_item_id) if posting.open_item_id else ""


class SourceFilter(admin.SimpleListFilter):
    """By the kinds of documents that the house knows, not by a search for all that were ever posted."""

    title = _("source document")
    parameter_name = "source_type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(document.type, document.label) for document in documents.registered()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[JournalEntry]) -> QuerySet[JournalEntry]:
        return queryset.filter(source_type=self.value()) if self.value() else queryset


@admin.register(JournalEntry)
class JournalEntryAdmin(ReadOnlyAdmin):
    list_display = ["number", "entry_date", "kind", "description", "source", "recorded_at", "actor"]
    list_filter = ["kind", SourceFilter, "entry_date"]
    search_fields = ["number__exact", "description"]
    date_hierarchy = None
    ordering = ["-id"]
    fields = ["number", "kind", "entry_date", "description", "source", "reversal_of", "recorded_at", "actor"]
    readonly_fields = ["source"]
    inlines = [PostingInline]
    action_form = ReverseForm
    actions = ["reverse"]

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm("accounting.add_journalentry")

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        return vouchers.voucher_view(self, request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        named: QuerySet[Any] = rows.annotate(document_number=documents.number_of("source_type", "source_id"))
        return named

    @admin.display(description=_("source document"))
    def source(self, entry: Any) -> str:
        return document_named(entry.source_type, entry.source_id, entry.document_number)

    @admin.action(description=_("Reverse the selected entries"), permissions=["act"])
    def reverse(self, request: HttpRequest, queryset: QuerySet[JournalEntry]) -> None:
        now = timezone.now()
        day = forms.DateField(required=False).clean(request.POST.get("reversal_date")) or timezone.localdate(now)
        reason = request.POST.get("reason", "").strip()
        if not reason:
            self.message_user(request, gettext("Write the reason of the reversal beside the action."), messages.ERROR)
            return
        for entry in queryset.order_by("pk"):
            with self.refusals_as_messages(request, entry):
                mirror = self.serve(request, services.reverse_entry, entry_id=entry.pk, entry_date=day, reason=reason)
                text = gettext("%(number)s reverses %(entry)s.") % {"number": mirror.number, "entry": entry}
                self.message_user(request, text, messages.SUCCESS)


@admin.register(Posting)
class PostingAdmin(ReadOnlyAdmin):
    list_display = ["entry_date", "entry_number", "account", "side", "amount", "tax_code", "channel", "source"]
    list_select_related = ["entry", "account", "channel"]
    exclude = ["party_id"]
    readonly_fields = ["party"]
    list_filter = ["side", "entry_date"]
    search_fields = ["entry__number__exact", "account__code__exact"]
    ordering = ["-id"]

    @admin.display(description=_("party"))
    def party(self, posting: Posting) -> str:
        return party_of(with_parties(Posting.objects.filter(pk=posting.pk)).get()) or "-"

    @admin.display(description=_("entry"))
    def entry_number(self, posting: Posting) -> str:
        return document_link("ENTRY", posting.entry_id, posting.entry.number)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        numbers = documents.number_of("entry__source_type", "entry__source_id")
        named: QuerySet[Any] = rows.annotate(document_number=numbers)
        return named

    @admin.display(description=_("source document"))
    def source(self, posting: Any) -> str:
        return document_named(posting.entry.source_type, posting.entry.source_id, posting.document_number)


class RemainingFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("open", pgettext_lazy("open item", "Open")), ("overdue", _("Overdue")), ("settled", _("Settled"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[OpenItem]) -> QuerySet[OpenItem]:
        if self.value() == "settled":
            return queryset.filter(settled_amount=F("amount"))
        if self.value() == "overdue":
            return queryset.exclude(settled_amount=F("amount")).filter(due_date__lt=timezone.localdate())
        return queryset.exclude(settled_amount=F("amount")) if self.value() == "open" else queryset


class SettlingInline(ReadOnlyInline):
    """Which postings opened and settled the item."""

    model = Posting
    fields = ["entry_date", "entry", "side", "amount", "description"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Posting]:
        rows: QuerySet[Posting] = super().get_queryset(request)
        return rows.select_related("entry").order_by("pk")


@admin.register(OpenItem)
class OpenItemAdmin(ReadOnlyAdmin):
    list_display = [
        "id", "account", "side", "party_label", "document", "item_date", "due_date", "amount", "remaining_amount",
    ]  # fmt: skip
    list_select_related = ["account"]
    list_filter = [RemainingFilter, "side", "party_kind"]
    search_fields = ["party_label", "document_label__folded"]
    ordering = ["-id"]
    fields = [
        "account", "side", "party_label", "document", "channel", "item_date", "due_date", "amount", "settled_amount", "remaining_amount",
        "currency",
    ]  # fmt: skip
    readonly_fields = ["document"]
    inlines = [SettlingInline]
    actions = ["record_payout", "record_receipt", "pay_supplier", "pay_refund"]

    def has_settle_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounting.add_settlement")

    def get_urls(self) -> list[URLPattern]:
        own = path("settle/<str:kind>/", self.admin_site.admin_view(self.settle), name="accounting_settle")
        return [own, *super().get_urls()]

    def settle(self, request: HttpRequest, kind: str) -> HttpResponse:
        """The filled-in form of a settlement. It is opened by an action of the list, with the items chosen there."""
        if not self.has_settle_permission(request):
            raise PermissionDenied
        item_ids = keys_in(request.POST.getlist("items"))
        if kind not in settlements.PAGES or not item_ids:
            self.message_user(request, gettext("Choose open items in the list first."), messages.ERROR)
            return HttpResponseRedirect(reverse("admin:accounting_openitem_changelist"))
        return settlements.settle(self, request, kind, item_ids)

    @admin.action(description=_("Record a payout for the selected items"), permissions=["settle"])
    def record_payout(self, request: HttpRequest, queryset: QuerySet[OpenItem]) -> HttpResponse | None:
        return self._open_form(request, queryset, Settlement.Kind.PAYOUT)

    @admin.action(description=_("Record a receipt of money for the selected items"), permissions=["settle"])
    def record_receipt(self, request: HttpRequest, queryset: QuerySet[OpenItem]) -> HttpResponse | None:
        return self._open_form(request, queryset, Settlement.Kind.RECEIPT)

    @admin.action(description=_("Record a payment to the supplier of the selected items"), permissions=["settle"])
    def pay_supplier(self, request: HttpRequest, queryset: QuerySet[OpenItem]) -> HttpResponse | None:
        return self._open_form(request, queryset, Settlement.Kind.SUPPLIER_PAYMENT)

    @admin.action(description=_("Record that the selected items were refunded"), permissions=["settle"])
    def pay_refund(self, request: HttpRequest, queryset: QuerySet[OpenItem]) -> HttpResponse | None:
        return self._open_form(request, queryset, Settlement.Kind.REFUND)

    def _open_form(
        self, request: HttpRequest, queryset: QuerySet[OpenItem], kind: Settlement.Kind
    ) -> HttpResponse | None:
        keys = list(queryset.order_by("pk").values_list("pk", flat=True)[: settlements.MOST_ITEMS + 1])
        if len(keys) > settlements.MOST_ITEMS:
            told = gettext("Choose at most %(most)d items at once.") % {"most": settlements.MOST_ITEMS}
            self.message_user(request, told, messages.ERROR)
            return None
        return settlements.settle(self, request, kind, keys)

    @admin.display(description=_("document"))
    def document(self, item: OpenItem) -> str:
        return document_named(item.document_type, item.document_id, item.document_label)
