"""出荷指示 of many orders: a preview of what goes and what does not, then the same, if it still is so. The result of each order is told."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from django import forms
from django.db.models import Min, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from erp.core.models import Channel
from erp.orders import services
from erp.orders.admin import foreseeing
from erp.orders.models import Order, OrderState, Shipment

if TYPE_CHECKING:
    from erp.orders.admin.orders import OrderAdmin

# One preview is what a person can look through; the orders after it wait for the next one.
MOST_ORDERS = 300
CHUNK = 50
TEMPLATE = "admin/orders/order/release.html"


class WaitingForm(forms.Form):
    """Which of the waiting orders are shown."""

    channel = forms.ModelChoiceField(
        label=_("sales channel"), queryset=Channel.objects.order_by("code"), required=False
    )
    wished_until = forms.DateField(
        label=_("wished for by"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    in_part = forms.BooleanField(label=_("also what waits for the rest of its goods"), required=False)


def preview(
    page: OrderAdmin, request: HttpRequest, chosen: QuerySet[Order] | None = None, *, in_part: bool = False
) -> HttpResponse:
    """What would be released: of ``chosen`` orders, or of all that wait for it, most urgent first. ``in_part`` takes those, too, that wait for
    the rest of their goods."""
    form = WaitingForm(request.GET or None) if chosen is None else None
    if form is not None:
        in_part = form.is_valid() and form.cleaned_data["in_part"]
    found = _waiting(page, request, form) if chosen is None else chosen
    urgent = found.annotate(wished=Min("deliveries__wish_date")).order_by("priority", "wished", "pk")
    keys = list(urgent.values_list("pk", flat=True)[: MOST_ORDERS + 1])
    plans = services.plan_releases(order_ids=keys[:MOST_ORDERS], in_part=in_part, at=timezone.now())
    return _page(
        page,
        request,
        form=form,
        going=[plan for plan in plans if plan.may_go],
        staying=[plan for plan in plans if not plan.may_go],
        totals=services.release_totals(plans),
        in_part=in_part,
        more=MOST_ORDERS if len(keys) > MOST_ORDERS else 0,
    )


def confirm(page: OrderAdmin, request: HttpRequest) -> HttpResponse:
    """Release what was ticked in the preview, chunk by chunk: what is done stays done, and every order is told about."""
    seen = foreseeing.ticked(request.POST.getlist("seen")[:MOST_ORDERS])
    orders = {order.pk: order for order in page.get_queryset(request).filter(pk__in=seen)}
    results: dict[int, services.ReleaseResult] = {}
    waiting = iter(sorted(orders))
    while chunk := list(islice(waiting, CHUNK)):
        with page.refusals_as_messages(request):
            results |= page.serve(
                request,
                services.release_as_seen,
                seen={key: seen[key] for key in chunk},
                in_part=bool(request.POST.get("in_part")),
            )
    numbers = _parcels(orders)
    rows = [(order, results.get(key), numbers.get(key, [])) for key, order in sorted(orders.items())]
    done = sum(result is not None and result.outcome is services.ReleaseOutcome.RELEASED for _o, result, _n in rows)
    return _page(page, request, rows=rows, done=done, left=len(rows) - done)


def _waiting(page: OrderAdmin, request: HttpRequest, form: WaitingForm | None) -> QuerySet[Order]:
    asked: dict[str, Any] = form.cleaned_data if form is not None and form.is_valid() else {}
    states = [OrderState.READY, OrderState.AWAITING_STOCK] if asked.get("in_part") else [OrderState.READY]
    found = page.get_queryset(request).filter(state__in=states)
    if asked.get("channel"):
        found = found.filter(channel=asked["channel"])
    if asked.get("wished_until"):
        found = found.filter(deliveries__wish_date__lte=asked["wished_until"])
    return found


def _parcels(orders: dict[int, Order]) -> dict[int, list[Shipment]]:
    found: dict[int, list[Shipment]] = {}
    for parcel in Shipment.objects.filter(order__in=orders, state=Shipment.State.INSTRUCTED).order_by("pk"):
        found.setdefault(parcel.order_id, []).append(parcel)
    return found


def _page(page: OrderAdmin, request: HttpRequest, **context: Any) -> HttpResponse:
    shared = {**page.admin_site.each_context(request), "opts": page.opts, "title": gettext("Release orders")}
    return TemplateResponse(request, TEMPLATE, {**shared, **context})
