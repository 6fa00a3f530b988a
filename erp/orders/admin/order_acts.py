"""The acts of the order desk on one order, and what would come of one: it is done, looked at, and undone before anybody sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext

from erp.core.admin import ServiceAdmin
from erp.core.money import ZERO
from erp.core.task_kinds import label_of
from erp.orders import selectors, services
from erp.orders.admin import order_page
from erp.orders.models import Order

if TYPE_CHECKING:
    from collections.abc import Iterator

NEEDS_REASON = ("make_final", "cancel")


def service_of(act: str, order_id: int, reason: str = "") -> Callable[..., object]:
    """The one call that an act on an order makes."""
    calls: Mapping[str, Callable[..., object]] = {
        "allocate": partial(services.allocate_by_hand, order_ids=[order_id]),
        "release": partial(services.release_orders, order_ids=[order_id]),
        "release_in_part": partial(services.release_orders, order_ids=[order_id], in_part=True),
        "make_final": partial(services.make_final, order_id=order_id, reason=reason),
        "apply_late_revision": partial(services.apply_late_revision, order_id=order_id),
        "hold": partial(services.hold_order, order_id=order_id, detail=reason),
        "cancel": partial(services.cancel_by_staff, order_id=order_id, reason=reason),
    }
    return calls[act]


def foresee(page: ServiceAdmin, request: HttpRequest, order: Order) -> HttpResponse:
    """What an act would change on this order, beside what is; its confirmation does it."""
    act, reason = request.POST.get("action", ""), request.POST.get("reason", "").strip()[:200]
    titles = order_page.titles_of(page, request)
    if request.method != "POST" or act not in titles:
        raise PermissionDenied
    back = reverse("admin:orders_order_change", args=[order.pk])
    if act in NEEDS_REASON and not reason:
        page.message_user(request, gettext("Give a reason."), messages.ERROR)
        return HttpResponseRedirect(back)
    now, then = _told(request, order), dict[str, str]()
    with page.refusals_as_messages(request, order.number):
        then = page.try_out(
            request,
            service_of(act, order.pk, reason),
            lambda: _told(request, page.get_queryset(request).get(pk=order.pk)),
        )
    if not then:
        return HttpResponseRedirect(back)
    labels = dict.fromkeys([*now, *then])
    changes = [
        (label, now.get(label, "–"), then.get(label, "–")) for label in labels if now.get(label) != then.get(label)
    ]
    context = {
        **page.admin_site.each_context(request),
        "opts": page.opts,
        "original": order,
        "title": titles[act],
        "order": order,
        "act": act,
        "act_title": titles[act],
        "reason": reason,
        "changes": changes,
    }
    return TemplateResponse(request, "admin/orders/order/foresee.html", context)


def _told(request: HttpRequest, order: Order) -> dict[str, str]:
    """An order in lines of words, as far as the user may know it; what differs between two of them is what an act changes."""
    sheet, may = selectors.order_sheet(order), request.user.has_perm
    told = {gettext("state"): str(order.get_state_display())}
    told[gettext("reasons to wait")] = _listed(hold.get_reason_display() for hold in sheet.open_holds)
    told[gettext("why stock is not reserved")] = _listed(wait.get_reason_display() for wait in sheet.waits)
    if order.is_provisional:
        told[gettext("provisional")] = gettext("yes")
    if may("orders.view_orderline"):
        told |= {f"{line.row.line_no} {_name_of(line.row)}": _line(line) for line in sheet.lines}
    if may("orders.view_shipment"):
        told |= {_parcel_name(parcel): str(parcel.row.get_state_display()) for parcel in sheet.shipments}
    if may("orders.view_orderpayment"):
        told |= {f"{row.line_no}. {row.get_method_display()}": str(row.get_status_display()) for row in sheet.payments}
        kept = sum((row.received_amount - row.applied_amount - row.refunded_amount for row in sheet.payments), ZERO)
        to_refund = kept if order.cancelled_at is not None else ZERO
        told[gettext("prepaid money to give back")] = f"{to_refund:,.0f}"
    if may("accounting.view_openitem"):
        items = [found.item for found in selectors.items_of(sheet)]
        for side, title in (("DEBIT", gettext("still owed to us")), ("CREDIT", gettext("still owed by us"))):
            told[title] = f"{sum((item.remaining for item in items if item.side == side), ZERO):,.0f}"
    if may("core.view_stafftask"):
        still_open = [task for task in selectors.tasks_of(sheet) if task.closed_at is None]
        told[gettext("open tasks")] = _listed(label_of(task.kind) for task in still_open)
    if may("correspondence.view_mail"):
        mails = selectors.mails_of(order)
        told[gettext("mails to shoppers")] = _listed(
            f"{mail.get_kind_display()}({mail.get_state_display()})" for mail in mails
        )
    return told


def _name_of(row: Any) -> str:
    return f"{row.sku.code if row.sku_id else row.sku_code or row.channel_item_code} {row.name}"


def _line(line: selectors.SheetLine) -> str:
    def parts() -> Iterator[str]:
        for kept in line.reserved:
            yield gettext("reserved %(place)s %(count)d") % {
                "place": f"{kept.place} {kept.sku}".strip(),
                "count": kept.quantity,
            }
        for count, words in (
            (line.lacking, gettext("lacking %(count)d")),
            (line.row.shipped_quantity, gettext("shipped %(count)d")),
            (line.row.cancelled_quantity, gettext("cancelled %(count)d")),
        ):
            if count:
                yield words % {"count": count}

    return _listed(parts())


def _parcel_name(parcel: selectors.SheetShipment) -> str:
    """By what is in it: the number of one that does not exist yet is not known."""
    contents = "、".join(f"{_name_of(line.order_line)} × {line.quantity}" for line in parcel.lines)
    return gettext("parcel: %(contents)s") % {"contents": contents}


def _listed(words: Any) -> str:
    return "、".join(map(str, words)) or "–"
