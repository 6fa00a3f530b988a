"""入荷検品: the expected deliveries, and the page on which one of them is counted by scan or by typing."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext

from erp.core.clock import business_date
from erp.inventory import services
from erp.inventory.admin.baskets import pieces_typed, plain
from erp.inventory.models import ExpectedReceipt
from erp.inventory.selectors import arrivals

if TYPE_CHECKING:
    from erp.inventory.admin.claims import ExpectedReceiptAdmin

MOST_DELIVERIES = 100
MOST_LINES = 300


def inspection_page(page: ExpectedReceiptAdmin, request: HttpRequest) -> HttpResponse:
    if not request.user.has_perm("inventory.receive_stock"):
        raise PermissionDenied
    rows: QuerySet[ExpectedReceipt] = page.get_queryset(request).filter(cancelled_at__isnull=True)
    purchase = (request.POST if request.method == "POST" else request.GET).get("purchase", "")
    if not purchase:
        return _deliveries(page, request, rows)
    lines = rows.filter(external_id=purchase)
    if request.method == "POST":
        answer = _book(page, request, purchase, lines)
        if answer is not None:
            return answer
    goods = arrivals.expected_goods(lines, on=business_date(timezone.now()), limit=MOST_LINES)
    now = timezone.localtime()
    context = {
        "purchase": purchase,
        "rows": [(item, {part: _typed(request, part, item.expected_receipt_id) for part in _PARTS}) for item in goods],
        "slip": request.POST.get("slip") or f"{purchase}/{now:%m%d%H%M}-{secrets.token_hex(2)}",
        "kinds": arrivals.places_for_inspection(),
        "accepts_more": request.POST.get("accepts_more", ""),
    }
    return _page(page, request, **context)


def _deliveries(page: ExpectedReceiptAdmin, request: HttpRequest, rows: QuerySet[ExpectedReceipt]) -> HttpResponse:
    """What is expected, soonest first. A scan of its number or of goods in it opens it."""
    waiting = arrivals.open_expectations().filter(pk__in=rows.values("pk"))
    code = plain(request.GET.get("code", ""))
    if not code:
        return _page(page, request, deliveries=arrivals.expected_deliveries(waiting, limit=MOST_DELIVERIES))
    found = arrivals.purchases_scanned(waiting, code, on=business_date(timezone.now()))
    if len(found) == 1:
        return HttpResponseRedirect(f"{reverse('admin:inventory_inspect')}?{urlencode({'purchase': found[0]})}")
    shown = arrivals.expected_deliveries(waiting.filter(external_id__in=found), limit=MOST_DELIVERIES)
    told = "" if found else gettext("Nothing is expected under %(code)s.") % {"code": code}
    return _page(page, request, deliveries=shown, told=told)


_PARTS = ("sellable", "defective", "waiting")


def _book(
    page: ExpectedReceiptAdmin, request: HttpRequest, purchase: str, rows: QuerySet[ExpectedReceipt]
) -> HttpResponse | None:
    """None where it was refused; the page then shows what was typed."""
    lines, unread = [], []
    for key, code in rows.order_by("line_no").values_list("pk", "sku__code")[:MOST_LINES]:
        typed = [_typed(request, part, key) for part in _PARTS]
        if all(text == "" or pieces_typed(text) is not None for text in typed):
            lines.append(services.InspectedLine(key, *(int(text or 0) for text in typed)))
        else:
            unread.append(code)
    slip = request.POST.get("slip", "").strip()[:80]
    if unread or not slip:
        told = (
            gettext("Pieces are whole numbers: %(names)s") % {"names": ", ".join(unread)}
            if unread
            else gettext("The slip number is missing.")
        )
        page.message_user(request, told, messages.ERROR)
        return None
    done = []
    with page.refusals_as_messages(request):
        done = page.serve(
            request,
            services.receive_inspected,
            external_id=slip,
            purchase=purchase,
            lines=lines,
            accepts_more=bool(request.POST.get("accepts_more")),
            occurred_at=None,
        )
    if not done:
        return None
    pieces = sum(line.pieces for line in lines)
    told = gettext("%(slip)s: %(pieces)d pieces received.") % {"slip": slip, "pieces": pieces}
    if all(booked.is_replay for booked in done):
        told = f"{slip}: {gettext('Booked before, nothing changed.')}"
    return page.done(request, told, "admin:inventory_inspect")


def _typed(request: HttpRequest, part: str, key: int) -> str:
    return plain(request.POST.get(f"{part}_{key}", ""))


def _page(page: ExpectedReceiptAdmin, request: HttpRequest, **context: Any) -> HttpResponse:
    shared = {**page.admin_site.each_context(request), "opts": page.opts, "title": gettext("Inspect arrivals")}
    return TemplateResponse(request, "inventory/inspect.html", {**shared, **context})
