"""What a carrier's label says: from whom to whom, when, and what the driver collects. Reads only."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from erp.core.models import CompanyProfile
from erp.core.money import ZERO
from erp.orders.models import LabelRunLine, Order, Shipment
from erp.orders.selectors.carriers import carrier_of
from erp.orders.selectors.collecting import Collection, collections
from erp.orders.selectors.delivery_notes import address_of


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
    """One parcel. ``cod`` is what the driver collects with it, None where nothing."""

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


def labels(shipment_ids: Iterable[int]) -> list[Label]:
    """The labels of these shipments in the order of their numbers. Called back ones are left out."""
    found = Shipment.objects.filter(pk__in=list(shipment_ids)).exclude(state=Shipment.State.CANCELLED)
    parcels = list(found.select_related("order__channel", "delivery").order_by("pk"))
    cod = collections(parcel.pk for parcel in parcels)
    company = CompanyProfile.objects.first() or CompanyProfile()
    return [_label(parcel, company, cod.get(parcel.pk)) for parcel in parcels]


def _label(parcel: Shipment, company: CompanyProfile, collection: Collection | None) -> Label:
    delivery, order = parcel.delivery, parcel.order
    cod = collection.here if collection else None
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
