"""Pieces that change their place, at cost: in one step, or over the road through an in-transit location.

Takes these levels of the house's lock order: the document by name, balances by primary key, cost rows by SKU.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass

from django.db.models import Sum
from django.utils.translation import gettext as _

from erp.core import locks
from erp.core.actors import Actor
from erp.core.clock import business_date
from erp.core.errors import InvalidInput, NotAllowedNow, NotFound, Problem
from erp.core.money import share_of_next
from erp.core.use_case import use_case
from erp.inventory.models import Location, StockDocument, StockMovement, TransferOrder
from erp.inventory.postings import Sums
from erp.inventory.selectors.transfers import REDIRECT, TRANSFER, current_destinations
from erp.inventory.services import documents, movements, provisional
from erp.inventory.services.documents import Booked
from erp.inventory.services.explaining import Left, open_for_leaving, settle_arrivals
from erp.inventory.services.figures import faults_of_pieces
from erp.inventory.services.posting import post

ARRIVAL, TRANSFER_LOSS = "TRANSFER_ARRIVAL", "TRANSFER_LOSS"


@dataclass(frozen=True, slots=True)
class TransferLine:
    line_no: int
    sku_id: int
    quantity: int


@use_case
def transfer(
    *,
    external_id: str,
    from_location_id: int,
    to_location_id: int,
    destination_id: int | None = None,
    lines: Sequence[TransferLine],
    note: str = "",
    occurred_at: dt.datetime,
    at: dt.datetime,
    by: Actor,
) -> Booked:
    """Move free pieces at moving average. With an in-transit location as ``to_location_id``, ``arrive`` takes them on from there to
    ``destination_id`` and to no other place.

    Posts only where the places keep their value on different accounts. Repeatable by ``external_id``.

    Raises:
        InsufficientStock: names every SKU of which fewer pieces are free.
        InvalidInput, Conflict, PeriodClosed: as for ``receive``.
    """
    content = [from_location_id, to_location_id, destination_id, occurred_at, [asdict(line) for line in lines]]
    if earlier := documents.replay(source_type=TRANSFER, external_id=external_id, content=content):
        return earlier
    _refuse_senseless(lines, from_location_id, to_location_id)
    _refuse_no_destination(from_location_id, to_location_id, destination_id)
    document_id = documents.new_document(
        kind=StockDocument.Kind.TRANSFER,
        source_type=TRANSFER,
        external_id=external_id,
        content=content,
        destination_id=destination_id,
        note=note,
        occurred_at=occurred_at,
        at=at,
        by=by,
    )
    leaving = [Left(document_id, line.line_no, (line.sku_id, from_location_id), line.quantity) for line in lines]
    arriving = [(line.sku_id, to_location_id) for line in lines]
    booking = open_for_leaving(leaving, arriving=arriving, occurred_at=occurred_at, at=at, by=by)
    sums = Sums()
    for line in lines:
        source, target = (line.sku_id, from_location_id), (line.sku_id, to_location_id)
        value = booking.take(source, line.quantity, document_id=document_id, document_line=line.line_no)
        booking.move(target, line.quantity, value=value, document_id=document_id, document_line=line.line_no)
        sums.credit(booking.account_role(source), value)
        sums.debit(booking.account_role(target), value)
    settle_arrivals(booking, sums, document_id, occurred_at=occurred_at, at=at, by=by)
    booking.write()
    _post(sums, TRANSFER, document_id, external_id, occurred_at, at=at, by=by)
    return documents.booked(document_id)


@use_case
def arrive(
    *,
    external_id: str,
    transfer_id: int,
    to_location_id: int,
    lines: Sequence[TransferLine],
    note: str = "",
    occurred_at: dt.datetime | None,
    at: dt.datetime,
    by: Actor,
) -> Booked:
    """Take pieces of a transfer off the road, all or a part, at the value they were sent with; the last ones take the rest.

    Of one that nobody asked for: what was asked for arrives where it was asked for (``receive_transfer``). ``line_no`` is the line of the
    transfer. Repeatable by ``external_id``; where nobody says when (None: ``at``), at any later moment too.

    Raises:
        InvalidInput: names every line of which less is on the road; what went straight to its place never was.
        NotAllowedNow: a transfer order (移動) asked for it, or it goes to another place.
        NotFound, Conflict, PeriodClosed.
    """
    content = _content_of_arrival(transfer_id, to_location_id, occurred_at, lines)
    if earlier := documents.replay(source_type=ARRIVAL, external_id=external_id, content=content):
        return earlier
    locks.hold(f"road of transfer:{transfer_id}")
    _refuse_asked_for(transfer_id)
    destination = _sent_to(transfer_id)
    if destination.pk != to_location_id:
        raise NotAllowedNow(
            _("This transfer goes to %(place)s. Whoever sent it may change where it goes.")
            % {"place": destination.name}
        )
    return take_off_the_road(
        external_id=external_id,
        transfer_id=transfer_id,
        to_location_id=to_location_id,
        lines=lines,
        note=note,
        occurred_at=occurred_at,
        at=at,
        by=by,
    )


def take_off_the_road(
    *,
    external_id: str,
    transfer_id: int,
    to_location_id: int,
    lines: Sequence[TransferLine],
    note: str = "",
    occurred_at: dt.datetime | None,
    at: dt.datetime,
    by: Actor,
) -> Booked:
    """``arrive``, also of what was asked for. For use-cases of this room."""
    content = _content_of_arrival(transfer_id, to_location_id, occurred_at, lines)
    if earlier := documents.replay(source_type=ARRIVAL, external_id=external_id, content=content):
        return earlier
    occurred_at = occurred_at or at
    sent = {line.line_no: line for line in documents.booked(transfer_id).lines if line.quantity > 0}
    if not sent:
        raise NotFound(_("There is no transfer %(id)s.") % {"id": transfer_id})
    keys = [(line.sku_id, sent[line.line_no].location_id) for line in lines if line.line_no in sent]
    booking = movements.open_booking(
        keys, arriving=[(line.sku_id, to_location_id) for line in lines], occurred_at=occurred_at, at=at
    )
    arrived = arrived_before(transfer_id)
    roads = set(
        Location.objects.filter(
            pk__in={line.location_id for line in sent.values()}, kind=Location.Kind.IN_TRANSIT
        ).values_list("pk", flat=True)
    )
    _refuse_more_than_sent(lines, sent, arrived, roads)
    document_id = documents.new_document(
        kind=StockDocument.Kind.TRANSFER,
        source_type=ARRIVAL,
        external_id=external_id,
        source_id=transfer_id,
        content=content,
        note=note,
        occurred_at=occurred_at,
        at=at,
        by=by,
    )
    sums = Sums()
    for line in lines:
        origin = sent[line.line_no]
        source, target = (line.sku_id, origin.location_id), (line.sku_id, to_location_id)
        before = arrived.get(line.line_no, 0)
        sent_with = share_of_next(origin.value, line.quantity, done=before, of=origin.quantity)
        # Unless goods on the road were counted or written down meanwhile.
        value = booking.value_within(source, line.quantity, sent_with)
        arrived[line.line_no] = before + line.quantity
        booking.move(source, -line.quantity, value=-value, document_id=document_id, document_line=line.line_no)
        booking.move(target, line.quantity, value=value, document_id=document_id, document_line=line.line_no)
        sums.credit(booking.account_role(source), value)
        sums.debit(booking.account_role(target), value)
    settle_arrivals(booking, sums, document_id, occurred_at=occurred_at, at=at, by=by)
    booking.write()
    _post(sums, ARRIVAL, document_id, external_id, occurred_at, at=at, by=by)
    return documents.booked(document_id)


@use_case
def redirect_transfer(*, transfer_id: int, destination_id: int, reason: str, at: dt.datetime, by: Actor) -> int:
    """Let what is still on the road of a transfer arrive at another place from now on. A document of its own without pieces, which keeps the
    reason and who decided it; the same destination again changes nothing. Returns the document that says where it goes.

    Raises:
        InvalidInput: no reason, or a place where nothing arrives.
        NotAllowedNow: nothing is on the road any more, or a transfer order (移動) asked for it.
        NotFound: there is no such transfer over the road.
    """
    locks.hold(f"road of transfer:{transfer_id}")
    _refuse_asked_for(transfer_id)
    if _sent_to(transfer_id).pk == destination_id:
        return current_destinations([transfer_id])[transfer_id].document_id
    if not reason.strip():
        raise InvalidInput([Problem("/reason", "required", _("Say why it goes elsewhere."))])
    sent = documents.booked(transfer_id).lines
    origin = next(line.location_id for line in sent if line.quantity < 0)
    _refuse_no_destination(origin, next(line.location_id for line in sent if line.quantity > 0), destination_id)
    arrived = arrived_before(transfer_id)
    if all(arrived.get(line.line_no, 0) >= line.quantity for line in sent if line.quantity > 0):
        raise NotAllowedNow(_("All of it has arrived."))
    return documents.new_document(
        kind=StockDocument.Kind.TRANSFER,
        source_type=REDIRECT,
        source_id=transfer_id,
        external_id="",
        content=[transfer_id, destination_id, reason],
        destination_id=destination_id,
        note=reason,
        occurred_at=at,
        at=at,
        by=by,
    )


def _content_of_arrival(
    transfer_id: int, to_location_id: int, occurred_at: dt.datetime | None, lines: Sequence[TransferLine]
) -> list[object]:
    return [transfer_id, to_location_id, occurred_at, [asdict(line) for line in lines]]


def _refuse_asked_for(transfer_id: int) -> None:
    if asked_for := TransferOrder.objects.filter(document=transfer_id).first():
        raise NotAllowedNow(
            _("It is received on the page of its transfer: %(number)s.") % {"number": asked_for.external_id}
        )


def _sent_to(transfer_id: int) -> Location:
    """Asked behind the lock of the transfer's road."""
    current = current_destinations([transfer_id]).get(transfer_id)
    if current is None:
        raise NotFound(_("There is no transfer %(id)s over the road.") % {"id": transfer_id})
    return Location.objects.get(pk=current.location_id)


