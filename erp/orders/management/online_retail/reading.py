"""Reads a file of the data set, row by row, as often as needed: it is never held in memory. What a row means is not decided here."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import hashlib
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from io import BufferedReader
from pathlib import Path

from django.utils.translation import gettext as _

from erp.core.clock import TOKYO
from erp.core.errors import Problem
from erp.core.money import round_money

COLUMNS = ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"]
INVOICE = re.compile(r"[AC]?[0-9]{1,12}")
MAX_PRICE = Decimal(10**9)
MAX_QUANTITY = 1_000_000
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the file. ``cells`` is what it said; stock codes are compared in capitals, the file mixes both."""

    number: int
    invoice: str
    code: str
    name: str
    quantity: int
    at: dt.datetime
    price: Decimal
    customer: str
    country: str
    cells: tuple[str, ...]

    @property
    def unit_yen(self) -> Decimal:
        """Pounds × 100, read as yen. Has decimals where the price has more than two."""
        return self.price * 100

    @property
    def exact(self) -> Decimal:
        """Quantity × price in yen, before any rounding."""
        return self.quantity * self.unit_yen

    @property
    def yen(self) -> Decimal:
        """The amount that is booked: rounded once, half up by magnitude."""
        return round_money(self.exact)


@dataclass(frozen=True, slots=True)
class Invoice:
    """All rows of one invoice number, wherever in the file they stand."""

    number: str
    rows: tuple[Row, ...]

    @property
    def at(self) -> dt.datetime:
        return self.rows[0].at

    @property
    def on(self) -> dt.date:
        return self.rows[0].at.date()

    @property
    def customer(self) -> str:
        return self.rows[0].customer


def read_rows(path: Path, problems: list[Problem] | None = None) -> Iterator[Row]:
    """The rows of a CSV file, gzipped or not. What cannot be read is added to ``problems`` and left out; nothing is raised for it."""
    faults: list[Problem] = [] if problems is None else problems
    lines = csv.reader(_lines(path, faults))
    header = next(lines, [])
    if header != COLUMNS:
        faults.append(
            Problem("line 1", "bad_header", _("The columns must be %(names)s.") % {"names": ", ".join(COLUMNS)})
        )
        return
    try:
        for number, cells in enumerate(lines, 1):
            if row := _row(number, cells, faults):
                yield row
    except csv.Error as error:
        faults.append(Problem(f"line {lines.line_num}", "bad_csv", str(error)))


def read_invoices(path: Path, sizes: Mapping[str, int], wanted: Callable[[str], bool]) -> Iterator[Invoice]:
    """Invoices as they become complete. ``sizes`` says how many rows each has; ``wanted`` picks them by their number.

    An invoice is not always one block of lines, so rows wait until the last one of theirs has come.
    """
    waiting: dict[str, list[Row]] = {}
    for row in read_rows(path):
        if not wanted(row.invoice):
            continue
        mine = waiting.setdefault(row.invoice, [])
        mine.append(row)
        if len(mine) == sizes[row.invoice]:
            yield Invoice(row.invoice, tuple(waiting.pop(row.invoice)))


def digest(path: Path) -> str:
    """Of the content, so that the same rows are the same file, whatever it is called and however it is packed."""
    hashed = hashlib.sha256()
    with _opened(path) as content:
        while block := content.read(1 << 20):
            hashed.update(block)
    return hashed.hexdigest()


def _opened(path: Path) -> gzip.GzipFile | BufferedReader:
    with path.open("rb") as start:
        is_packed = start.read(2) == _GZIP
    return gzip.open(path, "rb") if is_packed else path.open("rb")


def _lines(path: Path, problems: list[Problem]) -> Iterator[str]:
    number = 0
    try:
        with _opened(path) as content:
            for number, line in enumerate(content, 1):
                try:
                    yield line.decode("utf-8-sig" if number == 1 else "utf-8")
                except UnicodeDecodeError:
                    problems.append(Problem(f"line {number}", "not_utf8", _("This line is not UTF-8.")))
                    yield line.decode("utf-8", "replace")
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        problems.append(
            Problem(f"line {number + 1}", "cut_off", _("The packed file ends or breaks here: %(why)s") % {"why": error})
        )
    except OSError as error:
        problems.append(Problem("", "unreadable", str(error)))


def _row(number: int, cells: list[str], problems: list[Problem]) -> Row | None:
    if len(cells) != len(COLUMNS):
        detail = _("%(count)s cells instead of %(wanted)s.") % {"count": len(cells), "wanted": len(COLUMNS)}
        problems.append(Problem(f"row {number}", "bad_row", detail))
        return None
    invoice, code, name, *figures, customer, country = cells
    quantity, at, price = _quantity(figures[0]), _moment(figures[1]), _price(figures[2])
    faults = [
        Problem(f"row {number}", f"bad_{what}", text[:60] or _("empty"))
        for what, text, is_bad in (
            ("invoice", invoice, not INVOICE.fullmatch(invoice)),
            ("stock_code", code, not 0 < len(code.strip()) <= 40),
            ("quantity", figures[0], quantity is None),
            ("date", figures[1], at is None),
            ("price", figures[2], price is None),
            ("customer", customer, len(customer) > 60),
        )
        if is_bad
    ]
    problems += faults
    if faults or quantity is None or at is None or price is None:
        return None
    # Spreadsheets write customer 17850 as 17850.0.
    return Row(
        number, invoice, code.strip().upper(), name.strip(), quantity, at, price, customer.removesuffix(".0"), country,
        tuple(cells),
    )  # fmt: skip


@lru_cache(maxsize=4096)
def _quantity(text: str) -> int | None:
    try:
        number = int(text)
    except ValueError:
        return None
    return number if abs(number) <= MAX_QUANTITY else None


@lru_cache(maxsize=4096)
def _price(text: str) -> Decimal | None:
    try:
        price = Decimal(text)
    except InvalidOperation:
        return None
    return price if price.is_finite() and abs(price) < MAX_PRICE and round(price, 6) == price else None


@lru_cache(maxsize=64)
def _moment(text: str) -> dt.datetime | None:
    """The file's local time of London, taken for local time in Tokyo, so that its day is the business date."""
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=TOKYO) if moment.tzinfo is None else None
