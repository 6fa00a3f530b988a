"""The contract's order body as the order room takes it: exact translation, every fault at once, and nothing but these two for any JSON."""

from __future__ import annotations

import copy
import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customers.services import CustomerData
from ec_gateway.order_document import read_order
from erp.core.errors import InvalidInput
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

TOKYO = dt.timezone(dt.timedelta(hours=9))
ADDRESS = {
    "country": "JP",
    "postal_code": "150-0001",
    "prefecture": "東京都",
    "city": "渋谷区",
    "street": "神宮前1-2-3",
    "building": "",
}
SHIP_TO = {"family_name": "鈴木", "given_name": "一郎", "company": None, "phone": "090-1111-1111", "address": ADDRESS}
ORDERER = {
    "external_id": "c-77", "kind": "person", "company": None, "department": None, "family_name": "髙橋", "given_name": "花子",
    "family_kana": "タカハシ", "given_kana": "ハナコ", "email": "x@example.jp", "email_is_relay": False, "phone": "090-0000-0000",
    "address": ADDRESS,
}  # fmt: skip
GIFT = {"wrapping": "ribbon", "noshi": {"kind": "内祝", "name": "髙橋"}, "message": "おめでとう🎉"}
BODY: dict[str, Any] = {
    "external_id": "A-1001", "revision": 1, "acceptance": "final", "order_type": "normal",
    "ordered_at": "2026-11-23T10:00:00+09:00", "currency": "JPY", "prices_include_tax": True, "hold_ref": "cart-9",
    "account_code": None, "customer_po_number": None, "orderer": ORDERER, "bill_to": None,
    "deliveries": [{
        "ref": "d1", "ship_to": SHIP_TO, "sender": None, "method": "parcel", "carrier": "yamato", "wish_date": "2026-11-28",
        "time_slot": "1416", "pickup_point": None, "hide_prices": True, "gift": GIFT,
    }],
    "lines": [{
        "line_id": "1", "delivery_ref": "d1", "sku": "TS-001-WH-M", "channel_item_code": "ts001:wh-m", "name": "Tシャツ 白 M",
        "options": [], "quantity": 2, "unit_price": "3300", "tax_included": True, "tax_class": "standard", "tax_rate": "10",
        "promised_date": None,
    }],
    "fees": [{"kind": "shipping", "delivery_ref": "d1", "amount": "550", "tax_included": True, "tax_class": "standard"}],
    "adjustments": [
        {"kind": "coupon", "funded_by": "shop", "code": "AUTUMN", "line_id": "1", "amount": "300"},
        {"kind": "points", "funded_by": "mall", "code": None, "line_id": None, "amount": "100"},
    ],
    "tax_summary": {
        "basis": "before_third_party", "issued_by": "ec",
        "rates": [{"tax_class": "standard", "rate": "10", "amount": "6850", "tax": "622"}],
    },
    "total": "6850", "amount_due": "6750",
    "payments": [{
        "method": "card", "provider": "gmo", "amount": "6750", "status": "captured", "reference": "ch_1", "due_at": None,
        "authorization_expires_at": None,
    }],
    "receipt": {"requested": True, "addressee": "髙橋", "proviso": "衣料品代として"},
    "customer_note": "", "shop_note": "", "attributes": {"utm": {"source": "mail"}, "回数": 3},
}  # fmt: skip


def changed(**fields: Any) -> dict[str, Any]:
    return {**copy.deepcopy(BODY), **fields}


def line(**fields: Any) -> dict[str, Any]:
    return {**BODY["lines"][0], **fields}


def faults(body: Any) -> list[tuple[str, str]]:
    """What a client is told: the edge's faults with the order room's, or the order room's alone when the edge has none."""
    try:
        problems = find_problems(read_order(body))
    except InvalidInput as refusal:
        problems = list(refusal.problems)
    return [(problem.pointer, problem.code) for problem in problems]


