"""Rounding happens once and splitting loses nothing."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erp.core.money import Rounding, round_fraction, round_money, share_so_far, split_by_weight

D = Decimal
yen = st.integers(-(10**12), 10**12).map(Decimal)
weights = st.lists(st.integers(0, 10**9).map(Decimal), min_size=1, max_size=60)


@pytest.mark.parametrize(
    ("amount", "down", "half_up", "up"),
    [("31.5", 31, 32, 32), ("31.4", 31, 31, 32), ("31", 31, 31, 31), ("-31.5", -31, -32, -32), ("-0.4", 0, 0, -1)],
)
def test_rounding_goes_by_magnitude_so_that_a_return_mirrors_its_sale(amount, down, half_up, up):
    assert round_money(D(amount), method=Rounding.DOWN) == down
    assert round_money(D(amount), method=Rounding.HALF_UP) == half_up
    assert round_money(D(amount), method=Rounding.UP) == up


@given(st.fractions(min_value=-(10**9), max_value=10**9), st.sampled_from(Rounding))
def test_a_rounded_fraction_is_less_than_a_unit_away_and_mirrored(amount, method):
    rounded = round_fraction(amount, method=method)

    assert abs(Fraction(rounded) - amount) < 1
    assert round_fraction(-amount, method=method) == -rounded


def test_currencies_have_their_own_smallest_unit():
    assert round_money(D("1.005"), currency="USD") == D("1.01")
    with pytest.raises(KeyError):
        round_money(D(1), currency="XXX")


@given(yen, weights)
def test_a_split_adds_up_exactly_and_no_part_is_a_yen_off(total, parts):
    split = split_by_weight(total, parts)

    assert sum(split) == total
    whole = sum(parts)
    if whole:
        for part, weight in zip(split, parts, strict=True):
            assert abs(Fraction(part) - Fraction(total) * Fraction(weight) / Fraction(whole)) < 1


@given(yen, weights)
def test_a_split_of_the_negative_is_the_negative_of_the_split(total, parts):
    assert split_by_weight(-total, parts) == [-part for part in split_by_weight(total, parts)]


@given(yen, st.integers(1, 40))
def test_equal_weights_differ_by_at_most_one(total, count):
    split = split_by_weight(total, [D(1)] * count)

    assert max(split) - min(split) <= 1


def test_ties_go_to_the_earlier_part_and_no_weight_means_the_first():
    assert split_by_weight(D(10), [D(1), D(1), D(1)]) == [4, 3, 3]
    assert split_by_weight(D(-10), [D(1), D(1), D(1)]) == [-4, -3, -3]
    assert split_by_weight(D(7), [D(0), D(0)]) == [7, 0]
    assert split_by_weight(D("0.05"), [D(1), D(1)], currency="USD") == [D("0.03"), D("0.02")]


@pytest.mark.parametrize("parts", [[], [D(1), D(-1)]])
def test_no_parts_and_negative_weights_are_refused(parts):
    with pytest.raises(ValueError, match="split_by_weight"):
        split_by_weight(D(1), parts)


@given(yen, st.lists(st.integers(1, 50), min_size=1, max_size=10))
def test_partial_shipments_take_their_parts_and_the_last_takes_the_rest(total, pieces):
    whole, done, taken = sum(pieces), 0, []
    for piece in pieces:
        before = share_so_far(total, done=done, of=whole)
        done += piece
        taken.append(share_so_far(total, done=done, of=whole) - before)

    assert sum(taken) == total
    assert all(part * (1 if total >= 0 else -1) >= 0 for part in taken)
