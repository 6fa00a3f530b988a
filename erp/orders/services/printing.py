"""Papers of the warehouse are noted when they are made. Level: document (one paper of a kind at a time)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from erp.core import locks
from erp.core.actors import Actor
from erp.core.use_case import use_case
from erp.orders.models import PrintRun, PrintRunLine, Shipment
from erp.orders.selectors.prints import times_printed


@dataclass(frozen=True, slots=True)
class Printing:
    """``shipment_ids`` are those that the paper shows, ``earlier`` how often each stood on one before; 0 is left out."""

    run_id: int
    shipment_ids: tuple[int, ...]
    earlier: Mapping[int, int]


@use_case
def note_printing(*, shipment_ids: Sequence[int], kind: str, at: dt.datetime, by: Actor) -> Printing | None:
    """Note that these shipments go on a paper of ``kind``, before it is made. Not repeatable: each call is a paper of its own.

    On a picking list stand those that are being picked, on delivery notes all that were not called back. None where none is left; then
    nothing is noted. Three queries, however many they are.
    """
    locks.hold(f"papers:{kind}")
    found = Shipment.objects.filter(pk__in=list(shipment_ids)).exclude(state=Shipment.State.CANCELLED)
    if kind == PrintRun.Kind.PICKING_LIST:
        found = found.filter(state=Shipment.State.INSTRUCTED)
    shown = tuple(found.order_by("pk").values_list("pk", flat=True))
    if not shown:
        return None
    earlier = times_printed(kind, shown)
    run = PrintRun.objects.create(kind=kind, parcel_count=len(shown), printed_at=at, actor=str(by))
    PrintRunLine.objects.bulk_create([PrintRunLine(run=run, shipment_id=key) for key in shown])
    return Printing(run.pk, shown, earlier)
