"""Calls and answers shown in the OpenAPI text; a test sends them, one after the other, and compares. SKUs and names are made up."""

from __future__ import annotations

from typing import Any

from ec_gateway.api.schema import Example

ADDRESS = {
    "country": "JP",
    "postal_code": "150-0001",
    "prefecture": "東京都",
    "city": "渋谷区",
    "street": "神宮前1-2-3",
    "building": "",
}
ORDER: dict[str, Any] = {
    "external_id": "A-1001",
    "revision": 1,
    "ordered_at": "2026-11-23T10:00:00+09:00",
    "orderer": {
        "external_id": "c-77",
        "family_name": "髙橋",
        "given_name": "花子",
        "email": "hanako@example.jp",
        "phone": "090-0000-0000",
        "address": ADDRESS,
    },
    "deliveries": [{"ref": "d1", "ship_to": {"family_name": "鈴木", "given_name": "一郎", "address": ADDRESS}}],
    "lines": [{"line_id": "1", "sku": "TS-001-WH-M", "name": "Tシャツ 白 M", "quantity": 2, "unit_price": "3300"}],
    "fees": [{"kind": "shipping", "amount": "550"}],
    "adjustments": [{"kind": "coupon", "funded_by": "shop", "code": "AUTUMN", "amount": "300"}],
    "tax_summary": {"rates": [{"tax_class": "standard", "rate": "10", "amount": "6850", "tax": "622"}]},
    "total": "6850",
    "payments": [{"method": "card", "amount": "6850", "status": "authorized"}],
}
PLACED = {
    "external_id": "A-1001",
    "number": "SO-00000001",
    "revision": 1,
    "state": "ready",
    "outcome": "placed",
    "lines": [{"line_id": "1", "sku": "TS-001-WH-M", "quantity": 2, "reserved_quantity": 2}],
    "holds": [],
}
AMENDED = {
    **ORDER,
    "revision": 2,
    "lines": [{**ORDER["lines"][0], "quantity": 3}],
    "tax_summary": None,
    "total": "10150",
    "payments": [{"method": "card", "amount": "10150", "status": "authorized"}],
    "customer_note": "色違いは可能ですか",
}
SMALL = {
    "external_id": "A-1002",
    "ordered_at": "2026-11-23T10:05:00+09:00",
    "lines": [{"line_id": "1", "sku": "TS-001-WH-M", "quantity": 1, "unit_price": "3300"}],
    "total": "3300",
    "payments": [{"method": "card", "amount": "3300", "status": "authorized"}],
}
ONE = {"external_id": "A-1001"}

EXAMPLES: dict[str, list[Example]] = {
    "place_order": [
        Example("A new order", 201, request=ORDER, response=PLACED),
        Example("The same order again", 200, request=ORDER, response={**PLACED, "outcome": "replayed"}),
        Example(
            "Other content under the same revision",
            409,
            request={**ORDER, "total": "6851"},
            response={
                "type": "about:blank",
                "title": "Conflict",
                "status": 409,
                "code": "idempotency_conflict",
                "detail": "Order A-1001 is recorded with other content; send a higher revision to amend it.",
                "errors": [],
            },
        ),
    ],
    "amend_order": [
        Example(
            "A newer revision, with a note that a person has to read",
            200,
            path=ONE,
            request=AMENDED,
            response={
                **PLACED,
                "revision": 2,
                "state": "on_hold",
                "outcome": "amended",
                "lines": [{"line_id": "1", "sku": "TS-001-WH-M", "quantity": 3, "reserved_quantity": 3}],
                "holds": [{"reason": "customer_note"}],
            },
        )
    ],
    "place_orders": [
        Example(
            "One good order, one malformed",
            200,
            request={"orders": [SMALL, {**SMALL, "external_id": "A-1003", "total": 3300}]},
            response={
                "results": [
                    {
                        "status": 201,
                        **PLACED,
                        "external_id": "A-1002",
                        "number": "SO-00000002",
                        "lines": [{"line_id": "1", "sku": "TS-001-WH-M", "quantity": 1, "reserved_quantity": 1}],
                    },
                    {
                        "external_id": "A-1003",
                        "type": "about:blank",
                        "title": "Bad Request",
                        "status": 400,
                        "code": "invalid_input",
                        "detail": "The input has faults; “errors” names all of them.",
                        "errors": [
                            {
                                "pointer": "/total",
                                "code": "not_a_decimal",
                                "detail": 'A decimal number in a text is needed, such as "1980".',
                            }
                        ],
                    },
                ]
            },
        )
    ],
    "get_order": [Example("An order that waits for a person", 200, path=ONE)],
    "list_orders": [Example("The first page of all orders", 200)],
    "tell_payment": [
        Example(
            "The card was captured",
            200,
            path=ONE,
            request={
                "event_id": "ev-1",
                "kind": "captured",
                "occurred_at": "2026-11-23T10:10:00+09:00",
                "amount": "10150",
            },
            response={**ONE, "number": "SO-00000001", "state": "on_hold", "outcome": "recorded"},
        )
    ],
    "return_order": [
        Example(
            "Before its order: parked",
            202,
            path={"external_id": "A-2000"},
            request={"external_id": "R-1", "lines": [{"line_id": "1", "quantity": 1, "condition": "defective"}]},
            response={
                "external_id": "R-1",
                "order": "A-2000",
                "number": None,
                "outcome": "parked",
                "return_date": None,
                "net_amount": None,
                "tax_amount": None,
                "gross_amount": None,
            },
        ),
        Example(
            "More than has left",
            409,
            path=ONE,
            request={"external_id": "R-2", "lines": [{"line_id": "1", "quantity": 1}]},
            response={
                "type": "about:blank",
                "title": "Conflict",
                "status": 409,
                "code": "not_returnable",
                "detail": "This cannot be taken back.",
                "errors": [{"pointer": "/lines/0/quantity", "code": "not_returnable", "detail": "1 came back, 0 can."}],
            },
        ),
    ],
    "cancel_order": [
        Example(
            "Cancelled",
            200,
            path=ONE,
            request={"reason": "サイズ違い"},
            response={**ONE, "number": "SO-00000001", "state": "cancelled", "outcome": "recorded"},
        )
    ],
}
