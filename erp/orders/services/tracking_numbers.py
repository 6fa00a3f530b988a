"""What a carrier's number of a parcel (送り状番号) looks like. Pure; every way to a parcel's number asks here."""

from __future__ import annotations

import re

from django.utils.translation import gettext as _

from erp.core.errors import InvalidInput, Problem
from erp.core.identifiers import plain
from erp.orders.models import Carrier
from erp.orders.selectors.carriers import known_carrier

# Carriers whose numbers end in a check digit.
SEVEN_CHECKED = (Carrier.YAMATO.value, Carrier.SAGAWA.value)
# Of parcels that go abroad, as the Universal Postal Union writes them: EG123456789JP.
POSTAL = re.compile(r"[A-Z]{2}[0-9]{9}[A-Z]{2}")
# Whoever else carries it; a number without any digit is a word.
OTHERS = re.compile(r"(?=.*[0-9])[A-Za-z0-9-]{4,40}")


def has_seven_check(number: str) -> bool:
    """Whether twelve digits end in the remainder of the others by seven (7DR), as Yamato's and Sagawa's do."""
    return len(number) == 12 and number.isdecimal() and int(number[:-1]) % 7 == int(number[-1])


def with_seven_check(digits: str) -> str:
    """Eleven digits with their check digit behind."""
    return f"{digits}{int(digits) % 7}"


def fault_of_number(number: str, carrier: str) -> str:
    """Why this is no tracking number of that carrier, however it is written; nothing for one that may be."""
    if not number:
        return _("There is no tracking number in this row.")
    known = known_carrier(carrier)
    if known is None:
        told = _("A tracking number has 4 to 40 letters, digits and hyphens, digits among them: %(text)s")
        return "" if OTHERS.fullmatch(number) else told % {"text": number}
    if known.code == Carrier.JAPAN_POST and POSTAL.fullmatch(number):
        return ""
    if not number.isascii() or not number.isdecimal():
        return _("A tracking number of this carrier has digits only: %(text)s") % {"text": number}
    if known.code in SEVEN_CHECKED:
        if len(number) != 12:
            return _("A tracking number of this carrier has 12 digits: %(text)s") % {"text": number}
        if not has_seven_check(number):
            return _("The check digit is wrong: %(text)s") % {"text": number}
    elif known.code == Carrier.JAPAN_POST and not 11 <= len(number) <= 13:
        return _("A tracking number of Japan Post has 11 to 13 digits, or is like EG123456789JP: %(text)s") % {
            "text": number
        }
    return ""


def refuse_bad_number(text: str, carrier: str) -> str:
    """The number as it is kept, in ordinary letters and digits; an empty one stays empty. Raises InvalidInput."""
    number = plain(text)
    if number and (fault := fault_of_number(number, carrier)):
        raise InvalidInput([Problem("/tracking_number", "no_tracking_number", fault)])
    return number
