"""The acts on one order and on what belongs to it: what would come of one is shown first, and it is done when that is confirmed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from typing import TYPE_CHECKING, Any

from django import forms
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
from erp.core.errors import InvalidInput, Problem
from erp.core.keys import key_in
from erp.core.money import ZERO
from erp.orders import selectors, services
from erp.orders.admin import foreseeing, what_came_back
from erp.orders.models import Order, OrderHold, OrderLine, OrderPayment, ReturnLine, Shipment, ShipmentLine
from erp.orders.selectors import outside_numbers

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

Said = Mapping[str, str]
Call = Callable[..., object]
Condition = ReturnLine.Condition
_UNITS, _MONEY, _DAY = (
    forms.IntegerField(required=False, min_value=1),
    forms.DecimalField(required=False, min_value=0),
    forms.DateField(required=False),
)


# What a person can look through; each is tried in a transaction of its own. The rows after them wait for the next time.
MOST_ROWS = 50
# Where one day is said of all, as the list of a carrier has them. Each takes some 60 ms of the processor to be shown.
MOST_OF_A_DAY = 100


@dataclass(frozen=True, slots=True)
class Field:
    """What is filled in beside an act: how much of it counts, and how it is told. What has no label is not told, only carried along."""

    label: StrOrPromise
    longest: int
    told: Callable[[str], StrOrPromise] = str


def _condition(code: str) -> StrOrPromise:
    return Condition(code).label if code in Condition else code


FIELDS: dict[str, Field] = {
    "reason": Field(_("reason"), 200),
    "resolution": Field(_("resolution"), 300),
    "sku_code": Field(_("SKU"), 40),
    "carrier": Field(_("carrier"), 30),
    "tracking_number": Field(_("tracking number"), 60),
    "quantity": Field(_("quantity"), 9),
    "condition": Field(_("condition"), 20, _condition),
    "freight": Field(_("freight both ways (tax included)"), 20),
    "act_date": Field(_("date"), 10),
    "form": Field("", 40),
    "back": Field("", 10_000),
}


@dataclass(frozen=True, slots=True)
class ActedOn:
    """A model whose rows are acted on. ``owner`` leads from a row to its order; empty where the row is the order itself. ``beside`` is what is told
    of a row and stands in another table."""

    model: type[Any]
    owner: str = "order"
    beside: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return f"{self.owner}_id" if self.owner else "pk"

    @property
    def read_along(self) -> tuple[str, ...]:
        return (f"{self.owner}__channel".removeprefix("__"), *self.beside)

    def order_of(self, row: Any) -> Order:
        order: Order = reduce(getattr, filter(None, self.owner.split("__")), row)
        return order


ACTED_ON: dict[str, ActedOn] = {
    "order": ActedOn(Order, owner=""),
    "orderhold": ActedOn(OrderHold),
    "orderline": ActedOn(OrderLine),
    "orderpayment": ActedOn(OrderPayment),
    "shipment": ActedOn(Shipment),
    "shipmentline": ActedOn(ShipmentLine, owner="shipment__order", beside=("order_line",)),
}


@dataclass(frozen=True, slots=True)
class Act:
    """``call_of`` makes the one call of a service for a row, from what was filled in beside; the field ``needs`` has to be. Where the act
    ``is_joint``, it is one call for all chosen rows of an order.

    ``takes`` says of which SKUs it may take pieces that others have, ``idle`` of which of many rows it would change nothing, and why. ``hears``
    names the fields that count, where a list offers more beside its acts. ``most`` rows are taken at a time.
    """

    title: StrOrPromise
    call_of: Callable[[Any, Said], Call]
    needs: str = ""
    asks: StrOrPromise = ""
    takes: Callable[[Any, Said], tuple[int, ...]] = lambda _row, _said: ()
    idle: Callable[[Sequence[Any]], Mapping[int, str]] = lambda _rows: {}
    is_joint: bool = False
    hears: tuple[str, ...] = tuple(FIELDS)
    most: int = MOST_ROWS

    def heard(self, request: HttpRequest) -> dict[str, str]:
        """What was filled in beside the act."""
        return {name: text if name in self.hears else "" for name, text in said_in(request).items()}

    def calls_on(self, rows: Sequence[Any], said: Said, about: Callable[[Any], str]) -> tuple[tuple[str, Call], ...]:
        """Each call on rows of one order with what it is about."""
        if self.is_joint:
            return (("、".join(map(about, rows)), self.call_of(rows, said)),) if rows else ()
        return tuple((about(row), self.call_of(row, said)) for row in rows)


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


def _read(field: forms.Field, text: str) -> Any:
    try:
        return field.clean(text)
    except forms.ValidationError as fault:
        raise InvalidInput([Problem("", "unreadable", " ".join(fault.messages))]) from fault


def _day(said: Said) -> dt.date:
    """Today, if none was entered."""
    day: dt.date = _read(_DAY, said["act_date"]) or business_date(timezone.now())
    return day


def _taken_back(lines: Sequence[ShipmentLine], said: Said) -> Call:
    """One return of all these lines. The same form pressed twice is the same return; what another booked of their parcels since is told."""
    units, condition = _read(_UNITS, said["quantity"]) or 1, said["condition"] or Condition.SELLABLE
    back = what_came_back.seen(said)
    return partial(
        services.record_return,
        order_id=lines[0].shipment.order_id,
        external_id=f"{outside_numbers.AT_A_DESK}{lines[0].pk}:{what_came_back.token(said)}",
        lines=[services.ReturnedLine(line.pk, units, condition) for line in lines],
        reason=said["reason"],
        seen={line.shipment_id: back.get(line.shipment_id, 0) for line in lines},
    )


def _refused(parcel: Shipment, said: Said) -> Call:
    """The freight is that of one parcel."""
    return partial(
        services.record_refusal,
        shipment_id=parcel.pk,
        external_id=f"{outside_numbers.REFUSED}{parcel.pk}",
        freight=_read(_MONEY, said["freight"]) or ZERO,
        condition=said["condition"] or Condition.SELLABLE,
        return_date=_read(_DAY, said["act_date"]),
        seen={parcel.pk: what_came_back.seen(said).get(parcel.pk, 0)},
    )


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
        asks=_("Say who confirmed the order, and how."),
        idle=partial(selectors.nothing_to_do, "make_final"),
    ),
    ("order", "apply_late_revision"): Act(
        _("Apply the revision that came late"),
        lambda order, _said: partial(services.apply_late_revision, order_id=order.pk),
        idle=partial(selectors.nothing_to_do, "apply_late_revision"),
    ),
    ("order", "hold"): Act(
        pgettext_lazy("act", "Put on hold"),
        lambda order, said: partial(services.hold_order, order_id=order.pk, detail=said["reason"]),
        idle=partial(selectors.nothing_to_do, "hold"),
    ),
    ("order", "cancel"): Act(
        pgettext_lazy("act", "Cancel the order"),
        lambda order, said: partial(services.cancel_by_staff, order_id=order.pk, reason=said["reason"]),
        needs="reason",
        asks=_("A cancellation needs its reason."),
        idle=partial(selectors.nothing_to_do, "cancel"),
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
    ("shipment", "deliver"): Act(
        _("Record delivery"),
        lambda parcel, said: partial(services.deliver, shipment_ids=[parcel.pk], delivered_date=_day(said)),
        hears=("act_date",),
        idle=partial(selectors.nothing_to_do_with, "deliver"),
        most=MOST_OF_A_DAY,
    ),
    ("shipment", "accept"): Act(
        _("Record acceptance"),
        lambda parcel, said: partial(services.accept, shipment_ids=[parcel.pk], accepted_date=_day(said)),
        hears=("act_date",),
        idle=partial(selectors.nothing_to_do_with, "accept"),
        most=MOST_OF_A_DAY,
    ),
    ("shipment", "call_back"): Act(
        _("Call back from the warehouse"),
        lambda parcel, _said: partial(services.cancel_release, shipment_id=parcel.pk, reason=""),
        hears=(),
        idle=partial(selectors.nothing_to_do_with, "call_back"),
    ),
    ("shipment", "refuse"): Act(_("Take back a refused parcel"), _refused),
    ("shipmentline", "take_back"): Act(_("Take back"), _taken_back, is_joint=True),
}


def said_in(request: HttpRequest) -> dict[str, str]:
    return {name: request.POST.get(name, "").strip()[: field.longest] for name, field in FIELDS.items()}


def to_say_again(said: Said) -> list[tuple[str, str, StrOrPromise, StrOrPromise]]:
    """Name and text of what was filled in, for the form that confirms, and its label and words, for people."""
    return [(name, text, FIELDS[name].label, FIELDS[name].told(text)) for name, text in said.items() if text]


def act_on(page: ServiceAdmin, request: HttpRequest, order: Order) -> HttpResponse:
    """What a form of 受注伝票 asks for is shown, now beside afterwards; what is confirmed as it was shown is done, anything else shown again."""
    name, action = request.POST.get("page", ""), request.POST.get("action", "")
    act, row = _asked(page, request, order, name, action)
    said, back = act.heard(request), HttpResponseRedirect(reverse("admin:orders_order_change", args=[order.pk]))
    if act.needs and not said[act.needs]:
        page.message_user(request, str(act.asks), messages.ERROR)
        return back
    seen, tried = request.POST.get("seen", ""), list[foreseeing.Foreseen]()
    with page.refusals_as_messages(request, order.number):
        deed = foreseeing.Deed(order.pk, act.calls_on([row], said, lambda _row: str(act.title)), act.takes(row, said))
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
    key, act = key_in(request.POST.get("key", "")), ACTS.get((name, action))
    if act is None or not key:
        raise PermissionDenied
    acted_on = ACTED_ON[name]
    acting = page.admin_site._registry[acted_on.model]
    rows = acting.get_queryset(request).filter(pk=key).filter(**{acted_on.key: order.pk})
    if action not in acting.get_actions(request) or (row := rows.first()) is None:
        raise PermissionDenied
    return act, row
