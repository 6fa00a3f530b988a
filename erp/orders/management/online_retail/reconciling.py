"""Reads back what the books hold of a file, from documents and postings alone, and compares it with the sum of the file."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice

from django.apps import apps
from django.db.models import Q, Sum

from accounting.selectors import account_of, trial_balance
from accounting.selectors.documents import AccountSum, posted_by_account
from erp.core.money import ZERO
from erp.inventory.selectors import stock_values
from erp.inventory.selectors.documents import stock_documents
from erp.orders import selectors
from erp.orders.management.online_retail.booking import WRITE_OFF, recorded_invoices
from erp.orders.management.online_retail.documents import CHARGE_KINDS
from erp.orders.management.online_retail.meaning import DISCOUNT, Kind, Survey
from erp.orders.models import OrderFee, ReturnLine, Shipment, ShipmentLine

CHUNK = 500
PROFIT_AND_LOSS = ("REVENUE", "EXPENSE")
# What goods cost is not in the file: these accounts are shown, but they are not part of its net.
COST_ROLES = ("cost_of_sales", "stock_loss")
EVER = (dt.date(1989, 4, 1), dt.date(9998, 12, 31))
_ROOMS = ("core", "catalog", "customers", "accounting", "inventory", "orders")


@dataclass(slots=True)
class Books:
    """What was found: net by kind, and debit and credit by account; how the cancellations found their sales."""

    kinds: dict[Kind, Decimal] = field(default_factory=dict)
    accounts: dict[str, AccountSum] = field(default_factory=dict)
    write_off_pieces: int = 0
    returns_linked: int = 0
    returns_unlinked: int = 0

    def add_kind(self, kind: Kind, amount: Decimal | None) -> None:
        self.kinds[kind] = self.kinds.get(kind, ZERO) + (amount or ZERO)

    def add_accounts(self, found: Iterable[AccountSum]) -> None:
        for item in found:
            known = self.accounts.get(item.code)
            self.accounts[item.code] = item if known is None else known + item


def read_back(survey: Survey, *, channel_id: int, channel_code: str) -> Books:
    """Everything that the invoices of the file became, some hundred invoices at a time."""
    books = Books()
    for numbers in _chunks(survey.sizes):
        _read_orders(books, channel_id, numbers)
        _read_returns(books, channel_id, numbers)
        charges = selectors.recorded_charges(channel_id=channel_id, external_ids=numbers)
        names = {name: kind for kind, name in CHARGE_KINDS.items()}
        for name, net in selectors.charge_nets(charges.values()).items():
            books.add_kind(names[name], net)
        books.add_accounts(posted_by_account(source_type="CHARGE", source_ids=charges.values()))
        gone = stock_documents(source_type=WRITE_OFF, external_ids=[f"{channel_code}:{number}" for number in numbers])
        books.write_off_pieces -= sum(document.pieces for document in gone.values())
        books.add_accounts(posted_by_account(source_type="STOCK", source_ids=[item.id for item in gone.values()]))
    return books


def _read_orders(books: Books, channel_id: int, numbers: Sequence[str]) -> None:
    orders = {"order__channel_id": channel_id, "order__external_id__in": numbers}
    parcels = list(Shipment.objects.filter(revenue_date__isnull=False, **orders).values_list("pk", flat=True))
    sold = ShipmentLine.objects.filter(shipment__in=parcels).aggregate(net=Sum("net_amount"))
    books.add_kind(Kind.SALE, sold["net"])
    for kind, net in OrderFee.objects.filter(shipment__in=parcels).values_list("kind").annotate(net=Sum("net_amount")):
        books.add_kind(Kind.SHIPPING if kind == OrderFee.Kind.SHIPPING else Kind.OTHER_FEE, net)
    books.add_accounts(posted_by_account(source_type="SHIPMENT", source_ids=parcels))


def _read_returns(books: Books, channel_id: int, numbers: Sequence[str]) -> None:
    documents = [key for keys in recorded_invoices(channel_id, numbers).values() for key in keys]
    lines = ReturnLine.objects.filter(document__in=documents)
    is_goods, is_discount = Q(sku__isnull=False), Q(description__startswith=f"{DISCOUNT} ")
    for kind, condition in (
        (Kind.RETURN, is_goods),
        (Kind.DISCOUNT, ~is_goods & is_discount),
        (Kind.REFUND, ~is_goods & ~is_discount),
    ):
        books.add_kind(kind, -(lines.filter(condition).aggregate(net=Sum("net_amount"))["net"] or ZERO))
    goods = lines.filter(is_goods)
    books.returns_linked += goods.filter(document__has_original=True).count()
    books.returns_unlinked += goods.filter(document__has_original=False).count()
    books.add_accounts(posted_by_account(source_type="RETURN", source_ids=documents))


@dataclass(frozen=True, slots=True)
class Comparison:
    """A line of the report: what the file says, what the books say."""

    label: str
    file: Decimal
    books: Decimal

    @property
    def is_true(self) -> bool:
        return self.file == self.books


def compare_kinds(survey: Survey, books: Books, refused: dict[Kind, Decimal]) -> list[Comparison]:
    """Net by kind. ``refused``: what was refused on the way is not expected in the books."""
    found = []
    for kind in Kind:
        known = survey.kinds.get(kind)
        if known is not None and kind is not Kind.REFUSED:
            found.append(Comparison(kind.value, known.yen - refused.get(kind, ZERO), books.kinds.get(kind, ZERO)))
    return found


def income_less_expense(books: Books) -> tuple[Decimal, Decimal]:
    """The net on the accounts that the file speaks of, and the cost of the goods beside it (negative)."""
    of_cost = {account_of(role).code for role in COST_ROLES}
    net, cost = ZERO, ZERO
    for item in books.accounts.values():
        if item.type in PROFIT_AND_LOSS and item.code in of_cost:
            cost += item.credit - item.debit
        elif item.type in PROFIT_AND_LOSS:
            net += item.credit - item.debit
    return net, cost


@dataclass(frozen=True, slots=True)
class Fill:
    """How full the house is: rows of every table, and the totals of books and stock."""

    rows: dict[str, int]
    posted: Decimal
    stock: Decimal

    @property
    def total(self) -> int:
        return sum(self.rows.values())


def fill() -> Fill:
    models = [model for label in _ROOMS for model in apps.get_app_config(label).get_models()]
    return Fill(
        rows={model._meta.db_table: model._base_manager.count() for model in models},
        posted=trial_balance(first=EVER[0], last=EVER[1]).debit,
        stock=sum((pool.value for pool in stock_values()), ZERO),
    )


def _chunks(numbers: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(numbers)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk
