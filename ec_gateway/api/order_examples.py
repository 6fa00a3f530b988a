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
SMALL = {
    "external_id": "A-1003",
    "ordered_at": "2026-11-23T10:05:00+09:00",
    "lines": [{"line_id": "1", "sku": "TS-001-WH-M", "quantity": 1, "unit_price": "3300"}],
    "total": "3300",
    "payments": [{"method": "card", "amount": "3300", "status": "authorized"}],
}
# What the company of the examples knows already: an order that waits because of its SKU, and one that was shipped.
WAITING = {
    **SMALL,
    "external_id": "A-1000",
    "lines": [{"line_id": "1", "sku": "TS-001-OLD", "quantity": 1, "unit_price": "3300"}],
}
SHIPPED = {
    **SMALL,
    "external_id": "A-1002",
    "lines": [{"line_id": "1", "sku": "TS-001-WH-M", "quantity": 2, "unit_price": "3300"}],
    "total": "6600",
    "payments": [{"method": "card", "amount": "6600", "status": "authorized"}],
}
WAITS = {
    "external_id": "A-1000",
    "number": "SO-00000001",
    "revision": 1,
    "state": "on_hold",
    "outcome": "replayed",
    "lines": [{"line_id": "1", "sku": "TS-001-OLD", "quantity": 1, "reserved_quantity": 0}],
    "holds": [{"reason": "unknown_sku"}],
}
WAITING_ONE, SHIPPED_ONE = {"external_id": "A-1000"}, {"external_id": "A-1002"}


def refused(status: int, title: str, code: str, detail: str, *errors: dict[str, str]) -> dict[str, Any]:
    return {
        "type": "about:blank",
        "title": title,
        "status": status,
        "code": code,
        "detail": detail,
        "errors": list(errors),
    }


def fault(pointer: str, code: str, detail: str) -> dict[str, str]:
    return {"pointer": pointer, "code": code, "detail": detail}


