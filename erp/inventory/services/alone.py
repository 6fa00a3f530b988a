"""What one person may lose or find at a place without a second one: the limit above which a stocktake there is approved. Internal to ``services``.

It is held against all that the person has adjusted and counted there on the business day, stocktakes that nobody else approved among it, so that
several small ones are no way around it. What tills, sites and jobs tell is a fact and is not asked.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from decimal import Decimal
from fractions import Fraction

from django.db.models import Q, QuerySet, Sum
from django.utils.translation import gettext as _

from erp.core import locks, rows
from erp.core.actors import Actor, ActorKind
from erp.core.clock import begin_of, business_date, end_of
from erp.core.money import ZERO, round_fraction
from erp.inventory.exceptions import NeedsTwoPeople
from erp.inventory.models import Location, StockCount
from erp.inventory.selectors.worth import unit_worth

# Per slip and SKU, what it changed there, with what it took back of counts: a paper of what a count had found or lacked already changes nothing.
_OF_THE_DAY = """
WITH slip AS (
    SELECT id FROM inventory_stockdocument
    WHERE kind = 'ADJUSTMENT' AND source_type IN ('ADJUSTMENT', 'COUNT') AND actor = %s AND recorded_at >= %s AND recorded_at < %s
), part AS (
    SELECT id AS slip_id, id FROM slip
    UNION ALL
    SELECT slip.id, beside.id FROM slip
    JOIN inventory_stockdocument beside ON beside.source_type IN ('COUNT_EXPLAINED', 'COUNT_LACKED') AND beside.source_id = slip.id
)
SELECT m.sku_id, sum(m.quantity)::int, sum(m.value) FROM part JOIN inventory_stockmovement m ON m.document_id = part.id
WHERE m.location_id = %s GROUP BY part.slip_id, m.sku_id
"""


def queue(location_id: int, *, by: Actor) -> None:
    """Two slips or stocktakes of one person at one place wait for each other: each knows what the other came to. Level: document, by name."""
    if by.kind is ActorKind.STAFF:
        locks.hold(f"differences alone:{location_id}:{by}")


def exceeds_limit(location: Location, pieces: int, value: Decimal) -> bool:
    by_value, by_pieces = location.count_value_limit, location.count_pieces_limit
    return (by_value is not None and value > by_value) or (by_pieces is not None and pieces > by_pieces)


def booked_alone(
    *, location_id: int, worth: Mapping[int, Fraction] | None = None, at: dt.datetime, by: Actor
) -> tuple[int, Decimal]:
    """Pieces and yen without their signs that one of the staff has booked there on the day of ``at``, or lets be booked, and nobody else approved."""
    if by.kind is not ActorKind.STAFF:
        return 0, ZERO
    day = business_date(at)
    found = rows.ask(_OF_THE_DAY, [str(by), begin_of(day), end_of(day), location_id]).all()
    # What was found may have been booked at a cost that somebody typed.
    came = [sku_id for sku_id, pieces, _value in found if pieces > 0]
    unit = {**unit_worth(location_id=location_id, sku_ids=came, on=day), **(worth or {})} if came else {}
    of_counts = _stocktakes(location_id, day, by).aggregate(
        pieces=Sum("difference_pieces"), value=Sum("difference_value")
    )
    pieces, value = of_counts["pieces"] or 0, of_counts["value"] or ZERO
    for sku_id, of_slip, booked in found:
        pieces += abs(of_slip)
        value += max(abs(booked), round_fraction(unit[sku_id] * of_slip) if of_slip > 0 else ZERO)
    return pieces, value


def _stocktakes(location_id: int, day: dt.date, by: Actor) -> QuerySet[StockCount]:
    """Whatever their person asked for and nobody had to approve; what is not posted yet will be within moments."""
    today = Q(state=StockCount.State.POSTED, posted_at__gte=begin_of(day), posted_at__lt=end_of(day))
    asked = StockCount.objects.filter(location=location_id, requested_by=str(by), needs_approval=False)
    return asked.filter(Q(state=StockCount.State.POSTING) | today)


def refuse_beyond_limit(
    *,
    location_id: int,
    sku_ids: Collection[int],
    worth: Mapping[int, Fraction] | None = None,
    at: dt.datetime,
    by: Actor,
) -> None:
    """Asked when all of a slip is written, since what it comes to is known when it is valued. ``worth``: one piece of each, as it was before.

    Raises NeedsTwoPeople.
    """
    location = Location.objects.get(pk=location_id)
    if by.kind is not ActorKind.STAFF or (location.count_value_limit is None and location.count_pieces_limit is None):
        return
    pieces, value = booked_alone(location_id=location_id, worth=worth, at=at, by=by)
    if exceeds_limit(location, pieces, value):
        told = _(
            "Not booked: with this slip you would have adjusted and counted %(pieces)d pieces at %(place)s by yourself today. That is"
            " above what one person may book there. Open a stocktake of these SKUs: somebody else approves its differences."
        )
        raise NeedsTwoPeople(
            told % {"pieces": pieces, "place": location.name},
            location_id=location_id,
            sku_ids=tuple(sorted(set(sku_ids))),
            pieces=pieces,
            value=value,
        )
