"""One cell, one value: dates in Japanese forms, full-width digits, words for yes and no; and how a value is written into a cell.

What a spreadsheet would take for a formula, in full width too, goes out behind an apostrophe and comes back without it, so that nothing is ever run
and nothing lost.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db import models
from django.utils import translation
from django.utils.translation import gettext

from erp.core.clock import TOKYO

YES = {"1", "true", "yes", "y", "はい", "有", "有効", "○", "〇", "◯", "する", "on"}
NO = {"0", "false", "no", "n", "いいえ", "無", "無効", "×", "✕", "しない", "off", "-"}
# The first Gregorian year of each era, less one.
ERAS = {
    "明治": 1867,
    "m": 1867,
    "大正": 1911,
    "t": 1911,
    "昭和": 1925,
    "s": 1925,
    "平成": 1988,
    "h": 1988,
    "令和": 2018,
    "r": 2018,
}
FIRST_DAY, LAST_DAY = dt.date(1900, 1, 1), dt.date(2199, 12, 31)
# Days of a spreadsheet since its day 0; between 1954 and 2119 a five-digit number is nothing else in a date column.
SERIAL_DAY_ZERO, SERIALS = dt.date(1899, 12, 30), range(20_000, 80_001)
_FORMULA = re.compile(r"'*[=+\-@＝＋－＠\t\r]")
_APOSTROPHES = re.compile(r"'+[=+\-@＝＋－＠\t\r]")
_ROUNDED = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?E\+?[0-9]+", re.IGNORECASE)


class BadValue(ValueError):
    """Why a cell holds no value of its column, for people."""


def neutral(text: str) -> str:
    """``text`` as a spreadsheet shows it instead of running it."""
    return f"'{text}" if _FORMULA.match(text) else text


def as_typed(cell: str) -> str:
    """What ``neutral`` was given. Other cells lose the spaces around them, as in a form."""
    return cell[1:] if _APOSTROPHES.match(cell) else cell.strip()


def shortened(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}…"


def parse(
    field: models.Field[Any, Any],
    text: str,
    *,
    is_code: bool = False,
    words: Mapping[str, tuple[str, ...]] | None = None,
) -> Any:
    """The value of a cell that is not empty; ``words`` are further names of its choices. Raises BadValue."""
    if field.choices:
        return _choice(field, text, words or {})
    if isinstance(field, models.BooleanField):
        return _truth(text)
    if isinstance(field, models.DateTimeField):
        return _moment(text)
    if isinstance(field, models.DateField):
        return _date(text)
    if isinstance(field, models.DecimalField):
        return _amount(field, text)
    if isinstance(field, models.IntegerField):
        return _whole(text)
    return word(text, is_code=is_code)


def word(text: str, *, is_code: bool) -> str:
    """Text; a code in ordinary width. Raises BadValue for what no text of ours holds."""
    if is_code:
        if _ROUNDED.fullmatch(text.strip()) and "e" in text.lower():
            raise BadValue(gettext("A spreadsheet rounded this code: %(text)s") % {"text": shortened(text)})
        text = "".join(unicodedata.normalize("NFKC", sign) if _is_wide(sign) else sign for sign in text)
    if bad := next((sign for sign in text if unicodedata.category(sign) == "Cc"), None):
        raise BadValue(gettext("The cell contains a control character (%(sign)s).") % {"sign": f"U+{ord(bad):04X}"})
    return text


def told(field: models.Field[Any, Any], value: Any) -> str:
    """A value as it stands in files and on pages; an empty text for nothing. What this tells, ``parse`` reads."""
    if value is None:
        return ""
    if field.choices:
        return str(dict(field.flatchoices).get(value, value))
    if isinstance(value, bool):
        return "はい" if value else "いいえ"
    if isinstance(value, dt.datetime):
        return f"{value.astimezone(TOKYO):%Y-%m-%d %H:%M:%S}"
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return str(value)


def _is_wide(sign: str) -> bool:
    return "！" <= sign <= "～" or sign == "　"


def _narrow(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip()


def _choice(field: models.Field[Any, Any], text: str, words: Mapping[str, tuple[str, ...]]) -> Any:
    sought = _narrow(text).lower()
    for value, names in words.items():
        if sought in names:
            return value
    for language in ("ja", "en"):
        with translation.override(language):
            for value, label in field.flatchoices:
                if sought in (str(value).lower(), _narrow(str(label)).lower()):
                    return value
    allowed = "、".join(str(label) for _value, label in field.flatchoices)
    raise BadValue(gettext("“%(text)s” is none of: %(allowed)s") % {"text": shortened(text), "allowed": allowed})


def _truth(text: str) -> bool:
    sought = _narrow(text).lower()
    if sought in YES:
        return True
    if sought in NO:
        return False
    raise BadValue(gettext("Neither yes nor no: %(text)s (write はい or いいえ)") % {"text": shortened(text)})


def _date(text: str) -> dt.date:
    plain = re.sub(r"\s", "", _narrow(text)).lower()
    # A moment at midnight is how spreadsheets hand out a day.
    plain = re.sub(r"(?<=[0-9])t?00:00(:00)?$", "", plain) if ":" in plain else plain
    try:
        day = _western(plain) or _japanese(plain) or _serial(plain)
    except ValueError:
        day = None
    if day is None or not FIRST_DAY <= day <= LAST_DAY:
        raise BadValue(gettext("Not a date: %(text)s") % {"text": shortened(text)})
    return day


def _western(plain: str) -> dt.date | None:
    parts = re.fullmatch(r"([0-9]{4})[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?", plain) or re.fullmatch(
        r"([0-9]{4})([0-9]{2})([0-9]{2})", plain
    )
    return dt.date(*(int(part) for part in parts.groups())) if parts else None


def _japanese(plain: str) -> dt.date | None:
    """Years of an era. One that ran on after its last day is read as people write it: 平成31年5月1日 is a day."""
    parts = re.fullmatch(
        r"(明治|大正|昭和|平成|令和|[mtshr])\.?(元|[0-9]{1,2})[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?", plain
    )
    if not parts:
        return None
    year = 1 if parts[2] == "元" else int(parts[2])
    return dt.date(ERAS[parts[1]] + year, int(parts[3]), int(parts[4])) if year else None


def _serial(plain: str) -> dt.date | None:
    parts = re.fullmatch(r"([0-9]{5})(\.0+)?", plain)
    return SERIAL_DAY_ZERO + dt.timedelta(days=int(parts[1])) if parts and int(parts[1]) in SERIALS else None


def _moment(text: str) -> dt.datetime:
    plain = _narrow(text)
    day, _space, clock = plain.replace("T", " ").partition(" ")
    parts = re.fullmatch(r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?", clock.strip() or "0:00")
    try:
        hours = dt.time(int(parts[1]), int(parts[2]), int(parts[3] or 0)) if parts else None
    except ValueError:
        hours = None
    if hours is None:
        raise BadValue(gettext("Not a date with a time: %(text)s") % {"text": shortened(text)})
    return dt.datetime.combine(_date(day), hours, tzinfo=TOKYO).astimezone(dt.UTC)


def _amount(field: models.DecimalField[Any, Any], text: str) -> Decimal:
    plain = re.sub(r"[,¥\\円%\s]", "", _narrow(text)).replace("▲", "-").replace("△", "-").replace("−", "-")
    try:
        amount = Decimal(plain)
        fits = "_" not in plain and len(plain) <= 40 and amount.is_finite()
    except InvalidOperation:
        fits = False
    if not fits:
        raise BadValue(gettext("Not an amount: %(text)s") % {"text": shortened(text)})
    places = field.decimal_places or 0
    try:
        rounded = round(amount, places)
    except InvalidOperation:
        raise BadValue(gettext("The amount is too large: %(text)s") % {"text": shortened(text)}) from None
    if rounded != amount:
        raise BadValue(
            gettext("%(text)s has more than %(places)d decimal places.") % {"text": shortened(text), "places": places}
        )
    return rounded


def _whole(text: str) -> int:
    plain = re.sub(r"[,\s]", "", _narrow(text))
    plain = re.sub(r"\.0+$", "", plain)
    # Python itself refuses to read a number of thousands of digits, so the length is looked at first.
    if not re.fullmatch(r"-?[0-9]{1,18}", plain):
        raise BadValue(gettext("Not a whole number: %(text)s") % {"text": shortened(text)})
    return int(plain)