EXAMPLES: dict[str, list[Example]] = {
    "place_order": [
        Example("A new order", 201, request=ORDER, response=PLACED),
        Example("An order that is known, with the same content", 200, request=WAITING, response=WAITS),
        Example(
            "Other content under the same revision",
            409,
            request={**WAITING, "customer_po_number": "PO-7"},
            response=refused(
                409,
                "Conflict",
                "idempotency_conflict",
                "受注 A-1000 は別の内容で登録済みです。変更するには改訂番号を上げて送信してください。",
            ),
        ),
        Example(
            "A malformed order: every fault is named",
            400,
            request={**SMALL, "total": 3300, "colour": "red"},
            response=refused(
                400,
                "Bad Request",
                "invalid_input",
                "入力に誤りがあります。すべてを「errors」に示しています。",
                fault("/total", "not_a_decimal", '数値は "1980" のように文字列で指定してください。'),
                fault(
                    "/colour",
                    "unknown_field",
                    "この項目は定義されていません。任意のデータは “attributes” に入れてください。",
                ),
            ),
        ),
    ],
    "amend_order": [
        Example(
            "A newer revision names the right SKU",
            200,
            path=WAITING_ONE,
            request={**WAITING, "revision": 2, "lines": SMALL["lines"]},
            response={
                **WAITS,
                "revision": 2,
                "state": "ready",
                "outcome": "amended",
                "lines": [{"line_id": "1", "sku": "TS-001-WH-M", "quantity": 1, "reserved_quantity": 1}],
                "holds": [],
            },
        )
    ],
    "place_orders": [
        Example(
            "One good order, one malformed",
            200,
            request={"orders": [SMALL, {**SMALL, "external_id": "A-1004", "total": 3300}]},
            response={
                "results": [
                    {
                        "status": 201,
                        **PLACED,
                        "external_id": "A-1003",
                        "lines": [{"line_id": "1", "sku": "TS-001-WH-M", "quantity": 1, "reserved_quantity": 1}],
                    },
                    {
                        "external_id": "A-1004",
                        **refused(
                            400,
                            "Bad Request",
                            "invalid_input",
                            "入力に誤りがあります。すべてを「errors」に示しています。",
                            fault("/total", "not_a_decimal", '数値は "1980" のように文字列で指定してください。'),
                        ),
                    },
                ]
            },
        )
    ],
    "get_order": [Example("An order that waits for a person", 200, path=WAITING_ONE)],
    "list_orders": [Example("The first page of all orders", 200)],
    "tell_payment": [
        Example(
            "The card was captured",
            200,
            path=WAITING_ONE,
            request={
                "event_id": "ev-1",
                "kind": "captured",
                "occurred_at": "2026-11-23T10:10:00+09:00",
                "amount": "3300",
            },
            response={**WAITING_ONE, "number": "SO-00000001", "state": "on_hold", "outcome": "recorded"},
        )
    ],
    "return_order": [
        Example(
            "One of two came back",
            201,
            path=SHIPPED_ONE,
            request={"external_id": "R-1", "lines": [{"line_id": "1", "quantity": 1, "condition": "defective"}]},
            response={
                "external_id": "R-1",
                "order": "A-1002",
                "number": "RT-00000001",
                "outcome": "recorded",
                "return_date": "2026-11-23",
                "net_amount": "3000",
                "tax_amount": "300",
                "gross_amount": "3300",
            },
        ),
        Example(
            "Before its order: parked",
            202,
            path={"external_id": "A-2000"},
            request={"external_id": "R-2", "lines": [{"line_id": "1", "quantity": 1}]},
            response={
                "external_id": "R-2",
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
            path=SHIPPED_ONE,
            request={"external_id": "R-3", "lines": [{"line_id": "1", "quantity": 3}]},
            response=refused(
                409,
                "Conflict",
                "not_returnable",
                "この返品は受け付けられません。",
                fault("/lines/0/quantity", "not_returnable", "返品 3 点に対し、返品できるのは 2 点までです。"),
            ),
        ),
    ],
    "cancel_order": [
        Example(
            "Cancelled",
            200,
            path=WAITING_ONE,
            request={"reason": "サイズ違い"},
            response={**WAITING_ONE, "number": "SO-00000001", "state": "cancelled", "outcome": "recorded"},
        )
    ],
    "record_shop_sales": [
        Example(
            "A sale, one of something nobody knows, and goods that came back without their receipt",
            200,
            request={
                "sales": [
                    {
                        "external_id": "T1-000123",
                        "sold_at": "2026-11-23T11:00:00+09:00",
                        "lines": [{"line_id": "1", "sku": "TS-001-WH-M", "quantity": 1, "unit_price": "3300"}],
                        "total": "3300",
                        "payments": [{"method": "cash", "amount": "3300"}],
                    },
                    {
                        "external_id": "T1-000124",
                        "sold_at": "2026-11-23T11:02:00+09:00",
                        "lines": [{"line_id": "1", "sku": "", "name": "福袋", "quantity": 1, "unit_price": "5500"}],
                        "total": "5500",
                        "payments": [{"method": "cash", "amount": "5500"}],
                    },
                    {
                        "external_id": "T1-000125",
                        "sold_at": "2026-11-23T11:05:00+09:00",
                        "lines": [
                            {"sku": "TS-001-WH-M", "quantity": -1, "unit_price": "3300", "condition": "sellable"}
                        ],
                        "total": "-3300",
                        "payments": [{"method": "cash", "amount": "-3300"}],
                    },
                ]
            },
            response={
                "results": [
                    {"external_id": "T1-000123", "status": 201, "number": "SO-00000010", "tasks": []},
                    {
                        "external_id": "T1-000124",
                        "status": 201,
                        "number": "SO-00000011",
                        "tasks": ["sale_sku_unknown"],
                    },
                    {"external_id": "T1-000125", "status": 201, "return_number": "RT-00000001", "tasks": []},
                ]
            },
        )
    ],
}
