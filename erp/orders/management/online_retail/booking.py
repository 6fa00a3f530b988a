"""Books the invoices of a file through the services that every other way in uses, in short transactions, and again as often as one likes."""

from __future__ import annotations

import csv
import datetime as dt
import io
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from django.db import connection, connections

from catalog.selectors import sku_facts
from catalog.services import import_products
from customers.services import CustomerData, OrdererNews, register_orderers
from erp.core.actors import Actor
from erp.core.messages import Encoded, fingerprint
from erp.core.models import Channel
from erp.core.money import ZERO, Rounding
from erp.core.retries import retried
from erp.core.selectors import tax_rates
from erp.core.use_case import use_case
from erp.inventory.selectors.documents import stock_documents
from erp.inventory.services import PhysicalLine, ReceiptLine, open_location, receive, record_physical_fact, sell_from
from erp.orders import selectors
from erp.orders.management.online_retail.countries import CODES
from erp.orders.management.online_retail.documents import Parts, charge_of, order_of, take_apart
from erp.orders.management.online_retail.linking import RETURN_PART, returns_of
from erp.orders.management.online_retail.meaning import COST_SHARE, Goods, Refusal, Survey, median, opening_cost
from erp.orders.management.online_retail.reading import Row, read_invoices
from erp.orders.models import OrderState
from erp.orders.services import (
    OrderInput,
    ShipRequest,
    allocate_orders,
    place_orders,
    record_charges,
    record_returns,
    record_unlinked_returns,
    release_orders,
    ship,
)

WRITE_OFF = "WRITE_OFF"
# One transaction stays well below the five seconds that the change feed can wait.
MOST_ORDERS, MOST_LINES, MOST_RECEIPT_LINES = 100, 2_000, 1_500


@dataclass(slots=True)
class Booked:
    """Rows booked now, rows that were booked before, and rows refused on the way with the reason."""

    now: int = 0
    before: int = 0
    refused: list[tuple[Row, Refusal]] = field(default_factory=list)

    def note(self, rows: Sequence[Row], *, is_new: bool) -> None:
        if is_new:
            self.now += len(rows)
        else:
            self.before += len(rows)


@dataclass(slots=True)
class Placed:
    """A batch whose orders are placed: those still open with their states, where known, and those there is nothing left to do for."""

    batch: Sequence[Parts]
    open: dict[int, Parts] = field(default_factory=dict)
    states: dict[int, str] = field(default_factory=dict)
    shipped_before: list[Parts] = field(default_factory=list)
    refused: list[tuple[Parts, Refusal]] = field(default_factory=list)

    @property
    def at(self) -> dt.datetime:
        """The moment of the batch is that of its last row."""
        return max(row.at for parts in self.batch for row in parts.invoice.rows)


