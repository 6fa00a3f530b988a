"""Papers as PDF: a typst template of ``templates/pdf``, and data.

Data reach the template as one JSON text (``house.typ`` reads it as ``data``); no text of a person is ever part of a template. The fonts in
``fonts/`` are all there are, the same on every machine, and each paper embeds the glyphs it uses. A character that they lack is never a
silent blank: 〓 stands for it, and the paper says below which one it is.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

import typst
from django.conf import settings
from fontTools.ttLib import TTFont

GETA = "〓"
"""What printers set for a character they do not have."""

TEMPLATES = settings.BASE_DIR / "templates" / "pdf"
FONTS = settings.BASE_DIR / "fonts" / "noto-sans-jp"


@dataclass(frozen=True, slots=True)
class Paper:
    """A finished PDF. ``missing`` are the characters for which it shows 〓, each once."""

    content: bytes
    missing: tuple[str, ...]


def render(template: str, data: Mapping[str, Any], *, at: dt.datetime) -> Paper:
    """Print ``data`` with the template of that name. The same data at the same moment give the same bytes.

    Amounts and dates may stay ``Decimal`` and ``date``: amounts are written with thousands parted, dates as 2026年11月27日.
    The result is PDF/A-2u, so it is kept like any book: fonts inside, every letter can be searched.
    """
    missing: dict[str, None] = {}
    shown = _printable(data, missing)
    notes = [f"U+{ord(letter):04X} {unicodedata.name(letter, '')}".rstrip() for letter in missing]
    inputs = {"data": json.dumps({**shown, "missing": notes}, ensure_ascii=False)}
    path = TEMPLATES / f"{template}.typ"
    # A PDF knows whole seconds.
    printed_at = at.replace(microsecond=0)
    content = typst.compile(
        path,
        root=TEMPLATES,
        font_paths=_fonts(),
        sys_inputs=inputs,
        format="pdf",
        timestamp=printed_at,
        pdf_standards="a-2u",
    )
    assert isinstance(content, bytes)
    return Paper(content, tuple(missing))


@cache
def _fonts() -> typst.Fonts:
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(FONTS)])


@cache
def _covered() -> frozenset[int]:
    """The characters that all weights have."""
    letters: list[frozenset[int]] = []
    for path in FONTS.glob("*.ttf"):
        with TTFont(path, lazy=True) as font:
            letters.append(frozenset(font.getBestCmap()))
    return letters[0].intersection(*letters[1:])


_LINE_ENDS = re.compile("\r\n|[\r\u2028\u2029\x0b\x0c\x85]")


def _printable(value: Any, missing: dict[str, None]) -> Any:
    """The same data as JSON has it, with texts that the fonts can show."""
    match value:
        case str():
            return "".join(_shown(letter, missing) for letter in _LINE_ENDS.sub("\n", value).replace("\t", " "))
        case None | bool() | int():
            return value
        case Decimal():
            return f"{value.normalize():,f}"
        case dt.date() if not isinstance(value, dt.datetime):
            return f"{value.year}年{value.month}月{value.day}日"
        case Mapping():
            return {str(key): _printable(item, missing) for key, item in value.items()}
        case list() | tuple():
            return [_printable(item, missing) for item in value]
        case _:
            raise AssertionError(f"a paper cannot show {type(value).__name__}; say how")


def _shown(letter: str, missing: dict[str, None]) -> str:
    if ord(letter) in _covered() or letter == "\n":
        return letter
    if _is_invisible(letter):
        # A variation selector names the form of the letter before it; the other ones only say where a line may break.
        return letter if unicodedata.name(letter, "").startswith("VARIATION SELECTOR") else ""
    missing[letter] = None
    return GETA


def _is_invisible(letter: str) -> bool:
    return unicodedata.category(letter) in {"Cc", "Cf"} or unicodedata.name(letter, "").startswith("VARIATION SELECTOR")
