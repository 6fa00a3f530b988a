"""What the one search finds of stock."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.utils import timezone

from erp.core.documents import label_of
from erp.core.finding import Findable, register
from erp.inventory.models import ExpectedReceipt, Hold, StockDocument


def register_findables() -> None:
    register(
        Findable(
            "inventory.stockdocument",
            ("external_id__folded", "id__exact"),
            name=lambda document: document.external_id or document.pk, facts=_of_document, rank=50,
        ),
        Findable(
            "inventory.expectedreceipt",
            ("external_id__folded",),
            name=lambda receipt: f"{receipt.external_id}-{receipt.line_no}", facts=_of_expected, rank=51, related=("sku", "location"),
        ),
        Findable(
            "inventory.hold",
            ("ref__folded", "owner_label"),
            name=lambda hold: hold.ref, facts=_of_hold, rank=52, related=("channel",),
        ),
        Findable(
            "inventory.location",
            ("code__exact", "code", "name"),
            name=lambda location: location.code, facts=lambda location, viewer: (location.name,), rank=53,
        ),
    )  # fmt: skip


def _of_document(document: StockDocument, viewer: Any) -> Iterable[object]:
    return (
        document.get_kind_display(),
        timezone.localdate(document.occurred_at),
        label_of(document.source_type),
        document.note,
    )


def _of_expected(receipt: ExpectedReceipt, viewer: Any) -> Iterable[object]:
    return (receipt.sku.code, receipt.location.name, receipt.expected_date, f"{receipt.quantity:,}")


def _of_hold(hold: Hold, viewer: Any) -> Iterable[object]:
    return (hold.get_kind_display(), hold.owner_label, hold.channel.name, timezone.localdate(hold.expires_at))
