"""The pages of the shop. Plain forms, so that a person and a test buy in the same way."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from ec_gateway.sandbox import shop
from ec_gateway.sandbox.documents import BUYER_FIELDS, METHODS, Buyer, fees_of
from ec_gateway.sandbox.mamori_calls import this_site
from ec_gateway.sandbox.site import now

MOST_PIECES = 99
LABELS = {
    "family_name": "姓",
    "given_name": "名",
    "family_kana": "セイ",
    "given_kana": "メイ",
    "email": "メールアドレス",
    "phone": "電話番号",
    "postal_code": "郵便番号",
    "prefecture": "都道府県",
    "city": "市区町村",
    "street": "番地",
    "building": "建物名・部屋番号",
}
OPTIONAL = {"building"}
SAMPLE = Buyer(
    "守田", "桜", "モリタ", "サクラ", "sakura@example.jp", "03-0000-0000", "150-0001", "東京都", "渋谷区", "神宮前1-2-3"
)  # fmt: skip
FEE_NAMES = {"shipping": "送料", "cod": "代引手数料"}


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    label: str
    value: str
    is_required: bool


def shop_context(request: HttpRequest) -> dict[str, Any]:
    count = sum(_basket(request).values())
    return {"site": this_site().options, "cart_count": count}


@require_GET
def product_list(request: HttpRequest) -> HttpResponse:
    styles: dict[str, list[sqlite3.Row]] = {}
    for row in shop.products(this_site()):
        styles.setdefault(row["style"], []).append(row)
    cards = [
        {
            "style": style,
            "head": variants[0],
            "colors": list(dict.fromkeys(row["hex"] for row in variants)),
            "lowest": min(row["price"] for row in variants),
            "has_range": len({row["price"] for row in variants}) > 1,
            "is_sold_out": all(row["quantity"] < 1 for row in variants),
        }
        for style, variants in styles.items()
    ]
    return render(request, "sandbox/product_list.html", {"cards": cards})


@require_GET
def product(request: HttpRequest, style: str) -> HttpResponse:
    variants = [row for row in shop.products(this_site()) if row["style"] == style]
    if not variants:
        raise Http404
    return render(request, "sandbox/product.html", {"head": variants[0], "variants": variants})


@require_http_methods(["GET", "POST"])
def cart(request: HttpRequest) -> HttpResponse:
    """POST adds ``quantity`` of ``sku``, or with ``set`` makes it that many."""
    if request.method == "POST":
        basket, sku = _basket(request), request.POST.get("sku", "")
        quantity = _whole(request.POST.get("quantity"))
        before = 0 if "set" in request.POST else basket.get(sku, 0)
        known = {row["sku"] for row in shop.products(this_site())}
        if quantity is None or sku not in known:
            messages.error(request, "商品と数量を選んでください。")
        else:
            basket[sku] = min(before + quantity, MOST_PIECES)
        request.session["basket"] = {sku: count for sku, count in basket.items() if count > 0}
        return HttpResponseRedirect("/cart")
    return render(request, "sandbox/cart.html", _totals(_basket(request), "card"))


@require_http_methods(["GET", "POST"])
def checkout(request: HttpRequest) -> HttpResponse:
    basket = _basket(request)
    values = {name: getattr(SAMPLE, name) for name in BUYER_FIELDS} | request.session.get("buyer", {})
    method, note = "card", ""
    if request.method == "POST":
        values, buyer = _read_buyer(request)
        method, note = request.POST.get("method", ""), request.POST.get("note", "").strip()
        if buyer is None or method not in METHODS:
            messages.error(request, "必須の項目を入力してください。")
        elif external_id := _order_placed(request, buyer, basket, method, note):
            return HttpResponseRedirect(f"/orders/{external_id}?thanks=1")
    context = _totals(basket, method) | {"fields": _fields(values), "methods": METHODS, "method": method, "note": note}
    return render(request, "sandbox/checkout.html", context)


def _order_placed(request: HttpRequest, buyer: Buyer, basket: Mapping[str, int], method: str, note: str) -> str | None:
    try:
        external_id = shop.buy(
            this_site(), shopper=_shopper(request), buyer=buyer, basket=basket, method=method, note=note, at=now()
        )
    except shop.Refused as refused:
        messages.error(request, str(refused))
        return None
    request.session["basket"] = {}
    request.session["buyer"] = {name: getattr(buyer, name) for name in BUYER_FIELDS}
    return external_id


@require_GET
def order_list(request: HttpRequest) -> HttpResponse:
    found = shop.orders(this_site(), shopper=_shopper(request))
    return render(request, "sandbox/order_list.html", {"orders": found})


@require_GET
def order(request: HttpRequest, external_id: str) -> HttpResponse:
    found = _own_order(request, external_id)
    buyer = shop.buyer_of(found.document)
    context = {
        "order": found,
        "buyer": buyer,
        "method_label": METHODS[found.method],
        "fees": [(FEE_NAMES[fee["kind"]], int(fee["amount"])) for fee in found.document["fees"]],
        "fields": _fields({name: getattr(buyer, name) for name in BUYER_FIELDS}),
        "is_new": "thanks" in request.GET,
    }
    return render(request, "sandbox/order.html", context)


@require_POST
def act_on_order(request: HttpRequest, external_id: str, act: str) -> HttpResponse:
    _own_order(request, external_id)
    try:
        done = _act(request, external_id, act)
    except shop.Refused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, done)
    return HttpResponseRedirect(f"/orders/{external_id}")


def _act(request: HttpRequest, external_id: str, act: str) -> str:
    site, at = this_site(), now()
    reason = request.POST.get("reason", "").strip()[:200]
    match act:
        case "cancel":
            shop.cancel(site, external_id=external_id, reason=reason or "お客様都合", at=at)
            return "キャンセルを承りました。"
        case "pay":
            shop.pay(site, external_id=external_id, at=at)
            return "お支払いを確認しました。"
        case "return":
            units = {name.removeprefix("line-"): _whole(str(value)) or 0 for name, value in request.POST.items()}
            asked = {line_id: count for line_id, count in units.items() if count and f"line-{line_id}" in request.POST}
            number = shop.request_return(site, external_id=external_id, units=asked, reason=reason, at=at)
            return f"返品のお申し込み({number})を承りました。"
        case "address":
            _values, buyer = _read_buyer(request)
            if buyer is None:
                raise shop.Refused("必須の項目を入力してください。")
            shop.change_address(site, external_id=external_id, buyer=buyer, at=at)
            return "お届け先を変更しました。"
    raise Http404


def _own_order(request: HttpRequest, external_id: str) -> shop.OrderView:
    try:
        found = shop.order(this_site(), external_id)
    except KeyError:
        raise Http404 from None
    if found.shopper != _shopper(request):
        raise Http404
    return found


def _shopper(request: HttpRequest) -> str:
    if "shopper" not in request.session:
        request.session["shopper"] = f"c-{secrets.token_hex(5)}"
    return str(request.session["shopper"])


def _basket(request: HttpRequest) -> dict[str, int]:
    return dict(request.session.get("basket", {}))


def _totals(basket: Mapping[str, int], method: str) -> dict[str, Any]:
    rows = [row for row in shop.products(this_site()) if row["sku"] in basket]
    items = [{"row": row, "quantity": basket[row["sku"]], "sum": basket[row["sku"]] * row["price"]} for row in rows]
    goods = sum(item["sum"] for item in items)
    fees = fees_of(goods, method) if items else {}
    return {
        "items": items,
        "goods": goods,
        "fees": [(FEE_NAMES[kind], amount) for kind, amount in fees.items()],
        "total": goods + sum(fees.values()),
    }


def _fields(values: Mapping[str, str]) -> list[Field]:
    return [Field(name, label, values.get(name, ""), name not in OPTIONAL) for name, label in LABELS.items()]


def _read_buyer(request: HttpRequest) -> tuple[dict[str, str], Buyer | None]:
    values = {name: request.POST.get(name, "").strip()[:100] for name in BUYER_FIELDS}
    is_complete = all(value or name in OPTIONAL for name, value in values.items())
    return values, Buyer(**values) if is_complete else None


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 5 else None
