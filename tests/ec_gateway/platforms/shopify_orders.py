"""Orders of a Japanese Shopify shop in the shape of its schema."""

from __future__ import annotations

from typing import Any


def money(amount: str) -> dict[str, Any]:
    return {"shopMoney": {"amount": amount}}


def line(number: int, sku: str, price: str, quantity: int = 1, **fields: Any) -> dict[str, Any]:
    return {
        "id": f"gid://shopify/LineItem/{number}",
        "name": f"{sku} の商品",
        "sku": sku,
        "quantity": quantity,
        "currentQuantity": quantity,
        "isGiftCard": False,
        "requiresShipping": True,
        "customAttributes": [],
        "originalUnitPriceSet": money(price),
        "taxLines": [{"ratePercentage": 10.0, "priceSet": money("0")}],
        "discountAllocations": [],
        **fields,
    }


def coupon(code: str, amount: str) -> dict[str, Any]:
    application = {"__typename": "DiscountCodeApplication", "index": 0, "code": code}
    return {"allocatedAmountSet": money(amount), "discountApplication": application}


def transaction(number: int, kind: str, amount: str, status: str = "SUCCESS", **fields: Any) -> dict[str, Any]:
    return {
        "id": f"gid://shopify/OrderTransaction/{number}",
        "kind": kind,
        "status": status,
        "gateway": "shopify_payments",
        "amountSet": money(amount),
        "processedAt": "2026-11-23T01:00:05Z",
        "createdAt": "2026-11-23T01:00:05Z",
        "authorizationExpiresAt": None,
        **fields,
    }


def address(**fields: Any) -> dict[str, Any]:
    return {
        "firstName": "花子",
        "lastName": "髙橋",
        "company": None,
        "phone": "090-0000-0000",
        "countryCodeV2": "JP",
        "zip": "150-0001",
        "province": "東京都",
        "city": "渋谷区",
        "address1": "神宮前1-2-3",
        "address2": None,
        **fields,
    }


def order(number: int, *lines: dict[str, Any], total: str, **fields: Any) -> dict[str, Any]:
    """An order of one parcel, paid by card."""
    tasks = [
        {
            "id": f"gid://shopify/FulfillmentOrder/{number}",
            "status": "OPEN",
            "lineItems": {
                "nodes": [
                    {
                        "id": f"gid://shopify/FulfillmentOrderLineItem/{number}{place}",
                        "remainingQuantity": item["quantity"],
                        "lineItem": {"id": item["id"]},
                    }
                    for place, item in enumerate(lines)
                ]
            },
        }
    ]
    return {
        "id": f"gid://shopify/Order/{number}",
        "legacyResourceId": str(number),
        "name": f"#{number}",
        "createdAt": "2026-11-23T01:00:00Z",
        "updatedAt": "2026-11-23T01:00:10Z",
        "cancelledAt": None,
        "cancelReason": None,
        "currencyCode": "JPY",
        "taxesIncluded": True,
        "note": None,
        "email": "hanako@example.jp",
        "phone": None,
        "test": False,
        "totalPriceSet": money(total),
        "paymentGatewayNames": ["shopify_payments"],
        "customAttributes": [],
        "customer": {
            "legacyResourceId": "77",
            "firstName": "花子",
            "lastName": "髙橋",
            "email": "hanako@example.jp",
            "phone": None,
        },
        "billingAddress": address(),
        "shippingAddress": address(),
        "lineItems": {"nodes": list(lines), "pageInfo": {"hasNextPage": False}},
        "shippingLines": {"nodes": []},
        "refunds": [],
        "transactions": [transaction(number * 10, "AUTHORIZATION", total)],
        "fulfillments": [],
        "fulfillmentOrders": {"nodes": tasks},
        **fields,
    }


def shipping(amount: str) -> dict[str, Any]:
    fee = {
        "title": "宅配便",
        "code": "standard",
        "isRemoved": False,
        "discountedPriceSet": money(amount),
        "taxLines": [{"ratePercentage": 10.0, "priceSet": money("0")}],
    }
    return {"nodes": [fee]}
