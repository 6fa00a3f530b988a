"""The operator's panel: figures by hand, calls received, webhooks sent, and the switches of the faults."""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from ec_gateway.sandbox import shop
from ec_gateway.sandbox.faults import FAULTS, BadParameter, FaultState
from ec_gateway.sandbox.mamori_calls import this_site
from ec_gateway.sandbox.site import now

SHOWN = 40
PARAMETER_LABELS = {
    "seconds": "秒数",
    "calls": "対象の呼び出し",
    "rate": "割合",
    "for_seconds": "持続(秒)",
    "retry_after": "Retry-After",
    "status": "ステータス",
    "after_work": "after_work",
    "then_error": "then_error",
    "how": "how",
    "copies": "重複数",
    "hold_seconds": "遅らせる秒数",
    "after": "連続回数",
    "pause_seconds": "間(秒)",
}


@require_GET
def show(request: HttpRequest) -> HttpResponse:
    site = this_site()
    with site.database.reading() as connection:
        sent = connection.execute("SELECT * FROM outgoing ORDER BY number DESC LIMIT ?", [SHOWN]).fetchall()
    webhooks = [
        {"row": row, "due": dt.datetime.fromtimestamp(row["due_at"], dt.UTC), "is_waiting": not row["outcome"]}
        for row in sent
    ]
    context = {
        "products": [
            {"row": row, "told_at": row["told_at"] and dt.datetime.fromisoformat(row["told_at"])}
            for row in shop.products(site)
        ],
        "orders": shop.orders(site, limit=SHOWN),
        "calls": list(site.calls)[: -SHOWN - 1 : -1],
        "webhooks": webhooks,
        "faults": [_switch(state) for state in site.faults.states()],
        "options": site.options,
    }
    return render(request, "sandbox/panel.html", context)


@require_POST
def set_stock(request: HttpRequest) -> HttpResponse:
    sku = request.POST.get("sku", "")
    try:
        quantity = int(request.POST.get("quantity", ""))
        shop.set_by_hand(this_site(), sku=sku, quantity=quantity, at=now())
    except (ValueError, KeyError):
        messages.error(request, "在庫数は整数で入力してください。")
    else:
        messages.success(request, f"{sku} の表示在庫を {quantity} にしました。")
    return HttpResponseRedirect("/panel#stock")


@require_POST
def switch_fault(request: HttpRequest) -> HttpResponse:
    """``on`` or ``off`` one fault by name; ``all_off`` switches everything off."""
    faults, name = this_site().faults, request.POST.get("name", "")
    if "all_off" in request.POST:
        faults.all_off()
        messages.success(request, "すべての障害を止めました。")
    elif name in FAULTS:
        is_on = "on" in request.POST
        try:
            faults.switch(name, on=is_on, parameters=_parameters(request, name))
        except (ValueError, BadParameter) as problem:
            messages.error(request, f"{name}: {problem}")
        else:
            messages.success(request, f"{name} を{'入れ' if is_on else '切り'}ました。")
    this_site().has_news.set()
    return HttpResponseRedirect("/panel#faults")


@require_POST
def act_on_order(request: HttpRequest, external_id: str, act: str) -> HttpResponse:
    try:
        if act == "cancel":
            shop.cancel(this_site(), external_id=external_id, reason="店舗都合", at=now())
        elif act == "pay":
            shop.pay(this_site(), external_id=external_id, at=now())
        else:
            raise Http404
    except KeyError:
        raise Http404 from None
    except shop.Refused as refused:
        messages.error(request, str(refused))
    return HttpResponseRedirect("/panel#orders")


def _switch(state: FaultState) -> dict[str, Any]:
    until = this_site().faults.until(state.fault.name)
    return {
        "name": state.fault.name,
        "label": state.fault.label,
        "is_on": this_site().faults.is_on(state.fault.name),
        "left": max(until - time.time(), 0) if until else None,
        "hit": state.hit,
        "parameters": [
            {
                "name": name,
                "label": PARAMETER_LABELS[name],
                "value": value,
                "is_choice": isinstance(value, bool),
            }
            for name, value in state.parameters.items()
        ],
    }


def _parameters(request: HttpRequest, name: str) -> dict[str, Any]:
    """What the form says, in the types the fault wants."""
    found: dict[str, Any] = {}
    for parameter, default in FAULTS[name].defaults.items():
        given = request.POST.get(parameter, "").strip()
        if isinstance(default, bool):
            found[parameter] = parameter in request.POST
        elif isinstance(default, str):
            found[parameter] = given
        elif given:
            found[parameter] = type(default)(given)
    return found