def test_the_contracts_example_is_translated_field_by_field():
    assert read_order(BODY) == OrderInput(
        external_id="A-1001",
        ordered_at=dt.datetime(2026, 11, 23, 10, tzinfo=TOKYO),
        lines=(
            LineInput(
                "1", "TS-001-WH-M", 2, Decimal(3300), True, "STANDARD", Decimal(10), "d1", "ts001:wh-m", "Tシャツ 白 M"
            ),
        ),
        total=Decimal(6850),
        hold_ref="cart-9",
        orderer_external_id="c-77",
        orderer=CustomerData(
            "PERSON", "", "", "髙橋", "花子", "タカハシ", "ハナコ", "x@example.jp", False, "090-0000-0000", "JP", "150-0001",
            "東京都", "渋谷区", "神宮前1-2-3", "",
        ),
        orderer_as_sent=ORDERER,
        deliveries=(
            DeliveryInput(
                "d1", "鈴木 一郎", "090-1111-1111", "150-0001", "東京都", "渋谷区", "神宮前1-2-3", "", SHIP_TO, None, "parcel",
                "yamato", dt.date(2026, 11, 28), "1416", "", True, GIFT,
            ),
        ),
        fees=(FeeInput("SHIPPING", Decimal(550), True, "STANDARD", "d1"),),
        adjustments=(
            AdjustmentInput("COUPON", "SHOP", Decimal(300), "AUTUMN", "1"),
            AdjustmentInput("POINTS", "MALL", Decimal(100)),
        ),
        stated_taxes=(StatedTax("STANDARD", Decimal(10), Decimal(6850), Decimal(622)),),
        amount_due=Decimal(6750),
        payments=(PaymentInput("CARD", Decimal(6750), "CAPTURED", "gmo", "ch_1"),),
        receipt={"requested": True, "addressee": "髙橋", "proviso": "衣料品代として"},
        attributes={"utm": {"source": "mail"}, "回数": 3},
    )  # fmt: skip


def test_only_four_fields_are_required():
    least = {
        "external_id": "A-1",
        "ordered_at": "2026-11-23T01:00:00Z",
        "lines": [{"sku": "S", "quantity": 1}],
        "total": None,
    }

    assert read_order(least) == OrderInput(
        external_id="A-1",
        ordered_at=dt.datetime(2026, 11, 23, 1, tzinfo=dt.UTC),
        lines=(LineInput("1", "S", 1, None),),
        total=None,
    )
    assert faults({}) == [
        ("/external_id", "required"), ("/ordered_at", "required"), ("/lines", "required"), ("/total", "required"),
    ]  # fmt: skip


def test_every_fault_is_named_at_once_those_of_the_order_room_included():
    body = changed(
        external_id="x" * 101,
        ordered_at="2026-11-23T10:00:00",
        currency="XXX",
        total=6850,
        lines=[
            line(line_id="9", quantity=-1, tax_class="STANDARD"),
            line(line_id="2", unit_price="1e3", colour="red"),
            "three",
        ],
        payments=[{"method": "cheque", "amount": "6750"}],
        colour="red",
    )

    assert sorted(faults(body)) == [
        ("/adjustments/0/line_id", "unknown_value"),
        ("/colour", "unknown_field"),
        ("/currency", "unknown_currency"),
        ("/external_id", "bad_external_id"),
        ("/lines/0/quantity", "bad_quantity"),
        ("/lines/0/tax_class", "unknown_value"),
        ("/lines/1/colour", "unknown_field"),
        ("/lines/1/unit_price", "not_a_decimal"),
        ("/lines/2", "not_an_object"),
        ("/ordered_at", "no_offset"),
        ("/payments/0/method", "unknown_value"),
        ("/total", "not_a_decimal"),
    ]


