"""What came back of parcels until now, and who booked it: for people who have the same parcel before them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from django.db.models import Sum
from django.utils.translation import gettext as _

from erp.core import who
from erp.core.clock import written_moment
from erp.orders.models import Return, Shipment, ShipmentLine


def units_returned(shipment_ids: Collection[int]) -> dict[int, int]:
    """Units by shipment, those of which nothing came back with 0."""
    found = ShipmentLine.objects.filter(shipment__in=list(shipment_ids)).values_list("shipment")
    return dict.fromkeys(shipment_ids, 0) | dict(found.annotate(units=Sum("returned_quantity")))


def told_of_returns(shipment_ids: Collection[int], *, since: Mapping[int, int]) -> str:
    """What was booked of these parcels after so many units of each, for somebody whose booking was not made because of it."""
    told = []
    for shipment in Shipment.objects.filter(pk__in=list(shipment_ids)).order_by("pk"):
        newer = units_returned([shipment.pk])[shipment.pk] - since.get(shipment.pk, 0)
        booked = []
        for document, units in _newest_first(shipment.pk):
            if newer <= 0:
                break
            booked.append(_booked(document, units))
            newer -= units
        told.append(f"{shipment.number}: {' / '.join(reversed(booked))}")
    rest = _("Nothing was added. Count what lies here and was not booked yet, and book that alone.")
    return " ".join([*told, rest])


def _newest_first(shipment_id: int) -> list[tuple[Return, int]]:
    found = Return.objects.filter(lines__shipment_line__shipment=shipment_id)
    return [(document, document.units) for document in found.annotate(units=Sum("lines__quantity")).order_by("-pk")]


def _booked(document: Return, units: int) -> str:
    told = _("%(who)s booked %(number)s at %(when)s (%(units)d pieces).")
    return told % {
        "who": who.told(document.actor),
        "number": document.number,
        "when": written_moment(document.recorded_at),
        "units": units,
    }