class Replay:
    """One file on its way into one channel. Call ``set_up``, then ``sell``, then ``take_back``; each may be repeated."""

    def __init__(self, path: Path, survey: Survey, *, channel: str, by: Actor) -> None:
        self.path, self.survey, self.channel_code, self.by = path, survey, channel, by
        self.booked = Booked()
        self.rates = tax_rates()
        self.skus: dict[str, int] = {}
        self.channel_id = self.location_id = 0
        self.rounding = Rounding.DOWN

    def set_up(self, *, digest: str) -> None:
        """The channel, its warehouse, the products, and as opening stock all pieces that the file lets out."""
        first = self.survey.first
        if first is None:
            return
        at = dt.datetime.combine(first.at.date().replace(day=1), dt.time(9), first.at.tzinfo) - dt.timedelta(days=1)
        self.channel_id, self.location_id, self.rounding = retried(
            _open_channel, code=self.channel_code, at=at, by=self.by
        )
        self._import_goods(at)
        self._receive_opening_stock(digest, at)

    def _import_goods(self, at: dt.datetime) -> None:
        known = sku_facts(self.survey.goods)
        fresh = {code: goods for code, goods in self.survey.goods.items() if code not in known}
        if fresh:
            retried(import_products, content=_product_file(fresh), on=at.date(), at=at, by=self.by)
            known |= sku_facts(fresh)
        self.skus = {code: known[code].sku_id for code in self.survey.goods}

    def _receive_opening_stock(self, digest: str, at: dt.datetime) -> None:
        """Named after the content of the file, so that each file brings its own stock exactly once."""
        unpriced = median(sum((goods.prices for goods in self.survey.goods.values()), Counter()))
        otherwise = opening_cost(Goods(prices=Counter({unpriced: 1})), otherwise=ZERO)
        lines = [
            ReceiptLine(number, self.skus[code], goods.pieces, opening_cost(goods, otherwise=otherwise))
            for number, (code, goods) in enumerate(sorted(self.survey.goods.items()), 1)
            if goods.pieces
        ]
        for start in range(0, len(lines), MOST_RECEIPT_LINES):
            retried(
                receive,
                external_id=f"{self.channel_code} {at:%Y-%m-%d} {digest[:16]} {start // MOST_RECEIPT_LINES + 1}",
                location_id=self.location_id,
                lines=lines[start : start + MOST_RECEIPT_LINES],
                note="Opening stock (期首)",
                occurred_at=at,
                at=at,
                by=self.by,
            )

    def sell(self, progress: Callable[[int], None]) -> None:
        """Everything but cancellations, in the order of the file."""
        self._book_all(lambda number: not number.startswith("C"), progress)

    def take_back(self, progress: Callable[[int], None]) -> None:
        """The cancellations, after all sales, so that each finds the sale it belongs to."""
        self._book_all(lambda number: number.startswith("C"), progress)

    def _book_all(self, wanted: Callable[[str], bool], progress: Callable[[int], None]) -> None:
        """While the goods of one batch leave, the next is placed already."""
        with second_hand() as beside:
            for batch in self._batches(wanted):
                placed = self._place(batch)
                beside(partial(self._finish, placed, progress))

    def _batches(self, wanted: Callable[[str], bool]) -> Iterator[list[Parts]]:
        """Invoices of one day, few enough for a short transaction."""
        batch: list[Parts] = []
        lines = 0
        for invoice in read_invoices(self.path, self.survey.sizes, wanted):
            is_full = len(batch) == MOST_ORDERS or lines + len(invoice.rows) > MOST_LINES
            if batch and (is_full or batch[0].invoice.on != invoice.on):
                yield batch
                batch, lines = [], 0
            batch.append(take_apart(invoice))
            lines += len(invoice.rows)
        if batch:
            yield batch

    def _place(self, batch: Sequence[Parts]) -> Placed:
        """Place the orders of a batch. An order that an interrupted run left half-way is taken up where it stands."""
        placed = Placed(batch)
        known = selectors.recorded_orders(
            channel_id=self.channel_id, external_ids=[parts.invoice.number for parts in batch if parts.ordered]
        )
        fresh: list[tuple[Parts, OrderInput]] = []
        for parts in batch:
            if not parts.ordered:
                continue
            order = order_of(parts, rates=self.rates, rounding=self.rounding)
            recorded = known.get(order.external_id)
            if recorded is None:
                fresh.append((parts, order))
            elif recorded.fingerprint != fingerprint(Encoded(order.canonical())):
                placed.refused.append((parts, Refusal.OTHER_CONTENT))
            elif recorded.state == OrderState.SHIPPED:
                placed.shipped_before.append(parts)
            else:
                placed.open[recorded.id] = parts
        fresh.sort(key=lambda pair: pair[1].external_id)
        if fresh:
            self._place_fresh(placed, fresh)
        return placed

    def _place_fresh(self, placed: Placed, fresh: Sequence[tuple[Parts, OrderInput]]) -> None:
        outcomes = retried(
            place_orders,
            channel=self.channel_code,
            orders=[order for _parts, order in fresh],
            bodies=[[row.cells for row in parts.invoice.rows] for parts, _order in fresh],
            at=placed.at,
            by=self.by,
        )
        for (parts, _order), outcome in zip(fresh, outcomes, strict=True):
            if outcome.order_id is None:
                placed.refused.append((parts, Refusal.MALFORMED))
            else:
                placed.open[outcome.order_id] = parts
                placed.states[outcome.order_id] = outcome.state

    def _finish(self, placed: Placed, progress: Callable[[int], None]) -> None:
        """Let the goods leave and book the rest of the batch. The only place that counts."""
        for parts, reason in placed.refused:
            self._refuse(parts.order_rows, reason)
        for parts in placed.shipped_before:
            self.booked.note(parts.order_rows, is_new=False)
        batch, at = placed.batch, placed.at
        if placed.open:
            self._ship(placed.open, placed.states, at)
        self._book_charges([parts for parts in batch if parts.charges], at)
        for parts in batch:
            if parts.written_off:
                self._write_off(parts, at)
        self._book_returns([parts for parts in batch if parts.taken_back], at)
        progress(sum(len(parts.invoice.rows) for parts in batch))

    def _ship(self, orders: dict[int, Parts], states: dict[int, str], at: dt.datetime) -> None:
        behind = [order_id for order_id in orders if states.get(order_id) != OrderState.READY]
        if behind:
            states |= retried(allocate_orders, order_ids=behind, at=at, by=self.by)
        ready = [order_id for order_id in orders if states[order_id] == OrderState.READY]
        if ready:
            retried(release_orders, order_ids=ready, at=at, by=self.by)
        picking = [key for key in orders if states[key] in (OrderState.READY, OrderState.PICKING)]
        parcels = selectors.parcels_being_picked(picking)
        if parcels:
            retried(ship, requests=[ShipRequest(parcel) for parcel in parcels], ship_date=at.date(), at=at, by=self.by)
        for order_id, parts in orders.items():
            if order_id in picking:
                self.booked.note(parts.order_rows, is_new=True)
            else:
                self._refuse(parts.order_rows, Refusal.WAITS)

    def _book_charges(self, batch: Sequence[Parts], at: dt.datetime) -> None:
        charges = [(parts, charge_of(parts)) for parts in batch]
        known = selectors.recorded_charges(
            channel_id=self.channel_id, external_ids=[charge.external_id for _parts, charge in charges]
        )
        for parts, charge in charges:
            self.booked.note(parts.charges, is_new=charge.external_id not in known)
        if charges:
            retried(
                record_charges,
                channel=self.channel_code,
                charges=[charge for _parts, charge in charges],
                at=at,
                by=self.by,
            )

    def _write_off(self, parts: Parts, at: dt.datetime) -> None:
        """Pieces that are gone. What the file says of them ("damaged", "thrown away") is the note."""
        external_id = f"{self.channel_code}:{parts.invoice.number}"
        known = stock_documents(source_type=WRITE_OFF, external_ids=[external_id])
        self.booked.note(parts.written_off, is_new=not known)
        retried(
            record_physical_fact,
            source_type=WRITE_OFF,
            external_id=external_id,
            location_id=self.location_id,
            lines=[
                PhysicalLine(number, self.skus[row.code], -row.quantity)
                for number, row in enumerate(parts.written_off, 1)
            ],
            reason_code=WRITE_OFF,
            channel_id=self.channel_id,
            note=", ".join(dict.fromkeys(row.name for row in parts.written_off if row.name)),
            occurred_at=parts.invoice.at,
            at=at,
            by=self.by,
        )

    def _book_returns(self, batch: Sequence[Parts], at: dt.datetime) -> None:
        known = recorded_invoices(self.channel_id, [parts.invoice.number for parts in batch])
        fresh = [parts for parts in batch if parts.invoice.number not in known]
        for parts in batch:
            self.booked.note(parts.taken_back, is_new=parts.invoice.number not in known)
        if not fresh:
            return
        records = self._customers(fresh, at)
        retried(
            _take_back,
            fresh=fresh, channel=self.channel_code, channel_id=self.channel_id, location_id=self.location_id,
            skus=self.skus, records=records, at=at, by=self.by,
        )  # fmt: skip

    def _customers(self, batch: Iterable[Parts], at: dt.datetime) -> dict[str, int]:
        named = {parts.invoice.customer: parts.invoice for parts in batch if parts.invoice.customer}
        news = [
            OrdererNews(
                customer,
                CustomerData(family_name=customer, country=CODES.get(invoice.rows[0].country, "")),
                invoice.at,
            )
            for customer, invoice in sorted(named.items())
        ]
        records = retried(register_orderers, channel_id=self.channel_id, news=news, at=at, by=self.by) if news else []
        return dict(zip(sorted(named), records, strict=True))

    def _refuse(self, rows: Iterable[Row], reason: Refusal) -> None:
        self.booked.refused += [(row, reason) for row in rows]