@pytest.mark.parametrize(
    ("pointer", "code", "body"),
    [
        ("", "not_an_object", []),
        ("", "not_an_object", None),
        ("/lines", "not_a_list", changed(lines={"0": line()})),
        ("/lines", "bad_line_count", changed(lines=[])),
        ("/lines/0/quantity", "not_an_integer", changed(lines=[line(quantity="2")])),
        ("/lines/0/quantity", "not_an_integer", changed(lines=[line(quantity=2.0)])),
        ("/lines/0/quantity", "not_an_integer", changed(lines=[line(quantity=True)])),
        ("/lines/0/quantity", "bad_quantity", changed(lines=[line(quantity=1_000_001)])),
        ("/lines/0/quantity", "number_too_large", changed(lines=[line(quantity=10**18)])),
        ("/lines/0/unit_price", "not_a_decimal", changed(lines=[line(unit_price="１００")])),
        ("/lines/0/unit_price", "not_a_decimal", changed(lines=[line(unit_price="1,000")])),
        ("/lines/0/unit_price", "not_a_decimal", changed(lines=[line(unit_price="NaN")])),
        ("/lines/0/unit_price", "not_a_decimal", changed(lines=[line(unit_price=3300)])),
        ("/lines/0/unit_price", "bad_amount", changed(lines=[line(unit_price="-1")])),
        ("/lines/0/unit_price", "bad_amount", changed(lines=[line(unit_price="10000000000")])),
        ("/lines/0/sku", "too_long", changed(lines=[line(sku="S" * 61)])),
        ("/lines/0/promised_date", "not_a_date", changed(lines=[line(promised_date="2026-02-30")])),
        ("/lines/0/promised_date", "not_a_date", changed(lines=[line(promised_date="20261128")])),
        ("/ordered_at", "not_a_time", changed(ordered_at="2026-11-23")),
        ("/ordered_at", "not_a_time", changed(ordered_at="2026-11-23T25:00:00+09:00")),
        ("/ordered_at", "bad_time", changed(ordered_at="0001-01-01T00:00:00+14:00")),
        ("/order_type", "unknown_value", changed(order_type="NORMAL")),
        ("/acceptance", "unknown_value", changed(acceptance="maybe")),
        ("/prices_include_tax", "not_a_boolean", changed(prices_include_tax="true")),
        ("/orderer", "not_an_object", changed(orderer="髙橋")),
        ("/orderer/address/zip", "unknown_field", changed(orderer={**ORDERER, "address": {"zip": "1"}})),
        ("/orderer/phone", "too_long", changed(orderer={**ORDERER, "phone": "0" * 31})),
        ("/deliveries/0/gift/noshi/colour", "unknown_field", changed(deliveries=[{"gift": {"noshi": {"colour": "x"}}}])),
        ("/deliveries/0/ship_to/address/city", "too_long", changed(deliveries=[{"ref": "d1", "ship_to": {"address": {"city": "区" * 101}}}])),
        ("/fees/0/kind", "unknown_value", changed(fees=[{"kind": "", "amount": "1"}])),
        ("/fees/0/kind", "required", changed(fees=[{"amount": "1"}])),
        ("/tax_summary/rates/0/tax", "required", changed(tax_summary={"rates": [{"tax_class": "standard", "rate": "10", "amount": "1"}]})),
        ("/total", "bad_amount", changed(total="6850.5")),
        ("/customer_note", "nul_character", changed(customer_note="a\x00b")),
        ("/customer_note", "lone_surrogate", changed(customer_note="a\ud83d")),
        ("/attributes/a~1b~0", "nul_character", changed(attributes={"a/b~": "\x00"})),
        ("/attributes/\\ud800", "lone_surrogate", changed(attributes={"\ud800": 1})),
        ("/attributes/x", "not_a_number", changed(attributes={"x": float("nan")})),
        ("/attributes", "not_an_object", changed(attributes=[1])),
    ],
)  # fmt: skip
def test_names_the_fault(pointer, code, body):
    assert (pointer, code) in faults(body)


def test_refuses_endless_nesting_before_anything_else():
    deep: Any = "x"
    for _level in range(40):
        deep = {"a": deep}

    assert [code for _pointer, code in faults(changed(attributes=deep))] == ["too_deep"]


def test_raw_values_stay_as_they_came():
    name = "𠮷田 髙﨑 ｶﾀｶﾅ Ａ１ 👩‍👧 ㈱"
    body = changed(
        orderer={**ORDERER, "family_name": name},
        customer_note=name,
        external_id="Ａ-1",
        lines=[line(name=name, sku="ﾃｨｰ")],
    )

    order = read_order(body)

    assert order.orderer is not None
    assert order.orderer.family_name == name
    assert (order.customer_note, order.external_id) == (name, "Ａ-1")
    assert (order.lines[0].name, order.lines[0].sku) == (name, "ﾃｨｰ")


def test_a_billing_address_is_kept_beside_the_orderer():
    order = read_order(changed(bill_to=SHIP_TO))

    assert order.orderer_as_sent == {**ORDERER, "bill_to": SHIP_TO}


def test_lines_without_their_own_word_on_tax_follow_the_order():
    order = read_order(
        changed(prices_include_tax=False, lines=[{"sku": "S", "quantity": 1, "unit_price": "100"}], adjustments=[])
    )

    assert order.lines[0].tax_included is False


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=8)
    | st.sampled_from(["1980", "-1", "0.00001", "2026-11-23T10:00:00+09:00", "2026-11-28", "standard", "card", "A-1", "1"])
)  # fmt: skip
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    if isinstance(value, dict):
        found += [deeper for key, inner in value.items() for deeper in paths(inner, (*path, key))]
    elif isinstance(value, list):
        found += [deeper for index, inner in enumerate(value) for deeper in paths(inner, (*path, index))]
    return found


def reads_or_refuses(body: Any) -> None:
    for pointer, code in faults(body):
        assert code
        pointer.encode()


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(paths(BODY)), ANYTHING), min_size=1, max_size=4))
def test_any_change_to_a_good_order_is_read_or_refused(changes):
    body = copy.deepcopy(BODY)
    for path, value in changes:
        inner: Any = body
        try:
            for step in path[:-1]:
                inner = inner[step]
            # An earlier change may have put an object where a list was; JSON has no numbers for keys.
            if isinstance(inner, dict) and not isinstance(path[-1], str):
                continue
            inner[path[-1]] = value
        except (TypeError, KeyError, IndexError):
            continue
    reads_or_refuses(body)


@settings(max_examples=200, deadline=None)
@given(ANYTHING)
def test_any_json_is_read_or_refused(body):
    reads_or_refuses(body)
