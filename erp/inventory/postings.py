"""Which entries stock makes by itself: receipts, returns to suppliers, adjustments, transfers between accounts, changes of value.

Sales and customer returns are posted by who owns them. Every rule here is pure: figures in, a draft out.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from accounting.services import CREDIT, DEBIT, EntryDraft, Line, NewItem
from erp.core.money import ZERO, Rounding, round_fraction, split_by_weight
from erp.core.tax import Rate, TaxedAmount, deductible_tax, document_tax, rate_on

COST_OF_SALES = "cost_of_sales"
INPUT_TAX = "input_tax"
PAYABLE = "payable.suppliers"
NOT_INVOICED = "goods_received_not_invoiced"
WRITE_DOWN = "stock_writedown"
COST_VARIANCE = "cost_variance"


def line_amount(unit_cost: Decimal, quantity: int) -> Decimal:
    """What a line of a receipt costs, tax-exclusive, in whole yen."""
    return round_fraction(Fraction(unit_cost) * quantity)


@dataclass(frozen=True, slots=True)
class Purchase:
    """A purchase document, taxed once per rate. ``costs`` run parallel to its lines and carry the tax that may not be deducted.

    ``tax_codes`` run parallel too: they say in the journal what is a purchase under which rate, as their tax does.
    """

    costs: tuple[Decimal, ...]
    tax_codes: tuple[str, ...]
    deductible: Mapping[str, Decimal]
    gross: Decimal


def purchase_code(code: str, share_percent: Decimal) -> str:
    """``STANDARD_10``, or ``STANDARD_10_70`` where 70 % of the tax may be deducted: the tax return tells them apart (区分記載)."""
    return code if share_percent == 100 else f"{code}_{share_percent.normalize():f}"


def purchase(
    nets: Sequence[Decimal],
    tax_classes: Sequence[str],
    *,
    rates: Iterable[Rate],
    on: dt.date,
    share_percent: Decimal,
    rounding: Rounding = Rounding.DOWN,
) -> Purchase:
    """Tax of a purchase, and what of it is cost: all but ``share_percent`` of it (100 from a registered supplier).

    Source: 平成28年改正法附則52・53, as amended; 110,000 tax-inclusive at 70%: cost 103,000, deductible 7,000.
    """
    known = list(rates)
    line_rates = [rate_on(known, tax_class=tax_class, on=on) for tax_class in tax_classes]
    totals = document_tax(
        [TaxedAmount(rate, net, tax_included=False) for rate, net in zip(line_rates, nets, strict=True)],
        rounding=rounding,
    )
    costs = list(nets)
    codes = [""] * len(nets)
    deductible = {}
    for code, total in totals.items():
        told = purchase_code(code, share_percent) if total.rate.percent else code
        deductible[told] = deductible_tax(total.tax, share_percent=share_percent)
        of_rate = [index for index, rate in enumerate(line_rates) if rate.code == code]
        parts = split_by_weight(total.tax - deductible[told], [nets[index] for index in of_rate])
        for index, part in zip(of_rate, parts, strict=True):
            costs[index] += part
            codes[index] = told
    return Purchase(tuple(costs), tuple(codes), deductible, sum((total.gross for total in totals.values()), ZERO))


class Sums:
    """Adds amounts up by account role, so that an entry has one line per account however many lines the document has."""

    def __init__(self) -> None:
        self._amounts: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)

    def debit(self, role: str, amount: Decimal, *, tax_code: str = "") -> None:
        """A negative amount is a credit."""
        self._amounts[role, tax_code] += amount

    def credit(self, role: str, amount: Decimal, *, tax_code: str = "") -> None:
        self._amounts[role, tax_code] -= amount

    def lines(self, *, channel_id: int | None = None) -> list[Line]:
        return [
            Line(DEBIT if amount > 0 else CREDIT, abs(amount), role=role, tax_code=tax_code, channel_id=channel_id)
            for (role, tax_code), amount in self._amounts.items()
            if amount
        ]


def entry(
    lines: Sequence[Line], *, on: dt.date, description: str, source_type: str, source_id: int
) -> list[EntryDraft]:
    """One draft, or none when nothing is worth anything."""
    return [EntryDraft(on, description[:200], source_type, source_id, tuple(lines))] if lines else []


def owed_to_supplier(amount: Decimal, item: NewItem) -> list[Line]:
    return [Line(CREDIT, amount, role=PAYABLE, opens=item)] if amount else []


def credited_by_supplier(amount: Decimal, *, open_payables: Sequence[tuple[int, Decimal]], rest: NewItem) -> list[Line]:
    """A debit to payables: first what is still open of the receipt (id, remaining), then a claim of its own against the supplier."""
    lines = []
    for item_id, remaining in open_payables:
        if part := min(remaining, amount):
            lines.append(Line(DEBIT, part, settles=item_id))
            amount -= part
    return [*lines, Line(DEBIT, amount, role=PAYABLE, opens=rest)] if amount else lines


def stays_in_stock(amount: Decimal, *, received: int, in_stock: int) -> Decimal:
    """The part of a late cost that what is still there of ``received`` pieces takes; the rest was sold and is cost of sales."""
    return round_fraction(Fraction(amount) * min(received, in_stock) / received) if received else ZERO
