"""Orders: one page with the whole chain, and the acts of the order desk."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounting.selectors import entries_of_documents
from erp.core.admin import ActionForm, ReadOnlyInline
from erp.core.documents import url_of
from erp.orders import services
from erp.orders.admin.channels import OfChannels
from erp.orders.models import (
    Delivery,
    Order,
    OrderAdjustment,
    OrderEvent,
    OrderFee,
    OrderHold,
    OrderLine,
    OrderPayment,
    OrderTaxTotal,
    Return,
    Shipment,
)


class ReasonForm(ActionForm):
    """Why, for the acts that leave a reason behind."""

    reason = forms.CharField(label=_("reason"), required=False, max_length=200)


class LineInline(ReadOnlyInline):
    model = OrderLine
    fields = [
        "line_no", "sku", "sku_code", "name", "quantity", "shipped_quantity", "cancelled_quantity", "returned_quantity",
        "unit_price", "discount_amount", "tax_code", "net_amount", "tax_amount", "gross_amount", "promised_date",
    ]  # fmt: skip
    readonly_fields = fields
    ordering = ["line_no"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("sku")  # type: ignore[no-any-return]


class DeliveryInline(ReadOnlyInline):
    model = Delivery
    fields = [
        "ref", "recipient_name", "recipient_phone", "postal_code", "prefecture", "city", "street", "building", "carrier",
        "wish_date", "time_slot", "hide_prices", "gift",
    ]  # fmt: skip
    readonly_fields = fields


class FeeInline(ReadOnlyInline):
    model = OrderFee
    fields = ["kind", "amount", "tax_code", "discount_amount", "net_amount", "tax_amount", "gross_amount", "shipment"]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("shipment")  # type: ignore[no-any-return]


class AdjustmentInline(ReadOnlyInline):
    model = OrderAdjustment
    fields = ["kind", "funded_by", "code", "amount"]
    readonly_fields = fields


class TaxInline(ReadOnlyInline):
    model = OrderTaxTotal
    fields = ["tax_code", "tax_percent", "net_amount", "tax_amount", "gross_amount", "stated_tax"]
    readonly_fields = fields


class PaymentInline(ReadOnlyInline):
    model = OrderPayment
    fields = [
        "line_no", "method", "provider", "amount", "status", "reference", "due_at", "received_amount", "applied_amount",
        "refunded_amount",
    ]  # fmt: skip
    readonly_fields = fields


class HoldInline(ReadOnlyInline):
    model = OrderHold
    fields = ["reason", "detail", "opened_at", "opened_by", "resolved_at", "resolved_by", "resolution"]
    readonly_fields = fields


class ShipmentInline(ReadOnlyInline):
    model = Shipment
    fields = ["number", "state", "ship_date", "carrier", "tracking_number", "gross_amount", "revenue_date"]
    readonly_fields = fields
    show_change_link = True


class ReturnInline(ReadOnlyInline):
    model = Return
    fields = ["number", "kind", "return_date", "reason", "gross_amount"]
    readonly_fields = fields
    show_change_link = True


class EventInline(ReadOnlyInline):
    model = OrderEvent
    fields = ["recorded_at", "kind", "from_state", "to_state", "detail", "actor"]
    readonly_fields = fields
    ordering = ["pk"]


@admin.register(Order)
class OrderAdmin(OfChannels):
    list_display = [
        "number", "state", "channel", "external_id", "order_date", "orderer_name", "total", "order_type", "recorded_at",
    ]  # fmt: skip
    list_select_related = ["channel"]
    list_filter = ["state", "channel", "order_type"]
    search_fields = ["number__exact", "external_id__exact", "orderer_phone__exact", "orderer_name", "orderer_kana"]
    search_help_text = _("Order number, channel's number, phone, name or kana")
    date_hierarchy = None
    ordering = ["-id"]
    inlines = [
        HoldInline, LineInline, DeliveryInline, FeeInline, AdjustmentInline, TaxInline, PaymentInline, ShipmentInline,
        ReturnInline, EventInline,
    ]  # fmt: skip
    fieldsets = [
        (None, {"fields": ["number", "state", "channel", "external_id", "revision", "is_provisional", "order_type", "ordered_at", "order_date"]}),
        (_("Customer"), {"fields": [
            "orderer_name", "orderer_kana", "orderer_phone", "orderer_email", "customer_record", "account", "bill_to",
            "customer_po_number",
        ]}),
        (_("Amounts"), {"fields": [
            "total", "net_amount", "tax_amount", "amount_due", "stated_total", "tax_difference", "revenue_basis",
            "exposure_amount",
        ]}),
        (_("Notes"), {"fields": ["customer_note", "shop_note", "ship_after", "cancelled_at", "cancel_reason", "receipt", "attributes"]}),
        (_("Journal entries"), {"fields": ["journal_entries"]}),
    ]  # fmt: skip
    readonly_fields = ["journal_entries"]
    action_form = ReasonForm
    actions = ["allocate", "release", "release_in_part", "make_final", "hold", "cancel"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        rows: QuerySet[Order] = super().get_queryset(request)
        return rows.select_related("channel", "customer_record", "account", "bill_to")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        sets = super().get_fieldsets(request, obj)
        is_shown = request.user.has_perm("accounting.view_journalentry")
        return sets if is_shown else [part for part in sets if "journal_entries" not in part[1]["fields"]]

    @admin.display(description=_("Journal entries"))
    def journal_entries(self, order: Order) -> SafeString:
        """Every entry of the order, its shipments and returns, each a link to its page."""
        documents = [("ORDER", order.pk)]
        documents += [("SHIPMENT", key) for key in order.shipments.values_list("pk", flat=True)]
        documents += [("RETURN", key) for key in order.returns.values_list("pk", flat=True)]
        entries = entries_of_documents(documents)
        links = [
            (url_of("ENTRY", entry.id) or "", entry.number, entry.entry_date, entry.description) for entry in entries
        ]
        return format_html_join(SafeString("<br>"), '<a href="{}">{}</a> {} {}', links) or SafeString("–")

    @admin.action(description=_("Allocate stock"), permissions=["act"])
    def allocate(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        self._each(request, queryset, lambda key: partial(services.allocate_orders, order_ids=[key]))

    @admin.action(description=_("Release to the warehouse"), permissions=["act"])
    def release(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        self._each(request, queryset, lambda key: partial(services.release_orders, order_ids=[key]))

    @admin.action(description=_("Release what is reserved so far"), permissions=["act"])
    def release_in_part(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        self._each(request, queryset, lambda key: partial(services.release_orders, order_ids=[key], in_part=True))

    @admin.action(description=_("Take as final (give a reason)"), permissions=["act"])
    def make_final(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        reason = request.POST.get("reason", "").strip()
        if not reason:
            self.message_user(request, _("Say who confirmed the order, and how."), messages.ERROR)
            return
        self._each(request, queryset, lambda key: partial(services.make_final, order_id=key, reason=reason))

    @admin.action(description=_("Put on hold"), permissions=["act"])
    def hold(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        reason = request.POST.get("reason", "")
        self._each(request, queryset, lambda key: partial(services.hold_order, order_id=key, detail=reason))

    @admin.action(description=_("Cancel (give a reason)"), permissions=["act"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        reason = request.POST.get("reason", "").strip()
        if not reason:
            self.message_user(request, _("A cancellation needs its reason."), messages.ERROR)
            return
        self._each(request, queryset, lambda key: partial(services.cancel_by_staff, order_id=key, reason=reason))

    def _each(
        self, request: HttpRequest, queryset: QuerySet[Order], act: Callable[[int], Callable[..., object]]
    ) -> None:
        """One transaction per order, so that one refusal harms no other; the result of each is told."""
        done = 0
        for key, number in queryset.order_by("pk").values_list("pk", "number"):
            with self.refusals_as_messages(request, number):
                self.serve(request, act(key))
                done += 1
        told = ngettext("%(count)d order done.", "%(count)d orders done.", done)
        self.message_user(request, told % {"count": done}, messages.SUCCESS if done else messages.WARNING)