@contextmanager
def second_hand() -> Iterator[Callable[[Callable[[], None]], None]]:
    """Does one thing at a time beside the caller, on a connection of its own; the next waits until the last is done.

    Within a transaction of the caller nobody else could see what was written, so there everything is done at once.
    """
    if connection.in_atomic_block:
        yield lambda job: job()
        return
    under_way: list[Future[None]] = []
    interval = sys.getswitchinterval()
    # An answer of the database must not wait for the five milliseconds that the other hand may compute undisturbed.
    sys.setswitchinterval(0.0005)
    with ThreadPoolExecutor(max_workers=1) as thread:

        def beside(job: Callable[[], None]) -> None:
            while under_way:
                under_way.pop().result()
            under_way.append(thread.submit(job))

        try:
            yield beside
            while under_way:
                under_way.pop().result()
        finally:
            thread.submit(connections.close_all)
            sys.setswitchinterval(interval)


@use_case
def _open_channel(*, code: str, at: dt.datetime, by: Actor) -> tuple[int, int, Rounding]:
    channel, _is_new = Channel.objects.get_or_create(
        code=code, defaults={"name": "Online Retail (UCI)", "kind": Channel.Kind.EC_SITE}
    )
    location_id = open_location(code=code[:20], name=f"{code} warehouse", at=at, by=by)
    sell_from(channel_id=channel.pk, location_id=location_id, at=at, by=by)
    return channel.pk, location_id, Rounding(channel.tax_rounding)


