"""What waits in the stock rooms."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db.models import Exists, F, OuterRef, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from erp.core.work_queues import WorkQueue, register
from erp.inventory.models import (
    ExpectedReceipt,
    Hold,
    ProvisionalReceipt,
    StockCount,
    StockDocument,
    StockMovement,
)
from erp.inventory.selectors.purchases import is_uninvoiced
from erp.inventory.selectors.staff import holds_at, places_of
from erp.inventory.selectors.transfer_orders import losses_to_approve, to_ship

ENDS_SOON = dt.timedelta(days=1)


def register_queues() -> None:
    register(
        WorkQueue(
            "stock.provisional", _("Provisional receipts to explain"), unexplained, "admin:inventory_provisionalreceipt_changelist",
            "state=open", worked_by="inventory.count_stock", since="occurred_at",
        ),
        WorkQueue(
            "stock.overdue", _("Expected receipts that are late"), late, "admin:inventory_expectedreceipt_changelist", "state=late",
            worked_by="inventory.change_expectedreceipt", since="expected_date", due="expected_date", order="expected_date",
        ),
        WorkQueue(
            "stock.uninvoiced", _("Receipts that wait for their invoice"), _uninvoiced, "admin:inventory_stockdocument_changelist",
            "state=uninvoiced", worked_by="inventory.invoice_stock", since="occurred_at", order="occurred_at",
        ),
        WorkQueue(
            "stock.holds", _("Stock kept for somebody until tomorrow"), ending_holds, "admin:inventory_hold_changelist", "ends=soon",
            worked_by="inventory.change_hold", since=F("expires_at") - ENDS_SOON, due="expires_at", order="expires_at",
        ),
        WorkQueue(
            "stock.approval", _("Stocktakes to approve"), to_approve, "admin:inventory_stockcount_changelist", "state__exact=APPROVAL",
            worked_by="inventory.approve_count", since="closed_at", order="closed_at",
        ),
        WorkQueue(
            "stock.transfers", _("Transfers to be shipped"), to_ship, "admin:inventory_transferorder_changelist", "waits=ship",
            worked_by="inventory.transfer_stock", since="requested_at", order="requested_at",
        ),
        WorkQueue(
            "stock.missing", _("Losses on the road to approve"), losses_to_approve, "admin:inventory_transferorder_changelist", "waits=missing",
            worked_by="inventory.approve_count", since="reported_at", order="reported_at",
        ),
    )  # fmt: skip


def unexplained(viewer: Any = None) -> QuerySet[ProvisionalReceipt]:
    """Pieces that left beyond the books and that no receipt or count has explained (在庫差異)."""
    return _at_places(ProvisionalReceipt.objects.filter(settled_quantity__lt=F("quantity")), viewer)


def late(viewer: Any = None) -> QuerySet[ExpectedReceipt]:
    found = ExpectedReceipt.objects.filter(cancelled_at__isnull=True, received_quantity__lt=F("quantity"))
    return _at_places(found.filter(expected_date__lt=timezone.localdate()), viewer)


def ending_holds(viewer: Any = None) -> QuerySet[Hold]:
    """Holds that run out within a day, and those that have and were not tidied up yet."""
    kinds = [Hold.Kind.KEEP, Hold.Kind.CUSTOMER_ORDER]
    found = Hold.objects.filter(closed_at__isnull=True, kind__in=kinds, expires_at__lt=timezone.now() + ENDS_SOON)
    places = None if viewer is None else places_of(viewer)
    return found if places is None else holds_at(found, places)


def to_approve(viewer: Any = None) -> QuerySet[StockCount]:
    """Stocktakes whose differences exceed the limit of their place."""
    return _at_places(StockCount.objects.filter(state=StockCount.State.APPROVAL), viewer)


def _uninvoiced(viewer: Any) -> QuerySet[StockDocument]:
    found = StockDocument.objects.filter(is_uninvoiced())
    places = None if viewer is None else places_of(viewer)
    return (
        found
        if places is None
        else found.filter(Exists(StockMovement.objects.filter(document=OuterRef("pk"), location__in=places)))
    )


def _at_places(rows: QuerySet[Any], viewer: Any) -> QuerySet[Any]:
    places = None if viewer is None else places_of(viewer)
    return rows if places is None else rows.filter(location__in=places)
