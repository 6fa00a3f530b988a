"""Stocktakes as files: the blind list and the differences out, what a handheld terminal or a spreadsheet counted in."""

from __future__ import annotations

import datetime as dt
import hashlib
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.http import FileResponse, StreamingHttpResponse
from django.utils import timezone
from django.utils.translation import gettext

from catalog.selectors import scanned_codes, skus_scanned
from erp.core.clock import business_date
from erp.core.errors import InvalidInput, Problem
from erp.imports import files
from erp.imports.downloads import table_as_file
from erp.inventory.admin.baskets import pieces_typed
from erp.inventory.models import StockCount, StockCountEntry, StockCountLine
from erp.inventory.selectors.goods import goods_name
from erp.inventory.selectors.stocktakes import picked_when_counted
from erp.inventory.services import CountEntry

CP932 = "cp932"
FORMATS = (CP932, "utf-8-sig", "xlsx")
PIECE = 500
MOST_TOLD = 20
_BLIND = (StockCount.State.PREPARING, StockCount.State.COUNTING)
CODES = {"sku", "skuコード", "jan", "janコード", "バーコード", "商品コード", "コード", "code", "barcode"}
PIECES = {"数量", "数", "点数", "実棚数", "実地数", "棚卸数", "実数", "quantity", "pieces", "counted"}


def answer(count: StockCount, kind: str, *, sees_costs: bool) -> StreamingHttpResponse | FileResponse:
    """Raises InvalidInput where cp932 cannot hold a name."""
    is_blind = count.state in _BLIND
    heading = _blind() if is_blind else _differences(sees_costs)
    cells = list(_blind_rows(count) if is_blind else _difference_rows(count, sees_costs=sees_costs))
    name = f"{'tanaorosi-list' if is_blind else 'tanaorosi-sai'}-{count.pk}"
    return table_as_file(name, title=count.external_id, heading=heading, rows=lambda: cells, form=kind)


def _blind() -> list[str]:
    return [gettext("shelf"), "SKU", "JAN", gettext("name"), gettext("pieces counted")]


def _differences(sees_costs: bool) -> list[str]:
    heading = [
        gettext("shelf"), "SKU", "JAN", gettext("name"), gettext("on the list"), gettext("on hand when frozen"),
        gettext("counted"), gettext("counted at"), gettext("books at that moment"), gettext("being picked"),
        gettext("difference"),
    ]  # fmt: skip
    return [*heading, gettext("value of the difference")] if sees_costs else heading


def _lines(count: StockCount) -> Iterator[tuple[StockCountLine, str]]:
    found = list(
        StockCountLine.objects.filter(count=count)
        .select_related("sku__product", "sku__color", "sku__size")
        .order_by("shelf", "sku__code")
    )
    codes = scanned_codes([line.sku_id for line in found], on=business_date(timezone.now()))
    for line in found:
        yield line, next(iter(codes.get(line.sku_id, ())), "")


def _blind_rows(count: StockCount) -> Iterator[list[Any]]:
    for line, jan in _lines(count):
        yield [line.shelf, line.sku.code, jan, goods_name(line.sku), ""]


def _difference_rows(count: StockCount, *, sees_costs: bool) -> Iterator[list[Any]]:
    found = list(_lines(count))
    picked = picked_when_counted(count, [line for line, _jan in found])
    for line, jan in found:
        when = f"{timezone.localtime(line.counted_at):%Y-%m-%d %H:%M}" if line.counted_at else ""
        seen = [line.frozen_on_hand, _known(line.counted), when, _known(line.book)]
        figures = [*seen, picked.get(line.sku_id, 0), _known(line.difference)]
        row = [line.shelf, line.sku.code, jan, goods_name(line.sku), "○" if line.is_listed else "", *figures]
        yield [*row, _known(line.value)] if sees_costs else row


def _known(value: Any) -> Any:
    return "" if value is None else value


def entries_of(content: bytes, *, counted_at: dt.datetime, is_recount: bool) -> list[CountEntry]:
    """What a file says was seen at a moment. The same file again has the same keys. A row without pieces was not counted.

    Raises InvalidInput: it cannot be read, or names every row of which code or pieces are not known.
    """
    sheet = files.read(content)
    headings = [_plain(cell).casefold() for cell in sheet.headings]
    code_at = next((index for index, name in enumerate(headings) if name in CODES), None)
    named = [index for index, name in enumerate(headings) if name in PIECES]
    pieces_at = next(iter([*named, *(index for index, name in enumerate(headings) if "数" in name)]), None)
    lines: Iterable[tuple[int, Sequence[str]]] = [(line.number, line.cells) for line in sheet.lines]
    # The blind list comes back with both codes; the SKU is the one that is always there.
    code_at = headings.index("sku") if "sku" in headings else code_at
    if code_at is None or pieces_at is None:
        code_at, pieces_at = 0, 1
        lines = [(1, sheet.headings), *lines]
        if len(sheet.headings) < 2 or not _plain(sheet.headings[1]).isdecimal():
            raise InvalidInput(
                [Problem("row 1", "headings", gettext("A column of codes and one of pieces are needed."))]
            )
    typed = [(number, _plain(cells[code_at]), _plain(cells[pieces_at])) for number, cells in lines]
    known = skus_scanned([code for _number, code, _pieces in typed], on=business_date(counted_at))
    print_of_file, problems, found = hashlib.sha256(content).hexdigest()[:16], [], []
    for number, code, pieces in typed:
        if not pieces:
            continue
        if code not in known:
            told = gettext("Unknown code: %(code)s") % {"code": code}
            problems.append(Problem(gettext("row %(number)d") % {"number": number}, "unknown", told))
        elif pieces_typed(pieces) is None:
            told = gettext("Pieces are whole numbers: %(names)s") % {"names": pieces}
            problems.append(Problem(gettext("row %(number)d") % {"number": number}, "invalid", told))
        else:
            way = StockCountEntry.Way.FILE.value
            key = f"{print_of_file}:{number}"
            found.append(CountEntry(key, known[code], int(pieces), counted_at, way, is_recount))
    if problems:
        raise InvalidInput(problems[:MOST_TOLD])
    if not found:
        raise InvalidInput([Problem("", "empty", gettext("Nothing was counted."))])
    return found


def _plain(cell: str) -> str:
    return unicodedata.normalize("NFKC", cell).strip().lstrip("'")
