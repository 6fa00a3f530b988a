"""What was printed of which shipment: how often, when last and by whom. Reads only."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, Exists, OuterRef, QuerySet

from erp.orders.models import PrintRun, PrintRunLine, Shipment


@dataclass(frozen=True, slots=True)
class Printed:
    """``times`` is how often; the rest is of the last time."""

    times: int
    at: dt.datetime
    actor: str
    run_id: int


def times_printed(kind: str, shipment_ids: Iterable[int]) -> dict[int, int]:
    """How often each shipment stands on papers of this kind; those that stand on none are left out."""
    lines = PrintRunLine.objects.filter(run__kind=kind, shipment__in=list(shipment_ids))
    return dict(lines.values("shipment_id").annotate(times=Count("pk")).values_list("shipment_id", "times"))


def last_printed(kind: str, shipment_ids: Iterable[int]) -> dict[int, Printed]:
    """Of each shipment that was printed. One query, however many they are."""
    lines = PrintRunLine.objects.filter(run__kind=kind, shipment__in=list(shipment_ids)).select_related("run")
    found: dict[int, Printed] = {}
    for line in lines.order_by("run_id"):
        before = found.get(line.shipment_id)
        found[line.shipment_id] = Printed(
            before.times + 1 if before else 1, line.run.printed_at, line.run.actor, line.run_id
        )
    return found


def unpicked(parcels: QuerySet[Shipment]) -> QuerySet[Shipment]:
    """Being picked, and on no picking list yet: nobody has them in hand."""
    lines = PrintRunLine.objects.filter(shipment=OuterRef("pk"), run__kind=PrintRun.Kind.PICKING_LIST)
    return parcels.filter(~Exists(lines), state=Shipment.State.INSTRUCTED)
