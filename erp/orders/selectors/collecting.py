"""代引: what the driver collects, and with which parcel of the order. Reads only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import F, Sum

from erp.core.money import ZERO
from erp.orders.models import OrderLine, OrderPayment, PaymentMethod, Shipment, ShipmentLine


@dataclass(frozen=True, slots=True)
class Collection:
    """Of one parcel of an order that is paid on delivery. ``amount`` is that of the whole order, in its currency.

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
    """Of those parcels whose order is paid on delivery. Four queries, however many they are."""
    wanted = dict(Shipment.objects.filter(pk__in=list(shipment_ids)).values_list("pk", "order_id"))
    payments = OrderPayment.objects.filter(order__in=set(wanted.values()), method=PaymentMethod.COD, amount__gt=0)
    amounts: dict[int, Decimal] = {}
    for order_id, amount in payments.values_list("order_id", "amount"):
        amounts[order_id] = amounts.get(order_id, ZERO) + amount
    if not amounts:
        return {}
    parcels: dict[int, list[Shipment]] = {}
    for parcel in Shipment.objects.filter(order__in=amounts).exclude(state=Shipment.State.CANCELLED).order_by("pk"):
        parcels.setdefault(parcel.order_id, []).append(parcel)
    waiting = _waiting(amounts)
    found = {}
    for key, order_id in wanted.items():
        of_order = parcels.get(order_id, [])
        if order_id in amounts and any(parcel.pk == key for parcel in of_order):
            collector = next((parcel for parcel in of_order if parcel.collects_cod), of_order[0])
            found[key] = Collection(
                key, amounts[order_id], collector.pk, collector.number, len(of_order), order_id in waiting
            )
    return found


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
