"""Money arithmetic. The one place where an amount is rounded; amounts are ``Decimal`` with their currency beside them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_DOWN, ROUND_HALF_UP, ROUND_UP, Decimal
from enum import StrEnum
from fractions import Fraction

COMPANY_CURRENCY = "JPY"
DECIMALS = {"JPY": 0, "KRW": 0, "USD": 2, "EUR": 2, "GBP": 2, "CNY": 2, "TWD": 2}
ZERO = Decimal(0)


class Rounding(StrEnum):
    """How a fraction of the smallest unit is rounded: 切捨て, 四捨五入, 切上げ, all by magnitude (a return mirrors its sale)."""

    DOWN = "DOWN"
    HALF_UP = "HALF_UP"
    UP = "UP"


_DECIMAL_MODES = {Rounding.DOWN: ROUND_DOWN, Rounding.HALF_UP: ROUND_HALF_UP, Rounding.UP: ROUND_UP}


def round_money(amount: Decimal, *, currency: str = COMPANY_CURRENCY, method: Rounding = Rounding.HALF_UP) -> Decimal:
    """``amount`` rounded to the smallest unit of ``currency`` (whole yen). Raises KeyError for a currency the house does not know."""
    return amount.quantize(Decimal(1).scaleb(-DECIMALS[currency]), rounding=_DECIMAL_MODES[method])


def round_fraction(
    amount: Fraction, *, currency: str = COMPANY_CURRENCY, method: Rounding = Rounding.HALF_UP
) -> Decimal:
    """Like :func:`round_money` for an exact fraction, so that no digit is lost before the one rounding (e.g. × 10/110)."""
    scale = 10 ** DECIMALS[currency]
    scaled = abs(amount) * scale
    whole, rest = divmod(scaled.numerator, scaled.denominator)
    if rest and (method is Rounding.UP or (method is Rounding.HALF_UP and 2 * rest >= scaled.denominator)):
        whole += 1
    return Decimal(-whole if amount < 0 else whole).scaleb(-DECIMALS[currency])


def split_by_weight(total: Decimal, weights: Sequence[Decimal], *, currency: str = COMPANY_CURRENCY) -> list[Decimal]:
    """Split ``total`` in proportion to ``weights`` by largest remainder; the parts add up to ``total`` exactly.

    Ties go to the earlier part. All-zero weights put everything on the first part. Raises ValueError for no parts or a negative weight.
    """
    if not weights or any(weight < 0 for weight in weights):
        raise ValueError("split_by_weight needs at least one weight and no negative one")
    whole = sum(weights)
    if not whole:
        return [total, *[ZERO] * (len(weights) - 1)]
    scale = 10 ** DECIMALS[currency]
    units, sign = int(abs(total) * scale), (-1 if total < 0 else 1)
    exact = [Fraction(weight) * units / Fraction(whole) for weight in weights]
    parts = [share.numerator // share.denominator for share in exact]
    by_remainder = sorted(range(len(parts)), key=lambda index: (parts[index] - exact[index], index))
    for index in by_remainder[: units - sum(parts)]:
        parts[index] += 1
    return [Decimal(sign * part).scaleb(-DECIMALS[currency]) for part in parts]


def share_so_far(total: Decimal, *, done: int, of: int, currency: str = COMPANY_CURRENCY) -> Decimal:
    """The part of ``total`` that belongs to the first ``done`` of ``of`` pieces, rounded down by magnitude.

    Taking differences of it gives every partial shipment its part and the last one the rest.
    """
    if done == of:
        return total
    return round_fraction(Fraction(total) * done / of, currency=currency, method=Rounding.DOWN)
