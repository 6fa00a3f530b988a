"""売上原価対立法 → 三分法, entry by entry, for accountants who know cost of sales at closing only. Pure once the chart is read.

What stock gained or lost by trade is 仕入高; goods issued at cost (売上原価 // 商品) vanish; losses and write-downs stay against 商品. At closing
期首商品棚卸高 and 期末商品棚卸高 say what stock was, so 期首 + 仕入 − 期末 is the cost of sales of these books.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from django.utils.translation import gettext as _

from accounting.models import AccountRole, LedgerAccount, Side
from accounting.selectors.export import ExportEntry, ExportLine
from accounting.selectors.ledgers import BEGIN, movements
from erp.core.clock import written_day
from erp.core.money import ZERO

LOSSES = ("stock_loss", "stock_writedown")
ROLES = ("inventory.goods", "purchases", "cost_of_sales", "opening_stock", "closing_stock", *LOSSES)


@dataclass(frozen=True, slots=True)
class ThreePartChart:
    """The accounts of the method: codes of those that it reads, (code, name) of those that it writes."""

    stock: frozenset[str]
    cost_of_sales: str
    losses: frozenset[str]
    goods: tuple[str, str]
    purchases: tuple[str, str]
    opening_stock: tuple[str, str]
    closing_stock: tuple[str, str]


def three_part_chart() -> ThreePartChart:
    accounts = {
        row.role: (row.account.code, row.account.name)
        for row in AccountRole.objects.filter(role__in=ROLES).select_related("account")
    }
    stock = LedgerAccount.objects.filter(control=LedgerAccount.Control.STOCK).values_list("code", flat=True)
    return ThreePartChart(
        stock=frozenset(stock),
        cost_of_sales=accounts["cost_of_sales"][0],
        losses=frozenset(accounts[role][0] for role in LOSSES),
        goods=accounts["inventory.goods"],
        purchases=accounts["purchases"],
        opening_stock=accounts["opening_stock"],
        closing_stock=accounts["closing_stock"],
    )


def as_three_part(lines: Sequence[ExportLine], chart: ThreePartChart) -> list[ExportLine]:
    """The lines of one entry under 三分法. What carries a tax code stays a line of its own, since it is a purchase (課税仕入) or its return.

    The rest is netted per department. An entry that only moved goods at cost has no line left.
    """
    kept: list[ExportLine] = []
    flow: dict[str, Decimal] = {}
    lost: dict[str, Decimal] = {}
    for line in lines:
        signed = line.amount if line.side == Side.DEBIT else -line.amount
        if line.account_code in chart.losses:
            lost[line.department] = lost.get(line.department, ZERO) + signed
        if line.account_code not in chart.stock and line.account_code != chart.cost_of_sales:
            kept.append(line)
        elif line.tax_code:
            kept.append(replace(line, account_code=chart.purchases[0], account_name=chart.purchases[1]))
        else:
            flow[line.department] = flow.get(line.department, ZERO) + signed
    for department in dict.fromkeys([*flow, *lost]):
        loss = lost.get(department, ZERO)
        kept += _line(chart.purchases, flow.get(department, ZERO) + loss, department)
        kept += _line(chart.goods, -loss, department)
    return kept


def closing_entry(*, first: date, last: date, chart: ThreePartChart) -> ExportEntry:
    """期首商品棚卸高 // 商品, 商品 // 期末商品棚卸高 of a range of dates, the latter before the losses that are booked against 商品."""
    stock = list(LedgerAccount.objects.filter(code__in=chart.stock).values_list("pk", flat=True))
    losses = list(LedgerAccount.objects.filter(code__in=chart.losses).values_list("pk", flat=True))
    opening = _balance(stock, BEGIN, first - timedelta(days=1))
    book = _balance(stock, BEGIN, last) + _balance(losses, first, last)
    lines = [
        *_line(chart.opening_stock, opening),
        *_line(chart.goods, -opening),
        *_line(chart.goods, book),
        *_line(chart.closing_stock, -book),
    ]
    return ExportEntry(0, "", last, _("Stock at the beginning and the end of %(first)s - %(last)s") % {
        "first": written_day(first), "last": written_day(last),
    }, tuple(lines))  # fmt: skip


def _line(account: tuple[str, str], signed: Decimal, department: str = "") -> list[ExportLine]:
    if not signed:
        return []
    side = Side.DEBIT if signed > 0 else Side.CREDIT
    return [ExportLine(*account, side.value, abs(signed), department=department)]


def _balance(account_ids: Sequence[int], first: date, last: date) -> Decimal:
    moved = movements(first, last)
    return sum((debit - credit for key, (debit, credit) in moved.items() if key in set(account_ids)), ZERO)
