"""代引: what the driver collects, and with which parcel of the order. Reads only.

With a parcel that was refused (受取拒否) nothing was collected: what is sent after it is collected with the next one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import F, Sum

from erp.core.money import ZERO
from erp.orders.models import OrderLine, OrderPayment, PaymentMethod, Shipment, ShipmentLine


@dataclass(frozen=True, slots=True)
class Collection:
    """Of one parcel of an order that is paid on delivery. ``amount`` is that of the whole order less what was refused, in its currency.

    ``collector`` is the number of the parcel that collects all of it. ``parcels`` is how many the order has so far, ``is_rest_waiting``
    whether units of it are in none yet: then the driver collects for goods that come later.
    """

    shipment_id: int
    amount: Decimal
    collector_id: int
    collector: str
    parcels: int
    is_rest_waiting: bool

    @property
    def is_here(self) -> bool:
        return self.collector_id == self.shipment_id

    @property
    def here(self) -> Decimal | None:
        """What is collected with this parcel; None where another one collects."""
        return self.amount if self.is_here else None


def collections(shipment_ids: Iterable[int]) -> dict[int, Collection]:
    """Of those parcels whose order is paid on delivery and which did not come back. Four queries, however many they are."""
    wanted = dict(Shipment.objects.filter(pk__in=list(shipment_ids)).values_list("pk", "order_id"))
    payments = OrderPayment.objects.filter(order__in=set(wanted.values()), amount__gt=0).order_by("order_id", "line_no")
    amounts: dict[int, Decimal] = {}
    before: dict[int, Decimal] = {}
    for order_id, method, amount in payments.values_list("order_id", "method", "amount"):
        if method == PaymentMethod.COD:
            amounts[order_id] = amounts.get(order_id, ZERO) + amount
        elif order_id not in amounts:
            before[order_id] = before.get(order_id, ZERO) + amount
    if not amounts:
        return {}
    parcels: dict[int, list[Shipment]] = {}
    for parcel in Shipment.objects.filter(order__in=amounts).exclude(state=Shipment.State.CANCELLED).order_by("pk"):
        parcels.setdefault(parcel.order_id, []).append(parcel)
    for order_id, of_order in parcels.items():
        amounts[order_id] = max(amounts[order_id] - _refused(of_order, before.get(order_id, ZERO)), ZERO)
    waiting = _waiting(amounts)
    found = {}
    for key, order_id in wanted.items():
        kept, refused = _parted(parcels.get(order_id, []))
        if amounts.get(order_id) and any(parcel.pk == key for parcel in kept):
            collector = _collector(kept, refused)
            found[key] = Collection(
                key, amounts[order_id], collector.pk, collector.number, len(kept), order_id in waiting
            )
    return found


def _parted(parcels: Sequence[Shipment]) -> tuple[list[Shipment], list[Shipment]]:
    """Those that are here, under way or delivered, and those that were refused."""
    refused = [parcel for parcel in parcels if parcel.state == Shipment.State.RETURNED]
    return [parcel for parcel in parcels if parcel not in refused], refused


def _refused(parcels: Sequence[Shipment], before: Decimal) -> Decimal:
    """What would have been collected for those that were refused: parcels are paid in the order in which they were made, first by what comes
    ``before`` the collection (a gift card, points), which goes back to the customer with them."""
    total = ZERO
    for parcel in parcels:
        paid = min(parcel.gross_amount, before)
        before -= paid
        if parcel.state == Shipment.State.RETURNED:
            total += parcel.gross_amount - paid
    return total


def _collector(parcels: Sequence[Shipment], refused: Sequence[Shipment]) -> Shipment:
    """The one that staff named, else the first. Where that one was refused, the next that has not left: the labels of those that have say
    nothing to collect."""
    named = next((parcel for parcel in parcels if parcel.collects_cod), None)
    if named is not None:
        return named
    was_first = any(back.collects_cod or back.pk < parcels[0].pk for back in refused)
    here = [parcel for parcel in parcels if parcel.state == Shipment.State.INSTRUCTED] if was_first else []
    return (here or parcels)[0]


def _waiting(order_ids: Iterable[int]) -> set[int]:
    """Orders of which units are in no parcel yet."""
    ids = list(order_ids)
    lines = OrderLine.objects.filter(order__in=ids).values("order_id")
    ordered = dict(lines.annotate(units=Sum(F("quantity") - F("cancelled_quantity"))).values_list("order_id", "units"))
    sent = ShipmentLine.objects.filter(shipment__order__in=ids).exclude(shipment__state=Shipment.State.CANCELLED)
    packed = dict(
        sent.values("shipment__order_id").annotate(units=Sum("quantity")).values_list("shipment__order_id", "units")
    )
    return {key for key in ids if packed.get(key, 0) < ordered.get(key, 0)}
