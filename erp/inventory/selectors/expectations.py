"""What is still to come."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.db.models import F, QuerySet

from erp.inventory.models import ExpectedReceipt, Promise


@dataclass(frozen=True, slots=True)
class Incoming:
    """Pieces that should arrive on a date."""

    expected_receipt_id: int
    sku_id: int
    location_id: int
    quantity: int
    expected_date: dt.date


def incoming(sku_ids: Iterable[int]) -> list[Incoming]:
    """What is expected of these SKUs and has not come yet, soonest first."""
    found = (
        ExpectedReceipt.objects.filter(
            sku_id__in=list(sku_ids), cancelled_at__isnull=True, received_quantity__lt=F("quantity")
        )
        .annotate(left=F("quantity") - F("received_quantity"))
        .order_by("expected_date", "id")
    )
    return [Incoming(*row) for row in found.values_list("id", "sku_id", "location_id", "left", "expected_date")]


def lines_taken(external_id: str, named: Sequence[tuple[int, int]]) -> list[int]:
    """The line of each named (line, SKU) under which its SKU is expected already: its own one, else one that no other takes. Typed again in another
    order, or without one that came before, goods would else be expected twice."""
    left: dict[int, list[int]] = defaultdict(list)
    known = ExpectedReceipt.objects.filter(external_id=external_id).order_by("line_no")
    for sku_id, number in known.values_list("sku_id", "line_no"):
        left[sku_id].append(number)
    own = [line_no in left[sku_id] for line_no, sku_id in named]
    for (line_no, sku_id), is_there in zip(named, own, strict=True):
        if is_there:
            left[sku_id].remove(line_no)
    return [
        line_no if is_there or not left[sku_id] else left[sku_id].pop(0)
        for (line_no, sku_id), is_there in zip(named, own, strict=True)
    ]


def still_open(external_id: str) -> QuerySet[ExpectedReceipt]:
    """Lines of a purchase of which more is to come."""
    return ExpectedReceipt.objects.filter(
        external_id=external_id, cancelled_at__isnull=True, received_quantity__lt=F("quantity")
    )


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What a purchase still brings and is not named any more, and who was promised pieces of it: (document type, document, pieces)."""

    expected_receipt_id: int
    sku_code: str
    quantity: int
    expected_date: dt.date
    promised: list[tuple[str, int, int]] = field(default_factory=list)


def left_out(external_id: str, named: Sequence[tuple[int, int]]) -> list[LeftOut]:
    """Of a purchase that is typed again with these (line, SKU): open lines that none of them takes, in the order of their lines."""
    taken = {(sku_id, number) for (_line, sku_id), number in zip(named, lines_taken(external_id, named), strict=True)}
    rows = (
        still_open(external_id)
        .order_by("line_no", "pk")
        .values_list("pk", "sku_id", "line_no", "sku__code", F("quantity") - F("received_quantity"), "expected_date")
    )
    found = {pk: LeftOut(pk, *rest) for pk, sku_id, number, *rest in rows if (sku_id, number) not in taken}
    promised = Promise.objects.filter(expected_receipt__in=found, quantity__gt=0).order_by("priority", "pk")
    for receipt_id, kind, key, pieces in promised.values_list(
        "expected_receipt", "document_type", "document_id", "quantity"
    ):
        found[receipt_id].promised.append((kind, key, pieces))
    return list(found.values())
