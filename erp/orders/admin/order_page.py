"""The page of one order (受注伝票): everything that became of it, as far as the user may know it, and the acts that are possible now."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from erp.core import task_kinds
from erp.core.admin import ServiceAdmin
from erp.core.messages import encode
from erp.core.models import StaffTask
from erp.core.permissions import SEE_AMOUNTS, SEE_AUDIT
from erp.orders import selectors, services
from erp.orders.admin import order_acts
from erp.orders.models import Order, OrderHold

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

# These leave a reason behind.
WITH_REASON = ("hold", "make_final", "cancel")
Reason = OrderHold.Reason
RESOLVED_BY: dict[str, StrOrPromise] = {
    Reason.UNKNOWN_SKU: _("Set the SKU of the lines that have none, then resolve."),
    Reason.TOTAL_MISMATCH: _("Ask the sales channel. Resolving accepts the total as it was charged."),
    Reason.AMOUNT_UNKNOWN: _(
        "The amounts come from the sales channel as a new revision; until then it cannot be resolved."
    ),
    Reason.CREDIT_EXCEEDED: _(
        "Talk to sales. Resolving lets the order be allocated and shipped; the limit stays as it is."
    ),
    Reason.CREDIT_WARNING: _("Look at the credit that is left, then resolve."),
    Reason.UNKNOWN_ACCOUNT: _("Check the account of the customer, then resolve."),
    Reason.SUSPICIOUS_ADDRESS: _("Ask the customer. A changed address comes from the sales channel as a new revision."),
    Reason.CUSTOMER_NOTE: _("Read the customer's note, then resolve."),
    Reason.PAYMENT_FAILED: _("Resolved by itself when the provider says that it is paid. Otherwise ask the customer."),
    Reason.PAYMENT_DIFFERENCE: _(
        "Resolved by itself when the rest is paid or a new revision asks for no more. Resolving lets the order wait for the rest, or ship where"
        " the provider will pay it."
    ),
    Reason.LATE_REVISION: _("Apply the revision that came late, or resolve to leave the order as it is."),
    Reason.NO_PAYMENT_ROUTE: _("Accounting sets the payment route, then resolve."),
    Reason.TAX_RATE: _("Ask the sales channel, or check the tax class of the style, then resolve."),
    Reason.CURRENCY: _(
        "The order comes from the sales channel in its currency as a new revision; it cannot be resolved here."
    ),
    Reason.MANUAL: _("Resolve it when what it was held for is done."),
}


def context(page: ServiceAdmin, request: HttpRequest, order: Order) -> dict[str, Any]:
    sheet = selectors.order_sheet(order)
    may = request.user.has_perm
    may_resolve = may("orders.change_orderhold")
    sections = {
        "sees_lines": may("orders.view_orderline"),
        "sees_deliveries": may("orders.view_delivery"),
        "sees_holds": may("orders.view_orderhold"),
        "sees_amounts": may("orders.view_ordertaxtotal"),
        "sees_gross": may(SEE_AMOUNTS),
        "sees_payments": may("orders.view_orderpayment"),
        "sees_shipments": may("orders.view_shipment"),
        "sees_returns": may("orders.view_return"),
        "sees_events": may("orders.view_orderevent"),
        "sees_late_revisions": may("orders.view_laterevision"),
        "sees_customer": may("customers.view_customerrecord") or may("orders.view_delivery"),
        "sets_skus": may("orders.change_orderline"),
        "confirms_money": may("orders.change_orderpayment"),
        "ships": may("orders.change_shipment"),
        "moves_reservations": may("orders.move_reservation"),
    }
    return {
        **page.admin_site.each_context(request),
        **sections,
        "opts": page.opts,
        "original": order,
        "title": "",
        "page_links": [(reverse("admin:orders_order_history", args=[order.pk]), gettext("History"))] if may(SEE_AUDIT) else [],
        "order": order,
        "sheet": sheet,
        "acts": _acts(page, request, sheet),
        "holds": [
            (hold, RESOLVED_BY.get(hold.reason, ""), may_resolve and sheet.can_be_resolved(hold))
            for hold in sheet.open_holds
        ],
        "past_holds": [hold for hold in sheet.holds if hold.resolved_at is not None],
        "entries": selectors.entries_of(sheet) if may("accounting.view_journalentry") else None,
        "items": selectors.items_of(sheet) if may("accounting.view_openitem") else None,
        "tasks": _tasks(request, sheet) if may("core.view_stafftask") else None,
        "mails": selectors.mails_of(order) if may("correspondence.view_mail") else None,
        "owes_refund": sections["confirms_money"] and selectors.refund_is_owed(sheet),
        "is_paid_again": sections["confirms_money"] and selectors.is_paid_again(order.pk),
        "receipts": selectors.receipts_of(order) if may("orders.view_receipt") else None,
        "issues_receipts": may("orders.add_receipt"),
        "writes_memos": may("orders.write_memo"),
        "longest_memo": services.LONGEST_MEMO,
        "writes_mails": may("correspondence.change_mail"),
        "messages_raw": _raw(order, request),
    }  # fmt: skip


def _tasks(request: HttpRequest, sheet: selectors.OrderSheet) -> list[StaffTask]:
    hidden = task_kinds.hidden_from(request.user)
    return [task for task in selectors.tasks_of(sheet) if not task_kinds.is_any_of(task.kind, hidden)]


def _acts(page: ServiceAdmin, request: HttpRequest, sheet: selectors.OrderSheet) -> dict[str, list[tuple[str, str]]]:
    """Name and title of every act that is possible and allowed, those that need no reason apart."""
    allowed = page.get_actions(request)
    open_acts = [(act, str(order_acts.ACTS["order", act].title)) for act in sheet.acts if act in allowed]
    return {
        "plain": [act for act in open_acts if act[0] not in WITH_REASON],
        "with_reason": [act for act in open_acts if act[0] in WITH_REASON],
    }


def _raw(order: Order, request: HttpRequest) -> list[tuple[Any, str]] | None:
    """What was sent about the order: all of it for those who read the log, what the channel said for those who work on orders."""
    sees_all = request.user.has_perm("core.view_messagelog")
    if not sees_all and not request.user.has_perm("orders.read_messages"):
        return None
    return [
        (message, json.dumps(json.loads(encode(message.body)), ensure_ascii=False, indent=1))
        for message in selectors.messages_of(order)
        if sees_all or message.direction == message.Direction.IN
    ]
