"""Check digits of GTIN, corporate and registration numbers."""

import csv
import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erp.core.identifiers import (
    GtinKind,
    classify_gtin,
    corporate_number_check_digit,
    gtin_check_digit,
    gtin_forms,
    is_corporate_number,
    is_gtin,
    normalise_registration_number,
)

EDINET = Path(__file__).resolve().parents[3] / "shared" / "data" / "edinet_companies" / "edinet_companies.csv.gz"


@pytest.mark.parametrize(("body", "digit"), [("490123456789", "4"), ("4912345", "6"), ("4512345", "0")])
def test_gtin_check_digits(body, digit):
    assert gtin_check_digit(body) == digit
    assert is_gtin(body + digit)
    assert not is_gtin(body + str((int(digit) + 1) % 10))


@given(st.text("0123456789", min_size=12, max_size=12), st.integers(0, 11), st.integers(1, 9))
def test_every_single_wrong_digit_is_found(body, place, shift):
    code = body + gtin_check_digit(body)
    wrong = code[:place] + str((int(code[place]) + shift) % 10) + code[place + 1 :]

    assert not is_gtin(wrong)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("4901234567894", (GtinKind.GTIN13, "4901234567894")),
        ("４９０１２３４５６７８９４", (GtinKind.GTIN13, "4901234567894")),
        ("49-1234 5-6", (GtinKind.GTIN8, "49123456")),
        ("012345678905", (GtinKind.GTIN14, "00012345678905")),
        ("14901234567891", (GtinKind.GTIN14, "14901234567891")),
        ("0212345678909", (GtinKind.IN_STORE, "0212345678909")),
        ("2012345678903", (GtinKind.IN_STORE, "2012345678903")),
        ("2912345678906", (GtinKind.IN_STORE, "2912345678906")),
        ("4901234567890", None),
        ("490123456789", None),
        ("", None),
        ("JAN", None),
        ("①②③④⑤⑥⑦⑧", None),
    ],
)
def test_codes_are_filed_under_what_they_are(text, answer):
    assert classify_gtin(text) == answer


@pytest.mark.parametrize(("base", "digit"), [("123456789012", "7"), ("000012050002", "7")])
def test_corporate_number_check_digits(base, digit):
    assert corporate_number_check_digit(base) == digit


@pytest.mark.parametrize(
    ("number", "valid"),
    [
        ("7123456789012", True),
        ("7000012050002", True),
        ("1180301018771", True),
        ("4011001098993", True),
        ("7123456789013", False),
        ("123", False),
        ("712345678901X", False),
    ],
)
def test_corporate_numbers(number, valid):
    assert is_corporate_number(number) is valid


@pytest.mark.skipif(not EDINET.exists(), reason="the list of companies is not on this machine")
def test_every_real_corporate_number_passes():
    with gzip.open(EDINET, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    column = next(name for name in rows[0] if "法人番号" in name or "corporate" in name.lower())
    numbers = [row[column] for row in rows if row[column]]

    assert len(numbers) > 7_000
    assert [number for number in numbers if not is_corporate_number(number)] == []


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("T7123456789012", "T7123456789012"),
        ("ｔ７１２３-４５６７-８９０１２", "T7123456789012"),
        ("T0123456789012", None),
        ("7123456789012", None),
        ("T712345678901", None),
        ("", None),
    ],
)
def test_registration_numbers_are_brought_to_form(text, number):
    assert normalise_registration_number(text) == number


@pytest.mark.parametrize(
    ("text", "forms"),
    [
        ("036000291452", ("036000291452", "0036000291452", "00036000291452")),
        ("０036000291452", ("036000291452", "0036000291452", "00036000291452")),
        ("00036000291452", ("036000291452", "0036000291452", "00036000291452")),
        ("36000291452", ("036000291452", "0036000291452", "00036000291452")),
        ("49123456", ("49123456", "000049123456", "0000049123456", "00000049123456")),
        ("14901234567891", ("14901234567891",)),
        ("036000291453", ()),
        ("00000000", ()),
        ("42", ()),
        ("SKU-036000291452", ()),
    ],
)
def test_a_gtin_is_the_same_with_any_number_of_leading_zeros(text, forms):
    assert gtin_forms(text) == forms
