"""引当: the rules, what waits for stock and why, a preview for many orders, and pieces given from one order to another."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from erp.core.admin import MasterAdmin
from erp.inventory.selectors import holders_of
from erp.orders import selectors, services
from erp.orders.admin.channels import OfChannels
from erp.orders.models import AllocationRule, Order, OrderLine, OrderState, OrderWait

if TYPE_CHECKING:
    from erp.orders.admin.orders import OrderAdmin

MOST_ORDERS = 200
MOST_GIVERS = 50


@admin.register(AllocationRule)
class AllocationRuleAdmin(MasterAdmin):
    """引当ルール. For each setting the most particular rule counts."""

    list_display = ["scope", "mode", "days_before", "priority", "overdue", "overdue_days"]
    list_select_related = ["channel", "account"]
    list_filter = ["channel", "order_type"]
    raw_id_fields = ["account"]
    ordering = ["channel", "order_type", "id"]
    fieldsets = (
        (_("Which orders"), {"fields": ["channel", "order_type", "account"], "description": _("What is left empty means all.")}),
        (_("When stock is reserved"), {"fields": ["mode", "days_before", "priority"]}),
        (_("Money in advance"), {"fields": ["overdue", "overdue_days"]}),
    )  # fmt: skip

    @admin.display(description=_("orders"))
    def scope(self, rule: AllocationRule) -> str:
        return str(rule)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm("orders.delete_allocationrule")


@admin.register(OrderWait)
class OrderWaitAdmin(OfChannels):
    """Orders for which stock is not reserved although it may be there, with the reason."""

    sold_through = "order__channel"
    list_display = ["order", "reason", "due_on", "opened_at", "opened_by", "closed_at", "closed_by"]
    list_select_related = ["order"]
    list_filter = [("closed_at", admin.EmptyFieldListFilter), "reason", "order__channel"]
    search_fields = ["order__number__exact", "order__external_id__folded"]
    ordering = ["-id"]


def preview(page: OrderAdmin, request: HttpRequest, chosen: QuerySet[Order]) -> HttpResponse:
    """What 引当 would reserve for many orders, in the order in which they are served: it is done, looked at, and taken back."""
    ids = list(chosen.order_by("priority", "pk").values_list("pk", flat=True)[:MOST_ORDERS])
    now = _standing(ids)
    then = page.try_out(request, partial(services.allocate_by_hand, order_ids=ids), lambda: _standing(ids))
    rows = [
        (order, now[order.pk], then[order.pk], then[order.pk] != now[order.pk])
        for order in page.get_queryset(request).filter(pk__in=ids).order_by("priority", "pk")
    ]
    shared = {**page.admin_site.each_context(request), "opts": page.opts, "title": gettext("Allocate stock")}
    context = {**shared, "rows": rows, "would": sum(moves for *_rest, moves in rows)}
    return TemplateResponse(request, "admin/orders/order/allocate.html", context)


def _standing(ids: list[int]) -> dict[int, tuple[str, str]]:
    """State, and line by line what is reserved, in words."""
    told = services.orders_as_they_stand(ids)
    return {
        key: (
            str(OrderState(found.state).label),
            "、".join(f"{line.sku} {line.reserved_quantity}/{line.quantity}" for line in found.lines),
        )
        for key, found in told.items()
    }


class TakeForm(forms.Form):
    """From which order, and how many."""

    giver = forms.ModelChoiceField(queryset=Order.objects.all())
    pieces = forms.IntegerField(min_value=1)
    sku = forms.IntegerField()


def take(page: OrderAdmin, request: HttpRequest, order: Order, line_id: int) -> HttpResponse:
    """Who has reserved what a line lacks, what giving it would do to both orders, and the giving."""
    if not request.user.has_perm("orders.move_reservation"):
        raise PermissionDenied
    line = get_object_or_404(OrderLine, pk=line_id, order=order)
    back = HttpResponseRedirect(reverse("admin:orders_order_change", args=[order.pk]))
    form = TakeForm(request.POST or None)
    seen = page.get_queryset(request)
    if request.method == "POST" and form.is_valid() and seen.filter(pk=form.cleaned_data["giver"].pk).exists():
        giver, asked = form.cleaned_data["giver"], form.cleaned_data
        call = {"from_order_id": giver.pk, "to_order_id": order.pk, "sku_id": asked["sku"], "pieces": asked["pieces"]}
        with page.refusals_as_messages(request, giver.number):
            if "confirmed" in request.POST:
                page.serve(request, services.move_reservation, **call)
                told = gettext("%(giver)s gave %(pieces)d pieces to %(taker)s.")
                words = {"giver": giver.number, "pieces": asked["pieces"], "taker": order.number}
                page.message_user(request, told % words, messages.SUCCESS)
                return back
            return _take_page(
                page, request, order, line, changes=_foreseen(page, request, order, giver, call), asked=asked
            )
    givers = _givers(seen, order, line)
    return _take_page(page, request, order, line, givers=givers)


def _foreseen(
    page: OrderAdmin, request: HttpRequest, order: Order, giver: Order, call: dict[str, Any]
) -> list[tuple[Any, ...]]:
    """(order, now, afterwards) of both: who loses what."""
    ids = [giver.pk, order.pk]
    now = _standing(ids)
    then = page.try_out(request, partial(services.move_reservation, **call), lambda: _standing(ids))
    return [(giver, now[giver.pk], then[giver.pk], True), (order, now[order.pk], then[order.pk], False)]


def _givers(seen: QuerySet[Order], order: Order, line: OrderLine) -> list[tuple[Order, str, int, int, int]]:
    """Orders that could give: the least important and newest first, with what they have and what is lacked."""
    lacks = selectors.lacking_of_line(order.pk, line.pk)
    found = []
    for sku_id, (code, lacking) in lacks.items():
        held = holders_of(document_type="ORDER", sku_id=sku_id, but=order.pk, limit=MOST_GIVERS)
        orders = {row.pk: row for row in seen.filter(pk__in=list(held)).exclude(state=OrderState.PICKING)}
        found += [
            (orders[key], code, pieces, min(pieces, lacking), sku_id) for key, pieces in held.items() if key in orders
        ]
    return found


def _take_page(page: OrderAdmin, request: HttpRequest, order: Order, line: OrderLine, **context: Any) -> HttpResponse:
    shared = {
        **page.admin_site.each_context(request),
        "opts": page.opts,
        "title": gettext("Take reserved stock from another order"),
    }
    return TemplateResponse(
        request, "admin/orders/order/take.html", {**shared, "original": order, "order": order, "line": line, **context}
    )
