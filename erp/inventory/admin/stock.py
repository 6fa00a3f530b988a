"""Balances, the ledger behind them, and what they say: of what may be sold, of the past, by other methods."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from catalog.models import Product, Sku
from erp.core import documents
from erp.core.admin import PageLink, document_link, document_named
from erp.core.clock import business_date
from erp.inventory import selectors
from erp.inventory.admin import behind
from erp.inventory.admin.acts import StockActs
from erp.inventory.admin.age_pages import AgePages
from erp.inventory.admin.forms import AvailabilityForm
from erp.inventory.admin.past import BALANCE, StockThenForm, TermsForm, moment_form
from erp.inventory.admin.places import OfPlaces, OfPlacesInline, limit_channels, limit_places
from erp.inventory.admin.reports import ValuationForm, this_moment
from erp.inventory.models import CostBalance, Location, StockBalance, StockDocument, StockMovement
from erp.inventory.selectors import Availability, ProductStock, TermKind
from erp.inventory.selectors.counted import not_counted_since
from erp.inventory.selectors.product_stock import ChannelStock
from erp.inventory.selectors.staff import places_of
from erp.inventory.selectors.transfers import current_destinations, goes_to

# So many claims and movements are listed; the lists they lead to have all.
LAST_OF_BALANCE, LAST_OF_STYLE = 50, 20
TERM_LABELS = {
    TermKind.ON_HAND: _("On hand"),
    TermKind.ALLOCATED: _("Reserved and held"),
    TermKind.EXPIRED_HOLDS: _("Expired holds"),
    TermKind.NOT_COUNTED: _("Not for sale here"),
    TermKind.COMPONENTS: _("Made of its components"),
    TermKind.QUOTAS: _("Set aside for other channels"),
    TermKind.BUFFER_PERCENT: _("Safety stock (share)"),
    TermKind.BUFFER: _("Safety stock"),
    TermKind.FLOOR: _("Short of safety stock"),
    TermKind.LAST_PIECES: _("Only the last pieces are left"),
    TermKind.CAP: _("Above what is shown at most"),
}


class LastCountFilter(admin.SimpleListFilter):
    """What should be counted next (循環棚卸): pieces that nobody has counted for so long."""

    title = _("last counted")
    parameter_name = "not_counted"
    DAYS = (30, 90, 180, 365)

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        told = gettext("not for %(days)d days")
        return [(str(days), told % {"days": days}) for days in self.DAYS] + [("never", gettext("never"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "never":
            return not_counted_since(queryset, None)
        for days in self.DAYS:
            if self.value() == str(days):
                return not_counted_since(queryset, timezone.now() - dt.timedelta(days=days))
        return queryset


@admin.register(StockBalance)
class StockBalanceAdmin(StockActs):
    list_display = ["sku", "location", "on_hand", "allocated", "last_counted", "style_stock", "balance_seq", "version"]
    list_select_related = ["sku", "location"]
    list_filter = ["location", LastCountFilter]
    search_fields = ["sku__code__exact", "sku__product__code__exact"]
    ordering = ["id"]

    def get_urls(self) -> list[Any]:
        pages: list[tuple[str, Callable[..., HttpResponse]]] = [
            ("availability", self.availability),
            ("stock_then", self.stock_then),
            ("stock_then_terms", self.stock_then_terms),
        ]
        own = [path(f"{name}/", self.admin_site.admin_view(view), name=f"inventory_{name}") for name, view in pages]
        view = self.admin_site.admin_view(self.product_stock)
        style = path("style/<int:product_id>/", view, name="inventory_product_stock")
        return [style, *own, *super().get_urls()]

    @admin.display(description=_("last counted"))
    def last_counted(self, balance: StockBalance) -> dt.date | None:
        return business_date(balance.last_counted_at) if balance.last_counted_at else None

    @admin.display(description=_("Stock of the style"))
    def style_stock(self, balance: StockBalance) -> str:
        url = reverse("admin:inventory_product_stock", args=[balance.sku.product_id])
        return format_html('<a href="{}">{}</a>', url, gettext("colour × size"))

    def product_stock(self, request: HttpRequest, product_id: int) -> HttpResponse:
        """A style as colour × size: by location, and by channel what may be sold with its terms."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        product, at = get_object_or_404(Product, pk=product_id), timezone.now()
        found = selectors.product_stock(
            product_id=product.pk,
            at=at,
            sum_title=gettext("All locations"),
            location_ids=places_of(request.user),
            channel_ids=selectors.shop_channels_of(request.user),
        )
        names = selectors.place_names({place for _sku, place in found.balances})
        cells = [cell for channel in found.channels for row in channel.rows for cell in row.cells if cell is not None]
        codes = behind.codes_of_components(answer for _sku, answer in cells)
        context = {
            "opts": self.opts,
            "title": str(product),
            "product": product,
            "at": at,
            "past": moment_form("admin:inventory_stock_then", {"by": BALANCE, "skus": product.code}),
            "found": found,
            "channels": [(channel, self._sold(request, channel, found, names, codes)) for channel in found.channels],
            "is_of_many": True,
            **behind.context(request, list(found.balances), at=at, limit=LAST_OF_STYLE),
        }
        return TemplateResponse(
            request, "inventory/product_stock.html", {**self.admin_site.each_context(request), **context}
        )

    def _sold(
        self,
        request: HttpRequest,
        channel: ChannelStock,
        found: ProductStock,
        names: Mapping[int, str],
        codes: Mapping[int, str],
    ) -> list[tuple[str, list[Any]]]:
        """The rows of a channel: colour, and per size the SKU, what may be sold and its terms with the page that each comes from."""

        def told(cell: tuple[Sku, Availability] | None) -> tuple[Any, ...]:
            return (
                (None, None, ())
                if cell is None
                else (*cell, self._terms(request, *cell, channel.channel_id, found.balances, names, codes))
            )

        return [(row.color, [told(cell) for cell in row.cells]) for row in channel.rows]

    @staticmethod
    def _terms(
        request: HttpRequest,
        sku: Sku,
        answer: Availability,
        channel_id: int,
        balances: Mapping[tuple[int, int], int],
        names: Mapping[int, str],
        codes: Mapping[int, str],
    ) -> list[tuple[Any, ...]]:
        """(label, place, pieces, page, what each component of a kit makes)"""
        return [
            (
                TERM_LABELS[term.kind],
                names.get(term.location_id or 0, term.location_code),
                term.quantity,
                behind.term_url(request, term, sku=sku, channel_id=channel_id, balances=balances),
                behind.components(answer, codes, channel_id) if term.kind is TermKind.COMPONENTS else (),
            )
            for term in behind.terms_of(answer)
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """One SKU at one place: whose its pieces are, what comes, what moved last."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        balance, at = (
            self.named(request, object_id, "sku__product", "sku__color", "sku__size", "location"),
            timezone.now(),
        )
        sought = {"q": balance.sku.code, "location__id__exact": balance.location_id}
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"{balance.sku.code} {balance.location.name}",
            "balance": balance,
            "all_movements": f"{reverse('admin:inventory_stockmovement_changelist')}?{urlencode(sought)}",
            "at": at,
            "past": moment_form(
                "admin:inventory_stock_then_terms", {"sku": balance.sku_id, "location": balance.location_id}
            ),
            **behind.context(request, [(balance.sku_id, balance.location_id)], at=at, limit=LAST_OF_BALANCE),
        }
        return TemplateResponse(request, "inventory/balance.html", context)

    def availability(self, request: HttpRequest) -> HttpResponse:
        """What a channel may sell, and the terms that add up to it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = AvailabilityForm(request.GET or None)
        limit_channels(form, request)
        answers = []
        if form.is_valid():
            skus, channel_id = form.found(), form.cleaned_data["channel"].pk
            keys = [sku.pk for sku in skus]
            found = selectors.available_to_promise(channel_id=channel_id, sku_ids=keys, at=timezone.now())
            seen = self.get_queryset(request).filter(sku__in=keys).values_list("sku_id", "location_id", "pk")
            balances = {(sku_id, place): key for sku_id, place, key in seen}
            names = selectors.place_names({place for _sku, place in balances})
            codes = behind.codes_of_components(found.values())
            answers = [
                {
                    "sku": sku.code,
                    "answer": found[sku.pk],
                    "terms": self._terms(request, sku, found[sku.pk], channel_id, balances, names, codes),
                }
                for sku in skus
            ]
        return self._page(
            request, "inventory/availability.html", gettext("Available to promise"), form, answers=answers
        )

    def stock_then(self, request: HttpRequest) -> HttpResponse:
        """Stock of any past moment, as it was or as the books knew it then or later."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = StockThenForm(request.GET or None, initial={"at": this_moment()}, places=places_of(request.user))
        limit_places(form, request)
        found = form.answer() if form.is_valid() else None
        return self._page(request, "inventory/stock_then.html", gettext("Stock of a past moment"), form, found=found)

    def stock_then_terms(self, request: HttpRequest) -> HttpResponse:
        """One number of that page: the months and movements that add up to it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = TermsForm(request.GET)
        limit_places(form, request)
        found = form.answer() if form.is_valid() else None
        title = gettext("What a past stock is made of")
        return self._page(request, "inventory/stock_then_terms.html", title, form, found=found)

    def _page(self, request: HttpRequest, template: str, title: str, form: forms.Form, **context: Any) -> HttpResponse:
        shared = {**self.admin_site.each_context(request), "opts": self.opts, "title": title, "form": form}
        return TemplateResponse(request, template, {**shared, **context})


@admin.register(CostBalance)
class CostBalanceAdmin(AgePages):
    list_display = ["sku", "cost_pool", "quantity", "value"]
    list_select_related = ["sku", "cost_pool"]
    list_filter = ["cost_pool"]
    list_links = (*AgePages.list_links, PageLink("admin:inventory_valuation", _("Stock value by other methods")))
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


class StockMovementInline(OfPlacesInline):
    """Who waits for goods sees what is on the road, not what is left where they came from."""

    model = StockMovement
    costs = ("value",)
    fields = ["document_line", "sku", "location", "quantity", "on_hand_after", "value", "reason", "channel"]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.select_related("sku", "location", "reason", "channel")

    def at(self, rows: QuerySet[Any], places: list[int]) -> QuerySet[Any]:
        is_coming = Exists(StockDocument.objects.filter(goes_to(places), pk=OuterRef("document")))
        return rows.filter(Q(location__in=places) | Q(location__kind=Location.Kind.IN_TRANSIT) & is_coming)


class UninvoicedFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("uninvoiced", _("waits for its invoice"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(selectors.is_uninvoiced()) if self.value() else queryset


@admin.register(StockDocument)
class StockDocumentAdmin(OfPlaces):
    list_display = ["id", "kind", "source", "external_id", "supplier", "occurred_at", "actor"]
    fields = [
        "kind", "source", "external_id", "supplier", "awaits_invoice", "going_to", "note", "occurred_at", "recorded_at", "actor",
    ]  # fmt: skip
    readonly_fields = ["source", "going_to"]
    list_select_related = ["supplier"]
    list_filter = ["kind", UninvoicedFilter]
    search_fields = ["external_id__folded", "source_id__exact"]
    ordering = ["-id"]
    inlines = [StockMovementInline]

    def at(self, rows: QuerySet[Any], places: list[int]) -> QuerySet[Any]:
        """What moved there, and what is on its way there."""
        moved = Exists(StockMovement.objects.filter(document=OuterRef("pk"), location__in=places))
        return rows.filter(moved | goes_to(places))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        named: QuerySet[Any] = rows.annotate(source_number=documents.number_of("source_type", "source_id"))
        return named

    @admin.display(description=pgettext_lazy("transfer", "destination"))
    def going_to(self, document: Any) -> str:
        """Where it goes by now; the change of where a transfer goes shows the place that it named."""
        if document.destination_id is None:
            return "-"
        current = current_destinations([document.pk]).get(document.pk)
        return str(Location.objects.get(pk=current.location_id if current else document.destination_id))

    @admin.display(description=_("source document"))
    def source(self, document: Any) -> str:
        """What stock owns is its own source; an invoice stands for its receipt."""
        label = documents.label_of(document.source_type)
        if document.source_id == document.pk:
            return label
        number = document.source_number or str(document.source_id)
        if document.source_type == "SUPPLIER_INVOICE":
            receipt = documents.label_of("RECEIPT")
            return document_link("RECEIPT", document.source_id, f"{label} ({receipt} {number})")
        return document_named(document.source_type, document.source_id, number)


@admin.register(StockMovement)
class StockMovementAdmin(OfPlaces):
    costs = ("value",)
    list_display = [
        "id", "occurred_at", "document", "sku", "location", "quantity", "on_hand_after", "value", "reason", "channel",
    ]  # fmt: skip
    list_select_related = ["document", "sku", "location", "reason", "channel"]
    list_filter = ["location", "reason", "channel"]
    search_fields = ["sku__code__exact"]
    ordering = ["-id"]
