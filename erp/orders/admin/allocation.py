"""引当: the rules, what waits for stock and why, a preview for many orders, and pieces given from one order to another."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
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

from erp.core.actors import Actor
from erp.core.admin import MasterAdmin
from erp.inventory.selectors import holders_of
from erp.orders import selectors, services
from erp.orders.admin import foreseeing
from erp.orders.admin.channels import OfChannels
from erp.orders.models import AllocationRule, Order, OrderLine, OrderState, OrderWait

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

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


@dataclass(frozen=True, slots=True)
class Row:
    """One order, how it stands now and afterwards; ``why`` says why nothing would change, or was done."""

    order: Order
    now: tuple[str, str]
    then: tuple[str, str]
    why: StrOrPromise = ""
    is_done: bool = False

    @property
    def moves(self) -> bool:
        return self.now != self.then

    @property
    def fingerprint(self) -> str:
        told = json.dumps([self.order.revision, self.order.version, self.now, self.then], ensure_ascii=False)
        return hashlib.sha256(told.encode()).hexdigest()


def allocate(page: OrderAdmin, request: HttpRequest, chosen: QuerySet[Order]) -> HttpResponse:
    """What 引当 would reserve for many orders, in the order in which they are served: it is done, looked at, and taken back. What was ticked, and
    still is just that, is done order by order."""
    is_result, seen = "confirmed" in request.POST, foreseeing.ticked(request.POST.getlist("seen"))
    if is_result:
        # Also those that the filters of the list show no more.
        chosen = page.get_queryset(request).filter(pk__in=list(seen))
    ids = list(chosen.order_by("priority", "pk").values_list("pk", flat=True)[: MOST_ORDERS + 1])
    more, ids = len(ids) > MOST_ORDERS, ids[:MOST_ORDERS]
    rows = (
        [_done(page, request, key, seen[key]) for key in ids] if is_result else _foreseen_together(page, request, ids)
    )
    context = {
        **page.admin_site.each_context(request),
        "opts": page.opts,
        "title": gettext("Allocate stock"),
        "rows": rows,
        "is_result": is_result,
        "would": sum(row.moves and not row.is_done for row in rows),
        "done": sum(row.is_done for row in rows),
        "left": sum(not row.is_done for row in rows),
        "more": MOST_ORDERS if more else 0,
    }
    return TemplateResponse(request, "admin/orders/order/allocate.html", context)


def _foreseen_together(page: OrderAdmin, request: HttpRequest, ids: list[int]) -> list[Row]:
    """Tried at once, so that no two are promised the same pieces."""
    if not ids:
        return []
    found = _tried(page, request, ids)
    idle = selectors.nothing_to_do("allocate", [row.order for row in found])
    return [replace(row, why=idle.get(row.order.pk, "")) for row in found]


def _done(page: OrderAdmin, request: HttpRequest, key: int, seen: str) -> Row:
    """It stays if it is what was seen. What is refused of one order harms no other."""
    tried = list[Row]()
    with page.refusals_as_messages(request):
        tried += _tried(page, request, [key], stays=lambda rows: rows[0].moves and rows[0].fingerprint == seen)
    if not tried:
        order, stands = _read([key])[key]
        return Row(order, stands, stands, why=gettext("Nothing was changed; see the message above."))
    [row] = tried
    if row.moves and row.fingerprint == seen:
        return replace(row, is_done=True)
    return replace(row, why=gettext("changed since it was shown") if row.moves else gettext("nothing changes"))


def _tried(
    page: OrderAdmin, request: HttpRequest, ids: list[int], *, stays: Callable[[list[Row]], bool] | None = None
) -> list[Row]:
    before: dict[int, tuple[Order, tuple[str, str]]] = {}
    service = partial(services.allocate_by_hand, order_ids=ids)

    def done(*, at: dt.datetime, by: Actor) -> None:
        before.clear()
        before.update(_read(ids))
        service(at=at, by=by)

    def look() -> list[Row]:
        then = _standing(ids)
        return [Row(*before[key], then[key]) for key in ids]

    return page.try_out(request, done, look, stays=stays)


def _read(ids: list[int]) -> dict[int, tuple[Order, tuple[str, str]]]:
    told = _standing(ids)
    return {order.pk: (order, told[order.pk]) for order in Order.objects.select_related("channel").filter(pk__in=ids)}


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
