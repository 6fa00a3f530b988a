"""A Shopify order in the words of our contract: the order document, and news about its cancellation and its money.

The document says what was ordered, so it must not change when money moves or parcels leave: payments are always "pending" in it, and each
transaction of the shop is a payment event of its own. Units that came back stay part of the order; units that an edit removed do not.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ec_gateway.order_document import METHODS
from ec_gateway.platforms.interface import News, NewsKind
from ec_gateway.platforms.setup import SetupReader
from erp.core.clock import moment_of

_EVENT_OF = {
    "AUTHORIZATION": "authorized",
    "CAPTURE": "captured",
    "SALE": "captured",
    "REFUND": "refunded",
}
_METHODS = {method: method for method in METHODS}
# A refund line that leaves the goods with the customer, or takes them back after delivery, does not shrink the order.
_STILL_ORDERED = {"RETURN", "NO_RESTOCK", "LEGACY_RESTOCK"}


@dataclass(frozen=True, slots=True)
class Wording:
    """What a shop calls things: how its payment gateways count, and which note attributes carry the wished date and time slot."""

    payment_methods: Mapping[str, str] = field(default_factory=dict)
    wish_date: str = ""
    time_slot: str = ""

    @classmethod
    def of(cls, setup: SetupReader) -> Wording:
        methods = setup.child("payment_methods")
        return cls(
            payment_methods={name: methods.choice(name, _METHODS, default="card") for name in methods.value}
            if methods
            else {},
            wish_date=setup.text("wish_date_attribute"),
            time_slot=setup.text("time_slot_attribute"),
        )


def number_of(gid: str) -> str:
    """The plain number at the end of ``gid://shopify/LineItem/123``."""
    return gid.rpartition("/")[2]


def news_of(order: Mapping[str, Any], wording: Wording) -> list[News]:
    """Everything about one order as it is now, in the order in which it must be applied. Repeats carry the same event ids."""
    external_id, changed_at = order["legacyResourceId"], order["updatedAt"]
    at = moment_of(changed_at)
    news = [
        News(
            NewsKind.ORDER, f"order:{external_id}:{changed_at}", external_id, at, document(order, wording), raw=dict(order)
        ),
        *_payment_news(order, external_id),
    ]  # fmt: skip
    if order["cancelledAt"]:
        cancel = {"external_id": external_id, "reason": order["cancelReason"] or ""}
        cancelled_at = moment_of(order["cancelledAt"])
        news.append(News(NewsKind.CANCEL, f"cancel:{external_id}", external_id, cancelled_at, cancel))
    return news


def document(order: Mapping[str, Any], wording: Wording) -> dict[str, Any]:
    """The body of ``POST /orders``. Revisions are given by whoever keeps the history: Shopify numbers none."""
    lines = [line for line in order["lineItems"]["nodes"] if _ordered_units(line, order)]
    total = _money(order["totalPriceSet"])
    attributes = {item["key"]: item["value"] or "" for item in order["customAttributes"]}
    return {
        "external_id": order["legacyResourceId"],
        "ordered_at": order["createdAt"],
        "currency": order["currencyCode"],
        "prices_include_tax": order["taxesIncluded"],
        "orderer": _orderer(order),
        "deliveries": [_delivery(order, attributes, wording)],
        "lines": [_line(line, order) for line in lines],
        "fees": [_fee(fee, order) for fee in order["shippingLines"]["nodes"] if _is_charged(fee)],
        "adjustments": [item for line in lines for item in _adjustments(line)],
        "tax_summary": None,
        "total": str(total),
        "payments": _payments(order, total, wording),
        "customer_note": order["note"] or "",
        "attributes": {**attributes, "shopify_name": order["name"]},
    }


def _ordered_units(line: Mapping[str, Any], order: Mapping[str, Any]) -> int:
    back: int = sum(
        item["quantity"]
        for refund in order["refunds"]
        for item in refund["refundLineItems"]["nodes"]
        if item["lineItem"]["id"] == line["id"] and item["restockType"] in _STILL_ORDERED
    )
    return min(int(line["currentQuantity"]) + back, int(line["quantity"]))


def _line(line: Mapping[str, Any], order: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "line_id": number_of(line["id"]),
        "delivery_ref": "1",
        "sku": line["sku"] or "",
        "channel_item_code": line["sku"] or number_of(line["id"]),
        "name": line["name"],
        "options": [{"key": item["key"], "value": item["value"] or ""} for item in line["customAttributes"]],
        "quantity": _ordered_units(line, order),
        "unit_price": str(_money(line["originalUnitPriceSet"])),
        "tax_included": order["taxesIncluded"],
        **_tax_of(line),
    }


def _is_charged(fee: Mapping[str, Any]) -> bool:
    return not fee["isRemoved"] and _money(fee["discountedPriceSet"]) > 0


