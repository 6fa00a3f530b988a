"""Selling goods that have left and were not sold yet: 積送品 and 委託先在庫. Levels: credit group … open items, within the caller's transaction.

The stock outside becomes cost of sales at exactly the value it left with, part by part, the last part takes the rest.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from customers.models import ExposureEntry
from erp.core import rows
from erp.core.actors import Actor
from erp.core.money import ZERO
from erp.inventory.selectors import IssuedPart, issued_values
from erp.inventory.services import TransitIssue, issue_from_transit, lock_ahead
from erp.orders.postings import Document
from erp.orders.selectors.units import Units, outside
from erp.orders.services import sales
from erp.orders.services.parcels import Parcel, ParcelLine
from erp.orders.services.recognition import recognise
from erp.orders.services.sales import ExposureMove


@dataclass(frozen=True, slots=True)
class Selling:
    """Units of one parcel that are sold now, by line, under the parcel itself or under a report. ``keys`` names its lines on the report."""

    parcel: Parcel
    units: Sequence[tuple[ParcelLine, Units]]
    is_last: bool
    report: Document | None = None
    keys: Mapping[int, int] | None = None

    @property
    def sold(self) -> Parcel:
        """The parcel as if it held these units only. Its fees go with the first of them that are sold."""
        fees = self.parcel.fees if self.parcel.revenue_date is None else []
        lines = [
            replace(line, quantity=units.quantity, net_amount=units.net, tax_amount=units.tax, gross_amount=units.gross)
            for line, units in self.units
        ]
        parcel = replace(self.parcel, lines=lines, fees=fees, report=self.report)
        parcel.gross_amount = sum((part.gross_amount for part in parcel.parts), ZERO)
        return parcel


def whatever_is_left(parcel: Parcel) -> list[tuple[ParcelLine, Units]]:
    return [(line, units) for line in parcel.lines if (units := outside(line, parcel)).quantity]


def issued_of(lines: Sequence[ParcelLine]) -> dict[int, list[IssuedPart]]:
    """What these lines took from the house."""
    return issued_values("SHIPMENT", [line.id for line in lines], source_ids={line.shipment_id for line in lines})


def sell(sellings: Sequence[Selling], batch: rows.Batch, *, on: dt.date, at: dt.datetime, by: Actor) -> None:
    """Take the units out of the place outside and post their sale; the last writes are left in the ``batch``."""
    issued = issued_of([line for selling in sellings for line, _units in selling.units])
    parcels = [selling.sold for selling in sellings]
    ending = zip(parcels, sellings, strict=True)
    end_exposure([(parcel, parcel.gross_amount, selling.is_last) for parcel, selling in ending], at=at, by=by)
    costs: dict[int, dict[str, Decimal]] = {}
    issues: dict[tuple[str, int], list[TransitIssue]] = {}
    places = sales.places_outside(parcel.order for parcel in parcels)
    for parcel, selling in zip(parcels, sellings, strict=True):
        role, document = sales.outside_role(parcel.order), parcel.document
        by_role = costs.setdefault(parcel.id, {})
        for line, units in selling.units:
            key = selling.keys[line.id] if selling.keys else line.id
            for part in units.pieces(issued.get(line.id, ())):
                issue = TransitIssue(document.id, key, part.sku_id, part.quantity, part.value)
                issues.setdefault((document.type, places[parcel.order_id]), []).append(issue)
                by_role[role] = by_role.get(role, ZERO) + part.value
    if len(issues) > 1:
        lock_ahead(leaving={(part.sku_id, place) for (_type, place), parts in issues.items() for part in parts}, at=at)
    for (source_type, place_id), leaving in sorted(issues.items()):
        issue_from_transit(
            source_type=source_type,
            issues=leaving,
            transit_location_id=place_id,
            occurred_at=sales.moment_of(on, at),
            at=at,
            by=by,
        )
    recognise(parcels, cost_roles=costs, batch=batch, on=on, at=at, by=by)


def end_exposure(parts: Sequence[tuple[Parcel, Decimal, bool]], *, at: dt.datetime, by: Actor) -> None:
    """What was shipped and unbilled is so no longer: so much of each parcel, or all that is left with its last part."""
    unbilled = sales.unbilled_exposure([parcel.id for parcel, _gross, _is_last in parts])
    moves = []
    for parcel, gross, is_last in parts:
        left = unbilled.get(parcel.id, ZERO)
        ended = left if is_last else min(left, gross)
        moves.append(ExposureMove(parcel.order, ExposureEntry.Kind.UNBILLED, -ended, "SHIPMENT", parcel.id))
    sales.move_exposure(moves, at=at, by=by)
