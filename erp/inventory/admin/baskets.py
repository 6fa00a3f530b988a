"""A basket of scanned goods on a page: rows of SKU and pieces that travel in the form, one more with every scan. Nothing is written here."""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext

from catalog.models import Sku
from catalog.selectors import scanned_codes, skus_scanned
from erp.core.clock import business_date
from erp.core.keys import key_in
from erp.inventory.models import StockBalance
from erp.inventory.selectors.goods import goods_name

MOST_ROWS = 300
MOST_PIECES = 1_000_000


def pieces_typed(text: str) -> int | None:
    """Whole pieces as they were typed (``plain``); None for anything else, and for more than anybody has."""
    if not text.isdecimal() or len(text) > 9:
        return None
    return int(text) if int(text) <= MOST_PIECES else None


@dataclass(frozen=True, slots=True)
class BasketRow:
    """A SKU in the basket. ``typed`` is what stands in each of its fields; ``on_hand`` and ``unclaimed`` are those of the place."""

    sku_id: int
    sku: str
    name: str
    codes: str
    typed: dict[str, str]
    on_hand: int
    unclaimed: int

    @property
    def pieces(self) -> dict[str, int]:
        return {part: pieces for part, text in self.typed.items() if (pieces := pieces_typed(text)) is not None}


@dataclass(frozen=True, slots=True)
class Basket:
    rows: list[BasketRow]
    told: str
    kind: str
    unread: list[str]


def plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip()


def new_number(letter: str) -> str:
    """Of a paper that a page begins: the page's own key, for one act. A second press and a reload carry it again, and are the same paper whenever
    they come; a page that is opened anew begins another, also within the same second."""
    return f"{letter}{timezone.localtime():%y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def read_basket(request: HttpRequest, location_id: int | None, parts: Iterable[str] = ("pieces",)) -> Basket:
    """The rows of the form, with one piece more of what was scanned in the field ``into``, the first part unless the form says so."""
    names = tuple(parts)
    typed: dict[int, dict[str, str]] = {}
    for name, value in request.POST.items():
        part, _bar, text = name.rpartition("_")
        if part in names and (key := key_in(text)) and len(typed) < MOST_ROWS:
            typed.setdefault(key, dict.fromkeys(names, ""))[part] = plain(str(value))
    told, kind = gettext("Scan the goods."), "plain"
    code = plain(request.POST.get("code", ""))[:100]
    scanned = None
    if code:
        scanned = skus_scanned([code], on=business_date(timezone.now())).get(code)
        into = request.POST.get("into", "")
        into = into if into in names else names[0]
        if scanned is None:
            told, kind = gettext("Unknown code: %(code)s") % {"code": code}, "bad"
        else:
            fields = typed.setdefault(scanned, dict.fromkeys(names, ""))
            fields[into] = str((pieces_typed(fields[into]) or 0) + 1)
            kind = "good"
    skus = Sku.objects.select_related("product", "color", "size").in_bulk(list(typed))
    codes = scanned_codes(skus, on=business_date(timezone.now()))
    balances = StockBalance.objects.filter(location=location_id, sku__in=list(skus)).values_list(
        "sku_id", "on_hand", "unclaimed"
    )
    there = {sku_id: (on_hand, unclaimed) for sku_id, on_hand, unclaimed in balances}
    rows = [
        BasketRow(
            key, skus[key].code, goods_name(skus[key]), " ".join((*codes.get(key, ()), skus[key].code)), fields,
            *there.get(key, (0, 0)),
        )
        for key, fields in typed.items()
        if key in skus
    ]  # fmt: skip
    # The latest scan on top, where the eye is.
    rows.sort(key=lambda row: row.sku_id != scanned)
    if scanned is not None and rows:
        told = f"{rows[0].name}  {rows[0].typed[into]}"
    unread = [row.sku for row in rows if any(text and pieces_typed(text) is None for text in row.typed.values())]
    return Basket(rows, told, kind, unread)
