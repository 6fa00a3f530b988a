"""Reservations, and what is expected with whom it is promised to: looked at, and acted on through services."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import SEARCH_VAR
from django.db.models import F, Model, OuterRef, QuerySet, Subquery, Sum
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext, pgettext_lazy

from erp.core import documents
from erp.core.admin import PageLink, ReadOnlyInline, document_link
from erp.core.clock import business_date
from erp.inventory import services
from erp.inventory.admin import arrivals
from erp.inventory.admin.expecting import expect_page
from erp.inventory.admin.places import OfPlaces
from erp.inventory.models import ExpectedReceipt, Promise, ProvisionalReceipt, Reservation


def _named(claim: Any) -> str:
    """The document that a claim is of, by its number as far as it has one."""
    return document_link(claim.document_type, claim.document_id, claim.document_number or "")


@admin.register(Reservation)
class ReservationAdmin(OfPlaces):
    list_display = [
        "document", "sku", "location", "quantity", "consumed", "released", "priority", "reserved_at", "actor",
    ]  # fmt: skip
    fields = [
        "document", "sku", "location", "quantity", "consumed", "released", "priority", "reserved_at", "actor",
    ]  # fmt: skip
    readonly_fields = ["document"]
    list_select_related = ["sku", "location"]
    list_filter = ["location"]
    search_fields = ["sku__code__exact", "document_id__exact"]
    ordering = ["-id"]
    list_display_links = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        named: QuerySet[Any] = super().get_queryset(request).annotate(document_number=documents.number_of())
        return named

    @admin.display(description=_("document"))
    def document(self, reservation: Reservation) -> str:
        return _named(reservation)


def _expectations_asked_for(asked: Mapping[str, Any]) -> str:
    """Those that are open, unless all are asked for; who searches means all of them."""
    return str(asked.get("state") or ("all" if asked.get(SEARCH_VAR) else "open"))


class OpenFilter(admin.SimpleListFilter):
    """Open ones first: that is what the list is for."""

    title = _("state")
    parameter_name = "state"

    def __init__(self, request: HttpRequest, *args: Any) -> None:
        self.asked_for = _expectations_asked_for(request.GET)
        super().__init__(request, *args)

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("open", _("open")), ("late", _("late")), ("all", _("all"))]

    def choices(self, changelist: Any) -> Any:
        for value, title in self.lookup_choices:
            asked = changelist.get_query_string({self.parameter_name: value})
            yield {"selected": self.asked_for == value, "query_string": asked, "display": title}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.asked_for == "all":
            return queryset
        queryset = queryset.filter(cancelled_at__isnull=True, received_quantity__lt=F("quantity"))
        if self.asked_for == "late":
            queryset = queryset.filter(expected_date__lt=business_date(timezone.now()))
        return queryset


class PromiseInline(ReadOnlyInline):
    """Who gets the goods when they come, in the order in which they are served."""

    model = Promise
    verbose_name_plural = _("Promised to")
    fields = ["document", "quantity", "arrived", "priority", "promised_date", "promised_at"]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        named: QuerySet[Any] = rows.annotate(document_number=documents.number_of()).order_by("priority", "pk")
        return named

    @admin.display(description=_("promised to"))
    def document(self, promise: Promise) -> str:
        return _named(promise)


@admin.register(Promise)
class PromiseAdmin(OfPlaces):
    """入荷予定引当: every promise with what it is promised from."""

    place = "expected_receipt__location"
    list_display = ["document", "sku", "quantity", "promised_date", "expected_receipt", "priority", "promised_at"]
    fields = ["document", "sku", "quantity", "promised_date", "expected_receipt", "priority", "promised_at"]
    readonly_fields = ["document"]
    list_select_related = ["sku", "expected_receipt"]
    list_filter = ["expected_receipt__location"]
    search_fields = ["sku__code__exact", "document_id__exact", "expected_receipt__external_id__folded"]
    ordering = ["-id"]
    list_display_links = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        named: QuerySet[Any] = super().get_queryset(request).annotate(document_number=documents.number_of())
        return named

    @admin.display(description=_("promised to"))
    def document(self, promise: Promise) -> str:
        return _named(promise)


@admin.register(ExpectedReceipt)
class ExpectedReceiptAdmin(OfPlaces):
    costs = ("unit_cost",)
    list_display = [
        "external_id", "line_no", "sku", "location", "supplier", "expected_date", "quantity", "received_quantity",
        "promised", "cancelled_at",
    ]  # fmt: skip
    readonly_fields = ["promised"]
    inlines = [PromiseInline]
    list_select_related = ["sku", "location", "supplier"]
    list_filter = [OpenFilter, "location"]
    search_fields = ["external_id__folded", "sku__code__exact"]
    actions = ["cancel"]
    list_links = (PageLink("admin:inventory_inspect", _("Inspect arrivals"), "inventory.receive_stock"),)

    def get_ordering(self, request: HttpRequest) -> Any:
        """What is to come by the day on which it should; among all of them the newest first. An index knows either."""
        return ["-id"] if _expectations_asked_for(request.GET) == "all" else ["expected_date", "id"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        mine = Promise.objects.filter(expected_receipt=OuterRef("pk")).order_by().values("expected_receipt")
        rows: Any = super().get_queryset(request)
        found: QuerySet[Any] = rows.annotate(
            promised_pieces=Subquery(mine.annotate(pieces=Sum("quantity")).values("pieces"))
        )
        return found

    @admin.display(description=pgettext_lazy("pieces", "promised"))
    def promised(self, expected: Any) -> int:
        """Pieces that orders and customer orders wait for."""
        return expected.promised_pieces or 0

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(partial(arrivals.inspection_page, self))
        return [path("inspect/", view, name="inventory_inspect"), *super().get_urls()]

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm("inventory.add_expectedreceipt")

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        return expect_page(self, request)

    @admin.action(description=_("Nothing more will come of the orders of the selected lines"), permissions=["act"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[ExpectedReceipt]) -> None:
        """An order to a supplier ends as a whole, whichever of its lines were selected."""
        ended = 0
        for external_id in queryset.order_by("external_id").values_list("external_id", flat=True).distinct():
            with self.refusals_as_messages(request, external_id):
                ended += self.serve(request, services.cancel_expected, external_id=external_id)
        told = ngettext("%(count)d expectation ended.", "%(count)d expectations ended.", ended) % {"count": ended}
        self.message_user(request, told, messages.SUCCESS)


class ProvisionalFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("open", _("open"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(settled_quantity__lt=F("quantity")) if self.value() else queryset


@admin.register(ProvisionalReceipt)
class ProvisionalReceiptAdmin(OfPlaces):
    costs = ("value", "settled_value", "unit_cost")
    list_display = [
        "id", "sku", "location", "quantity", "value", "settled_quantity", "settled_value", "channel", "occurred_at",
    ]  # fmt: skip
    list_select_related = ["sku", "location", "channel"]
    list_filter = [ProvisionalFilter, "location"]
    search_fields = ["sku__code__exact"]
    ordering = ["-id"]
