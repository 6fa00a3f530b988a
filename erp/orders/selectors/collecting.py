"""代引: what the driver collects, and with which parcel of the order. Reads only.

With a parcel that was refused (受取拒否) nothing was collected: what is sent after it is collected with the next one. What is left of the amount
is what the books expect of the carrier, be the sale posted when goods leave or when they arrive.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import F, Sum

from accounting.selectors import open_items, reductions
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
    """Of those parcels whose order is paid on delivery and which did not come back. Six queries, however many they are."""
    wanted = dict(Shipment.objects.filter(pk__in=list(shipment_ids)).values_list("pk", "order_id"))
    payments = OrderPayment.objects.filter(order__in=set(wanted.values()), method=PaymentMethod.COD, amount__gt=0)
    amounts: dict[int, Decimal] = {}
    for payment in payments:
        amounts[payment.order_id] = amounts.get(payment.order_id, ZERO) + payment.amount - payment.unsold_amount
    if not amounts:
        return {}
    parcels: dict[int, list[Shipment]] = {}
    for parcel in Shipment.objects.filter(order__in=amounts).exclude(state=Shipment.State.CANCELLED).order_by("pk"):
        parcels.setdefault(parcel.order_id, []).append(parcel)
    for order_id, amount in _taken_back(payments, parcels).items():
        amounts[order_id] -= amount
    waiting = _waiting(amounts)
    found = {}
    for key, order_id in wanted.items():
        kept, refused = _parted(parcels.get(order_id, []))
        if amounts.get(order_id, ZERO) > 0 and any(parcel.pk == key for parcel in kept):
            collector = _collector(kept, refused)
            found[key] = Collection(
                key, amounts[order_id], collector.pk, collector.number, len(kept), order_id in waiting
            )
    return found


def _parted(parcels: Sequence[Shipment]) -> tuple[list[Shipment], list[Shipment]]:
    """Those that are here, under way or delivered, and those that were refused."""
    refused = [parcel for parcel in parcels if parcel.state == Shipment.State.RETURNED]
    return [parcel for parcel in parcels if parcel not in refused], refused


def _taken_back(payments: Iterable[OrderPayment], parcels: Mapping[int, Iterable[Shipment]]) -> dict[int, Decimal]:
    """By order: what carriers owed for goods that were sold and came back."""
    sold = {
        parcel.pk: order_id
        for order_id, found in parcels.items()
        for parcel in found
        if parcel.revenue_date is not None
    }
    if not sold:
        return {}
    owing = {(payment.order_id, payment.role, payment.counterparty_id) for payment in payments}
    items = {
        item.id: sold[item.document_id]
        for item in open_items(
            document_type="SHIPMENT", document_ids=sold, roles=sorted({role for _order, role, _party in owing}), with_settled=True
        )
        if (sold[item.document_id], item.role, item.party.id) in owing
    }  # fmt: skip
    total: dict[int, Decimal] = {}
    for lowered in reductions(items):
        if lowered.source_type == "RETURN":
            total[items[lowered.item_id]] = total.get(items[lowered.item_id], ZERO) + lowered.amount
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
