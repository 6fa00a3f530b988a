"""What a row of the data set means (pure). Every row has exactly one meaning, or a reason why it is refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from erp.core.money import ZERO, round_money
from erp.orders.management.online_retail.reading import Row


class Kind(StrEnum):
    """In the order in which the report lists them."""

    SALE = "sales"
    FREE = "free goods"
    SHIPPING = "shipping charged"
    OTHER_FEE = "other charges"
    RETURN = "returns"
    REFUND = "refunds without goods"
    DISCOUNT = "discounts"
    PLATFORM_FEE = "platform and bank fees"
    BAD_DEBT = "bad debt"
    WRITE_OFF = "write-offs"
    REFUSED = "refused"


class Refusal(StrEnum):
    NO_PIECES = "no pieces"
    NEGATIVE_PRICE = "a negative price"
    POSITIVE_IN_CANCELLATION = "pieces that leave on a cancellation"
    NEGATIVE_WITH_PRICE = "negative pieces with a price, but no cancellation"
    NOTHING_CHARGED = "a charge of nothing"
    OTHER_CONTENT = "its invoice is recorded with other content"
    WAITS = "its order is recorded and waits for a person"
    MALFORMED = "its order is malformed"


POSTAGE = frozenset({"POST", "DOT", "C2"})
"""Postage, postage of the web shop, carriage."""
MANUAL = frozenset({"M", "S"})
"""Manual entries, samples."""
PLATFORM = frozenset({"AMAZONFEE", "CRUK"})
"""A marketplace's fee, a charity's commission."""
BANK, DISCOUNT, BAD_DEBT = "BANK CHARGES", "D", "B"
NOT_GOODS = POSTAGE | MANUAL | PLATFORM | {BANK, DISCOUNT, BAD_DEBT}
ORDERED = frozenset({Kind.SALE, Kind.FREE})
CHARGED = frozenset({Kind.SHIPPING, Kind.OTHER_FEE})
TAKEN_BACK = frozenset({Kind.RETURN, Kind.REFUND, Kind.DISCOUNT})
OF_THE_BOOKS = frozenset({Kind.PLATFORM_FEE, Kind.BAD_DEBT})


def meaning_of(row: Row) -> tuple[Kind, Refusal | None]:
    """The kind of a row; with ``Kind.REFUSED`` comes the reason."""
    is_cancellation = row.invoice.startswith("C")
    if row.quantity == 0:
        return Kind.REFUSED, Refusal.NO_PIECES
    if row.code == BAD_DEBT or row.invoice.startswith("A"):
        return (Kind.BAD_DEBT, None) if row.price else (Kind.REFUSED, Refusal.NOTHING_CHARGED)
    if row.price < 0:
        return Kind.REFUSED, Refusal.NEGATIVE_PRICE
    if is_cancellation and row.quantity > 0:
        return Kind.REFUSED, Refusal.POSITIVE_IN_CANCELLATION
    if row.code in NOT_GOODS:
        return _meaning_of_charge(row, is_cancellation=is_cancellation)
    if is_cancellation:
        return Kind.RETURN, None
    if row.quantity > 0:
        return (Kind.SALE if row.price else Kind.FREE), None
    return (Kind.REFUSED, Refusal.NEGATIVE_WITH_PRICE) if row.price else (Kind.WRITE_OFF, None)


def _meaning_of_charge(row: Row, *, is_cancellation: bool) -> tuple[Kind, Refusal | None]:
    if not row.price:
        return Kind.REFUSED, Refusal.NOTHING_CHARGED
    if row.code in PLATFORM:
        # A fee is written as a cancellation, its correction as a sale.
        return Kind.PLATFORM_FEE, None
    if is_cancellation:
        if row.code == BANK:
            return Kind.PLATFORM_FEE, None
        return (Kind.DISCOUNT if row.code == DISCOUNT else Kind.REFUND), None
    if row.quantity < 0:
        return Kind.REFUSED, Refusal.NEGATIVE_WITH_PRICE
    return (Kind.SHIPPING if row.code in POSTAGE else Kind.OTHER_FEE), None


@dataclass(slots=True)
class Sum:
    """Rows, and their net before and after rounding to yen."""

    rows: int = 0
    exact: Decimal = ZERO
    yen: Decimal = ZERO

    def add(self, row: Row) -> None:
        self.rows += 1
        self.exact += row.exact
        self.yen += row.yen


@dataclass(slots=True)
class Survey:
    """What a whole file holds. Grows with its invoices and stock codes, not with its rows."""

    kinds: dict[Kind, Sum] = field(default_factory=dict)
    sizes: Counter[str] = field(default_factory=Counter)
    goods: dict[str, Goods] = field(default_factory=dict)
    refused: list[tuple[Row, Refusal]] = field(default_factory=list)
    total: Sum = field(default_factory=Sum)
    first: Row | None = None

    def add(self, row: Row) -> None:
        kind, refusal = meaning_of(row)
        self.kinds.setdefault(kind, Sum()).add(row)
        self.total.add(row)
        self.sizes[row.invoice] += 1
        if self.first is None or row.at < self.first.at:
            self.first = row
        if refusal is not None:
            self.refused.append((row, refusal))
        elif kind in ORDERED or kind in (Kind.WRITE_OFF, Kind.RETURN):
            self.goods.setdefault(row.code, Goods()).add(row, kind)

    @property
    def orders(self) -> int:
        """Invoices that are no cancellations."""
        return sum(not number.startswith("C") for number in self.sizes)

    @property
    def cancellations(self) -> int:
        return len(self.sizes) - self.orders


@dataclass(slots=True)
class Goods:
    """What a file says of one stock code: its name, its prices, the pieces that leave."""

    name: str = ""
    pieces: int = 0
    prices: Counter[Decimal] = field(default_factory=Counter)

    def add(self, row: Row, kind: Kind) -> None:
        # The first words that a priced row says; notes such as "damaged" stand on rows without a price.
        if row.name and (row.price or not self.name) and not (self.name and self.prices):
            self.name = row.name
        if row.price:
            self.prices[row.unit_yen] += 1
        if kind is not Kind.RETURN:
            self.pieces += abs(row.quantity)


COST_SHARE = Decimal("0.6")


def opening_cost(goods: Goods, *, otherwise: Decimal) -> Decimal:
    """60 % of the median price in whole yen: the file names no cost. ``otherwise`` where it names no price either."""
    return round_money(median(goods.prices) * COST_SHARE) if goods.prices else otherwise


def median(counted: Counter[Decimal]) -> Decimal:
    """The lower median of counted values."""
    middle = (counted.total() + 1) // 2
    for value in sorted(counted):
        middle -= counted[value]
        if middle <= 0:
            return value
    return ZERO


def survey(rows: Iterable[Row]) -> Survey:
    found = Survey()
    for row in rows:
        found.add(row)
    return found