def _refuse_no_destination(from_location_id: int, to_location_id: int, destination_id: int | None) -> None:
    """Goods that take to the road say where they go; what is there at once has arrived."""
    over_the_road = Location.objects.filter(pk=to_location_id, kind=Location.Kind.IN_TRANSIT).exists()
    if not over_the_road and destination_id is None:
        return
    told = ""
    if not over_the_road:
        told = _("Only a transfer over the road has a destination besides.")
    elif destination_id is None:
        told = _("Say where the goods go: only there their arrival is noted.")
    elif destination_id == from_location_id:
        told = _("The pieces are there already.")
    elif not _may_receive(destination_id):
        told = _("Goods arrive at an open place that is no road.")
    if told:
        raise InvalidInput([Problem("/destination", "invalid", told)])


def _may_receive(location_id: int) -> bool:
    found = Location.objects.filter(pk=location_id, is_active=True)
    return found.exclude(kind=Location.Kind.IN_TRANSIT).exists()


def _post(
    sums: Sums,
    source_type: str,
    document_id: int,
    external_id: str,
    occurred_at: dt.datetime,
    *,
    at: dt.datetime,
    by: Actor,
) -> None:
    post(
        sums.lines(),
        on=business_date(occurred_at),
        description=_("Transfer %(id)s") % {"id": external_id},
        source=(source_type, document_id),
        at=at,
        by=by,
    )


