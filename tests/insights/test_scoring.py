"""Scores against results that others published for the same orders, and by hand where a person can check them."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from erp.insights.models import Segment
from erp.insights.selectors import Purchases, Scores, find_segment, score_by_value, score_in_equal_groups

ORDERS = Path(__file__).parent / "data" / "rfm_data_orders.csv.gz"
AS_OF = dt.date(2006, 12, 31)


def segment(name: str, r: tuple[int, int], f: tuple[int, int], m: tuple[int, int]) -> Segment:
    return Segment(code=name, r_from=r[0], r_to=r[1], f_from=f[0], f_to=f[1], m_from=m[0], m_to=m[1])


# The package's own table, in its own order: it hides three segments behind wider ones, which a company's order must not.
PUBLISHED = [
    segment("Champions", (4, 5), (4, 5), (4, 5)),
    segment("Loyal Customers", (2, 5), (3, 5), (3, 5)),
    segment("Potential Loyalist", (3, 5), (1, 3), (1, 3)),
    segment("New Customers", (4, 5), (1, 1), (1, 1)),
    segment("Promising", (3, 4), (1, 1), (1, 1)),
    segment("Need Attention", (2, 3), (2, 3), (2, 3)),
    segment("About To Sleep", (2, 3), (1, 2), (1, 2)),
    segment("At Risk", (1, 2), (2, 5), (2, 5)),
    segment("Can't Lose Them", (1, 1), (4, 5), (4, 5)),
    segment("Lost", (1, 2), (1, 2), (1, 2)),
]


@pytest.fixture(scope="module")
def published() -> tuple[list[str], list[Purchases], list[Scores]]:
    sums: dict[str, list] = {}
    with gzip.open(ORDERS, "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            one = sums.setdefault(row["customer_id"], [dt.date.min, 0, Decimal(0)])
            one[0] = max(one[0], dt.date.fromisoformat(row["order_date"]))
            one[1] += 1
            one[2] += Decimal(row["revenue"])
    bought = [Purchases(number, *values) for number, values in enumerate(sums.values())]
    return list(sums), bought, score_by_value(bought, as_of=AS_OF)


def test_scores_are_those_the_reference_gives(published):
    names, bought, scores = published
    of = dict(zip(names, scores, strict=True))

    assert (len(bought), sum(one.order_count for one in bought)) == (995, 4906)
    assert of["Abbey O'Reilly"] == Scores(3, 4, 3)
    assert of["Add Senger"] == Scores(4, 1, 2)
    assert of["Aden Lesch"] == Scores(3, 2, 3)
    assert of["Aden Murphy"] == Scores(5, 4, 4)
    assert of["Admiral Senger"] == Scores(4, 3, 3)


def test_segments_are_as_large_as_the_reference_says(published):
    _names, bought, scores = published
    found = [find_segment(one, PUBLISHED) for one in scores]
    sizes = Counter(one.code if one else "Others" for one in found)
    champions = [one for one, group in zip(bought, found, strict=True) if group and group.code == "Champions"]

    assert sizes == {
        "Loyal Customers": 278,
        "Potential Loyalist": 229,
        "Champions": 158,
        "Lost": 111,
        "At Risk": 86,
        "About To Sleep": 50,
        "Others": 48,
        "Need Attention": 35,
    }
    assert (sum(one.order_count for one in champions), sum(one.amount for one in champions)) == (1234, 120178)


def test_equal_groups_differ_by_one_at_most_and_order_equals_by_age():
    days = [dt.date(2026, 1, day) for day in range(1, 13)]
    bought = [Purchases(number, day, 1, Decimal(1000)) for number, day in enumerate(days)]

    scores = score_in_equal_groups(bought)

    assert [one.r for one in scores] == [1, 1, 1, 2, 2, 2, 3, 3, 4, 4, 5, 5]
    assert [one.f for one in scores] == [1, 1, 1, 2, 2, 2, 3, 3, 4, 4, 5, 5]


@pytest.mark.parametrize("count", [0, 1, 2, 4])
def test_a_handful_of_customers_has_scores_too(count):
    bought = [Purchases(number, AS_OF, 1 + number, Decimal(100 * number + 1)) for number in range(count)]

    for scores in (score_by_value(bought, as_of=AS_OF), score_in_equal_groups(bought)):
        assert len(scores) == count
        assert all(1 <= value <= 5 for one in scores for value in (one.r, one.f, one.m))
