"""Receipts that came before their invoice (仕入未請求): what is accrued for them until it comes."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Exists, OuterRef, Q, Sum
from django.db.models.functions import Coalesce

from erp.core.money import ZERO
from erp.inventory.models import StockDocument


@dataclass(frozen=True, slots=True)
class UninvoicedReceipt:
    """``accrued`` is what the goods were booked at, tax-exclusive but for the share that may not be deducted."""

    document_id: int
    external_id: str
    supplier: str
    received_at: dt.datetime
    pieces: int
    accrued: Decimal


def uninvoiced_receipts(*, limit: int) -> list[UninvoicedReceipt]:
    """The oldest first."""
    found = StockDocument.objects.filter(is_uninvoiced()).annotate(
        # What the receipt brought in; provisional pieces that left it again are part of it.
        pieces=Coalesce(Sum("movements__quantity", filter=Q(movements__quantity__gt=0)), 0),
        accrued=Coalesce(Sum("movements__value", filter=Q(movements__quantity__gt=0)), ZERO),
    )
    rows = found.order_by("occurred_at", "pk").values_list(
        "pk", "external_id", "supplier__name", "occurred_at", "pieces", "accrued"
    )
    return [UninvoicedReceipt(*row) for row in rows[:limit]]


def is_uninvoiced() -> Q:
    """The condition on stock documents."""
    invoiced = StockDocument.objects.filter(source_type="SUPPLIER_INVOICE", source_id=OuterRef("pk"))
    return Q(source_type="RECEIPT", awaits_invoice=True) & Q(~Exists(invoiced))
