"""Reservations and holds: looked at, and given back through services."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from erp.core.admin import ReadOnlyAdmin, ReadOnlyInline, document_link
from erp.core.clock import business_date
from erp.inventory import services
from erp.inventory.models import ExpectedReceipt, Hold, HoldLine, ProvisionalReceipt, Reservation


@admin.register(Reservation)
class ReservationAdmin(ReadOnlyAdmin):
    list_display = [
        "document", "document_line", "sku", "location", "quantity", "consumed", "released",
        "priority", "reserved_at", "actor",
    ]  # fmt: skip
    list_select_related = ["sku", "location"]
    list_filter = ["location"]
    search_fields = ["sku__code__exact", "document_id__exact"]
    ordering = ["-id"]
    list_display_links = None

    @admin.display(description=_("document"))
    def document(self, reservation: Reservation) -> str:
        return document_link(reservation.document_type, reservation.document_id)


class HoldLineInline(ReadOnlyInline):
    model = HoldLine
    fields = ["sku", "location", "quantity", "expires_at", "released_at"]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.select_related("sku", "location")


@admin.register(Hold)
class HoldAdmin(ReadOnlyAdmin):
    list_display = ["ref", "channel", "kind", "owner_label", "created_at", "expires_at", "closed_at", "actor"]
    list_select_related = ["channel"]
    list_filter = ["channel", "kind", ("closed_at", admin.EmptyFieldListFilter)]
    search_fields = ["ref__exact", "owner_label"]
    ordering = ["-id"]
    inlines = [HoldLineInline]
    actions = ["release"]

    @admin.action(description=_("Release the selected holds"), permissions=["act"])
    def release(self, request: HttpRequest, queryset: QuerySet[Hold]) -> None:
        pieces = 0
        for hold in queryset.order_by("pk"):
            with self.refusals_as_messages(request, hold):
                pieces += services.release_hold(
                    channel_id=hold.channel_id, ref=hold.ref, at=timezone.now(), by=self.actor(request)
                )
        told = ngettext("%(pieces)d piece is free again.", "%(pieces)d pieces are free again.", pieces)
        self.message_user(request, told % {"pieces": pieces}, messages.SUCCESS)


class OpenFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("open", _("open")), ("late", _("late"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        queryset = queryset.filter(cancelled_at__isnull=True, received_quantity__lt=F("quantity"))
        if self.value() == "late":
            queryset = queryset.filter(expected_date__lt=business_date(timezone.now()))
        return queryset


@admin.register(ExpectedReceipt)
class ExpectedReceiptAdmin(ReadOnlyAdmin):
    list_display = [
        "external_id", "line_no", "sku", "location", "supplier", "expected_date", "quantity", "received_quantity",
        "cancelled_at",
    ]  # fmt: skip
    list_select_related = ["sku", "location", "supplier"]
    list_filter = [OpenFilter, "location"]
    search_fields = ["external_id__exact", "sku__code__exact"]
    ordering = ["expected_date", "id"]


class ProvisionalFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("open", _("open"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(settled_quantity__lt=F("quantity")) if self.value() else queryset


@admin.register(ProvisionalReceipt)
class ProvisionalReceiptAdmin(ReadOnlyAdmin):
    list_display = [
        "id", "sku", "location", "quantity", "value", "settled_quantity", "settled_value", "channel", "occurred_at",
    ]  # fmt: skip
    list_select_related = ["sku", "location", "channel"]
    list_filter = [ProvisionalFilter, "location"]
    search_fields = ["sku__code__exact"]
    ordering = ["-id"]
