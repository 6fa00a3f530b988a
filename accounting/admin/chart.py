"""Chart of accounts, roles, counterparties, payment routes and tax labels: master data, kept for ever."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from accounting.admin import reports
from accounting.models import AccountRole, Counterparty, ExportTaxLabel, LedgerAccount, PaymentRoute
from erp.core.admin import InWordsFilter, MasterAdmin, PageLink
from erp.imports.lists import Exchange


@admin.register(LedgerAccount)
class LedgerAccountAdmin(Exchange, MasterAdmin):
    """The chart, and the door to the ledgers."""

    list_links = (
        PageLink("admin:accounting_trial_balance", _("Trial balance")),
        PageLink("admin:accounting_general_ledger", _("General ledger")),
        PageLink("admin:accounting_subsidiary_ledger", _("Subsidiary ledger")),
        PageLink("admin:accounting_aging", _("Aging of receivables")),
    )
    list_display = ["code", "name", "type", "normal_side", "control", "is_active", "ledger"]
    list_filter = ["type", "control", "is_active"]
    search_fields = ["code", "name"]
    ordering = ["code"]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        # What postings were made under cannot change under them.
        return [] if obj is None else ["code", "type", "normal_side", "control"]

    def get_urls(self) -> list[URLPattern]:
        def view(function: Any) -> Any:
            return self.admin_site.admin_view(lambda request: function(self, request))

        return [
            path("trial-balance/", view(reports.trial_balance), name="accounting_trial_balance"),
            path("general-ledger/", view(reports.general_ledger), name="accounting_general_ledger"),
            path("subsidiary-ledger/", view(reports.subsidiary_ledger), name="accounting_subsidiary_ledger"),
            path("aging/", view(reports.aging), name="accounting_aging"),
            *super().get_urls(),
        ]

    @admin.display(description=_("general ledger"))
    def ledger(self, account: LedgerAccount) -> str:
        return format_html(
            '<a href="{}?account={}">{}</a>', reverse("admin:accounting_general_ledger"), account.pk, _("Open")
        )


@admin.register(AccountRole)
class AccountRoleAdmin(MasterAdmin):
    list_display = ["role", "account"]
    list_select_related = ["account"]
    search_fields = ["role", "account__code", "account__name"]
    autocomplete_fields = ["account"]
    ordering = ["role"]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return [] if obj is None else ["role"]


@admin.register(Counterparty)
class CounterpartyAdmin(MasterAdmin):
    list_display = ["code", "name", "kind", "fee_tax", "registration_number"]
    list_filter = ["kind", "fee_tax"]
    search_fields = ["code", "name"]
    ordering = ["code"]


@admin.register(PaymentRoute)
class PaymentRouteAdmin(MasterAdmin):
    """A row for one channel or provider goes before the general one."""

    list_display = ["method", "provider", "channel", "role", "counterparty", "must_be_paid_first"]
    list_select_related = ["channel", "counterparty"]
    list_filter = [("method", InWordsFilter), "must_be_paid_first"]
    search_fields = ["method", "provider", "role"]
    autocomplete_fields = ["channel", "counterparty"]
    ordering = ["method", "provider", "pk"]


@admin.register(ExportTaxLabel)
class ExportTaxLabelAdmin(MasterAdmin):
    """A new name is a new row with its first day."""

    list_display = ["format", "tax_code", "direction", "valid_from", "label"]
    list_filter = ["format", "direction"]
    search_fields = ["tax_code", "label"]
    ordering = ["format", "tax_code", "direction", "valid_from"]
