"""What is still to come."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import F

from erp.inventory.models import ExpectedReceipt


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
