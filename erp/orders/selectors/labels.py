"""What a carrier's label says: from whom to whom, when, and what the driver collects. Reads only."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import F

from erp.core.models import CompanyProfile
from erp.core.money import ZERO
from erp.orders.models import LabelRunLine, Order, OrderLine, OrderPayment, PaymentMethod, Shipment, ShipmentLine
from erp.orders.models.carriers import Carrier
from erp.orders.selectors.delivery_notes import address_of

# What channels and people write for the same carrier.
ALIASES = {
    "yamato": Carrier.YAMATO, "ヤマト": Carrier.YAMATO, "ヤマト運輸": Carrier.YAMATO, "kuroneko": Carrier.YAMATO,
    "sagawa": Carrier.SAGAWA, "佐川": Carrier.SAGAWA, "佐川急便": Carrier.SAGAWA,
    "japanpost": Carrier.JAPAN_POST, "japan_post": Carrier.JAPAN_POST, "日本郵便": Carrier.JAPAN_POST, "ゆうパック": Carrier.JAPAN_POST,
    "jp": Carrier.JAPAN_POST,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class LabelParty:
    name: str
    company: str
    postal_code: str
    street: str
    building: str
    phone: str


@dataclass(frozen=True, slots=True)
class Label:
    """One parcel. ``cod`` is what the driver collects, None where nothing; ``cod_is_unclear`` where the order leaves in several parcels."""

    shipment_id: int
    number: str
    order_number: str
    carrier: str
    recipient: LabelParty
    sender: LabelParty
    wish_date: dt.date | None
    time_slot: str
    cod: Decimal | None
    cod_tax: Decimal
    cod_is_unclear: bool


def carrier_of(text: str) -> str:
    """The carrier that is meant; the text itself for one that we write no files for."""
    return ALIASES.get(text.strip().lower(), text.strip())


def labels(shipment_ids: Iterable[int]) -> list[Label]:
    """The labels of these shipments in the order of their numbers. Called back ones are left out."""
    found = Shipment.objects.filter(pk__in=list(shipment_ids)).exclude(state=Shipment.State.CANCELLED)
    parcels = list(found.select_related("order__channel", "delivery").order_by("pk"))
    orders = {parcel.order_id for parcel in parcels}
    payments = OrderPayment.objects.filter(order__in=orders, method=PaymentMethod.COD, amount__gt=0)
    collected: dict[int, Decimal] = {}
    for order_id, amount in payments.values_list("order_id", "amount"):
        collected[order_id] = collected.get(order_id, ZERO) + amount
    whole = _whole_orders(collected)
    company = CompanyProfile.objects.first() or CompanyProfile()
    return [_label(parcel, company, collected.get(parcel.order_id), whole) for parcel in parcels]


def _whole_orders(order_ids: Iterable[int]) -> set[int]:
    """Orders that leave in one parcel: then it is clear which one the driver collects for."""
    ids = list(order_ids)
    parcels: dict[int, set[int]] = {}
    units: dict[int, int] = {}
    lines = ShipmentLine.objects.filter(shipment__order__in=ids).exclude(shipment__state=Shipment.State.CANCELLED)
    for order_id, parcel_id, quantity in lines.values_list("shipment__order_id", "shipment_id", "quantity"):
        parcels.setdefault(order_id, set()).add(parcel_id)
        units[order_id] = units.get(order_id, 0) + quantity
    ordered: dict[int, int] = {}
    for order_id, quantity in OrderLine.objects.filter(order__in=ids).values_list(
        "order_id", F("quantity") - F("cancelled_quantity")
    ):
        ordered[order_id] = ordered.get(order_id, 0) + quantity
    return {key for key in ids if len(parcels.get(key, ())) == 1 and units.get(key) == ordered.get(key)}


def _label(parcel: Shipment, company: CompanyProfile, cod: Decimal | None, whole: set[int]) -> Label:
    delivery, order = parcel.delivery, parcel.order
    name, firm = delivery.recipient_name or order.orderer_name, str((delivery.ship_to or {}).get("company") or "")
    recipient = LabelParty(
        name,
        "" if firm in name else firm,
        delivery.postal_code,
        delivery.prefecture + delivery.city + delivery.street,
        delivery.building or delivery.pickup_point,
        delivery.recipient_phone or order.orderer_phone,
    )
    return Label(
        parcel.pk,
        parcel.number,
        order.number,
        carrier_of(parcel.carrier or delivery.carrier),
        recipient,
        _sender(parcel, company),
        delivery.wish_date,
        delivery.time_slot,
        cod,
        _tax_in(cod, order),
        cod is not None and parcel.order_id not in whole,
    )


def _sender(parcel: Shipment, company: CompanyProfile) -> LabelParty:
    """Who gives it where the order names a sender, with our address where theirs is missing; else the shop."""
    if parcel.delivery.sender:
        person = address_of(parcel.delivery.sender)
        if person.name:
            ours = not person.lines
            return LabelParty(
                person.name,
                "",
                company.postal_code if ours else person.postal_code,
                company.address if ours else person.lines[0],
                "" if ours else "".join(person.lines[1:]),
                person.phone or company.phone,
            )
    shop = parcel.order.channel.name
    return LabelParty(
        company.name or shop, shop if company.name else "", company.postal_code, company.address, "", company.phone
    )


def _tax_in(cod: Decimal | None, order: Order) -> Decimal:
    """The tax within what is collected: the order's tax, in proportion, rounded down."""
    if cod is None or not order.total or order.tax_amount is None:
        return ZERO
    return (order.tax_amount * cod / order.total).to_integral_value(rounding="ROUND_DOWN")


def runs_of(shipment_ids: Iterable[int]) -> dict[int, list[LabelRunLine]]:
    """The label files in which shipments stand, the latest first."""
    found: dict[int, list[LabelRunLine]] = {}
    lines = LabelRunLine.objects.filter(shipment__in=list(shipment_ids)).select_related("run").order_by("-run_id")
    for line in lines:
        found.setdefault(line.shipment_id, []).append(line)
    return found
