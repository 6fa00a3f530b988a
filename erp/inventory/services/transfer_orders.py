"""移動指示: goods asked for from another place. They are claimed at once, leave over the road, arrive in parts, and what is missing is found or
written off by somebody else.

Takes these levels of the house's lock order: document (the order's row), balances by primary key, cost rows by SKU.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from erp.core import locks, rows, staff_tasks
from erp.core.actors import Actor
from erp.core.clock import business_date
from erp.core.errors import Conflict, InvalidInput, NotAllowedNow, NotFound, Problem
from erp.core.money import share_so_far
from erp.core.use_case import use_case
from erp.inventory.models import Reason, Reservation, StockDocument, TransferOrder, TransferOrderLine
from erp.inventory.postings import Sums
from erp.inventory.selectors.places import transit_location_id
from erp.inventory.selectors.transfer_orders import claimed_pieces
from erp.inventory.selectors.transfers import TRANSFER
from erp.inventory.services import documents, movements, promises
from erp.inventory.services.balances import BalanceKey
from erp.inventory.services.claims import RESERVATION_LOST
from erp.inventory.services.explaining import Left, explain_losses
from erp.inventory.services.figures import faults_of_pieces
from erp.inventory.services.posting import post
from erp.inventory.services.transfers import (
    ARRIVAL,
    TRANSFER_LOSS,
    TransferLine,
    arrived_before,
    take_off_the_road,
)

TRANSFER_ORDER = "TRANSFER_ORDER"
# Behind every customer's order: a shop sale takes these pieces first.
PRIORITY = 90
State = TransferOrder.State


@dataclass(frozen=True, slots=True)
class TransferRequest:
    """What is to go from one place to another, pieces by SKU id."""

    external_id: str
    from_location_id: int
    to_location_id: int
    pieces: Mapping[int, int]
    note: str = ""


@use_case
def request_transfers(
    *, requests: Sequence[TransferRequest], distribution_id: int | None = None, at: dt.datetime, by: Actor
) -> list[int]:
    """Ask for transfers, all of them or none, and claim their pieces, so that nobody sells them meanwhile. Set-based: as many statements for
    one as for fifty. Returns their ids; repeatable by their numbers.

    Raises:
        InvalidInput: names every request without pieces, or that goes nowhere.
        InsufficientStock: names every SKU of which fewer pieces are free.
        Conflict: a number was used for another transfer.
    """
    _refuse_senseless(requests)
    locks.hold_all(f"transfer:{request.external_id}" for request in requests)
    numbers = [request.external_id for request in requests]
    if known := dict(TransferOrder.objects.filter(external_id__in=numbers).values_list("external_id", "pk")):
        return _replay(requests, known)
    wanted: dict[BalanceKey, int] = defaultdict(int)
    for request in requests:
        for sku_id, pieces in request.pieces.items():
            wanted[sku_id, request.from_location_id] += pieces
    booking = movements.open_booking(wanted, occurred_at=at, at=at)
    movements.refuse_shortage(wanted, booking)
    orders = TransferOrder.objects.bulk_create(
        [
            TransferOrder(
                external_id=request.external_id,
                from_location_id=request.from_location_id,
                to_location_id=request.to_location_id,
                distribution_id=distribution_id,
                note=request.note[:200],
                requested_at=at,
                requested_by=str(by),
            )
            for request in requests
        ]
    )
    lines = TransferOrderLine.objects.bulk_create(
        [
            TransferOrderLine(order=order, sku_id=sku_id, quantity=pieces)
            for order, request in zip(orders, requests, strict=True)
            for sku_id, pieces in sorted(request.pieces.items())
        ]
    )
    rows.insert(
        Reservation,
        (
            "sku_id", "location_id", "document_type", "document_id", "document_line", "quantity", "consumed", "released",
            "priority", "reserved_at", "actor",
        ),
        [
            (
                line.sku_id, line.order.from_location_id, TRANSFER_ORDER, line.order_id, line.pk, line.quantity, 0, 0,
                PRIORITY, at, str(by),
            )
            for line in lines
        ],
    )  # fmt: skip
    for key, pieces in wanted.items():
        booking.claim(key, pieces)
    booking.write()
    return [order.pk for order in orders]


def _refuse_senseless(requests: Sequence[TransferRequest]) -> None:
    problems = []
    for index, request in enumerate(requests):
        pointer = f"/requests/{index}"
        if not request.external_id.strip():
            problems.append(Problem(pointer, "required", _("A transfer needs a number of its own.")))
        if request.from_location_id == request.to_location_id:
            problems.append(Problem(pointer, "invalid", _("The pieces are there already.")))
        if not request.pieces or min(request.pieces.values()) < 1:
            problems.append(Problem(pointer, "invalid", _("A line needs at least one piece.")))
        for pieces in request.pieces.values():
            problems += faults_of_pieces(index, pieces)
    if not requests:
        problems.append(Problem("", "empty", _("A transfer needs lines.")))
    if problems:
        raise InvalidInput(problems)


def _replay(requests: Sequence[TransferRequest], known: Mapping[str, int]) -> list[int]:
    """The same transfers, each with the same pieces between the same places, or a Conflict."""
    asked: dict[int, dict[int, int]] = defaultdict(dict)
    found = TransferOrderLine.objects.filter(order__in=list(known.values()))
    for order_id, sku_id, pieces in found.values_list("order_id", "sku_id", "quantity"):
        asked[order_id][sku_id] = pieces
    places = {
        pk: (start, end)
        for pk, start, end in TransferOrder.objects.filter(pk__in=list(known.values())).values_list(
            "pk", "from_location_id", "to_location_id"
        )
    }
    for request in requests:
        key = known.get(request.external_id)
        same = (request.from_location_id, request.to_location_id)
        if key is None or asked[key] != dict(request.pieces) or places[key] != same:
            raise Conflict(_("%(id)s was booked before with other content.") % {"id": request.external_id})
    return [known[request.external_id] for request in requests]


@use_case
def cancel_transfers(*, order_ids: Sequence[int], at: dt.datetime, by: Actor) -> int:
    """Take requests back that have not been shipped, and free their pieces. All or none; cancelled ones stay as they are. Returns how many.

    Raises NotFound; NotAllowedNow: one of them is on the road already.
    """
    orders = _locked(order_ids)
    for order in orders:
        if order.state not in (State.REQUESTED, State.CANCELLED):
            raise NotAllowedNow(_("%(number)s has been shipped already.") % {"number": order.external_id})
    waiting = [order for order in orders if order.state == State.REQUESTED]
    keys = [(line.sku_id, order.from_location_id) for order in waiting for line in order.lines.all()]
    booking = movements.open_booking(keys, occurred_at=at, at=at)
    _release(waiting, booking, shipped={})
    booking.write()
    TransferOrder.objects.filter(pk__in=[order.pk for order in waiting]).update(state=State.CANCELLED)
    _want_no_more(waiting, _("The transfer was cancelled."), at=at, by=by)
    return len(waiting)


@use_case
def ask_again(*, order_id: int, at: dt.datetime, by: Actor) -> int:
    """Claim again what a request has lost to a shop sale or a count, as far as pieces are free now. Returns how many it still lacks; whole, its
    task is done. Again, nothing changes.

    Raises NotFound; NotAllowedNow: it was shipped or cancelled.
    """
    [order] = _locked([order_id])
    if order.state != State.REQUESTED:
        raise _not_now(order)
    lines = {line.pk: line for line in order.lines.all()}
    booking = movements.open_booking(
        [(line.sku_id, order.from_location_id) for line in lines.values()], occurred_at=at, at=at
    )
    claimed = claimed_pieces(order.pk)
    lacking = {key: line.quantity - claimed.get(key, 0) for key, line in lines.items()}
    had: dict[int, int] = {}
    for key, pieces in lacking.items():
        balance = (lines[key].sku_id, order.from_location_id)
        if (part := min(pieces, booking.unclaimed(balance))) > 0:
            booking.claim(balance, part)
            had[key] = part
    if had:
        # No channel sells these, and no quota is used.
        again = [
            (order.pk, key, lines[key].sku_id, order.from_location_id, part, PRIORITY, None)
            for key, part in had.items()
        ]
        promises.claim(TRANSFER_ORDER, again, at=at, by=by)
    booking.write()
    left = sum(lacking.values()) - sum(had.values())
    if not left:
        _want_no_more([order], _("Its pieces are claimed again."), at=at, by=by)
    return left


def _want_no_more(orders: Sequence[TransferOrder], resolution: str, *, at: dt.datetime, by: Actor) -> None:
    """Transfers that have their pieces, or want none any more, are no task for anybody."""
    staff_tasks.close_open(
        kind=RESERVATION_LOST,
        subject_type=TRANSFER_ORDER,
        subject_ids=[order.pk for order in orders],
        resolution=resolution,
        at=at,
        by=by,
    )


def _release(orders: Sequence[TransferOrder], booking: movements.Booking, *, shipped: Mapping[int, int]) -> None:
    """Give back what the lines still claim; of ``shipped`` pieces, by line, the claim is used up instead. Behind the lock of the balances."""
    open_claims = Reservation.objects.filter(
        document_type=TRANSFER_ORDER, document_id__in=[order.pk for order in orders], quantity__gt=0
    )
    changed = []
    for claim in open_claims:
        used = min(claim.quantity, shipped.get(claim.document_line, 0))
        booking.claim((claim.sku_id, claim.location_id), -claim.quantity)
        changed.append((claim.pk, 0, claim.consumed + used, claim.released + claim.quantity - used))
    rows.update(Reservation, "id", ("quantity", "consumed", "released"), changed)


@use_case
def ship_transfer(
    *,
    order_id: int,
    pieces: Mapping[int, int] | None = None,
    occurred_at: dt.datetime | None,
    at: dt.datetime,
    by: Actor,
) -> int:
    """Let a transfer leave: its pieces go over the road, at moving average. ``pieces`` by line where fewer than asked for leave; the rest is
    taken back. Returns the stock document; a shipped one answers with its own. Where nobody says when (None), it is ``at``.

    Raises:
        InvalidInput: more than asked for, or nothing at all.
        InsufficientStock: a shop sale has taken pieces meanwhile.
        NotFound, NotAllowedNow, PeriodClosed.
    """
    [order] = _locked([order_id])
    if order.document_id is not None and order.state in (State.SHIPPED, State.DONE):
        return order.document_id
    if order.state != State.REQUESTED:
        raise _not_now(order)
    occurred_at = occurred_at or at
    lines = list(order.lines.order_by("pk"))
    leaving = {line.pk: line.quantity if pieces is None else pieces.get(line.pk, 0) for line in lines}
    if any(not 0 <= leaving[line.pk] <= line.quantity for line in lines) or not any(leaving.values()):
        raise InvalidInput([Problem("/pieces", "invalid", _("Not more than asked for, and at least one piece."))])
    road = transit_location_id()
    wanted = {(line.sku_id, order.from_location_id): leaving[line.pk] for line in lines}
    booking = movements.open_booking(
        wanted, arriving=[(line.sku_id, road) for line in lines], occurred_at=occurred_at, at=at
    )
    _release([order], booking, shipped=leaving)
    document_id = documents.new_document(
        kind=StockDocument.Kind.TRANSFER,
        source_type=TRANSFER,
        external_id=f"{order.external_id}/out",
        content=[order.pk, sorted(leaving.items()), occurred_at],
        destination_id=order.to_location_id,
        note=order.note,
        occurred_at=occurred_at,
        at=at,
        by=by,
    )
    gone = [Left(document_id, line.pk, (line.sku_id, order.from_location_id), leaving[line.pk]) for line in lines]
    explain_losses(booking, gone, occurred_at=occurred_at, at=at, by=by)
    movements.refuse_shortage(wanted, booking)
    sums = Sums()
    for line in lines:
        if count := leaving[line.pk]:
            source, target = (line.sku_id, order.from_location_id), (line.sku_id, road)
            value = booking.take(source, count, document_id=document_id, document_line=line.pk)
            booking.move(target, count, value=value, document_id=document_id, document_line=line.pk)
            sums.credit(booking.account_role(source), value)
            sums.debit(booking.account_role(target), value)
    booking.write()
    _post(sums, order, TRANSFER, document_id, occurred_at, at=at, by=by)
    rows.update(TransferOrderLine, "id", ("shipped",), sorted(leaving.items()))
    TransferOrder.objects.filter(pk=order.pk).update(
        state=State.SHIPPED, document_id=document_id, shipped_at=occurred_at, shipped_by=str(by)
    )
    _want_no_more([order], _("The transfer was shipped."), at=at, by=by)
    return document_id


@use_case
def receive_transfer(
    *,
    external_id: str,
    order_id: int,
    pieces: Mapping[int, int],
    occurred_at: dt.datetime | None,
    at: dt.datetime,
    by: Actor,
) -> bool:
    """Take in what arrived of a transfer, by line; parts may follow. Returns whether everything is there now. Repeatable by ``external_id``;
    where nobody says when (None: ``at``), at any later moment too.

    Raises:
        InvalidInput: names every line of which less is on the road.
        NotFound, NotAllowedNow, PeriodClosed, Conflict.
    """
    [order] = _locked([order_id])
    if order.document_id is None or order.state not in (State.SHIPPED, State.DONE):
        raise _not_now(order)
    lines = {line.pk: line for line in order.lines.all()}
    counted = [
        TransferLine(key, lines[key].sku_id, count) for key, count in sorted(pieces.items()) if count and key in lines
    ]
    if not counted:
        raise InvalidInput([Problem("", "empty", _("Nothing was counted."))])
    booked = take_off_the_road(
        external_id=external_id,
        transfer_id=order.document_id,
        to_location_id=order.to_location_id,
        lines=counted,
        occurred_at=occurred_at,
        at=at,
        by=by,
    )
    if not booked.is_replay:
        for line in counted:
            lines[line.line_no].received += line.quantity
        rows.update(
            TransferOrderLine, "id", ("received",), [(line.line_no, lines[line.line_no].received) for line in counted]
        )
        is_whole = all(line.received + line.lost == line.shipped for line in lines.values())
        # What turns up after all was not missing.
        reported = ("", None) if is_whole else (order.reported_by, order.reported_at)
        TransferOrder.objects.filter(pk=order.pk).update(
            state=State.DONE if is_whole else State.SHIPPED,
            received_at=occurred_at or at,
            received_by=str(by),
            reported_by=reported[0],
            reported_at=reported[1],
        )
        return is_whole
    return order.state == State.DONE


@use_case
def report_missing(*, order_id: int, at: dt.datetime, by: Actor) -> None:
    """Say that the rest of a transfer does not come. It stays on the road until it is found, or somebody else approves its loss.

    Again it changes nothing: who reported it first has reported it. Raises NotFound, NotAllowedNow.
    """
    [order] = _locked([order_id])
    if order.state != State.SHIPPED:
        raise _not_now(order)
    if not order.reported_by:
        TransferOrder.objects.filter(pk=order.pk).update(reported_at=at, reported_by=str(by))


@use_case
def write_off_missing(*, order_id: int, at: dt.datetime, by: Actor) -> None:
    """Approve that the rest of a transfer is lost: it leaves the road at the value it was sent with, as 棚卸減耗. Never by whoever shipped,
    received any part of it or reported it; the database says so too of the last part. A transfer that is done stays as it is.

    Raises NotFound, NotAllowedNow, PeriodClosed.
    """
    [order] = _locked([order_id])
    if order.state == State.DONE and order.loss_approved_by:
        return
    if order.state != State.SHIPPED or not order.reported_by or order.document_id is None:
        raise _not_now(order)
    parts = StockDocument.objects.filter(source_type=ARRIVAL, source_id=order.document_id, actor=str(by))
    if str(by) in (order.shipped_by, order.received_by, order.reported_by) or parts.exists():
        raise NotAllowedNow(_("You have shipped, received or reported it. Somebody else has to approve the loss."))
    sent = {line.line_no: line for line in documents.booked(order.document_id).lines if line.quantity > 0}
    keys = [(line.sku_id, line.location_id) for line in sent.values()]
    booking = movements.open_booking(keys, occurred_at=at, at=at)
    arrived = arrived_before(order.document_id)
    reason = Reason.objects.get(code="LOSS")
    document_id = documents.new_document(
        kind=StockDocument.Kind.ADJUSTMENT,
        source_type=TRANSFER_LOSS,
        external_id=f"{order.external_id}/lost",
        source_id=order.document_id,
        content=[order.pk],
        note=order.note,
        occurred_at=at,
        at=at,
        by=by,
    )
    sums, lost = Sums(), []
    for line_no, line in sent.items():
        before = arrived.get(line_no, 0)
        if missing := line.quantity - before:
            key = (line.sku_id, line.location_id)
            sent_with = line.value - share_so_far(line.value, done=before, of=line.quantity)
            value = booking.value_within(key, missing, sent_with)
            booking.move(
                key, -missing, value=-value, document_id=document_id, document_line=line_no, reason_id=reason.pk
            )
            sums.credit(booking.account_role(key), value)
            sums.debit(reason.account_role, value)
            lost.append((line_no, missing))
    booking.write()
    _post(sums, order, TRANSFER_LOSS, document_id, at, at=at, by=by)
    rows.update(TransferOrderLine, "id", ("lost",), lost)
    TransferOrder.objects.filter(pk=order.pk).update(state=State.DONE, loss_approved_by=str(by))


def _post(
    sums: Sums, order: TransferOrder, kind: str, document_id: int, moment: dt.datetime, *, at: dt.datetime, by: Actor
) -> None:
    told = _("Transfer %(id)s") % {"id": order.external_id}
    post(sums.lines(), on=business_date(moment), description=told, source=(kind, document_id), at=at, by=by)


def _locked(order_ids: Sequence[int]) -> list[TransferOrder]:
    """The orders in the order of their keys, locked, with their lines."""
    found = TransferOrder.objects.filter(pk__in=list(order_ids)).order_by("pk").select_for_update(no_key=True)
    orders = list(found.prefetch_related("lines"))
    if len(orders) < len(set(order_ids)):
        raise NotFound(_("There is no such transfer."))
    return orders


def _not_now(order: TransferOrder) -> NotAllowedNow:
    told = _("%(number)s: this cannot be done now (%(state)s).")
    return NotAllowedNow(told % {"number": order.external_id, "state": order.get_state_display()})
