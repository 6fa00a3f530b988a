"""What stock is worth: by the ledger at moving average, and as reports under the other methods that the tax law knows.

The reports are pure: they read what a period received and issued and change nothing. 後入先出法 is not allowed and not here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Protocol

from django.db.models import Sum

from erp.core.clock import begin_of, end_of
from erp.core.money import ZERO, round_fraction
from erp.inventory.models import CostBalance, StockDocument, StockMovement


@dataclass(frozen=True, slots=True)
class PoolValue:
    """Pieces and value of one cost pool, and the account that carries it."""

    pool_id: int
    pool_code: str
    pool_name: str
    account_role: str
    quantity: int
    value: Decimal


def stock_values() -> list[PoolValue]:
    """The value of all stock by cost pool, as carried."""
    sums = CostBalance.objects.values_list(
        "cost_pool", "cost_pool__code", "cost_pool__name", "cost_pool__account_role"
    ).annotate(pieces=Sum("quantity"), worth=Sum("value"))
    return [PoolValue(*row) for row in sums.order_by("cost_pool__code")]


@dataclass(frozen=True, slots=True)
class Lot:
    """Pieces that came in together, and what all of them cost."""

    quantity: int
    value: Decimal


@dataclass(frozen=True, slots=True)
class Flow:
    """What went through stock in a period: the opening is the first lot."""

    lots: tuple[Lot, ...]
    issued: int

    @property
    def received(self) -> int:
        return sum(lot.quantity for lot in self.lots)

    @property
    def cost(self) -> Decimal:
        return sum((lot.value for lot in self.lots), ZERO)

    @property
    def closing_quantity(self) -> int:
        return self.received - self.issued

    @property
    def can_be_valued(self) -> bool:
        """Something came in, and at no end fewer pieces than none were there: the methods have no answer to that."""
        return bool(self.lots) and self.closing_quantity >= 0 and all(lot.quantity > 0 for lot in self.lots)


@dataclass(frozen=True, slots=True)
class Valuation:
    cost_of_sales: Decimal
    closing_value: Decimal


def flow(*, sku_id: int, pool_code: str, first: dt.date, last: dt.date) -> Flow:
    """What the ledger says of one SKU in one cost pool. Transfers within the pool are no flow; changes of value join the last lot before."""
    return flows(sku_ids=[sku_id], pool_code=pool_code, first=first, last=last)[sku_id]


def flows(*, sku_ids: Sequence[int], pool_code: str, first: dt.date, last: dt.date) -> dict[int, Flow]:
    """The same of many SKUs, in two statements."""
    begin, end = begin_of(first), end_of(last)
    of_pool = StockMovement.objects.filter(sku_id__in=sku_ids, location__cost_pool__code=pool_code)
    lots = {sku_id: [Lot(0, ZERO)] for sku_id in sku_ids}
    issued = dict.fromkeys(sku_ids, 0)
    opening = of_pool.filter(occurred_at__lt=begin).values("sku_id")
    for row in opening.annotate(pieces=Sum("quantity"), worth=Sum("value")).order_by("sku_id"):
        lots[row["sku_id"]] = [Lot(row["pieces"], row["worth"])]
    within = (
        of_pool.filter(occurred_at__gte=begin, occurred_at__lt=end)
        .values("sku_id", "document_id", "document_line", "document__kind", "occurred_at")
        .annotate(pieces=Sum("quantity"), worth=Sum("value"))
        .order_by("occurred_at", "document_id", "document_line")
    )
    for row in within:
        of_sku = lots[row["sku_id"]]
        if row["pieces"] > 0:
            of_sku.append(Lot(row["pieces"], row["worth"]))
        elif row["pieces"] < 0:
            issued[row["sku_id"]] -= row["pieces"]
        elif row["document__kind"] == StockDocument.Kind.REVALUATION:
            of_sku[-1] = Lot(of_sku[-1].quantity, of_sku[-1].value + row["worth"])
    return {sku_id: Flow(tuple(lot for lot in lots[sku_id] if lot.quantity), issued[sku_id]) for sku_id in sku_ids}


def at_total_average(period: Flow) -> Valuation:
    """総平均法: one average over the period, known at its end."""
    return _closing(period, round_fraction(Fraction(period.cost) * period.closing_quantity / period.received))


def first_in_first_out(period: Flow) -> Valuation:
    """先入先出法: what is left is the newest."""
    left, value = period.closing_quantity, Fraction(0)
    for lot in reversed(period.lots):
        pieces = min(left, lot.quantity)
        value += Fraction(lot.value) * pieces / lot.quantity
        left -= pieces
    return _closing(period, round_fraction(value))


def at_last_purchase(period: Flow) -> Valuation:
    """最終仕入原価法: all that is left at the price of the last receipt. The default of the corporation tax law without a 届出."""
    last = period.lots[-1]
    return _closing(period, round_fraction(Fraction(last.value) * period.closing_quantity / last.quantity))


def at_retail(*, cost: Decimal, sales: Decimal, closing_retail: Decimal) -> Valuation:
    """売価還元法, for a product group: cost rate = (opening + purchases) at cost / (sales + closing stock at retail)."""
    closing = round_fraction(Fraction(cost) * Fraction(closing_retail) / Fraction(sales + closing_retail))
    return Valuation(cost - closing, closing)


@dataclass(frozen=True, slots=True)
class GoodsSales:
    """What goods were sold for, net of tax and returns, and the discounts on top of that: together what was asked for them."""

    paid: Decimal
    discounts: Decimal

    @property
    def asked(self) -> Decimal:
        return self.paid + self.discounts


class SalesOfGoods(Protocol):
    def __call__(self, *, sku_ids: Collection[int], first: dt.date, last: dt.date) -> GoodsSales: ...


_sales: list[SalesOfGoods] = []


def register_sales(sales_of_goods: SalesOfGoods) -> None:
    """Who knows what goods were sold for: told by the room that owns the sales, in ``AppConfig.ready``."""
    _sales.append(sales_of_goods)


def sales_of_group(*, sku_ids: Collection[int], first: dt.date, last: dt.date) -> GoodsSales:
    """By the books, whichever cost pool the goods left."""
    found = [told(sku_ids=sku_ids, first=first, last=last) for told in _sales]
    return GoodsSales(sum((one.paid for one in found), ZERO), sum((one.discounts for one in found), ZERO))


def retail_of_group(periods: Iterable[Flow], *, sales: Decimal, closing_retail: Decimal) -> Valuation:
    return at_retail(cost=sum((period.cost for period in periods), ZERO), sales=sales, closing_retail=closing_retail)


def _closing(period: Flow, value: Decimal) -> Valuation:
    return Valuation(period.cost - value, value)
