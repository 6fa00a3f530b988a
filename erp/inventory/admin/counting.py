"""計数: the sheet on which one person counts for a stocktake, by scanner or by typing. Blind: it never says what the books say.

The page sends its scans in the background and again after a lost network (core/counting.js); each carries a key of its own.
"""

from __future__ import annotations

import datetime as dt
import json
import secrets
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext

from catalog.selectors import skus_scanned
from erp.core.admin import for_people
from erp.core.clock import business_date
from erp.core.errors import DomainError
from erp.core.keys import key_in
from erp.inventory import services
from erp.inventory.admin.baskets import MOST_PIECES, plain
from erp.inventory.models import StockCount, StockCountEntry
from erp.inventory.selectors.goods import goods_name, goods_named
from erp.inventory.selectors.stocktakes import counts_of, counts_to_enter, latest_entries, sheet_totals

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from erp.inventory.admin.stocktakes import StockCountAdmin

MOST_AT_ONCE = 200
MOST_SHOWN = 50
# What a tablet kept without a network is counted when it was scanned, for a day.
OLDEST = dt.timedelta(days=1)


def counting_page(page: StockCountAdmin, request: HttpRequest) -> HttpResponse:
    if not request.user.has_perm("inventory.count_stock"):
        raise PermissionDenied
    if request.content_type == "application/json":
        return _take_in(page, request)
    asked = request.POST if request.method == "POST" else request.GET
    count, sheet = _count(request, asked.get("count", "")), plain(asked.get("sheet", ""))[:40]
    if count is None or not sheet:
        return _choice(page, request, count)
    told, kind = gettext("Scan the goods."), "plain"
    if request.method == "POST":
        told, kind = _one(page, request, count, sheet)
    return _sheet(page, request, count, sheet, told, kind)


def _count(request: HttpRequest, key: object) -> StockCount | None:
    return _by_key(counts_to_enter(request.user), key)


def _own(request: HttpRequest, key: object) -> StockCount | None:
    return _by_key(counts_of(request.user), key)


def _by_key(counts: QuerySet[StockCount], key: object) -> StockCount | None:
    return counts.filter(pk=key_in(key)).first()


def _choice(page: StockCountAdmin, request: HttpRequest, count: StockCount | None) -> HttpResponse:
    found = list(counts_to_enter(request.user)[:50])
    if count is None and len(found) == 1:
        count = found[0]
    context = {"counts": found, "count": count, "proposed": request.user.get_username()[:40]}
    return _page(page, request, **context)


def _one(page: StockCountAdmin, request: HttpRequest, count: StockCount, sheet: str) -> tuple[str, str]:
    """One scan as a plain form, where nothing runs in the browser."""
    entry = {
        "key": request.POST.get("key", ""),
        "code": request.POST.get("code", ""),
        "quantity": plain(request.POST.get("pieces", "1")),
        "way": StockCountEntry.Way.TYPED.value,
        "recount": bool(request.POST.get("recount")) or count.state == StockCount.State.REVIEW,
        "age_ms": 0,
    }
    try:
        [result] = _enter(page, request, count, sheet, [entry])
    except DomainError as refusal:
        return for_people(refusal), "bad"
    return (result["told"], "bad") if "told" in result else (f"{result['name']}  {result['total']}", "good")


def _take_in(page: StockCountAdmin, request: HttpRequest) -> HttpResponse:
    """Scans of the page, each answered by its key: what the sheet has now of its SKU, or why it was not taken. Those of a list that was closed
    meanwhile are answered too; what is not answered is not taken, and the page keeps it."""
    try:
        asked = json.loads(request.body)
        count, sheet, entries = _own(request, asked["count"]), plain(str(asked["sheet"])), list(asked["entries"])
        entries = [dict(entry) for entry in entries[:MOST_AT_ONCE]]
        if any("\0" in text for text in (sheet, *(str(part) for entry in entries for part in entry.values()))):
            raise ValueError("NUL")
    except (ValueError, KeyError, TypeError):
        return JsonResponse({"refused": gettext("This cannot be read.")}, status=400)
    if count is None:
        return JsonResponse({"refused": gettext("This stocktake is not being counted.")})
    try:
        return JsonResponse({"results": _enter(page, request, count, sheet, entries)})
    except DomainError as refusal:
        return JsonResponse({"refused": for_people(refusal)})


def _enter(
    page: StockCountAdmin, request: HttpRequest, count: StockCount, sheet: str, entries: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    now = timezone.now()
    codes = [plain(str(entry.get("code", "")))[:100] for entry in entries]
    known = skus_scanned([code for code in codes if code], on=business_date(now))
    readable, told = [], {}
    for code, entry in zip(codes, entries, strict=True):
        key, pieces = str(entry.get("key", "")), _pieces(entry.get("quantity"))
        if code not in known:
            told[key] = gettext("Unknown code: %(code)s") % {"code": code}
        elif pieces is None:
            told[key] = gettext("Pieces are whole numbers: %(names)s") % {"names": code}
        else:
            age = min(dt.timedelta(milliseconds=max(_pieces(entry.get("age_ms")) or 0, 0)), OLDEST)
            way = (
                entry.get("way") if entry.get("way") in StockCountEntry.Way.values else StockCountEntry.Way.TYPED.value
            )
            readable.append(
                services.CountEntry(key, known[code], pieces, now - age, str(way), bool(entry.get("recount")))
            )
    if readable:
        told |= page.serve(request, services.take_in_counts, count_id=count.pk, sheet=sheet, entries=readable)
    skus = {entry.sku_id for entry in readable}
    totals, names = sheet_totals(count.pk, sheet, skus), goods_named(skus)
    results: list[dict[str, Any]] = []
    for code, entry in zip(codes, entries, strict=True):
        key = str(entry.get("key", ""))
        if key in told:
            results.append({"key": key, "told": told[key]})
        else:
            sku_id = known[code]
            sku, name = names[sku_id]
            results.append({"key": key, "sku_id": sku_id, "sku": sku, "name": name, "total": totals.get(sku_id, 0)})
    return results


def _pieces(value: object) -> int | None:
    text = plain(str(value))
    digits = text.removeprefix("-")
    if not digits.isdecimal() or not digits.isascii() or len(digits) > 9:
        return None
    return int(text) if abs(int(text)) <= max(MOST_PIECES, int(OLDEST.total_seconds() * 1000)) else None


def _sheet(
    page: StockCountAdmin, request: HttpRequest, count: StockCount, sheet: str, told: str, kind: str
) -> HttpResponse:
    seen: dict[int, dict[str, Any]] = {}
    for entry in latest_entries(count.pk, sheet, limit=MOST_SHOWN * 4):
        seen.setdefault(entry.sku_id, {"sku_id": entry.sku_id, "sku": entry.sku.code, "name": goods_name(entry.sku)})
    shown = list(seen.values())[:MOST_SHOWN]
    totals = sheet_totals(count.pk, sheet, [row["sku_id"] for row in shown])
    return _page(
        page,
        request,
        count=count,
        sheet=sheet,
        told=told,
        told_kind=kind,
        key=secrets.token_hex(8),
        rows=[{**row, "total": totals.get(row["sku_id"], 0)} for row in shown],
        only_recounts=count.state == StockCount.State.REVIEW,
    )


def _page(page: StockCountAdmin, request: HttpRequest, **context: Any) -> HttpResponse:
    shared = {**page.admin_site.each_context(request), "opts": page.opts, "title": gettext("Count for a stocktake")}
    return TemplateResponse(request, "inventory/counting.html", {**shared, **context})
