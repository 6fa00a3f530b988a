"""RFM arithmetic, without a database.

Source: Hughes (1994); the variant by value follows the R package ``rfm``: type-7 quantiles at 20, 40, 60 and 80 %, one unit beyond which the
next score begins. Recency is inverted: who bought last scores 5.
"""

from __future__ import annotations

import datetime as dt
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol, TypeVar

GROUPS = 5


@dataclass(frozen=True, slots=True)
class Purchases:
    """What a customer bought: ``amount`` net of returns, in the company's currency."""

    customer_id: int
    last_order_date: dt.date
    order_count: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Scores:
    """1 to 5 each, 5 is best."""

    r: int
    f: int
    m: int


class Ranges(Protocol):
    """A segment: the scores that belong to it."""

    r_from: int
    r_to: int
    f_from: int
    f_to: int
    m_from: int
    m_to: int


S = TypeVar("S", bound=Ranges)


def score_by_value(purchases: Sequence[Purchases], *, as_of: dt.date) -> list[Scores]:
    """Scores by where a value lies between the quintiles of all values: equal values score equally, groups may differ in size."""
    days = [(as_of - one.last_order_date).days for one in purchases]
    r_cuts = _cuts([Decimal(value) for value in days])
    f_cuts = _cuts([Decimal(one.order_count) for one in purchases])
    m_cuts = _cuts([one.amount for one in purchases])
    return [
        Scores(
            GROUPS + 1 - _score(Decimal(age), r_cuts),
            _score(Decimal(one.order_count), f_cuts),
            _score(one.amount, m_cuts),
        )
        for age, one in zip(days, purchases, strict=True)
    ]


def score_in_equal_groups(purchases: Sequence[Purchases]) -> list[Scores]:
    """Scores by rank in five groups of equal size (SQL's NTILE), older customers first among equals: equal values may score differently."""
    r = _tiles([(one.last_order_date.toordinal(), one.customer_id) for one in purchases])
    f = _tiles([(one.order_count, one.customer_id) for one in purchases])
    m = _tiles([(one.amount, one.customer_id) for one in purchases])
    return [Scores(*scores) for scores in zip(r, f, m, strict=True)]


def find_segment(scores: Scores, segments: Sequence[S]) -> S | None:
    """The first segment that fits, in their order."""
    for one in segments:
        if (
            one.r_from <= scores.r <= one.r_to
            and one.f_from <= scores.f <= one.f_to
            and one.m_from <= scores.m <= one.m_to
        ):
            return one
    return None


def _cuts(values: Sequence[Decimal]) -> list[Decimal]:
    if len(values) < 2:
        return [values[0] + 1] * (GROUPS - 1) if values else []
    return [cut + 1 for cut in statistics.quantiles(values, n=GROUPS, method="inclusive")]


def _score(value: Decimal, cuts: Sequence[Decimal]) -> int:
    return 1 + sum(value >= cut for cut in cuts)


def _tiles(keys: Sequence[tuple[Decimal | int, int]]) -> list[int]:
    """As NTILE(5): the first groups take one more where the number does not divide."""
    size, larger = divmod(len(keys), GROUPS)
    tiles = [0] * len(keys)
    ranked = sorted(range(len(keys)), key=keys.__getitem__)
    border = larger * (size + 1)
    for rank, index in enumerate(ranked):
        tiles[index] = 1 + (rank // (size + 1) if rank < border else larger + (rank - border) // max(size, 1))
    return tiles
