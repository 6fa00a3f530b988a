"""One customer on one page (顧客カルテ): who it is for every source, what was bought where, what is open, and how the scores came about.

A person is asked for by golden customer, a business by golden customer or by trade account. The number of questions does not grow with records,
orders or accounts. ``channels`` bounds the answer to what the staff of a shop may see; None is the whole company.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import Model, Q, Sum

from accounting.selectors import OpenItemView, items_of_parties
from customers.models import (
    Account,
    BillTo,
    ChannelIdentity,
    Contact,
    CreditGroup,
    CustomerRecord,
    ExposureEntry,
    GoldenCustomer,
    MergeEvent,
    ShipTo,
)
from customers.selectors import CreditStanding, standing_of
from erp.core.money import COMPANY_CURRENCY, ZERO
from erp.insights.models import CustomerRfm, RfmDefinition
from erp.insights.selectors.segments import definition_on
from erp.orders.models import Order, Return, SalesReportLine, Shipment

ORDERS_SHOWN = RETURNS_SHOWN = 20
FAVOURITES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Source:
    """What one source says, under which numbers its channels know it, and the merge by which it came here; None: the golden customer was
    made from it."""

    record: CustomerRecord
    identities: Sequence[ChannelIdentity]
    came_by: MergeEvent | None


@dataclass(frozen=True, slots=True)
class Merge:
    """``can_be_undone``: it stands, and the record was not merged again later."""

    event: MergeEvent
    is_undone: bool
    can_be_undone: bool


@dataclass(frozen=True, slots=True)
class ChannelSum:
    """What was bought through one channel. ``amount`` is gross, of goods that stay; ``net``, ``cost`` are of what was posted as sold.

    ``uncounted`` are the further orders that the list shows: cancelled or returned as a whole, samples, exchanges, provisional ones,
    of another currency.
    ``on_account`` are those of all of them that the list of the person does not show, since they name the account alone.
    """

    channel_id: int
    channel: str
    orders: int
    amount: Decimal
    last_order_date: dt.date
    units: int
    returned: int
    net: Decimal = ZERO
    cost: Decimal = ZERO
    uncounted: int = 0
    on_account: int = 0

    @property
    def margin(self) -> Decimal:
        return self.net - self.cost


@dataclass(frozen=True, slots=True)
class Favourite:
    product_id: int
    code: str
    name: str
    units: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Scored:
    """The scores with the figures they were made from. ``window_months`` None: of all orders there are."""

    row: CustomerRfm
    method: str
    window_months: int | None

    @property
    def days(self) -> int:
        return (self.row.as_of - self.row.last_order_date).days


@dataclass(frozen=True, slots=True)
class Exposure:
    """What a credit group owes and will owe, with the terms that add up to it, by kind; a deposit lowers it. ``bill_tos`` are the codes of all
    that share its limit."""

    group: CreditGroup
    standing: CreditStanding
    terms: Sequence[tuple[str, Decimal]]
    bill_tos: Sequence[str]

    @property
    def total(self) -> Decimal:
        return sum((amount for _kind, amount in self.terms), ZERO)


@dataclass(frozen=True, slots=True)
class TradeAccount:
    """An account (得意先) with its bill-to (請求先), its ship-tos (納品先) and people, and its credit."""

    account: Account
    ship_tos: Sequence[ShipTo]
    contacts: Sequence[Contact]
    exposure: Exposure | None


@dataclass(frozen=True, slots=True)
class Debt:
    """What is open of one bill-to, of all ``codes`` of its accounts together. ``own`` is the part of the accounts on this card, as far as the
    document of an item says whose it is; ``unnamed`` is of no account in particular."""

    bill_to: BillTo
    codes: Sequence[str]
    owed: Decimal
    own: Decimal
    unnamed: Decimal
    is_shared: bool


@dataclass(frozen=True, slots=True)
class CustomerCard:
    golden: GoldenCustomer | None
    sources: Sequence[Source]
    merges: Sequence[Merge]
    accounts: Sequence[TradeAccount]
    scored: Scored | None
    channels: Sequence[ChannelSum]
    orders: Sequence[Order]
    returns: Sequence[Return]
    items: Sequence[OpenItemView]
    debts: Sequence[Debt]
    favourites: Sequence[Favourite]
    on: dt.date

    @property
    def name(self) -> str:
        if self.golden is not None and self.golden.display_name:
            return self.golden.display_name
        return self.accounts[0].account.name if self.accounts else ""

    @property
    def sum(self) -> ChannelSum | None:
        """The channels together."""
        rows = self.channels
        if not rows:
            return None
        return ChannelSum(
            channel_id=0,
            channel="",
            orders=sum(row.orders for row in rows),
            amount=sum((row.amount for row in rows), ZERO),
            last_order_date=max(row.last_order_date for row in rows),
            units=sum(row.units for row in rows),
            returned=sum(row.returned for row in rows),
            net=sum((row.net for row in rows), ZERO),
            cost=sum((row.cost for row in rows), ZERO),
            uncounted=sum(row.uncounted for row in rows),
            on_account=sum(row.on_account for row in rows),
        )

    @property
    def owed(self) -> Decimal:
        """What is open, in our favour."""
        return _owed(self.items)

    @property
    def overdue(self) -> Decimal:
        return sum((item.remaining for item in self.items if self.is_overdue(item)), ZERO)

    def is_overdue(self, item: OpenItemView) -> bool:
        return item.side == "DEBIT" and item.due_date is not None and item.due_date < self.on


def card_of_customer(golden_id: int, *, on: dt.date, channels: Collection[int] | None = None) -> CustomerCard | None:
    """None: there is no such customer, or none of these channels' customers."""
    golden = GoldenCustomer.objects.filter(pk=golden_id).first()
    if golden is None:
        return None
    records = list(_records(golden_id, channels))
    if channels is not None and not records:
        return None
    record_ids = [record.pk for record in records]
    accounts = [] if channels is not None else _accounts(Q(record__in=record_ids), on=on)
    return _card(golden, records, accounts, on=on, channels=channels)


