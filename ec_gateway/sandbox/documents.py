"""The order document of the REST contract, as this shop writes it: yen with tax included, one parcel."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

SHIPPING_FEE, FREE_FROM, COD_FEE = 550, 10_000, 330
DAYS_TO_PAY = 7
METHODS = {
    "card": "クレジットカード",
    "cod": "代金引換",
    "convenience_store": "コンビニ払い",
    "bank_transfer": "銀行振込",
}
PAID_AT_ONCE, PAID_FIRST = {"card"}, {"convenience_store", "bank_transfer"}


@dataclass(frozen=True, slots=True)
class Buyer:
    family_name: str
    given_name: str
    family_kana: str
    given_kana: str
    email: str
    phone: str
    postal_code: str
    prefecture: str
    city: str
    street: str
    building: str = ""

    @property
    def person(self) -> dict[str, Any]:
        names = ("family_name", "given_name", "family_kana", "given_kana", "phone")
        place = ("postal_code", "prefecture", "city", "street", "building")
        address = {"country": "JP"} | {name: getattr(self, name) for name in place}
        return {name: getattr(self, name) for name in names} | {"address": address}


BUYER_FIELDS = tuple(field.name for field in fields(Buyer))


@dataclass(frozen=True, slots=True)
class Sold:
    """One line of an order: what was sold at which price."""

    line_id: str
    sku: str
    name: str
    quantity: int
    unit_price: int
    tax_rate: int


def fees_of(goods: int, method: str) -> dict[str, int]:
    fees = {} if goods >= FREE_FROM else {"shipping": SHIPPING_FEE}
    return fees | ({"cod": COD_FEE} if method == "cod" else {})


def order_document(
    *,
    external_id: str,
    shopper: str,
    buyer: Buyer,
    sold: Sequence[Sold],
    method: str,
    note: str,
    at: dt.datetime,
) -> dict[str, Any]:
    goods = sum(line.quantity * line.unit_price for line in sold)
    fees = fees_of(goods, method)
    total = goods + sum(fees.values())
    return {
        "external_id": external_id,
        "revision": 1,
        "acceptance": "final",
        "order_type": "normal",
        "ordered_at": at.isoformat(),
        "currency": "JPY",
        "prices_include_tax": True,
        "orderer": {"external_id": shopper, "kind": "person", "email": buyer.email, **buyer.person},
        "deliveries": [_delivery(buyer)],
        "lines": [_line(line) for line in sold],
        "fees": [
            {"kind": kind, "delivery_ref": "d1", "amount": str(amount), "tax_included": True, "tax_class": "standard"}
            for kind, amount in fees.items()
        ],
        "tax_summary": {
            "basis": "before_third_party",
            "issued_by": "ec",
            "rates": _rates(sold, sum(fees.values())),
        },
        "total": str(total),
        "amount_due": str(total),
        "payments": [_payment(method, total, external_id, at)],
        "customer_note": note,
    }


def with_address(document: Mapping[str, Any], buyer: Buyer) -> dict[str, Any]:
    """The next revision, going to another address."""
    return {**document, "revision": document["revision"] + 1, "deliveries": [_delivery(buyer)]}


def _delivery(buyer: Buyer) -> dict[str, Any]:
    return {"ref": "d1", "ship_to": buyer.person, "method": "parcel", "carrier": "yamato"}


def _line(line: Sold) -> dict[str, Any]:
    return {
        "line_id": line.line_id,
        "delivery_ref": "d1",
        "sku": line.sku,
        "channel_item_code": line.sku,
        "name": line.name,
        "quantity": line.quantity,
        "unit_price": str(line.unit_price),
        "tax_included": True,
        "tax_rate": str(line.tax_rate),
    }


def _rates(sold: Sequence[Sold], fees: int) -> list[dict[str, str]]:
    """Tax once per rate, rounded down; fees go at the standard rate."""
    gross: dict[int, int] = {10: fees} if fees else {}
    for line in sold:
        gross[line.tax_rate] = gross.get(line.tax_rate, 0) + line.quantity * line.unit_price
    names = {10: "standard", 8: "reduced"}
    return [
        {
            "tax_class": names[rate],
            "rate": str(rate),
            "amount": str(amount),
            "tax": str(amount * rate // (100 + rate)),
        }
        for rate, amount in sorted(gross.items(), reverse=True)
    ]


def _payment(method: str, total: int, external_id: str, at: dt.datetime) -> dict[str, Any]:
    payment: dict[str, Any] = {"method": method, "amount": str(total), "reference": external_id}
    payment["status"] = "captured" if method in PAID_AT_ONCE else "pending"
    if method in PAID_FIRST:
        payment["due_at"] = (at + dt.timedelta(days=DAYS_TO_PAY)).isoformat()
    return payment
