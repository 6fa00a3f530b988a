"""代引: what the driver collects, and with which parcel of the order. Reads only.

With a parcel that was refused (受取拒否) nothing was collected: what is sent after it is collected with the next one. What is left of the amount
is what the books expect of the carrier, be the sale posted when goods leave or when they arrive. A label that has left asks for what it says,
whatever comes back or is cancelled afterwards.
"""

from __future__ import annotations

from collections.abc import Collection as Keys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Exists, F, OuterRef, Q, Sum

from accounting.selectors import open_items, reductions
from erp.core.money import ZERO
from erp.orders.models import OrderLine, OrderPayment, PaymentMethod, Return, ReturnLine, Shipment, ShipmentLine
from erp.orders.selectors.remaining import all_still_to_be_sold


@dataclass(frozen=True, slots=True)
class Collection:
    """Of one parcel of an order that is paid on delivery. ``amount`` is that of the whole order less what came back, in its currency; or what the
    label said that has left.

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
    """Of those parcels whose order is paid on delivery and which nobody refused. Seven queries, however many they are."""
    wanted = dict(Shipment.objects.filter(pk__in=list(shipment_ids)).values_list("pk", "order_id"))
    payments = OrderPayment.objects.filter(order__in=set(wanted.values()), method=PaymentMethod.COD, amount__gt=0)
    amounts: dict[int, Decimal] = {}
    for payment in payments:
        amounts[payment.order_id] = amounts.get(payment.order_id, ZERO) + payment.to_be_paid
    if not amounts:
        return {}
    parcels = _parcels(amounts)
    sold, waiting, refused = _sold_for(payments, parcels), _waiting(amounts), _refused(amounts)
    found = {}
    for key, order_id in wanted.items():
        kept = [parcel for parcel in parcels.get(order_id, []) if parcel.pk not in refused]
        if not any(parcel.pk == key for parcel in kept):
            continue
        collector = _collector(kept)
        amount = collector.cod_amount or amounts[order_id] - sold.get(order_id, NOTHING).taken_back
        if amount > 0:
            found[key] = Collection(key, amount, collector.pk, collector.number, len(kept), order_id in waiting)
    return found


@dataclass(frozen=True, slots=True)
class Collecting:
    """What drivers collect for an order by the labels that have left, and what its shopper has to pay to them by the books: for what is kept and
    for what will still be sold. ``is_over``: nothing is to be sent with which more could be collected."""

    order_id: int
    number: str
    asked: Decimal
    due: Decimal
    is_over: bool


def asked_and_due(order_ids: Keys[int]) -> list[Collecting]:
    """Of orders that are paid on delivery, but for those of which money was told in another way. A constant number of queries."""
    paid = OrderPayment.objects.filter(order__in=order_ids, amount__gt=0).select_related("order").order_by("line_no")
    payments: dict[int, list[OrderPayment]] = {}
    for payment in paid:
        payments.setdefault(payment.order_id, []).append(payment)
    cod = [payment for of_order in payments.values() for payment in of_order if payment.method == PaymentMethod.COD]
    ids = {payment.order_id for payment in cod} - {payment.order_id for payment in cod if payment.attached_amount}
    if not ids:
        return []
    parcels = _parcels(ids)
    sold, waiting, to_come = _sold_for(cod, parcels), _waiting(ids), all_still_to_be_sold(ids)
    refused = _refused(ids)
    found = []
    for order_id in sorted(ids):
        mine = parcels.get(order_id, [])
        books = sold.get(order_id, NOTHING)
        found.append(
            Collecting(
                order_id,
                payments[order_id][0].order.number,
                sum((parcel.cod_amount for parcel in mine if parcel.pk not in refused), ZERO),
                books.owed - books.taken_back + _part_of_drivers(payments[order_id], to_come[order_id]),
                order_id not in waiting and all(parcel.state != Shipment.State.INSTRUCTED for parcel in mine),
            )
        )
    return found


def _part_of_drivers(payments: Iterable[OrderPayment], to_come: Decimal) -> Decimal:
    """How much of sales to come is paid on delivery: in its turn, behind a gift card that stands before it."""
    total = ZERO
    for payment in payments:
        if payment.is_of_funder:
            continue
        portion = min(to_come, payment.to_be_applied)
        to_come -= portion
        total += portion if payment.method == PaymentMethod.COD else ZERO
    return total


def _parcels(order_ids: Iterable[int]) -> dict[int, list[Shipment]]:
    found: dict[int, list[Shipment]] = {}
    rows = Shipment.objects.filter(order__in=list(order_ids)).exclude(state=Shipment.State.CANCELLED)
    for parcel in rows.order_by("pk"):
        found.setdefault(parcel.order_id, []).append(parcel)
    return found


def _refused(order_ids: Iterable[int]) -> set[int]:
    """The parcels of which nothing was collected: they were refused, or came back without having been delivered. One that was paid at the door and
    came back as a whole before it was accepted is none of them."""
    at_the_door = ReturnLine.objects.filter(shipment_line__shipment=OuterRef("pk"), document__kind=Return.Kind.REFUSED)
    back = Shipment.objects.filter(order__in=list(order_ids), state=Shipment.State.RETURNED)
    return set(back.filter(Q(delivered_date=None) | Exists(at_the_door)).values_list("pk", flat=True))


@dataclass(slots=True)
class _Sold:
    """What carriers owed for what was sold of an order, and how much of it was taken back by returns."""

    owed: Decimal = ZERO
    taken_back: Decimal = ZERO


NOTHING = _Sold()


def _sold_for(payments: Iterable[OrderPayment], parcels: Mapping[int, Iterable[Shipment]]) -> dict[int, _Sold]:
    sold = {
        parcel.pk: order_id
        for order_id, of_order in parcels.items()
        for parcel in of_order
        if parcel.revenue_date is not None
    }
    if not sold:
        return {}
    owing = {(payment.order_id, payment.role, payment.counterparty_id) for payment in payments}
    roles = sorted({role for _order_id, role, _party_id in owing})
    items: dict[int, int] = {}
    found: dict[int, _Sold] = {}
    for item in open_items(document_type="SHIPMENT", document_ids=sold, roles=roles, with_settled=True):
        order_id = sold[item.document_id]
        if (order_id, item.role, item.party.id) in owing:
            items[item.id] = order_id
            found.setdefault(order_id, _Sold()).owed += item.amount
    for lowered in reductions(items):
        if lowered.source_type == "RETURN":
            found[items[lowered.item_id]].taken_back += lowered.amount
    return found


def _collector(parcels: Sequence[Shipment]) -> Shipment:
    """The one whose label asks for it and has left, else the one that staff named, else the first that has not left: the labels of those that have
    say nothing to collect, whether the parcel that was to was refused or called back."""
    collects = next((parcel for parcel in parcels if parcel.cod_amount), None)
    named = next((parcel for parcel in parcels if parcel.collects_cod), None)
    if (chosen := collects or named) is not None:
        return chosen
    here = [parcel for parcel in parcels if parcel.state == Shipment.State.INSTRUCTED]
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