def card_of_account(account_id: int, *, on: dt.date) -> CustomerCard | None:
    """The card of the customer behind an account; of the account alone where nobody said which customer that is."""
    account = Account.objects.filter(pk=account_id).select_related("record").first()
    if account is None:
        return None
    if account.record is not None:
        return card_of_customer(account.record.golden_id, on=on)
    return _card(None, [], _accounts(Q(pk=account_id), on=on), on=on, channels=None)


def _card(
    golden: GoldenCustomer | None,
    records: Sequence[CustomerRecord],
    accounts: Sequence[TradeAccount],
    *,
    on: dt.date,
    channels: Collection[int] | None,
) -> CustomerCard:
    record_ids = [record.pk for record in records]
    account_ids = [one.account.pk for one in accounts]
    bill_to_ids = sorted({one.account.bill_to_id for one in accounts})
    merges = _merges(golden, record_ids)
    orders = Order.objects.filter(Q(customer_record__in=record_ids) | Q(account__in=account_ids))
    returns = Return.objects.filter(Q(customer_record__in=record_ids) | Q(order__account__in=account_ids))
    if channels is not None:
        orders, returns = orders.filter(channel__in=channels), returns.filter(channel__in=channels)
    bought = {"records": record_ids, "accounts": account_ids, "channels": None if channels is None else list(channels)}
    is_company_wide = channels is None
    items = items_of_parties({"BILL_TO": bill_to_ids, "CUSTOMER": record_ids}) if is_company_wide else []
    return CustomerCard(
        golden=golden,
        sources=_sources(records, merges),
        merges=merges if is_company_wide else [],
        accounts=accounts,
        scored=_scored(golden) if golden is not None and is_company_wide else None,
        channels=_channel_sums(bought),
        orders=list(orders.select_related("channel").order_by("-order_date", "-pk")[:ORDERS_SHOWN]),
        returns=list(returns.select_related("channel", "order").order_by("-return_date", "-pk")[:RETURNS_SHOWN]),
        items=items,
        debts=_debts(accounts, items),
        favourites=_favourites(bought),
        on=on,
    )


def _records(golden_id: int, channels: Collection[int] | None) -> Sequence[CustomerRecord]:
    records = CustomerRecord.objects.filter(golden=golden_id).select_related("channel").order_by("pk")
    if channels is not None:
        sold_to = Order.objects.filter(channel__in=channels).values("customer_record")
        records = records.filter(Q(channel__in=channels) | Q(pk__in=sold_to))
    return list(records)


def _merges(golden: GoldenCustomer | None, record_ids: Sequence[int]) -> list[Merge]:
    """Of these records, and of those that were here and went; the latest first."""
    if golden is None:
        return []
    moved = MergeEvent.objects.filter(Q(from_golden=golden) | Q(to_golden=golden)).values("record")
    events = list(
        MergeEvent.objects.filter(Q(record__in=record_ids) | Q(record__in=moved))
        .select_related("record", "from_golden", "to_golden")
        .order_by("-pk")
    )
    undone = {event.undoes_id for event in events if event.undoes_id is not None}
    latest: dict[int, int] = {}
    for event in events:
        if event.undoes_id is None and event.pk not in undone:
            latest.setdefault(event.record_id, event.pk)
    return [Merge(event, event.pk in undone, latest.get(event.record_id) == event.pk) for event in events]


