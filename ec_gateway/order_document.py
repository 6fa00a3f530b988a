"""The order of the REST contract as the order room takes it: pure translation, no business rule, every fault named at once.

Values stay as they came (width, variants of kanji, emoji); only what no database can keep is refused: NUL and lone surrogates.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _

from customers.services import CustomerData
from ec_gateway.json_reader import JsonReader, text_problems, with_others
from erp.core.errors import InvalidInput, Problem
from erp.orders.services import (
    AdjustmentInput,
    DeliveryInput,
    FeeInput,
    LineInput,
    OrderInput,
    PaymentInput,
    StatedTax,
    find_problems,
)


def upper_case(*words: str) -> dict[str, str]:
    """Enumerations are lower case on the wire, upper case inside."""
    return {word: word.upper() for word in words}


ACCEPTANCES = upper_case("provisional", "final")
ORDER_TYPES = upper_case("normal", "preorder", "subscription", "exhibition", "sample", "exchange", "store_pickup")
TAX_CLASSES = upper_case("standard", "reduced", "zero_rated", "exempt", "out_of_scope")
FEES = upper_case("shipping", "cod", "wrapping", "other")
ADJUSTMENTS = upper_case("coupon", "points", "campaign")
FUNDERS = upper_case("shop", "mall", "maker", "provider")
METHODS = upper_case(
    "card", "cod", "bank_transfer", "convenience_store", "deferred", "wallet", "carrier_billing", "mall", "gift_card",
    "on_account", "cash", "none",
)  # fmt: skip
STATUSES = upper_case("pending", "authorized", "captured", "paid", "failed", "refunded")
BASES = upper_case("before_third_party", "after_third_party")
ISSUERS = upper_case("ec", "mamori")
CUSTOMER_KINDS = upper_case("person", "company")
PERSON = ("company", "department", "family_name", "given_name", "family_kana", "given_kana", "phone")
ADDRESS = ("country", "postal_code", "prefecture", "city", "street", "building")

# Stands in for a time that could not be read, so that the rest of the document is still looked at.
_NO_TIME = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


def read_order(body: Any, *, judge: Callable[[OrderInput], list[Problem]] = find_problems) -> OrderInput:
    """Translate the body of ``POST /orders``. What is well-formed here may still be put on hold, never refused.

    ``judge`` is what the order room would say of it.

    Raises:
        InvalidInput: names every fault of the form, with those the order room would name (which names them alone when the form is right).
    """
    if not isinstance(body, dict):
        raise InvalidInput([Problem("", "not_an_object", _("A JSON object is needed."))])
    problems: list[Problem] = []
    unsafe = text_problems(body)
    if any(problem.code == "too_deep" for problem in unsafe):
        raise InvalidInput(unsafe)
    order = _read(JsonReader(body, "", problems))
    problems += unsafe
    if problems:
        raise InvalidInput(with_others(problems, judge(order)))
    return order


def _read(body: JsonReader) -> OrderInput:
    inclusive = body.boolean("prices_include_tax", default=True)
    orderer = body.child("orderer")
    customer_external_id, customer = ("", None) if orderer is None else _read_orderer(orderer)
    bill_to = body.child("bill_to")
    if bill_to is not None:
        _read_person(bill_to)
    summary = body.child("tax_summary")
    order = OrderInput(
        external_id=body.text("external_id", required=True),
        revision=body.integer("revision", default=1),
        is_provisional=body.choice("acceptance", ACCEPTANCES, default="FINAL") == "PROVISIONAL",
        order_type=body.choice("order_type", ORDER_TYPES, default="NORMAL"),
        ordered_at=body.moment("ordered_at", required=True) or _NO_TIME,
        currency=body.text("currency", default="JPY"),
        prices_include_tax=inclusive,
        hold_ref=body.text("hold_ref"),
        account_code=body.text("account_code"),
        customer_po_number=body.text("customer_po_number"),
        orderer_external_id=customer_external_id,
        orderer=customer,
        orderer_as_sent=_as_sent(orderer, bill_to),
        deliveries=tuple(_read_delivery(item, number) for number, item in enumerate(body.children("deliveries"), 1)),
        lines=tuple(
            _read_line(item, number, inclusive) for number, item in enumerate(body.children("lines", required=True), 1)
        ),
        fees=tuple(_read_fee(item, inclusive) for item in body.children("fees")),
        adjustments=tuple(_read_adjustment(item) for item in body.children("adjustments")),
        stated_taxes=_read_taxes(summary) if summary else (),
        total=body.decimal("total", required=True, nullable=True),
        amount_due=body.decimal("amount_due"),
        payments=tuple(_read_payment(item) for item in body.children("payments")),
        receipt=_read_receipt(body),
        customer_note=body.text("customer_note"),
        shop_note=body.text("shop_note"),
        attributes=body.free("attributes") or {},
    )
    body.refuse_unknown()
    return order


def _as_sent(orderer: JsonReader | None, bill_to: JsonReader | None) -> dict[str, Any] | None:
    """Where bills go for this order is kept with the orderer: it is an address, not a trade account."""
    if orderer is None and bill_to is None:
        return None
    sent = dict(orderer.value) if orderer else {}
    return {**sent, "bill_to": bill_to.value} if bill_to else sent


def _read_orderer(item: JsonReader) -> tuple[str, CustomerData]:
    external_id = item.text("external_id")
    kind = item.choice("kind", CUSTOMER_KINDS, default="PERSON")
    email, is_relay = item.text("email"), item.boolean("email_is_relay")
    person, address = _read_person(item)
    address["country"] = address["country"] or "JP"
    return external_id, CustomerData(kind=kind, email=email, email_is_relay=is_relay, **person, **address)


def _read_person(item: JsonReader) -> tuple[dict[str, str], dict[str, str]]:
    person = {name: item.text(name) for name in PERSON}
    place = item.child("address")
    address = {name: place.text(name) if place else "" for name in ADDRESS}
    if place:
        place.refuse_unknown()
    item.refuse_unknown()
    return person, address


def _read_delivery(item: JsonReader, number: int) -> DeliveryInput:
    ship_to, sender, gift = item.child("ship_to"), item.child("sender"), item.child("gift")
    person, address = _read_person(ship_to) if ship_to else ({}, {})
    if sender:
        _read_person(sender)
    if gift:
        _read_gift(gift)
    names = [person.get(part, "") for part in ("company", "department", "family_name", "given_name")]
    delivery = DeliveryInput(
        ref=item.text("ref") or str(number),
        recipient_name=" ".join(filter(None, names)),
        recipient_phone=person.get("phone", ""),
        postal_code=address.get("postal_code", ""),
        prefecture=address.get("prefecture", ""),
        city=address.get("city", ""),
        street=address.get("street", ""),
        building=address.get("building", ""),
        ship_to=ship_to.value if ship_to else None,
        sender=sender.value if sender else None,
        method=item.text("method"),
        carrier=item.text("carrier"),
        wish_date=item.date("wish_date"),
        time_slot=item.text("time_slot"),
        pickup_point=item.text("pickup_point"),
        hide_prices=item.boolean("hide_prices"),
        gift=gift.value if gift else None,
    )
    item.refuse_unknown()
    return delivery


def _read_gift(item: JsonReader) -> None:
    item.text("wrapping")
    item.text("message")
    noshi = item.child("noshi")
    if noshi:
        noshi.text("kind")
        noshi.text("name")
        noshi.refuse_unknown()
    item.refuse_unknown()


def _read_line(item: JsonReader, number: int, inclusive: bool) -> LineInput:
    line = LineInput(
        line_id=item.text("line_id") or str(number),
        delivery_ref=item.text("delivery_ref"),
        sku=item.text("sku"),
        channel_item_code=item.text("channel_item_code"),
        name=item.text("name"),
        options=tuple(item.free_list("options")),
        quantity=item.integer("quantity", required=True, default=1),
        unit_price=item.decimal("unit_price"),
        tax_included=item.boolean("tax_included", default=inclusive),
        tax_class=item.choice("tax_class", TAX_CLASSES, default=""),
        tax_percent=item.decimal("tax_rate"),
        promised_date=item.date("promised_date"),
    )
    item.refuse_unknown()
    return line


def _read_fee(item: JsonReader, inclusive: bool) -> FeeInput:
    fee = FeeInput(
        kind=item.choice("kind", FEES, default="OTHER", required=True),
        delivery_ref=item.text("delivery_ref"),
        amount=item.decimal("amount"),
        tax_included=item.boolean("tax_included", default=inclusive),
        tax_class=item.choice("tax_class", TAX_CLASSES, default="STANDARD"),
    )
    item.refuse_unknown()
    return fee


def _read_adjustment(item: JsonReader) -> AdjustmentInput:
    adjustment = AdjustmentInput(
        kind=item.choice("kind", ADJUSTMENTS, default="COUPON", required=True),
        funded_by=item.choice("funded_by", FUNDERS, default="SHOP", required=True),
        code=item.text("code"),
        line_id=item.text("line_id"),
        amount=item.amount("amount"),
    )
    item.refuse_unknown()
    return adjustment


def _read_taxes(summary: JsonReader) -> tuple[StatedTax, ...]:
    summary.choice("basis", BASES, default="BEFORE_THIRD_PARTY")
    summary.choice("issued_by", ISSUERS, default="EC")
    taxes = []
    for item in summary.children("rates"):
        tax_class = item.choice("tax_class", TAX_CLASSES, default="STANDARD", required=True)
        taxes.append(StatedTax(tax_class, item.amount("rate"), item.amount("amount"), item.amount("tax")))
        item.refuse_unknown()
    summary.refuse_unknown()
    return tuple(taxes)


def _read_payment(item: JsonReader) -> PaymentInput:
    payment = PaymentInput(
        method=item.choice("method", METHODS, default="NONE", required=True),
        provider=item.text("provider"),
        amount=item.amount("amount"),
        status=item.choice("status", STATUSES, default="PENDING"),
        reference=item.text("reference"),
        due_at=item.moment("due_at"),
        authorization_expires_at=item.moment("authorization_expires_at"),
    )
    item.refuse_unknown()
    return payment


def _read_receipt(body: JsonReader) -> dict[str, Any] | None:
    receipt = body.child("receipt")
    if receipt is None:
        return None
    receipt.boolean("requested")
    receipt.text("addressee")
    receipt.text("proviso")
    receipt.refuse_unknown()
    return receipt.value
