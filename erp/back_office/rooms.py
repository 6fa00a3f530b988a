"""The rooms of the back office, in the order of the day's work, and what stands in each. A page that is not named here is not in the menu.

An entry is a model (``orders.order``: its list) or the name of a page of our own (``accounting_aging``), which some admin offers as a link of its
list. Whoever may not open a page does not see it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.urls import get_script_prefix, reverse
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


@dataclass(frozen=True, slots=True)
class Room:
    code: str
    title: StrOrPromise
    icon: str
    entries: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Door:
    """An entry as one user sees it."""

    title: str
    url: str


ROOMS = (
    Room("orders", pgettext_lazy("room", "Orders"), "receipt_long", (
        "orders.order", "orders_release", "orders.orderhold", "orders.orderwait", "orders.orderline", "orders.orderpayment", "orders.parkedmessage",
        "correspondence.mail",
    )),
    Room("shipping", pgettext_lazy("room", "Shipping"), "local_shipping", (
        "orders.shipment", "orders_packing", "orders_labels", "orders_tracking", "orders_take_back",
        "orders.shipmentline", "orders.return",
        "orders.salesreport", "orders.labelrun", "orders.printrun",
    )),
    Room("stock", pgettext_lazy("room", "Stock"), "inventory_2", (
        "inventory.stockbalance", "inventory_availability", "inventory.expectedreceipt", "inventory_inspect",
        "inventory.promise", "inventory.reservation", "inventory.hold",
        "inventory.stockcount", "inventory_counting",
        "inventory.transferorder", "inventory_transfer_request", "inventory.distribution", "orders.orderdistribution",
        "inventory_handle", "inventory_sort",
        "inventory.stockdocument", "inventory.stockmovement", "inventory.provisionalreceipt", "inventory_stock_then",
        "inventory.stocksnapshot", "inventory.costbalance",
        "inventory_stock_value", "inventory_stock_flow", "inventory_dead_stock", "inventory_turnover", "inventory_sell_through",
        "inventory_valuation", "inventory.writedownreview", "inventory_reorder", "inventory.reorderrule",
        "inventory.channelpolicy", "inventory.channelquota", "inventory.channellocation", "inventory.shelf",
    )),
    Room("products", pgettext_lazy("room", "Products"), "checkroom", (
        "catalog.product", "catalog.sku", "catalog.skucode", "catalog.price", "catalog.pricelist", "catalog.supplier", "catalog.brand",
        "catalog.category", "catalog.season", "catalog.color", "catalog.size",
    )),
    Room("customers", pgettext_lazy("room", "Customers"), "groups", (
        "customers.goldencustomer", "customers.customerrecord", "customers.mergeevent", "customers.account", "customers.billto",
        "customers.creditgroup", "customers.exposureentry", "insights.customerrfm", "insights.segment", "insights.rfmdefinition",
        "insights_sales",
    )),
    Room("billing", pgettext_lazy("room", "Billing and receipts"), "payments", (
        "orders.receipt", "accounting.billableitem", "accounting.openitem", "accounting.settlement", "accounting_aging", "accounting.counterparty",
        "accounting.paymentroute",
    )),
    Room("accounting", pgettext_lazy("room", "Accounting"), "account_balance", (
        "accounting.journalentry", "accounting.posting", "accounting_trial_balance", "accounting_general_ledger",
        "accounting_subsidiary_ledger", "accounting.period", "accounting.exportrun", "accounting.ledgeraccount", "accounting.accountrole",
        "accounting.exporttaxlabel", "accounting.seal",
    )),
    Room("ec", pgettext_lazy("room", "EC sites"), "hub", (
        "ec_gateway.sitestate", "ec_gateway.inboundevent", "ec_gateway.sitepush", "ec_gateway.shipmentnotice", "ec_gateway.reconciliationrun",
        "ec_gateway.reconciliationrow", "ec_gateway.listing", "ec_gateway.orderseen", "ec_gateway.siteactivity", "core.messagelog",
        "ec_gateway.ecsite", "ec_gateway.apikey", "core_owners",
    )),
    Room("settings", pgettext_lazy("room", "Settings"), "settings", (
        "core_health", "core.companyprofile", "core.channel", "correspondence.channelmail", "correspondence.mailtemplate", "core.department",
        "orders.allocationrule", "orders.carrieraccount", "inventory.location", "inventory.costpool", "inventory.standardcost",
        "inventory.writedownrule", "inventory.reason",
        "inventory.distributionpattern",
        "core.taxrate", "core.deductibleshare",
        "auth.user", "inventory.shopstaff", "auth.group", "access.staffsession", "access.signinlock", "access.accesslog",
        "core.auditrow", "core.verifyrun", "core.backuprun",
        "core.jobrun", "core.feedepoch",
    )),
)  # fmt: skip
# Before all rooms: the first page, the tasks of every room, and the files of its masters.
FIRST = ("core.stafftask", "imports.importrun")


def open_rooms(request: HttpRequest) -> Iterator[tuple[Room, list[Door]]]:
    """Each room with what this user may open in it; a room without anything is none."""
    for room in ROOMS:
        if doors := list(_doors(request, room.entries)):
            yield room, doors


def room_of(request: HttpRequest) -> Room | None:
    """The room that a page belongs to."""
    found = [(url, room) for room in ROOMS for url in map(url_of, room.entries) if request.path.startswith(url)]
    return max(found, key=lambda pair: len(pair[0]))[1] if found else None


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The menu as the theme takes it. Named in its settings."""
    first = [Door(str(_("Today")), url_of("index")), *_doors(request, FIRST)]
    groups: list[dict[str, Any]] = [{"items": [_item(request, door) for door in first]}]
    here = room_of(request)
    for room, doors in open_rooms(request):
        items = [_item(request, door) for door in doors]
        groups.append(
            {"title": room.title, "icon": room.icon, "collapsible": True, "is_here": room is here, "items": items}
        )
    for group in groups:
        # Of two pages of which one lies below the other, the one that is open is the longer.
        under = [item for item in group["items"] if item["active"]]
        for item in under:
            item["active"] = item is max(under, key=lambda each: len(each["link"]))
    return groups


def url_of(entry: str) -> str:
    # Every page asks for some hundreds of these.
    return _address(entry, get_script_prefix())


@cache
def _address(entry: str, _below: str) -> str:
    return reverse(f"admin:{entry.replace('.', '_')}_changelist" if "." in entry else f"admin:{entry}")


def title_of(entry: str) -> str:
    return (
        capfirst(str(apps.get_model(entry)._meta.verbose_name_plural))
        if "." in entry
        else str(_own_page(entry)[1].title)
    )


def _item(request: HttpRequest, door: Door) -> dict[str, Any]:
    is_first_page = door.url == url_of("index")
    active = request.path == door.url if is_first_page else request.path.startswith(door.url)
    return {"title": door.title, "link": door.url, "active": active}


def _doors(request: HttpRequest, entries: tuple[str, ...]) -> Iterator[Door]:
    for entry in entries:
        if "." in entry:
            if admin.site._registry[apps.get_model(entry)].has_view_permission(request):
                yield Door(title_of(entry), url_of(entry))
        else:
            page, link = _own_page(entry)
            if link.is_open(page, request):
                yield Door(title_of(entry), url_of(entry))


@cache
def _own_page(name: str) -> tuple[Any, Any]:
    """The admin that offers a page of our own, and how."""
    for page in admin.site._registry.values():
        for link in getattr(page, "list_links", ()):
            if link.url_name == f"admin:{name}":
                return page, link
    raise LookupError(f"no admin offers the page {name}")
