"""Parcels of the demo company: 出荷指示, 出荷確定, 着荷, 検収, 販売報告, 返品, 受取拒否."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection
from decimal import Decimal
from zlib import crc32

from django.db.models import Exists, OuterRef

from ec_gateway.management.demo.plan import Kind, moment
from ec_gateway.management.demo.stage import DESK, FLOOR, Stage, chunks
from erp.core.actors import Actor
from erp.core.retries import retried
from erp.inventory.selectors import reserved
from erp.orders.models import Order, OrderState, PrintRun, PrintRunLine, Shipment, ShipmentLine
from erp.orders.selectors.packing import parcels_to_send
from erp.orders.selectors.units import outside
from erp.orders.services import (
    ReturnedLine,
    ReturnRequest,
    ShipRequest,
    SoldUnits,
    accept,
    cancel_release,
    deliver,
    note_printing,
    record_refusal,
    record_returns,
    release_orders,
    report_sales,
    ship,
    with_seven_check,
)

FREIGHT_BOTH_WAYS = Decimal(1_210)
State = Shipment.State
# One shipment in so many is on the road for two days; of one in so many nobody typed the tracking number.
SLOW_IN, UNTRACKED_IN = 4, 120


def release(stage: Stage, day: dt.date) -> None:
    """朝の出荷指示: everything that waits for nothing, and what shall go although a part of it is missing."""
    at = moment(day, 9, 30)
    kept = {*stage.left_alone, *stage.picked_last}
    ready = Order.objects.filter(state=OrderState.READY).exclude(pk__in=kept).order_by("pk")
    for chunk in chunks(list(ready.values_list("pk", flat=True))):
        retried(release_orders, order_ids=chunk, at=at, by=DESK)
    in_part = stage.ids(act.deal for act in stage.acts(day, Kind.SHIP_PART))
    short = Order.objects.filter(pk__in=in_part, state=OrderState.AWAITING_STOCK, lines__shipped_quantity=0).distinct()
    for order_id in short.order_by("pk").values_list("pk", flat=True):
        if _has_something(order_id):
            retried(release_orders, order_ids=[order_id], in_part=True, at=at, by=DESK)
    _print_papers(moment(day, 9, 50))


def _print_papers(at: dt.datetime) -> None:
    """What was released this morning goes on one picking list, and gets its delivery notes."""
    on_a_list = PrintRunLine.objects.filter(shipment=OuterRef("pk"))
    fresh = Shipment.objects.filter(~Exists(on_a_list), state=State.INSTRUCTED).order_by("pk")
    for chunk in chunks(list(fresh.values_list("pk", flat=True))):
        for kind in PrintRun.Kind:
            retried(note_printing, shipment_ids=chunk, kind=kind, at=at, by=FLOOR)


def _has_something(order_id: int) -> bool:
    return any(part.quantity for part in reserved("ORDER", [order_id]))


def release_last(stage: Stage) -> None:
    """On the last evening some parcels are still being picked."""
    ready = Order.objects.filter(pk__in=stage.picked_last, state=OrderState.READY).order_by("pk")
    if found := list(ready.values_list("pk", flat=True)):
        retried(release_orders, order_ids=found, at=moment(stage.plan.last, 17, 30), by=DESK)


def call_back(stage: Stage, day: dt.date) -> None:
    """出荷指示取消."""
    for act in stage.acts(day, Kind.CALL_BACK):
        picked = Shipment.objects.filter(order=stage.order_ids[act.deal.key], state=State.INSTRUCTED)
        for shipment_id in picked.order_by("pk").values_list("pk", flat=True):
            retried(cancel_release, shipment_id=shipment_id, reason=act.detail["reason"], at=moment(day, 18), by=DESK)


def send(stage: Stage, day: dt.date) -> None:
    """夕方の出荷確定, with tracking numbers. Some leave with less than was instructed; the rest follows."""
    at = moment(day, 16)
    in_part = stage.ids(act.deal for act in stage.acts(day, Kind.SHIP_PART))
    picked = parcels_to_send().order_by("pk")
    quantities = _parts(in_part)
    requests = [
        # No carrier has given out numbers that begin with 000.
        ShipRequest(
            pk,
            quantities.get(pk),
            tracking_number=with_seven_check(f"000{number[3:]}") if _is_typed(external_id) else "",
        )
        for pk, number, external_id in picked.values_list("pk", "number", "order__external_id")
    ]
    for chunk in chunks(requests):
        retried(ship, requests=chunk, at=at, by=FLOOR)


def _is_typed(external_id: str) -> bool:
    return crc32(external_id.encode()) % UNTRACKED_IN != 0


def _parts(order_ids: Collection[int]) -> dict[int, dict[int, int]]:
    """Shipment → what leaves of it at first: its first line, or one unit of its only one. Nothing where there is nothing to part."""
    lines: dict[int, list[tuple[int, int]]] = defaultdict(list)
    found = ShipmentLine.objects.filter(shipment__order__in=order_ids, shipment__state=State.INSTRUCTED)
    for shipment_id, line_id, units in found.order_by("shipment", "order_line__line_no").values_list(
        "shipment_id", "order_line_id", "quantity"
    ):
        lines[shipment_id].append((line_id, units))
    return {
        shipment_id: {parts[0][0]: parts[0][1] if len(parts) > 1 else 1}
        for shipment_id, parts in lines.items()
        if len(parts) > 1 or parts[0][1] > 1
    }


def arrive_at_customers(stage: Stage, day: dt.date) -> None:
    """着荷, one or two days after leaving. What will be refused is not delivered."""
    on_the_road = Shipment.objects.filter(state=State.SHIPPED, ship_date__lt=day).exclude(order__in=_not_taken(stage))
    yesterday = day - dt.timedelta(days=1)
    fast = [
        pk
        for pk, external_id, left in on_the_road.order_by("pk").values_list("pk", "order__external_id", "ship_date")
        if (left is not None and left < yesterday) or crc32(external_id.encode()) % SLOW_IN
    ]
    for chunk in chunks(fast):
        retried(deliver, shipment_ids=chunk, delivered_date=day, at=moment(day, 20), by=Actor.job("carrier-news"))


def _not_taken(stage: Stage) -> list[int]:
    refused = (act.deal for acts in stage.plan.acts.values() for act in acts if act.kind == Kind.REFUSE)
    return stage.ids([*refused, *(deal for deal in stage.plan.deals if deal.is_not_at_home)])


def take_back(stage: Stage, day: dt.date) -> None:
    """返品 by channel and day, 受取拒否 parcel by parcel."""
    at = moment(day, 15)
    requests: dict[str, list[ReturnRequest]] = defaultdict(list)
    for act in stage.acts(day, Kind.RETURN):
        order_id = stage.order_ids[act.deal.key]
        gone = ShipmentLine.objects.filter(
            order_line__order=order_id,
            order_line__line_id=act.detail["line_id"],
            shipment__state__in=[State.DELIVERED, State.ACCEPTED],
        )
        line = gone.order_by("pk").first()
        if line is None or line.returned_quantity:
            continue
        units = min(act.detail["units"], line.quantity)
        back = (ReturnedLine(line.pk, units, act.detail["condition"]),)
        name = f"R-{act.deal.external_id}"
        requests[act.deal.channel].append(ReturnRequest(order_id, name, back, reason=act.detail["reason"]))
    for _channel, returns in sorted(requests.items()):
        retried(record_returns, returns=returns, return_date=day, at=at, by=DESK)
    for act in stage.acts(day, Kind.REFUSE):
        refused = Shipment.objects.filter(order=stage.order_ids[act.deal.key], state=State.SHIPPED).order_by("pk")
        for number, shipment_id in enumerate(refused.values_list("pk", flat=True), 1):
            retried(
                record_refusal, shipment_id=shipment_id, external_id=f"REF-{act.deal.external_id}-{number}", freight=FREIGHT_BOTH_WAYS,
                return_date=day, at=at, by=FLOOR,
            )  # fmt: skip


def settle_with_accounts(stage: Stage, day: dt.date) -> None:
    """検収 and 販売報告 of what left on account and is not sold by leaving."""
    accepted = stage.ids(act.deal for act in stage.acts(day, Kind.ACCEPT))
    arrived = Shipment.objects.filter(order__in=accepted, state__in=[State.SHIPPED, State.DELIVERED]).order_by("pk")
    if found := list(arrived.values_list("pk", flat=True)):
        retried(accept, shipment_ids=found, accepted_date=day, at=moment(day, 15, 30), by=DESK)
    for act in stage.acts(day, Kind.REPORT):
        lines = ShipmentLine.objects.filter(
            shipment__order=stage.order_ids[act.deal.key], shipment__state__in=[State.SHIPPED, State.DELIVERED]
        ).select_related("shipment")
        sold = [
            SoldUnits(line.pk, units)
            for line in lines.order_by("pk")
            if (units := min(round(line.quantity * act.detail["share"]), outside(line, line.shipment).quantity)) > 0
        ]
        if sold:
            retried(
                report_sales, channel=act.deal.channel, external_id=f"SR-{act.deal.external_id}-{day:%m%d}", lines=sold, report_date=day,
                at=moment(day, 15, 40), by=DESK,
            )  # fmt: skip
