"""Reservations and holds: looked at, and given back through services."""

from __future__ import annotations

import datetime as dt
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, F, Model, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from erp.core.admin import ActionForm, PageLink, document_link
from erp.core.clock import business_date
from erp.core.spans import in_words
from erp.inventory import services
from erp.inventory.admin import arrivals
from erp.inventory.admin.forms import ExpectedForm, HoldForm
from erp.inventory.admin.places import OfPlaces, OfPlacesInline, limit_channels, limit_places
from erp.inventory.models import ExpectedReceipt, Hold, HoldLine, ProvisionalReceipt, Reservation
from erp.inventory.selectors.queues import ending_holds


@admin.register(Reservation)
class ReservationAdmin(OfPlaces):
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


class HoldLineInline(OfPlacesInline):
    model = HoldLine
    fields = ["sku", "location", "quantity", "expires_at", "released_at"]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.select_related("sku", "location")


class ExtendForm(ActionForm):
    """Until when the selected holds are to run."""

    until = forms.DateTimeField(
        label=_("expires at"), required=False, widget=forms.DateTimeInput(attrs={"type": "datetime-local"})
    )


class EndsFilter(admin.SimpleListFilter):
    title = _("expires at")
    parameter_name = "ends"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("soon", _("until tomorrow"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(pk__in=ending_holds().values("pk")) if self.value() == "soon" else queryset


@admin.register(Hold)
class HoldAdmin(OfPlaces):
    list_display = [
        "ref",
        "channel",
        "kind",
        "owner_label",
        "created_at",
        "expires_at",
        "time_left",
        "closed_at",
        "actor",
    ]
    list_select_related = ["channel"]
    list_filter = ["channel", "kind", EndsFilter, ("closed_at", admin.EmptyFieldListFilter)]
    search_fields = ["ref__folded", "owner_label"]
    ordering = ["-id"]
    inlines = [HoldLineInline]
    action_form = ExtendForm
    actions = ["extend", "release"]

    @admin.display(description=_("time left"), ordering="expires_at")
    def time_left(self, hold: Hold) -> str:
        """Of one that still keeps goods."""
        left = (hold.expires_at - timezone.now()).total_seconds()
        return "–" if hold.closed_at is not None or left <= 0 else in_words(left)

    def at(self, rows: QuerySet[Any], places: list[int]) -> QuerySet[Any]:
        return rows.filter(Exists(HoldLine.objects.filter(hold=OuterRef("pk"), location__in=places)))

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm("inventory.add_hold")

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Keep pieces for somebody (取り置き)."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        tomorrow = timezone.localtime().replace(second=0, microsecond=0) + dt.timedelta(days=1)
        form = HoldForm(request.POST or None, initial={"expires_at": tomorrow})
        limit_channels(form, request)

        def act() -> HttpResponse:
            values = form.cleaned_data
            held = self.serve(
                request,
                services.place_hold,
                channel_id=values["channel"].pk,
                ref=values["ref"],
                lines=form.demands(),
                expires_at=values["expires_at"],
                kind=values["kind"],
                owner_label=values["owner_label"],
            )
            return self.done(request, gettext("Kept."), "admin:inventory_hold_change", held.id)

        return self.service_page(request, form=form, title=gettext("Keep stock"), act=act)

    @admin.action(description=_("Extend the selected holds"), permissions=["act"])
    def extend(self, request: HttpRequest, queryset: QuerySet[Hold]) -> None:
        try:
            until = forms.DateTimeField().clean(request.POST.get("until"))
        except forms.ValidationError as fault:
            self.message_user(request, " ".join(fault.messages), messages.ERROR)
            return
        done = 0
        for hold in queryset.order_by("pk"):
            with self.refusals_as_messages(request, hold):
                self.serve(request, services.extend_hold, channel_id=hold.channel_id, ref=hold.ref, expires_at=until)
                done += 1
        told = ngettext("%(count)d hold extended.", "%(count)d holds extended.", done) % {"count": done}
        self.message_user(request, told, messages.SUCCESS if done else messages.WARNING)

    @admin.action(description=_("Release the selected holds"), permissions=["act"])
    def release(self, request: HttpRequest, queryset: QuerySet[Hold]) -> None:
        pieces = 0
        for hold in queryset.order_by("pk"):
            with self.refusals_as_messages(request, hold):
                pieces += self.serve(request, services.release_hold, channel_id=hold.channel_id, ref=hold.ref)
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
class ExpectedReceiptAdmin(OfPlaces):
    costs = ("unit_cost",)
    list_display = [
        "external_id", "line_no", "sku", "location", "supplier", "expected_date", "quantity", "received_quantity",
        "cancelled_at",
    ]  # fmt: skip
    list_select_related = ["sku", "location", "supplier"]
    list_filter = [OpenFilter, "location"]
    search_fields = ["external_id__folded", "sku__code__exact"]
    ordering = ["expected_date", "id"]
    actions = ["cancel"]
    list_links = (PageLink("admin:inventory_inspect", _("Inspect arrivals"), "inventory.receive_stock"),)

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(partial(arrivals.inspection_page, self))
        return [path("inspect/", view, name="inventory_inspect"), *super().get_urls()]

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm("inventory.add_expectedreceipt")

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Note what should arrive; the same slip number again brings what was noted up to date."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = ExpectedForm(request.POST or None, initial={"expected_date": business_date(timezone.now())})
        limit_places(form, request)

        def act() -> HttpResponse:
            values = form.cleaned_data
            self.serve(
                request,
                services.expect_receipt,
                external_id=values["external_id"],
                location_id=values["location"].pk,
                supplier_id=values["supplier"] and values["supplier"].pk,
                lines=form.expected_lines(),
            )
            return self.done(request, gettext("Noted."), "admin:inventory_expectedreceipt_changelist")

        return self.service_page(request, form=form, title=gettext("Expect stock"), act=act)

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
