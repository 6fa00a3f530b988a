"""What came back of known sales: returns, refused parcels. With ``unlinked_returns`` the only documents that re-stock.

Takes the levels document, balances, cost rows, open items. A return uses the rate and amount of the original sale and the cost of the original
issue. One call takes any number of returns in a constant number of statements.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from decimal import Decimal

from django.db.models import F
from django.utils.translation import gettext as _

from accounting.services import add_billable_items, post_entries
from erp.core import changes, locks, messages, numbering, rows
from erp.core.actors import Actor
from erp.core.clock import business_date
from erp.core.money import ZERO
from erp.core.use_case import use_case
from erp.orders import selectors
from erp.orders.exceptions import AlreadyTakenBack, OrderNotFound
from erp.orders.models import Order, OrderEvent, OrderFee, OrderLine, Return, ReturnLine, Shipment, ShipmentLine
from erp.orders.postings import Document
from erp.orders.services import collecting, left_in_part, letters, parcel_days, refunds, return_documents, unsold
from erp.orders.services.open_days import open_day
from erp.orders.services.return_documents import NewLine, NewReturn
from erp.orders.services.return_money import billables_of, entries_of
from erp.orders.services.return_parts import Condition, ReturnedLine, ReturnRequest, Taking, find_parts
from erp.orders.services.sales import announce_of, hold_credit_of, reduced_codes
from erp.orders.services.states import announce
from erp.orders.services.writing import EVENT_COLUMNS


@use_case
def record_return(
    *,
    order_id: int,
    external_id: str,
    lines: Sequence[ReturnedLine],
    refund_fees: bool = False,
    reason: str = "",
    return_date: dt.date | None = None,
    seen: Mapping[int, int] | None = None,
    is_told: bool = False,
    at: dt.datetime,
    by: Actor,
) -> Return:
    """Take goods of an order back and owe the money back, or lower what is still owed. The same ``external_id`` again returns the first document.

    ``seen`` is for people who have the parcel before them: shipment → units of it that had come back when they looked. What another booked since
    is told to them (AlreadyTakenBack), and nothing is added.

    Goods whose sale was not posted yet (着荷・検収基準, consigned) come back from where they are, at the value they left with, and no sale is
    taken back; of consigned ones what the account has not sold comes back first.
    ``is_told``: a channel tells of it, which no closed month refuses. The goods are back on their day, and the books have it on the first open one.
    Raises OrderNotFound, NotReturnable (more than was shipped), Conflict for other content under the same id.
    """
    request = ReturnRequest(order_id, external_id, tuple(lines), refund_fees, reason)
    on = return_date or business_date(at)
    return _take_back(Return.Kind.RETURN, [request], ZERO, on, seen=seen, is_told=is_told, at=at, by=by)[0]


@use_case
def record_returns(
    *, returns: Sequence[ReturnRequest], return_date: dt.date | None = None, at: dt.datetime, by: Actor
) -> list[Return]:
    """As ``record_return`` for many returns of one channel and one day, all or none, in a constant number of statements.

    Several may take from the same shipment line, one after the other. Raises as ``record_return``, naming every line of every return.
    """
    return _take_back(Return.Kind.RETURN, returns, ZERO, return_date or business_date(at), at=at, by=by)


@use_case
def record_refusal(
    *,
    shipment_id: int,
    external_id: str,
    freight: Decimal = ZERO,
    condition: str = Condition.SELLABLE,
    return_date: dt.date | None = None,
    seen: Mapping[int, int] | None = None,
    at: dt.datetime,
    by: Actor,
) -> Return:
    """受取拒否: the whole parcel came back unopened. The sale is taken back with its fees, where it was posted; what a customer paid is owed
    back; ``freight`` (incl. tax) both ways is our cost. ``seen`` as in ``record_return``."""
    shipment = Shipment.objects.filter(pk=shipment_id).first()
    if shipment is None:
        raise OrderNotFound(_("There is no such shipment."))
    lines = tuple(
        ReturnedLine(line.pk, line.quantity - line.returned_quantity, condition)
        for line in ShipmentLine.objects.filter(shipment=shipment).order_by("pk")
        if line.returned_quantity < line.quantity
    )
    request = ReturnRequest(shipment.order_id, external_id, lines, refund_fees=True)
    on = return_date or business_date(at)
    document = _take_back(Return.Kind.REFUSED, [request], freight, on, seen=seen, at=at, by=by)[0]
    unopened = Shipment.objects.filter(pk=shipment_id).exclude(state=Shipment.State.RETURNED)
    if unopened.update(state=Shipment.State.RETURNED, version=F("version") + 1):
        announce_of([shipment_id])
    collecting.tell([shipment.order_id], at=at, by=by)
    return document


def _take_back(
    kind: str,
    requests: Sequence[ReturnRequest],
    freight: Decimal,
    on: dt.date,
    *,
    seen: Mapping[int, int] | None = None,
    is_told: bool = False,
    at: dt.datetime,
    by: Actor,
) -> list[Return]:
    parcel_days.refuse_future("return_date", on, at=at)
    takings = _lock(kind, requests, freight)
    if not takings:
        return []
    channel = takings[0].order.channel
    replays = return_documents.find_replays(
        channel.pk, {taking.request.external_id: taking.fingerprint for taking in takings}
    )
    fresh = [taking for taking in takings if taking.request.external_id not in replays]
    if seen is not None:
        _refuse_unseen(seen, fresh, replays, by=by)
    documents: list[NewReturn] = []
    if fresh:
        # Posting lowers what a bill-to owes; its credit group comes before the balances that restocking locks.
        hold_credit_of([taking.order for taking in fresh], on=on)
        find_parts(fresh, on=on)
        posted_on = open_day(on) if is_told else on
        documents = _documents(kind, fresh, on, posted_on)
        return_documents.write(documents, at=at, by=by)
        _count_returned(fresh)
        outside = unsold.lock_parcels(fresh)
        unsold.end_exposure_of(fresh, outside, at=at, by=by)
        return_documents.restock(documents, channel_id=channel.pk, at=at, by=by)
        entries = entries_of(kind, fresh, freight, posted_on)
        post_entries(drafts=[entry for entry in entries if entry is not None], at=at, by=by)
        entries = unsold.entries_of(kind, fresh, outside, freight, posted_on)
        post_entries(drafts=[entry for entry in entries if entry is not None], at=at, by=by)
        reduced = reduced_codes()
        billables = [item for taking in fresh for item in billables_of(taking, posted_on, reduced)]
        add_billable_items(items=billables, at=at, by=by)
        events = [
            (t.order.pk, "RETURNED", "", "", f"{t.document.number} {t.request.reason}"[:300], at, str(by))
            for t in fresh
        ]
        batch = rows.Batch()
        batch.insert(OrderEvent, EVENT_COLUMNS, events)
        _match_reported_refunds(fresh, batch, at=at, by=by)
        letters.tell_returned(kind, documents, {t.order.pk: t.order.number for t in fresh}, batch, at=at, by=by)
        batch.run()
        unsold.sell_kept_fees(unsold.close_empty_parcels(fresh), on=posted_on, at=at, by=by)
        on_delivery = {taking.order.pk for taking in fresh if taking.is_on_delivery}
        if on_delivery and kind == Return.Kind.RETURN:
            collecting.tell(on_delivery, at=at, by=by)
        left_in_part.close_returned([taking.order for taking in fresh], at=at, by=by)
        changes.record(topic="return", keys=[taking.document.number for taking in fresh], audience=channel.code)
        announce(selectors.order_heads({taking.order.pk for taking in fresh}))
    return return_documents.stored(documents, replays, [request.external_id for request in requests])


def _match_reported_refunds(takings: Sequence[Taking], batch: rows.Batch, *, at: dt.datetime, by: Actor) -> None:
    orders = {taking.order.pk: taking.order for taking in takings}
    taken_off = dict.fromkeys(orders, ZERO)
    for taking in takings:
        taken_off[taking.order.pk] += taking.taken_off
    refunds.book_what_was_reported(orders.values(), taken_off=taken_off, batch=batch, at=at, by=by)


def _lock(kind: str, requests: Sequence[ReturnRequest], freight: Decimal) -> list[Taking]:
    """Lock the orders in key order, then the names of the returns."""
    found = (
        Order.objects.select_related("channel", "account")
        .filter(pk__in={request.order_id for request in requests})
        .order_by("pk")
        .select_for_update(of=("self",), no_key=True)
    )
    orders = {order.pk: order for order in found}
    if any(request.order_id not in orders for request in requests):
        raise OrderNotFound(_("There is no such order."))
    channels = {order.channel_id for order in orders.values()}
    if len(channels) > 1 or len({request.external_id for request in requests}) < len(requests):
        raise AssertionError("one call takes back goods of one channel, each return under an id of its own")
    locks.hold_all(f"return:{orders[request.order_id].channel_id}:{request.external_id}" for request in requests)
    return [Taking(request, orders[request.order_id], _fingerprint(kind, request, freight)) for request in requests]


def _refuse_unseen(
    seen: Mapping[int, int], fresh: Sequence[Taking], replays: Mapping[str, Return], *, by: Actor
) -> None:
    """Behind the locks of the orders: what another booked since somebody looked, or under the very number, is no answer to what they booked."""
    if any(document.actor != str(by) for document in replays.values()):
        raise AlreadyTakenBack(selectors.told_of_returns(seen, since={}))
    if fresh and selectors.units_returned(seen) != dict(seen):
        raise AlreadyTakenBack(selectors.told_of_returns(seen, since=seen))


def _fingerprint(kind: str, request: ReturnRequest, freight: Decimal) -> str:
    content = {
        "kind": kind,
        "order": request.order_id,
        "lines": sorted(map(str, map(asdict, request.lines))),
        "fees": request.refund_fees,
        "freight": freight,
        "reason": request.reason,
    }
    return messages.fingerprint(content)


def _documents(kind: str, takings: Sequence[Taking], on: dt.date, posted_on: dt.date) -> list[NewReturn]:
    """Number the documents and key their lines."""
    lines = sum(len(taking.parts) + len(taking.all_fees) for taking in takings)
    ids = rows.allocate_ids({Return: len(takings), ReturnLine: lines})
    numbers = numbering.next_numbers(numbering.RETURN, len(takings))
    documents = []
    for taking, number in zip(takings, numbers, strict=True):
        order, request = taking.order, taking.request
        taking.document = Document("RETURN", next(ids[Return]), number)
        for part in taking.parts:
            part.key = next(ids[ReturnLine])
        taking.fee_keys = [next(ids[ReturnLine]) for _fee in taking.all_fees]
        documents.append(
            NewReturn(
                taking.document.id, number, kind, order.channel_id, request.external_id, taking.fingerprint, on,
                order.currency, request.reason, order.pk, order.customer_record_id, _lines(taking), posted_on,
            )
        )  # fmt: skip
    return documents


def _lines(taking: Taking) -> list[NewLine]:
    goods = [
        NewLine(
            p.key, p.order_line.sku_id, p.order_line.name, p.condition, p.quantity, p.order_line.tax_code,
            p.order_line.tax_percent or ZERO, p.net, p.tax, p.cost, p.line.pk,
            back=tuple(replace(item, source_line=p.key) for item in p.back), is_unsold=p.is_unsold,
            outside=tuple(replace(item, source_line=p.key) for item in p.outside),
        )
        for p in taking.parts
    ]  # fmt: skip
    fees = [
        NewLine(
            key, None, str(OrderFee.Kind(fee.kind).label), Condition.NOT_RETURNED, 1, fee.tax_code, fee.tax_percent or ZERO,
            ZERO if is_unsold else fee.net_amount or ZERO, ZERO if is_unsold else fee.tax_amount or ZERO, fee_id=fee.pk,
            is_unsold=is_unsold,
        )
        for (fee, is_unsold), key in zip(taking.all_fees, taking.fee_keys, strict=True)
    ]  # fmt: skip
    return [*goods, *fees]


def _count_returned(takings: Sequence[Taking]) -> None:
    by_shipment_line: dict[int, int] = {}
    by_order_line: dict[int, int] = {}
    unsold_lines: dict[int, int] = {}
    for part in (part for taking in takings for part in taking.parts):
        if part.is_unsold:
            unsold_lines[part.line.pk] = unsold_lines.get(part.line.pk, part.line.unsold_quantity) + part.quantity
        line, order_line = part.line, part.order_line
        by_shipment_line[line.pk] = by_shipment_line.get(line.pk, line.returned_quantity) + part.quantity
        by_order_line[order_line.pk] = by_order_line.get(order_line.pk, order_line.returned_quantity) + part.quantity
    with rows.pipeline():
        rows.update(ShipmentLine, "id", ["returned_quantity"], list(by_shipment_line.items()))
        rows.update(OrderLine, "id", ["returned_quantity"], list(by_order_line.items()))
        rows.update(ShipmentLine, "id", ["unsold_quantity"], list(unsold_lines.items()))
