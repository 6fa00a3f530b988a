"""Which pages show personal data or costs. Whoever opens one, or takes a file out of any page, is written into the access log.

A model whose fields hold what identifies people is named in ``PERSONAL``; a test finds one that is missing. Costs are what the ``costs`` of a
page name, and the pages of ``COSTS``. A file is whatever an answer offers to save, so that no export can be forgotten.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

import structlog
from django.apps import apps
from django.contrib import admin
from django.db import Error
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

from erp.access.models import AccessLog
from erp.access.pages import visit_of
from erp.access.services import note
from erp.core.permissions import SEE_COSTS
from erp.imports.masters import named

log = structlog.get_logger(__name__)

PERSONAL = frozenset({
    "accounting.billableitem", "accounting.openitem", "accounting.settlement", "auth.user", "core.auditrow", "core.messagelog",
    # Pages of our own that begin with the name of no such table.
    "accounting_aging", "accounting_settle", "accounting_subsidiary_ledger", "find", "insights_account_card", "insights_customer_card",
    "insights_undo_merge", "insights_sales_lines", "orders_labels", "orders_packing", "orders_release", "orders_take_back", "orders_tracking",
    "correspondence.mail", "orders.labelrun", "orders.receipt",
    "customers.account", "customers.billto", "customers.contact", "customers.customerrecord", "customers.goldencustomer",
    "customers.mergeevent", "customers.shipto", "ec_gateway.inboundevent", "ec_gateway.orderseen", "insights.customerrfm", "inventory.hold",
    "access.accesslog", "access.staffsession", "access.signinlock", "imports.importrun",
    # Names the account that holds its pieces.
    "inventory.location",
    # Their acts are shown first, with the names of the orders they change.
    "orders.orderline", "orders.shipmentline",
    "orders.order", "orders.orderhold", "orders.orderpayment", "orders.parkedmessage", "orders.return", "orders.shipment",
})  # fmt: skip
COSTS = frozenset(
    {
        "catalog.skucost",
        "catalog.sku",
        "inventory.costbalance",
        "inventory_at_standard",
        "inventory_booked_later",
        "inventory_dead_stock",
        "inventory_stock_flow",
        "inventory_stock_value",
        "inventory_turnover",
        "inventory_valuation",
        "inventory_write_down_review",
        "inventory.writedownreview",
        "inventory_stock_then",
        "insights_sales",
        "insights_sales_lines",
    }
)
# The page that takes the rows of any master out.
EXPORT_OF_ANY = "imports_export"
# Ways to a page of a model that Django's admin names.
WAYS = ("changelist", "change", "history", "add", "delete")


@dataclass(frozen=True, slots=True)
class Page:
    is_personal: bool
    is_cost: bool


def page_of(url_name: str, *, sees_costs: bool, kind: str = "") -> Page:
    """What a page of the admin shows, by its name: ``orders_order_change``, or one of our own. ``kind`` is the master of an export."""
    master = named(kind) if url_name == EXPORT_OF_ANY else None
    label = _label_of(url_name) if master is None else master.model._meta.label_lower
    shows_costs = label in COSTS or url_name in COSTS
    if label and not shows_costs:
        shows_costs = bool(getattr(admin.site._registry.get(apps.get_model(label)), "costs", ()))
    return Page(label in PERSONAL or url_name in PERSONAL, shows_costs and sees_costs)


def _label_of(url_name: str) -> str:
    name, _sep, way = url_name.rpartition("_")
    if way not in WAYS:
        # A page of our own for a document, such as its sheet, begins with the name of its model.
        name = url_name
    for model in admin.site._registry:
        known = f"{model._meta.app_label}_{model._meta.model_name}"
        if name == known or (way not in WAYS and url_name.startswith(f"{known}_")):
            return model._meta.label_lower
    return ""


def file_name(disposition: str) -> str:
    """The name a browser saves under, also one in Japanese, which comes as ``filename*``."""
    header = EmailMessage()
    header["Content-Disposition"] = disposition
    return header.get_filename("")


class Disclosure:
    """Writes after the answer was made, in a statement of its own: a page is not refused because its line could not be written."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        answer = self.get_response(request)
        match = request.resolver_match
        if match is None or match.app_name != "admin" or answer.status_code != 200 or not request.user.is_authenticated:
            return answer
        name = match.url_name or ""
        disposition = str(answer.headers.get("Content-Disposition", ""))
        page = page_of(name, sees_costs=request.user.has_perm(SEE_COSTS), kind=request.GET.get("kind", ""))
        if disposition.startswith("attachment"):
            self._note(request, AccessLog.Kind.TAKEN_OUT, page, file_name(disposition))
        elif request.method in ("GET", "POST") and (page.is_personal or page.is_cost):
            self._note(request, AccessLog.Kind.OPENED, page, "")
        return answer

    @staticmethod
    def _note(request: HttpRequest, kind: str, page: Page, detail: str) -> None:
        told: dict[str, Any] = {"user": request.user, "visit": visit_of(request), "at": timezone.now()}
        try:
            note(kind, **told, is_personal=page.is_personal, is_cost=page.is_cost, detail=detail)
        except Error:
            log.exception("an access could not be logged", page=request.path, user=request.user.get_username())
