"""Japanese consumption tax (消費税). Rates are dated rows (``TaxRate``); tax is rounded once per document per rate.

Sources: 消令70の10 and 消基通1-8-15 (rounding once per 適格請求書 per rate); 平成28年改正法附則52・53 as amended (deduction for purchases
from suppliers without a registration number).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from django.utils.translation import gettext, gettext_lazy

from erp.core.money import COMPANY_CURRENCY, ZERO, Rounding, round_fraction, split_by_weight


@dataclass(frozen=True, slots=True)
class Rate:
    """One dated rate. ``code`` tells 8% of 2014 from reduced 8%: never key on the percentage."""

    tax_class: str
    code: str
    percent: Decimal
    valid_from: dt.date
    valid_to: dt.date | None = None


_RATED = re.compile(r"(STANDARD|REDUCED)_(\d+)(?:_(\d+))?")


def code_in_words(code: str) -> str:
    """A tax code as people say it: the kind of rate, its percentage, and what share of it may be deducted where not all."""
    found = _RATED.fullmatch(code)
    if found is None:
        return str(_WITHOUT_RATE.get(code, code))
    kind = gettext("Standard rate") if found[1] == "STANDARD" else gettext("Reduced rate")
    rate = f"{kind} {found[2]}%"
    return (
        rate if found[3] is None else gettext("%(rate)s (%(share)s%% deductible)") % {"rate": rate, "share": found[3]}
    )


_WITHOUT_RATE = {
    "ZERO_RATED": gettext_lazy("Zero-rated (export)"),
    "EXEMPT": gettext_lazy("Exempt"),
    "OUT_OF_SCOPE": gettext_lazy("Out of scope"),
}


@dataclass(frozen=True, slots=True)
class TaxedAmount:
    """One amount of a document before tax is known. Negative for a discount."""

    rate: Rate
    amount: Decimal
    tax_included: bool


@dataclass(frozen=True, slots=True)
class RateTotal:
    """What a document prints for one rate. ``net + tax = gross``."""

    rate: Rate
    net: Decimal
    tax: Decimal
    gross: Decimal


def rate_on(rates: Iterable[Rate], *, tax_class: str, on: dt.date) -> Rate:
    """The rate of ``tax_class`` in force on a business date. Raises LookupError when no row covers it."""
    for rate in rates:
        if rate.tax_class == tax_class and rate.valid_from <= on and (rate.valid_to is None or on <= rate.valid_to):
            return rate
    raise LookupError(f"no tax rate of class {tax_class} on {on}")


def document_tax(
    amounts: Sequence[TaxedAmount], *, rounding: Rounding, currency: str = COMPANY_CURRENCY
) -> dict[str, RateTotal]:
    """Tax of one document, rounded once per rate, keyed by rate code in order of appearance.

    Tax-inclusive amounts contribute × r/(100+r), exclusive ones × r/100, exactly; the sum is rounded. Where a rate mixes both, the gross is
    what was charged: the inclusive amounts plus the exclusive ones with their own tax.
    """
    inclusive: dict[str, Decimal] = {}
    exclusive: dict[str, Decimal] = {}
    rates: dict[str, Rate] = {}
    for item in amounts:
        rates.setdefault(item.rate.code, item.rate)
        side = inclusive if item.tax_included else exclusive
        side[item.rate.code] = side.get(item.rate.code, ZERO) + item.amount
    return {
        code: _rate_total(rate, inclusive.get(code), exclusive.get(code), rounding=rounding, currency=currency)
        for code, rate in rates.items()
    }


def _rate_total(
    rate: Rate, inclusive: Decimal | None, exclusive: Decimal | None, *, rounding: Rounding, currency: str
) -> RateTotal:
    percent = Fraction(rate.percent)
    on_inclusive = Fraction(inclusive or 0) * percent / (100 + percent)
    on_exclusive = Fraction(exclusive or 0) * percent / 100
    tax = round_fraction(on_inclusive + on_exclusive, currency=currency, method=rounding)
    if inclusive is None:
        net = exclusive or ZERO
        return RateTotal(rate, net, tax, net + tax)
    gross = inclusive + (exclusive or ZERO) + round_fraction(on_exclusive, currency=currency, method=rounding)
    return RateTotal(rate, gross - tax, tax, gross)


def allocate_tax(total: RateTotal, amounts: Sequence[Decimal], *, currency: str = COMPANY_CURRENCY) -> list[Decimal]:
    """The document's tax of one rate, shared out to its lines by largest remainder, so that Σ line tax = document tax.

    ``amounts`` are what the lines charge under this rate after discounts; raises ValueError when one of them is negative.
    """
    return split_by_weight(total.tax, amounts, currency=currency)


def deductible_tax(tax: Decimal, *, share_percent: Decimal, currency: str = COMPANY_CURRENCY) -> Decimal:
    """The deductible part of purchase tax under the transitional rule (80/70/50/30/0%), rounded down; the rest is cost."""
    return round_fraction(Fraction(tax) * Fraction(share_percent) / 100, currency=currency, method=Rounding.DOWN)


def spread_discount(
    discount: Decimal, amounts: Mapping[int, Decimal], *, currency: str = COMPANY_CURRENCY
) -> dict[int, Decimal]:
    """A document-wide discount spread over its lines by their amounts, hence over rates by the ratio of the rate groups, before tax."""
    if not amounts:
        return {}
    keys = list(amounts)
    return dict(zip(keys, split_by_weight(discount, [amounts[key] for key in keys], currency=currency), strict=True))