def arrived_before(transfer_id: int) -> dict[int, int]:
    """Pieces that have left the road again, by line: arrived, or written off. Read after the balances of the road are locked, so no other
    arrival is under way."""
    found = StockMovement.objects.filter(
        document__source_type__in=[ARRIVAL, TRANSFER_LOSS], document__source_id=transfer_id, quantity__lt=0
    )
    by_line = found.exclude(reason__code=provisional.PROVISIONAL).values_list("document_line")
    return {line_no: -pieces for line_no, pieces in by_line.annotate(Sum("quantity"))}


def _refuse_more_than_sent(
    lines: Sequence[TransferLine],
    sent: Mapping[int, documents.BookedLine],
    arrived: Mapping[int, int],
    roads: Collection[int],
) -> None:
    problems = []
    wanted: dict[int, int] = defaultdict(int)
    for index, line in enumerate(lines):
        wanted[line.line_no] += line.quantity
        origin = sent.get(line.line_no)
        is_on_road = origin is not None and origin.location_id in roads
        left = origin.quantity - arrived.get(line.line_no, 0) if origin is not None and is_on_road else 0
        if origin is None or origin.sku_id != line.sku_id or line.quantity < 1 or wanted[line.line_no] > left:
            problems.append(
                Problem(
                    f"/lines/{index}/quantity",
                    "not_on_the_road",
                    _("%(left)d pieces are on the road.") % {"left": left},
                )
            )
    if problems:
        raise InvalidInput(problems)


def _refuse_senseless(lines: Sequence[TransferLine], from_location_id: int, to_location_id: int) -> None:
    problems = [
        Problem(f"/lines/{index}/quantity", "invalid", _("A line needs at least one piece."))
        for index, line in enumerate(lines)
        if line.quantity < 1
    ]
    for index, line in enumerate(lines):
        problems += faults_of_pieces(index, line.quantity)
    if len({line.line_no for line in lines}) < len(lines):
        problems.append(Problem("/lines", "invalid", _("Every line needs a number of its own.")))
    if not lines:
        problems.append(Problem("/lines", "invalid", _("A transfer needs lines.")))
    if from_location_id == to_location_id:
        problems.append(Problem("/to_location", "invalid", _("The pieces are there already.")))
    if problems:
        raise InvalidInput(problems)
