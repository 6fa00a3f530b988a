"""Amounts of orders: tax once per rate, every yen on a line, in any mixture and any split."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.models import Product
from erp.core.money import Rounding, round_fraction, share_so_far
from erp.core.tax import Rate
from erp.orders.services import AdjustmentInput, DeliveryInput, FeeInput, LineInput, OrderInput, StatedTax
from erp.orders.services.amounts import PricedOrder, price_order, scale_to_gross
from tests.inventory.factories import sku
from tests.orders.factories import line, order, placed, shop

START = dt.date(2019, 10, 1)
STANDARD = Rate("STANDARD", "STANDARD_10", Decimal(10), START)
REDUCED = Rate("REDUCED", "REDUCED_8", Decimal(8), START)
FREE = Rate("EXEMPT", "EXEMPT", Decimal(0), START)
RATES = {rate.tax_class: rate for rate in (STANDARD, REDUCED, FREE)}
NOON = dt.datetime(2026, 11, 23, 3, tzinfo=dt.UTC)


def lines_of(*rows: tuple[int, int, bool, str]) -> tuple[LineInput, ...]:
    """(quantity, unit price, tax included, tax class)"""
    return tuple(
        LineInput(str(number), "S", quantity, Decimal(price), included, tax_class)
        for number, (quantity, price, included, tax_class) in enumerate(rows, 1)
    )


def priced(lines, fees=(), discounts=(), *, total=None, stated=(), rounding=Rounding.DOWN) -> PricedOrder:
    order = OrderInput(
        "A-1", NOON, tuple(lines), total, fees=tuple(fees), adjustments=tuple(discounts), stated_taxes=stated
    )
    return price_order(
        order,
        lines=[RATES[line.tax_class] for line in order.lines],
        fees=[RATES[fee.tax_class] for fee in order.fees],
        rounding=rounding,
    )


def figures(order: PricedOrder) -> dict[str, tuple[int, int, int]]:
    return {total.rate.code: (int(total.net), int(total.tax), int(total.gross)) for total in order.totals}


def test_vectors_of_the_law():
    """Three lines of 105 without tax: 31, not 3 × 10. 6,950 + 498 without tax: 8,182. 2,178 + 3,289 with tax: 497 in it."""
    assert figures(priced(lines_of(*[(1, 105, False, "STANDARD")] * 3))) == {"STANDARD_10": (315, 31, 346)}
    mixed = priced(
        lines_of(
            (1, 1980, False, "STANDARD"), (1, 1980, False, "STANDARD"), (1, 2990, False, "STANDARD"), (1, 498, False, "REDUCED")
        )
    )  # fmt: skip
    assert figures(mixed) == {"STANDARD_10": (6950, 695, 7645), "REDUCED_8": (498, 39, 537)}
    assert mixed.total == 8182
    assert figures(priced(lines_of((1, 2178, True, "STANDARD"), (1, 3289, True, "STANDARD")))) == {
        "STANDARD_10": (4970, 497, 5467)
    }


@pytest.mark.parametrize(("rounding", "tax"), [(Rounding.DOWN, 31), (Rounding.HALF_UP, 32), (Rounding.UP, 32)])
def test_the_rounding_is_a_setting(rounding, tax):
    assert priced(lines_of(*[(1, 105, False, "STANDARD")] * 3), rounding=rounding).tax == tax


def test_inclusive_and_exclusive_lines_under_one_rate():
    """1,100 with and 105 without tax: tax 100 + 10.5 = 110.5 → 110; charged 1,100 + 105 + 10."""
    order = priced(lines_of((1, 1100, True, "STANDARD"), (1, 105, False, "STANDARD")))

    assert figures(order) == {"STANDARD_10": (1105, 110, 1215)}
    assert [(line.net, line.tax, line.gross) for line in order.lines] == [(1000, 100, 1100), (105, 10, 115)]


def test_a_coupon_over_two_rates_goes_by_their_ratio():
    """500 over 6,600 and 2,160: 376.7 and 123.3."""
    order = priced(
        lines_of((2, 3300, True, "STANDARD"), (1, 2160, True, "REDUCED")), discounts=[AdjustmentInput("COUPON", "SHOP", Decimal(500))]
    )  # fmt: skip

    assert [line.discount for line in order.lines] == [377, 123]
    assert figures(order) == {"STANDARD_10": (5658, 565, 6223), "REDUCED_8": (1887, 150, 2037)}


def test_a_coupon_larger_than_the_goods_takes_the_fees_too_and_says_when_it_is_too_large():
    fee = FeeInput("SHIPPING", Decimal(550))
    fits = priced(lines_of((1, 1100, True, "STANDARD")), [fee], [AdjustmentInput("COUPON", "SHOP", Decimal(1600))])
    too_large = priced(lines_of((1, 1100, True, "STANDARD")), [fee], [AdjustmentInput("COUPON", "SHOP", Decimal(1700))])

    assert (fits.total, fits.problem) == (50, "")
    assert (too_large.total, too_large.problem) == (0, "discount")


def test_an_ec_site_that_rounds_per_line_keeps_its_gross():
    stated = (StatedTax("STANDARD", Decimal(10), Decimal(345), Decimal(30)),)
    order = priced(lines_of(*[(1, 105, False, "STANDARD")] * 3), total=Decimal(345), stated=stated)

    assert (order.total, order.problem) == (345, "")
    assert figures(order) == {"STANDARD_10": (314, 31, 345)}


ROWS = st.tuples(st.integers(1, 50), st.integers(0, 30_000), st.booleans(), st.sampled_from(sorted(RATES)))
FEES = st.builds(
    FeeInput, st.sampled_from(["SHIPPING", "COD"]), st.integers(0, 2000).map(Decimal), st.booleans(), st.sampled_from(sorted(RATES))
)  # fmt: skip
COUPONS = st.builds(
    AdjustmentInput, st.just("COUPON"), st.sampled_from(["SHOP", "MALL"]), st.integers(0, 20_000).map(Decimal)
)
ORDERS = st.tuples(
    st.lists(ROWS, min_size=1, max_size=12),
    st.lists(FEES, max_size=3),
    st.lists(COUPONS, max_size=3),
    st.sampled_from(Rounding),
)


@settings(max_examples=300, deadline=None)
@given(ORDERS)
def test_every_yen_of_the_document_is_on_a_line(drawn):
    rows, fees, coupons, rounding = drawn
    order = priced(lines_of(*rows), fees, coupons, rounding=rounding)
    items = [*order.lines, *order.fees]

    assert sum(item.net for item in items) == order.net
    assert sum(item.tax for item in items) == order.tax
    assert sum(item.gross for item in items) == order.total == order.net + order.tax
    for item in items:
        assert item.net + item.tax == item.gross
        assert min(item.net, item.tax, item.gross, item.discount) >= 0
        if item.tax_included:
            assert item.gross == item.charged - item.discount
        else:
            assert item.net == item.charged - item.discount
    if order.problem != "discount":
        shop = sum(coupon.amount for coupon in coupons if coupon.funded_by == "SHOP")
        assert sum(item.discount for item in items) == shop
    assert order.third_party == sum(coupon.amount for coupon in coupons if coupon.funded_by == "MALL")


@settings(max_examples=300, deadline=None)
@given(ORDERS)
def test_tax_is_rounded_once_per_rate(drawn):
    rows, fees, coupons, rounding = drawn
    order = priced(lines_of(*rows), fees, coupons, rounding=rounding)

    for total in order.totals:
        percent = Fraction(total.rate.percent)
        exact = sum(
            Fraction(item.charged - item.discount) * percent / (100 + percent if item.tax_included else 100)
            for item in [*order.lines, *order.fees]
            if item.rate.code == total.rate.code
        )
        assert total.tax == round_fraction(Fraction(exact), method=rounding)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 10**9), st.lists(st.integers(1, 1000), min_size=1, max_size=20))
def test_parts_in_any_split_add_up_to_the_line(amount, parts):
    whole, done, taken = sum(parts), 0, []
    for part in parts:
        before = share_so_far(Decimal(amount), done=done, of=whole)
        done += part
        taken.append(share_so_far(Decimal(amount), done=done, of=whole) - before)

    assert sum(taken) == amount
    assert min(taken) >= 0


@settings(max_examples=200, deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=8), st.integers(0, 10**7), st.sampled_from(Rounding))
def test_an_accepted_total_is_the_gross_of_the_document(rows, charged, rounding):
    order = priced(lines_of(*rows), rounding=rounding)

    scaled = scale_to_gross(order.lines, Decimal(charged), rounding=rounding, currency="JPY")

    assert sum(item.gross for item in scaled) == charged
    assert all(item.net + item.tax == item.gross for item in scaled)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("release", "wished", "percent"),
    [
        (None, None, 8),
        (dt.date(2019, 9, 30), None, 8),
        (dt.date(2019, 10, 1), None, 10),
        (dt.date(2019, 9, 1), dt.date(2019, 10, 5), 10),
        (None, dt.date(2019, 9, 30), 8),
    ],
)
def test_an_order_that_is_known_to_leave_after_a_change_of_rates_has_the_new_rate(release, wished, percent):
    channel, _place = shop()
    shirt = sku()
    Product.objects.filter(pk=shirt.product_id).update(release_date=release)
    sent = order(
        line(shirt, 1, 1000, tax_included=False),
        total=1000 + percent * 10,
        ordered_at=dt.datetime(2019, 9, 30, 14, 59, tzinfo=dt.UTC),  # 23:59 in Tokyo
        deliveries=(DeliveryInput(wish_date=wished),),
    )
    record = placed(channel, sent)
    assert (record.total, record.holds.count()) == (1000 + percent * 10, 0)
    assert record.lines.get().tax_percent == percent