def _fee(fee: Mapping[str, Any], order: Mapping[str, Any]) -> dict[str, Any]:
    charged = {"kind": "shipping", "delivery_ref": "1", "amount": str(_money(fee["discountedPriceSet"]))}
    taxes = _tax_of(fee)
    return {**charged, "tax_included": order["taxesIncluded"], "tax_class": taxes.get("tax_class", "standard")}


def _tax_of(item: Mapping[str, Any]) -> dict[str, str]:
    """The rate that the shop charged; where it charged several or none, the product decides."""
    rates = {Decimal(str(line["ratePercentage"])) for line in item["taxLines"] if line["ratePercentage"] is not None}
    if len(rates) != 1:
        return {}
    [rate] = rates
    known = {Decimal(10): "standard", Decimal(8): "reduced"}
    return {"tax_rate": f"{rate.normalize():f}"} | ({"tax_class": known[rate]} if rate in known else {})


def _adjustments(line: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for item in line["discountAllocations"]:
        amount = _money(item["allocatedAmountSet"])
        code = item["discountApplication"].get("code") or ""
        if amount > 0:
            yield {
                "kind": "coupon" if code else "campaign",
                "funded_by": "shop",
                "code": code,
                "line_id": number_of(line["id"]),
                "amount": str(amount),
            }


def _payments(order: Mapping[str, Any], total: Decimal, wording: Wording) -> list[dict[str, Any]]:
    gateways = list(dict.fromkeys(order["paymentGatewayNames"]))
    if not total:
        return []
    gateway = gateways[0] if gateways else ""
    method = wording.payment_methods.get(gateway, "card" if gateway else "none")
    return [{"method": method, "provider": gateway, "amount": str(total), "status": "pending", "reference": ""}]


def _payment_news(order: Mapping[str, Any], external_id: str) -> Iterator[News]:
    for item in sorted(order["transactions"], key=lambda one: (one["createdAt"], number_of(one["id"]))):
        kind = _EVENT_OF.get(item["kind"])
        if kind is None or item["status"] not in ("SUCCESS", "FAILURE", "ERROR"):
            continue
        if item["status"] != "SUCCESS":
            if kind == "refunded":
                continue
            kind = "failed"
        moment = item["processedAt"] or item["createdAt"]
        body = {
            "external_id": external_id,
            "event_id": number_of(item["id"]),
            "kind": kind,
            "occurred_at": moment,
            "amount": str(_money(item["amountSet"])),
            "line_no": 1,
            "reference": f"{item['gateway'] or ''} {number_of(item['id'])}".strip(),
        }
        event_id = f"transaction:{number_of(item['id'])}:{item['status']}"
        yield News(NewsKind.PAYMENT, event_id, external_id, moment_of(moment), body, raw=dict(item))


def _orderer(order: Mapping[str, Any]) -> dict[str, Any]:
    customer = order["customer"] or {}
    bill = order["billingAddress"] or order["shippingAddress"] or {}
    return {
        "external_id": str(customer.get("legacyResourceId") or ""),
        "kind": "company" if bill.get("company") else "person",
        "company": bill.get("company") or "",
        "family_name": bill.get("lastName") or customer.get("lastName") or "",
        "given_name": bill.get("firstName") or customer.get("firstName") or "",
        "email": order["email"] or customer.get("email") or "",
        "phone": bill.get("phone") or order["phone"] or customer.get("phone") or "",
        "address": _address(bill),
    }


def _delivery(order: Mapping[str, Any], attributes: Mapping[str, str], wording: Wording) -> dict[str, Any]:
    place = order["shippingAddress"] or order["billingAddress"] or {}
    return {
        "ref": "1",
        "ship_to": {
            "company": place.get("company") or "",
            "family_name": place.get("lastName") or "",
            "given_name": place.get("firstName") or "",
            "phone": place.get("phone") or "",
            "address": _address(place),
        },
        "wish_date": _date(attributes.get(wording.wish_date, "")),
        "time_slot": attributes.get(wording.time_slot, "")[:10],
    }


def _address(place: Mapping[str, Any]) -> dict[str, str]:
    return {
        "country": place.get("countryCodeV2") or "JP",
        "postal_code": place.get("zip") or "",
        "prefecture": place.get("province") or "",
        "city": place.get("city") or "",
        "street": place.get("address1") or "",
        "building": place.get("address2") or "",
    }


def _date(text: str) -> str | None:
    """A wished date as shops write it; whatever is no date stays in the attributes and in nobody's way."""
    try:
        return dt.date.fromisoformat(text.strip().replace("/", "-")).isoformat()
    except ValueError:
        return None


def _money(bag: Mapping[str, Any]) -> Decimal:
    """Amounts come with a decimal place that yen do not have: ``1100.0``."""
    amount = Decimal(str(bag["shopMoney"]["amount"]))
    return amount.quantize(Decimal(1)) if amount == amount.to_integral_value() else amount.normalize()
