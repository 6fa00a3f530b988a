"""販売報告: what an account that holds our goods says it sold. Levels: document (orders, the report by name) … open items.

A report is refused as a whole when it names more than the account holds of ours. It is no physical fact of our own house, which would never be
refused: no piece leaves a place of ours, it says what we may bill, and units that we did not send have no line whose price, tax and debtor they
could be billed under. Nothing is lost by it, since the reporter still has the report; what the account holds more or less than our books say is
found by counting there.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from django.utils.translation import gettext as _

from erp.core import locks, messages, numbering, rows
from erp.core.actors import Actor
from erp.core.clock import business_date
from erp.core.errors import Conflict, Problem
from erp.core.models import RevenueBasis
from erp.core.money import ZERO
from erp.core.use_case import use_case
from erp.orders import selectors
from erp.orders.exceptions import NotReportable
from erp.orders.models import OrderEvent, SalesReport, SalesReportLine, Shipment, ShipmentLine
from erp.orders.postings import Document
from erp.orders.selectors.units import Units, outside
from erp.orders.services import parcel_days, parcels
from erp.orders.services.outside import Selling, issued_of, sell, whatever_is_left
from erp.orders.services.parcels import Parcel, ParcelLine
from erp.orders.services.sales import announce_shipments, hold_credit_of
from erp.orders.services.writing import EVENT_COLUMNS

TYPE = "SALES_REPORT"


@dataclass(frozen=True, slots=True)
class SoldUnits:
    """Units of one shipment line that the account sold."""

    shipment_line_id: int
    quantity: int


@use_case
def report_sales(
    *,
    channel: str,
    external_id: str,
    lines: Sequence[SoldUnits],
    report_date: dt.date | None = None,
    at: dt.datetime,
    by: Actor,
) -> SalesReport:
    """Post the sale of consigned goods that an account reports, a part of what it holds or all. ``report_date`` is the day of the sale.

    The same ``external_id`` again returns the first report. Raises NotFound for an unknown channel, NotReportable naming every line of which
    less is out there (then nothing is posted), Conflict for other content under the same id, InvalidInput for a day to come, PeriodClosed.
    """
    channel_id = selectors.channel_id_of(channel)
    on = report_date or business_date(at)
    named = ShipmentLine.objects.filter(pk__in=[line.shipment_line_id for line in lines])
    found = parcels.lock(set(named.values_list("shipment_id", flat=True)))
    locks.hold(f"sales report:{channel_id}:{external_id}")
    fingerprint = messages.fingerprint([on, sorted(map(str, map(asdict, lines)))])
    known = SalesReport.objects.filter(channel_id=channel_id, external_id=external_id).first()
    if known is not None:
        if known.fingerprint != fingerprint:
            raise Conflict(_("Sales report %(id)s is recorded with other content.") % {"id": external_id})
        return known
    parcel_days.refuse_future("report_date", on, at=at)
    mine = {
        line.id: (parcel, line)
        for parcel in found.values()
        if parcel.order.channel_id == channel_id
        for line in parcel.lines
    }
    if problems := _faults(external_id, lines, mine):
        raise NotReportable(_("This cannot be reported as sold."), problems=problems)
    sold: dict[int, list[tuple[ParcelLine, Units]]] = {}
    for asked in sorted(lines, key=lambda line: line.shipment_line_id):
        parcel, line = mine[asked.shipment_line_id]
        first = line.reported_quantity
        sold.setdefault(parcel.id, []).append((line, Units(line, first, first + asked.quantity)))
    return _record(external_id, fingerprint, found, sold, on=on, at=at, by=by)


def report_rest(consigned: Sequence[Parcel], *, on: dt.date, at: dt.datetime, by: Actor) -> None:
    """All that is left of consigned parcels was sold. Part of a transaction that holds them and their orders."""
    for parcel in consigned:
        if units := whatever_is_left(parcel):
            name = f"accepted:{parcel.number}"
            fingerprint = messages.fingerprint([on, name])
            _record(name, fingerprint, {parcel.id: parcel}, {parcel.id: units}, on=on, at=at, by=by)


def _faults(
    external_id: str, lines: Sequence[SoldUnits], mine: Mapping[int, tuple[Parcel, ParcelLine]]
) -> list[Problem]:
    problems = []
    for asked in lines:
        if asked.shipment_line_id not in mine:
            detail = _("The channel has no such shipment line.")
            problems.append(Problem(str(asked.shipment_line_id), "unknown_line", detail))
            continue
        parcel, line = mine[asked.shipment_line_id]
        possible = outside(line, parcel).quantity
        if parcel.revenue_basis != RevenueBasis.SALES_REPORT:
            detail = _("These goods are not consigned: their sale does not wait for a report.")
            problems.append(Problem(parcel.number, "not_consigned", detail))
        elif not 0 < asked.quantity <= possible:
            detail = _("%(asked)s reported sold, %(possible)s are out there.") % {
                "asked": asked.quantity, "possible": possible,
            }  # fmt: skip
            problems.append(Problem(str(asked.shipment_line_id), "more_than_out_there", detail))
    if not external_id.strip() or not lines or len({line.shipment_line_id for line in lines}) < len(lines):
        detail = _("Give the report its number and name each line once, at least one.")
        problems.append(Problem(external_id, "wrong_lines", detail))
    return problems


Sold = Mapping[int, Sequence[tuple[ParcelLine, Units]]]
"""By parcel, its lines with the units that were sold of each."""


def _record(
    external_id: str,
    fingerprint: str,
    found: Mapping[int, Parcel],
    sold: Sold,
    *,
    on: dt.date,
    at: dt.datetime,
    by: Actor,
) -> SalesReport:
    handled = [found[key] for key in sorted(sold)]
    # Posting raises what bill-tos owe; their credit groups come before the balances that the goods leave.
    hold_credit_of((parcel.order for parcel in handled), on=on)
    count = sum(map(len, sold.values()))
    ids = rows.allocate_ids({SalesReport: 1, SalesReportLine: count})
    [number] = numbering.next_numbers(numbering.SALES_REPORT)
    document = Document(TYPE, next(ids[SalesReport]), number)
    keys = {line.id: next(ids[SalesReportLine]) for units in sold.values() for line, _units in units}
    sellings = [
        Selling(parcel, sold[parcel.id], _is_last(parcel, sold[parcel.id]), document, keys) for parcel in handled
    ]
    report = _write(document, external_id, fingerprint, sellings, keys, on=on, at=at, by=by)
    reported = [(line.id, units.last) for pairs in sold.values() for line, units in pairs]
    rows.update(ShipmentLine, "id", ["reported_quantity"], reported)
    batch = rows.Batch()
    sell(sellings, batch, on=on, at=at, by=by)
    events = [(key, "REPORTED", "", "", number, at, str(by)) for key in sorted({item.order_id for item in handled})]
    batch.insert(OrderEvent, EVENT_COLUMNS, events)
    announce_shipments(handled, batch)
    batch.run()
    whole = [selling.parcel for selling in sellings if selling.is_last]
    rows.update(
        Shipment,
        "id",
        ["state", "accepted_date", "version"],
        [(item.id, Shipment.State.ACCEPTED.value, on, item.version + 1) for item in whole],
    )
    return report


def _is_last(parcel: Parcel, sold: Sequence[tuple[ParcelLine, Units]]) -> bool:
    """Whether the account holds nothing more of the parcel after this."""
    left = sum(outside(line, parcel).quantity for line in parcel.lines)
    return left == sum(units.quantity for _line, units in sold)


def _write(
    document: Document,
    external_id: str,
    fingerprint: str,
    sellings: Sequence[Selling],
    keys: Mapping[int, int],
    *,
    on: dt.date,
    at: dt.datetime,
    by: Actor,
) -> SalesReport:
    """The report with its lines, at once as it stays."""
    sold = [pair for selling in sellings for pair in selling.units]
    issued = issued_of([line for line, _units in sold])
    costs = {line.id: units.cost(issued.get(line.id, ())) for line, units in sold}
    parts = [part for selling in sellings for part in selling.sold.parts]
    report = SalesReport.objects.create(
        pk=document.id,
        number=document.number,
        channel_id=sellings[0].parcel.order.channel_id,
        external_id=external_id,
        fingerprint=fingerprint,
        report_date=on,
        net_amount=sum((part.net_amount for part in parts), ZERO),
        tax_amount=sum((part.tax_amount for part in parts), ZERO),
        gross_amount=sum((part.gross_amount for part in parts), ZERO),
        cost_amount=sum(costs.values(), ZERO),
        recorded_at=at,
        actor=str(by),
    )
    SalesReportLine.objects.bulk_create(
        SalesReportLine(
            pk=keys[line.id],
            report=report,
            shipment_line_id=line.id,
            quantity=units.quantity,
            net_amount=units.net,
            tax_amount=units.tax,
            gross_amount=units.gross,
            cost_amount=costs[line.id],
        )
        for line, units in sold
    )
    return report
