"""Orders of the demo company as their channels send them: documents of the REST contract. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ec_gateway.management.demo.goods import Article
from ec_gateway.management.demo.people import Person

SHIPPING, FREE_FROM, COD, WRAPPING = 550, 10_000, 330, 330
PERCENT = {"STANDARD": 10, "REDUCED": 8}
# What each way of payment says when the order is placed.
FIRST_STATUS = {
    "card": "captured", "wallet": "captured", "carrier_billing": "authorized", "deferred": "authorized", "cod": "pending",
    "convenience_store": "pending", "bank_transfer": "pending", "mall": "authorized", "cash": "paid",
}  # fmt: skip
PAID_FIRST = ("convenience_store", "bank_transfer")
DAYS_TO_PAY = 7

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bought:
    """Units of one SKU at the price that was asked for one."""

    article: Article
    units: int
    price: int

    @property
    def amount(self) -> int:
        return self.units * self.price


def shopper_order(
    *,
    external_id: str,
    ordered_at: dt.datetime,
    customer: str,
    person: Person,
    bought: Sequence[Bought],
    method: str,
    status: str = "",
    coupon: int = 0,
    points: int = 0,
    wish_date: dt.date | None = None,
    has_gift: bool = False,
    note: str = "",
    carrier: str = "yamato",
    address: Mapping[str, str] | None = None,
) -> Document:
    """An order of a person, yen with tax included. ``coupon`` is ours, ``points`` are paid by the mall; ``customer`` empty: a guest."""
    goods = sum(line.amount for line in bought)
    fees = {} if goods >= FREE_FROM else {"shipping": SHIPPING}
    fees |= {"cod": COD} if method == "cod" else {}
    fees |= {"wrapping": WRAPPING} if has_gift else {}
    total = goods + sum(fees.values()) - coupon
    sent = person.as_sent | ({"address": dict(address)} if address is not None else {})
    document: Document = {
        "external_id": external_id,
        "revision": 1,
        "ordered_at": ordered_at.isoformat(),
        "orderer": {"external_id": customer, "kind": "person", "email": person.email, **person.as_sent},
        "deliveries": [_delivery(sent, carrier, wish_date, has_gift)],
        "lines": [_line(number, line) for number, line in enumerate(bought, 1)],
        "fees": [{"kind": kind, "delivery_ref": "d1", "amount": str(amount)} for kind, amount in fees.items()],
        "adjustments": [
            {"kind": kind, "funded_by": funder, "amount": str(amount)}
            for kind, funder, amount in (("coupon", "shop", coupon), ("points", "mall", points))
            if amount
        ],
        "total": str(total),
        "amount_due": str(total - points),
        "payments": [_payment(method, status, total - points, external_id, ordered_at)],
        "customer_note": note,
    }
    if method == "cod":
        document["payments"][0] |= {"provider": carrier}
    if not coupon:
        document["tax_summary"] = {"rates": _rates(bought, sum(fees.values()))}
    return document


def account_order(
    *,
    external_id: str,
    ordered_at: dt.datetime,
    account: str,
    number: str,
    bought: Sequence[Bought],
    order_type: str = "normal",
    ship_to: Mapping[str, Any] | None = None,
) -> Document:
    """An order on account, prices without tax; tax once per rate, rounded down."""
    nets: dict[str, int] = {}
    for line in bought:
        nets[line.article.style.tax_class] = nets.get(line.article.style.tax_class, 0) + line.amount
    total = sum(net + net * PERCENT[tax_class] // 100 for tax_class, net in nets.items())
    document: Document = {
        "external_id": external_id,
        "order_type": order_type,
        "ordered_at": ordered_at.isoformat(),
        "prices_include_tax": False,
        "account_code": account,
        "customer_po_number": number,
        "lines": [_line(place, line) for place, line in enumerate(bought, 1)],
        "total": str(total),
    }
    if ship_to is not None:
        document["deliveries"] = [{"ref": "d1", "ship_to": dict(ship_to), "method": "parcel", "carrier": "sagawa"}]
    return document


def till_sale(*, external_id: str, sold_at: dt.datetime, bought: Sequence[Bought], method: str) -> Document:
    """What a till sends when the customer has left."""
    total = sum(line.amount for line in bought)
    payment = {"method": method, "amount": str(total), "status": FIRST_STATUS[method]}
    return {
        "external_id": external_id,
        "sold_at": sold_at.isoformat(),
        "lines": [_line(number, line) for number, line in enumerate(bought, 1)],
        "total": str(total),
        "payments": [payment],
    }


def with_revision(document: Document, revision: int, **changed: Any) -> Document:
    return {**document, **changed, "revision": revision}


def moved_to(document: Document, person: Person) -> Document:
    """The next revision, going to another address."""
    first, *others = document["deliveries"]
    return with_revision(document, document["revision"] + 1, deliveries=[{**first, "ship_to": person.as_sent}, *others])


def with_units(document: Document, units: int) -> Document:
    """The next revision, with so many of its first line."""
    line, *others = document["lines"]
    total = str(int(document["total"]) + (units - line["quantity"]) * int(line["unit_price"]))
    payment = {**document["payments"][0], "amount": total}
    fresh = {name: value for name, value in document.items() if name != "tax_summary"}
    return with_revision(
        fresh, document["revision"] + 1, lines=[{**line, "quantity": units}, *others], total=total, amount_due=total, payments=[payment]
    )  # fmt: skip


def _delivery(sent: Mapping[str, Any], carrier: str, wish_date: dt.date | None, has_gift: bool) -> Document:
    delivery: Document = {"ref": "d1", "ship_to": dict(sent), "method": "parcel", "carrier": carrier}
    if wish_date is not None:
        delivery |= {"wish_date": wish_date.isoformat(), "time_slot": "1416"}
    if has_gift:
        delivery |= {
            "hide_prices": True,
            "gift": {"wrapping": "リボン", "noshi": {"kind": "内祝", "name": sent["family_name"]}},
        }
    return delivery


def _line(number: int, line: Bought) -> Document:
    article = line.article
    return {
        "line_id": str(number),
        "sku": article.code,
        "channel_item_code": article.code,
        "name": article.name,
        "quantity": line.units,
        "unit_price": str(line.price),
        "tax_rate": str(PERCENT[article.style.tax_class]),
    }


def _rates(bought: Sequence[Bought], fees: int) -> list[Document]:
    gross: dict[str, int] = {"STANDARD": fees} if fees else {}
    for line in bought:
        gross[line.article.style.tax_class] = gross.get(line.article.style.tax_class, 0) + line.amount
    return [
        {
            "tax_class": tax_class.lower(),
            "rate": str(PERCENT[tax_class]),
            "amount": str(amount),
            "tax": str(amount * PERCENT[tax_class] // (100 + PERCENT[tax_class])),
        }
        for tax_class, amount in gross.items()
    ]


def _payment(method: str, status: str, amount: int, reference: str, at: dt.datetime) -> Document:
    payment: Document = {"method": method, "amount": str(amount), "status": status or FIRST_STATUS[method]}
    payment["reference"] = reference
    if method in PAID_FIRST:
        payment["due_at"] = (at + dt.timedelta(days=DAYS_TO_PAY)).isoformat()
    return payment