def _sources(records: Sequence[CustomerRecord], merges: Sequence[Merge]) -> list[Source]:
    identities: dict[int, list[ChannelIdentity]] = defaultdict(list)
    found = ChannelIdentity.objects.filter(record__in=[record.pk for record in records]).select_related("channel")
    for identity in found.order_by("pk"):
        identities[identity.record_id].append(identity)
    came_by = {merge.event.record_id: merge.event for merge in merges if merge.can_be_undone}
    return [Source(record, identities[record.pk], came_by.get(record.pk)) for record in records]


def _accounts(condition: Q, *, on: dt.date) -> list[TradeAccount]:
    accounts = list(
        Account.objects.filter(condition)
        .select_related("bill_to__credit_group", "department", "price_list", "record")
        .order_by("code")
    )
    ids = [account.pk for account in accounts]
    ship_tos: dict[int, list[ShipTo]] = defaultdict(list)
    for ship_to in ShipTo.objects.filter(account__in=ids).order_by("code"):
        ship_tos[ship_to.account_id].append(ship_to)
    contacts: dict[int, list[Contact]] = defaultdict(list)
    for contact in Contact.objects.filter(account__in=ids).order_by("pk"):
        contacts[contact.account_id].append(contact)
    groups = {group.pk: group for account in accounts if (group := account.bill_to.credit_group) is not None}
    exposures = _exposures(groups, on=on)
    return [
        TradeAccount(
            account, ship_tos[account.pk], contacts[account.pk], exposures.get(account.bill_to.credit_group_id or 0)
        )
        for account in accounts
    ]


# The account that a document of an open item was made for.
_ACCOUNT_OF: dict[str, tuple[type[Model], str]] = {
    "ORDER": (Order, "account"),
    "SHIPMENT": (Shipment, "order__account"),
    "RETURN": (Return, "order__account"),
}


def _owed(items: Iterable[OpenItemView]) -> Decimal:
    return sum((item.remaining if item.side == "DEBIT" else -item.remaining for item in items), ZERO)


def _accounts_of_documents(items: Iterable[OpenItemView]) -> dict[tuple[str, int], int | None]:
    """Whose each document is; None where it is of no account, or of several at once."""
    ids: dict[str, list[int]] = defaultdict(list)
    for item in items:
        ids[item.document_type].append(item.document_id)
    of_document: dict[tuple[str, int], int | None] = {}
    for kind, (model, path) in _ACCOUNT_OF.items():
        if ids[kind]:
            found = model._default_manager.filter(pk__in=ids[kind]).values_list("pk", path)
            of_document |= {(kind, key): account_id for key, account_id in found}
    if ids["SALES_REPORT"]:
        # A report is of a channel; it names what it sold line by line.
        lines = SalesReportLine.objects.filter(report__in=ids["SALES_REPORT"])
        for key, account_id in lines.values_list("report", "shipment_line__shipment__order__account").distinct():
            document = ("SALES_REPORT", key)
            of_document[document] = None if document in of_document else account_id
    return of_document


def _debts(accounts: Sequence[TradeAccount], items: Sequence[OpenItemView]) -> list[Debt]:
    """Bills are a bill-to's: those of the other accounts that share it are open here too."""
    mine = {one.account.pk for one in accounts}
    bill_tos = {one.account.bill_to_id: one.account.bill_to for one in accounts}
    sharing: dict[int, list[tuple[int, str]]] = defaultdict(list)
    known = Account.objects.filter(bill_to__in=bill_tos).order_by("code")
    for key, code, bill_to_id in known.values_list("pk", "code", "bill_to"):
        sharing[bill_to_id].append((key, code))
    of_document = _accounts_of_documents(items)
    debts = []
    for key, bill_to in bill_tos.items():
        owed = [item for item in items if (item.party.kind, item.party.id) == ("BILL_TO", key)]
        whose = [of_document.get((item.document_type, item.document_id)) for item in owed]
        own = _owed(item for item, account_id in zip(owed, whose, strict=True) if account_id in mine)
        unnamed = _owed(item for item, account_id in zip(owed, whose, strict=True) if account_id is None)
        codes = [code for _key, code in sharing[key]]
        is_shared = any(account_id not in mine for account_id, _code in sharing[key])
        debts.append(Debt(bill_to, codes, _owed(owed), own, unnamed, is_shared))
    return debts


def _exposures(groups: dict[int, CreditGroup], *, on: dt.date) -> dict[int, Exposure]:
    """Every kind is a term, also where nothing of it is there: what adds up is to be seen."""
    totals: dict[tuple[int, str], Decimal] = {}
    sums = ExposureEntry.objects.filter(credit_group__in=groups).values_list("credit_group", "kind")
    for group_id, kind, total in sums.annotate(total=Sum("amount")):
        totals[(group_id, kind)] = total
    sharing: dict[int, list[str]] = defaultdict(list)
    for group_id, code in (
        BillTo.objects.filter(credit_group__in=groups).order_by("code").values_list("credit_group", "code")
    ):
        sharing[group_id].append(code)
    return {
        key: Exposure(
            group,
            standing_of(group, on=on),
            [(kind, totals.get((key, kind), ZERO)) for kind in ExposureEntry.Kind.values],
            sharing[key],
        )
        for key, group in groups.items()
    }


