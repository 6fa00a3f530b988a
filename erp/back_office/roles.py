"""The roles of the house: what each may see and do. This table is the law; groups of these names are made from it and follow it.

Duties are kept apart: nobody who ships writes journals, nobody who maintains suppliers or counterparties pays, nobody who grants access trades,
and 経営 looks at everything and writes nothing. ``docs/roles.md`` shows every page and every act for every role; a test keeps it true.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.apps import apps as installed_apps
from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from erp.core.permissions import SEE_AMOUNTS, SEE_COSTS
from erp.inventory.selectors.staff import ALL_LOCATIONS

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


@dataclass(frozen=True, slots=True)
class Role:
    """``name`` is the group's and Japanese, as data of a Japanese company is. ``permissions`` are ``app.codename``."""

    name: str
    login: str
    does: str
    permissions: frozenset[str]


def _looks(models: Iterable[str], *verbs: str) -> set[str]:
    return {
        f"{app}.{verb}_{model}"
        for app, _dot, model in (each.partition(".") for each in models)
        for verb in ("view", *verbs)
    }


def looks_at(*models: str) -> set[str]:
    return _looks(models)


def acts_on(*models: str) -> set[str]:
    """Look, and do what the actions of the list do."""
    return _looks(models, "change")


def keeps(*models: str) -> set[str]:
    """Masters, and documents that are typed: look, add and change."""
    return _looks(models, "add", "change")


STYLES = (
    "catalog.product", "catalog.sku", "catalog.skucode", "catalog.kitcomponent", "catalog.pricelist", "catalog.price", "catalog.brand",
    "catalog.category", "catalog.season", "catalog.color", "catalog.size",
)  # fmt: skip
ORDER = (
    "orders.order", "orders.orderline", "orders.delivery", "orders.orderfee", "orders.orderadjustment", "orders.ordertaxtotal",
    "orders.orderhold", "orders.orderwait", "orders.orderevent", "orders.laterevision", "orders.orderdistribution",
)  # fmt: skip
PARCELS = (
    "orders.shipment",
    "orders.shipmentline",
    "orders.return",
    "orders.returnline",
    "orders.salesreport",
    "orders.salesreportline",
    "orders.labelrun",
    "orders.labelrunline",
    "orders.printrun",
    "orders.printrunline",
)
STOCK = (
    "inventory.stockbalance", "inventory.stockdocument", "inventory.stockmovement", "inventory.reservation", "inventory.hold",
    "inventory.holdline", "inventory.expectedreceipt", "inventory.promise", "inventory.provisionalreceipt", "inventory.location",
    "inventory.stocksnapshot", "inventory.stockcount",
    "inventory.transferorder", "inventory.distribution",
)  # fmt: skip
RULES = ("inventory.channelpolicy", "inventory.channelquota")
BOOKS = (
    "accounting.journalentry", "accounting.posting", "accounting.openitem", "accounting.settlement", "accounting.billableitem",
    "accounting.ledgeraccount", "accounting.accountrole", "accounting.period", "accounting.seal", "accounting.exportrun",
    "accounting.exporttaxlabel", "accounting.counterparty", "accounting.paymentroute",
)  # fmt: skip
VALUATION = (
    "inventory.standardcost",
    "inventory.writedownrule",
    "inventory.writedownreview",
    "inventory.writedownline",
)
PEOPLE = ("customers.goldencustomer", "customers.customerrecord", "customers.channelidentity", "customers.mergeevent")
TRADE_ACCOUNTS = (
    "customers.account", "customers.billto", "customers.shipto", "customers.contact", "customers.creditgroup", "customers.exposureentry",
)  # fmt: skip
SEGMENTS = ("insights.segment", "insights.rfmdefinition")
SCORES = ("insights.customerrfm", *SEGMENTS)
SITES = (
    "ec_gateway.ecsite", "ec_gateway.sitestate", "ec_gateway.siteactivity", "ec_gateway.inboundevent", "ec_gateway.orderseen",
    "ec_gateway.sitepush", "ec_gateway.shipmentnotice", "ec_gateway.reconciliationrun", "ec_gateway.reconciliationrow", "ec_gateway.listing",
    "ec_gateway.apikey", "core.messagelog",
)  # fmt: skip
RECEIPTS = ("orders.receipt",)
# Frozen when issued, so nobody changes one.
ISSUES_RECEIPTS = {"orders.view_receipt", "orders.add_receipt"}
MAILS = ("correspondence.mail", "correspondence.mailevent")
MAIL_WORDS = ("correspondence.mailtemplate", "correspondence.channelmail", "correspondence.mailrule")
# What is sold where and to whom, with amounts.
SALES = "insights.analyse_sales"
COMPANY = ("core.channel", "core.department")
TASKS = ("core.stafftask",)
# Files of masters: each of the masters that the role keeps, and no other.
IMPORTS = ("imports.importrun",)
DOORS = ("access.staffsession", "access.signinlock", "access.accesslog")

