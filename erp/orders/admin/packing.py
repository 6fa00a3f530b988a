"""検品・出荷確定 with a scanner: a parcel's number, its pieces one by one, then it leaves.

The server judges every scan; the page only answers faster."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext

from erp.core.admin.refusals import for_people
from erp.core.clock import business_date
from erp.core.errors import DomainError
from erp.core.identifiers import plain
from erp.core.keys import key_in
from erp.orders import services
from erp.orders.admin import prints
from erp.orders.models import CANCEL_WHILE_PICKING, PrintRun, Shipment
from erp.orders.selectors.carriers import carrier_of
from erp.orders.selectors.packing import (
    MOST_COUNTED,
    PackItem,
    count,
    items_of,
    news_of,
    parcels_scanned,
    waiting_parcels,
)

if TYPE_CHECKING:
    from erp.orders.admin.shipments import ShipmentAdmin

MOST_SCANS = 2_000
# Of the parcels that wait: as many as are read from a screen.
MOST_WAITING = 30


def packing_page(page: ShipmentAdmin, request: HttpRequest) -> HttpResponse:
    """One parcel at a time. What was scanned so far travels in the form, so nothing is written before the parcel leaves."""
    code = unicodedata.normalize("NFKC", request.POST.get("code", "")).strip()
    scans = request.POST.get("scans", "").split()[:MOST_SCANS]
    parcel = _parcel(page, request, request.POST.get("shipment", ""))
    if "leave" in request.POST or parcel is None:
        return _start(page, request, "" if "leave" in request.POST else code)
    if parcel.state != Shipment.State.INSTRUCTED:
        return _answer(page, request, *_not_waiting(parcel))
    items = items_of(parcel, on=business_date(timezone.now()))
    count(items, scans)
    if all(item.is_complete for item in items):
        return _ship(page, request, parcel, items, scans, code)
    return _scan(page, request, parcel, items, scans, code)


def _start(page: ShipmentAdmin, request: HttpRequest, code: str) -> HttpResponse:
    """Nothing is open: the scan names a parcel."""
    if not code:
        return _answer(page, request, "", "plain")
    seen = page.get_queryset(request)
    found = [parcel for parcel in parcels_scanned(code) if seen.filter(pk=parcel.pk).exists()]
    waiting = [parcel for parcel in found if parcel.state == Shipment.State.INSTRUCTED] or found
    if not waiting:
        return _answer(page, request, gettext("No shipment has this number: %(number)s") % {"number": code}, "bad")
    if len(waiting) > 1:
        told = gettext("The order has several shipments; name one: %(numbers)s")
        return _answer(page, request, told % {"numbers": ", ".join(each.number for each in waiting)}, "bad")
    parcel = waiting[0]
    if parcel.state != Shipment.State.INSTRUCTED:
        return _answer(page, request, *_not_waiting(parcel))
    news = news_of(parcel)
    if CANCEL_WHILE_PICKING in news:
        told = gettext("%(number)s: a cancellation has come. Do not ship it; hand it to the order desk.")
        return _answer(page, request, told % {"number": parcel.number}, "bad")
    items = items_of(parcel, on=business_date(timezone.now()))
    told, kind = gettext("Scan the goods."), "plain"
    if "AMEND_AFTER_RELEASE" in news:
        told, kind = gettext("A change of the order came late. Ask the order desk before you go on."), "odd"
    return _answer(page, request, told, kind, parcel=parcel, items=items)


def _scan(
    page: ShipmentAdmin, request: HttpRequest, parcel: Shipment, items: list[PackItem], scans: list[str], code: str
) -> HttpResponse:
    """A piece. The answer is what the page itself says when it can."""
    if not code:
        left = sum(item.needed - item.counted for item in items)
        told, kind = gettext("%(left)d pieces are still missing.") % {"left": left}, "bad"
    elif refused := count(items, [code]):
        item = refused[0].item
        if item is None:
            told = gettext("Wrong item: %(code)s does not belong into this parcel.") % {"code": code}
        else:
            told = gettext("Too many: %(item)s is complete already.") % {"item": item.name}
        kind = "bad"
    else:
        scans = [*scans, code]
        told, kind = gettext("Scan the goods."), "plain"
        if all(item.is_complete for item in items):
            told, kind = gettext("All is there. Press Enter, or scan the tracking number, to ship it."), "good"
    return _answer(page, request, told, kind, parcel=parcel, items=items, scans=scans)


def _ship(
    page: ShipmentAdmin, request: HttpRequest, parcel: Shipment, items: list[PackItem], scans: list[str], code: str
) -> HttpResponse:
    """Everything is there: Enter, the parcel's own number or its tracking number lets it leave."""
    open_parcel: dict[str, Any] = {"parcel": parcel, "items": items, "scans": scans}
    tracking = "" if code in ("", parcel.number) else plain(code)
    # A SKU has hyphens that no tracking number keeps.
    again = next((item for item in items if tracking and {code, tracking} & set(item.codes)), None)
    if again is not None:
        told, item = gettext("Too many: %(item)s is complete already."), again
        return _answer(page, request, told % {"item": item.name}, "bad", **open_parcel)
    carrier = carrier_of(parcel.carrier or parcel.delivery.carrier)
    if tracking and (fault := services.fault_of_number(tracking, carrier)):
        return _answer(page, request, fault, "bad", **open_parcel)
    try:
        page.serve(request, services.ship, requests=[services.ShipRequest(parcel.pk, tracking_number=tracking)])
    except DomainError as refusal:
        return _answer(page, request, f"{parcel.number}: {for_people(refusal)}", "bad", **open_parcel)
    told = gettext("%(number)s has left. Scan the next shipment.") % {"number": parcel.number}
    return _answer(page, request, told, "good")


def _not_waiting(parcel: Shipment) -> tuple[str, str]:
    told = gettext("%(number)s is not to be shipped: %(state)s")
    return told % {"number": parcel.number, "state": parcel.get_state_display()}, "bad"


def _parcel(page: ShipmentAdmin, request: HttpRequest, key: str) -> Shipment | None:
    rows = page.get_queryset(request).select_related("order__channel", "delivery")
    found: Shipment | None = rows.filter(pk=key_in(key)).first()
    return found


def _answer(
    page: ShipmentAdmin,
    request: HttpRequest,
    told: str,
    kind: str,
    *,
    parcel: Shipment | None = None,
    items: list[PackItem] | None = None,
    scans: list[str] | None = None,
) -> HttpResponse:
    waiting_count, waiting = (
        waiting_parcels(page.get_queryset(request), limit=MOST_WAITING) if parcel is None else (0, [])
    )
    context = {
        "opts": page.opts,
        "title": gettext("Inspect and ship"),
        "waiting": waiting,
        "waiting_count": f"{MOST_COUNTED}+" if waiting_count > MOST_COUNTED else str(waiting_count),
        "waiting_more": waiting_count > len(waiting),
        "today": business_date(timezone.now()),
        "told": told,
        "told_kind": kind,
        "parcel": parcel,
        "picking_list": prints.told_on_page(PrintRun.Kind.PICKING_LIST, parcel) if parcel else "",
        "items": items or [],
        "is_complete": bool(items) and all(item.is_complete for item in items or []),
        "scans": " ".join(scans or []),
    }
    shared = page.admin_site.each_context(request)
    return TemplateResponse(request, "admin/orders/shipment/packing.html", {**shared, **context})
