"""Where transfers over the road go that nobody asked for by a transfer order: as they left, or as somebody decided since. Reads only."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, F, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from erp.inventory.models import StockDocument, StockMovement

TRANSFER, REDIRECT = "TRANSFER", "TRANSFER_REDIRECT"


@dataclass(frozen=True, slots=True)
class Destination:
    """``document_id`` says so: the transfer, or the newest change of where it goes."""

    location_id: int
    document_id: int


def current_destinations(transfer_ids: Iterable[int]) -> dict[int, Destination]:
    """By transfer; those that never were on a road are missing."""
    found: dict[int, Destination] = {}
    rows = _with_current(StockDocument.objects.filter(pk__in=list(transfer_ids)))
    for pk, location_id, document_id in rows.values_list("pk", "now_to", "said_by"):
        found[pk] = Destination(location_id, document_id or pk)
    return found


def on_the_road(*, to: Collection[int] | None = None, of: Collection[int] | None = None) -> QuerySet[Any]:
    """Transfers over the road, also those that have arrived, that go to these places, or that these places have sent; None: any."""
    rows = _with_current(StockDocument.objects.all())
    if to is not None:
        # What ever named one of these places is found by an index.
        renamed = StockDocument.objects.filter(source_type=REDIRECT, destination__in=to)
        rows = rows.filter(Q(destination__in=to) | Q(pk__in=renamed.values("source_id")), now_to__in=to)
    if of is not None:
        sent = StockMovement.objects.filter(document=OuterRef("pk"), quantity__lt=0, location__in=of)
        rows = rows.filter(Exists(sent))
    return rows


def goes_to(places: Collection[int]) -> Q:
    """Documents of goods that go to these places by now, with what changed where they go; what a transfer order sent goes where that says."""
    transfers = _with_current(StockDocument.objects.all()).filter(now_to__in=places)
    # Asked of each document by its key, since what goes on for years is not read for one page.
    return (
        Q(Exists(transfers.filter(pk=OuterRef("pk"))))
        | Q(source_type=REDIRECT) & Exists(transfers.filter(pk=OuterRef("source_id")))
        | Q(destination__in=places) & ~Q(source_type__in=[TRANSFER, REDIRECT])
    )


def _with_current(rows: QuerySet[Any]) -> QuerySet[Any]:
    changed = StockDocument.objects.filter(source_type=REDIRECT, source_id=OuterRef("pk")).order_by("-pk")
    found: QuerySet[Any] = rows.filter(source_type=TRANSFER, destination__isnull=False)
    current: QuerySet[Any] = found.annotate(
        now_to=Coalesce(
            Subquery(changed.values("destination_id")[:1]), F("destination_id"), output_field=IntegerField()
        ),
        said_by=Subquery(changed.values("pk")[:1]),
    )
    return current
