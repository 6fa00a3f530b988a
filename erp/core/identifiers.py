"""Check digits and forms of public numbers: GTIN (JAN), corporate numbers (法人番号), registration numbers (登録番号). Pure functions.

Text, never numbers: leading zeros count.
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum

_HYPHENS = dict.fromkeys(map(ord, "-‐‑‒–—―−ー "))

# Where people set a hyphen into a telephone number; a bracket stands for one.
_PHONE_HYPHENS = str.maketrans(dict.fromkeys("‐‑‒–—―−ー()", "-"))


class GtinKind(StrEnum):
    GTIN13 = "GTIN13"
    GTIN8 = "GTIN8"
    GTIN14 = "GTIN14"
    IN_STORE = "IN_STORE"


def plain(text: str) -> str:
    """``text`` in ordinary width, without hyphens and spaces: as people type numbers, as machines compare them."""
    return unicodedata.normalize("NFKC", text).translate(_HYPHENS)


def national_phone(text: str) -> str | None:
    """A telephone number as it is dialled in Japan, digits and the hyphens it came with; None for a number that is none of Japan's.

    +81 and 0081 stand for the 0 that is left out abroad, as for looking up (``mamori_digits``).
    """
    told = unicodedata.normalize("NFKC", text).translate(_PHONE_HYPHENS).strip()
    national = re.sub(r"^(\+|00)81[^0-9]*(0[^0-9]*)?", "0", told)
    number = re.sub(r"-{2,}", "-", re.sub(r"[^0-9-]", "", national)).strip("-")
    return number if re.fullmatch("0[1-9][0-9]{8,9}", number.replace("-", "")) and "+" not in national else None


def gtin_check_digit(body: str) -> str:
    """The last digit of a GTIN of any length: weights 3, 1, 3, 1 … from the right."""
    total = sum(int(digit) * (3 if index % 2 == 0 else 1) for index, digit in enumerate(reversed(body)))
    return str(-total % 10)


def is_gtin(code: str) -> bool:
    is_form = len(code) in (8, 12, 13, 14) and code.isascii() and code.isdecimal()
    return is_form and gtin_check_digit(code[:-1]) == code[-1]


def gtin_forms(text: str) -> tuple[str, ...]:
    """Every form in which the GTIN ``text`` may be stored, printed or read: it is the same with any number of leading zeros, which readers add and
    spreadsheets drop. None where it is no GTIN.

    At least eight digits: fewer are somebody's own numbers.
    """
    code = plain(text)
    body = code.lstrip("0")
    is_form = 8 <= len(code) <= 100 and code.isascii() and code.isdecimal() and 0 < len(body) <= 14
    if not is_form or not is_gtin(body.zfill(14)):
        return ()
    return tuple(body.zfill(length) for length in (8, 12, 13, 14) if len(body) <= length)


def gtin_key(code: str) -> str:
    """What two forms of one GTIN have in common; another code is its own."""
    forms = gtin_forms(code)
    return forms[-1] if forms else code


def classify_gtin(text: str) -> tuple[GtinKind, str] | None:
    """Kind and stored form of a GTIN, None when it is none or its check digit is wrong.

    Codes with the prefixes 02 and 20 to 29 are restricted to the company (インストアコード); a 12-digit UPC is kept as GTIN-14.
    """
    code = plain(text)
    if not is_gtin(code):
        return None
    if len(code) == 12:
        return GtinKind.GTIN14, code.zfill(14)
    if len(code) == 14:
        return GtinKind.GTIN14, code
    if code.startswith(("02", "2")):
        return GtinKind.IN_STORE, code
    return (GtinKind.GTIN13 if len(code) == 13 else GtinKind.GTIN8), code


def corporate_number_check_digit(base: str) -> str:
    """The first digit of a corporate number from its other twelve. Source: 平成26年財務省令70号 2条."""
    total = sum(int(digit) * (1 if index % 2 == 0 else 2) for index, digit in enumerate(reversed(base)))
    return str(9 - total % 9)


def is_corporate_number(text: str) -> bool:
    code = plain(text)
    is_form = len(code) == 13 and code.isascii() and code.isdecimal()
    return is_form and corporate_number_check_digit(code[1:]) == code[0]


def normalise_registration_number(text: str) -> str | None:
    """``T`` and thirteen digits, or None when ``text`` has not that form.

    A corporation's digits are its corporate number (see :func:`is_corporate_number`). For sole traders no check digit is published, so a
    failing one is worth a warning, never a refusal.
    """
    code = plain(text).upper()
    return code if re.fullmatch(r"T[1-9][0-9]{12}", code) else None
