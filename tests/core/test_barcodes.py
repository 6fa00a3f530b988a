"""Bars that scanners read."""

import pytest

from erp.core.barcodes import code128


def modules(text: str) -> str:
    """Black as 1, white as 0."""
    return "".join(("1" if place % 2 == 0 else "0") * width for place, width in enumerate(code128(text)))


def test_bars_are_those_of_another_encoder():
    """Source: python-barcode 0.15.1, ``Code128("SH-A").build()``."""
    assert modules("SH-A") == "1101001000011011101000110001010001001101110010100011000111101010001100011101011"


def test_every_letter_of_a_shipment_number_can_be_written():
    widths = code128("SH-00001234")

    # Start, eleven letters, check letter of eleven modules each, and a stop of thirteen.
    assert sum(widths) == 11 * 13 + 13


@pytest.mark.parametrize("text", ["", "出荷", "a\n"])
def test_what_has_no_bars_is_refused(text):
    with pytest.raises(ValueError, match="Code 128"):
        code128(text)
