"""Balances, the ledger behind them, and the three pages from which staff work: availability, receipt, adjustment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from erp.core.admin import ReadOnlyAdmin, ReadOnlyInline
from erp.inventory import selectors, services
from erp.inventory.admin.forms import AdjustmentForm, AvailabilityForm, ReceiptForm
from erp.inventory.models import CostBalance, StockBalance, StockDocument, StockMovement
from erp.inventory.selectors import TermKind

TERM_LABELS = {
    TermKind.ON_HAND: _("On hand"),
    TermKind.ALLOCATED: _("Reserved and held"),
    TermKind.EXPIRED_HOLDS: _("Expired holds"),
    TermKind.NOT_COUNTED: _("Not for sale here"),
    TermKind.BUFFER: _("Safety stock"),
    TermKind.FLOOR: _("Short of safety stock"),
}


@admin.register(StockBalance)
class StockBalanceAdmin(ReadOnlyAdmin):
    list_display = ["sku", "location", "on_hand", "allocated", "balance_seq", "version"]
    list_select_related = ["sku", "location"]
    list_filter = ["location"]
    search_fields = ["sku__code__exact", "sku__product__code__exact"]
    ordering = ["id"]

    def get_urls(self) -> list[Any]:
        pages: list[tuple[str, Callable[..., HttpResponse]]] = [
            ("availability", self.availability),
            ("receive", self.receive),
            ("adjust", self.adjust),
        ]
        own = [path(f"{name}/", self.admin_site.admin_view(view), name=f"inventory_{name}") for name, view in pages]
        return [*own, *super().get_urls()]

    def availability(self, request: HttpRequest) -> HttpResponse:
        """What a channel may sell, and the terms that add up to it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = AvailabilityForm(request.GET or None)
        answers = []
        if form.is_valid():
            skus = form.found()
            found = selectors.available_to_promise(
                channel_id=form.cleaned_data["channel"].pk, sku_ids=[sku.pk for sku in skus], at=timezone.now()
            )
            answers = [
                {
                    "sku": sku.code,
                    "answer": found[sku.pk],
                    "terms": [
                        (TERM_LABELS[term.kind], term.location_code, term.quantity) for term in found[sku.pk].terms
                    ],
                }
                for sku in skus
            ]
        return self._page(
            request, "inventory/availability.html", gettext("Available to promise"), form, answers=answers
        )

    def receive(self, request: HttpRequest) -> HttpResponse:
        form = self._form(request, ReceiptForm)
        if form.is_bound and form.is_valid():
            with self.refusals_as_messages(request):
                booked = services.receive(
                    external_id=form.cleaned_data["external_id"],
                    location_id=form.cleaned_data["location"].pk,
                    supplier_id=form.cleaned_data["supplier"] and form.cleaned_data["supplier"].pk,
                    lines=form.receipt_lines(),
                    occurred_at=form.cleaned_data["occurred_at"],
                    at=timezone.now(),
                    by=self.actor(request),
                )
                return self._done(request, booked)
        return self._page(request, "inventory/stock_form.html", gettext("Receive stock"), form)

    def adjust(self, request: HttpRequest) -> HttpResponse:
        form = self._form(request, AdjustmentForm)
        if form.is_bound and form.is_valid():
            with self.refusals_as_messages(request):
                booked = services.adjust(
                    external_id=form.cleaned_data["external_id"],
                    location_id=form.cleaned_data["location"].pk,
                    reason_code=form.cleaned_data["reason"].code,
                    lines=form.adjustment_lines(),
                    note=form.cleaned_data["note"],
                    occurred_at=form.cleaned_data["occurred_at"],
                    at=timezone.now(),
                    by=self.actor(request),
                )
                return self._done(request, booked)
        return self._page(request, "inventory/stock_form.html", gettext("Adjust stock"), form)

    def _form(self, request: HttpRequest, form_class: type[Any]) -> Any:
        if not self.has_act_permission(request):
            raise PermissionDenied
        if request.method == "POST":
            return form_class(request.POST)
        return form_class(initial={"occurred_at": timezone.localtime().replace(second=0, microsecond=0)})

    def _done(self, request: HttpRequest, booked: services.Booked) -> HttpResponse:
        told = gettext("Booked before, nothing changed.") if booked.is_replay else gettext("Booked.")
        self.message_user(request, told, messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:inventory_stockdocument_change", args=[booked.document_id]))

    def _page(self, request: HttpRequest, template: str, title: str, form: forms.Form, **context: Any) -> HttpResponse:
        shared = {**self.admin_site.each_context(request), "opts": self.opts, "title": title, "form": form}
        return TemplateResponse(request, template, {**shared, **context})


@admin.register(CostBalance)
class CostBalanceAdmin(ReadOnlyAdmin):
    list_display = ["sku", "cost_pool", "quantity", "value"]
    list_select_related = ["sku", "cost_pool"]
    list_filter = ["cost_pool"]
    search_fields = ["sku__code__exact"]
    ordering = ["id"]


class StockMovementInline(ReadOnlyInline):
    model = StockMovement
    fields = ["document_line", "sku", "location", "quantity", "on_hand_after", "value", "reason", "channel"]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.select_related("sku", "location", "reason", "channel")


@admin.register(StockDocument)
class StockDocumentAdmin(ReadOnlyAdmin):
    list_display = ["id", "kind", "source_type", "source_id", "external_id", "occurred_at", "recorded_at", "actor"]
    list_filter = ["kind"]
    search_fields = ["external_id__exact", "source_id__exact"]
    ordering = ["-id"]
    inlines = [StockMovementInline]


@admin.register(StockMovement)
class StockMovementAdmin(ReadOnlyAdmin):
    list_display = [
        "id", "occurred_at", "document", "sku", "location", "quantity", "on_hand_after", "value", "reason", "channel",
    ]  # fmt: skip
    list_select_related = ["document", "sku", "location", "reason", "channel"]
    list_filter = ["location", "reason", "channel"]
    search_fields = ["sku__code__exact"]
    ordering = ["-id"]
