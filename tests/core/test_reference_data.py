"""The rows of law that every database has, and that survive the emptying between tests."""

from datetime import date
from decimal import Decimal

import pytest

from erp.core import changes, selectors
from erp.core.models import FeedEpoch, TaxClass, TaxRate
from erp.core.reference import load_reference_data
from erp.core.tax import rate_on

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("tax_class", "on", "code", "percent", "national"),
    [
        (TaxClass.STANDARD, date(1989, 4, 1), "STANDARD_3", "3", "3"),
        (TaxClass.STANDARD, date(1997, 3, 31), "STANDARD_3", "3", "3"),
        (TaxClass.STANDARD, date(1997, 4, 1), "STANDARD_5", "5", "4"),
        (TaxClass.STANDARD, date(2014, 4, 1), "STANDARD_8", "8", "6.3"),
        (TaxClass.STANDARD, date(2019, 9, 30), "STANDARD_8", "8", "6.3"),
        (TaxClass.STANDARD, date(2019, 10, 1), "STANDARD_10", "10", "7.8"),
        (TaxClass.REDUCED, date(2019, 10, 1), "REDUCED_8", "8", "6.24"),
        (TaxClass.ZERO_RATED, date(2026, 11, 23), "ZERO_RATED", "0", "0"),
        (TaxClass.EXEMPT, date(1989, 4, 1), "EXEMPT", "0", "0"),
        (TaxClass.OUT_OF_SCOPE, date(2026, 11, 23), "OUT_OF_SCOPE", "0", "0"),
    ],
)
def test_each_class_has_its_rate_on_a_date(tax_class, on, code, percent, national):
    rate = rate_on(selectors.tax_rates(), tax_class=tax_class, on=on)

    assert (rate.code, rate.percent) == (code, Decimal(percent))
    assert TaxRate.objects.get(code=code).national_percent == Decimal(national)


def test_old_8_percent_and_reduced_8_percent_are_told_apart_by_code():
    old, reduced = TaxRate.objects.get(code="STANDARD_8"), TaxRate.objects.get(code="REDUCED_8")

    assert old.percent == reduced.percent
    assert (old.is_reduced, reduced.is_reduced) == (False, True)


def test_no_reduced_rate_before_october_2019():
    with pytest.raises(LookupError):
        rate_on(selectors.tax_rates(), tax_class=TaxClass.REDUCED, on=date(2019, 9, 30))


@pytest.mark.parametrize(
    ("on", "share"),
    [
        (date(2023, 9, 30), 100),
        (date(2023, 10, 1), 80),
        (date(2026, 9, 30), 80),
        (date(2026, 10, 1), 70),
        (date(2028, 10, 1), 50),
        (date(2030, 10, 1), 30),
        (date(2031, 10, 1), 0),
    ],
)
def test_deductible_share_by_date(on, share):
    assert selectors.deductible_share_on(on) == share


def test_loading_again_overwrites_nothing_and_adds_nothing():
    TaxRate.objects.filter(code="REDUCED_8").update(valid_to=date(2027, 3, 31))
    before = TaxRate.objects.count(), FeedEpoch.objects.count()

    load_reference_data()

    assert (TaxRate.objects.count(), FeedEpoch.objects.count()) == before == (8, 1)
    assert TaxRate.objects.get(code="REDUCED_8").valid_to == date(2027, 3, 31)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("_round", [1, 2])
def test_reference_data_is_there_in_every_transactional_test(_round):
    assert TaxRate.objects.count() == 8
    assert changes.current_cursor().epoch == FeedEpoch.objects.get().pk
