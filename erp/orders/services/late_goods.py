"""Goods that were sold over a counter before anybody knew which SKU they were: taken out of stock, at cost, once it is known.

Part of a transaction that holds the order. Levels: balances, cost rows, open items.
"""

from __future__ import annotations

import datetime as dt

from django.db.models import F

from accounting.services import hold_open_dates, post_entries
from catalog.selectors import SkuFacts
from erp.core.actors import Actor
from erp.core.clock import business_date
from erp.core.models import StaffTask
from erp.core.money import ZERO
from erp.inventory.selectors import counter_location_id
from erp.inventory.services import CounterSale, PhysicalLine, take_sold
from erp.orders import postings
from erp.orders.models import OrderLine, Shipment, ShipmentLine
from erp.orders.postings import Document
from erp.orders.services.parties import dimensions_of


def take_sold_late(*, line: OrderLine, facts: SkuFacts, at: dt.datetime, by: Actor) -> None:
    """The revenue was posted when the goods were sold; their cost follows on the day it is known. The task is done with the last line."""
    part = ShipmentLine.objects.select_related("shipment__order__channel", "shipment__order__account").get(
        order_line=line
    )
    parcel, order = part.shipment, part.shipment.order
    pieces = tuple(PhysicalLine(part.pk, sku_id, part.quantity * per_unit) for sku_id, per_unit in facts.components)
    sold = CounterSale(parcel.pk, parcel.shipped_at or at, pieces)
    issued = take_sold(
        source_type="SHIPMENT",
        location_id=counter_location_id(order.channel_id),
        sales=[sold],
        channel_id=order.channel_id,
        at=at,
        by=by,
    )
    cost = sum((item.value for item in issued), ZERO)
    today = business_date(at)
    on = hold_open_dates([today])[today]
    ShipmentLine.objects.filter(pk=part.pk).update(cost_amount=cost, cost_date=on)
    Shipment.objects.filter(pk=parcel.pk).update(cost_amount=F("cost_amount") + cost, version=F("version") + 1)
    by_role = {item.account_role: ZERO for item in issued}
    for item in issued:
        by_role[item.account_role] += item.value
    drafts = [
        postings.sale(
            document=Document("SHIPMENT", parcel.pk, parcel.number),
            money=[],
            parts=[],
            cost=value,
            inventory_role=role,
            on=on,
            dimensions=dimensions_of(order),
        )
        for role, value in by_role.items()
    ]
    post_entries(drafts=[draft for draft in drafts if draft is not None], at=at, by=by)
    if not OrderLine.objects.filter(order=order, sku__isnull=True).exclude(pk=line.pk).exists():
        StaffTask.objects.filter(
            kind="SALE_SKU_UNKNOWN", subject_type="ORDER", subject_id=order.pk, closed_at__isnull=True
        ).update(closed_at=at, closed_by=str(by), resolution=facts.code)
