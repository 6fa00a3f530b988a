"""How label software wants its rows: cp932, so many bytes a field, no letter that is not in it. Every fault names the field."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from erp.core.errors import Problem
from erp.core.identifiers import national_phone

# Signs that are the same to people and that cp932 has under another code only.
_SAME = str.maketrans(
    {"〜": "～", "−": "－", "—": "―", "‖": "∥", "¢": "￠", "£": "￡", "¬": "￢", "‐": "－", "–": "－", "\u00a0": " "}
)
# Variants that cp932 lacks, and the form that carriers print for them. What is in cp932 (髙, 﨑, 邉) stays.
_VARIANTS = str.maketrans(
    {"𠮷": "吉", "𠮟": "叱", "塡": "填", "剝": "剥", "頰": "頬", "𩸽": "ホッケ", "𦥑": "臼", "㐂": "喜", "槗": "橋"}
)


@dataclass(slots=True)
class Row:
    """One label being written: cells by name, and the faults found on the way. ``order_number`` names it to people."""

    order_number: str
    number: str
    cells: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def put(self, name: str, text: str, *, most: int, needed: bool = False) -> None:
        """A field of at most ``most`` bytes. What does not fit is a fault, never cut off silently."""
        text = self._plain(name, text)
        if needed and not text.strip():
            self.fault(name, "required", _("is missing"))
        elif len(text.encode("cp932", "replace")) > most:
            told = _("has %(bytes)d bytes, at most %(most)d fit: %(text)s")
            self.fault(
                name, "too_long", told % {"bytes": len(text.encode("cp932", "replace")), "most": most, "text": text}
            )
        self.cells[name] = text

    def spread(self, names: Sequence[str], text: str, *, most: int, needed: bool = False) -> None:
        """A long text over several fields of ``most`` bytes each; a letter is never torn."""
        text = self._plain(names[0], text)
        parts = split(text, most)
        if needed and not text.strip():
            self.fault(names[0], "required", _("is missing"))
        if len(parts) > len(names):
            told = _("is too long for %(count)d fields of %(most)d bytes: %(text)s")
            self.fault(names[0], "too_long", told % {"count": len(names), "most": most, "text": text})
        self.cells |= dict(zip(names, parts, strict=False))

    def phone(self, name: str, text: str, *, most: int) -> None:
        """The number that the carrier calls, as it is dialled in Japan."""
        number = national_phone(text)
        if text.strip() and number is None:
            self.fault(name, "not_japanese", _("is no telephone number of Japan: %(text)s") % {"text": text.strip()})
        else:
            self.put(name, number or "", most=most, needed=True)

    def fault(self, name: str, code: str, detail: str) -> None:
        self.problems.append(Problem(f"{self.order_number} {self.number}", code, f"{name}: {detail}"))

    def _plain(self, name: str, text: str) -> str:
        text = text.translate(_SAME).translate(_VARIANTS)
        text = "".join(letter for letter in text if unicodedata.category(letter) not in ("Cc", "Cf", "Mn"))
        if strange := [letter for letter in dict.fromkeys(text) if not _is_known(letter)]:
            self.fault(
                name,
                "not_in_cp932",
                _("has letters that the carrier cannot print: %(letters)s") % {"letters": " ".join(strange)},
            )
        return text


def split(text: str, most: int) -> list[str]:
    """Parts of at most ``most`` bytes of cp932 each."""
    parts, size = [""], 0
    for letter in text:
        width = len(letter.encode("cp932", "replace"))
        if size + width > most:
            parts, size = [*parts, ""], 0
        parts[-1] += letter
        size += width
    return [part for part in parts if part]


def if_fits(text: str, most: int) -> str:
    """What is good to have on a label and nothing is lost without; nothing where it does not fit."""
    return text if len(text.encode("cp932", "replace")) <= most else ""


def wide(text: str) -> str:
    """In full width, as fields that count letters want it."""
    shifted = "".join(chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else letter for letter in text)
    return (
        unicodedata.normalize("NFKC", shifted).translate(_WIDE)
        if re.search("[｡-ﾟ]", shifted)
        else shifted.replace(" ", "\u3000")
    )


_WIDE = {code: code + 0xFEE0 for code in range(0x21, 0x7F)} | {0x20: 0x3000}


def digits(text: str) -> str:
    """A phone number or code as digits and hyphens of ordinary width."""
    plain = unicodedata.normalize("NFKC", text)
    return re.sub(r"[^0-9-]", "", re.sub("[‐‑‒–—―−ー]", "-", plain))


def as_csv(rows: Iterable[Sequence[str]]) -> bytes:
    """cp932, CRLF, every cell quoted, so that leading zeros are seen to be text."""
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode("cp932", "replace")


def _is_known(letter: str) -> bool:
    try:
        letter.encode("cp932")
    except UnicodeEncodeError:
        return False
    return True
