"""The acts on one order and on what belongs to it: what would come of one is shown first, and it is done when that is confirmed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from catalog.selectors import sku_facts
from erp.core.admin import ServiceAdmin
from erp.core.clock import business_date
from erp.orders import services
from erp.orders.admin import foreseeing
from erp.orders.models import Order, OrderHold, OrderLine, OrderPayment, Shipment

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

Said = Mapping[str, str]
Call = Callable[..., object]
# What is filled in beside an act: what it is called, and how much of it counts.
FIELDS: dict[str, tuple[StrOrPromise, int]] = {
    "reason": (_("reason"), 200),
    "resolution": (_("resolution"), 300),
    "sku_code": (_("SKU"), 40),
    "carrier": (_("carrier"), 30),
    "tracking_number": (_("tracking number"), 60),
}
# The models whose rows are acted on, and the way from them to the order.
ACTED_ON: dict[str, tuple[type[Any], str]] = {
    "order": (Order, "pk"),
    "orderhold": (OrderHold, "order"),
    "orderline": (OrderLine, "order"),
    "orderpayment": (OrderPayment, "order"),
    "shipment": (Shipment, "order"),
}


@dataclass(frozen=True, slots=True)
class Act:
    """``call_of`` makes the one call of a service for a row, from what was filled in beside; the field ``needs`` has to be.

    ``takes`` says of which SKUs it may take pieces that others have.
    """

    title: StrOrPromise
    call_of: Callable[[Any, Said], Call]
    needs: str = ""
    asks: StrOrPromise = ""
    takes: Callable[[Any, Said], tuple[int, ...]] = lambda _row, _said: ()


def _resolved(hold: OrderHold, said: Said) -> Call:
    return partial(
        services.resolve_hold, order_id=hold.order_id, reason=hold.reason, resolution=said["resolution"]
    )  # fmt: skip


def _left(parcel: Shipment, said: Said) -> Call:
    request = services.ShipRequest(parcel.pk, carrier=said["carrier"], tracking_number=said["tracking_number"])
    return partial(services.ship, requests=[request], ship_date=business_date(timezone.now()))


def _tracked(parcel: Shipment, said: Said) -> Call:
    return partial(
        services.set_tracking, shipment_id=parcel.pk, carrier=said["carrier"], tracking_number=said["tracking_number"]
    )


def _pieces_of(line: OrderLine, said: Said) -> tuple[int, ...]:
    """What was sold already is taken from stock, whoever claims it."""
    facts = sku_facts([said["sku_code"]]).get(said["sku_code"])
    return tuple(sku_id for sku_id, _pieces in facts.components) if facts and line.shipped_quantity else ()


ACTS: dict[tuple[str, str], Act] = {
    ("order", "allocate"): Act(
        _("Allocate stock"), lambda order, _said: partial(services.allocate_by_hand, order_ids=[order.pk])
    ),
    ("order", "release"): Act(
        _("Release to the warehouse"), lambda order, _said: partial(services.release_orders, order_ids=[order.pk])
    ),
    ("order", "release_in_part"): Act(
        _("Release what is reserved so far"),
        lambda order, _said: partial(services.release_orders, order_ids=[order.pk], in_part=True),
    ),
    ("order", "make_final"): Act(
        pgettext_lazy("act", "Take as final"),
        lambda order, said: partial(services.make_final, order_id=order.pk, reason=said["reason"]),
        needs="reason",
        asks=_("Give a reason."),
    ),
    ("order", "apply_late_revision"): Act(
        _("Apply the revision that came late"),
        lambda order, _said: partial(services.apply_late_revision, order_id=order.pk),
    ),
    ("order", "hold"): Act(
        pgettext_lazy("act", "Put on hold"),
        lambda order, said: partial(services.hold_order, order_id=order.pk, detail=said["reason"]),
    ),
    ("order", "cancel"): Act(
        pgettext_lazy("act", "Cancel the order"),
        lambda order, said: partial(services.cancel_by_staff, order_id=order.pk, reason=said["reason"]),
        needs="reason",
        asks=_("Give a reason."),
    ),
    ("orderhold", "resolve"): Act(
        pgettext_lazy("act", "Resolve"), _resolved, needs="resolution", asks=_("Say how it was resolved.")
    ),
    ("orderline", "assign_sku"): Act(
        _("Set the SKU"),
        lambda line, said: partial(services.assign_sku, line_id=line.pk, sku_code=said["sku_code"]),
        needs="sku_code",
        asks=_("Enter the SKU."),
        takes=_pieces_of,
    ),
    ("orderpayment", "confirm_payment"): Act(
        _("Confirm that the money is here"),
        lambda payment, _said: partial(services.confirm_payment, payment_id=payment.pk),
    ),
    ("orderpayment", "confirm_refund"): Act(
        _("Confirm that the refund was paid"),
        lambda payment, _said: partial(services.confirm_refund, payment_id=payment.pk),
    ),
    ("orderpayment", "book_second_transfer"): Act(
        _("Book the second transfer"),
        lambda payment, _said: partial(services.book_second_transfer, payment_id=payment.pk),
    ),
    ("shipment", "confirm"): Act(_("Confirm shipment"), _left),
    ("shipment", "track"): Act(
        _("Enter or correct the tracking number"),
        _tracked,
        needs="tracking_number",
        asks=_("Enter the tracking number."),
    ),
    ("shipment", "call_back"): Act(
        _("Call back from the warehouse"),
        lambda parcel, _said: partial(services.cancel_release, shipment_id=parcel.pk, reason=""),
    ),
}


def said_in(request: HttpRequest) -> dict[str, str]:
    return {name: request.POST.get(name, "").strip()[:most] for name, (_label, most) in FIELDS.items()}


def to_say_again(said: Said) -> list[tuple[str, StrOrPromise, str]]:
    """Name, label and text of what was filled in, for the form that confirms."""
    return [(name, FIELDS[name][0], text) for name, text in said.items() if text]


def act_on(page: ServiceAdmin, request: HttpRequest, order: Order) -> HttpResponse:
    """What a form of 受注伝票 asks for is shown, now beside afterwards; what is confirmed as it was shown is done, anything else shown again."""
    name, action = request.POST.get("page", ""), request.POST.get("action", "")
    act, row = _asked(page, request, order, name, action)
    said, back = said_in(request), HttpResponseRedirect(reverse("admin:orders_order_change", args=[order.pk]))
    if act.needs and not said[act.needs]:
        page.message_user(request, str(act.asks), messages.ERROR)
        return back
    seen, tried = request.POST.get("seen", ""), list[foreseeing.Foreseen]()
    with page.refusals_as_messages(request, order.number):
        deed = foreseeing.Deed(order.pk, ((str(act.title), act.call_of(row, said)),), act.takes(row, said))
        tried.append(foreseeing.foresee(page, request, deed, seen=seen))
    if not tried:
        return back
    [found] = tried
    if found.refused:
        page.message_user(request, f"{order.number}: {found.refused[0][1]}", messages.ERROR)
        return back
    if found.is_what_was_seen(seen):
        told = gettext("%(order)s: “%(act)s” is done.") % {"order": order.number, "act": act.title}
        page.message_user(request, told, messages.SUCCESS)
        return back
    context = {
        **page.admin_site.each_context(request),
        "opts": page.opts,
        "original": order,
        "title": act.title,
        "order": order,
        "act": act,
        "said": to_say_again(said),
        "asked": {"page": name, "key": str(row.pk), "action": action},
        "found": found,
        "is_changed": bool(seen),
    }
    return TemplateResponse(request, "admin/orders/order/foresee.html", context)


def _asked(page: ServiceAdmin, request: HttpRequest, order: Order, name: str, action: str) -> tuple[Act, Any]:
    """The act and the row of this order that a form asks for, of whoever may do it there."""
    key, act = request.POST.get("key", ""), ACTS.get((name, action))
    if act is None or not key.isdecimal() or len(key) > 18:
        raise PermissionDenied
    model, owner = ACTED_ON[name]
    acting = page.admin_site._registry[model]
    rows = acting.get_queryset(request).filter(pk=int(key)).filter(**{owner: order.pk})
    if action not in acting.get_actions(request) or (row := rows.first()) is None:
        raise PermissionDenied
    return act, row
