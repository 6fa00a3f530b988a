"""What waits for a person: reasons of 確認待ち, lines without SKU, payments to confirm, parked messages."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import BooleanField, QuerySet, Value
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from accounting.selectors import counterparties
from erp.core.admin import ActionForm
from erp.core.permissions import SEE_AMOUNTS
from erp.orders.admin import many_acts
from erp.orders.admin.channels import AMOUNTS, OfChannels
from erp.orders.models import OrderHold, OrderLine, OrderPayment, ParkedMessage


class ResolutionForm(ActionForm):
    resolution = forms.CharField(label=_("resolution"), required=False, max_length=300)


class OpenFilter(admin.SimpleListFilter):
    """Open ones first: that is what the list is for."""

    title = _("state")
    parameter_name = "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("all", _("all"))]

    def choices(self, changelist: Any) -> Any:
        yield {
            "selected": self.value() is None,
            "query_string": changelist.get_query_string(remove=["open"]),
            "display": _("open"),
        }
        yield {
            "selected": self.value() == "all",
            "query_string": changelist.get_query_string({"open": "all"}),
            "display": _("all"),
        }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset if self.value() == "all" else queryset.filter(resolved_at__isnull=True)


@admin.register(OrderHold)
class OrderHoldAdmin(OfChannels):
    """確認待ち: every reason with the order that waits for it."""

    sold_through = "order__channel"
    # No address filters by what the words say: they may tell amounts, and are shown by ``words``.
    amounts = (*AMOUNTS, "detail")
    exclude = ["detail"]
    readonly_fields = ["words"]
    list_display = ["order", "reason", "words", "opened_at", "opened_by", "resolved_at", "resolved_by", "resolution"]
    list_select_related = ["order"]
    list_filter = [OpenFilter, "reason", "order__channel"]
    search_fields = ["order__number__exact", "order__external_id__folded"]
    ordering = ["opened_at", "id"]
    action_form = ResolutionForm
    actions = ["resolve"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        sees_amounts = Value(request.user.has_perm(SEE_AMOUNTS), BooleanField())
        holds: QuerySet[Any] = super().get_queryset(request).annotate(sees_amounts=sees_amounts)
        return holds

    @admin.display(description=_("detail"))
    def words(self, hold: Any) -> str:
        return hold.detail if hold.sees_amounts or not hold.tells_amounts else ""

    @admin.action(description=_("Resolve (say how)"), permissions=["act"])
    def resolve(self, request: HttpRequest, queryset: QuerySet[OrderHold]) -> HttpResponse | None:
        waiting = queryset.filter(resolved_at__isnull=True)
        return many_acts.act_on_many(self, request, waiting, "resolve", about=self._reason)

    def _reason(self, hold: OrderHold) -> str:
        return ": ".join(filter(None, (hold.get_reason_display(), self.words(hold))))


class SkuForm(ActionForm):
    sku_code = forms.CharField(label=_("SKU"), required=False, max_length=40)


class SkuFilter(admin.SimpleListFilter):
    title = _("SKU")
    parameter_name = "sku"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("unknown", _("Unknown SKU"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(sku__isnull=True) if self.value() == "unknown" else queryset


@admin.register(OrderLine)
class OrderLineAdmin(OfChannels):
    sold_through = "order__channel"
    list_display = [
        "order", "line_no", "sku", "sku_code", "channel_item_code", "name", "quantity", "shipped_quantity", "unit_price",
        "gross_amount",
    ]  # fmt: skip
    list_select_related = ["order", "sku"]
    list_filter = [SkuFilter]
    search_fields = ["order__number__exact", "sku_code__exact", "sku__code__exact"]
    ordering = ["-id"]
    action_form = SkuForm
    actions = ["assign_sku"]

    @admin.action(description=_("Set the SKU of the selected lines"), permissions=["act"])
    def assign_sku(self, request: HttpRequest, queryset: QuerySet[OrderLine]) -> HttpResponse | None:
        return many_acts.act_on_many(self, request, queryset, "assign_sku", about=_line)


def _line(line: OrderLine) -> str:
    return f"{line.line_no} {line.sku_code or line.channel_item_code} {line.name} × {line.quantity}"


@admin.register(OrderPayment)
class OrderPaymentAdmin(OfChannels):
    sold_through = "order__channel"
    list_display = [
        "order", "method", "provider", "amount", "status", "must_be_paid_first", "received_amount", "applied_amount",
        "refunded_amount", "reference", "due_at",
    ]  # fmt: skip
    list_select_related = ["order"]
    list_filter = ["status", "method"]
    search_fields = ["order__number__exact", "order__external_id__folded", "reference__folded"]
    ordering = ["-id"]
    actions = ["confirm_payment", "confirm_refund", "book_second_transfer"]
    exclude = ["counterparty_id"]
    readonly_fields = ["counterparty"]

    @admin.display(description=_("counterparty"))
    def counterparty(self, payment: OrderPayment) -> str:
        names = (party.label for party in counterparties().values() if party.id == payment.counterparty_id)
        return next(names, "-")

    @admin.action(description=_("Confirm that the money is here"), permissions=["act"])
    def confirm_payment(self, request: HttpRequest, queryset: QuerySet[OrderPayment]) -> HttpResponse | None:
        return many_acts.act_on_many(self, request, queryset, "confirm_payment", about=_payment)

    @admin.action(description=_("Confirm that the refund was paid"), permissions=["act"])
    def confirm_refund(self, request: HttpRequest, queryset: QuerySet[OrderPayment]) -> HttpResponse | None:
        return many_acts.act_on_many(self, request, queryset, "confirm_refund", about=_payment)

    @admin.action(description=_("Book the second transfer"), permissions=["act"])
    def book_second_transfer(self, request: HttpRequest, queryset: QuerySet[OrderPayment]) -> HttpResponse | None:
        return many_acts.act_on_many(self, request, queryset, "book_second_transfer", about=_payment)


def _payment(payment: OrderPayment) -> str:
    return f"{payment.line_no}. {payment.get_method_display()} {payment.amount:,.0f} {payment.reference}".strip()


@admin.register(ParkedMessage)
class ParkedMessageAdmin(OfChannels):
    list_display = ["channel", "external_id", "kind", "parked_at", "applied_at", "actor"]
    list_select_related = ["channel"]
    list_filter = ["channel", "kind", ("applied_at", admin.EmptyFieldListFilter)]
    search_fields = ["external_id__exact"]
    ordering = ["-id"]
