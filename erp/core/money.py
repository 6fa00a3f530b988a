"""Money arithmetic. The one place where an amount is rounded; amounts are ``Decimal`` with their currency beside them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_DOWN, ROUND_HALF_UP, ROUND_UP, Decimal
from enum import StrEnum
from fractions import Fraction
from math import lcm

COMPANY_CURRENCY = "JPY"
DECIMALS = {"JPY": 0, "KRW": 0, "USD": 2, "EUR": 2, "GBP": 2, "CNY": 2, "TWD": 2}
ZERO = Decimal(0)


# A base of less than a tenth of what is compared with it says nothing in percent: there had hardly been any trade to compare with.
MOST_TIMES_THE_BASE = 10


def percent_of_base(value: Decimal, base: Decimal | None) -> Decimal | None:
    """``value`` in percent of the figure it is compared with; None where there is none, or too little of it to compare with."""
    if base is None or base <= 0 or value > base * MOST_TIMES_THE_BASE:
        return None
    return value * 100 / base


class Rounding(StrEnum):
    """How a fraction of the smallest unit is rounded: 切捨て, 四捨五入, 切上げ, all by magnitude (a return mirrors its sale)."""

    DOWN = "DOWN"
    HALF_UP = "HALF_UP"
    UP = "UP"


_DECIMAL_MODES = {Rounding.DOWN: ROUND_DOWN, Rounding.HALF_UP: ROUND_HALF_UP, Rounding.UP: ROUND_UP}


def round_money(amount: Decimal, *, currency: str = COMPANY_CURRENCY, method: Rounding = Rounding.HALF_UP) -> Decimal:
    """``amount`` rounded to the smallest unit of ``currency`` (whole yen). Raises KeyError for a currency the house does not know."""
    return amount.quantize(Decimal(1).scaleb(-DECIMALS[currency]), rounding=_DECIMAL_MODES[method])


# A column of an amount has 16 digits, 2 of them decimals.
AMOUNT_DIGITS = 14


def is_amount(amount: Decimal, *, currency: str = COMPANY_CURRENCY) -> bool:
    """Whether it is a number in whole units of ``currency`` that an amount's column holds."""
    fits = amount.is_finite() and abs(amount) < Decimal(10) ** AMOUNT_DIGITS
    return fits and amount == round_money(amount, currency=currency)


def round_fraction(
    amount: Fraction, *, currency: str = COMPANY_CURRENCY, method: Rounding = Rounding.HALF_UP
) -> Decimal:
    """Like :func:`round_money` for an exact fraction, so that no digit is lost before the one rounding (e.g. × 10/110)."""
    return round_ratio(amount.numerator, amount.denominator, currency=currency, method=method)


def round_ratio(
    numerator: int, denominator: int, *, currency: str = COMPANY_CURRENCY, method: Rounding = Rounding.HALF_UP
) -> Decimal:
    """``numerator / denominator`` (positive) rounded to the smallest unit, in whole numbers throughout: the hot paths round often."""
    decimals = DECIMALS[currency]
    whole, rest = divmod(abs(numerator) * 10**decimals, denominator)
    if rest and (method is Rounding.UP or (method is Rounding.HALF_UP and 2 * rest >= denominator)):
        whole += 1
    return Decimal(-whole if numerator < 0 else whole).scaleb(-decimals)


def share_of(
    amount: Decimal, pieces: int, of: int, *, currency: str = COMPANY_CURRENCY, method: Rounding = Rounding.HALF_UP
) -> Decimal:
    """``amount × pieces / of``, rounded once."""
    numerator, denominator = amount.as_integer_ratio()
    return round_ratio(numerator * pieces, denominator * of, currency=currency, method=method)


def split_by_weight(total: Decimal, weights: Sequence[Decimal], *, currency: str = COMPANY_CURRENCY) -> list[Decimal]:
    """Split ``total`` in proportion to ``weights`` by largest remainder; the parts add up to ``total`` exactly.

    Ties go to the earlier part. All-zero weights put everything on the first part. Raises ValueError for no parts or a negative weight.
    """
    if not weights or any(weight < 0 for weight in weights):
        raise ValueError("split_by_weight needs at least one weight and no negative one")
    ratios = [weight.as_integer_ratio() for weight in weights]
    scale_of_weights = lcm(*(denominator for _numerator, denominator in ratios))
    whole_weights = [numerator * (scale_of_weights // denominator) for numerator, denominator in ratios]
    whole = sum(whole_weights)
    if not whole:
        return [total, *[ZERO] * (len(weights) - 1)]
    decimals = DECIMALS[currency]
    units, sign = int(abs(total) * 10**decimals), (-1 if total < 0 else 1)
    parts, remainders = [], []
    for weight in whole_weights:
        part, remainder = divmod(weight * units, whole)
        parts.append(part)
        remainders.append(remainder)
    by_remainder = sorted(range(len(parts)), key=lambda index: (-remainders[index], index))
    for index in by_remainder[: units - sum(parts)]:
        parts[index] += 1
    return [Decimal(sign * part).scaleb(-decimals) for part in parts]


def share_so_far(total: Decimal, *, done: int, of: int, currency: str = COMPANY_CURRENCY) -> Decimal:
    """The part of ``total`` that belongs to the first ``done`` of ``of`` pieces, rounded down by magnitude.

    What is left of ``total`` is the part of the others; see ``share_of_next``.
    """
    if done == of:
        return total
    return share_of(total, done, of, currency=currency, method=Rounding.DOWN) if done else ZERO


def share_of_next(total: Decimal, pieces: int, *, done: int, of: int, currency: str = COMPANY_CURRENCY) -> Decimal:
    """The part of ``total`` that belongs to ``pieces`` behind the first ``done`` of ``of``: each part gets its own, the last one the rest."""
    upto, before = (share_so_far(total, done=count, of=of, currency=currency) for count in (done + pieces, done))
    return upto - before


def written(value: Decimal | int) -> str:
    """As people write amounts: thousands parted, and no decimals that say nothing."""
    text = f"{value:,f}" if isinstance(value, Decimal) else f"{value:,}"
    return text.rstrip("0").rstrip(".") if "." in text else text