def _scored(golden: GoldenCustomer) -> Scored | None:
    row = CustomerRfm.objects.filter(pk=golden.pk).select_related("segment").first()
    if row is None:
        return None
    definition = definition_on(row.as_of)
    return Scored(row, str(RfmDefinition.Method(definition.method).label), definition.window_months)


# What counts is what counts for the scores: units neither cancelled nor returned, at their share of the line; no samples, exchanges or
# provisional orders. Beside it what was posted as sold, for those who may know its cost.
_WHOSE = """
    (o.customer_record_id = ANY(%(records)s::bigint[]) OR o.account_id = ANY(%(accounts)s::bigint[]))
    AND (%(channels)s::bigint[] IS NULL OR o.channel_id = ANY(%(channels)s::bigint[]))
"""
_MINE = f"{_WHOSE} AND o.currency = %(currency)s"
_COUNTS = "o.order_type NOT IN ('SAMPLE', 'EXCHANGE') AND NOT o.is_provisional AND line.gross_amount IS NOT NULL"
_BY_CHANNEL = """
WITH bought AS (
    SELECT o.id, o.channel_id, o.order_date,
           round(sum(line.gross_amount * (line.quantity - line.cancelled_quantity - line.returned_quantity) / line.quantity)) AS amount,
           sum(line.quantity - line.cancelled_quantity)::int AS units, sum(line.returned_quantity)::int AS returned
    FROM orders_order o JOIN orders_orderline line ON line.order_id = o.id
    WHERE {mine} AND {counts} GROUP BY o.id
), sold AS (
    SELECT o.channel_id,
           sum(round(part.net_amount * (part.quantity - part.returned_quantity) / part.quantity, 2)) AS net,
           sum(round(part.cost_amount * (part.quantity - part.returned_quantity) / part.quantity, 2)) AS cost
    FROM orders_order o JOIN orders_shipment parcel ON parcel.order_id = o.id AND parcel.revenue_date IS NOT NULL
    JOIN orders_shipmentline part ON part.shipment_id = parcel.id
    WHERE {mine} GROUP BY o.channel_id
), listed AS (
    SELECT o.channel_id, count(*) AS orders, count(*) FILTER (WHERE (o.customer_record_id = ANY(%(records)s::bigint[])) IS NOT TRUE) AS on_account
    FROM orders_order o WHERE {whose} GROUP BY o.channel_id
)
SELECT bought.channel_id, channel.name, (count(*) FILTER (WHERE bought.amount > 0))::int, sum(bought.amount), max(bought.order_date),
       sum(bought.units)::int, sum(bought.returned)::int, coalesce(min(sold.net), 0), coalesce(min(sold.cost), 0),
       (min(listed.orders) - count(*) FILTER (WHERE bought.amount > 0))::int, min(listed.on_account)::int
FROM bought JOIN core_channel channel ON channel.id = bought.channel_id JOIN listed ON listed.channel_id = bought.channel_id
LEFT JOIN sold ON sold.channel_id = bought.channel_id
GROUP BY bought.channel_id, channel.name ORDER BY sum(bought.amount) DESC, channel.name
"""
_FAVOURITES = """
SELECT product.id, product.code, product.name, sum(line.quantity - line.cancelled_quantity - line.returned_quantity)::int AS units,
       round(sum(line.gross_amount * (line.quantity - line.cancelled_quantity - line.returned_quantity) / line.quantity))
FROM orders_order o JOIN orders_orderline line ON line.order_id = o.id
JOIN catalog_sku sku ON sku.id = line.sku_id JOIN catalog_product product ON product.id = sku.product_id
WHERE {mine} AND {counts} GROUP BY product.id
HAVING sum(line.quantity - line.cancelled_quantity - line.returned_quantity) > 0
ORDER BY units DESC, product.code LIMIT %(limit)s
"""


def _ask(statement: str, bought: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(
            statement.replace("{mine}", _MINE).replace("{whose}", _WHOSE).replace("{counts}", _COUNTS),
            {**bought, "currency": COMPANY_CURRENCY},
        )
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def _channel_sums(bought: dict[str, Any]) -> list[ChannelSum]:
    return [ChannelSum(*row) for row in _ask(_BY_CHANNEL, bought)]


def _favourites(bought: dict[str, Any]) -> list[Favourite]:
    return [Favourite(*row) for row in _ask(_FAVOURITES, {**bought, "limit": FAVOURITES_SHOWN})]
