"""Balances, the ledger behind them, and the pages from which staff work: availability, receipt, adjustment, transfer, count."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from erp.core import documents
from erp.core.admin import PageLink, ReadOnlyAdmin, ReadOnlyInline, document_link
from erp.inventory import selectors, services
from erp.inventory.admin.forms import (
    AdjustmentForm,
    ArrivalForm,
    AvailabilityForm,
    CountForm,
    LateCostForm,
    ReceiptForm,
    TransferForm,
    WriteDownForm,
)
from erp.inventory.admin.purchase_forms import SupplierInvoiceForm, SupplierReturnForm
from erp.inventory.admin.reports import StockThenForm, ValuationForm, this_moment
from erp.inventory.models import CostBalance, StockBalance, StockDocument, StockMovement
from erp.inventory.selectors import TermKind
from erp.inventory.services import Booked

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
    list_links = (
        PageLink("admin:inventory_availability", _("Available to promise")),
        PageLink("admin:inventory_receive", _("Receive stock"), "act"),
        PageLink("admin:inventory_adjust", _("Adjust stock"), "act"),
        PageLink("admin:inventory_transfer", _("Transfer stock"), "act"),
        PageLink("admin:inventory_arrive", _("Record the arrival of a transfer"), "act"),
        PageLink("admin:inventory_count", _("Record a stock count"), "act"),
        PageLink("admin:inventory_write_down", _("Write stock down"), "act"),
        PageLink("admin:inventory_late_cost", _("Add a late cost"), "act"),
        PageLink("admin:inventory_supplier_invoice", _("Book a supplier's invoice"), "act"),
        PageLink("admin:inventory_supplier_return", _("Return goods to a supplier"), "act"),
        PageLink("admin:inventory_stock_then", _("Stock of a past moment")),
    )
    search_fields = ["sku__code__exact", "sku__product__code__exact"]
    ordering = ["id"]

    def get_urls(self) -> list[Any]:
        pages: list[tuple[str, Callable[..., HttpResponse]]] = [
            ("availability", self.availability),
            ("receive", self.receive),
            ("adjust", self.adjust),
            ("transfer", self.transfer),
            ("arrive", self.arrive),
            ("count", self.count),
            ("write_down", self.write_down),
            ("late_cost", self.late_cost),
            ("supplier_invoice", self.supplier_invoice),
            ("supplier_return", self.supplier_return),
            ("stock_then", self.stock_then),
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
        return self._book(request, ReceiptForm, gettext("Receive stock"), lambda form: partial(
            services.receive,
            location_id=form.cleaned_data["location"].pk,
            supplier_id=form.cleaned_data["supplier"] and form.cleaned_data["supplier"].pk,
            lines=form.receipt_lines(),
            books=form.books(),
        ))  # fmt: skip

    def adjust(self, request: HttpRequest) -> HttpResponse:
        return self._book(request, AdjustmentForm, gettext("Adjust stock"), lambda form: partial(
            services.adjust,
            location_id=form.cleaned_data["location"].pk,
            reason_code=form.cleaned_data["reason"].code,
            lines=form.adjustment_lines(),
            note=form.cleaned_data["note"],
        ))  # fmt: skip

    def transfer(self, request: HttpRequest) -> HttpResponse:
        return self._book(request, TransferForm, gettext("Transfer stock"), lambda form: partial(
            services.transfer,
            from_location_id=form.cleaned_data["from_location"].pk,
            to_location_id=form.cleaned_data["to_location"].pk,
            lines=form.transfer_lines(),
            note=form.cleaned_data["note"],
        ))  # fmt: skip

    def arrive(self, request: HttpRequest) -> HttpResponse:
        return self._book(request, ArrivalForm, gettext("Record the arrival of a transfer"), lambda form: partial(
            services.arrive,
            transfer_id=form.cleaned_data["transfer"].pk,
            to_location_id=form.cleaned_data["to_location"].pk,
            lines=form.transfer_lines(),
            note=form.cleaned_data["note"],
        ))  # fmt: skip

    def count(self, request: HttpRequest) -> HttpResponse:
        return self._book(request, CountForm, gettext("Record a stock count"), lambda form: partial(
            services.record_count,
            location_id=form.cleaned_data["location"].pk,
            counts=form.counts(),
            note=form.cleaned_data["note"],
        ))  # fmt: skip

    def write_down(self, request: HttpRequest) -> HttpResponse:
        return self._book(request, WriteDownForm, gettext("Write stock down"), lambda form: partial(
            services.write_down,
            location_id=form.cleaned_data["location"].pk,
            lines=form.cleaned_data["lines"],
            note=form.cleaned_data["note"],
        ))  # fmt: skip

    def late_cost(self, request: HttpRequest) -> HttpResponse:
        return self._book(request, LateCostForm, gettext("Add a late cost"), lambda form: partial(
            services.add_late_cost,
            receipt_id=form.cleaned_data["receipt"].pk,
            amounts=form.cleaned_data["lines"],
            contra_role=form.cleaned_data["contra_role"],
            note=form.cleaned_data["note"],
        ))  # fmt: skip

    def supplier_invoice(self, request: HttpRequest) -> HttpResponse:
        """With the receipts that wait for one, the oldest first; each fills its number in."""
        return self._book(request, SupplierInvoiceForm, gettext("Book a supplier's invoice"), lambda form: partial(
            services.book_supplier_invoice,
            receipt_id=form.cleaned_data["receipt"].pk,
            amounts=form.amounts(),
            tax_rounding=form.cleaned_data["tax_rounding"],
        ), template="inventory/supplier_invoice.html", waiting=partial(selectors.uninvoiced_receipts, limit=50))  # fmt: skip

    def supplier_return(self, request: HttpRequest) -> HttpResponse:
        return self._book(request, SupplierReturnForm, gettext("Return goods to a supplier"), lambda form: partial(
            services.return_to_supplier,
            location_id=form.cleaned_data["location"].pk,
            supplier_id=form.cleaned_data["supplier"].pk,
            receipt_id=form.cleaned_data["receipt"] and form.cleaned_data["receipt"].pk,
            tax_rounding=form.cleaned_data["tax_rounding"],
            lines=form.return_lines(),
            note=form.cleaned_data["note"],
        ))  # fmt: skip

    def stock_then(self, request: HttpRequest) -> HttpResponse:
        """Stock of any past moment, as it was or as the books knew it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = StockThenForm(request.GET or None, initial={"at": this_moment()})
        found = form.answer() if form.is_valid() else None
        return self._page(request, "inventory/stock_then.html", gettext("Stock of a past moment"), form, found=found)

    def _book(
        self,
        request: HttpRequest,
        form_class: type[Any],
        title: str,
        service: Callable[[Any], Callable[..., Booked]],
        **context: Any,
    ) -> HttpResponse:
        """A page whose form books one stock document. ``service`` is what it calls, with all that is its own.

        A receipt that the address names is filled in.
        """
        if not self.has_act_permission(request):
            raise PermissionDenied
        now = timezone.localtime().replace(second=0, microsecond=0)
        form = form_class(request.POST or None, initial={"occurred_at": now, "receipt": request.GET.get("receipt")})

        def act() -> HttpResponse:
            values = form.cleaned_data
            booked = self.serve(
                request, service(form), external_id=values["external_id"], occurred_at=values["occurred_at"]
            )
            told = gettext("Booked before, nothing changed.") if booked.is_replay else gettext("Booked.")
            return self.done(request, told, "admin:inventory_stockdocument_change", booked.document_id)

        return self.service_page(request, form=form, title=title, act=act, **context)

    def _page(self, request: HttpRequest, template: str, title: str, form: forms.Form, **context: Any) -> HttpResponse:
        shared = {**self.admin_site.each_context(request), "opts": self.opts, "title": title, "form": form}
        return TemplateResponse(request, template, {**shared, **context})


