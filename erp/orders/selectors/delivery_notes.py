"""納品書: what a paper in a parcel says, from the order as it was placed and its tax as it was frozen. Reads only.

A parcel that has left says what was posted with it. One that is being picked says what will be posted: its share of each order line, and
the fees that go with the first parcel.
"""

from __future__ import annotations

import datetime as dt
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from erp.core.models import Channel, CompanyProfile, TaxRate
from erp.core.money import ZERO, share_of_next
from erp.orders.models import Delivery, Order, OrderFee, OrderLine, Shipment, ShipmentLine
from erp.orders.selectors.honorifics import honorific_of


@dataclass(frozen=True, slots=True)
class NoteLine:
    """``amount`` is as the order is priced: with tax, or without. ``discount`` is negative or zero."""

    code: str
    name: str
    options: str
    quantity: int
    unit_price: Decimal
    discount: Decimal
    amount: Decimal
    is_reduced: bool


@dataclass(frozen=True, slots=True)
class NoteFee:
    name: str
    amount: Decimal
    is_reduced: bool


@dataclass(frozen=True, slots=True)
class NoteRate:
    """All that is taxed with one rate. ``base`` is with tax where prices are, else without."""

    label: str
    base: Decimal
    tax: Decimal


@dataclass(frozen=True, slots=True)
class Address:
    name: str
    postal_code: str
    lines: tuple[str, ...]
    phone: str
    honorific: str = " 様"


@dataclass(frozen=True, slots=True)
class Gift:
    noshi: str
    wrapping: str
    message: str


@dataclass(frozen=True, slots=True)
class Issuer:
    """``registration_number`` is empty where the EC site issues the 適格請求書, so that a sale has one."""

    shop: str
    name: str
    postal_code: str
    address: str
    phone: str
    registration_number: str


@dataclass(frozen=True, slots=True)
class DeliveryNote:
    """One parcel. With ``hide_prices`` no amount, tax or registration number is in it at all, so that no template can print one.

    ``is_from_another`` says that somebody else than who gets it asked for it.
    """

    shipment_id: int
    number: str
    order_number: str
    external_id: str
    customer_po_number: str
    order_date: dt.date
    ship_date: dt.date | None
    hide_prices: bool
    prices_include_tax: bool
    issuer: Issuer
    recipient: Address
    sender: Address
    is_from_another: bool
    wish: str
    gift: Gift | None
    is_part: bool
    pieces: int
    lines: tuple[NoteLine, ...]
    fees: tuple[NoteFee, ...]
    rates: tuple[NoteRate, ...]
    net: Decimal
    tax: Decimal
    total: Decimal


def delivery_notes(shipment_ids: Sequence[int], *, always_hidden: bool = False) -> list[DeliveryNote]:
    """The notes of these shipments, called back ones left out, in the order of their numbers. ``always_hidden`` hides prices of all."""
    found = Shipment.objects.filter(pk__in=list(shipment_ids)).exclude(state=Shipment.State.CANCELLED)
    parcels = list(found.select_related("order__channel", "delivery").order_by("pk"))
    books = _Books(parcels)
    return [_note(parcel, books, always_hidden=always_hidden) for parcel in parcels]


class _Books:
    """The rows that the notes are written from, read once for all of them."""

    def __init__(self, parcels: Sequence[Shipment]) -> None:
        orders = {parcel.order_id for parcel in parcels}
        self.company = CompanyProfile.objects.first() or CompanyProfile()
        self.rates = {rate.code: rate for rate in TaxRate.objects.all()}
        self.lines: dict[int, list[ShipmentLine]] = {}
        lines = ShipmentLine.objects.filter(shipment__order__in=orders).exclude(shipment__state="CANCELLED")
        for line in lines.select_related("shipment", "order_line").order_by("order_line__line_no", "pk"):
            self.lines.setdefault(line.shipment_id, []).append(line)
        open_lines = OrderLine.objects.filter(order__in=orders)
        self.ordered: dict[int, int] = {}
        for order_id, quantity, cancelled in open_lines.values_list("order_id", "quantity", "cancelled_quantity"):
            self.ordered[order_id] = self.ordered.get(order_id, 0) + quantity - cancelled
        fees = OrderFee.objects.filter(order__in=orders).filter(Q(amount__isnull=False))
        self.fees: dict[int, list[OrderFee]] = {}
        for fee in fees.order_by("line_no"):
            self.fees.setdefault(fee.order_id, []).append(fee)
        self.first_parcels = _first_parcels(self.fees, self.lines)

    def fees_of(self, parcel: Shipment) -> list[OrderFee]:
        mine = self.fees.get(parcel.order_id, [])
        return [fee for fee in mine if (fee.shipment_id or self.first_parcels.get(fee.pk)) == parcel.pk]

    def amounts_of(self, line: ShipmentLine, parcel: Shipment) -> tuple[Decimal, Decimal]:
        """Net and tax: as posted, or the share that will be posted. Raises nothing for an order whose amounts are unknown: it says zero."""
        if parcel.state != Shipment.State.INSTRUCTED:
            return line.net_amount, line.tax_amount
        ordered, currency = line.order_line, parcel.order.currency
        before = ordered.shipped_quantity + sum(
            other.quantity
            for lines in self.lines.values()
            for other in lines
            if other.order_line_id == ordered.pk
            and other.shipment.state == Shipment.State.INSTRUCTED
            and other.shipment_id < parcel.pk
        )
        net, tax = (
            share_of_next(total or ZERO, line.quantity, done=before, of=ordered.quantity, currency=currency)
            for total in (ordered.net_amount, ordered.tax_amount)
        )
        return net, tax


