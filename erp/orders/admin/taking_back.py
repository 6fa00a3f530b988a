"""返品・受取拒否 by scanner: the number on the parcel or paper, what came back in which condition, and it is booked."""

from __future__ import annotations

import unicodedata
import uuid
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext

from catalog.selectors import scanned_codes
from erp.core.clock import business_date
from erp.core.keys import key_in
from erp.core.money import ZERO
from erp.orders import services
from erp.orders.models import ReturnLine, Shipment, ShipmentLine
from erp.orders.selectors import outside_numbers
from erp.orders.selectors.packing import parcels_scanned

if TYPE_CHECKING:
    from erp.orders.admin.shipments import ShipmentAdmin

HAS_LEFT = (Shipment.State.SHIPPED, Shipment.State.DELIVERED, Shipment.State.ACCEPTED)
Condition = ReturnLine.Condition


def take_back_page(page: ShipmentAdmin, request: HttpRequest) -> HttpResponse:
    """A scan opens a parcel; its lines are counted as good and bad; one button books the return, another the refusal of the whole parcel."""
    parcel = _opened(page, request)
    if parcel is not None and request.POST.get("act") in ("return", "refuse"):
        with page.refusals_as_messages(request, parcel.number):
            document = (
                _refuse(page, request, parcel) if request.POST["act"] == "refuse" else _return(page, request, parcel)
            )
            if document:
                told = gettext("%(parcel)s: return %(number)s is booked.") % {
                    "parcel": parcel.number,
                    "number": document,
                }
                return _page(page, request, told=told, kind="good")
    if parcel is not None:
        return _page(page, request, parcel=parcel, rows=_rows(request, parcel))
    code = unicodedata.normalize("NFKC", request.POST.get("code", "")).strip()
    if not code:
        return _page(page, request)
    seen = page.get_queryset(request)
    found = [each for each in parcels_scanned(code) if seen.filter(pk=each.pk).exists()]
    gone = [each for each in found if each.state in HAS_LEFT]
    if len(gone) == 1:
        return _page(page, request, parcel=gone[0], rows=_rows(request, gone[0]))
    if gone:
        return _page(page, request, choices=gone)
    told = gettext("No shipment has this number: %(number)s") % {"number": code}
    if found:
        told = gettext("%(number)s cannot come back: %(state)s")
        told %= {"number": found[0].number, "state": found[0].get_state_display()}
    return _page(page, request, told=told, kind="bad")


def _opened(page: ShipmentAdmin, request: HttpRequest) -> Shipment | None:
    key = key_in(request.POST.get("shipment", ""))
    found: Shipment | None = (
        page.get_queryset(request).select_related("order__channel", "delivery").filter(pk=key).first()
    )
    return found if found is not None and found.state in HAS_LEFT else None


def _rows(request: HttpRequest, parcel: Shipment) -> list[dict[str, Any]]:
    lines = list(ShipmentLine.objects.filter(shipment=parcel).select_related("order_line").order_by("pk"))
    skus = [line.order_line.sku_id for line in lines if line.order_line.sku_id]
    codes = scanned_codes(skus, on=business_date(timezone.now()))
    return [
        {
            "line": line,
            "left": line.quantity - line.returned_quantity,
            "codes": " ".join((*codes.get(line.order_line.sku_id or 0, ()), line.order_line.sku_code)),
            "good": request.POST.get(f"good_{line.pk}", ""),
            "bad": request.POST.get(f"bad_{line.pk}", ""),
        }
        for line in lines
    ]


def _return(page: ShipmentAdmin, request: HttpRequest, parcel: Shipment) -> str:
    """The number of the document; nothing where nothing was counted. The same form pressed twice is the same return, another's is not."""
    counted, unread = [], []
    for row in _rows(request, parcel):
        for text, condition in ((row["good"], Condition.SELLABLE), (row["bad"], Condition.DEFECTIVE)):
            typed = unicodedata.normalize("NFKC", text).strip()
            if typed and not (typed.isdecimal() and len(typed) < 7):
                unread.append(row["line"].order_line.sku_code)
            elif typed and int(typed):
                counted.append(services.ReturnedLine(row["line"].pk, int(typed), condition))
    if unread or not counted:
        told = (
            gettext("Pieces are whole numbers: %(names)s") % {"names": ", ".join(unread)}
            if unread
            else gettext("Nothing was counted.")
        )
        page.message_user(request, told, messages.ERROR)
        return ""
    form = request.POST.get("form", "")[:40] or str(_before(request))
    document = page.serve(
        request,
        services.record_return,
        order_id=parcel.order_id,
        external_id=f"{outside_numbers.SCANNED}{parcel.pk}:{form}",
        lines=counted,
        reason=request.POST.get("reason", "")[:200],
        seen={parcel.pk: _before(request)},
    )
    return str(document.number)


def _refuse(page: ShipmentAdmin, request: HttpRequest, parcel: Shipment) -> str:
    try:
        freight: Decimal = forms.DecimalField(required=False, min_value=0).clean(request.POST.get("freight")) or ZERO
    except forms.ValidationError as fault:
        page.message_user(request, " ".join(fault.messages), messages.ERROR)
        return ""
    condition = Condition.DEFECTIVE if request.POST.get("condition") == Condition.DEFECTIVE else Condition.SELLABLE
    document = page.serve(
        request,
        services.record_refusal,
        shipment_id=parcel.pk,
        external_id=f"{outside_numbers.REFUSED}{parcel.pk}",
        freight=freight,
        condition=condition,
        seen={parcel.pk: _before(request)},
    )
    return str(document.number)


def _before(request: HttpRequest) -> int:
    """How many pieces of the parcel had come back when its form was opened."""
    before = request.POST.get("before", "")
    return int(before) if before.isascii() and before.isdecimal() and len(before) < 10 else 0


def _page(page: ShipmentAdmin, request: HttpRequest, **context: Any) -> HttpResponse:
    rows = context.get("rows", ())
    shared = {
        **page.admin_site.each_context(request),
        "opts": page.opts,
        "title": gettext("Take goods back"),
        "reason": request.POST.get("reason", "")[:200],
        "before": sum(row["line"].returned_quantity for row in rows),
        "form": request.POST.get("form", "")[:40] if rows and request.POST.get("act") else uuid.uuid4().hex,
    }
    return TemplateResponse(request, "admin/orders/shipment/take_back.html", {**shared, **context})