@use_case
def _take_back(
    *, fresh: Sequence[Parts], channel: str, channel_id: int, location_id: int, skus: dict[str, int], records: dict[str, int],
    at: dt.datetime, by: Actor,
) -> None:  # fmt: skip
    """All documents of an invoice in one transaction: finding one of them says that all are there."""
    linked, unlinked = returns_of(fresh, channel_id=channel_id, skus=skus, records=records, share=COST_SHARE)
    if linked:
        record_returns(returns=linked, return_date=at.date(), at=at, by=by)
    if unlinked:
        record_unlinked_returns(channel=channel, returns=unlinked, location_id=location_id, at=at, by=by)


def recorded_invoices(channel_id: int, numbers: Sequence[str]) -> dict[str, list[int]]:
    """Return documents by the invoice they came from: one per original order, and one for what has no original."""
    found: dict[str, list[int]] = {}
    for number, pk in selectors.returns_by_message(channel_id=channel_id, numbers=numbers, separator=RETURN_PART):
        found.setdefault(number, []).append(pk)
    return found


def _product_file(goods: dict[str, Goods]) -> bytes:
    """The form in which products are imported: each stock code is a style with one SKU."""
    text = io.StringIO()
    lines = csv.writer(text)
    lines.writerow(["style", "sku", "name"])
    lines.writerows([code, code, item.name or code] for code, item in sorted(goods.items()))
    return text.getvalue().encode()