def _first_parcels(
    fees: Mapping[int, Iterable[OrderFee]], lines: Mapping[int, Sequence[ShipmentLine]]
) -> dict[int, int]:
    """Which parcel a fee will go with that has none yet: the first of its delivery that is being picked, or of the order."""
    waiting: dict[int, list[Shipment]] = {}
    for parcel in sorted(
        {line[0].shipment.pk: line[0].shipment for line in lines.values()}.values(), key=lambda p: p.pk
    ):
        if parcel.state == Shipment.State.INSTRUCTED:
            waiting.setdefault(parcel.order_id, []).append(parcel)
    return {
        fee.pk: parcel.pk
        for order_id, of_order in fees.items()
        for fee in of_order
        for parcel in [p for p in waiting.get(order_id, []) if fee.delivery_id in (None, p.delivery_id)][:1]
        if fee.shipment_id is None
    }


def _note(parcel: Shipment, books: _Books, *, always_hidden: bool) -> DeliveryNote:
    order, delivery = parcel.order, parcel.delivery
    hidden = always_hidden or delivery.hide_prices
    contents, fees = books.lines.get(parcel.pk, []), [] if hidden else books.fees_of(parcel)
    recipient, sender = _recipient(delivery, order), _sender(delivery, order)
    amounts = [(ZERO, ZERO) if hidden else books.amounts_of(line, parcel) for line in contents]
    lines = tuple(
        _line(line, net, tax, books, hidden=hidden) for line, (net, tax) in zip(contents, amounts, strict=True)
    )
    taxed = [(line.order_line.tax_code, net, tax) for line, (net, tax) in zip(contents, amounts, strict=True)]
    taxed += [(fee.tax_code, fee.net_amount or ZERO, fee.tax_amount or ZERO) for fee in fees]
    net, tax = sum((row[1] for row in taxed), ZERO), sum((row[2] for row in taxed), ZERO)
    return DeliveryNote(
        shipment_id=parcel.pk,
        number=parcel.number,
        order_number=order.number,
        external_id=order.external_id,
        customer_po_number=order.customer_po_number,
        order_date=order.order_date,
        ship_date=parcel.ship_date,
        hide_prices=hidden,
        prices_include_tax=order.prices_include_tax,
        issuer=_issuer(order.channel, books.company, hidden=hidden),
        recipient=recipient,
        sender=sender,
        is_from_another=_plain(sender.name) not in ("", _plain(recipient.name)),
        wish=_wish(delivery),
        gift=_gift(delivery),
        is_part=sum(line.quantity for line in contents) < books.ordered.get(order.pk, 0),
        pieces=sum(line.quantity for line in contents),
        lines=lines,
        fees=tuple(_fee(fee, order, books) for fee in fees),
        rates=() if hidden else _rates(taxed, books, prices_include_tax=order.prices_include_tax),
        net=net,
        tax=tax,
        total=net + tax,
    )


def _line(line: ShipmentLine, net: Decimal, tax: Decimal, books: _Books, *, hidden: bool) -> NoteLine:
    ordered = line.order_line
    amount = net + tax if ordered.tax_included else net
    price = ZERO if hidden else ordered.unit_price or ZERO
    return NoteLine(
        code=ordered.sku_code or ordered.channel_item_code,
        name=ordered.name,
        options=" / ".join(str(option) for option in ordered.options if isinstance(option, str | int)),
        quantity=line.quantity,
        unit_price=price,
        discount=ZERO if hidden or not ordered.discount_amount else min(amount - price * line.quantity, ZERO),
        amount=amount,
        is_reduced=not hidden and _is_reduced(ordered.tax_code, books),
    )


