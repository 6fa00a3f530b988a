"""Keys as forms and addresses name them."""

from __future__ import annotations

import pytest

from erp.core.keys import key_in, keys_in, number_in


@pytest.mark.parametrize("text", ["", "x", "-1", "1.0", "²", "0", "9" * 19, "9" * 5_000, None])
def test_what_is_no_key_is_the_key_of_no_row(text):
    assert key_in(text) == 0


def test_keys_keep_their_order():
    assert keys_in(["7", "x", "12", 3, "", "9" * 18]) == [7, 12, 3, 10**18 - 1]


@pytest.mark.parametrize(
    ("text", "number"), [("0", 0), ("12", 12), ("", None), ("-1", None), ("²", None), ("9" * 19, None)]
)
def test_a_number_may_be_nothing_where_a_key_may_not(text, number):
    assert number_in(text) == number
