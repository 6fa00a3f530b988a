"""Customer master in the back office: what channels say is looked at and merged; trade accounts and credit terms are edited."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from customers import selectors, services
from customers.models import (
    Account,
    BillTo,
    ChannelIdentity,
    Contact,
    CreditGroup,
    CustomerRecord,
    ExposureEntry,
    GoldenCustomer,
    MergeEvent,
    ShipTo,
)
from erp.core import documents
from erp.core.admin import MasterAdmin, PageLink, ReadOnlyAdmin, ReadOnlyInline, TabularInline, document_named
from erp.imports.lists import Exchange


class RecordInline(ReadOnlyInline):
    model = CustomerRecord
    fields = ["channel", "company", "family_name", "given_name", "email", "phone", "prefecture", "source_updated_at"]
    show_change_link = True
    hide_title = False


@admin.register(GoldenCustomer)
class GoldenCustomerAdmin(ReadOnlyAdmin):
    list_display = ["id", "display_name", "card", "created_at"]
    search_fields = ["display_name", "records__email__folded", "records__phone__digits"]
    ordering = ["-id"]
    inlines = [RecordInline]
    object_links = (PageLink("admin:insights_customer_card", _("Customer card")),)

    @admin.display(description=_("Customer card"))
    def card(self, golden: GoldenCustomer) -> str:
        url = reverse("admin:insights_customer_card", args=[golden.pk])
        return format_html('<a href="{}">{}</a>', url, gettext("Open the card"))


class IdentityInline(ReadOnlyInline):
    model = ChannelIdentity


class MergeInline(ReadOnlyInline):
    model = MergeEvent
    fields = ["from_golden", "to_golden", "undoes", "reason", "recorded_at", "actor"]


@admin.register(CustomerRecord)
class CustomerRecordAdmin(ReadOnlyAdmin):
    """What each source says. The source owns it, so no form opens; records are merged under one golden customer, and back."""

    list_display = ["id", "golden", "channel", "company", "family_name", "given_name", "email", "phone"]
    list_select_related = ["golden", "channel"]
    list_filter = ["kind", "channel"]
    search_fields = [
        "email__folded", "phone__digits", "family_name+given_name", "family_kana+given_kana", "company",
        "identities__external_id__folded",
    ]  # fmt: skip
    ordering = ["-id"]
    inlines = [IdentityInline, MergeInline]
    actions = ["merge"]

    @admin.action(description=_("Merge under the oldest golden customer"), permissions=["act"])
    def merge(self, request: HttpRequest, queryset: QuerySet[CustomerRecord]) -> None:
        records = list(queryset.order_by("pk"))
        with self.refusals_as_messages(request):
            events = self.serve(
                request,
                services.merge_records,
                record_ids=[record.pk for record in records],
                into_golden_id=min(record.golden_id for record in records),
                reason=gettext("merged in the list"),
            )
            text = ngettext("%d record moved.", "%d records moved.", len(events)) % len(events)
            self.message_user(request, text, messages.SUCCESS)


@admin.register(MergeEvent)
class MergeEventAdmin(ReadOnlyAdmin):
    list_display = ["id", "record", "from_golden", "to_golden", "undoes", "reason", "recorded_at", "actor"]
    list_select_related = ["record", "from_golden", "to_golden", "undoes"]
    search_fields = ["record__id__exact"]
    ordering = ["-id"]
    actions = ["undo"]

    @admin.action(description=_("Undo the selected merges"), permissions=["act"])
    def undo(self, request: HttpRequest, queryset: QuerySet[MergeEvent]) -> None:
        # The latest first, as each merge can only be undone when no later one stands.
        for merge_id in queryset.order_by("-pk").values_list("pk", flat=True):
            with self.refusals_as_messages(request, merge_id):
                self.serve(request, services.undo_merge, merge_id=merge_id)
                self.message_user(request, gettext("Merge %d undone.") % merge_id, messages.SUCCESS)


@admin.register(CreditGroup)
class CreditGroupAdmin(Exchange, MasterAdmin):
    list_display = ["code", "name", "policy", "credit_limit", "exposure", "available", "is_frozen", "limit_valid_until"]
    list_filter = ["policy", "is_frozen"]
    search_fields = ["code", "name"]
    readonly_fields = ["exposure", "available", "terms"]
    ordering = ["code"]

    @admin.display(description=_("available today"))
    def available(self, group: CreditGroup) -> Any:
        return selectors.standing_of(group, on=timezone.localdate()).available

    @admin.display(description=_("terms of the exposure"))
    def terms(self, group: CreditGroup) -> str:
        labels = dict(ExposureEntry.Kind.choices)
        terms = selectors.exposure_terms(group.pk) if group.pk else {}
        return " + ".join(f"{labels[kind]} {amount:,}" for kind, amount in terms.items()) or "0"


@admin.register(ExposureEntry)
class ExposureEntryAdmin(ReadOnlyAdmin):
    list_display = ["id", "credit_group", "kind", "amount", "document", "recorded_at", "actor"]
    fields = ["credit_group", "kind", "amount", "currency", "document", "recorded_at", "actor"]
    readonly_fields = ["document"]
    list_select_related = ["credit_group"]
    list_filter = ["kind"]
    search_fields = ["credit_group__code__exact", "document_id__exact"]
    ordering = ["-id"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        named: QuerySet[Any] = super().get_queryset(request).annotate(document_number=documents.number_of())
        return named

    @admin.display(description=_("document"))
    def document(self, entry: Any) -> str:
        return document_named(entry.document_type, entry.document_id, entry.document_number)


class AccountInline(ReadOnlyInline):
    model = Account
    fields = ["code", "name", "is_active"]
    show_change_link = True
    hide_title = False


@admin.register(BillTo)
class BillToAdmin(Exchange, MasterAdmin):
    list_display = ["code", "name", "credit_group", "closing_day", "payment_month_offset", "payment_day", "tax_unit"]
    list_select_related = ["credit_group"]
    list_filter = ["tax_unit", "closing_day"]
    search_fields = ["code", "name", "kana", "corporate_number__exact"]
    autocomplete_fields = ["credit_group"]
    ordering = ["code"]
    inlines = [AccountInline]


class ShipToInline(TabularInline):
    model = ShipTo
    extra = 0


class ContactInline(TabularInline):
    model = Contact
    extra = 0


@admin.register(Account)
class AccountAdmin(Exchange, MasterAdmin):
    list_display = ["code", "name", "bill_to", "department", "wholesale_percent", "revenue_basis", "is_active"]
    list_select_related = ["bill_to", "department"]
    list_filter = ["is_active", "revenue_basis"]
    search_fields = ["code", "name", "kana"]
    autocomplete_fields = ["bill_to", "department", "price_list"]
    raw_id_fields = ["record"]
    ordering = ["code"]
    object_links = (PageLink("admin:insights_account_card", _("Customer card")),)
    inlines = [ShipToInline, ContactInline]
