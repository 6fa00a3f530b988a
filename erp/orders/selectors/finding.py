"""What the one search finds of sales."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma

from erp.core.finding import Findable, register
from erp.core.permissions import SEE_AMOUNTS
from erp.orders.models import Order, Receipt, Return, SalesReport, Shipment
from erp.orders.selectors.carriers import carrier_name
from erp.orders.selectors.outside_numbers import number_from_outside


def register_findables() -> None:
    register(
        Findable(
            "orders.order",
            (
                "number__exact", "external_id__folded", "orderer_phone__digits", "orderer_email__folded", "customer_po_number__folded",
                "payments__reference__folded", "deliveries__recipient_phone__digits", "orderer_name", "orderer_kana",
                "deliveries__recipient_name",
            ),
            name=lambda order: order.number, facts=_of_order, rank=10, related=("channel",),
        ),
        Findable(
            "orders.shipment",
            ("number__exact", "tracking_number__folded"),
            name=lambda shipment: shipment.number, facts=_of_shipment, rank=20, related=("order",),
        ),
        Findable(
            "orders.return",
            ("number__exact", "external_id__folded"),
            name=lambda document: document.number, facts=_of_return, rank=21, related=("order", "channel"),
        ),
        Findable(
            "orders.salesreport",
            ("number__exact", "external_id__folded"),
            name=lambda report: report.number, facts=_of_report, rank=22, related=("channel",),
        ),
        Findable(
            "orders.receipt",
            ("number__exact", "addressee"),
            name=lambda receipt: receipt.number, facts=_of_receipt, rank=23, related=("order",),
        ),
    )  # fmt: skip


def _of_order(order: Order, viewer: Any) -> Iterable[object]:
    total = "" if order.total is None or not viewer.has_perm(SEE_AMOUNTS) else f"¥{intcomma(f'{order.total:.0f}')}"
    return (
        order.get_state_display(), order.orderer_name, order.order_date, order.channel.name, order.external_id, total, order.orderer_phone,
    )  # fmt: skip


def _of_shipment(shipment: Shipment, viewer: Any) -> Iterable[object]:
    return (
        shipment.get_state_display(), shipment.order.number, shipment.order.orderer_name, shipment.ship_date, carrier_name(shipment.carrier),
        shipment.tracking_number,
    )  # fmt: skip


def _of_return(document: Return, viewer: Any) -> Iterable[object]:
    sold = document.order.number if document.order else ""
    return (
        document.get_kind_display(),
        document.return_date,
        sold,
        document.channel.name,
        number_from_outside(document.external_id),
    )


def _of_receipt(receipt: Receipt, viewer: Any) -> Iterable[object]:
    amount = f"¥{intcomma(f'{receipt.amount:.0f}')}" if viewer.has_perm(SEE_AMOUNTS) else ""
    return (receipt.addressee, receipt.issued_on, receipt.order.number, receipt.get_medium_display(), amount)


def _of_report(report: SalesReport, viewer: Any) -> Iterable[object]:
    return (report.report_date, report.channel.name, report.external_id)
