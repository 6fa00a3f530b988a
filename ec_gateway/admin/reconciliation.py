"""照合結果: what comparisons with the sites' own numbers found, why, and what was done about it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.html import format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from kombu.exceptions import OperationalError

from ec_gateway.admin.choices import SiteChoice
from ec_gateway.admin.evidence import in_words
from ec_gateway.models import ReconciliationRow, ReconciliationRun
from ec_gateway.reconciliation.scheduling import ask_for_run
from ec_gateway.selectors import with_open_drift
from erp.core.admin import PageLink, ReadOnlyAdmin
from erp.inventory.admin.stock import TERM_LABELS


class ReconcileForm(forms.Form):
    site = SiteChoice()
    is_dry_run = forms.BooleanField(label=_("only the report, no repair"), required=False)


@admin.register(ReconciliationRun)
class ReconciliationRunAdmin(ReadOnlyAdmin):
    list_display = [
        "id", "channel", "started_at", "finished_at", "state", "is_dry_run", "listings_compared", "orders_compared", "stock_rows",
        "order_rows", "error",
    ]  # fmt: skip
    list_select_related = ["site__channel"]
    list_filter = ["state", "is_dry_run", "site__channel"]
    list_links = (PageLink("admin:ec_gateway_reconcile", _("Compare a site now"), "act"),)
    ordering = ["-id"]

    @admin.display(description=_("sales channel"))
    def channel(self, run: ReconciliationRun) -> str:
        return run.site.channel.name

    def get_urls(self) -> list[Any]:
        ask = path("ask/", self.admin_site.admin_view(self.ask), name="ec_gateway_reconcile")
        return [ask, *super().get_urls()]

    def ask(self, request: HttpRequest) -> HttpResponse:
        """Have a worker compare a site now: reading a large site takes minutes, for which no page waits."""
        if not self.has_act_permission(request):
            raise PermissionDenied
        form = ReconcileForm(request.POST or None)

        def act() -> HttpResponse:
            try:
                ask_for_run(site_id=form.cleaned_data["site"].pk, is_dry_run=form.cleaned_data["is_dry_run"])
            except (OperationalError, OSError):
                self.message_user(request, gettext("No worker can be asked now; try again later."), messages.ERROR)
                return self.service_page(request, form=ReconcileForm(), title=title, act=act, submit=submit)
            told = gettext("The comparison begins; its result appears in this list.")
            return self.done(request, told, "admin:ec_gateway_reconciliationrun_changelist")

        title, submit = gettext("Compare a site now"), gettext("Compare")
        return self.service_page(request, form=form, title=title, act=act, submit=submit)


class OpenFilter(admin.SimpleListFilter):
    """What nothing has set right yet."""

    title = _("state")
    parameter_name = "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("1", _("still open"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return with_open_drift(queryset) if self.value() == "1" else queryset


@admin.register(ReconciliationRow)
class ReconciliationRowAdmin(ReadOnlyAdmin):
    list_display = [
        "in_run", "channel", "cause", "item", "external_id", "ours", "theirs", "told", "repair",
    ]  # fmt: skip
    list_select_related = ["run__site__channel", "sku"]
    list_filter = [OpenFilter, "kind", "cause", "repair", "run__site__channel"]
    search_fields = ["sku__code__exact", "external_code__exact", "external_id__exact"]
    ordering = ["-id"]
    fields = [
        "run", "kind", "cause", "sku", "external_code", "external_id", "ours", "our_terms", "theirs", "told", "what_proves_it",
        "repair", "repaired_at",
    ]  # fmt: skip
    readonly_fields = ["our_terms", "what_proves_it"]

    @admin.display(description=_("reconciliation"), ordering="run")
    def in_run(self, row: ReconciliationRow) -> int:
        return row.run_id

    @admin.display(description=_("sales channel"), ordering="run__site__channel__code")
    def channel(self, row: ReconciliationRow) -> str:
        return row.run.site.channel.name

    @admin.display(description=_("SKU"), ordering="external_code")
    def item(self, row: ReconciliationRow) -> str:
        """With the site's own code where it is another one."""
        return " / ".join(dict.fromkeys(filter(None, [row.sku.code if row.sku else "", row.external_code]))) or "-"

    @admin.display(description=_("terms of our figure"))
    def our_terms(self, row: ReconciliationRow) -> str:
        """They add up to our figure."""
        labels = {kind.value: str(label) for kind, label in TERM_LABELS.items()}
        told = (
            (
                " ".join(filter(None, [labels.get(term["kind"], term["kind"]), term["location"]])),
                f"{term['quantity']:+d}",
            )
            for term in row.terms
        )
        return format_html_join("", "<div>{} {}</div>", told) or "–"

    @admin.display(description=_("evidence"))
    def what_proves_it(self, row: ReconciliationRow) -> str:
        return in_words(row.evidence) or "–"