def _fee(fee: OrderFee, order: Order, books: _Books) -> NoteFee:
    net, tax = fee.net_amount or ZERO, fee.tax_amount or ZERO
    amount = net + tax if order.prices_include_tax else net
    return NoteFee(fee.get_kind_display(), amount, _is_reduced(fee.tax_code, books))


def _is_reduced(code: str, books: _Books) -> bool:
    return code in books.rates and books.rates[code].is_reduced


def _rates(
    taxed: Iterable[tuple[str, Decimal, Decimal]], books: _Books, *, prices_include_tax: bool
) -> tuple[NoteRate, ...]:
    sums: dict[str, list[Decimal]] = {}
    for code, net, tax in taxed:
        row = sums.setdefault(code, [ZERO, ZERO])
        row[0] += net
        row[1] += tax
    known = sorted(sums, key=lambda code: -books.rates[code].percent if code in books.rates else ZERO)
    return tuple(
        NoteRate(
            books.rates[code].label if code in books.rates else code,
            sums[code][0] + (sums[code][1] if prices_include_tax else ZERO),
            sums[code][1],
        )
        for code in known
    )


def _issuer(channel: Channel, company: CompanyProfile, *, hidden: bool) -> Issuer:
    issues = channel.invoice_issuer == Channel.Issuer.MAMORI and not hidden
    return Issuer(
        channel.name, company.name, company.postal_code, company.address, company.phone,
        company.registration_number if issues else "",
    )  # fmt: skip


def _recipient(delivery: Delivery, order: Order) -> Address:
    lines = (delivery.prefecture + delivery.city + delivery.street, delivery.building, delivery.pickup_point)
    name = delivery.recipient_name or order.orderer_name
    company = str((delivery.ship_to or {}).get("company") or "")
    return Address(
        name,
        delivery.postal_code,
        tuple(line for line in (*lines, company if company not in name else "") if line),
        delivery.recipient_phone,
        honorific_of(name, is_company=order.account_id is not None),
    )


def _sender(delivery: Delivery, order: Order) -> Address:
    """Who gives it: the sender that the order names, else who ordered."""
    if delivery.sender:
        return address_of(delivery.sender)
    who = order.orderer_name
    return Address(who, "", (), "", honorific_of(who, is_company=order.account_id is not None))


def _plain(name: str) -> str:
    """A name without what two ways of writing the same one differ in: spaces and widths."""
    return "".join(unicodedata.normalize("NFKC", name).split())


def address_of(person: Mapping[str, Any]) -> Address:
    """A person as a channel sent it."""

    def text(source: Mapping[str, Any], *names: str) -> list[str]:
        return [str(source[name]) for name in names if source.get(name)]

    where = person.get("address") if isinstance(person.get("address"), Mapping) else {}
    name = " ".join(text(person, "company", "department", "family_name", "given_name"))
    street = "".join(text(where or {}, "prefecture", "city", "street"))
    lines = tuple(line for line in (street, *text(where or {}, "building")) if line)
    is_company = bool(text(person, "company")) and not text(person, "family_name", "given_name")
    honorific = honorific_of(name, is_company=is_company)
    return Address(name, "".join(text(where or {}, "postal_code")), lines, "".join(text(person, "phone")), honorific)


def _gift(delivery: Delivery) -> Gift | None:
    sent = delivery.gift
    if not sent:
        return None
    noshi = sent.get("noshi")
    told = [str(noshi[key]) for key in ("kind", "name") if noshi.get(key)] if isinstance(noshi, Mapping) else []
    gift = Gift(" / ".join(told), str(sent.get("wrapping") or ""), str(sent.get("message") or ""))
    return gift if any((gift.noshi, gift.wrapping, gift.message)) else None


def _wish(delivery: Delivery) -> str:
    day = delivery.wish_date
    parts = [f"{day.year}年{day.month}月{day.day}日"] if day else []
    return " ".join([*parts, *([slot_in_words(delivery.time_slot)] if delivery.time_slot else [])])


def slot_in_words(slot: str) -> str:
    """A slot as carriers write it: ``0812`` is the morning, ``1416`` from 14 to 16 o'clock. What is none stays as it came."""
    if slot.upper() in ("AM", "0812"):
        return _("in the morning")
    if len(slot) == 4 and slot.isdecimal():
        return _("%(first)d to %(last)d o'clock") % {"first": int(slot[:2]), "last": int(slot[2:])}
    return slot