@admin.register(CostBalance)
class CostBalanceAdmin(ReadOnlyAdmin):
    list_display = ["sku", "cost_pool", "quantity", "value"]
    list_select_related = ["sku", "cost_pool"]
    list_filter = ["cost_pool"]
    list_links = (PageLink("admin:inventory_valuation", _("Stock value by other methods")),)
    search_fields = ["sku__code__exact"]
    ordering = ["id"]

    def get_urls(self) -> list[Any]:
        page = self.admin_site.admin_view(self.valuation)
        return [path("methods/", page, name="inventory_valuation"), *super().get_urls()]

    def valuation(self, request: HttpRequest) -> HttpResponse:
        """What is left of a period by the methods that the ledger does not keep."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        today = timezone.localdate()
        form = ValuationForm(request.GET or None, initial={"first": today.replace(day=1), "last": today})
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("Stock value by other methods"),
            "form": form,
            "found": form.answer() if form.is_valid() else None,
        }
        return TemplateResponse(request, "inventory/valuation.html", context)


class StockMovementInline(ReadOnlyInline):
    model = StockMovement
    fields = ["document_line", "sku", "location", "quantity", "on_hand_after", "value", "reason", "channel"]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.select_related("sku", "location", "reason", "channel")


class UninvoicedFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("uninvoiced", _("waits for its invoice"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(selectors.is_uninvoiced()) if self.value() else queryset


@admin.register(StockDocument)
class StockDocumentAdmin(ReadOnlyAdmin):
    list_display = ["id", "kind", "source", "external_id", "supplier", "occurred_at", "actor"]
    list_select_related = ["supplier"]
    list_filter = ["kind", UninvoicedFilter]
    search_fields = ["external_id__exact", "source_id__exact"]
    ordering = ["-id"]
    inlines = [StockMovementInline]

    @admin.display(description=_("source document"), ordering="source_type")
    def source(self, document: StockDocument) -> str:
        """What stock owns is its own source; an invoice stands for its receipt."""
        label = documents.label_of(document.source_type)
        if document.source_id == document.pk:
            return label
        if document.source_type == "SUPPLIER_INVOICE":
            receipt = documents.label_of("RECEIPT")
            return document_link("RECEIPT", document.source_id, f"{label} ({receipt} {document.source_id})")
        return document_link(document.source_type, document.source_id)


@admin.register(StockMovement)
class StockMovementAdmin(ReadOnlyAdmin):
    list_display = [
        "id", "occurred_at", "document", "sku", "location", "quantity", "on_hand_after", "value", "reason", "channel",
    ]  # fmt: skip
    list_select_related = ["document", "sku", "location", "reason", "channel"]
    list_filter = ["location", "reason", "channel"]
    search_fields = ["sku__code__exact"]
    ordering = ["-id"]