ROLES = (
    Role("受注担当", "juchu", "Order desk: takes orders from 確認待ち to 出荷指示, keeps trade accounts and customers.", frozenset(
        {SALES, "orders.read_messages", "orders.write_memo", "orders.move_reservation", ALL_LOCATIONS, SEE_AMOUNTS}
        | {"orders.distribute_to_orders"}
        | {"orders.delete_allocationrule"}
        | keeps("orders.allocationrule")
        | acts_on("orders.order", "orders.orderhold", "orders.orderline", "customers.customerrecord", "customers.mergeevent", *TASKS)
        | looks_at(*ORDER, *PARCELS, "orders.orderpayment", "orders.parkedmessage", *STYLES, *STOCK, *PEOPLE, *TRADE_ACCOUNTS, *SCORES, *COMPANY)
        | keeps("inventory.hold", "orders.salesreport", "customers.account", "customers.shipto", "customers.contact", *IMPORTS)
        | looks_at("ec_gateway.inboundevent", "ec_gateway.orderseen", *MAILS, *MAIL_WORDS)
        | acts_on("correspondence.mail")
        | keeps("correspondence.mailtemplate")
        | ISSUES_RECEIPTS
    )),
    Role("倉庫", "soko", "Warehouse: ships, takes back, receives, moves and counts. Sees no costs and no amounts of orders.", frozenset(
        {ALL_LOCATIONS, "inventory.receive_stock", "inventory.adjust_stock", "inventory.transfer_stock", "inventory.count_stock"}
        | {"inventory.return_stock", "inventory.delete_shelf", "orders.write_memo"}
        | {"inventory.distribute_stock"}
        | keeps("inventory.shelf", *IMPORTS)
        | acts_on("orders.shipment", "orders.shipmentline", *TASKS)
        | looks_at("orders.order", "orders.orderline", "orders.delivery", "orders.orderhold", *PARCELS, *STYLES, *STOCK, "inventory.reason")
        | looks_at("ec_gateway.shipmentnotice", *COMPANY)
    )),
    Role("経理", "keiri", "Accounting: journals, receipts and payments, closing, credit terms, the value of stock.", frozenset(
        {SALES, ALL_LOCATIONS, SEE_COSTS, SEE_AMOUNTS, "orders.write_memo", "accounting.reopen_period", "accounting.add_settlement"}
        | {"inventory.write_down_stock", "inventory.add_late_cost", "inventory.invoice_stock", "inventory.approve_count"}
        | {"inventory.revalue_stock", "inventory.delete_standardcost", "inventory.delete_writedownrule"}
        | keeps("inventory.standardcost", "inventory.writedownrule")
        | looks_at(*VALUATION, "inventory.reorderrule")
        | looks_at(*BOOKS, *ORDER, *PARCELS, "orders.orderpayment", *STOCK, "inventory.costbalance", "inventory.costpool", "inventory.reason")
        | looks_at(*STYLES, "catalog.supplier", "catalog.skucost", *PEOPLE, *TRADE_ACCOUNTS, *COMPANY, "core.companyprofile")
        | looks_at("core.taxrate", "core.deductibleshare", "core.auditrow", "core.verifyrun")
        | acts_on("accounting.journalentry", "accounting.period", "orders.orderpayment", *TASKS)
        | keeps("accounting.journalentry", "accounting.exportrun", "accounting.ledgeraccount")
        | keeps("accounting.accountrole", "accounting.exporttaxlabel", "core.taxrate", "core.deductibleshare")
        | ISSUES_RECEIPTS
        | looks_at(*MAILS)
        | acts_on("correspondence.mail")
        | keeps("customers.creditgroup", "customers.billto", "inventory.costpool", "inventory.reason", *IMPORTS)
    )),
    Role("商品管理", "md", "Merchandise (MD): styles, SKUs, prices, costs, suppliers, what should arrive. Pays nobody.", frozenset(
        {SALES, ALL_LOCATIONS, SEE_COSTS, SEE_AMOUNTS}
        | keeps(*STYLES, "catalog.supplier", "catalog.skucost", "inventory.expectedreceipt", *RULES, *IMPORTS)
        | keeps("inventory.reorderrule")
        | looks_at(*VALUATION)
        | {"catalog.delete_skucode", "inventory.delete_channelpolicy", "inventory.delete_channelquota", "inventory.delete_reorderrule"}
        | {"inventory.distribute_stock", "orders.distribute_to_orders", "inventory.delete_patternshare"}
        | looks_at("orders.orderdistribution")
        | keeps("inventory.distributionpattern", "inventory.patternshare")
        | looks_at(*STOCK, "inventory.channellocation", "inventory.costbalance", "inventory.costpool", "inventory.reason", *COMPANY)
        | looks_at("orders.order", "orders.orderline", "orders.return", "orders.returnline", "ec_gateway.listing", *SEGMENTS)
        | acts_on(*TASKS)
    )),
    Role("店舗", "tenpo", "Shop: the stock of its own shop, counts and moves it, keeps pieces for customers, sees its own sales.", frozenset(
        {SALES, SEE_AMOUNTS, "orders.write_memo", "inventory.adjust_stock", "inventory.transfer_stock", "inventory.count_stock"}
        | looks_at("inventory.stockbalance", "inventory.stockdocument", "inventory.stockmovement", "inventory.expectedreceipt")
        | looks_at("inventory.stockcount", "inventory.provisionalreceipt", "inventory.reservation", "inventory.holdline", "inventory.reason", *STYLES)
        | looks_at("inventory.promise")
        | looks_at("inventory.transferorder")
        | looks_at("orders.order", "orders.orderline", "orders.return", "orders.returnline", "orders.shipment", "orders.shipmentline")
        | keeps("inventory.hold")
    )),
    Role("EC運営", "ec", "EC sites: connections, inbox, what sites are told, comparison with them, safety stock per channel.", frozenset(
        {SALES, ALL_LOCATIONS, SEE_AMOUNTS, "orders.write_memo"}
        | looks_at(*SITES, *ORDER, "orders.orderpayment", "orders.parkedmessage", *PARCELS, *STYLES, *STOCK, *SCORES, *COMPANY)
        | acts_on("ec_gateway.sitestate", "ec_gateway.inboundevent", "ec_gateway.sitepush", "ec_gateway.shipmentnotice", *TASKS)
        | acts_on("ec_gateway.reconciliationrun")
        | keeps("ec_gateway.listing", *RULES, "inventory.channellocation", "insights.segment", *IMPORTS)
        | acts_on("correspondence.mail")
        | looks_at(*MAILS)
        | keeps(*MAIL_WORDS)
        | {"correspondence.delete_mailtemplate"}
        | ISSUES_RECEIPTS
        | {"inventory.delete_channelpolicy", "inventory.delete_channelquota", "inventory.delete_channellocation"}
    )),
    Role("経営", "keiei", "Management: looks at everything, writes nothing.", frozenset(
        {SALES, ALL_LOCATIONS, SEE_COSTS, SEE_AMOUNTS}
        | looks_at("orders.carrieraccount", "orders.allocationrule")
        | looks_at(*BOOKS, *ORDER, *PARCELS, "orders.orderpayment", "orders.parkedmessage", *STYLES, "catalog.supplier", "catalog.skucost")
        | looks_at(*STOCK, "inventory.costbalance", "inventory.costpool", "inventory.reason", *RULES)
        | looks_at(*VALUATION, "inventory.reorderrule", "inventory.distributionpattern")
        | looks_at("inventory.channellocation", "inventory.shopstaff", "inventory.shelf", *PEOPLE, *TRADE_ACCOUNTS, *SCORES, *SITES, *COMPANY, *TASKS)
        | looks_at(*MAILS, *MAIL_WORDS, *RECEIPTS)
        | looks_at("core.companyprofile", "core.taxrate", "core.deductibleshare", "core.auditrow", "core.verifyrun", "core.backuprun", "core.jobrun")
        | looks_at("core.feedepoch", "auth.user", "auth.group", *IMPORTS, *DOORS)
    )),
    Role("システム管理", "system", "System: users, channels, places, EC sites with their keys, counterparties. No trade.", frozenset(
        {ALL_LOCATIONS}
        | keeps("auth.user", "inventory.shopstaff", "core.companyprofile", *COMPANY, "inventory.location", "ec_gateway.ecsite")
        | keeps("ec_gateway.apikey", "accounting.counterparty", "accounting.paymentroute", "insights.rfmdefinition", *IMPORTS)
        | keeps("orders.carrieraccount")
        | looks_at("orders.allocationrule")
        | {"inventory.delete_shopstaff"}
        | acts_on("access.staffsession", "access.signinlock")
        | looks_at(*SITES, "auth.group", "access.accesslog")
        | looks_at("core.auditrow", "core.verifyrun", "core.backuprun", "core.jobrun", "core.feedepoch", "core.taxrate")
        | looks_at("core.deductibleshare", "inventory.costpool", "inventory.channellocation", *RULES, *SEGMENTS)
        | acts_on("ec_gateway.sitestate", *TASKS)
        | looks_at(*MAIL_WORDS)
    )),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Duties:
    """Two duties that no role holds together: whoever has one of ``these`` has none of ``those``."""

    rule: StrOrPromise
    these: frozenset[str]
    those: frozenset[str]

    def are_together(self, permissions: Iterable[str]) -> bool:
        held = set(permissions)
        return bool(held & self.these) and bool(held & self.those)


def _duties(rule: StrOrPromise, these: set[str], those: set[str]) -> Duties:
    return Duties(rule, frozenset(these), frozenset(those))


SHIPS, TAKES_ORDERS = {"orders.change_shipment"}, {"orders.change_order"}
WRITES_JOURNALS = {"accounting.add_journalentry", "accounting.change_journalentry"}
PAYS = {"accounting.add_settlement"}
APART = (
    _duties(_("Who ships does not write journals"), SHIPS, WRITES_JOURNALS),
    _duties(_("Who takes orders does not ship them"), TAKES_ORDERS, SHIPS),
    _duties(_("Who takes orders neither confirms their money nor sets credit"), TAKES_ORDERS, {
        "orders.change_orderpayment", "customers.change_creditgroup", "customers.change_billto", *PAYS,
    }),
    _duties(_("Who maintains suppliers and counterparties does not pay"), {
        "catalog.add_supplier", "catalog.change_supplier", "accounting.add_counterparty", "accounting.change_counterparty",
        "accounting.add_paymentroute", "accounting.change_paymentroute",
    }, PAYS | {"inventory.invoice_stock"}),
    _duties(_("Who sets prices does not take orders"), {"catalog.add_price", "catalog.change_price", "catalog.change_pricelist"}, TAKES_ORDERS),
    _duties(_("Who counts and moves stock does not value it or approve what is missing"), {
        "inventory.receive_stock", "inventory.adjust_stock", "inventory.count_stock",
    }, {
        "inventory.write_down_stock", "inventory.revalue_stock", "inventory.add_late_cost", "inventory.invoice_stock", "inventory.approve_count",
    }),
    _duties(_("Who grants access does no trade"), {"auth.add_user", "auth.change_user"}, {
        *SHIPS, *TAKES_ORDERS, *WRITES_JOURNALS, *PAYS, "inventory.receive_stock", "inventory.adjust_stock", "inventory.count_stock",
        "inventory.transfer_stock", "catalog.change_price", "catalog.change_supplier",
    }),
)  # fmt: skip


@transaction.atomic
def load_roles(*, apps: Any = installed_apps, **_signal: Any) -> None:
    """Make the groups of ``ROLES``, and give each exactly its permissions. Receiver of ``post_migrate``.

    Repeatable: two questions when nothing changed. Does nothing while a part of the house is not there yet.
    """
    try:
        apps.get_model("ec_gateway", "EcSite")
    except LookupError:
        return
    ids = {
        f"{app}.{codename}": key
        for key, app, codename in Permission.objects.values_list("pk", "content_type__app_label", "codename")
    }
    there: dict[str, set[int]] = {}
    for name, key in Group.objects.filter(name__in=[role.name for role in ROLES]).values_list("name", "permissions"):
        there.setdefault(name, set()).update([] if key is None else [key])
    for role in ROLES:
        wanted = {ids[name] for name in role.permissions}
        if there.get(role.name) != wanted:
            group, _is_new = Group.objects.get_or_create(name=role.name)
            group.permissions.set(wanted)
