"""Consumption tax: every worked example, rounded once per document per rate."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erp.core.money import Rounding
from erp.core.tax import Rate, TaxedAmount, allocate_tax, deductible_tax, document_tax, rate_on, spread_discount

D = Decimal
TEN = Rate("STANDARD", "STANDARD_10", D(10), date(2019, 10, 1))
REDUCED = Rate("REDUCED", "REDUCED_8", D(8), date(2019, 10, 1))
OLD_8 = Rate("STANDARD", "STANDARD_8", D(8), date(2014, 4, 1), date(2019, 9, 30))
FREE = Rate("EXEMPT", "EXEMPT", D(0), date(1989, 4, 1))


def taxed(rate: Rate, *amounts: int, included: bool = False) -> list[TaxedAmount]:
    return [TaxedAmount(rate, D(amount), included) for amount in amounts]


def figures(amounts, rounding=Rounding.DOWN):
    totals = document_tax(amounts, rounding=rounding)
    return {code: (total.net, total.tax, total.gross) for code, total in totals.items()}


@pytest.mark.parametrize(("rounding", "tax"), [(Rounding.DOWN, 31), (Rounding.HALF_UP, 32), (Rounding.UP, 32)])
def test_three_lines_of_105_yen_are_rounded_once_and_not_per_line(rounding, tax):
    assert figures(taxed(TEN, 105, 105, 105), rounding) == {"STANDARD_10": (315, tax, 315 + tax)}


@pytest.mark.parametrize("amount", [105])
def test_rounding_per_line_would_be_a_yen_short(amount):
    lines = [document_tax(taxed(TEN, amount), rounding=Rounding.DOWN)["STANDARD_10"].tax for _line in range(3)]

    assert sum(lines) == 30


def test_two_rates_exclusive_are_rounded_each_by_itself():
    document = figures([*taxed(TEN, 1980, 1980, 2990), *taxed(REDUCED, 498)])

    assert document == {"STANDARD_10": (6950, 695, 7645), "REDUCED_8": (498, 39, 537)}
    assert sum(gross for _net, _tax, gross in document.values()) == 8182


def test_inclusive_amounts():
    assert figures(taxed(TEN, 2178, 3289, included=True)) == {"STANDARD_10": (4970, 497, 5467)}


def test_old_and_reduced_8_percent_are_two_lines_of_a_document():
    assert figures([*taxed(OLD_8, 100), *taxed(REDUCED, 100)]) == {
        "STANDARD_8": (100, 8, 108),
        "REDUCED_8": (100, 8, 108),
    }


def test_free_goods_carry_no_tax():
    assert figures(taxed(FREE, 500)) == {"EXEMPT": (500, 0, 500)}


def test_the_order_in_the_documents_example():
    """3,300 × 2 less a shop coupon of 300, and 550 shipping, tax-inclusive: 6,850 with 622 tax."""
    assert figures(taxed(TEN, 6600, 550, -300, included=True))["STANDARD_10"] == (6228, 622, 6850)


def test_a_purchase_from_an_unregistered_supplier_in_november_2026():
    [(net, tax, gross)] = figures(taxed(TEN, 110_000, included=True)).values()
    deductible = deductible_tax(tax, share_percent=D(70))

    assert (net, tax, gross) == (100_000, 10_000, 110_000)
    assert (deductible, gross - deductible) == (7_000, 103_000)


@pytest.mark.parametrize(("share", "deductible"), [(80, 7_999), (70, 6_999), (50, 4_999), (30, 2_999), (0, 0)])
def test_the_deductible_share_is_rounded_down(share, deductible):
    assert deductible_tax(D(9_999), share_percent=D(share)) == deductible


def test_a_rate_is_found_by_date_and_none_is_an_error():
    rates = [TEN, OLD_8]

    assert rate_on(rates, tax_class="STANDARD", on=date(2019, 9, 30)) is OLD_8
    assert rate_on(rates, tax_class="STANDARD", on=date(2019, 10, 1)) is TEN
    with pytest.raises(LookupError, match="2014-03-31"):
        rate_on(rates, tax_class="STANDARD", on=date(2014, 3, 31))


def test_document_tax_is_shared_out_to_lines_by_largest_remainder():
    [total] = document_tax(taxed(TEN, 105, 105, 105), rounding=Rounding.DOWN).values()

    assert allocate_tax(total, [D(105), D(105), D(105)]) == [11, 10, 10]


def test_a_discount_over_mixed_rates_goes_by_the_ratio_of_their_groups():
    assert spread_discount(D(1000), {1: D(7000), 2: D(3000)}) == {1: 700, 2: 300}
    assert spread_discount(D(1000), {}) == {}


amounts = st.lists(
    st.builds(TaxedAmount, st.sampled_from([TEN, REDUCED, OLD_8, FREE]), st.integers(0, 10**8).map(D), st.booleans()),
    max_size=40,
)


@given(amounts, st.sampled_from(Rounding))
def test_net_and_tax_make_gross_and_what_was_charged_never_changes(items, rounding):
    totals = document_tax(items, rounding=rounding)

    for code, total in totals.items():
        of_rate = [item for item in items if item.rate.code == code]
        assert total.net + total.tax == total.gross
        if all(item.tax_included for item in of_rate):
            assert total.gross == sum(item.amount for item in of_rate)
        if not any(item.tax_included for item in of_rate):
            assert total.net == sum(item.amount for item in of_rate)
        assert sum(allocate_tax(total, [item.amount for item in of_rate])) == total.tax


@given(amounts, st.sampled_from(Rounding))
def test_a_return_of_everything_mirrors_the_sale(items, rounding):
    back = [TaxedAmount(item.rate, -item.amount, item.tax_included) for item in items]

    assert figures(back, rounding) == {
        code: (-net, -tax, -gross) for code, (net, tax, gross) in figures(items, rounding).items()
    }
